"""A context of a snapshot as ``run`` and ``repl`` use it: with a console, and an eye on rejected promises."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

import v8snap
from v8snap.cli import top_level_await
from v8snap.cli.common import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from v8snap.cli.event_loop import EventLoop

__all__ = ["Session", "externals_option", "opened"]

#: Levels of the console that Node.js, too, writes to standard error.
TO_STANDARD_ERROR = ("warn", "error", "trace")


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


class Session:
    """A context, and how input is run in it."""

    def __init__(self, context: v8snap.Context) -> None:
        self.context = context
        self.rejections: list[BaseException] = []
        self._wrapped: set[str] = set()
        context.isolate.on_unhandled_rejection = self._rejected

    def evaluate(self, source: str, name: str) -> Any:
        """The value of JavaScript; ``await`` may stand at its top level. Raises as `Context.eval`."""
        with self._places_as_typed():
            if not top_level_await.is_used(self.context, source):
                return self._evaluate_script(source, name)
            self._wrapped.add(name)
            return self.context.eval(top_level_await.wrapped(self.context, source), name)

    def _evaluate_script(self, source: str, name: str) -> Any:
        try:
            return self.context.eval(source, name)
        except v8snap.JSError as error:
            # V8 complains of the `await`, while it is something else that is wrong.
            found = top_level_await.complaint(self.context, source, name) if _is_about_await(error) else None
            raise found or error from None

    async def evaluate_async(self, source: str, name: str) -> Any:
        """The same on an asyncio loop, waiting for what is awaited at the top level."""
        value = self.evaluate(source, name)
        with self._places_as_typed():
            return await value if name in self._wrapped else value

    @contextlib.contextmanager
    def _places_as_typed(self) -> Iterator[None]:
        try:
            yield
        except v8snap.JSError as error:
            raise self.as_typed(error) from None

    def as_typed(self, error: BaseException) -> BaseException:
        """Lines of what was put into a function are those that were typed."""
        if isinstance(error, v8snap.JSError):
            for name in self._wrapped:
                top_level_await.unwrap_places(error, name)
        return error

    def _rejected(self, error: BaseException) -> None:
        self.rejections.append(self.as_typed(error))

    def shown(self, value: Any) -> str:
        """A value as Node.js would print it in its REPL."""
        self.context.isolate._add_host(self.context, ["inspect"])
        return str(self.context._call_host("inspect")(value))


def _is_about_await(error: v8snap.JSError) -> bool:
    return error.name == "SyntaxError" and error.message.startswith("await is only valid")


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
    session = Session(isolate.new_context(which, host=host))
    if not _has_own_console(session.context):
        isolate._add_host(session.context, ["console"])
    if not _has_own_timers(session.context):
        isolate._add_host(session.context, ["timers"])
    return session


def _has_own_console(context: v8snap.Context) -> bool:
    """Whether scripts of the snapshot made one: V8's own prints nothing."""
    try:
        is_v8s = context.eval("`${Object.getOwnPropertyDescriptor(console, 'log').value}`", "<v8snap>")
    except v8snap.JSError:  # something else than an ordinary console
        return True
    return "[native code]" not in is_v8s


def _has_own_timers(context: v8snap.Context) -> bool:
    """Whether the snapshot has timers of any kind."""
    names = "['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']"
    return bool(context.eval(f"{names}.some((name) => name in globalThis)", "<v8snap>"))
