"""``v8snap run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import v8snap
from v8snap.cli import failures
from v8snap.cli.common import (
    context_option,
    echo,
    host_option,
    json_option,
    key_option,
    load,
    snapshot_argument,
    timeout_option,
)
from v8snap.cli.event_loop import event_loop
from v8snap.cli.start import externals_option, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from v8snap.interactive.session import Session

__all__ = ["command"]


@click.command("run")
@snapshot_argument
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--eval", "-e", "expression", metavar="EXPR", help="JavaScript, whose value is printed.")
@context_option
@host_option("A host object that is not in the snapshot, besides the console and timers, which are always there.")
@externals_option
@timeout_option
@key_option
@json_option
def command(
    snapshot: Path,
    file: Path | None,
    expression: str | None,
    context: str | None,
    host: tuple[str, ...],
    externals: dict[str, Callable[..., Any]],
    timeout: float | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Start from a snapshot and run JavaScript in it: a FILE, - for standard input, or an expression.

    The value of an expression is printed, that of a promise once it is settled; undefined isn't. await may stand at the
    top level, and functions of Python may be async. The console writes to standard output and standard error.

    Example: v8snap run app.v8snap -e "render({user: 'Ada'})"
    """
    if (file is None) == (expression is None):
        raise click.UsageError("give a FILE or -e EXPR")
    if as_json and expression is None:
        raise click.UsageError("--json prints the value of -e EXPR")
    blob = load(snapshot, key_file)
    with (
        event_loop() as loop,
        opened(loop, blob, context=context, host=host, externals=externals, timeout=timeout) as session,
    ):
        if expression is None:
            assert file is not None
            name, source = _read(file)
            loop.run(loop.settled(session, source, name))
        else:
            value = loop.run(loop.settled(session, expression, "<eval>"))
            _print(session, value, as_json)
    for error in session.rejections:
        failures.show(error)
    sys.exit(failures.exit_code(session.rejections[0]) if session.rejections else 0)


def _read(file: Path) -> tuple[str, str]:
    """Name and source."""
    if str(file) == "-":
        if sys.stdin is None:
            raise click.UsageError("standard input is closed")
        return "<stdin>", sys.stdin.read()
    from v8snap.builder import read_source

    return file.name, read_source(file)


def _print(session: Session, value: Any, as_json: bool) -> None:
    if as_json:
        text = session.context.eval("(value) => JSON.stringify(value, null, 2)", "<v8snap>")(value)
        echo(text if isinstance(text, str) else "null")
    elif isinstance(value, str):
        echo(value)
    elif value is not v8snap.undefined:
        echo(session.shown(value))
