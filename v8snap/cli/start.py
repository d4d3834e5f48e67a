"""How ``run`` and ``repl`` start from a snapshot: ``--external``, and where the console writes."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

import v8snap
from v8snap.cli.common import echo
from v8snap.interactive.session import TO_STANDARD_ERROR, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from v8snap.cli.event_loop import EventLoop
    from v8snap.interactive.session import Session

__all__ = ["externals_option", "opened"]


def _externals(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, Callable[..., Any]]:
    """NAME=MODULE:FUNCTION; modules are also looked for in the current folder, as by ``python -m``."""
    functions: dict[str, Callable[..., Any]] = {}
    for value in values:
        found = re.fullmatch(r"([^=]+)=([\w.]+):([\w.]+)", value)
        if not found:
            raise click.BadParameter(f"{value!r} is not NAME=MODULE:FUNCTION", ctx, parameter)
        name, module, path = found.groups()
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        try:
            function: Any = importlib.import_module(module)
            for part in path.split("."):
                function = getattr(function, part)
        except (ImportError, AttributeError) as error:
            raise click.BadParameter(str(error), ctx, parameter) from None
        if not callable(function):
            raise click.BadParameter(f"{module}:{path} is not callable", ctx, parameter)
        functions[name] = function
    return functions


externals_option = click.option(
    "--external",
    "externals",
    multiple=True,
    metavar="NAME=MODULE:FUNCTION",
    callback=_externals,
    help="A Python function that the snapshot calls by this name. Those not given raise when they are called.",
)


def _missing(name: str) -> Callable[..., NoReturn]:
    def missing(*_: object) -> NoReturn:
        raise v8snap.ExternalReferenceError(f"{name} is a Python function: give --external {name}=MODULE:FUNCTION")

    return missing


def write_console(level: str, message: str) -> None:
    """Where the session's console writes."""
    echo(message, error=level in TO_STANDARD_ERROR)


@contextlib.contextmanager
def opened(
    loop: EventLoop,
    blob: v8snap.StartupData,
    *,
    context: str | None = None,
    host: Iterable[str] = (),
    externals: dict[str, Callable[..., Any]] | None = None,
    timeout: float | None = None,
    console: Callable[[str, str], object] = write_console,
) -> Iterator[Session]:
    """Start an isolate from a snapshot, with a context that has a console and timers. Raises as `Isolate`."""
    functions = {name: _missing(name) for name in blob.external_references} | (externals or {})
    with v8snap.Isolate(blob, external_references=functions, timeout=timeout, console=console) as isolate:
        yield loop.run(_session(isolate, context, host))


async def _session(isolate: v8snap.Isolate, which: str | None, host: Iterable[str]) -> Session:
    """On the loop: timers that wait in the snapshot belong to the loop that runs when the context is made."""
    return start(isolate, which, host)
