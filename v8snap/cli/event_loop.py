"""The asyncio loop of ``run`` and ``repl``: timers of JavaScript and async functions of Python run on it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import v8snap
from v8snap.interactive.session import outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from v8snap.interactive.session import Session

__all__ = ["EventLoop", "event_loop"]

#: Seconds between looks at whether something still waits.
LEAST_PAUSE, MOST_PAUSE = 0.001, 0.05


class EventLoop:
    """A loop, and what went wrong on it that nobody waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._failed: list[BaseException] = []
        self.tell(self._failed.append)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine; what it returns. Ctrl-C leaves it by KeyboardInterrupt, whatever runs."""
        return self._loop.run_until_complete(work)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Have a coroutine run when the loop next does."""
        return self._loop.create_task(work)

    def wait(self, task: asyncio.Task[Any]) -> Any:
        """Run until a task of `start` is done."""
        return self._loop.run_until_complete(task)

    def tell(self, failed: Callable[[BaseException], object]) -> None:
        """Have a function told of exceptions in timers and the like."""
        self._loop.set_exception_handler(lambda _, what: failed(what.get("exception") or RuntimeError(what["message"])))

    async def settled(self, session: Session, source: str, name: str) -> Any:
        """Evaluate JavaScript: what a promise came to, any other value as it is. All that waits runs before."""
        value = session.evaluate(source, name)
        try:
            await self._nothing_waits(session)
            return outcome(value)
        except v8snap.JSError as error:
            raise session.as_typed(error) from None

    async def _nothing_waits(self, session: Session) -> None:
        """Wait for timers, Python's async functions, and what V8 has queued.

        Raises what one of them threw, and what a promise was rejected with that nobody handles.
        """
        context = session.context
        pause, idle = LEAST_PAUSE, 0
        while idle < 2:  # what has just ended may lead to more in the loop's next turn
            working = context.isolate.run_pending_tasks(wait=0)
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            timers: Any = context._host.timers if context._host is not None else ()
            for error in (*self._failed, *session.rejections):
                raise error
            if not working and not tasks and not len(timers):
                idle += 1
                await asyncio.sleep(0)
                continue
            idle = 0
            left = min(pause, timers.seconds_left()) if len(timers) else pause
            if tasks:
                await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(left)
            pause = min(2 * pause, MOST_PAUSE)


@contextlib.contextmanager
def event_loop() -> Iterator[EventLoop]:
    """Not asyncio.run(), which has Ctrl-C cancel a task, while JavaScript runs on and on."""
    loop = asyncio.new_event_loop()
    try:
        yield EventLoop(loop)
    finally:
        loop.run_until_complete(_cancel_others())
        loop.close()


async def _cancel_others() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
