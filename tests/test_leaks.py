"""Nothing that comes and goes leaves memory behind, however often: each kind of object, call and error."""

import pytest

PROGRAM = """
import ctypes, gc, os, sys, threading, time
import v8snap
from v8snap import Isolate, IsolatePool, SnapshotCreator

def resident():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

cycles, settle = int(sys.argv[1]), lambda: None
{setup}

def run(count):
    for i in range(count):
{cycle}
    settle()
    return resident()

run(cycles // 4)
before = run(cycles // 4)
print(run(cycles // 2) - before)
"""

ISOLATE = """
isolate = Isolate()
ctx = isolate.new_context()
settle = isolate.low_memory_notification
"""
FAILING = """
def failing(error_class, work):
    try:
        work()
    except error_class:
        return
    raise AssertionError("no error")
"""

#: (what is done first, what is done again and again)
OBJECTS = {
    "isolate": ("", "with Isolate() as iso: pass"),
    "isolate and context, dropped": ("", "Isolate().new_context().eval('1')"),
    "creator with a blob": ("", "with SnapshotCreator() as sc: sc.context.eval('function f() { return 1 }')"),
    "creator without a blob": ("", "SnapshotCreator().new_context()"),
    "context": (ISOLATE, "isolate.new_context().close()"),
    "context, dropped": (ISOLATE, "isolate.new_context().eval('1')"),
    "value": (ISOLATE, "ctx.eval('({a: [1, 2]})').a"),
    "script": (ISOLATE, "ctx.compile(f'{i}').run(ctx)"),
    "function": (ISOLATE, "ctx.globals['f'] = lambda: i; ctx.globals['f']()"),
    "promise": (ISOLATE, "ctx.eval('Promise.resolve(new Promise(() => 0)).then(() => 0)').state"),
    "promise of Python's": (ISOLATE, "ctx.globals['p'] = ctx._new_promise()"),
    "buffer": (ISOLATE, "memoryview(ctx.eval('new Uint8Array(10000)')).release()"),
    "buffer of Python's": (ISOLATE, "ctx.to_js(b'x' * 10000)"),
    "view that outlives its isolate": ("", "memoryview(Isolate().new_context().eval('new Uint8Array(1000)'))[0]"),
    "blob": (
        "with SnapshotCreator() as sc: sc.context.eval('var n = 1')\nraw = bytes(sc.blob)",
        "v8snap.StartupData(raw).sections",
    ),
    "isolate of a blob": (
        "with SnapshotCreator() as sc: sc.context.eval('var n = 1')",
        "with Isolate(sc.blob) as iso: iso.new_context().eval('n')",
    ),
    "pool": ("", "with IsolatePool(size=1) as pool, pool.context() as request: request.eval('1')"),
    "module": (ISOLATE, "isolate.new_context().import_module('export default 1', 'm.mjs')"),
}

CALLS = {
    "eval": (ISOLATE, "ctx.eval('1')"),
    "call": (ISOLATE + "f = ctx.eval('(a, b) => a + b')", "f(i, 'text')"),
    "callback": (ISOLATE + "ctx.globals['f'] = lambda a: [a]\ng = ctx.eval('(a) => f(a)')", "g(i)"),
    "copies": (ISOLATE + "f = ctx.eval('(a) => a')", "f([{'a': i, 'b': str(i)}]).to_py()"),
    "error of JavaScript's": (
        ISOLATE + FAILING + "f = ctx.eval('(i) => { throw new Error(i) }')",
        "failing(v8snap.JSError, lambda: f(i))",
    ),
    "error of Python's": (
        ISOLATE + FAILING + "def fail(i):\n    raise KeyError(i)\nctx.globals['fail'] = fail\nf = ctx.eval('(i) => fail(i)')",
        "failing(KeyError, lambda: f(i))",
    ),
    "error that JavaScript catches": (
        ISOLATE + "def fail(i):\n    raise KeyError(i)\nctx.globals['fail'] = fail\n"
        "f = ctx.eval('(i) => { try { fail(i) } catch (e) { return e.message } }')",
        "f(i)",
    ),
    "timeout that isn't needed": (ISOLATE, "ctx.eval('1', timeout=10)"),
}

TIMEOUT = (ISOLATE + FAILING, "failing(v8snap.JSTimeoutError, lambda: ctx.eval('for (;;);', timeout=0.001))")
TERMINATION = (
    ISOLATE + FAILING + "ctx.globals['stop'] = isolate.terminate",
    "failing(v8snap.JSTerminatedError, lambda: ctx.eval('stop(); for (;;);'))",
)
MEMORY = (
    "isolate = Isolate(heap_limit=16 * 2**20)\nctx = isolate.new_context()\nsettle = isolate.low_memory_notification"
    + FAILING,
    "failing(v8snap.JSMemoryError, lambda: ctx.eval('{ const all = []; for (;;) all.push([1, 2, 3]) }'))",
)
THREAD = (ISOLATE, "t = threading.Thread(target=ctx.eval, args=('1',)); t.start(); t.join()")
HELPER = ("", "v8snap.build({'a.js': 'var n = 1'})")


def grown(child_ok, program, cycles):
    """Bytes that the second half of so many cycles adds to the process."""
    setup, cycle = program
    indented = "\n".join("        " + line for line in cycle.splitlines())
    code = PROGRAM.replace("{setup}", setup).replace("{cycle}", indented)
    return int(child_ok(code, cycles, timeout=1800))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", OBJECTS)
def test_two_thousand_of_each_kind_of_object(child_ok, kind):
    assert grown(child_ok, OBJECTS[kind], 2000) < 3 * 2**20


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", CALLS)
def test_two_hundred_thousand_of_each_kind_of_call(child_ok, kind):
    assert grown(child_ok, CALLS[kind], 200_000) < 2 * 2**20


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("program", "cycles"), [(TIMEOUT, 5000), (TERMINATION, 20_000), (MEMORY, 200), (HELPER, 200)])
def test_stops_and_helper_processes(child_ok, program, cycles):
    assert grown(child_ok, program, cycles) < 3 * 2**20


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_threads_that_used_an_isolate_and_ended(child_ok):
    assert grown(child_ok, THREAD, 20_000) < 2**20


def test_blobs_are_held_as_long_as_isolates_use_them(child_ok):
    code = """
    import sys, v8snap
    with v8snap.SnapshotCreator() as sc:
        sc.context.eval("var n = 1")
    blob = sc.blob
    before = sys.getrefcount(blob)
    for _ in range(20):
        with v8snap.Isolate(blob) as isolate, isolate.new_context() as ctx:
            assert ctx.eval("n") == 1
            assert sys.getrefcount(blob) > before
        with v8snap.SnapshotCreator(existing_blob=blob) as layer:
            layer.context.eval("n++")
        try:
            v8snap.Isolate(blob, external_references={"a": 1})
        except TypeError:
            pass
        with v8snap.IsolatePool(blob, 2) as pool, pool.context() as ctx:
            pass
        del isolate, ctx, layer, pool
    print(sys.getrefcount(blob) - before)
    """
    assert child_ok(code) == "0\n"
