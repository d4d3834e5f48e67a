"""``async for`` over JavaScript's iterables, and Python's asynchronous ones in JavaScript's ``for await``."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING, Any, cast

from v8snap import _v8, errors, promises
from v8snap.values import undefined

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable

    from v8snap._v8 import Context, JSObject, JSPromise

__all__ = ["iterable_for", "iterate"]


def iterate(context: Context, start: Callable[[], tuple[JSObject, bool]]) -> AsyncGenerator[Any]:
    """What a JavaScript iterator gives, each awaited; it is closed where Python stops early.

    `start` gives the iterator, and whether it gives promises of steps. If not, it gives steps with values that may be
    promises. Where the loop can't use the isolate now, it is asked with the first step.
    """
    if promises.is_free(context.isolate):
        started = start()
        return _iterate(context, lambda: started)
    return _iterate(context, start)


async def _iterate(context: Context, start: Callable[[], tuple[JSObject, bool]]) -> AsyncGenerator[Any]:
    isolate = context.isolate
    iterator, is_async = await promises.ask(isolate, start)
    if not isinstance(iterator, _v8.JSObject):
        raise TypeError(f"an iterable gave {iterator!r} in place of an iterator")
    ended = waiting = False
    try:
        while True:
            waiting = True
            step = await promises.ask(isolate, functools.partial(_v8._call_next, iterator))
            if is_async:
                step = await _awaited(context, step)
            if not isinstance(step, _v8.JSObject):
                raise TypeError(f"an iterator gave {step!r} in place of an object with done and value")
            done, value = await promises.ask(isolate, functools.partial(_read, step))
            if done:
                ended = True
                return
            if not is_async:
                value = await _awaited(context, value)
            waiting = False
            yield value
    except (errors.V8SnapError, TypeError):
        ended = waiting  # the iterator's own: it is broken
        raise
    finally:
        if not ended and not iterator.closed:
            await _close(context, iterator, waits=not waiting)


async def _close(context: Context, iterator: JSObject, waits: bool) -> None:
    """Call its ``return()``. Where it is still at work on a step, nobody waits for it."""
    with contextlib.suppress(errors.V8SnapError):
        closing = await promises.ask(context.isolate, functools.partial(_v8._call_return, iterator))
        if waits:
            await _awaited(context, closing)
        elif isinstance(closing, _v8.JSPromise):
            # Its rejection is nobody's matter.
            await promises.ask(context.isolate, lambda: closing._when_settled(lambda *_: None))


async def _awaited(context: Context, value: Any) -> Any:
    """As JavaScript's ``await``, also of what only has a ``then``."""

    def promise_of_it() -> JSPromise:
        promise = context._new_promise()
        promise._resolve(value)
        return promise

    if isinstance(value, _v8.JSObject) and not isinstance(value, _v8.JSPromise):
        value = await promises.ask(context.isolate, promise_of_it)
    return await promises.wait(value) if isinstance(value, _v8.JSPromise) else value


def _read(step: JSObject) -> tuple[Any, Any]:
    """Its ``done`` and, where that isn't true, its ``value``; as in JavaScript no property is as good as undefined."""
    done = step["done"] if "done" in step else False  # noqa: SIM401, it is no dict
    return done, step["value"] if not done and "value" in step else undefined


# ---------------------------------------------------------------- Python to JavaScript

_ITERATOR = "(next, end) => ({ next, return: end, [Symbol.asyncIterator]() { return this; } })"
_ITERABLE = "(start) => ({ [Symbol.asyncIterator]: start })"


def iterable_for(context: Context, source: AsyncIterable[Any]) -> JSObject:
    """An object for ``for await``: an iterator where `source` is one, as asynchronous generators are."""
    if hasattr(source, "__anext__"):
        steps = _Steps(cast("AsyncIterator[Any]", source))
        make, functions = _ITERATOR, [steps.next, steps.end]
    else:
        make, functions = _ITERABLE, [lambda: aiter(source)]
    return cast("JSObject", context._run(make, "v8snap:async_iteration.js")(*functions))


class _Steps:
    """What JavaScript calls of a Python iterator, one call after the other as it expects it."""

    def __init__(self, source: AsyncIterator[Any]) -> None:
        self._source = source
        self._turn = asyncio.Lock()

    async def next(self, *_: object) -> dict[str, Any]:
        async with self._turn:
            try:
                return {"value": await anext(self._source), "done": False}
            except StopAsyncIteration:
                return {"value": undefined, "done": True}

    async def end(self, value: Any = undefined) -> dict[str, Any]:
        async with self._turn:
            close = getattr(self._source, "aclose", None)
            if close is not None:
                await close()
            return {"value": value, "done": True}
