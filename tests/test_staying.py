"""A thread stays in the isolate that it alone uses; nothing of that is seen, whatever ends first and where."""

import pytest

# An isolate that this thread stays in.
STAY = """
import gc, threading, v8snap
def stay():
    iso = v8snap.Isolate()
    ctx = iso.new_context()
    assert ctx.eval("1 + 1") == 2
    return iso, ctx
def elsewhere(work):
    out = []
    thread = threading.Thread(target=lambda: out.append(work()))
    thread.start(); thread.join()
    return out[0]
"""


@pytest.mark.parametrize(
    "after",
    [
        "other, ctx = stay(); other.close()",
        "sc = v8snap.SnapshotCreator(); sc.context.eval('1'); sc.create_blob()",
        "v8snap.Isolate().close()",
        "del iso; gc.collect(); stay()[0].close()",
        "elsewhere(lambda: stay()[0].close()); stay()[0].close()",
        "assert [stay()[1].eval('2') for _ in range(50)] == [2] * 50",
        "",
    ],
)
@pytest.mark.parametrize("end", ["iso.close()", "del iso, ctx; gc.collect()"])
def test_closed_by_another_thread_than_the_one_that_stays(child_ok, end, after):
    code = f"""
        box = [stay()]
        def close():
            iso, ctx = box.pop()
            {end}
        elsewhere(close)
        iso = None
        {after}
        print("ok")
    """
    assert child_ok(STAY + "\n".join(line[8:] for line in code.splitlines())) == "ok\n"


def test_the_thread_that_stays_ends_first(child_ok):
    code = """
for _ in range(20):
    iso, ctx = elsewhere(stay)
    assert ctx.eval("6 * 7") == 42
    iso.close()
print("ok")
"""
    assert child_ok(STAY + code) == "ok\n"


def test_creators_come_and_go_while_a_thread_stays(child_ok):
    code = """
iso, ctx = stay()
with v8snap.SnapshotCreator() as outer:
    outer.context.eval("var x = 1")
    assert ctx.eval("2") == 2
    with v8snap.SnapshotCreator() as inner:
        inner.context.eval("var y = 1")
        assert ctx.eval("3") == 3
    other, other_ctx = stay()
    assert ctx.eval("4") == 4
    iso.close()
    assert other_ctx.eval("5") == 5
    outer.context.eval("x = 2")
other.close()
assert stay()[1].eval("6") == 6
print("ok")
"""
    assert child_ok(STAY + code) == "ok\n"


@pytest.mark.parametrize("end", ["create_blob", "_discard"])
def test_a_creator_ends_after_another_thread_closed_where_this_one_stayed(child_ok, end):
    code = f"""
for _ in range(20):
    creator = v8snap.SnapshotCreator()
    creator.context.eval("var x = 1")
    iso, ctx = stay()
    elsewhere(iso.close)
    creator.{end}()
    assert stay()[1].eval("1") == 1
    gc.collect()
print("ok")
"""
    assert child_ok(STAY + code) == "ok\n"


def test_isolates_call_each_other(child_ok):
    code = """
iso, ctx = stay()
two, there = stay()
there.globals["back"] = lambda n: ctx.eval(f"down({n})")
ctx.globals["over"] = lambda n: there.eval(f"back({n})")
ctx.eval("function down(n) { return n === 0 ? 0 : 1 + over(n - 1) }")
for _ in range(5):
    assert ctx.eval("down(40)") == 40
    assert there.eval("back(3)") == 3
two.close()
assert ctx.eval("7") == 7
elsewhere(iso.close)
print("ok")
"""
    assert child_ok(STAY + code) == "ok\n"


def test_an_isolate_is_made_and_closed_in_a_callback(child_ok):
    code = """
iso, ctx = stay()
def work(where):
    other, there = stay()
    assert there.eval("8") == 8
    where(other.close)
ctx.globals["here"] = lambda: work(lambda close: close())
ctx.globals["there"] = lambda: work(elsewhere)
ctx.eval("for (let i = 0; i < 10; i++) { here(); there() }")
assert ctx.eval("9") == 9
print("ok")
"""
    assert child_ok(STAY + code) == "ok\n"


def test_no_thread_has_to_be_made_to_take_an_isolate_over(child_ok):
    code = """
import resource
iso, ctx = stay()
others = [elsewhere(stay) for _ in range(3)]
end = threading.Event()
for _ in range(8):  # they take the stacks that glibc keeps
    threading.Thread(target=end.wait, daemon=True).start()
def use():
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 2**20, resource.RLIM_INFINITY))
    print(others[0][1].eval("1"), end=" ")
    others.pop(1)[0].close()
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return others[0][1].eval("2")
ctx.globals["use"] = use
print(ctx.eval("use()"), elsewhere(lambda: others[0][1].eval("3")), others[1][1].eval("4"))
for each, _ in others:
    each.close()
end.set()
"""
    assert child_ok(STAY + code) == "1 2 3 4\n"


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_threads_isolates_and_creators(child_ok, seed):
    code = f"""
import random, sys
from concurrent.futures import ThreadPoolExecutor
random.seed({seed})
pools = [ThreadPoolExecutor(1) for _ in range(3)]
isolates, depth = [], 0

def use():
    if not isolates:
        return make()
    iso, ctx = random.choice(isolates)
    assert ctx.eval("40 + 2") == 42

def make():
    isolates.append(stay())

def close():
    if isolates:
        isolates.pop(random.randrange(len(isolates)))[0].close()

def drop():
    if isolates:
        isolates.pop(random.randrange(len(isolates)))
        gc.collect()

def create():
    with v8snap.SnapshotCreator() as sc:
        sc.context.eval("var x = 1")
        step()

def nest():
    if not isolates or depth > 3:
        return
    iso, ctx = isolates.pop(random.randrange(len(isolates)))  # nobody else's while it runs
    ctx.globals["f"] = step
    ctx.eval("f()")
    isolates.append((iso, ctx))

def step():
    global depth
    depth += 1
    action = random.choices([use, make, close, drop, create, nest], [12, 3, 2, 1, 1, 3])[0]
    if depth < 4 and random.random() < 0.5:
        random.choice(pools).submit(action).result() if depth == 1 else action()
    else:
        action()
    depth -= 1

for _ in range(400):
    step()
    while len(isolates) > 4:
        close()
print("ok")
"""
    assert child_ok(STAY + code, timeout=120) == "ok\n"


def test_a_thread_that_starts_while_javascript_runs_gets_the_gil(child_ok):
    code = """
        import threading, time, v8snap
        beats = []
        def beat():
            while not done.is_set():
                beats.append(1)
                time.sleep(0.002)
        done = threading.Event()
        iso = v8snap.Isolate()
        ctx = iso.new_context()
        ctx.globals["start"] = lambda: threading.Thread(target=beat).start()
        ctx.eval("start(); const end = Date.now() + 1000; while (Date.now() < end);")
        seen = len(beats)
        done.set()
        print(seen > 50, seen)
    """
    assert child_ok(code).startswith("True")


def test_a_thread_of_no_python_gets_the_gil_while_javascript_runs(child_ok):
    code = """
        import ctypes, time, v8snap
        libc = ctypes.CDLL(None)
        ran = []
        Routine = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
        routine = Routine(lambda _: ran.append(time.monotonic()))
        thread = ctypes.c_ulong()
        begin = ctypes.PyDLL(None).pthread_create  # with the GIL held: it waits for that
        iso = v8snap.Isolate()
        ctx = iso.new_context()
        ctx.globals["start"] = lambda: begin(ctypes.byref(thread), None, routine, None) and None
        ctx.eval("start(); const end = Date.now() + 1000; while (Date.now() < end);")
        ended = time.monotonic()
        libc.pthread_join(thread, None)
        print(ended - ran[0] > 0.5)
    """
    assert child_ok(code) == "True\n"


def test_a_busy_thread_lets_another_have_its_turn(child_ok):
    code = """
        import threading, time, v8snap
        iso = v8snap.Isolate()
        ctx = iso.new_context()
        f = ctx.eval("(n) => { for (let i = 0; i < 2000; i++) n += i; return n }")
        counts = [0, 0, 0]
        end = time.monotonic() + 1.5
        def work(i):
            while time.monotonic() < end:
                f(1)
                counts[i] += 1
        threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(min(counts) * 10 > sum(counts) / 3, counts)
    """
    assert child_ok(code).startswith("True")
