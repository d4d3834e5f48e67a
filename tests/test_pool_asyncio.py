"""Pools of isolates used by asyncio tasks, by threads beside them, and across forks."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import v8snap
from v8snap import IsolatePool


@pytest.fixture
def pool(make_blob):
    with IsolatePool(make_blob({"app.js": "let visits = 0; function visit() { return ++visits }"}), 2) as pool:
        yield pool


def test_tasks_wait_without_holding_up_the_loop(pool):
    at_once = 0

    async def request(number):
        nonlocal at_once
        async with pool.context() as ctx:
            at_once += 1
            assert at_once <= 2
            await asyncio.sleep(0.002)
            assert await ctx.eval_async(f"Promise.resolve(visit() + {number})") == number + 1
            at_once -= 1

    async def main():
        await asyncio.gather(*(request(number) for number in range(40)))

    asyncio.run(main())
    now = pool.statistics()
    assert (now.requests, now.waited, now.gave_up, now.in_use, now.made) == (40, 38, 0, 0, 2)


def test_waiting_ends_by_its_limit_by_cancelling_and_by_closing(pool):
    async def hold():
        async with pool.context():
            await asyncio.sleep(60)

    async def main():
        held = [asyncio.create_task(hold()) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(v8snap.PoolTimeoutError):
            async with pool.context(wait=0.02):
                pass
        with pytest.raises(v8snap.PoolTimeoutError):
            async with pool.context(wait=0):
                pass
        with pytest.raises(asyncio.TimeoutError):  # TimeoutError itself from Python 3.11 on
            await asyncio.wait_for(pool.context().__aenter__(), 0.02)
        assert (pool.statistics().waiting, pool.statistics().gave_up) == (0, 3)
        with pytest.raises(v8snap.PoolTimeoutError, match="this thread"):
            pool.context().__enter__()  # would hold up the loop, and with it those that have them
        held[0].cancel()
        async with pool.context() as ctx:
            assert ctx.globals["visit"]() == 1
            late = asyncio.create_task(pool.context().__aenter__())
            await asyncio.sleep(0)
            pool.close()
            with pytest.raises(v8snap.ClosedError):
                await late
            held[1].cancel()
        await asyncio.gather(*held, return_exceptions=True)

    asyncio.run(main())
    assert pool.statistics().isolates == 0


def test_a_seat_given_to_a_task_that_is_cancelled_at_that_moment_goes_on(pool):
    async def main():
        async with pool.context():
            holder = pool.context()
            await holder.__aenter__()
            waiting = asyncio.create_task(pool.context().__aenter__())
            await asyncio.sleep(0)
            await holder.__aexit__()  # it has the seat now, and doesn't know it yet
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            async with pool.context(wait=5) as ctx:
                assert ctx.globals["visit"]() == 1

    asyncio.run(main())
    assert pool.statistics().in_use == 0


def test_who_waits_on_a_loop_that_ended_is_passed_over(pool):
    async def abandon():
        asyncio.get_running_loop().stop()
        async with pool.context():
            pass

    with pool.context(), pool.context():
        loop = asyncio.new_event_loop()
        task = loop.create_task(abandon())
        loop.run_forever()
        loop.close()
        assert pool.statistics().waiting == 1
    task._log_destroy_pending = False
    task.get_coro().close()  # nor does it give back what it didn't get
    assert (pool.statistics().in_use, pool.statistics().gave_up) == (0, 1)
    with pool.context(), pool.context() as ctx:
        assert ctx.globals["visit"]() == 1
        with pytest.raises(v8snap.PoolTimeoutError), pool.context(wait=0):
            pass


def test_a_cancelled_request_leaves_a_clean_pool(pool):
    async def main():
        async def spin():
            async with pool.context() as ctx:
                await ctx.eval_async("for (;;);")

        task = asyncio.create_task(spin())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pool.statistics().replaced == {"terminated": 1}
        async with pool.context() as ctx:
            assert ctx.globals["visit"]() == 1

    asyncio.run(main())


def test_leaving_a_block_in_which_a_thread_is_busy_does_not_hold_up_the_loop(pool):
    async def main():
        loop = asyncio.get_running_loop()
        async with pool.context() as ctx:
            running = loop.run_in_executor(None, ctx.eval, "'a'.repeat(2 ** 22).replace(/a/g, 'b').length; for (;;);")
            await asyncio.sleep(0.05)
            ticks = []

            async def tick():
                while True:
                    ticks.append(time.monotonic())
                    await asyncio.sleep(0.01)

            ticking = asyncio.create_task(tick())
            await asyncio.sleep(0)
        with pytest.raises(v8snap.JSTerminatedError):
            await running
        ticking.cancel()
        assert len(ticks) > 3
        assert pool.statistics().in_use == 0

    asyncio.run(main())


def test_threads_and_tasks_share_a_pool(pool):
    def in_thread(number):
        with pool.context() as ctx:
            return ctx.eval(f"visit() + {number}")

    async def in_task(number):
        async with pool.context() as ctx:
            return await ctx.eval_async(f"visit() + {number}")

    async def main():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(4) as executor:
            work = [loop.run_in_executor(executor, in_thread, n) if n % 2 else in_task(n) for n in range(60)]
            assert await asyncio.gather(*work) == [n + 1 for n in range(60)]

    asyncio.run(main())


# ---------------------------------------------------------------- forks


def test_a_pool_made_before_a_fork_serves_each_child(child_ok, make_blob, tmp_path):
    make_blob().save(tmp_path / "a.v8snap")
    code = """
        import os, sys, v8snap
        from v8snap import _v8
        pool = v8snap.IsolatePool(sys.argv[1], 2, heap_limit=64 * 2**20)
        print(_v8.v8_started(), flush=True)
        pids = []
        for _ in range(4):
            pid = os.fork()
            if pid == 0:
                with pool.context() as ctx:
                    os._exit(ctx.globals["run"]() + pool.statistics().requests)
            pids.append(pid)
        print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
        with pool.context() as ctx:
            print(ctx.globals["run"]())
    """
    assert child_ok(code, tmp_path / "a.v8snap") == "False\n[8, 8, 8, 8]\n7\n"


def test_a_pool_that_was_used_before_a_fork_says_so_in_the_child(child_ok):
    """Whatever its threads were doing: the child finds no lock that is held for good."""
    code = """
        import os, threading, warnings, v8snap
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about threads and fork
        pool = v8snap.IsolatePool(size=1)
        with pool.context() as ctx:
            locked, leave = threading.Event(), threading.Event()
            def hold_lock():
                with pool._lock:
                    locked.set()
                    leave.wait()
            def wait_for_context():
                with pool.context():
                    pass
            threads = [threading.Thread(target=each) for each in (wait_for_context, hold_lock)]
            threads[0].start()
            while pool.statistics().waiting == 0:
                pass
            threads[1].start()
            locked.wait()
            pid = os.fork()
            if pid == 0:
                try:
                    with pool.context():
                        pass
                except v8snap.ForkedIsolateError:
                    print("refused", pool.statistics().in_use, flush=True)
            else:
                print(os.waitpid(pid, 0)[1], flush=True)
                leave.set()
        if pid == 0:
            pool.close()
            os._exit(0)
        for thread in threads:
            thread.join()
        print(pool.statistics().requests)
    """
    assert child_ok(code) == "refused 0\n0\n2\n"
