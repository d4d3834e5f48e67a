"""``IsolatePool``: warm isolates, of which each request gets one with a fresh context."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from v8snap import _v8, time_limit
from v8snap.errors import ClosedError, PoolTimeoutError, V8SnapError
from v8snap.host import check_names
from v8snap.startup_data import StartupData

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Mapping

    from _typeshed import ReadableBuffer
    from typing_extensions import Self

    from v8snap._v8 import Context, Isolate

__all__ = ["IsolatePool", "PoolContext", "PoolStatistics"]


@dataclass(frozen=True)
class PoolStatistics:
    """What a pool has done since it was made (in a forked child: since the fork) and what it is doing.

    Attributes
    ----------
    size : int
        Isolates at most.
    isolates : int
        Isolates that exist.
    in_use : int
        Contexts that are given out.
    waiting : int
        Threads and tasks that wait for an isolate.
    requests : int
        Contexts that were given out, those in use included.
    reused : int
        Of these, contexts in an isolate that had served before.
    same_thread : int
        Of these, contexts in the isolate that the same thread had before, where calls are the quickest.
    waited : int
        Times that all isolates were in use.
    gave_up : int
        Of these, those that ended without an isolate: by `PoolTimeoutError`, by being cancelled or interrupted, or
        because the pool was closed.
    made : int
        Isolates that were made.
    replaced : mapping of str to int
        Isolates that were closed after use, by reason: ``"timeout"``, ``"memory"``, ``"terminated"``, ``"interrupted"``
        (JavaScript was stopped in the middle), ``"closed"``, ``"left_open"`` (something of the isolate besides the
        request's context was open still), ``"max_uses"``, ``"cleared"`` (by `IsolatePool.clear`), ``"error"``
        (closing the context failed).
    """

    size: int
    isolates: int
    in_use: int
    waiting: int
    requests: int
    reused: int
    same_thread: int
    waited: int
    gave_up: int
    made: int
    replaced: Mapping[str, int]

    def _repr_html_(self) -> str:
        from v8snap.notebook import html

        return html.pool_statistics(self)


class IsolatePool:
    """Up to `size` isolates of one snapshot; each request gets a fresh context in one that nobody else uses meanwhile.

    Any thread and any asyncio task may use it: ``async with pool.context() as ctx`` waits without holding up the loop.
    An isolate is made when it is first needed, and a pool starts nothing of V8 before: one that a server makes before
    it forks its workers serves each of them. A thread gets the isolate it had before where that is free.

    Threads of asyncio's default executor (``asyncio.to_thread``) that wait for a pool can block the tasks that have its
    isolates, for `Context.eval_async` needs one of those threads.

    An isolate in which JavaScript was stopped in the middle, by a timeout, the heap limit, `Isolate.terminate` or
    Ctrl-C, is closed after that request and another one takes its place.

    Parameters
    ----------
    snapshot : StartupData | bytes-like | path-like | str, optional
        What isolates start from: a snapshot, or the path of a ``.v8snap`` file. V8's own bare snapshot if not given.
    size : int, optional
        Isolates at most; as many as this process has processors if not given.
    host : sequence of str
        Host objects of each context, as in `Isolate.new_context`.
    external_references, heap_limit, timeout, console
        As for `Isolate`. `timeout` (seconds) is for each call of JavaScript, not for waiting. An isolate has these
        values again when it comes back to the pool.
    max_uses : int, optional
        After so many contexts an isolate is replaced.
    wait : float, optional
        Seconds that `context` waits while all isolates are in use, if it isn't told otherwise; without limit if not
        given.

    Raises
    ------
    SnapshotVersionError, SnapshotFlagsError, SnapshotCorruptError, ExternalReferenceError
    OSError, ValueError, TypeError
        As `StartupData.load` and `Isolate` would.

    Examples
    --------
    >>> blob = v8snap.build({"app.js": "const page = (user) => `<h1>${user}</h1>`"})
    >>> with v8snap.IsolatePool(blob, 2, timeout=2) as pool, pool.context() as ctx:
    ...     ctx.eval("page('Ada')")
    '<h1>Ada</h1>'
    """

    def __init__(
        self,
        snapshot: StartupData | ReadableBuffer | str | os.PathLike[str] | None = None,
        size: int | None = None,
        *,
        host: Iterable[str] = (),
        external_references: Mapping[str, Callable[..., object] | None] | Iterable[str] | None = None,
        heap_limit: int | None = None,
        timeout: float | None = None,
        console: Callable[[str, str], object] | None = None,
        max_uses: int | None = None,
        wait: float | None = None,
    ) -> None:
        if isinstance(snapshot, str | os.PathLike):
            snapshot = StartupData.load(snapshot)
        if console is not None and not callable(console):
            raise TypeError(f"console is a callable or None, not {type(console).__name__}")
        self._snapshot, self._externals = _v8.check_isolate_options(snapshot, external_references, heap_limit, timeout)
        self._heap_limit = heap_limit
        self._timeout = timeout
        self._console = console
        self._host = tuple(check_names(host))
        self._size = _count(size, "size") if size is not None else len(os.sched_getaffinity(0))
        self._max_uses = None if max_uses is None else _count(max_uses, "max_uses")
        self._wait = _checked_wait(wait)
        self._closed = False
        self._start_anew()
        _pools.add(self)

    def _start_anew(self) -> None:
        """As after its making: also in the child of a fork, where locks may be held by threads that are gone."""
        self._lock = threading.RLock()  # not Lock: a finalizer or a signal handler may give a context back at any place
        self._seats = [_Seat() for _ in range(self._size)]
        self._idle = list(self._seats)  # the longest unused first
        self._waiters: deque[_Waiter] = deque()
        self._counts: Counter[str] = Counter()
        self._replaced: Counter[str] = Counter()

    # ------------------------------------------------------------ what users call

    def context(self, which: int | str | None = None, *, wait: float | None = None) -> PoolContext:
        """A fresh context in an isolate that nobody else uses, for a ``with`` or ``async with`` block.

        Parameters
        ----------
        which : int | str, optional
            An added context of the snapshot, by index or name. If not given: the default context.
        wait : float, optional
            Seconds to wait while all isolates are in use; 0 doesn't wait. The pool's own if not given. Who came first
            is served first.

        Returns
        -------
        PoolContext
            Entering its block gives the `Context` and raises `PoolTimeoutError` where none came free in time, or where
            this very thread has all of them and would wait without limit; `ClosedError` where the pool is closed; and
            what `Isolate` and `Isolate.new_context` raise. Leaving it closes the context; JavaScript that another
            thread still runs in it is terminated.
        """
        return PoolContext(self, which, self._wait if wait is None else _checked_wait(wait))

    @property
    def closed(self) -> bool:
        """Whether the pool is closed: bool."""
        return self._closed

    def close(self) -> None:
        """Close the isolates: those in use when their blocks end. Who waits gets `ClosedError`. Twice does nothing."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            while self._waiters:
                self._counts["gave_up"] += 1
                self._waiters.popleft().wake()
        for seat in idle:
            seat.retire()

    def __enter__(self) -> Self:
        if self._closed:
            raise ClosedError("this pool is closed")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def statistics(self) -> PoolStatistics:
        """Counts of the moment.

        Returns
        -------
        PoolStatistics
        """
        with self._lock:
            counts = self._counts
            return PoolStatistics(
                size=self._size,
                isolates=sum(seat.isolate is not None for seat in self._seats),
                in_use=sum(seat.holder is not None for seat in self._seats),
                waiting=len(self._waiters),
                requests=counts["requests"],
                reused=counts["reused"],
                same_thread=counts["same_thread"],
                waited=counts["waited"],
                gave_up=counts["gave_up"],
                made=counts["made"],
                replaced=dict(self._replaced),
            )

    def fill(self) -> None:
        """Make the isolates that are missing, so that no request has to wait for one to be made.

        For the start of a server, after it has forked its workers: from here on V8 is started in this process. They
        count as this thread's; short calls from other threads take longer in them.

        Raises
        ------
        SnapshotConflictError, ForkedIsolateError, JSMemoryError
            As `Isolate`.
        ClosedError
        """
        if self._closed:
            raise ClosedError("this pool is closed")
        self._visit_idle(self._isolate_of)

    def clear(self) -> None:
        """Close the isolates that are free, to give back what memory they have; requests that come make new ones."""
        self._visit_idle(self._clear)

    def __repr__(self) -> str:
        if self._closed:
            return "<IsolatePool closed>"
        now = self.statistics()
        return f"<IsolatePool: {now.in_use} of {now.size} isolates in use, {now.requests} requests>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a pool of isolates can't be copied or pickled: its snapshot can")

    # ------------------------------------------------------------ who gets which seat

    def _take(self, thread: int) -> _Seat | None:
        """A seat that is free and that nobody waits for."""
        with self._lock:
            if self._closed:
                raise ClosedError("this pool is closed")
            if self._waiters or not self._idle:
                return None
            return self._assign(thread)

    def _assign(self, thread: int) -> _Seat:
        """The thread's own seat; else one without an isolate; else the one whose thread has been away the longest."""
        seat = next((seat for seat in reversed(self._idle) if seat.thread == thread), None)
        seat = seat or next((seat for seat in self._idle if seat.isolate is None), self._idle[0])
        self._idle.remove(seat)
        seat.holder = thread
        return seat

    def _visit_idle(self, visit: Callable[[_Seat], object]) -> None:
        """Call `visit` with each seat that is free, one after the other; nobody gets that one meanwhile."""
        with self._lock:
            idle = list(self._idle)
        for seat in idle:
            with self._lock:
                if seat not in self._idle:
                    continue
                self._idle.remove(seat)
                seat.holder = _v8._thread_number()
            try:
                visit(seat)
            finally:
                self._give_back(seat, None)

    def _clear(self, seat: _Seat) -> None:
        if seat.isolate is not None:
            seat.retire()
            with self._lock:
                self._replaced["cleared"] += 1

    def _queue(self, waiter: _Waiter) -> None:
        with self._lock:
            if self._closed:
                raise ClosedError("this pool is closed")
            self._counts["waited"] += 1
            self._waiters.append(waiter)
            self._serve()  # what came free before it stood in the queue

    def _serve(self) -> None:
        """Give free seats to who waits, with the lock."""
        while self._waiters and self._idle:
            waiter = self._waiters.popleft()
            waiter.seat = self._assign(waiter.thread)
            if not waiter.wake():  # its loop is gone, and so is it
                self._counts["gave_up"] += 1
                seat, waiter.seat = waiter.seat, None
                seat.holder = None
                self._idle.append(seat)

    def _seat_of(self, waiter: _Waiter, limit: float | None) -> _Seat:
        """The seat of who has waited, or why there is none."""
        with self._lock:
            if waiter.seat is not None:
                return waiter.seat
            self._leave(waiter)
            if self._closed:
                raise ClosedError("this pool was closed while waiting for one of its isolates")
        raise PoolTimeoutError(f"all {self._size} isolates stayed in use for {limit:g} s")

    def _leave(self, waiter: _Waiter) -> None:
        """It waits no more: what it was given meanwhile goes to the next."""
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                self._counts["gave_up"] += 1
        if waiter.seat is not None:
            self._free(waiter.seat, None)

    def _wait_in_thread(self, limit: float | None) -> _Seat:
        thread = _v8._thread_number()
        seat = self._take(thread)
        if seat is not None:
            return seat
        if limit is None and all(each.holder == thread for each in self._seats):
            raise PoolTimeoutError(f"this thread has all {self._size} isolates itself and would wait for ever")
        gate = threading.Lock()
        gate.acquire()
        waiter = _Waiter(thread, lambda: _let_go(gate))
        try:
            self._queue(waiter)
            gate.acquire(timeout=-1 if limit is None else limit)
        except BaseException:  # Ctrl-C
            self._leave(waiter)
            raise
        return self._seat_of(waiter, limit)

    async def _wait_in_loop(self, limit: float | None) -> _Seat:
        thread = _v8._thread_number()
        seat = self._take(thread)
        if seat is not None:
            return seat
        import asyncio  # takes long, and who uses threads doesn't need it

        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        waiter = _Waiter(thread, lambda: _wake(loop, woken))
        try:
            self._queue(waiter)
            await asyncio.wait([woken], timeout=limit)
        except BaseException:  # cancelled
            self._leave(waiter)
            raise
        return self._seat_of(waiter, limit)

    # ------------------------------------------------------------ isolates

    def _new_context(self, seat: _Seat, which: int | str | None) -> Context:
        """A context in the seat's isolate, which is made where there is none."""
        context = self._isolate_of(seat).new_context(which, host=self._host)
        self._count_use(seat)
        return context

    def _count_use(self, seat: _Seat) -> None:
        thread = _v8._thread_number()
        with self._lock:
            self._counts["requests"] += 1
            if seat.uses > 0:
                self._counts["reused"] += 1
                self._counts["same_thread"] += seat.thread == thread
        seat.thread = thread
        seat.uses += 1

    def _isolate_of(self, seat: _Seat) -> Isolate:
        if seat.isolate is None:
            seat.isolate = self._make()
            with self._lock:
                self._counts["made"] += 1
        return seat.isolate

    def _make(self) -> Isolate:
        return _v8.Isolate(
            self._snapshot,
            external_references=self._externals,
            heap_limit=self._heap_limit,
            timeout=self._timeout,
            console=self._console,
        )

    def _give_back(self, seat: _Seat, context: Context | None) -> None:
        """The end of a use: the next one finds a clean isolate, or none and makes it."""
        if seat not in self._seats:  # of the process that this one was forked from
            return
        reason: str | None = "error"
        try:
            reason = self._end_use(seat, context)
        finally:
            self._free(seat, reason)

    def _end_use(self, seat: _Seat, context: Context | None) -> str | None:
        """Why the isolate can't be used again."""
        isolate = seat.isolate
        if isolate is None:
            return None
        if isolate.closed:
            return "closed"
        if isolate._busy:  # by another thread
            isolate.terminate()
        if context is not None:
            context.close()
        if isolate.closed:
            return "closed"
        if isolate._stopped_by is not None:
            return isolate._stopped_by
        if isolate._has_open_context:
            return "left_open"
        if self._max_uses is not None and seat.uses >= self._max_uses:
            return "max_uses"
        isolate.timeout = self._timeout
        isolate.console = self._console
        isolate.on_unhandled_rejection = None
        return None

    def _free(self, seat: _Seat, reason: str | None) -> None:
        if reason is not None or self._closed:
            seat.retire()
        with self._lock:
            if reason is not None:
                self._replaced[reason] += 1
            seat.holder = None
            if not self._closed:
                self._idle.append(seat)
                self._serve()
                return
        seat.retire()


class PoolContext:
    """What `IsolatePool.context` gives: a ``with`` or ``async with`` block with a fresh context, once."""

    def __init__(self, pool: IsolatePool, which: int | str | None, limit: float | None) -> None:
        self._pool = pool
        self._which = which
        self._limit = limit
        self._entered = False
        self._seat: _Seat | None = None
        self._context: Context | None = None

    def __enter__(self) -> Context:
        self._enter()
        self._seat = self._pool._wait_in_thread(self._limit)
        return self._open(self._seat)

    def __exit__(self, *exc_info: object) -> None:
        self._end()

    async def __aenter__(self) -> Context:
        self._enter()
        self._seat = await self._pool._wait_in_loop(self._limit)
        return self._open(self._seat)

    async def __aexit__(self, *exc_info: object) -> None:
        seat = self._seat
        if seat is not None and seat.isolate is not None and not seat.isolate.closed and seat.isolate._busy:
            import asyncio

            # Its end is waited for elsewhere, whatever becomes of who waits here.
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._end))
        else:
            self._end()

    def __del__(self) -> None:
        self._end()  # of a block that was entered by hand

    def _enter(self) -> None:
        if self._entered:
            raise RuntimeError("this context of a pool was entered before: ask the pool for another one")
        self._entered = True

    def _open(self, seat: _Seat) -> Context:
        try:
            self._context = self._pool._new_context(seat, self._which)
        except BaseException:
            self._end()
            raise
        return self._context

    def _end(self) -> None:
        seat, self._seat = self._seat, None
        context, self._context = self._context, None
        if seat is not None:
            self._pool._give_back(seat, context)


class _Seat:
    """A place for an isolate."""

    __slots__ = ("holder", "isolate", "thread", "uses")

    def __init__(self) -> None:
        self.isolate: Isolate | None = None
        self.uses = 0  # of this isolate
        self.thread = 0  # that used it last
        self.holder: int | None = None  # the thread that has it now

    def retire(self) -> None:
        """Close the isolate; one that is running goes when it ends."""
        isolate, self.isolate, self.uses = self.isolate, None, 0
        if isolate is not None:
            with contextlib.suppress(V8SnapError):
                isolate.close()


class _Waiter:
    """Who waits for a seat."""

    __slots__ = ("seat", "thread", "wake")

    def __init__(self, thread: int, wake: Callable[[], object]) -> None:
        self.thread = thread
        self.wake = wake  # whether it can be told
        self.seat: _Seat | None = None


def _wake(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> bool:
    try:
        loop.call_soon_threadsafe(_settle, future)
    except RuntimeError:  # the loop is closed
        return False
    return True


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _let_go(gate: threading.Lock) -> bool:
    gate.release()
    return True


def _checked_wait(seconds: float | None) -> float | None:
    limit = time_limit.checked(seconds, "wait", may_be_zero=True)
    return None if limit is None or limit > threading.TIMEOUT_MAX else limit


def _count(number: int, name: str) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"{name} is an int, not {type(number).__name__}")
    if number < 1:
        raise ValueError(f"{name} is 1 or more, not {number}")
    return number


#: To be started anew in the child of a fork.
_pools: weakref.WeakSet[IsolatePool] = weakref.WeakSet()


def _start_pools_anew() -> None:
    for pool in list(_pools):
        pool._start_anew()


os.register_at_fork(after_in_child=_start_pools_anew)
