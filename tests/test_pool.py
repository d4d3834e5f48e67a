"""Pools of isolates: who gets which, what is replaced, and that nothing of one request reaches another."""

import dataclasses
import gc
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import v8snap
from v8snap import IsolatePool
from v8snap.pool import PoolContext

FOREVER = "for (;;);"
COUNTER = {"app.js": "let visits = 0; function visit() { return ++visits }"}


@pytest.fixture
def blob(make_blob):
    return make_blob(COUNTER)


def on_thread(work):
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result(timeout=60)


# ---------------------------------------------------------------- requests don't see each other


def test_each_block_has_a_fresh_context_in_the_same_isolate(blob):
    with IsolatePool(blob, 2) as pool:
        isolates = set()
        for _ in range(5):
            with pool.context() as ctx:
                assert ctx.globals["visit"]() == 1
                ctx.eval("globalThis.leak = 1; Array.prototype.leak = 1; Object.prototype.leak = 1")
                isolates.add(ctx.isolate)
            assert ctx.closed
            with pool.context() as ctx:
                assert ctx.eval("typeof leak + typeof [].leak + typeof ({}).leak") == "undefined" * 3
        assert len(isolates) == 1
        now = pool.statistics()
        assert (now.requests, now.reused, now.same_thread, now.made, now.isolates) == (10, 9, 9, 1, 1)
        assert now.replaced == {}


def test_settings_of_an_isolate_end_with_the_block(blob):
    heard = []
    with IsolatePool(blob, 1, timeout=5, console=lambda *line: heard.append(line), host=["console"]) as pool:
        with pool.context() as ctx:
            ctx.isolate.timeout = None
            ctx.isolate.console = lambda *line: None
            ctx.isolate.on_unhandled_rejection = lambda error: None
            isolate = ctx.isolate
        with pool.context() as ctx:
            assert ctx.isolate is isolate
            assert (isolate.timeout, isolate.on_unhandled_rejection) == (5, None)
            ctx.eval("console.log('heard')")
    assert heard == [("log", "heard")]


def test_values_end_with_the_block(blob):
    with IsolatePool(blob, 1) as pool:
        with pool.context() as ctx:
            visit = ctx.globals["visit"]
        with pytest.raises(v8snap.ClosedError):
            visit()


def test_contexts_of_the_snapshot_by_name_and_index(child_ok):
    code = """
        import v8snap
        with v8snap.SnapshotCreator() as sc:
            for name in ("page", "mail"):
                ctx = sc.new_context()
                ctx.eval(f"var kind = '{name}'")
                sc.add_context(ctx, name)
        with v8snap.IsolatePool(sc.blob, 1) as pool:
            for which in ("page", "mail", 0, None):
                with pool.context(which) as ctx:
                    print(ctx.eval("typeof kind === 'undefined' ? 'none' : kind"), end=" ")
            try:
                with pool.context("letter"):
                    pass
            except v8snap.NotInSnapshotError:
                print(pool.statistics().in_use, pool.statistics().replaced)
    """
    assert child_ok(code) == "page mail page none 0 {}\n"


# ---------------------------------------------------------------- broken isolates


def stopped_by_timeout(ctx):
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.eval(FOREVER, timeout=0.05)


def stopped_by_its_heap_limit(ctx):
    with pytest.raises(v8snap.JSMemoryError):
        ctx.eval("var all = []; for (;;) all.push({})")


def terminated(ctx):
    timer = threading.Timer(0.05, ctx.isolate.terminate)
    timer.start()
    with pytest.raises(v8snap.JSTerminatedError):
        ctx.eval(FOREVER)
    timer.join()


def interrupted(ctx):
    def interrupt():
        raise KeyboardInterrupt

    ctx.globals["interrupt"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        ctx.eval("interrupt()")


def leave_open(ctx):
    ctx.isolate.new_context().eval("var kept = 1")


@pytest.mark.parametrize(
    ("reason", "breaking"),
    [
        ("timeout", stopped_by_timeout),
        ("memory", stopped_by_its_heap_limit),
        ("terminated", terminated),
        ("interrupted", interrupted),
        ("closed", lambda ctx: ctx.isolate.close()),
    ],
)
def test_a_broken_isolate_is_replaced_also_where_the_error_was_caught(blob, reason, breaking):
    with IsolatePool(blob, 1, heap_limit=64 * 2**20) as pool:
        with pool.context() as ctx:
            breaking(ctx)
            broken = ctx.isolate
        assert broken.closed
        assert pool.statistics().replaced == {reason: 1}
        assert pool.statistics().isolates == 0
        with pool.context() as ctx:
            assert ctx.globals["visit"]() == 1
        assert pool.statistics().made == 2


def test_an_isolate_with_something_left_open_is_replaced(blob):
    with IsolatePool(blob, 1) as pool:
        with pool.context() as ctx:
            kept = ctx.isolate.new_context()
        assert kept.closed
        assert pool.statistics().replaced == {"left_open": 1}


def test_data_of_the_isolate_is_there_for_each_request():
    with v8snap.SnapshotCreator() as sc:
        sc.add_data(sc.context.eval("({n: 0})"), name="state")
    with IsolatePool(sc.blob, 1) as pool:
        for _ in range(2):
            with pool.context() as ctx:
                state = ctx.isolate.data("state")
                assert state["n"] == 0
                state["n"] = 1
        assert pool.statistics().replaced == {"left_open": 2}


def test_a_block_that_is_left_in_a_callback_of_its_own_javascript(blob):
    with IsolatePool(blob, 1) as pool:
        lease = pool.context()
        ctx = lease.__enter__()
        ctx.globals["leave"] = lambda: lease.__exit__()
        with pytest.raises((v8snap.JSTerminatedError, v8snap.ClosedError)):
            ctx.eval("leave(); for (;;);")
        with pool.context() as ctx:
            assert ctx.globals["visit"]() == 1
        now = pool.statistics()
        assert (now.in_use, now.isolates, now.replaced) == (0, 1, {"terminated": 1})


@pytest.mark.parametrize("source", ["throw new Error('mine')", "syntax error", "new ArrayBuffer(2**40)"])
def test_errors_of_javascript_break_nothing(blob, source):
    with IsolatePool(blob, 1, heap_limit=64 * 2**20) as pool:
        with pytest.raises((v8snap.JSError, v8snap.JSMemoryError)), pool.context() as ctx:
            ctx.eval(source)
        with pytest.raises(ZeroDivisionError), pool.context():
            1 / 0
        with pool.context() as ctx:
            assert ctx.globals["visit"]() == 1
        assert pool.statistics().replaced == {}
        assert pool.statistics().made == 1


def test_max_uses(blob):
    with IsolatePool(blob, 1, max_uses=3) as pool:
        for _ in range(7):
            with pool.context() as ctx:
                ctx.globals["visit"]()
        now = pool.statistics()
        assert (now.made, now.replaced) == (3, {"max_uses": 2})


def test_javascript_of_another_thread_ends_with_the_block(blob):
    started, errors = threading.Event(), []
    with IsolatePool(blob, 1) as pool:
        with pool.context() as ctx:
            ctx.globals["started"] = started.set

            def work():
                try:
                    ctx.eval("started(); for (;;);")
                except v8snap.JSTerminatedError as error:
                    errors.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            assert started.wait(30)
        thread.join(30)
        assert len(errors) == 1
        with pool.context() as ctx:
            assert ctx.globals["visit"]() == 1


def test_a_failed_isolate_leaves_its_place_to_the_next(blob, monkeypatch):
    with IsolatePool(blob, 1) as pool:
        with monkeypatch.context() as patched:
            patched.setattr(pool, "_heap_limit", 1)
            for _ in range(3):
                with pytest.raises(ValueError, match="heap_limit"), pool.context():
                    pass
        with pool.context() as ctx:
            assert ctx.globals["visit"]() == 1
        assert pool.statistics().replaced == {}


# ---------------------------------------------------------------- waiting


def test_waiting_ends_with_an_error_or_an_isolate(blob):
    with IsolatePool(blob, 1, wait=0.05) as pool:
        with pool.context():
            begin = time.monotonic()
            with pytest.raises(v8snap.PoolTimeoutError, match=r"0\.05 s"):
                on_thread(pool.context().__enter__)
            assert time.monotonic() - begin >= 0.05
            with pytest.raises(TimeoutError):
                on_thread(pool.context(wait=0).__enter__)
        assert pool.statistics().gave_up == 2

        entered = threading.Event()

        def hold():
            with pool.context():
                entered.set()
                time.sleep(0.1)

        thread = threading.Thread(target=hold)
        thread.start()
        entered.wait()
        with pool.context(wait=60) as ctx:
            assert ctx.globals["visit"]() == 1
        thread.join()
        now = pool.statistics()
        assert (now.waited, now.gave_up, now.waiting, now.in_use) == (3, 2, 0, 0)


def test_a_thread_does_not_wait_for_itself(blob):
    with IsolatePool(blob, 2) as pool, pool.context(), pool.context():
        with pytest.raises(v8snap.PoolTimeoutError, match="this thread"), pool.context():
            pass
        assert pool.statistics().waiting == 0


def test_who_came_first_is_served_first(blob):
    order = []
    with IsolatePool(blob, 1) as pool:

        def work(number):
            with pool.context():
                order.append(number)

        threads = []
        with pool.context():
            for number in range(8):
                threads.append(threading.Thread(target=work, args=(number,)))
                threads[-1].start()
                while pool.statistics().waiting <= number:
                    time.sleep(0.001)
        for thread in threads:
            thread.join()
    assert order == list(range(8))


def test_control_c_while_waiting(child_ok):
    code = """
        import os, signal, threading, v8snap
        with v8snap.IsolatePool(size=1) as pool:
            entered, leave = threading.Event(), threading.Event()
            def hold():
                with pool.context():
                    entered.set()
                    leave.wait()
            thread = threading.Thread(target=hold)
            thread.start()
            entered.wait()
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                with pool.context():
                    print("entered")
            except KeyboardInterrupt:
                print("interrupted", pool.statistics().waiting)
            leave.set()
            thread.join()
            with pool.context() as ctx:
                print(ctx.eval("1 + 1"))
    """
    assert child_ok(code) == "interrupted 0\n2\n"


# ---------------------------------------------------------------- threads


def test_a_thread_gets_the_isolate_it_had_before(blob):
    with IsolatePool(blob, 3) as pool:
        turns = threading.Barrier(3)

        def work(_):
            mine = set()
            for _ in range(10):
                turns.wait(30)
                with pool.context() as ctx:
                    mine.add(ctx.isolate)
                    turns.wait(30)
            return mine

        with ThreadPoolExecutor(3) as executor:
            sets = list(executor.map(work, range(3)))
        assert [len(mine) for mine in sets] == [1, 1, 1]
        assert len(set.union(*sets)) == 3
        now = pool.statistics()
        assert (now.requests, now.same_thread, now.made) == (30, 27, 3)


def test_a_new_thread_takes_an_isolate_that_nobody_comes_back_to(blob):
    with IsolatePool(blob, 2) as pool:

        def isolate():
            with pool.context() as ctx:
                return ctx.isolate

        gone = on_thread(isolate)
        mine = isolate()
        assert gone is not mine
        for _ in range(3):
            assert on_thread(isolate) is gone
            assert isolate() is mine


def test_more_threads_than_isolates(blob):
    with IsolatePool(blob, 3, max_uses=20) as pool:
        at_once, most = [], []

        def work(number):
            with pool.context() as ctx:
                at_once.append(number)
                most.append(len(at_once))
                assert ctx.eval(f"visit() + {number}") == number + 1
                if number % 50 == 0:
                    stopped_by_timeout(ctx)
                at_once.remove(number)

        with ThreadPoolExecutor(12) as executor:
            list(executor.map(work, range(400), timeout=120))
        assert max(most) <= 3
        now = pool.statistics()
        assert (now.requests, now.in_use, now.waiting) == (400, 0, 0)
        assert now.replaced["timeout"] == 8
        assert now.made == now.isolates + sum(now.replaced.values())


# ---------------------------------------------------------------- the end


def test_closing(blob):
    pool = IsolatePool(blob, 2)
    with pool.context() as ctx:
        with pool.context() as other:
            idle = other.isolate
        with ThreadPoolExecutor(1) as executor, pool.context():
            waiting = executor.submit(pool.context().__enter__)
            while pool.statistics().waiting == 0:
                time.sleep(0.001)
            pool.close()
            with pytest.raises(v8snap.ClosedError, match="while waiting"):
                waiting.result(timeout=30)
        assert idle.closed
        assert ctx.globals["visit"]() == 1  # goes on to the end of its block
        used = ctx.isolate
    assert used.closed
    pool.close()
    assert pool.closed
    assert repr(pool) == "<IsolatePool closed>"
    for use in (pool.context().__enter__, pool.__enter__, pool.fill):
        with pytest.raises(v8snap.ClosedError):
            use()
    assert pool.statistics().isolates == 0
    pool.clear()


def test_a_pool_that_is_dropped_takes_its_isolates_along(blob):
    pool = IsolatePool(blob, 2)
    with pool.context():
        pass
    pool.fill()
    assert pool.statistics().isolates == 2
    del pool
    gc.collect()


def test_a_context_entered_by_hand_and_dropped_comes_back(blob):
    with IsolatePool(blob, 1) as pool:
        lease = pool.context()
        assert isinstance(lease, PoolContext)
        ctx = lease.__enter__()
        with pytest.raises(RuntimeError, match="entered before"):
            lease.__enter__()
        del lease
        gc.collect()
        assert ctx.closed
        assert pool.statistics().in_use == 0


def test_a_finalizer_gives_back_in_the_middle_of_the_pools_own_work(blob):
    """As the garbage collector may, at any place: what came free is found all the same."""
    with IsolatePool(blob, 1) as pool:
        lease = pool.context()
        lease.__enter__()
        taking = pool._take
        pool._take = lambda thread: (taking(thread), lease.__exit__())[0]  # between looking and queueing

        def visit():
            with pool.context(wait=30) as ctx:
                return ctx.globals["visit"]()

        assert on_thread(visit) == 1


# ---------------------------------------------------------------- statistics


def test_filling_and_clearing(blob):
    with IsolatePool(blob, 3) as pool:
        pool.fill()
        now = pool.statistics()
        assert (now.isolates, now.made, now.requests, now.in_use) == (3, 3, 0, 0)
        with pool.context() as ctx:
            pool.clear()
            assert ctx.globals["visit"]() == 1
            assert pool.statistics().isolates == 1
        pool.clear()
        now = pool.statistics()
        assert (now.isolates, now.made, now.replaced) == (0, 3, {"cleared": 3})
        with pool.context() as ctx:
            assert ctx.globals["visit"]() == 1


def test_a_process_ends_whatever_its_pool_is_doing(child_ok):
    code = """
        import threading, v8snap
        pool = v8snap.IsolatePool(size=2)
        entered = threading.Event()
        def hold():
            with pool.context() as ctx:
                entered.set()
                ctx.eval("for (;;);")
        threading.Thread(target=hold, daemon=True).start()
        entered.wait()
        lease = pool.context()
        ctx = lease.__enter__()
        threading.Thread(target=pool.context().__enter__, daemon=True).start()
        while pool.statistics().waiting == 0:
            pass
        print(ctx.eval("1 + 1"))
    """
    assert child_ok(code) == "2\n"


def test_statistics_are_frozen_and_say_what_is(blob):
    with IsolatePool(blob, 2) as pool:
        with pool.context():
            now = pool.statistics()
            assert (now.size, now.isolates, now.in_use, now.requests, now.reused) == (2, 1, 1, 1, 0)
            assert repr(pool) == "<IsolatePool: 1 of 2 isolates in use, 1 requests>"
        with pytest.raises(dataclasses.FrozenInstanceError):
            now.size = 3


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"size": 0}, ValueError),
        ({"size": 1.5}, TypeError),
        ({"size": True}, TypeError),
        ({"max_uses": 0}, ValueError),
        ({"wait": -1}, ValueError),
        ({"timeout": 0}, ValueError),
        ({"heap_limit": 1}, ValueError),
        ({"host": ["window"]}, ValueError),
        ({"console": 1}, TypeError),
        ({"external_references": "name"}, TypeError),
        ({"snapshot": b"no snapshot"}, v8snap.SnapshotCorruptError),
        ({"snapshot": "no such file.v8snap"}, FileNotFoundError),
        ({"snapshot": 1}, TypeError),
    ],
)
def test_wrong_arguments_are_refused_when_the_pool_is_made(arguments, error):
    with pytest.raises(error):
        IsolatePool(**arguments)


def test_names_that_the_snapshot_needs_are_missed_when_the_pool_is_made():
    with v8snap.SnapshotCreator(external_references={"log": print}) as sc:
        sc.context.globals["log"] = sc.external("log")
    with pytest.raises(v8snap.ExternalReferenceError):
        IsolatePool(sc.blob)
    said = []
    with IsolatePool(sc.blob, 1, external_references={"log": said.append}) as pool, pool.context() as ctx:
        ctx.eval("log('here')")
    assert said == ["here"]


def test_a_path_a_blob_or_nothing(blob, tmp_path, child_ok):
    blob.save(tmp_path / "a.v8snap")
    for snapshot in (tmp_path / "a.v8snap", str(tmp_path / "a.v8snap"), bytes(blob)):
        with IsolatePool(snapshot, 1) as pool, pool.context() as ctx:
            assert ctx.eval("visit()") == 1
    with pytest.raises(TypeError):
        pickle.dumps(pool)
    code = """
        import os, v8snap
        with v8snap.IsolatePool() as pool, pool.context() as ctx:
            print(ctx.eval("1 + 1"), pool.statistics().size == len(os.sched_getaffinity(0)))
    """
    assert child_ok(code) == "2 True\n"
