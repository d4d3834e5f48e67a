# ruff: noqa: E501 (JavaScript in tables)
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

# What is in the heap, and what is asked of it after the restore. Between two questions microtasks run, and V8 collects
# garbage; the last answer is true where all is well.
FINE = {
    "Intl that was dropped": (
        "new Intl.NumberFormat('de').format(1); globalThis.s = (5).toLocaleString('de')",
        "s === '5' && new Intl.NumberFormat('de').format(1234.5) === '1.234,5' && (1234.5).toLocaleString('de') === '1.234,5'",
    ),
    "stackTraceLimit": (
        "Error.stackTraceLimit = 50; delete Error.stackTraceLimit; Error.stackTraceLimit = 3",
        """function deep(n) { return n ? deep(n - 1) : new Error('x').stack.split('\\n').length - 1 }
           Error.stackTraceLimit === 3 && deep(20) === 3 && (Error.stackTraceLimit = 7, deep(20) === 7)""",
    ),
    "errors with a stack": (
        """Error.stackTraceLimit = 5; globalThis.e = new Error('x');
           try { null.x } catch (x) { globalThis.f = x }""",
        """e.message === 'x' && e.constructor === Error && f instanceof TypeError && f.message.includes('null') &&
           [e, f].every((x) => ['string', 'undefined'].includes(typeof x.stack)) && String(e) === 'Error: x'""",
    ),
    "finalizers": (
        """globalThis.told = []; globalThis.r = new FinalizationRegistry((x) => told.push(x));
           for (let i = 0; i < 99; i++) r.register({}, i)""",
        "globalThis.before = told.length; r.register({}, 'after'); 1",
        "before === 99 && told.length === 100 && told[99] === 'after' && new Set(told).size === 100",
    ),
    "finalizers of what dies after the restore": (
        """globalThis.told = []; globalThis.kept = [{}, {}, {}]; globalThis.token = {};
           globalThis.r = new FinalizationRegistry((x) => told.push(x));
           r.register(kept[0], 'first'); r.register(kept[1], 'never', token); r.register(kept[2], 'last')""",
        "globalThis.before = told.length; globalThis.known = r.unregister(token); kept.length = 1; 1",
        "globalThis.between = told.join(); kept.length = 0; 1",
        "before === 0 && known && between === 'last' && told.join() === 'last,first' && !r.unregister(token)",
    ),
    "weak": (
        """globalThis.kept = {}; globalThis.w = [new WeakRef({}), new WeakMap([[{}, 1], [kept, 2]]), new WeakSet([{}, kept])];
           globalThis.held = new WeakRef(kept); globalThis.chain = new WeakMap([[kept, {}]]); chain.set(chain.get(kept), 3)""",
        """globalThis.first = w[0].deref() === undefined && held.deref() === kept && w[1].get(kept) === 2 && w[2].has(kept) &&
           !w[2].has({}) && chain.get(chain.get(kept)) === 3 && w[1].set(w, 4).get(w) === 4""",
        "first && held.deref() === kept && (kept = null, true)",
        "first && held.deref() === undefined",
    ),
    "asm.js": (
        """function M(stdlib, foreign, heap) { 'use asm'; var i32 = new stdlib.Int32Array(heap), twice = foreign.twice;
             function f(x) { x = x | 0; i32[0] = x; return (x + 1) | 0 }
             function g(x) { x = +x; return +(x * 0.5) } function h(x) { x = x | 0; return twice(x | 0) | 0 }
             return {f: f, g: g, h: h} }
           const heap = new ArrayBuffer(65536), made = M(globalThis, {twice: (x) => x * 2}, heap); made.f(1)
           function Never() { 'use asm'; function f(x) { x = x | 0; return (x + 2) | 0 } return f }""",
        """made.f(41) === 42 && new Int32Array(heap)[0] === 41 && made.f(2 ** 31 - 1) === -(2 ** 31) && made.g(5) === 2.5 &&
           made.h(21) === 42 && Never()(1) === 3 && M(globalThis, {twice: (x) => -x}, new ArrayBuffer(65536)).h(3) === -3""",
    ),
    "pending": (
        """globalThis.seen = []; let settle, fail;
           globalThis.p = new Promise((f) => { settle = f }); globalThis.q = new Promise((_, f) => { fail = f });
           p.then((x) => { seen.push(x); return x + 1 }).then((x) => seen.push(x)); q.catch((x) => seen.push(x));
           (async () => { seen.push('a' + await p); try { await q } catch (x) { seen.push('a' + x) } })();
           globalThis.g = (function* () { const x = yield 1; yield x })(); g.next()""",
        "globalThis.before = seen.length; p.then((x) => seen.push('late' + x)); settle(5); settle(6); 1",
        "globalThis.between = seen.join(); fail('no'); 1",
        """before === 0 && between === '5,a5,late5,6' && seen.join() === between + ',no,ano' && g.next(7).value === 7 &&
           g.next().done""",
    ),
    "buffers": (
        """globalThis.b = [new ArrayBuffer(8), new Uint8Array(1000), new DataView(new ArrayBuffer(5))];
           b[1][999] = 7; b[2].setUint8(4, 9)""",
        """b[0].byteLength === 8 && b[1].length === 1000 && b[1][999] === 7 && b[2].byteLength === 5 && b[2].getUint8(4) === 9 &&
           (b[1].fill(3), b[1].every((x) => x === 3)) && (new Uint8Array(b[2].buffer)[0] = 5, b[2].getUint8(0) === 5)""",
    ),
    "big": (
        "globalThis.a = new Array(1e6).fill(0).map((_, i) => ({i})); globalThis.s = 'x'.repeat(2 ** 24)",
        """a.length === 1e6 && a.every((o, i) => o.i === i) && s.length === 2 ** 24 && !/[^x]/.test(s) &&
           (a[1e6] = 1, a.length === 1e6 + 1)""",
    ),
    "proxies": (
        """globalThis.seen = []; const traps = {get(t, k) { seen.push(k); return k }, has: () => true, ownKeys: () => ['a'],
             deleteProperty: () => false, apply: (f, self, given) => given.length, construct: () => ({made: 1})};
           globalThis.p = [new Proxy({}, {}), Proxy.revocable({}, {}).proxy, new Proxy({}, traps), new Proxy(class {}, traps)];
           globalThis.later = Proxy.revocable({x: 1}, {}); globalThis.dead = Proxy.revocable({}, {}); dead.revoke()""",
        """const fails = (f) => { try { f() } catch (e) { return e instanceof TypeError } };
           p[0].x = 1; p[1].y = 2; p[0].x === 1 && p[1].y === 2 && p[2].key === 'key' && seen.join() === 'key' && 'z' in p[2] &&
           Reflect.ownKeys(p[2]).join() === 'a' && !Reflect.deleteProperty(p[2], 'a') && p[3](1, 2) === 2 &&
           new p[3]().made === 1 && later.proxy.x === 1 && (later.revoke(), fails(() => later.proxy.x)) &&
           fails(() => dead.proxy.x)""",
    ),
    "own Error": (
        """globalThis.Mine = class extends Error { mine() { return 1 } }; globalThis.Error = Mine; globalThis.Object = null;
           globalThis.Reflect = null""",
        """let thrown; try { null.x } catch (e) { thrown = e }
           Error === Mine && new Error('x').mine() === 1 && new Error('x').message === 'x' && Object === null &&
           Reflect === null && thrown instanceof TypeError && !(thrown instanceof Mine)""",
    ),
    "accessors on Object.prototype": (
        "Object.defineProperty(Object.prototype, 'x', {get() { throw 1 }})",
        "try { ({}).x } catch (e) { e === 1 && ({y: 2}).y === 2 && [3].length === 1 }",
    ),
    "no globals, but those that V8 adds to when it loads a blob": (
        """const all = globalThis, added = ['Math', 'Atomics', 'JSON', 'Intl', 'ArrayBuffer', 'SharedArrayBuffer'];
           for (const k of Object.getOwnPropertyNames(all)) try { added.includes(k) || delete all[k] } catch {}""",
        """typeof Object + typeof Map + typeof globalThis + typeof Promise + typeof Proxy === 'undefined'.repeat(5) &&
           [1, 2].map((x) => x * 2).join() === '2,4' && {}.constructor.keys({a: 1})[0] === 'a' && Math.max(1, 2) === 2 &&
           all.all === undefined""",
    ),
    "hot code": (
        """function hot(n) { let s = 0; for (let i = 0; i < n; i++) s += i; return s };
           for (let i = 0; i < 99; i++) hot(1e4)""",
        "let t = 0; for (let i = 0; i < 999; i++) t += hot(1e3); t === 999 * 499500 && hot(1e4) === 49995000 && hot(0.5) === 0",
    ),
}

CODE = """
    import sys, v8snap
    sc = v8snap.SnapshotCreator()
    made, *asked = sys.argv[1:]
    sc.context.eval(made)
    try:
        blob = sc.create_blob()
    except v8snap.UnserializableError as error:
        print("refused", *error.paths)
        assert sc.closed
    else:
        for _ in range(2):
            with v8snap.Isolate(blob) as iso, iso.new_context() as ctx:
                for question in asked[:-1]:
                    ctx.eval(question)
                    iso.low_memory_notification()
                print(ctx.eval(asked[-1]))
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
    assert child_ok(CODE, *FINE[what]).split() == ["True", "True", "2"]


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
