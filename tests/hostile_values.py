# ruff: noqa: E501 (JavaScript in tables)
"""Values that fight back, and the program that uses each in every way there is.

    python tests/hostile_values.py KIND

Each use works or raises what a user can expect; after each value its isolate works as before. Values are named before
they are used, so that the last line tells which one killed the process; the very last line is their number.
"""

import asyncio
import contextlib
import faulthandler
import itertools
import os
import sys
import warnings

import v8snap
from v8snap import _v8

sys.path.insert(0, os.path.dirname(__file__))
from own_mistakes import Expected, found

EXPECTED = (
    v8snap.V8SnapError,
    TypeError,
    ValueError,
    OverflowError,
    LookupError,
    AttributeError,
    RecursionError,
    BufferError,
    MemoryError,
    TimeoutError,
)
LIMIT = 0.15  # seconds for each call of JavaScript
MAKING = 10  # and for making a value, where there has to be one
MOST = 200  # elements that an endless iterator is asked for

GETTERS = {
    "throws": "({get x() { throw new Error('mine') }, get y() { throw null }})",
    "throws itself": "(() => { const o = {get x() { throw o }}; return o })()",
    "gives itself": "({get x() { return this }})",
    "gives ever deeper objects": "(() => { const deep = () => ({get x() { return deep() }}); return deep() })()",
    "gives ever more keys": "({get a() { this['k' + Math.random()] = this.a2; return 1 }, get b() { return this.a }})",
    "deletes the rest": "({get a() { delete this.b; delete this.c; return 1 }, b: 1, c: [2]})",
    "empties the array": "(() => { const a = [0, {get x() { a.length = 0 }}, 2, 3]; return a })()",
    "makes the array endless": "(() => { const a = [{get x() { a.push({...this}); a.push(this) }}]; return a })()",
    "makes the array long": "(() => { const a = [{get x() { a.length = 2 ** 32 - 1; return 1 }}, 2]; return a })()",
    "an accessor for an element": "Object.defineProperty([1, 2, 3], 1, {get() { this.length = 1; return [] }})",
    "changes the array's elements' kind": "(() => { const a = [1.5, {get x() { a[0] = {}; a[9999] = 1 }}, 2.5]; return a })()",
    "makes a proxy of the prototype": (
        "(() => { const o = {get x() { Object.setPrototypeOf(o, new Proxy({}, {get() { throw 1 }})) }, y: 1}; return o })()"
    ),
    "changes a Map meanwhile": "(() => { const m = new Map([['a', {get x() { m.clear(); m.set('z', m) }}], ['b', 1]]); return m })()",
    "fills a Map for ever": "(() => { const m = new Map([[0, {get x() { m.set(m.size, {...this}); return 1 }}]]); return m })()",
    "changes a Set meanwhile": "(() => { const s = new Set([{get x() { s.clear() }}, 1, 2]); return s })()",
    "grows WebAssembly's memory": (
        "(() => { const m = new WebAssembly.Memory({initial: 1, maximum: 9});"
        " const a = new Uint8Array(m.buffer); return [a, {get x() { m.grow(1); return a }}, a, m.buffer] })()"
    ),
    "never ends": "({a: 1, get x() { for (;;); }})",
    "asks Python": "({get x() { return echo([this, () => this.x]) }})",
    "asks Python for this": "({get x() { return look(this) }})",
    "closes its context": "({get x() { close(); return [1, {}] }, y: {z: 1}})",
    "closes its isolate": "({get x() { closeIsolate(); return [1, {}] }, y: {z: 1}})",
    "terminates": "({get x() { terminate(); return 1 }, y: {z: 1}})",
    "collects garbage": "({get x() { collect(); return [1, {}] }, y: [{}]})",
    "makes contexts": "({get x() { return another() }, y: 1})",
    "raises in Python": "({get x() { return raises() }})",
    "a length of its own": "Object.defineProperty(new Uint8Array(4), 'length', {get() { return 2 ** 31 }})",
    "a byteLength of its own": "Object.defineProperty(new ArrayBuffer(4), 'byteLength', {get() { return 2 ** 40 }})",
    "a name of its own": "Object.defineProperty(() => 1, 'name', {get() { for (;;); }})",
    "a constructor that has none": "Object.assign(Object.create(null), {constructor: {get name() { throw 1 }}})",
}

PROXIES = {
    "every trap throws": "new Proxy({}, new Proxy({}, {get() { throw new Error('mine') }}))",
    "every trap is endless": "new Proxy({}, new Proxy({}, {get() { for (;;); }}))",
    "every trap recurses": "(() => { const p = new Proxy({}, new Proxy({}, {get(t, k) { return () => p[k] }})); return p })()",
    "lies about its keys": "new Proxy({}, {ownKeys() { return ['a', 'b', 'a'] }})",
    "has keys that are not there": "new Proxy({}, {ownKeys() { return ['a', 'b'] }})",
    "has endless keys": (
        "new Proxy({}, {ownKeys() { return {get length() { return 2 ** 53 }, get(i) { return 'k' + i }} }})"
    ),
    "has many keys": "new Proxy({}, {ownKeys() { return Array.from({length: 1e4}, (_, i) => 'k' + i) }})",
    "describes what is not": (
        "new Proxy({}, {ownKeys() { return ['a'] }, getOwnPropertyDescriptor() {"
        " return {value: 1, configurable: true, enumerable: true} }, get() { return p }})"
    ),
    "is its own prototype": "(() => { const p = new Proxy({}, {getPrototypeOf() { return p }}); return p })()",
    "a chain of prototypes": (
        "(() => { let p = null; for (let i = 0; i < 5e4; i++) p = Object.create(p); return p })()"
    ),
    "a chain of proxies": "(() => { let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p })()",
    "a chain of proxies of an array": "(() => { let p = []; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p })()",
    "a chain of proxies of a function": (
        "(() => { let p = () => 1; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p })()"
    ),
    "a chain of bound functions": "(() => { let f = () => 1; for (let i = 0; i < 1e5; i++) f = f.bind(); return f })()",
    "revoked": "(() => { const r = Proxy.revocable({}, {}); r.revoke(); return r.proxy })()",
    "revoked array": "(() => { const r = Proxy.revocable([], {}); r.revoke(); return r.proxy })()",
    "revoked function": "(() => { const r = Proxy.revocable(() => 1, {}); r.revoke(); return r.proxy })()",
    "revokes itself": "(() => { const r = Proxy.revocable([1, 2], {get(t, k) { r.revoke(); return t[k] }}); return r.proxy })()",
    "array of endless length": "new Proxy([], {get(t, k) { return k === 'length' ? Infinity : 1 }})",
    "array of no number as length": "new Proxy([], {get(t, k) { return k === 'length' ? Symbol() : 1 }})",
    "array of a BigInt as length": "new Proxy([], {get(t, k) { return k === 'length' ? 5n : 1 }})",
    "array of negative length": "new Proxy([], {get(t, k) { return k === 'length' ? -5 : 1 }})",
    "array that changes its length": "(() => { let n = 9; return new Proxy([], {get(t, k) { return k === 'length' ? --n : n }}) })()",
    "of a Map": "new Proxy(new Map([[1, 2]]), {})",
    "of a Date": "new Proxy(new Date(), {})",
    "of a typed array": "new Proxy(new Uint8Array(4), {})",
    "of a promise": "new Proxy(Promise.resolve(1), {})",
    "of an error": "new Proxy(new Error('x'), {})",
    "of Python's function": "new Proxy(echo, {apply(f, self, given) { return f(f, self, ...given) }})",
    "of the global object": "new Proxy(globalThis, {})",
    "closes when asked": "new Proxy({a: 1}, {ownKeys() { close(); return ['a'] }, get() { close(); return {} }})",
    "closes the isolate when asked": "new Proxy([1], {get() { closeIsolate(); return 3 }})",
    "terminates when asked": "new Proxy([1], {get() { terminate(); return 3 }})",
}

SIZES = {
    "array-like of 2 ** 53": "({length: 2 ** 53, 0: 1})",
    "longest sparse array": "(() => { const a = []; a.length = 2 ** 32 - 1; return a })()",
    "last element of the longest": "(() => { const a = []; a[2 ** 32 - 2] = 1; return a })()",
    "index that is none": "Object.assign([], {'4294967295': 1, '-1': 2, '1e3': 3, '01': 4})",
    "keys that are numbers": "Object.fromEntries(Array.from({length: 999}, (_, i) => [i * 4e6, i]))",
    "a string of many parts": "(() => { let s = ''; for (let i = 0; i < 3e5; i++) s = s + 'ab'; return [s, {[s]: 1}] })()",
    "a deep tree of strings": "(() => { let s = 'ab'; for (let i = 0; i < 20; i++) s = s + s.slice(1) + 'x'; return [s] })()",
    "a long key": "({['k'.repeat(2 ** 24)]: 1})",
    "a symbol with a long description": "Symbol('k'.repeat(2 ** 24))",
    "a function with a long name": "({['f'.repeat(2 ** 22)]() {}})['f'.repeat(2 ** 22)]",
    "a huge BigInt": "2n ** 1000000n",
    "an error with a long message": "new Error('x'.repeat(2 ** 24))",
    "nested a hundred thousand deep": "(() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a })()",
    "objects a hundred thousand deep": "(() => { let a = {}; for (let i = 0; i < 1e5; i++) a = {a}; return a })()",
    "Maps a hundred thousand deep": "(() => { let a = 1; for (let i = 0; i < 1e5; i++) a = new Map([[1, a]]); return a })()",
    "causes a hundred thousand deep": (
        "(() => { const limit = Error.stackTraceLimit; Error.stackTraceLimit = 0; let e = null;"
        " for (let i = 0; i < 1e5; i++) e = new Error('x', {cause: e}); Error.stackTraceLimit = limit; return e })()"
    ),
    "lone surrogates everywhere": r"({['\ud800']: '\udc00', s: Symbol('\ud800'), f: {['\udfff']() {}}['\udfff']})",
    "NUL everywhere": r"({['a\0b']: '\0', f: {['\0']() {}}['\0'], e: new Error('\0')})",
    "an empty everything": "[[], {}, '', new Map(), new Set(), new ArrayBuffer(0), new Uint8Array(0), Symbol(), 0n, -0]",
    "dates beyond dates": "[new Date(8.64e15), new Date(-8.64e15), new Date(NaN), new Date(-62135596800001)]",
    "a detached view of nothing": "new Float64Array(new WebAssembly.Memory({initial: 0}).buffer)",
    "shared memory": "[new SharedArrayBuffer(8), new Int32Array(new SharedArrayBuffer(8)), new SharedArrayBuffer(0)]",
    "arguments": "(function (a, b) { a = 9; arguments.length = 2 ** 31; return arguments })(1, 2)",
}

RUNS = {
    "thenables without end": "(async () => { const next = () => ({then(f) { f(next()) }}); await next() })()",
    "a thenable that gives itself": "(async () => { const t = {then(f) { f(t) }}; await t })()",
    "a thenable that settles twice and throws": "(async () => await {then(f, g) { f(1); g(2); throw 3 }})()",
    "a promise that is its own": "(() => { let f; const p = new Promise((g) => { f = g }); f(p); return p })()",
    "a then that asks Python": "(async () => await {then: echo})()",
    "a then that closes": "(async () => await {then(f) { close(); f(1) }})()",
    "promises without end": "(async function again() { await null; return again() })()",
    "an async generator without end": "(async function* () { for (let i = 0;; i++) yield i })()",
    "an async generator that never leaves": "(async function* () { for (;;) try { yield 1 } finally { continue } })()",
    "a generator without end": "(function* () { for (;;) yield [] })()",
    "a generator that never leaves": "(function* () { for (;;) try { yield 1 } finally { continue } })()",
    "a generator that runs itself": "(() => { const g = (function* () { yield* g })(); return g })()",
    "an iterator that gives nothing": "({[Symbol.iterator]() { return {next() { return 1 }} }})",
    "an iterator of the wrong kind": "({[Symbol.iterator]: 5, [Symbol.asyncIterator]: 'x'})",
    "an iterator that closes": "({*[Symbol.iterator]() { yield 1; close(); yield 2 }})",
    "waiting on memory": "Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)",
    "waiting on memory in a getter": "({get x() { return Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0) }})",
    "catastrophic regular expressions": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
    "many groups": "/^((((((a*)*)*)*)*)*)*$/.test('a'.repeat(40) + 'b')",
    "catastrophic replacement": "'x'.repeat(60).replace(/(x+x+)+y/g, () => 1)",
    "a comparator that recurses": "(() => { const f = () => { [3, 1, 2].sort(f); return 0 }; return f() })()",
    "a comparator that lies": "Array.from({length: 999}, (_, i) => i).sort(() => Math.random() - 0.5)",
    "a comparator that empties": "(() => { const a = [3, 1, 2, 5, 4]; a.sort(() => { a.length = 0; return 1 }); return a })()",
    "toString that recurses": "(() => { const o = {toString() { return `${o}` }}; return o + '' })()",
    "toJSON that recurses": "JSON.stringify({toJSON() { return {x: {toJSON: this.toJSON}} }})",
    "JSON of proxies without end": (
        "(() => { const deep = () => new Proxy({}, {get: deep, ownKeys() { return ['a'] },"
        " getOwnPropertyDescriptor() { return {enumerable: true, configurable: true, value: 1} }}); return JSON.stringify(deep()) })()"
    ),
    "JSON a million deep": "JSON.parse('['.repeat(1e6))",
    "source a million deep": "eval('['.repeat(1e6))",
    "parentheses a million deep": "eval('('.repeat(1e6) + ')'.repeat(1e6))",
    "a regular expression a million deep": "new RegExp('('.repeat(1e6) + ')'.repeat(1e6))",
    "templates nested deep": "eval('`${'.repeat(1e5) + '}`'.repeat(1e5))",
    "flat without end": "(() => { const a = []; a.push(a, a); return a.flat(Infinity) })()",
    "concat of what lies": "[].concat({length: 2 ** 53 - 1, [Symbol.isConcatSpreadable]: true}, [1])",
    "species that lies": "(() => { class A extends Array { static get [Symbol.species]() { return function () { return [] } } }"
    " return new A(1, 2, 3).map((x) => x) })()",
    "toPrimitive that closes": "`${{[Symbol.toPrimitive]() { close(); return 'x' }}}`",
    "hasInstance that closes": "({}) instanceof {[Symbol.hasInstance]() { closeIsolate(); return true }}",
    "eval that defines over and over": "for (let i = 0; i < 300; i++) (0, eval)(`var v${i} = ${i}; function f${i}() {}`); 1",
    "apply with too many": "Math.max.apply(null, {length: 2 ** 31})",
    "Python with too many": "echo(...new Array(1e5).fill(1))",
    "Python by apply": "Reflect.apply(echo, {get x() { throw 1 }}, {length: 1e5})",
    "Python in a comparator": "[3, 1, 2].sort((a, b) => echo(a - b))",
    "Python as everything": "[[1, [2]].flatMap(echo), Array.from({length: 3}, echo), 'aa'.replace(/a/g, echo)]",
    "Python as a trap": "new Proxy({a: 1}, {get: echo, has: echo, ownKeys: echo, getPrototypeOf: echo})",
    "Python as a getter and setter": "Object.defineProperty({}, 'x', {get: echo, set: echo, enumerable: true})",
    "Python as an executor": "new Promise(echo)",
    "Python as a constructor's species": "Object.assign([1], {constructor: {[Symbol.species]: echo}}).map((x) => x)",
    "Python as toString": "`${{toString: look}}` + {valueOf: echo, toString: raises}",
    "Python as iterator": "({[Symbol.iterator]: echo})",
}

ERRORS = {
    "prepareStackTrace throws": "Error.prepareStackTrace = () => { throw 1 }; null.x",
    "prepareStackTrace never ends": "Error.prepareStackTrace = () => { for (;;); }; new Error('x').stack; null.x",
    "prepareStackTrace makes errors": "Error.prepareStackTrace = () => new Error('y').stack; throw new Error('x')",
    "prepareStackTrace gives frames": "Error.prepareStackTrace = (e, frames) => frames; throw new Error('x')",
    "prepareStackTrace closes": "Error.prepareStackTrace = () => { close(); return 'x' }; throw new Error('x')",
    "a stack limit that is huge": "Error.stackTraceLimit = 2 ** 31; (function f(n) { if (n) f(n - 1); else throw new Error('x') })(500)",
    "a stack limit that is none": "Error.stackTraceLimit = 'many'; throw new Error('x')",
    "a stack limit with a getter": "Object.defineProperty(Error, 'stackTraceLimit', {get() { close(); return 1 }}); null.x",
    "captureStackTrace on odd things": (
        "for (const o of [globalThis, [], () => 1, new Map(), new Uint8Array(2)]) Error.captureStackTrace(o); throw globalThis"
    ),
    "captureStackTrace on a proxy": "Error.captureStackTrace(new Proxy({}, {defineProperty() { throw 1 }})); throw 2",
    "a name that never ends": "throw Object.defineProperty(new Error('x'), 'name', {get() { for (;;); }})",
    "a message that closes": "throw Object.defineProperty(new Error('x'), 'message', {get() { close(); return 'x' }})",
    "a cause that never ends": "throw Object.defineProperty(new Error('x'), 'cause', {get() { return new Error('y', {cause: this}) }})",
    "a stack that terminates": "throw Object.defineProperty(new Error('x'), 'stack', {get() { terminate(); return 'x' }})",
    "throws a revoked proxy": "const r = Proxy.revocable({}, {}); r.revoke(); throw r.proxy",
    "throws a proxy": "throw new Proxy(new Error('x'), new Proxy({}, {get() { throw 1 }}))",
    "throws what has no prototype": "throw Object.setPrototypeOf(new Error('x'), null)",
    "throws what is an error no more": "throw Object.setPrototypeOf(new Error('x'), new Proxy({}, {get() { throw 1 }}))",
    "throws a symbol": "throw Symbol('x')",
    "throws a function of Python's": "throw echo",
    "throws Python's error again": "try { raises() } catch (e) { e.message = {}; e.name = Symbol(); throw e }",
    "throws Python's error's proxy": "try { raises() } catch (e) { throw new Proxy(e, {}) }",
    "throws Python's error as a cause": "try { raises() } catch (e) { e.cause = e; throw new Error('x', {cause: e}) }",
    "throws in a finally": "try { raises() } finally { throw 5 }",
    "overflows the stack in a catch": "(function f() { try { f() } catch (e) { f() } })()",
    "overflows the stack in Python": "(function f() { call(f) })()",
    "replaces Error and throws": "Error = class extends Error { get name() { return this } }; throw new Error('x')",
    "an aggregate of itself": "const e = new AggregateError([], 'x'); e.errors.push(e); e.cause = e; throw e",
}

SPECIES = {
    "throws": "throw new Error('mine')",
    "gives what is none": "return function () { return [] }",
    "gives no promise": "return function (settles) { settles(() => 0, () => 0); return {} }",
    "gives too little": "return function () { return new Uint8Array(1) }",
    "closes": "close(); return function () { return {} }",
    "never ends": "for (;;);",
}
SUBCLASSED = {
    "Array": "A.from([1, 2, 3])",
    "Uint8Array": "new A(9)",
    "ArrayBuffer": "new A(9)",
    "Promise": "new A((settle) => settle(1))",
    "Promise, pending,": "new A(() => 1)",
    "RegExp": "new A('a', 'g')",
    "Map": "new A([['x', 1]])",
    "Set": "new A([1, 'x'])",
}
LIARS = {
    f"{base} whose species {what}": (
        f"(() => {{ class A extends {base.partition(',')[0]} {{ static get [Symbol.species]() {{ {does} }} }} return {made} }})()"
    )
    for what, does in SPECIES.items()
    for base, made in SUBCLASSED.items()
}

KINDS = {"getters": GETTERS, "proxies": PROXIES, "sizes": SIZES, "runs": RUNS, "errors": ERRORS, "species": LIARS}

# Making these ends in an error, never ends, or gives what crosses as Python's own. All others have to give a value of
# JavaScript, which each use gets.
NO_VALUE = {
    *ERRORS,
    "a huge BigInt",
    "thenables without end",
    "a thenable that gives itself",
    "promises without end",
    "waiting on memory",
    "catastrophic regular expressions",
    "many groups",
    "catastrophic replacement",
    "a comparator that recurses",
    "toString that recurses",
    "toJSON that recurses",
    "JSON of proxies without end",
    "JSON a million deep",
    "source a million deep",
    "parentheses a million deep",
    "a regular expression a million deep",
    "templates nested deep",
    "flat without end",
    "toPrimitive that closes",
    "hasInstance that closes",
    "eval that defines over and over",
    "apply with too many",
    "Python with too many",
    "Python by apply",
    "Python as a constructor's species",
    "Python as toString",
}


def first(iterable):
    return list(itertools.islice(iterable, MOST))


async def first_later(value):
    return [each async for each in _limited(value)]


async def _limited(value):
    number = 0
    async for each in value:
        yield each
        number += 1
        if number == 5:
            return


def with_loop(use):
    return lambda value, ctx: asyncio.run(use(value))


async def awaited(value):
    return await asyncio.wait_for(value, LIMIT)


USES = {
    "to_py": lambda value, ctx: value.to_py(),
    "module's to_py": lambda value, ctx: v8snap.to_py(value),
    "repr": lambda value, ctx: repr(value),
    "dir": lambda value, ctx: dir(value),
    "len": lambda value, ctx: len(value),
    "bool": lambda value, ctx: bool(value),
    "iteration": lambda value, ctx: first(value),
    "iteration from the end": lambda value, ctx: first(reversed(value)),
    "first": lambda value, ctx: value[0],
    "last": lambda value, ctx: value[-1],
    "slice": lambda value, ctx: value[-3:5],
    "property": lambda value, ctx: (value["x"], value.y, value["a"]),
    "assignment": lambda value, ctx: value.__setitem__("x", [1, {}]),
    "assignment of an element": lambda value, ctx: value.__setitem__(0, [1, {}]),
    "deletion": lambda value, ctx: value.__delitem__("x"),
    "in": lambda value, ctx: "x" in value if len(value) < 1e5 else None,
    "append": lambda value, ctx: value.append(1),
    "insert": lambda value, ctx: value.insert(0, 1) if len(value) < 1e5 else None,
    "pop": lambda value, ctx: value.pop(),
    "index": lambda value, ctx: value.index(1) if len(value) < 1e5 else None,
    "keys": lambda value, ctx: first(value.keys()),
    "call": lambda value, ctx: value(1, [2]),
    "new": lambda value, ctx: value.new(1),
    "call with this": lambda value, ctx: value.call(value, value),
    "memory": lambda value, ctx: memoryview(value).tobytes(),
    "back and forth": lambda value, ctx: ctx.eval("(x) => [x, x]")(value),
    "in Python's data": lambda value, ctx: ctx.to_js({"x": [value, value]}).to_py(),
    "as a key": lambda value, ctx: ctx.eval("(x) => new Map([[x, x]])")(value).to_py(),
    "equality and hash": lambda value, ctx: (value == value, hash(value), value in {value}),
    "result": lambda value, ctx: value.result(),
    "await": with_loop(awaited),
    "async iteration": with_loop(first_later),
    "thrown": lambda value, ctx: ctx.eval("(x) => { throw x }")(value),
    "all keys and values": lambda value, ctx: [value[key] for key in first(value)],
}


def look():
    return repr(v8snap.this()) + str(v8snap.this().to_py())


def raises():
    raise KeyError("python's")


def fresh(isolate):
    """A context with functions of Python's."""
    ctx = isolate.new_context()
    functions = {
        "echo": lambda *given: given[0] if given else None,
        "look": lambda *given: look(),
        "raises": raises,
        "call": lambda function: function(),
        "close": ctx.close,
        "closeIsolate": isolate.close,
        "terminate": isolate.terminate,
        "collect": isolate.low_memory_notification,
        "another": lambda: isolate.new_context().eval("({a: [1]})"),
    }
    for name, function in functions.items():
        ctx.globals[name] = function
    return ctx


def make(ctx, what, source):
    """The value, if there has to be one; what isn't worth any use is made all the same."""
    if what in NO_VALUE:
        with contextlib.suppress(*EXPECTED):
            assert not isinstance(ctx.eval(source), _v8.JSValue), what
        return None
    ctx.isolate.timeout = MAKING
    value = ctx.eval(source)
    ctx.isolate.timeout = LIMIT
    assert isinstance(value, _v8.JSValue), (what, value)
    return value


def attempt(isolate, what, source, use):
    ctx = fresh(isolate)
    value = make(ctx, what, source)
    try:
        with Expected(*EXPECTED):
            use(value, ctx)
    finally:
        if not ctx.closed:
            assert ctx.eval("1 + 1") == 2
            ctx.close()
    assert_healthy(isolate)
    assert not found, "\n".join(found)


def assert_healthy(isolate):
    with isolate.new_context() as ctx:
        data = {"a": [1, "x", {"b": None}]}
        assert ctx.to_js(data).to_py() == data
        assert ctx.eval("[3, 1, 2].sort().map((x) => `${x}`).join()") == "1,2,3"


def use_all(what, source):
    uses = {"nothing": lambda value, ctx: None} if what in NO_VALUE else USES
    isolate = v8snap.Isolate(timeout=LIMIT, heap_limit=256 * 2**20)
    for name, use in uses.items():
        print(f"    {name}", flush=True)
        attempt(isolate, what, source, use)
        if isolate.closed:
            isolate = v8snap.Isolate(timeout=LIMIT, heap_limit=256 * 2**20)
    isolate.close()


def main(kind):
    faulthandler.enable()
    warnings.simplefilter("ignore")
    for what, source in KINDS[kind].items():
        print(f"{kind}: {what}", flush=True)
        use_all(what, source)
    with v8snap.Isolate() as isolate:
        assert_healthy(isolate)
    print(len(KINDS[kind]))


if __name__ == "__main__":
    main(sys.argv[1])
