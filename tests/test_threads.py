"""Threads share isolates in turn; JavaScript runs without the GIL."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator


def test_eight_threads_on_one_isolate():
    with Isolate() as iso, iso.new_context() as ctx:
        add = ctx.eval("globalThis.total = 0; (n) => { for (let i = 0; i < n; i++) total++; return total }")
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(add, [100] * 200))
        assert ctx.eval("total") == 20_000
        assert len(set(results)) == 200


def test_callbacks_from_many_threads_do_not_deadlock():
    with Isolate() as one, Isolate() as two:
        contexts = [one.new_context(), two.new_context()]
        for ctx in contexts:
            ctx.globals["double"] = lambda x: x * 2

        def work(number):
            ctx = contexts[number % 2]
            return ctx.eval(f"let n{number} = 0; for (let i = 0; i < 200; i++) n{number} += double(i); n{number}")

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(work, range(64), timeout=60)) == {39800}


@pytest.mark.parametrize("count", [2, 3])
def test_threads_whose_callbacks_use_each_others_isolates_do_not_wait_for_good(child_ok, count):
    said = child_ok(
        """
        import sys
        import threading
        import v8snap

        count = int(sys.argv[1])
        contexts = [v8snap.Isolate().new_context() for _ in range(count)]
        together = threading.Barrier(count)
        outcomes = []

        def in_callback(other):
            together.wait(20)
            return other.eval("1 + 1")

        def work(number):
            contexts[number].globals["call"] = lambda: in_callback(contexts[(number + 1) % count])
            try:
                outcomes.append(contexts[number].eval("call()"))
            except v8snap.V8SnapError as error:
                outcomes.append("deadlock" in str(error))

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        print(sorted(outcomes), [context.eval("7") for context in contexts])
        """,
        count,
    )
    assert said == f"{[True] + [2] * (count - 1)} {[7] * count}\n"


def test_python_runs_while_javascript_does(ctx):
    seen = []
    done = threading.Event()

    def other():
        seen.append(1)
        done.set()

    ctx.globals["waited"] = done.is_set
    thread = threading.Timer(0.05, other)
    thread.start()
    ctx.eval("const end = Date.now() + 20000; while (Date.now() < end) { if (waited()) break }", timeout=20)
    thread.join()
    assert seen == [1]


def test_closing_waits_for_the_thread_that_runs():
    iso = Isolate()
    ctx = iso.new_context()
    started = threading.Event()
    ctx.globals["started"] = started.set
    results = []
    thread = threading.Thread(
        target=lambda: results.append(ctx.eval("started(); const end = Date.now() + 200; while (Date.now() < end); 7"))
    )
    thread.start()
    started.wait()
    iso.close()
    thread.join()
    assert results == [7]
    assert iso.closed


def test_an_isolate_made_here_is_used_and_closed_there():
    iso = Isolate()
    results = []

    def work():
        with iso.new_context() as ctx:
            results.append(ctx.eval("6 * 7"))
        iso.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [42]
    assert iso.closed


def test_a_creator_belongs_to_its_thread():
    sc = SnapshotCreator()
    ctx = sc.context
    with ThreadPoolExecutor(1) as pool:
        for use in (sc.new_context, sc.create_blob, lambda: ctx.eval("1"), lambda: sc.add_data(1)):
            with pytest.raises(v8snap.WrongThreadError):
                pool.submit(use).result()
    ctx.eval("var x = 1")
    assert len(sc.create_blob()) > 0


def test_a_creator_dropped_on_another_thread():
    holder = [SnapshotCreator()]
    holder[0].context.eval("var x = 1")
    thread = threading.Thread(target=holder.clear)
    thread.start()
    thread.join()


def test_creators_on_two_threads():
    def build(number):
        with SnapshotCreator() as sc:
            sc.context.eval(f"var n = {number}")
        return sc.blob

    with ThreadPoolExecutor(2) as pool:
        blobs = list(pool.map(build, range(8)))
    for number, blob in enumerate(blobs):
        with Isolate(blob) as iso:
            assert iso.new_context().globals["n"] == number


def test_plain_isolates_work_beside_a_creator():
    with SnapshotCreator() as sc:
        sc.context.eval("var x = 1")
        with Isolate() as iso, iso.new_context() as ctx:
            assert ctx.eval("1 + 1") == 2
        sc.context.eval("x = 2")


def test_threads_that_were_there_before_v8_started(child_ok):
    code = """
        import threading, v8snap
        barrier = threading.Barrier(4)
        results = []
        def work():
            barrier.wait()  # all threads exist, and one of them starts V8
            for _ in range(5):
                with v8snap.Isolate() as iso, iso.new_context() as ctx:
                    results.append(ctx.eval("let n = 0; for (let i = 0; i < 2e5; i++) n += 1; n"))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(results == [200000] * 20)
    """
    assert child_ok(code) == "True\n"


def test_two_isolates_run_in_parallel(child_ok):
    code = """
        import os, threading, time, v8snap
        SPIN = "const end = Date.now() + 500; let n = 0; while (Date.now() < end) n++; n"
        def work():
            with v8snap.Isolate() as iso, iso.new_context() as ctx:
                ready.wait()
                ctx.eval(SPIN)
        ready = threading.Barrier(3)
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        ready.wait()
        wall = time.monotonic()
        for thread in threads:
            thread.join()
        # Each spins for half a second of the clock: one after the other would take a whole one.
        print(time.monotonic() - wall < 0.9)
    """
    assert child_ok(code) == "True\n"


def test_python_without_its_lock_is_refused(child_ok):
    code = """
        import sys
        sys._is_gil_enabled = lambda: False  # what a free-threaded Python says that was told to stay so
        try:
            import v8snap._v8
        except ImportError as error:
            print("PYTHON_GIL" in str(error))
    """
    assert child_ok(code) == "True\n"


# The main thread is about to want an isolate that another one's endless loop has.
WAITING = """
import os, signal, sys, threading, time, v8snap
iso = v8snap.Isolate()
ctx = iso.new_context()
began = threading.Event()
ctx.globals["began"] = began.set
def loop():
    try:
        ctx.eval("began(); for (;;);", timeout=20)
    except v8snap.JSTerminatedError:
        pass
thread = threading.Thread(target=loop)
thread.start()
began.wait()
sent = []
def send(number):
    time.sleep(0.2)
    sent.append(time.monotonic())
    os.kill(os.getpid(), number)
def stop():
    iso.terminate()
    thread.join()
"""


@pytest.mark.parametrize("use", ["ctx.eval('1')", "ctx.globals", "iso.close()"])
def test_control_c_while_another_thread_has_the_isolate(child_ok, use):
    code = f"""
threading.Thread(target=send, args=(signal.SIGINT,)).start()
try:
    {use}
except KeyboardInterrupt:
    print(time.monotonic() - sent[0] < 0.2)
stop()
print(ctx.eval("1 + 1"))
"""
    assert child_ok(WAITING + code) == "True\n2\n"


def test_a_handler_uses_the_isolate_that_its_thread_waits_for(child_ok):
    code = """
def handle(*_):
    stop()
    print(ctx.eval("2"))
signal.signal(signal.SIGUSR1, handle)
threading.Thread(target=send, args=(signal.SIGUSR1,)).start()
print(ctx.eval("3"))
"""
    assert child_ok(WAITING + code) == "2\n3\n"


@pytest.mark.parametrize("end", ["pass", "sys.exit(3)"])
def test_a_handler_forks_while_its_thread_waits(child_ok, end):
    code = f"""
import warnings
warnings.simplefilter("ignore")  # that a child is forked beside threads
children = []
def handle(*_):
    children.append(os.fork())
    if children[-1]:
        stop()
    else:
        {end}
signal.signal(signal.SIGUSR1, handle)
threading.Thread(target=send, args=(signal.SIGUSR1,)).start()
try:
    print(ctx.eval("4"), flush=True)
except v8snap.ForkedIsolateError:
    os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
"""
    assert child_ok(WAITING + code) == "4\n3\n"
