"""What comes and goes again and again, and how much memory that leaves behind: a process for each kind.

    python tests/leaks.py        measure all, and put the figures into docs/reference/proof.json

A few of them take minutes. ``test_leaks.py`` says what they may be.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

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
    "module": (ISOLATE, "isolate.new_context().import_module('m.mjs', resolve={'m.mjs': 'export default 1'})"),
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
        ISOLATE
        + FAILING
        + "def fail(i):\n    raise KeyError(i)\nctx.globals['fail'] = fail\nf = ctx.eval('(i) => fail(i)')",
        "failing(KeyError, lambda: f(i))",
    ),
    "error that JavaScript catches": (
        ISOLATE + "def fail(i):\n    raise KeyError(i)\nctx.globals['fail'] = fail\n"
        "f = ctx.eval('(i) => { try { fail(i) } catch (e) { return e.message } }')",
        "f(i)",
    ),
    "timeout that isn't needed": (ISOLATE, "ctx.eval('1', timeout=10)"),
}

#: The same with a number of cycles of its own.
OTHERS = {
    "timeout": (
        5000,
        ISOLATE + FAILING,
        "failing(v8snap.JSTimeoutError, lambda: ctx.eval('for (;;);', timeout=0.001))",
    ),
    "termination": (
        20_000,
        ISOLATE + FAILING + "ctx.globals['stop'] = isolate.terminate",
        "failing(v8snap.JSTerminatedError, lambda: ctx.eval('stop(); for (;;);'))",
    ),
    "full heap": (
        200,
        ISOLATE.replace("Isolate()", "Isolate(heap_limit=16 * 2**20)") + FAILING,
        "failing(v8snap.JSMemoryError, lambda: ctx.eval('{ const all = []; for (;;) all.push([1, 2, 3]) }'))",
    ),
    "thread that used an isolate": (
        60_000,
        ISOLATE,
        "t = threading.Thread(target=ctx.eval, args=('1',)); t.start(); t.join()",
    ),
    "helper process": (200, "", "v8snap.build({'a.js': 'var n = 1'})"),
}

#: Kind -> (cycles, what is done first, what is done again and again)
ALL = {
    **{kind: (2000, *program) for kind, program in OBJECTS.items()},
    **{f"call: {kind}": (200_000, *program) for kind, program in CALLS.items()},
    **OTHERS,
}
#: Bytes that the second half of the cycles may add: the allocator's and V8's pages come and go.
MOST = 3 * 2**20


def grown(kind):
    """Bytes that the second half of the cycles adds to a process of its own."""
    cycles, setup, cycle = ALL[kind]
    indented = "\n".join("        " + line for line in cycle.splitlines())
    code = PROGRAM.replace("{setup}", setup).replace("{cycle}", indented)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-P", "-c", code, str(cycles)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, env=environment, check=False)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{kind}: exit status {done.returncode}: {done.stderr}")
    return int(done.stdout)


def main():
    """Measure all, and put the figures into docs/reference/proof.json."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
    import proof_page

    import v8snap

    versions = {"V8": v8snap.v8_version(), "Python": platform.python_version()}
    for kind, (cycles, *_) in ALL.items():
        bytes_more = grown(kind)
        print(f"{kind}: {bytes_more:,} bytes", flush=True)
        if bytes_more >= MOST:
            sys.exit("that is too much")
        proof_page.record("leaks", kind, {**versions, "cycles": cycles, "bytes": bytes_more})


if __name__ == "__main__":
    main()
