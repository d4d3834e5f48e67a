"""A context in which input is run: with a console, and an eye on rejected promises."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import v8snap
from v8snap.interactive import top_level_await

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["TO_STANDARD_ERROR", "Session", "outcome", "start"]

#: Levels of the console that Node.js, too, writes to standard error.
TO_STANDARD_ERROR = ("warn", "error", "trace")


class Session:
    """A context, and how input is run in it.

    Where it is `rerunnable`, input may declare again what earlier input declared.
    """

    def __init__(self, context: v8snap.Context, *, rerunnable: bool = False) -> None:
        self.context = context
        self.rejections: list[BaseException] = []
        self._rerunnable = rerunnable
        self._wrapped: dict[str, top_level_await.Wrapped] = {}  # by script name
        context.isolate.on_unhandled_rejection = self._rejected

    def awaits(self, source: str) -> bool:
        """Whether ``await`` stands at its top level."""
        return top_level_await.is_used(self.context, source)

    def evaluate(self, source: str, name: str, timeout: float | None = None) -> Any:
        """The value of JavaScript, a promise where it awaits at its top level. Raises as `Context.eval`."""
        __tracebackhide__ = True
        return self._evaluate(source, name, timeout)[0]

    def _evaluate(self, source: str, name: str, timeout: float | None = None) -> tuple[Any, bool]:
        """The value, and whether it is the promise of a source that awaits."""
        __tracebackhide__ = True
        with self._places_as_typed(source, name):
            script, awaits = self._script(source, name)
            return self.context.eval(script, name, timeout=timeout), awaits

    async def evaluate_async(self, source: str, name: str) -> Any:
        """The same on an asyncio loop, waiting for what is awaited at the top level."""
        value, awaits = self._evaluate(source, name)
        with self._places_as_typed():
            return await value if awaits else value

    async def evaluate_in_threads(self, source: str, name: str, timeout: float | None = None) -> Any:
        """The same without holding up the loop; a promise is always waited for. Raises as `Context.eval_async`."""
        with self._places_as_typed(source, name):
            script, _ = self._script(source, name)
            return await self.context.eval_async(script, name, timeout=timeout)

    def _script(self, source: str, name: str) -> tuple[str, bool]:
        """What is run for the source: itself, or a function around it; and whether that awaits."""
        awaits = self.awaits(source)
        if not awaits and not (self._rerunnable and top_level_await.runs_once(self.context, source)):
            return source, awaits
        wrapped = self._wrapped[name] = top_level_await.Wrapped(self.context, source, awaits=awaits)
        return wrapped.script, awaits

    def settled(self, value: Any, timeout: float | None = None) -> Any:
        """What a promise came to; anything else as it is. Timers and all that waits run before, up to `timeout`."""
        with self._places_as_typed():
            if not self.context.run_until_idle(timeout):
                raise v8snap.JSTimeoutError("what the script awaits took longer than its timeout")
            return outcome(value)

    @contextlib.contextmanager
    def _places_as_typed(self, source: str = "", name: str = "") -> Iterator[None]:
        __tracebackhide__ = True
        try:
            yield
        except v8snap.JSError as error:
            # V8 complains of the `await`, while it is something else that is wrong.
            found = top_level_await.complaint(self.context, source, name) if _is_about_await(error) else None
            raise found or self.as_typed(error) from None

    def as_typed(self, error: BaseException) -> BaseException:
        """Lines of what was put into a function are those that were typed."""
        if isinstance(error, v8snap.JSError):
            for name, wrapped in self._wrapped.items():
                wrapped.unwrap_places(error, name)
        return error

    def _rejected(self, error: BaseException) -> None:
        self.rejections.append(self.as_typed(error))

    def shown(self, value: Any) -> str:
        """A value as Node.js would print it in its REPL."""
        self.context.isolate._add_host(self.context, ["inspect"])
        return str(self.context._call_host("inspect")(value))


def outcome(value: Any) -> Any:
    """What a promise came to after all that waits has run; anything else as it is.

    Raises what it was rejected with, or `PromisePendingError`.
    """
    if not isinstance(value, v8snap.JSPromise):
        return value
    if value.state == "pending":
        raise v8snap.PromisePendingError("the promise never settles: nothing is left to run")
    return value.result()


def start(
    isolate: v8snap.Isolate, which: str | None = None, host: Iterable[str] = (), *, rerunnable: bool = False
) -> Session:
    """A new context with console and timers: those of the snapshot, or ours. Raises as `Isolate.new_context`."""
    session = Session(isolate.new_context(which, host=host), rerunnable=rerunnable)
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


def _is_about_await(error: v8snap.JSError) -> bool:
    return error.name == "SyntaxError" and error.message.startswith("await is only valid")
