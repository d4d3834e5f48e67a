"""Promises and asyncio: what is awaited, and awaitables that become promises."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import logging
import weakref
from typing import TYPE_CHECKING, Any

from v8snap import _v8, errors
from v8snap.errors import ClosedError, JSTimeoutError, V8SnapError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from v8snap._v8 import Context, Isolate, JSPromise

__all__ = ["eval_async", "promise_for", "report_rejection", "wait"]


class _Call:
    """One `eval_async`: the loop it belongs to, and the tasks that JavaScript has started in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.tasks: set[asyncio.Future[Any]] = set()

    async def cancel_tasks(self) -> None:
        tasks = [task for task in self.tasks if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


#: The `eval_async` that Python code called by JavaScript is in, also in its thread.
_call: contextvars.ContextVar[_Call | None] = contextvars.ContextVar("v8snap_call", default=None)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def current_loop() -> asyncio.AbstractEventLoop | None:
    """The loop of the `eval_async` that is around, or else the one that runs in this thread."""
    call = _call.get()
    return _running_loop() if call is None else call.loop


class _Pump:
    """Runs what V8 has queued for an isolate, as long as somebody on the loop waits for a promise of it."""

    LEAST_PAUSE, MOST_PAUSE = 0.001, 0.05  # seconds

    def __init__(self, isolate: Isolate, loop: asyncio.AbstractEventLoop) -> None:
        self._isolate = weakref.ref(isolate)
        self.loop = loop
        self._waiting = 0
        self._pause = self.LEAST_PAUSE
        self._handle: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._waiting += 1
        self._pause = self.LEAST_PAUSE
        if self._handle is None:
            self._handle = self.loop.call_later(self._pause, self._turn)

    def __exit__(self, *exc_info: object) -> None:
        self._waiting -= 1
        if self._waiting == 0 and self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _turn(self) -> None:
        self._handle = None
        isolate = self._isolate()
        if isolate is None or isolate.closed or not self._waiting:
            return
        working = not isolate._busy and isolate.run_pending_tasks(wait=0)
        self._pause = self.LEAST_PAUSE if working else min(2 * self._pause, self.MOST_PAUSE)
        if self._waiting and self._handle is None:
            self._handle = self.loop.call_later(self._pause, self._turn)


_pumps: weakref.WeakKeyDictionary[Isolate, _Pump] = weakref.WeakKeyDictionary()


def _pump(isolate: Isolate, loop: asyncio.AbstractEventLoop) -> _Pump:
    pump = _pumps.get(isolate)
    if pump is None or pump.loop is not loop:
        pump = _pumps[isolate] = _Pump(isolate, loop)
    return pump


async def wait(promise: JSPromise) -> Any:
    """Wait until `promise` is settled; its value, or what it was rejected with is raised."""
    if promise.state == "pending":
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def settled(*_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_wake, future)

        promise._when_settled(settled)
        with _pump(promise._isolate, loop):
            await future
    return promise.result()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def promise_for(context: Context, awaitable: Awaitable[Any]) -> JSPromise:
    """A promise of `context` that settles as `awaitable` does, on the loop of the `eval_async` around or that runs."""
    call = _call.get()
    running = _running_loop()
    loop = current_loop()
    if loop is None:
        if hasattr(awaitable, "close"):
            awaitable.close()  # a coroutine that nobody will await
        raise errors.ConversionError(
            "an awaitable becomes a promise where an asyncio loop runs: call JavaScript from a coroutine"
        )
    promise = context._new_promise()

    def start() -> None:
        task = asyncio.ensure_future(awaitable, loop=loop)
        if call is not None:
            call.tasks.add(task)
            task.add_done_callback(call.tasks.discard)
        task.add_done_callback(functools.partial(_settle_soon, promise))

    if running is loop:
        start()
    else:
        loop.call_soon_threadsafe(start)
    return promise


def _settle_soon(promise: JSPromise, task: asyncio.Future[Any]) -> None:
    """Settle it now, or in another thread where the isolate is in use: the loop doesn't wait for JavaScript."""
    if promise.closed:
        _ = task.cancelled() or task.exception()  # so that asyncio knows it was looked at
        return
    if promise._isolate._busy:
        task.get_loop().run_in_executor(None, _settle, promise, task)
    else:
        _settle(promise, task)
        # Once nothing here has the promise any more: nobody may handle its rejection.
        task.get_loop().call_soon(_visit, promise._isolate)


def _visit(isolate: Isolate) -> None:
    if not isolate.closed and not isolate._busy:
        isolate._visit()


def _settle(promise: JSPromise, task: asyncio.Future[Any]) -> None:
    with contextlib.suppress(ClosedError):
        error: BaseException | None = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            try:
                promise._resolve(task.result())
            except V8SnapError as failed:
                error = failed
        if error is not None:
            promise._reject(error)


async def eval_async(context: Context, source: str, name: str, timeout: float | None) -> Any:
    """See `Context.eval_async`."""
    loop = asyncio.get_running_loop()
    call = _Call(loop)
    token = _call.set(call)
    try:
        async with asyncio.timeout(timeout) as limit:
            result = await _run(context, functools.partial(context.eval, source, name, timeout=timeout))
            return await wait(result) if isinstance(result, _v8.JSPromise) else result
    except asyncio.CancelledError:
        await call.cancel_tasks()
        raise
    except TimeoutError as error:
        await call.cancel_tasks()
        if isinstance(error, JSTimeoutError) or not limit.expired():
            raise
        raise JSTimeoutError("the script, or what it awaits, took longer than its timeout") from None
    finally:
        _call.reset(token)


async def _run(context: Context, run: functools.partial[Any]) -> Any:
    """Run it in another thread, where it is terminated if this is cancelled."""
    if context.isolate._is_creators:
        return run()
    stop = _Stop()

    def work() -> Any:
        stop.thread = _v8._thread_number()
        return None if stop.wanted else run()

    loop = asyncio.get_running_loop()
    running = loop.run_in_executor(None, contextvars.copy_context().run, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await stop.now(context.isolate, running)
        raise


class _Stop:
    """Stops what runs in another thread, also where it has yet to get its turn."""

    thread = 0
    wanted = False

    async def now(self, isolate: Isolate, running: asyncio.Future[Any]) -> None:
        """Return when it has ended."""
        self.wanted = True
        while not running.done():
            if self.thread:
                with contextlib.suppress(V8SnapError):
                    isolate._terminate_thread(self.thread)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running], timeout=0.01)
        if not running.cancelled():
            running.exception()


def report_rejection(error: BaseException) -> None:
    """Say that a promise was rejected with `error` and nobody handled it, as asyncio says such things."""
    message = "a JavaScript promise was rejected, and nobody handles it"
    loop = current_loop()
    if loop is not None and not loop.is_closed():
        loop.call_soon_threadsafe(loop.call_exception_handler, {"message": message, "exception": error})
    else:
        logging.getLogger("v8snap").error(message, exc_info=error)
