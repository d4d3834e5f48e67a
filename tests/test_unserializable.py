"""What would kill V8 when a blob is made or loaded is refused; each in a process of its own, as V8 may die."""

import pytest

REFUSED = {
    "Intl": "globalThis.f = new Intl.NumberFormat('de')",
    "Intl in a closure": "const f = new Intl.Collator(); globalThis.g = () => f.compare('a', 'b')",
    "more than a blob can hold": "globalThis.b = new ArrayBuffer(1.2 * 2 ** 30)",
    "frozen global": "Object.freeze(globalThis)",
    "frozen Error": "Object.freeze(Error)",
    "fixed stackTraceLimit": "Object.defineProperty(Error, 'stackTraceLimit', {value: 1, configurable: false})",
    "finalizer that never rests": """globalThis.r = new FinalizationRegistry(() => r.register({}, 1));
        for (let i = 0; i < 9; i++) r.register({}, 1)""",
}

FINE = {
    "Intl that was dropped": "new Intl.NumberFormat('de').format(1); (5).toLocaleString('de')",
    "stackTraceLimit": "Error.stackTraceLimit = 50; delete Error.stackTraceLimit; Error.stackTraceLimit = 3",
    "errors with a stack": """Error.stackTraceLimit = 5; globalThis.e = new Error('x');
        try { null.x } catch (x) { globalThis.f = x }""",
    "finalizers": "globalThis.r = new FinalizationRegistry(() => {}); for (let i = 0; i < 99; i++) r.register({}, i)",
    "weak": "globalThis.w = [new WeakRef({}), new WeakMap([[{}, 1]]), new WeakSet([{}])]",
    "asm.js": """function M() { 'use asm'; function f(x) { x = x | 0; return (x + 1) | 0 } return f };
        globalThis.m = M()""",
    "pending": "globalThis.p = new Promise(() => {}); globalThis.g = (function* () { yield 1 })(); g.next()",
    "buffers": "globalThis.b = [new ArrayBuffer(8), new Uint8Array(1000), new DataView(new ArrayBuffer(5))]",
    "big": "globalThis.a = new Array(1e6).fill(0).map((_, i) => ({i})); globalThis.s = 'x'.repeat(2 ** 24)",
    "proxies": "globalThis.p = [new Proxy({}, {}), Proxy.revocable({}, {}).proxy]",
    "own Error": "globalThis.Error = class extends Error {}; globalThis.Object = null; globalThis.Reflect = null",
    "accessors on Object.prototype": "Object.defineProperty(Object.prototype, 'x', {get() { throw 1 }})",
    "no globals": "for (const k of Object.getOwnPropertyNames(globalThis)) try { delete globalThis[k] } catch {}",
    "hot code": """function hot(n) { let s = 0; for (let i = 0; i < n; i++) s += i; return s };
        for (let i = 0; i < 99; i++) hot(1e4)""",
}

CODE = """
    import sys, v8snap
    sc = v8snap.SnapshotCreator()
    sc.context.eval(sys.argv[1])
    try:
        blob = sc.create_blob()
    except v8snap.UnserializableError as error:
        print("refused", *error.paths)
        assert sc.closed
    else:
        for _ in range(2):
            with v8snap.Isolate(blob) as iso, iso.new_context() as ctx:
                ctx.eval("1 + 1")
        print("fine")
    with v8snap.Isolate() as iso:
        print(iso.new_context().eval("1 + 1"))
"""


@pytest.mark.parametrize("what", REFUSED)
def test_refused(child_ok, what):
    answer = child_ok(CODE, REFUSED[what]).split()
    assert (answer[0], answer[-1]) == ("refused", "2")


def test_paths_are_named(child_ok):
    assert "globalThis.Error" in child_ok(CODE, REFUSED["frozen Error"])


@pytest.mark.parametrize("what", FINE)
def test_fine(child_ok, what):
    assert child_ok(CODE, FINE[what]).split() == ["fine", "2"]


def test_stack_trace_limit_works_after_load(child_ok):
    code = """
        import v8snap
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("Error.stackTraceLimit = 1; function fail() { throw new Error('x') }", "lib.js")
        with v8snap.Isolate(sc.blob) as iso, iso.new_context() as ctx:
            stack = ctx.eval("try { fail() } catch (e) { e.stack }")
            print(ctx.eval("typeof Error.stackTraceLimit"), "lib.js" in stack)
    """
    assert child_ok(code).split() == ["number", "True"]


def test_errors_kept_in_the_heap_have_no_stack_but_live(child_ok):
    code = """
        import v8snap
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("globalThis.e = new TypeError('kept')")
        with v8snap.Isolate(sc.blob) as iso, iso.new_context() as ctx:
            try:
                ctx.eval("throw e")
            except v8snap.JSError as error:
                print(error.name, error.message)
    """
    assert child_ok(code).split() == ["TypeError", "kept"]
