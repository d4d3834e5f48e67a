"""Promises and asyncio: what is awaited, and awaitables that become promises."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
import functools
import logging
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from v8snap import _v8, errors, time_limit
from v8snap.errors import STOPPED, ClosedError, JSTimeoutError, V8SnapError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from v8snap._v8 import Context, Isolate, JSPromise

__all__ = [
    "ask",
    "call_async",
    "current_loop",
    "is_free",
    "promise_for",
    "report_rejection",
    "runner_for_timers",
    "wait",
]


class _AtWork:
    """Which isolates have calls in threads: their JavaScript may be endless, and only the loop stops it.

    Who waits for such an isolate on the loop would wait for good, even where it is free at this moment.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may come at any place
        self._counts: weakref.WeakKeyDictionary[Isolate, int] = weakref.WeakKeyDictionary()

    def begin(self, isolate: Isolate, running: asyncio.Future[Any]) -> None:
        self._add(isolate, 1)
        running.add_done_callback(lambda _: self._add(isolate, -1))

    def _add(self, isolate: Isolate, change: int) -> None:
        with self._lock:
            self._counts[isolate] = self._counts.get(isolate, 0) + change

    def on(self, isolate: Isolate) -> bool:
        return self._counts.get(isolate, 0) > 0


_at_work = _AtWork()


def is_free(isolate: Isolate) -> bool:
    """Whether the loop can use it now."""
    return not isolate._busy and not _at_work.on(isolate)


class _Call:
    """One call of JavaScript from a coroutine, with all that comes of it: continuations, timers, tasks on the loop.

    Its JavaScript runs in threads of the loop's executor, one piece after the other, each under what is left of its
    time. Where one is stopped, whoever waits for the call is told.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, isolate: Isolate, timeout: float | None) -> None:
        self.loop = loop
        self.isolate = isolate
        self.end = None if timeout is None else time.monotonic() + timeout
        self.tasks: set[asyncio.Future[Any]] = set()
        self.over = False
        self.failed: asyncio.Future[Any] = loop.create_future()
        self._pieces: collections.deque[Callable[[], object]] = collections.deque()
        self._context = contextvars.copy_context()
        self._lock = threading.RLock()  # a signal handler may come at any place
        self._active = False  # a thread is at it, and will look for more before it ends
        self._running: asyncio.Future[Any] | None = None
        self._thread = 0

    def run_soon(self, piece: Callable[[], object]) -> None:
        """Have it run in a thread, after what is there already; on the loop's thread only."""
        with self._lock:
            self._pieces.append(piece)
            start, self._active = not self._active, True
        if start:
            self._running = self.loop.run_in_executor(None, self._context.copy().run, self._work)
            _at_work.begin(self.isolate, self._running)

    async def run(self, piece: Callable[[], Any]) -> Any:
        """The same; what comes of it."""
        result = self.loop.create_future()

        def work() -> None:
            try:
                value = piece()
            except BaseException as error:
                self.loop.call_soon_threadsafe(_fail, result, error)
            else:
                self.loop.call_soon_threadsafe(_wake, result, value)

        self.run_soon(work)
        return await result

    def _work(self) -> None:
        _call.set(self)
        self._thread = _v8._thread_number()
        try:
            while (piece := self._next()) is not None:
                _v8._set_thread_deadline(None if self.end is None else self.end - time.monotonic())
                try:
                    piece()
                except STOPPED as error:
                    self.loop.call_soon_threadsafe(_fail, self.failed, error)
        finally:
            _v8._set_thread_deadline(None)
            self._thread = 0

    def _next(self) -> Callable[[], object] | None:
        with self._lock:
            if self.over:
                self._pieces.clear()
            self._active = bool(self._pieces)
            return self._pieces.popleft() if self._active else None

    async def stop(self) -> None:
        """Terminate what runs, also where it has yet to get its turn, and cancel the tasks."""
        self.over = True
        while self._running is not None and not self._running.done():
            if self._thread:
                with contextlib.suppress(V8SnapError):
                    self.isolate._terminate_thread(self._thread)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([self._running], timeout=0.01)
        # Those that wait are told, so that JavaScript sees it: where they were cancelled.
        self.over = False
        tasks = [task for task in self.tasks if not task.done()]
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        self.end = time.monotonic() + GRACE
        while self._running is not None and not self._running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([self._running])
        self.over = True


#: Seconds that JavaScript has in all to see that what it awaits was cancelled.
GRACE = 1.0

#: The call that Python code called by JavaScript is in, also in its thread.
_call: contextvars.ContextVar[_Call | None] = contextvars.ContextVar("v8snap_call", default=None)

#: The loop that a thread of its executor works for, where that isn't for a call.
_loop_of_thread: contextvars.ContextVar[asyncio.AbstractEventLoop | None] = contextvars.ContextVar(
    "v8snap_loop", default=None
)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def current_loop() -> asyncio.AbstractEventLoop | None:
    """The loop of the call that is around, or else the one that runs in this thread or that it works for."""
    call = _call.get()
    return _running_loop() or _loop_of_thread.get() if call is None else call.loop


def runner_for_timers() -> Callable[[Callable[[], object]], object] | None:
    """What runs a timer that is set now, where it belongs to a call: a function to be called on the loop's thread."""
    call = _call.get()
    return None if call is None else call.run_soon


class _Pump:
    """Runs what V8 has queued for an isolate, as long as somebody on the loop waits for promises of it.

    It also wakes those whose context is closed.
    """

    LEAST_PAUSE, MOST_PAUSE = 0.001, 0.05  # seconds

    def __init__(self, isolate: Isolate, loop: asyncio.AbstractEventLoop) -> None:
        self._isolate = weakref.ref(isolate)
        self.loop = loop
        self._waiting: dict[asyncio.Future[Any], tuple[JSPromise, _Call | None]] = {}
        self._pause = self.LEAST_PAUSE
        self._handle: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def waiting(self, future: asyncio.Future[Any], promise: JSPromise, call: _Call | None) -> Iterator[None]:
        self._waiting[future] = promise, call
        self._pause = self.LEAST_PAUSE
        if self._handle is None:
            self._handle = self.loop.call_later(self._pause, self._turn)
        try:
            yield
        finally:
            del self._waiting[future]
            if not self._waiting and self._handle is not None:
                self._handle.cancel()
                self._handle = None

    def tell(self, error: BaseException, context: Context | None = None) -> bool:
        """Those who wait that JavaScript was stopped, from any thread: V8 forgets what it had queued then.

        Of a context if one is given; those in a call are told by that.
        """
        waiting = [
            future
            for future, (promise, call) in list(self._waiting.items())
            if call is None and (context is None or promise._home is context)
        ]
        with contextlib.suppress(RuntimeError):  # the loop is closed
            for future in waiting:
                self.loop.call_soon_threadsafe(_fail, future, type(error)(*error.args))
        return bool(waiting)

    def _turn(self) -> None:
        self._handle = None
        for future in [future for future, (promise, _) in self._waiting.items() if promise.closed]:
            _wake(future)  # asking the promise says why
        isolate = self._isolate()
        if isolate is None or isolate.closed or not self._waiting:
            return
        try:
            working = is_free(isolate) and isolate.run_pending_tasks(wait=0)
        except STOPPED as error:
            working = True
            if not self.tell(error):
                raise
        self._pause = self.LEAST_PAUSE if working else min(2 * self._pause, self.MOST_PAUSE)
        if self._waiting and self._handle is None:
            self._handle = self.loop.call_later(self._pause, self._turn)


_pumps: weakref.WeakKeyDictionary[Isolate, _Pump] = weakref.WeakKeyDictionary()


def _pump(isolate: Isolate, loop: asyncio.AbstractEventLoop) -> _Pump:
    pump = _pumps.get(isolate)
    if pump is None or pump.loop is not loop:
        pump = _pumps[isolate] = _Pump(isolate, loop)
    return pump


def tell_waiters(context: Context, error: BaseException) -> bool:
    """Have those who await promises of a context whose JavaScript was stopped raise it; whether there are some."""
    pump = _pumps.get(context.isolate)
    return pump is not None and pump.tell(error, context)


async def ask(isolate: Isolate, question: Callable[[], Any]) -> Any:
    """Ask V8 something short: in another thread where the isolate is in use, as the loop doesn't wait for it."""
    if not isolate.closed and not is_free(isolate):
        return await _in_thread(asyncio.get_running_loop(), question)
    return question()


def _in_thread(loop: asyncio.AbstractEventLoop, work: Callable[..., Any], *arguments: object) -> asyncio.Future[Any]:
    """Have it run in a thread of the loop's executor; Python code that it calls belongs to the loop."""
    context = contextvars.copy_context()
    context.run(_loop_of_thread.set, loop)
    return loop.run_in_executor(None, functools.partial(context.run, work, *arguments))


async def wait(promise: JSPromise, call: _Call | None = None) -> Any:
    """Wait until `promise` is settled; its value, or what it was rejected with is raised."""
    isolate = promise._isolate
    run = call.run if call is not None else functools.partial(ask, isolate)
    if await run(lambda: promise.state) == "pending":
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def settled(*_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_wake, future)

        await run(lambda: promise._when_settled(settled))
        with _pump(isolate, loop).waiting(future, promise, call):
            await future
    return await run(promise.result)


def _wake(future: asyncio.Future[Any], value: Any = None) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def promise_for(context: Context, awaitable: Awaitable[Any]) -> JSPromise:
    """A promise of `context` that settles as `awaitable` does, on the loop of the call around or that runs."""
    call = _call.get()
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
            if call.over:
                task.cancel()
        task.add_done_callback(functools.partial(_settle_soon, promise, call))

    if _running_loop() is loop:
        start()
    else:
        loop.call_soon_threadsafe(start)
    return promise


def _settle_soon(promise: JSPromise, call: _Call | None, task: asyncio.Future[Any]) -> None:
    """Settle it in the call that it belongs to, or now; in another thread where the isolate is in use."""
    if promise.closed:
        _ = task.cancelled() or task.exception()  # so that asyncio knows it was looked at
    elif call is not None and not call.over:
        call.run_soon(functools.partial(_settle, promise, call, task))
    elif not is_free(promise._isolate):
        _in_thread(task.get_loop(), _settle, promise, None, task)
    else:
        _settle(promise, None, task)
        # Once nothing here has the promise any more: nobody may handle its rejection.
        task.get_loop().call_soon(_visit, promise._isolate)


def _visit(isolate: Isolate) -> None:
    if not isolate.closed and is_free(isolate):
        isolate._visit()


def _settle(promise: JSPromise, call: _Call | None, task: asyncio.Future[Any]) -> None:
    """Outside a call there is none that would be told where JavaScript is stopped."""
    try:
        _settle_now(promise, task)
    except STOPPED as error:
        if call is not None or not tell_waiters(promise._home, error):
            raise


def _settle_now(promise: JSPromise, task: asyncio.Future[Any]) -> None:
    with contextlib.suppress(ClosedError):
        error: BaseException | None = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            try:
                promise._resolve(task.result())
            except (errors.ConversionError, errors.WrongIsolateError) as failed:
                error = failed
        if error is not None:
            promise._reject(error)


async def call_async(context: Context, run: Callable[[], Any], timeout: float | None) -> Any:
    """Run JavaScript without holding up the loop, and await what it gives; see `Context.eval_async`."""
    timeout = time_limit.checked(timeout)
    isolate = context.isolate
    if isolate._is_creators:  # belongs to its thread
        return await _run_and_wait(None, run)
    call = _Call(asyncio.get_running_loop(), isolate, timeout)
    work = asyncio.ensure_future(_run_and_wait(call, run))
    try:
        await asyncio.wait([work, call.failed], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if call.failed.done():
            call.failed.result()
        raise JSTimeoutError("the script, or what it awaits, took longer than its timeout")
    except (asyncio.CancelledError, *STOPPED):
        await call.stop()
        raise
    finally:
        call.over = True
        if not work.done():
            work.cancel()
            with contextlib.suppress(BaseException):
                await work
        for each in (work, call.failed):
            if each.done() and not each.cancelled():
                each.exception()  # so that asyncio knows it was looked at


async def _run_and_wait(call: _Call | None, run: Callable[[], Any]) -> Any:
    result = run() if call is None else await call.run(run)
    return await wait(result, call) if isinstance(result, _v8.JSPromise) else result


def report_rejection(error: BaseException) -> None:
    """Say that a promise was rejected with `error` and nobody handled it, as asyncio says such things."""
    message = "a JavaScript promise was rejected, and nobody handles it"
    loop = current_loop()
    if loop is not None and not loop.is_closed():
        loop.call_soon_threadsafe(loop.call_exception_handler, {"message": message, "exception": error})
    else:
        logging.getLogger("v8snap").error(message, exc_info=error)
