"""When timers of JavaScript run: on the asyncio loop that ran when they were set, or in ``Context.run_until_idle``."""

from __future__ import annotations

import collections
import contextlib
import functools
import heapq
import sys
import threading
import time
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from v8snap.errors import STOPPED, ClosedError, V8SnapError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from v8snap._v8 import Context, Isolate
    from v8snap.host.natives import Natives

    #: What runs a timer in the threads and the time of a call.
    Runner = Callable[[Callable[[], object]], object]

T = TypeVar("T")

__all__ = ["Timers", "call", "seconds_until"]

#: When an immediate timer is due.
NOW = float("-inf")
#: Seconds that a loop may be late.
TOLERANCE = 0.001
#: Seconds that a timer has at least where it isn't to run beyond some time: none is stopped for having begun late.
LEAST_SECONDS = 0.1
#: Seconds that `run_until_idle` sleeps at a time: what an interruption changes just before isn't noticed.
LONGEST_PAUSE = 0.25
#: Seconds until a loop looks again whether another thread still uses the isolate.
BUSY_PAUSE = 0.002


def call(natives: Natives, operation: str, token: int, timer: int, delay: float = 0) -> None:
    """What timers.js calls: "set" or "clear" a timer by its id; `delay` in ms, negative for an immediate one."""
    timers = natives.context(token).timers
    if operation == "set":
        timers.set(int(timer), float(delay) / 1000)
    else:
        timers.clear(int(timer))


def seconds_until(end: float | None, isolate: Isolate) -> float | None:
    """A timeout for JavaScript that is not to run beyond `end`, and no longer than the isolate allows."""
    if end is None:
        return None  # the isolate's own
    left = max(end - time.monotonic(), LEAST_SECONDS)
    return left if isolate.timeout is None else min(left, isolate.timeout)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    asyncio = sys.modules.get("asyncio")  # where nobody imported it, no loop runs
    return None if asyncio is None else asyncio._get_running_loop()


def _surroundings() -> tuple[asyncio.AbstractEventLoop | None, Runner | None]:
    """The loop that runs, or that of the `eval_async` around and what runs timers in its threads and time."""
    promises = sys.modules.get("v8snap.promises")  # where nobody imported it, there is no such call
    return (_running_loop(), None) if promises is None else (promises.current_loop(), promises.runner_for_timers())


@dataclass(order=True, slots=True)
class _Timer:
    due: float  # seconds of time.monotonic()
    number: int  # what was set first runs first
    id: int
    runner: Runner | None = field(default=None, compare=False)


class _Queue:
    """Timers in the order in which they are due. What was cleared stays until it is met."""

    def __init__(self, waiting: dict[int, _Timer]) -> None:
        self._waiting = waiting
        self._immediate: collections.deque[_Timer] = collections.deque()
        self._later: list[_Timer] = []  # a heap

    def add(self, timer: _Timer) -> None:
        if timer.due == NOW:
            self._immediate.append(timer)
        else:
            heapq.heappush(self._later, timer)
        if len(self._later) > 2 * len(self._waiting) + 16:
            self._later = [each for each in self._later if self._waits(each)]
            heapq.heapify(self._later)

    def due(self, now: float, last: int) -> _Timer | None:
        """The first that is due, if it isn't newer than number `last`."""
        self._drop_cleared()
        if self._immediate and self._immediate[0].number <= last:
            return self._immediate[0]
        if self._later and self._later[0].due <= now and self._later[0].number <= last:
            return self._later[0]
        return None

    def seconds_left(self) -> float:
        """Until the first is due; infinity where there is none."""
        self._drop_cleared()
        if self._immediate:
            return 0.0
        return max(0.0, self._later[0].due - time.monotonic()) if self._later else float("inf")

    def _waits(self, timer: _Timer) -> bool:
        return self._waiting.get(timer.id) is timer

    def _drop_cleared(self) -> None:
        while self._immediate and not self._waits(self._immediate[0]):
            self._immediate.popleft()
        while self._later and not self._waits(self._later[0]):
            heapq.heappop(self._later)


class _Section:
    """A lock for pieces of code that give something.

    A signal handler or a finalizer may come in the middle of one and want another, in the same thread: that is done
    when the first is left, and gives None.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._owner = 0  # the thread that is in the middle of one
        self._deferred: collections.deque[Callable[[], object]] = collections.deque()

    def inside(self) -> bool:
        """Whether this thread is in the middle of one."""
        return self._owner == threading.get_ident()

    def do(self, piece: Callable[[], T]) -> T | None:
        if self.inside():
            self._deferred.append(piece)
            return None
        try:
            with self._lock:
                try:
                    self._owner = threading.get_ident()
                    return piece()
                finally:
                    self._owner = 0
        finally:
            while self._deferred:
                try:
                    deferred = self._deferred.popleft()
                except IndexError:  # another thread was quicker
                    break
                self.do(deferred)

    def wake(self) -> None:
        """Have all that wait look again."""
        with self._lock:
            self._changed.notify_all()

    def wait(self, find: Callable[[], float], most: float) -> None:
        """Sleep for as many seconds as a piece of code says, or until something changes; `most` seconds at most."""
        with self._lock:
            pause = min(self.do(find) or 0.0, most)
            if pause > 0:
                self._changed.wait(pause)


class Timers:
    """The timers of one context. Any thread may use it; JavaScript is never called in the middle of a section."""

    def __init__(self, context: weakref.ref[Context]) -> None:
        self._context = context
        self._section = _Section()
        self._waiting: dict[int, _Timer] = {}  # by id
        self._queues: dict[asyncio.AbstractEventLoop | None, _Queue] = {}  # None: for run_until_idle alone
        self._handles: dict[asyncio.AbstractEventLoop, asyncio.TimerHandle] = {}
        self._last = 0
        self._closed = False

    def set(self, timer: int, delay: float) -> None:
        """Have one fired in `delay` seconds, or before all others where that is negative."""
        loop, runner = _surroundings()
        if self._closed:
            raise ClosedError("this context is closed")
        due = NOW if delay < 0 else time.monotonic() + delay
        self._section.do(functools.partial(self._add, timer, due, loop, runner))
        if loop is None:
            return
        if _running_loop() is loop:
            self._wake(loop)
        else:
            with contextlib.suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(self._wake, loop)

    def _add(self, timer: int, due: float, loop: asyncio.AbstractEventLoop | None, runner: Runner | None) -> None:
        if self._closed:  # meanwhile
            return
        self._last += 1
        entry = _Timer(due, self._last, timer, runner)
        self._waiting[timer] = entry
        if loop not in self._queues:
            self._queues[loop] = _Queue(self._waiting)
        self._queues[loop].add(entry)
        self._section.wake()

    def clear(self, timer: int) -> None:
        """Have one not fired."""
        self._section.do(functools.partial(self._waiting.pop, timer, None))
        self._section.wake()

    def __len__(self) -> int:
        return len(self._waiting)

    def seconds_left(self) -> float:
        """Until the first is due; infinity where there is none."""
        return self._section.do(self._seconds_left) or 0.0

    def _seconds_left(self) -> float:
        return min((queue.seconds_left() for queue in self._queues.values()), default=float("inf"))

    def close(self) -> None:
        """Drop all, for good."""
        self._closed = True
        self._section.do(self._drop)

    def _drop(self) -> None:
        self._waiting.clear()
        self._queues.clear()
        handles, self._handles = self._handles, {}
        self._section.wake()
        for loop, handle in handles.items():
            _cancel(loop, handle)

    def run_until_idle(self, timeout: float | None, stop: float | None) -> bool:
        """Fire what is due, and wait for what is due later; False where `timeout` seconds were not enough.

        A timer that runs beyond the time `stop` is stopped.
        """
        if self._section.inside():
            raise V8SnapError("timers can't be run by what interrupts the running of timers")
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            for timer in self._round(list(self._queues.values())):
                self._fire(timer.id, stop)
                if end is not None and time.monotonic() >= end:
                    break
            if self._closed:
                raise ClosedError("this context was closed while its timers ran")
            if not self._waiting:
                return True
            left = float("inf") if end is None else end - time.monotonic()
            if left <= 0:
                return False
            self._section.wait(self._seconds_left, min(left, LONGEST_PAUSE))

    def _round(self, queues: list[_Queue]) -> Iterator[_Timer]:
        """What is due now, one after the other; what is set meanwhile belongs to the next round."""
        last, now = self._last, time.monotonic()
        while (timer := self._section.do(functools.partial(self._take, queues, now, last))) is not None:
            yield timer

    def _take(self, queues: list[_Queue], now: float, last: int) -> _Timer | None:
        """The first of those that are due, which doesn't wait from now on."""
        due = [timer for queue in queues if (timer := queue.due(now, last)) is not None]
        return self._waiting.pop(min(due).id) if due else None

    def _fire(self, timer: int, stop: float | None = None) -> None:
        context = self._context()
        if context is not None and not context.closed:
            context._call_host("timers", "fire", timer, timeout=seconds_until(stop, context.isolate))

    def _fire_on_loop(self, loop: asyncio.AbstractEventLoop, timer: int) -> None:
        """The same for a loop, whose exception handler is told of what it throws."""
        try:
            self._fire(timer)
        except Exception as error:
            stopped = isinstance(error, STOPPED)
            context = {"message": "an exception in a timer of JavaScript", "exception": error}
            if _running_loop() is loop:
                loop.call_exception_handler(context)
                if stopped:
                    self._tell_waiters(error)
                return
            with contextlib.suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(loop.call_exception_handler, context)
            if stopped:
                raise  # for whoever waits for the call

    def _tell_waiters(self, error: Exception) -> None:
        from v8snap import promises

        context = self._context()
        if context is not None:
            promises.tell_waiters(context, error)

    # ------------------------------------------------------------ on a loop's thread

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop come back when the next of its timers is due."""
        if self._section.inside():
            loop.call_soon(self._wake, loop)
            return
        left = self._section.do(functools.partial(self._pause_of, loop))
        if left is None:
            return
        handle = loop.call_later(left, _run_on_loop, weakref.ref(self), loop)
        self._section.do(functools.partial(self._handles.__setitem__, loop, handle))
        if self._closed:  # by another thread, meanwhile
            handle.cancel()

    def _pause_of(self, loop: asyncio.AbstractEventLoop) -> float | None:
        """Seconds after which it has to come back; None where it needn't, or will anyway."""
        queue = self._queues.get(loop)
        left = float("inf") if queue is None else queue.seconds_left()
        old = self._handles.get(loop)
        if old is not None and left < float("inf") and old.when() <= loop.time() + left + TOLERANCE:
            return None  # it comes early enough, and will look again
        if old is not None:
            del self._handles[loop]
            old.cancel()
        return left if left < float("inf") else None

    def run_due(self, loop: asyncio.AbstractEventLoop) -> None:
        """Fire those of a loop's timers that are due. What one throws goes to the loop's exception handler."""
        self._section.do(functools.partial(self._handles.pop, loop, None))
        context = self._context()
        if context is not None and not context.closed and context.isolate._busy:
            loop.call_later(BUSY_PAUSE, _run_on_loop, weakref.ref(self), loop)  # the loop doesn't wait for JavaScript
            return
        try:
            queue = self._queues.get(loop)
            for timer in self._round([] if queue is None else [queue]):
                if timer.runner is None:
                    self._fire_on_loop(loop, timer.id)
                else:
                    timer.runner(functools.partial(self._fire_on_loop, loop, timer.id))
        finally:
            self._wake(loop)


def _run_on_loop(timers: weakref.ref[Timers], loop: asyncio.AbstractEventLoop) -> None:
    found = timers()
    if found is not None:
        found.run_due(loop)


def _cancel(loop: asyncio.AbstractEventLoop, handle: asyncio.TimerHandle) -> None:
    if _running_loop() is loop:
        handle.cancel()
    elif not loop.is_closed():
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            loop.call_soon_threadsafe(handle.cancel)
