"""State never crosses contexts of a pool's isolate: neither what a request changes nor what it leaves to be done."""

import json
import time

import pytest

import v8snap
from v8snap import IsolatePool

# What a hostile request does, and what the next one must see.
POLLUTIONS = {
    "a global": ("globalThis.leak = 1; var leaked = 2; 1", "typeof leak + typeof leaked", "undefined" * 2),
    "a lexical name": (
        "let secret = 1; const other = 2; class Mine {}",
        "typeof secret + typeof Mine",
        "undefined" * 2,
    ),
    "prototypes": (
        "for (const each of [Object, Array, Map, Set, Date, Promise, RegExp, Error, String, Function, Uint8Array])"
        " each.prototype.leak = 1; 1",
        "[{}, [], new Map(), new Date(), Promise.resolve(), /x/, new Error(), '', eval].every(x => x.leak === void 0)",
        True,
    ),
    "iteration": (
        "Array.prototype[Symbol.iterator] = function* () { yield 'mine' }; 1",
        "[...[1, 2]].join()",
        "1,2",
    ),
    "intrinsics without a name": (
        "Object.getPrototypeOf(async () => {}).leak = Object.getPrototypeOf([][Symbol.iterator]()).leak ="
        " Object.getPrototypeOf(Uint8Array).leak = Object.getPrototypeOf(function* () {}).leak = 1",
        "typeof (async () => {}).leak + typeof [].values().leak + typeof (function* () {}).leak",
        "undefined" * 3,
    ),
    "built-ins that were replaced": (
        "JSON.parse = Object.keys = Math.random = Promise.prototype.then = () => 'mine'; Array = Error = null; 1",
        "JSON.parse('[1]')[0] + Object.keys({a: 1}).length + typeof Array + (Math.random() !== Math.random())",
        "2functiontrue",
    ),
    "what the last match was": ("/(\\w+) secret/.exec('my secret'); 1", "RegExp.$1 + RegExp.lastMatch", ""),
    "a template's object": (
        "const tag = (strings) => strings; globalThis.seen = tag`a${1}b`; seen.raw",
        "const tag = (strings) => strings; Object.isFrozen(tag`a${1}b`) && Object.keys(tag`a${1}b`).join()",
        "0,1",
    ),
    "a private name": (
        "class A { #p = 1; static read(x) { return #p in x } }; globalThis.A = A; 1",
        "class A { #p = 1; static read(x) { return #p in x } }; A.read(new A()) && !A.read({})",
        True,
    ),
    "stack traces": (
        "Error.stackTraceLimit = 0; Error.prepareStackTrace = () => 'mine'; 1",
        "Error.stackTraceLimit > 0 && typeof Error.prepareStackTrace + (new Error('x').stack !== 'mine')",
        "undefinedtrue",
    ),
    "what is frozen": ("Object.freeze(globalThis); Object.freeze(Object.prototype); 1", "var x = 1; x", 1),
    "a global with accessors": (
        "const define = Object.defineProperty; for (const name of ['Object', 'undefinedThing', 'user'])"
        " define(globalThis, name, {get() { throw new Error('asked') }, configurable: false}); 1",
        "typeof Object + typeof undefinedThing + typeof user",
        "functionundefinedundefined",
    ),
    "the same script's functions": (
        "function f() { return f.calls = (f.calls || 0) + 1 } f(); f(); 1",
        "function f() { return f.calls = (f.calls || 0) + 1 } f()",
        1,
    ),
}


@pytest.fixture
def pool():
    with IsolatePool(None, 1, timeout=30) as made:
        yield made


def two_requests(pool, first, second):
    """Both in the same isolate."""
    with pool.context() as ctx:
        first(ctx)
        isolate = ctx.isolate
    with pool.context() as ctx:
        assert ctx.isolate is isolate
        return second(ctx)


@pytest.mark.parametrize("what", POLLUTIONS)
def test_what_a_request_changes_is_gone(pool, what):
    change, look, expected = POLLUTIONS[what]
    assert two_requests(pool, lambda ctx: ctx.eval(change, "app.js"), lambda ctx: ctx.eval(look, "app.js")) == expected


@pytest.mark.parametrize("what", POLLUTIONS)
def test_what_a_request_changes_is_gone_in_a_pool_of_a_blob(make_blob, what):
    change, look, expected = POLLUTIONS[what]
    with IsolatePool(make_blob(), 1, timeout=30) as pool:
        seen = two_requests(pool, lambda ctx: ctx.eval(change, "app.js"), lambda ctx: ctx.eval(look, "app.js"))
    assert seen == expected


# What is in the snapshot, what a hostile request does to it, and what is seen of it before and by the next one.
IN_THE_SNAPSHOT = {
    "a variable": ("let n = 1; var old = 'a'; n++", "n = old = 7; 1", "n + old", "2a"),
    "what a constant holds": (
        "const o = {list: [1, 2], deep: {x: 1}}",
        "o.list.length = 1; o.deep.x = 2; o.added = 1; Object.setPrototypeOf(o.deep, null); Object.freeze(o); 1",
        "JSON.stringify(o) + Object.isFrozen(o) + (Object.getPrototypeOf(o.deep) === Object.prototype)",
        '{"list":[1,2],"deep":{"x":1}}falsetrue',
    ),
    "a closure": ("const count = (() => { let n = 0; return () => ++n })(); count()", "count(); 1", "count()", 2),
    "collections": (
        "const k = {}, m = new Map([[k, 1], ['b', 2]]), s = new Set([k]), w = new WeakMap([[k, 3]]),"
        " v = new WeakSet([k])",
        "m.set(k, 9); m.delete('b'); s.clear(); w.set(k, 9); v.delete(k); 1",
        "[...m.values(), s.size, w.get(k), v.has(k)].join()",
        "1,2,1,3,true",
    ),
    "a class": (
        "class K { static n = 1; static #p = 1; static bump() { return ++K.#p } m() { return 'm' }"
        " #f = 5; f(x) { return this.#f = x ?? this.#f } } const made = new K()",
        "K.n = 9; K.bump(); K.added = 1; K.prototype.m = () => 'mine'; made.f(6); delete K.prototype.f; 1",
        "[K.n, K.bump(), K.added, new K().m(), made.f?.()].join()",
        "1,2,,m,5",
    ),
    "a template's object": (
        "const seen = new Map(), tag = (s) => { seen.set(s, (seen.get(s) ?? 0) + 1); return seen.get(s) },"
        " site = () => tag`a${1}`; site()",
        "site(); site(); 1",
        "site() + '' + seen.size",
        "21",
    ),
    "where an expression stopped": (
        "const r = /a/g, y = /./y; r.exec('aaa'); y.test('xx')",
        "r.exec('aaa'); y.test('xx'); r.compile('b', 'g'); r.lastIndex = 3; 1",
        "[r.lastIndex, y.lastIndex, r.source].join()",
        "1,1,a",
    ),
    "prototypes": (
        "Array.prototype.mine = 1; class A {} class B extends A {} const b = new B(), {push} = Array.prototype",
        "Array.prototype.mine = 2; Object.setPrototypeOf(B.prototype, Array.prototype); Array.prototype.push = null; 1",
        "[[].mine, b instanceof A, [].push === push].join()",
        "1,true,true",
    ),
    "memory": (
        "const small = new Uint8Array([1, 2]), large = new Float64Array(1e5).fill(1),"
        " view = new DataView(large.buffer)",
        "small.fill(9); large.fill(9); 1",
        "[small.join(), large.every((x) => x === 1), view.getUint8(7)].join()",
        "1,2,true,63",
    ),
    "what goes on": (
        "let settle, then = 0; new Promise((f) => { settle = f }).then((x) => { then = x });"
        " const g = (function* () { yield 1; yield 2; yield 3 })(); g.next()",
        "settle(5); g.next(); 1",
        "then + '' + g.next().value",
        "02",
    ),
    "globals": (
        "globalThis.there = 1; Object.defineProperty(globalThis, 'asked', {get: () => 'a', configurable: true});"
        " function f() {} f.n = 1",
        "delete globalThis.there; Object.defineProperty(globalThis, 'asked', {value: 'mine'}); f.n = 2; f = () => 1; 1",
        "typeof there + asked + f.n + f.name",
        "numbera1f",
    ),
    "dates, errors and proxies": (
        "const d = new Date(5), e = new Error('x'), p = Proxy.revocable({x: 1}, {}), q = new Proxy(d, {})",
        "d.setTime(0); e.message = 'mine'; p.revoke(); q.added = 1; 1",
        "[d.getTime(), e.message, (() => { try { return p.proxy.x } catch { return 'revoked' } })(), d.added].join()",
        "5,x,1,",
    ),
}


def assert_the_snapshots_state(blob, change, look, expected):
    """Three requests; also that there is something that the second one changes, and sees."""
    with IsolatePool(blob, 1, timeout=30) as pool:
        isolates = []
        for hostile in (False, True, False):
            with pool.context() as ctx:
                isolates.append(ctx.isolate)
                if hostile:
                    change(ctx)
                    assert look(ctx) != expected
                else:
                    assert look(ctx) == expected
        assert isolates[0] is isolates[1] is isolates[2]


@pytest.mark.parametrize("what", IN_THE_SNAPSHOT)
def test_the_next_request_starts_with_what_the_snapshot_has(make_blob, what):
    source, change, look, expected = IN_THE_SNAPSHOT[what]
    blob = make_blob({"lib.js": source})
    assert_the_snapshots_state(blob, lambda ctx: ctx.eval(change), lambda ctx: ctx.eval(look), expected)


def test_the_next_request_starts_with_the_snapshots_modules():
    sources = {"m": "import {list} from 'lib'; export let n = 1; export const up = () => ++n; export {list}; up()"}
    sources["lib"] = "export const list = [1]; export default {}"
    with v8snap.SnapshotCreator() as sc:
        sc.add_module("m", sources["m"], resolve=sources)
        sc.add_module("lib", sources["lib"])

    def fetch(ctx):
        """Data can be fetched once."""
        if "m" not in ctx.globals:
            ctx.globals["m"], ctx.globals["lib"] = ctx.data("m"), ctx.data("lib")
        return ctx.globals["m"], ctx.globals["lib"]

    def change(ctx):
        module, lib = fetch(ctx)
        module["up"]()
        module["list"].append(2)
        lib["default"]["leak"] = 1

    def look(ctx):
        module, lib = fetch(ctx)
        return module["n"], module["list"].to_py(), lib["default"].to_py(), lib["list"].to_py()

    assert_the_snapshots_state(sc.blob, change, look, (2, [1], {}, [1]))


def test_a_python_function_is_each_contexts_own(pool):
    """Else one request could change what another one calls, and listen."""

    def log(*arguments):
        return len(arguments)

    def hostile(ctx):
        ctx.globals["log"] = log
        ctx.eval(
            "log.mark = 1; log.call = () => 'mine'; Object.setPrototypeOf(log, {apply: () => 'mine'});"
            "Object.defineProperty(Function.prototype, 'bind', {value: () => () => 'mine'});"
            "Object.defineProperty(log, 'name', {value: 'mine'}); Object.freeze(log); 1"
        )

    def next_one(ctx):
        ctx.globals["log"] = log
        return ctx.eval(
            "JSON.stringify([log.mark === void 0, log.call(null, 1), log.apply(null, [1, 2]), log.bind(null)(1, 2, 3),"
            " log.name, Object.getPrototypeOf(log) === Function.prototype, Object.isExtensible(log)])"
        )

    assert json.loads(two_requests(pool, hostile, next_one)) == [True, 1, 2, 3, "log", True, True]


def test_it_is_the_same_one_in_its_context():
    def log():
        return 1

    with v8snap.Isolate() as iso, iso.new_context() as one, iso.new_context() as two:
        for ctx in (one, two):
            ctx.globals["a"], ctx.globals["b"] = log, log
            assert ctx.eval("a === b && Object.getPrototypeOf(a) === Function.prototype")
        assert two.eval("(f) => f === a")(one.globals["a"]) is False
        assert two.eval("(f) => f()")(one.globals["a"]) == 1
        with iso.new_context() as three:
            three.globals["a"] = log
            assert three.eval("Object.getPrototypeOf(a) === Function.prototype")


# What V8 is still compiling keeps the registry alive, and so its finalizers.
COMPILE = "WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))"
REGISTER = f"for (let i = 0; i < 100; i++) r.register({{}}, 1); {COMPILE}.then(() => r); 1"

# What is left to do when a request ends; `told` says that it was done.
LEFT = {
    "finalizers": "var r = new FinalizationRegistry(() => { try { told() } catch {} }); " + REGISTER,
    "WebAssembly that is being compiled": f"{COMPILE}.then(told, told); 1",
    "an endless reaction to WebAssembly": f"{COMPILE}.then(() => {{ for (;;); }}); 1",
    "Atomics.waitAsync": (
        "Atomics.waitAsync?.(new Int32Array(new SharedArrayBuffer(8)), 0, 0, 20).value.then(told, told); 1"
    ),
    "timers": "setTimeout(told, 0); setInterval(told, 1); queueMicrotask(() => setTimeout(told, 1)); 1",
    "a rejection": "Promise.reject(new Error('mine')); 1",
}


@pytest.mark.parametrize("what", LEFT)
def test_what_a_request_leaves_to_be_done_is_never_done(what):
    told, reported = [], []

    def hostile(ctx):
        ctx.isolate.on_unhandled_rejection = lambda error: None
        ctx.globals["told"] = lambda *values: told.append(values)
        ctx.eval(LEFT[what])

    def next_one(ctx):
        told.clear()
        ctx.isolate.on_unhandled_rejection = reported.append
        time.sleep(0.03)
        for _ in range(2):
            ctx.isolate.low_memory_notification()
            ctx.isolate.run_pending_tasks(timeout=2)
            ctx.run_until_idle(timeout=1)
        return ctx.eval("1 + 1")

    with IsolatePool(None, 1, timeout=2, host=["timers"]) as pool:
        assert two_requests(pool, hostile, next_one) == 2
        assert (told, reported) == ([], [])
        assert pool.statistics().replaced == {}


def test_endless_finalizers_of_a_request_that_ended_are_stopped(pool):
    """V8 has no way to drop them. The time limit is for all of them together."""

    def next_one(ctx):
        ctx.isolate.timeout = 0.1
        with pytest.raises(v8snap.JSTimeoutError):
            ctx.isolate.low_memory_notification()
        return ctx.eval("1 + 1")

    hostile = "var r = new FinalizationRegistry(() => { for (;;); }); " + REGISTER
    assert two_requests(pool, lambda ctx: ctx.eval(hostile), next_one) == 2
    assert pool.statistics().replaced == {"timeout": 1}


def test_a_promise_that_another_request_settles_goes_no_further(pool):
    """Not even where Python still has what settles it."""
    kept, told = [], []

    def hostile(ctx):
        ctx.globals["keep"] = kept.append
        ctx.globals["told"] = told.append
        ctx.eval("new Promise((settle) => keep(settle)).then(told); (async () => { await null; told(1) })(); 1")
        told.clear()

    def next_one(ctx):
        with pytest.raises(v8snap.ClosedError):
            kept[0](1)
        return ctx.eval("Promise.resolve(1).then((x) => x + 1)").result()

    assert two_requests(pool, hostile, next_one) == 2
    assert told == []


def test_nothing_is_called_once_its_context_is_closed():
    """A function that another context has kept."""
    calls = []
    with v8snap.Isolate() as iso, iso.new_context() as two:
        with iso.new_context() as one:
            one.globals["f"] = lambda: calls.append(1)
            two.globals["g"] = one.eval("() => { try { return f() } catch (error) { return error.message } }")
            assert two.eval("g()") is None
        assert "closed" in two.eval("g()")
    assert calls == [1]


def test_what_a_function_gives_is_made_in_its_own_context():
    """Also where JavaScript of another one runs: a job of the first, or a function handed over."""
    with v8snap.Isolate() as iso, iso.new_context() as one, iso.new_context() as two:
        makers = {"dict": dict, "list": list, "callable": lambda: lambda: 1, "bytes": lambda: b"x", "set": set}
        kinds = {"dict": "Object", "list": "Array", "callable": "Function", "bytes": "Uint8Array", "set": "Set"}

        def fail():
            raise ValueError("mine")

        for name, make in makers.items():
            one.globals[name] = make
            look = one.eval(f"() => Object.getPrototypeOf({name}()) === {kinds[name]}.prototype")
            assert two.eval("(look) => look()")(look) is True, name
        one.globals["fail"] = fail
        look = one.eval("() => { try { fail() } catch (error) { return error instanceof Error } }")
        assert two.eval("(look) => look()")(look) is True
        settle = one.eval(
            "new Promise((done) => { globalThis.done = done })"
            ".then(() => { globalThis.same = Object.getPrototypeOf(dict()) === Object.prototype }); done"
        )
        two.eval("(settle) => settle(1)")(settle)
        assert one.globals["same"] is True


def test_registered_symbols_are_the_isolates(pool):
    """What the language says: the registry is one for all contexts. A symbol carries nothing but its name."""
    first = two_requests(
        pool,
        lambda ctx: ctx.eval("Symbol.for('shared')[Symbol.iterator] = 1; Symbol.for('shared').leak = 1; 1"),
        lambda ctx: ctx.eval("Symbol.for('shared').leak === void 0 && Symbol.for('shared').description"),
    )
    assert first == "shared"


def test_modules_are_each_contexts_own(pool):
    sources = {"m": "export const seen = []; export default {}; globalThis.loads = (globalThis.loads || 0) + 1"}

    def load(ctx):
        module = ctx.import_module("m", resolve=sources.get and (lambda name, _: sources[name]))
        count = module["seen"].to_py()
        module["seen"].append(1)
        module["default"]["leak"] = 1
        return count, ctx.globals["loads"]

    assert two_requests(pool, load, load) == ([], 1)


def test_compiled_code_carries_no_state(pool):
    """One script object, and one code cache, for many requests."""
    source = "var n = (globalThis.n || 0) + 1; (function () { return (this.calls = (this.calls || 0) + 1) })() + n"
    caches = []

    def run(ctx):
        script = ctx.compile(source, "s.js", cached_data=caches[0] if caches else None)
        result = script.run(ctx)
        caches.append(script.create_code_cache())
        return result

    assert two_requests(pool, run, run) == 2


def test_random_numbers_and_identity_differ(pool):
    def numbers(ctx):
        return ctx.eval("Array.from({length: 5}, () => Math.random())").to_py()

    seen = []
    two_requests(pool, lambda ctx: seen.append(numbers(ctx)), lambda ctx: seen.append(numbers(ctx)))
    assert not set(seen[0]) & set(seen[1])


def test_the_console_and_clocks_are_each_contexts_own():
    lines = []
    with IsolatePool(None, 1, host=["console", "performance"], console=lambda level, text: lines.append(text)) as pool:

        def hostile(ctx):
            ctx.eval("console.time('t'); console.count('c'); console.group('g'); console.log = () => 1; 1")

        def next_one(ctx):
            lines.clear()
            ctx.eval("console.count('c'); console.log('mine'); console.timeEnd('t'); 1")
            return lines[:2]

        assert two_requests(pool, hostile, next_one) == ["c: 1", "mine"]
