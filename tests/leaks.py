"""What comes and goes again and again, and how much memory that leaves behind: a process for each kind.

    python tests/leaks.py [--record] [KIND...]

``--record`` puts the figures into docs/reference/proof.json. A few kinds take minutes; ``test_leaks.py`` runs those
with fewer cycles.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
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
BLOB = """
with SnapshotCreator() as sc: sc.context.eval('var n = 1')
blob = sc.blob
"""
APP = """
os.mkdir('app')
for name, text in {
    'main.js': "import {b} from './b.js'; export default b",
    'b.js': 'export const b = 1',
    'main.cjs': "module.exports = require('./b.cjs')",
    'b.cjs': 'module.exports = 1',
}.items():
    with open(f'app/{name}', 'w') as file:
        file.write(text)
"""
LOOP = """
import asyncio
loop = asyncio.new_event_loop()
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
    "pool of a blob": (
        BLOB,
        "with IsolatePool(blob, size=1) as pool, pool.context() as request: request.eval('n')",
    ),
    "mapped file": (BLOB + "blob.save('a.v8snap')", "v8snap.StartupData.load('a.v8snap').sections"),
    "isolate of a mapped file": (
        BLOB + "blob.save('a.v8snap')",
        "with Isolate(v8snap.StartupData.load('a.v8snap')) as iso: iso.new_context().eval('n')",
    ),
    "creator on a blob": (BLOB, "with SnapshotCreator(existing_blob=blob) as sc: sc.context.eval('n')"),
    "creator with contexts, data and modules": (
        "",
        "with SnapshotCreator() as sc:\n"
        "    other = sc.new_context()\n"
        "    sc.add_context(other, name='other')\n"
        "    sc.add_data(other.eval('({})'), context=other)\n"
        "    sc.add_module('m', 'export default 1', context=other)",
    ),
    "isolate with Python's callables": (
        "with SnapshotCreator(external_references={'f': len}) as sc: sc.context.globals['f'] = sc.external('f')",
        "with Isolate(sc.blob, external_references={'f': len}) as iso: iso.new_context().eval('f([])')",
    ),
    "context with host objects": (ISOLATE, "isolate.new_context(host=['timers', 'console', 'url']).close()"),
    "code cache": (
        ISOLATE + "script = ctx.compile('1')",
        "ctx.compile('1', cached_data=script.create_code_cache())",
    ),
    "map and set": (ISOLATE, "ctx.eval('new Map([[1, {}]])')[1]; ctx.eval('new Set([{}])').add(i)"),
    "cpu profile": (ISOLATE, "with isolate.cpu_profile(): ctx.eval('1')"),
    "async iteration": (
        ISOLATE + LOOP + "async def through(values):\n    return [each async for each in values]",
        "loop.run_until_complete(through(ctx.eval('(async function* () { yield 1 })()')))",
    ),
    "module": (ISOLATE, "isolate.new_context().import_module('m.mjs', resolve={'m.mjs': 'export default 1'})"),
    "module that JavaScript imports": (
        ISOLATE,
        "other = isolate.new_context()\n"
        "other.resolve = {'m.mjs': 'export default 1'}\n"
        "assert other.eval(\"import('m.mjs')\").result().default == 1",
    ),
    "module of a folder": (
        ISOLATE + APP + "resolve = v8snap.modules.in_folder('app')",
        "assert isolate.new_context().import_module('./main.js', resolve=resolve).default == 1",
    ),
    "CommonJS module of a folder": (
        ISOLATE + APP,
        "assert isolate.new_context().require('./main.cjs', root='app') == 1",
    ),
    "symbol": (ISOLATE, "str(ctx.eval('Symbol(1)'))"),
    "BigInt": (ISOLATE + "f = ctx.eval('(n) => n + 1n')", "f(2**90 + i)"),
    "typed array": (ISOLATE, "ctx.eval('new Float64Array(100)')[1]"),
    "WebAssembly module": (
        ISOLATE,
        "ctx.eval('new WebAssembly.Instance(new WebAssembly.Module("
        "new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))).exports')",
    ),
    "WebAssembly memory": (ISOLATE, "memoryview(ctx.eval('new WebAssembly.Memory({initial: 1})').buffer).release()"),
    "unhandled rejection": (
        ISOLATE + "told = []\nisolate.on_unhandled_rejection = told.append",
        "ctx.eval('Promise.reject(new Error(1)); 1')\nassert told.pop().message == '1'",
    ),
    "task with a pool's context": (
        LOOP + "pool = IsolatePool(size=1)\n"
        "async def request():\n"
        "    async with pool.context() as ctx:\n"
        "        return await ctx.eval_async('Promise.resolve(1)')\n"
        "def settle():\n"
        "    with pool.context() as ctx:\n"
        "        ctx.isolate.low_memory_notification()",
        "assert loop.run_until_complete(request()) == 1",
    ),
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
        200_000,
        ISOLATE + FAILING,
        "failing(v8snap.JSTimeoutError, lambda: ctx.eval('for (;;);', timeout=1e-6))",
    ),
    "timeout of what has run for a while": (
        10_000,
        ISOLATE + FAILING,
        "failing(v8snap.JSTimeoutError, lambda: ctx.eval('for (;;);', timeout=0.001))",
    ),
    "termination": (
        200_000,
        ISOLATE + FAILING + "ctx.globals['stop'] = isolate.terminate",
        "failing(v8snap.JSTerminatedError, lambda: ctx.eval('stop(); for (;;);'))",
    ),
    "full heap": (
        2000,
        ISOLATE.replace("Isolate()", "Isolate(heap_limit=16 * 2**20)") + FAILING,
        "failing(v8snap.JSMemoryError, lambda: ctx.eval("
        "'{ const all = []; for (;;) all.push(new Array(1e4).fill(1.5)) }'))",
    ),
    "thread that used an isolate": (
        60_000,
        ISOLATE,
        "t = threading.Thread(target=ctx.eval, args=('1',)); t.start(); t.join()",
    ),
    "heap snapshot": (2000, ISOLATE, "isolate.write_heap_snapshot('a.heapsnapshot')"),
    "helper process": (2000, "", "v8snap.build({'a.js': 'var n = 1'})"),
}

#: Kinds with little memory of their own, which would be lost in pages that come and go: so many more of them.
MANY = {
    **dict.fromkeys(
        ["value", "function", "promise of Python's", "buffer", "buffer of Python's", "map and set", "script"], 100_000
    ),
    **dict.fromkeys(["symbol", "BigInt", "typed array", "WebAssembly module"], 100_000),
    **dict.fromkeys(["promise", "blob", "mapped file", "code cache", "async iteration", "unhandled rejection"], 20_000),
    **dict.fromkeys(["context", "context, dropped", "module", "module that JavaScript imports"], 20_000),
    **dict.fromkeys(["WebAssembly memory", "task with a pool's context", "context with host objects"], 20_000),
}

#: Kind -> (cycles, what is done first, what is done again and again)
ALL = {
    **{kind: (MANY.get(kind, 2000), *program) for kind, program in OBJECTS.items()},
    **{f"call: {kind}": (200_000, *program) for kind, program in CALLS.items()},
    **OTHERS,
}

#: Kinds that take minutes: cycles for the tests, too few to tell bytes per cycle.
SHORTER = {
    "timeout": 50_000,
    "timeout of what has run for a while": 2000,
    "full heap": 200,
    "heap snapshot": 100,
    "helper process": 150,
}

#: Bytes that the second half of the cycles may add: the allocator's and V8's pages come and go.
MOST = 3 * 2**20
#: Bytes for each cycle of that half that those pages explain; malloc's smallest block is 32.
FEW = 48
#: Times that the cycles are doubled before growth beyond that is a leak: what leaks grows with them.
DOUBLINGS = 2
FLAT = 1.25


def grown(kind, cycles=None):
    """Bytes that the second half of the cycles adds to a process of its own."""
    usual, setup, cycle = ALL[kind]
    indented = "\n".join("        " + line for line in cycle.splitlines())
    code = PROGRAM.replace("{setup}", setup).replace("{cycle}", indented)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", code, str(cycles or usual)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=3600, env=environment, check=False, cwd=folder
        )
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{kind}: exit status {done.returncode}: {done.stderr}")
    return int(done.stdout)


def per_cycle(size, cycles):
    """Bytes for each cycle of the half that was measured."""
    return size / (cycles // 2)


def measured(kind):
    """(cycles, bytes) of the run that shows that the kind leaks nothing; AssertionError where none does."""
    cycles = ALL[kind][0]
    size = grown(kind, cycles)
    for _ in range(DOUBLINGS):
        if size >= MOST or per_cycle(size, cycles) <= FEW:
            break
        before, cycles = size, 2 * cycles
        size = grown(kind, cycles)
        if size <= FLAT * before:
            break
    else:
        assert per_cycle(size, cycles) <= FEW, f"{kind}: {size:,} bytes more in {cycles:,} cycles"
    assert size < MOST, f"{kind}: {size:,} bytes more in {cycles:,} cycles"
    return cycles, size


def main():
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help="put the figures into docs/reference/proof.json")
    parser.add_argument("kinds", nargs="*", choices=[*ALL, []], metavar="KIND")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
    import proof_page

    import v8snap

    versions = {"V8": v8snap.v8_version(), "Python": platform.python_version()}
    for kind in options.kinds or ALL:
        began = time.monotonic()
        cycles, size = measured(kind)
        facts = {"cycles": cycles, "bytes": size, "bytes per cycle": round(per_cycle(size, cycles), 1)}
        facts["seconds"] = round(time.monotonic() - began)
        print(f"{kind}: {facts}", flush=True)
        if options.record:
            proof_page.record("leaks", kind, {**versions, **facts})


if __name__ == "__main__":
    main()
