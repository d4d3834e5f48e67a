"""What several commands have in common: their options, and how they open a snapshot."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from v8snap import file_format
from v8snap.host import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

    from v8snap.startup_data import StartupData

__all__ = [
    "FILE",
    "context_option",
    "echo",
    "host_option",
    "json_option",
    "key_option",
    "load",
    "print_json",
    "snapshot_argument",
    "timeout_option",
]

Command = TypeVar("Command", bound="Callable[..., Any]")

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _context_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For the shell: names of the contexts of the snapshot that the line has already."""
    from click.shell_completion import CompletionItem

    path = ctx.params.get("snapshot") or next(iter(ctx.args), "")  # click hasn't taken it from an unfinished line
    try:
        header, _blob = file_format.read_file(path, None, map_file=True)
    except Exception:  # a line that isn't finished is no error
        return []
    return [CompletionItem(name) for name in header["context_names"] or () if name and name.startswith(incomplete)]


snapshot_argument = click.argument("snapshot", type=FILE, metavar="SNAPSHOT")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
key_option = click.option(
    "--sign-key-file", "key_file", type=FILE, help="The snapshot's file is signed with these bytes, by HMAC-SHA256."
)
context_option = click.option(
    "--context", "-c", metavar="NAME", shell_complete=_context_names, help="An added context instead of the default."
)
timeout_option = click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Stop JavaScript that takes longer."
)


def host_option(text: str) -> Callable[[Command], Command]:
    """``--host NAME``, once for each host object."""
    return click.option("--host", multiple=True, type=click.Choice(NAMES), metavar="NAME", help=text)


def read_key(path: Path | None) -> bytes | None:
    """A key file's bytes, all of them. An empty one is wrong usage."""
    key = None if path is None else path.read_bytes()
    if key == b"":
        raise click.BadParameter(f"{path} is empty", param_hint="--sign-key-file")
    return key


def load(path: Path, key_file: Path | None) -> StartupData:
    """A snapshot's file, checked; raises as `StartupData.load`."""
    from v8snap.startup_data import StartupData

    return StartupData.load(path, key=read_key(key_file))


def echo(text: str, *, error: bool = False) -> None:
    """Write a line of JavaScript's: lone surrogates, which no encoding has, as replacement characters."""
    stream = sys.stderr if error else sys.stdout
    encoding = stream.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding), file=stream)


def print_json(data: Any) -> None:
    """Write JSON to standard output."""
    click.echo(json.dumps(data, indent=2))
