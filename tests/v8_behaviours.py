# ruff: noqa: E501 (JavaScript in tables)
"""What V8's own tests of its snapshots look at, as JavaScript: what a heap can hold, and what is asked of it later."""

# Name of the behaviour: (what is in the heap, what is asked after the restore: true where all is well).
BUFFERS = {
    "empty and small buffers": (
        "const a = new ArrayBuffer(0), b = new ArrayBuffer(8), c = new Uint8Array(0); new Uint8Array(b)[7] = 9",
        "a.byteLength === 0 && c.length === 0 && new Uint8Array(b)[7] === 9 && b.slice(7).byteLength === 1",
    ),
    "typed arrays on the heap and off it": (
        """const kinds = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
             Float32Array, Float64Array];
           const small = kinds.map((K) => K.from([1, 2, 3])), large = kinds.map((K) => new K(5000).fill(7));
           const big = [BigInt64Array.of(-1n, 2n ** 62n), new BigUint64Array(1000).fill(3n)]""",
        """small.every((a, i) => a.constructor === kinds[i] && a.join() === '1,2,3' && (a[1] = 9, a[1] === 9)) &&
           large.every((a) => a.length === 5000 && a[4999] === 7 && a.buffer.byteLength === a.byteLength) &&
           big[0][1] === 2n ** 62n && big[1][999] === 3n""",
    ),
    "views of one buffer": (
        """const buffer = new ArrayBuffer(256), bytes = new Uint8Array(buffer, 8, 16), words = new Uint32Array(buffer, 8, 4),
             view = new DataView(buffer, 8, 16); words[1] = 0x01020304""",
        """bytes.buffer === buffer && words.buffer === view.buffer && bytes.byteOffset === 8 && view.byteLength === 16 &&
           view.getUint32(4, true) === 0x01020304 && (bytes[4] = 255, view.getUint8(4) === 255 && words[1] === 0x010203ff)""",
    ),
    "buffers in collections": (
        "const b = new ArrayBuffer(100), m = new Map([[b, new Uint8Array(b)]]), w = new WeakMap([[m.get(b), b]])",
        "m.get(b).buffer === b && w.get(m.get(b)) === b",
    ),
    "a buffer among classes that inherit from classes": (
        """const z = new Uint8Array(1); class A { static x() {} } class B extends A {} B.foo = ''; class C extends B {}
           class D extends C {} class E extends B {} function F() {} Object.setPrototypeOf(F, D)""",
        "z.length === 1 && F.x === A.x && F.foo === '' && Object.getPrototypeOf(E) === B",
    ),
}

# From which V8 on there is what a case needs: (major, minor). Older ones don't have it.
RESIZING, TRANSFER = (11, 1), (11, 4)
NEEDS = {
    "ArrayBuffer.prototype.resize": RESIZING,
    "ArrayBuffer.prototype.transfer": TRANSFER,
}

RESIZABLE_BUFFERS = {
    "buffers that change their length": (
        "const made = new ArrayBuffer(8, {maxByteLength: 64})",
        "made.resizable && (made.resize(32), made.byteLength === 32) && made.maxByteLength === 64",
    ),
    "views that follow such a buffer": (
        """const made = new ArrayBuffer(8, {maxByteLength: 64}), follows = new Uint8Array(made), fixed = new Uint8Array(made, 0, 4)""",
        """follows.length === 8 && fixed.length === 4 &&
           (made.resize(32), follows.length === 32 && fixed.length === 4 && (follows[31] = 7, new DataView(made).getUint8(31) === 7))""",
    ),
}

# GIVE stands for what takes the buffer's memory away and gives a new buffer of it.
GIVEN_BUFFERS = {
    "a buffer that was given away and all that looks at it": (
        """const given = new ArrayBuffer(16), bytes = new Uint8Array(given), part = new Uint16Array(given, 4, 2), rest = new Uint8Array(given, 2),
             words = new DataView(given), some = new DataView(given, 8, 4), before = bytes.fill(5).length, there = GIVE(given)""",
        """before === 16 && given.byteLength === 0 && new Uint8Array(there).join() === Array(16).fill(5).join() &&
           [bytes, part, rest].every((a) => a.length === 0 && a.byteLength === 0 && a.byteOffset === 0 && a[0] === undefined &&
             a.buffer === given && (a[0] = 7, a[0] === undefined) && Object.keys(a).length === 0) && words.buffer === given &&
           [() => words.byteLength, () => words.getUint8(0), () => some.byteOffset, () => some.setUint8(0, 1),
             () => given.slice(0), () => new Uint8Array(given), () => bytes.fill(1), () => [...part]].every((f) => {
               try { f() } catch (e) { return e instanceof TypeError } })""",
    ),
    "an empty buffer and a large one that were given away": (
        """const none = new ArrayBuffer(0), large = new ArrayBuffer(2 ** 20), view = new Float64Array(large), ends = view.fill(1.5).length - 1,
             there = [GIVE(none), GIVE(large)]""",
        """none.byteLength === 0 && large.byteLength === 0 && view.length === 0 && view[ends] === undefined &&
           there[0].byteLength === 0 && new Float64Array(there[1])[ends] === 1.5 && there[1].byteLength === 2 ** 20""",
    ),
}

CLASSES = {
    "fields of every kind": (
        """const key = 'computed'; class A { a = 1; [key] = 2; #p = 3; static s = 4; static #q = 5; 'str ing' = this.a;
             read() { return [this.a, this[key], this.#p, A.s, A.#q, this['str ing']].join() } }
           const made = new A()""",
        "made.read() === '1,2,3,4,5,1' && new A().read() === made.read()",
    ),
    "private methods and accessors": (
        """class A { #v = 1; #m() { return this.#v } get #g() { return this.#m() * 10 } set #g(x) { this.#v = x }
             static #s() { return 7 } run(x) { this.#g = x; return [this.#m(), this.#g, A.#s()].join() } }
           const made = new A()""",
        "made.run(5) === '5,50,7' && new A().run(2) === '2,20,7'",
    ),
    "brands": (
        """class A { #p; static is(x) { return #p in x } } class B { #p; #m() {} static is(x) { return #m in x } }
           const a = new A(), b = new B()""",
        "A.is(a) && !A.is(b) && B.is(b) && !B.is(a) && A.is(new A()) && !A.is({})",
    ),
    "private names that meet a stranger": (
        "class A { #p = 1; read(o) { return o.#p } }; const a = new A()",
        "a.read(new A()) === 1 && (() => { try { a.read({}) } catch (e) { return e instanceof TypeError } })()",
    ),
    "static blocks": (
        "class A { static #x = 1; static list = []; static { this.list.push(A.#x); this.read = () => A.#x++ } }",
        "A.list.join() === '1' && A.read() === 1 && A.read() === 2",
    ),
    "anonymous classes": (
        "const make = () => class { x = 1 }; class Bar extends make() {} const first = make()",
        "new (make())().x === 1 && new Bar().x === 1 && first !== make() && new first().x === 1",
    ),
    "super, new.target and extending built-ins": (
        """class L extends Array { sum() { return this.reduce((a, b) => a + b, 0) } } class M extends Map { get(k) {
             return super.get(k) ?? new.target } } class E extends Error { constructor(m) { super(m); this.t = new.target } }
           const l = L.of(1, 2, 3), m = new M([[1, 2]]), e = new E('x')""",
        """l.sum() === 6 && l.map((x) => x * 2) instanceof L && m.get(1) === 2 && m.get(9) === undefined && e.t === E &&
           e instanceof Error && new E('y').message === 'y' && l.concat(4).sum() === 10""",
    ),
    "a class with many members": (
        """const Big = eval('(class { ' + Array.from({length: 700}, (_, i) => `m${i}() { return ${i} } static s${i} = ${i};`)
             .join(' ') + ' })'); const made = new Big(); made.m3()""",
        "made.m699() === 699 && Big.s500 === 500 && new Big().m3() === 3",
    ),
}

REGEXPS = {
    "compiled ones, and where they stopped": (
        """const g = /a(?<n>\\d)/g, y = /\\d/y, u = /\\p{L}+/u, b = /(?<=\\$)\\d+/; g.exec('a1a2'); y.test('12'); u.test('\\u00e9');
           b.exec('$42'); for (let i = 0; i < 200; i++) /x+y/i.test('XXY')""",
        """g.lastIndex === 2 && g.exec('a1a2').groups.n === '2' && y.lastIndex === 1 && y.test('12') && !y.test('12') &&
           u.exec('\\u00e9\\u4e2d1')[0].length === 2 && b.exec('$42')[0] === '42' && 'a1b'.replace(/\\d/, '') === 'ab'""",
    ),
    "literals are made anew": (
        "const make = () => /a/g; const first = make(); first.exec('aa')",
        "make() !== first && make().lastIndex === 0 && first.lastIndex === 1",
    ),
    "for many subjects": (
        "const r = /[\\u4e00-\\u9fff]+|[a-z]+/; r.exec('abc')",
        "r.exec('1\\u4e2d\\u6587')[0] === '\\u4e2d\\u6587' && r.exec('abc')[0] === 'abc' && r.exec('123') === null",
    ),
}

COLLECTIONS = {
    "Maps and Sets of any key": (
        """const o = {}, s = Symbol('k'), f = () => 1; const keys = [1, 'x', NaN, -0, o, s, f, null, undefined, 2n ** 70n, 1.5];
           const m = new Map(keys.map((k, i) => [k, i])), t = new Set(keys)""",
        """keys.every((k, i) => m.get(k) === i && t.has(k)) && [...m.values()].join() === '0,1,2,3,4,5,6,7,8,9,10' &&
           m.get(0) === 3 && m.get(2n ** 70n) === 9 && m.delete(o) && m.size === 10 && t.size === 11""",
    ),
    "large ones are found by new hashes": (
        """const m = new Map(), s = new Set(), objects = []; for (let i = 0; i < 3000; i++) { const o = {i}; objects.push(o);
             m.set('key' + i, o); m.set(o, i); s.add(o) } for (let i = 0; i < 3000; i += 3) m.delete('key' + i)""",
        """objects.every((o, i) => m.get(o) === i && s.has(o) && m.get('key' + i) === (i % 3 ? o : undefined)) &&
           m.size === 5000 && (m.set('new', 1), m.get('new') === 1)""",
    ),
    "weak ones": (
        "const k = {}, l = [], w = new WeakMap([[k, l], [l, k]]), s = new WeakSet([k]), r = new WeakRef(k); w.set({}, 1)",
        "w.get(k) === l && w.get(l) === k && s.has(k) && !s.has(l) && r.deref() === k && w.set(r, 5).get(r) === 5",
    ),
    "iterators in the middle": (
        """const m = new Map([[1, 'a'], [2, 'b'], [3, 'c']]), i = m.entries(), a = [1, 2, 3].values(), s = 'xyz'[Symbol.iterator](),
             x = 'a1b2'.matchAll(/\\d/g); i.next(); a.next(); s.next(); x.next(); m.delete(2)""",
        "i.next().value[1] === 'c' && i.next().done && [...a].join() === '2,3' && [...s].join('') === 'yz' && [...x][0][0] === '2'",
    ),
    "objects that are dictionaries": (
        """const o = {}; for (let i = 0; i < 2000; i++) o['p' + i] = i; for (let i = 0; i < 2000; i += 2) delete o['p' + i];
           const p = Object.create(null); p.x = 1; const q = {}; for (let i = 0; i < 99; i++) q[Symbol.for('s' + i)] = i""",
        """Object.keys(o).length === 1000 && o.p1999 === 1999 && !('p0' in o) && p.x === 1 && q[Symbol.for('s98')] === 98 &&
           (o.fresh = 1, o.fresh === 1) && Reflect.ownKeys(q).length === 99""",
    ),
    "elements of every kind": (
        """const smi = [1, 2], dbl = [1.5, NaN, -0], obj = [{}, 'x'], holey = [1, , 3], hdbl = [1.5, , 2.5], dict = [];
           dict[4e6] = 1; dict[5] = 2; const num = {}; num[1e6] = 'm'; num[7] = 's'; const named = Object.assign([1], {x: 1})""",
        """(smi.push('s'), smi.join() === '1,2,s') && Object.is(dbl[2], -0) && Number.isNaN(dbl[1]) && !(1 in holey) &&
           !(1 in hdbl) && dict.length === 4000001 && dict[5] === 2 && Object.keys(num).join() === '7,1000000' && named.x === 1""",
    ),
    "integrity": (
        "const f = Object.freeze([1, {a: 1}]), s = Object.seal({x: 1}), p = Object.preventExtensions({y: 1})",
        """Object.isFrozen(f) && !Object.isFrozen(f[1]) && Object.isSealed(s) && !Object.isExtensible(p) && (s.x = 2, s.x === 2)
           && (() => { 'use strict'; try { f.push(1) } catch (e) { return e instanceof TypeError } })()""",
    ),
}

GRAPHS = {
    "a list a hundred thousand long": (
        "let list = null; for (let i = 0; i < 1e5; i++) list = {i, next: list}; const nested = list",
        "(() => { let n = 0; for (let o = nested; o !== null; o = o.next) n += o.i; return n === 4999950000 })()",
    ),
    "arrays nested deep": (
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; const deep = a",
        "(() => { let n = 0; for (let o = deep; o.length; o = o[0]) n++; return n === 1e5 })()",
    ),
    "closures nested deep": (
        "let f = () => 0; for (let i = 0; i < 3000; i++) { const g = f; f = () => g } const outer = f",
        "(() => { let h = outer, n = 0; while (h() !== 0) { h = h(); n++ } return n === 3000 })()",
    ),
    "cycles": (
        "const a = {}, b = [a], c = new Map([[b, a]]); a.b = b; a.c = c; c.set(c, c); Object.setPrototypeOf(b, a)",
        "a.b[0] === a && c.get(c) === c && c.get(b) === a && b.c === c",
    ),
    "literals of more than a page": (
        """const make = eval('() => [' + Array.from({length: 20000}, (_, i) => i % 7 ? i : `"s${i}"`).join() + ']');
           const o = eval('() => ({' + Array.from({length: 1200}, (_, i) => `k${i}: {v: ${i}}`).join() + '})'); make(); o()""",
        """make()[19998] === 19998 && make()[7] === 's7' && make() !== make() && o().k1199.v === 1199 &&
           (o().k0.v = 9, o().k0.v === 0)""",
    ),
    "an array of more than a page": (
        "const a = Array.from({length: 2e5}, (_, i) => i), d = a.map((x) => x / 2), o = a.slice(0, 5e4).map((i) => ({i}))",
        "a[199999] === 199999 && d[199999] === 99999.5 && o[49999].i === 49999 && a.reduce((x, y) => x + y) === 19999900000",
    ),
}

STRINGS = {
    "ropes, slices and names": (
        """let rope = ''; for (let i = 0; i < 1000; i++) rope += 'part' + i; const slice = rope.substring(100, 3000);
           const name = rope.slice(5, 40); const o = {[name]: 1, [slice]: 2}; const two = '\\u4e2d'.repeat(50) + rope;
           const nested = (rope + two).substring(50)""",
        """rope.length === 6890 && o[rope.slice(5, 40)] === 1 && o[slice] === 2 && rope.indexOf(slice) === 100 &&
           two.codePointAt(49) === 0x4e2d && two.endsWith('part999') && nested.startsWith(rope.slice(50, 60))""",
    ),
    "a megabyte": (
        "const one = 'x'.repeat(2 ** 20), two = '\\u20ac'.repeat(2 ** 20), odd = '\\ud800x\\udfff'",
        "one.length === 2 ** 20 && two[2 ** 20 - 1] === '\\u20ac' && one.lastIndexOf('x') === 2 ** 20 - 1 && odd.charCodeAt(2) === 0xdfff",
    ),
    "numbers as names": (
        "const o = {12: 'a', '4294967294': 'b', '4294967295': 'c', '1.5': 'd', '-1': 'e', '007': 'f'}",
        "o[12] === 'a' && o[4294967294] === 'b' && o['4294967295'] === 'c' && o[1.5] === 'd' && o[-1] === 'e' && o['007'] === 'f'",
    ),
    "template objects": (
        "const tag = (strings) => strings, site = (x) => tag`a${x}\\n`; const first = site(1)",
        "site(2) === site(3) && site(2).raw[1] === '\\\\n' && Object.isFrozen(site(2)) && first.join('|') === 'a|\\n'",
    ),
    "symbols": (
        "const own = Symbol('own'), shared = Symbol.for('shared'), o = {[own]: 1, [shared]: 2, [Symbol.toStringTag]: 'T'}",
        """o[own] === 1 && o[Symbol.for('shared')] === 2 && Symbol.keyFor(shared) === 'shared' && `${o}` === '[object T]' &&
           own.description === 'own' && Symbol.for('own') !== own""",
    ),
    "numbers": (
        "const o = {d: 0.1, n: NaN, z: -0, i: -Infinity, s: 2 ** 30, b: -(2n ** 200n), m: Number.MIN_VALUE}; o.d += 0.2",
        "o.d === 0.1 + 0.2 && o.n !== o.n && Object.is(o.z, -0) && o.b + 1n === 1n - 2n ** 200n && o.m > 0 && ++o.s === 2 ** 30 + 1",
    ),
}

FUNCTIONS = {
    "closures share their variables": (
        "let n = 0; const up = () => ++n, get = () => n; { let n = 100; var other = () => n++ } up(); other()",
        "up() === 2 && get() === 2 && other() === 101 && other() === 102",
    ),
    "what eval and with bring": (
        """function f(o) { eval('var secret = 5'); with (o) { return () => [secret, x, typeof y] } } const g = f({x: 1});
           const h = (0, eval)('(function () { return this })')""",
        "g().join() === '5,1,undefined' && h() === globalThis && f({x: 2, y: 1})().join() === '5,2,number'",
    ),
    "this and arguments": (
        """function sloppy(a) { arguments[0] = 9; return [this === globalThis, a, arguments.length, arguments.callee === sloppy] }
           function strict(a) { 'use strict'; arguments[0] = 9; return [this, a] } const kept = (function (a, b) { return arguments })(1, 2)
           const mapped = (function (a) { const g = () => a; return [arguments, g] })(1)""",
        """sloppy(1).join() === 'true,9,1,true' && strict(1).join() === ',1' && kept.length === 2 && kept[1] === 2 &&
           (mapped[0][0] = 7, mapped[1]() === 7)""",
    ),
    "generators in the middle": (
        """function* count() { let i = 0; try { while (true) { const x = yield i++; if (x) i = x } } finally { done = true } }
           let done = false; const g = count(); g.next(); g.next(); const d = (function* () { yield* [1, 2, 3] })(); d.next()""",
        "g.next().value === 2 && g.next(10).value === 10 && g.return(5).value === 5 && done && [...d].join() === '2,3'",
    ),
    "bound functions, getters and Function": (
        """const o = {n: 1, get twice() { return this.n * 2 }, set twice(x) { this.n = x / 2 }}; const add = ((a, b) => a + b).bind(null, 5);
           const made = new Function('a', 'return a + 1'); function named() {} const text = named.toString()""",
        """o.twice === 2 && (o.twice = 10, o.n === 5) && add(1) === 6 && add.name === 'bound ' && made(1) === 2 &&
           named.toString() === text && named.name === 'named' && made.toString().includes('return a + 1')""",
    ),
    "proxies": (
        """const seen = [], p = new Proxy({a: 1}, {get(t, k, r) { seen.push(k); return Reflect.get(t, k, r) }, has: () => true});
           const r = Proxy.revocable([], {}), dead = Proxy.revocable({}, {}); dead.revoke(); p.a; const pf = new Proxy((x) => x, {})""",
        """p.a === 1 && seen.length === 2 && 'z' in p && Array.isArray(r.proxy) && (r.revoke(), true) && pf(3) === 3 &&
           [r.proxy, dead.proxy].every((x) => { try { x.y } catch { return true } })""",
    ),
    "hot functions": (
        """class A { m() { return 1 } } const a = new A(), hot = (x) => x.m() + 1; for (let i = 0; i < 2e4; i++) hot(a);
           const shapes = [{x: 1}, {y: 1, x: 2}, {z: 1, y: 1, x: 3}], read = (o) => o.x; for (let i = 0; i < 2e4; i++) read(shapes[i % 3])""",
        """(() => { let s = 0; for (let i = 0; i < 2e4; i++) s += hot(a); return s === 4e4 })() && (A.prototype.m = () => 5, hot(a) === 6) &&
           read({x: 9}) === 9 && read({q: 1}) === undefined""",
    ),
    "never called, and called first after it": (
        "const cold = (x) => { const inner = (y) => ({x, y}); return inner(1) }; class Cold { m() { return [...arguments] } }",
        "cold(5).x === 5 && cold(5).y === 1 && new Cold().m(1, 2).length === 2",
    ),
    "parameters and destructuring": (
        "const f = ({a = 1, ...rest}, [b, ...c] = [2, 3], d = () => a) => [a, rest, b, c, d()]; f({})",
        "JSON.stringify(f({a: 4, z: 1})) === '[4,{\"z\":1},2,[3],4]'",
    ),
    "errors and finally": (
        "const f = (x) => { try { if (x) throw new RangeError('x'); return 1 } catch (e) { return e.name } finally { n++ } }; let n = 0; f(1)",
        "f(0) === 1 && f(1) === 'RangeError' && n === 3",
    ),
}

REALM = {
    "globals are the context's own": (
        "const saved = globalThis, A = Array, P = Object.getPrototypeOf(async () => {}), I = Object.getPrototypeOf([].values())",
        """saved === globalThis && A === Array && [] instanceof A && P === Object.getPrototypeOf(async () => {}) &&
           I === Object.getPrototypeOf([].values()) && Function('return this')() === saved""",
    ),
    "an accessor of the global object": (
        "let n = 0; Object.defineProperty(globalThis, 'counted', {get: () => ++n, set: (x) => { n = x }, configurable: true})",
        "counted === 1 && globalThis.counted === 2 && (counted = 10, counted === 11)",
    ),
    "dates": (
        "const d = new Date(2020, 5, 15, 12), e = new Date(0), bad = new Date(NaN); d.getHours(); e.toString()",
        "e.getTime() === 0 && d.getMonth() === 5 && d.getHours() === 12 && Number.isNaN(bad.getTime()) && Date.now() > 1.6e12",
    ),
    "errors that were kept": (
        "const e = new TypeError('kept', {cause: new Error('why')}), a = new AggregateError([e], 'all')",
        "e.message === 'kept' && e.cause.message === 'why' && a.errors[0] === e && e instanceof TypeError",
    ),
    "wrappers and odd objects": (
        "const s = new String('abc'), n = Object(5n), y = Object(Symbol.iterator), b = new Boolean(false), nul = Object.create(null)",
        "s[1] === 'b' && s.length === 3 && n + 1n === 6n && y.valueOf() === Symbol.iterator && b.valueOf() === false && !('x' in nul)",
    ),
}

# What goes on after the restore: asked once microtasks have run.
LATER = {
    "reactions that wait": (
        "let settle; const seen = [], p = new Promise((f) => { settle = f }); p.then((x) => seen.push(x)); p.finally(() => seen.push('f'))",
        "settle(5)",
        "seen.join() === '5,f'",
    ),
    "async functions that wait": (
        """let go; const gate = new Promise((f) => { go = f }), seen = []; const run = (async (a) => { try { const x = await gate;
             seen.push(a + x); for await (const y of [1, 2]) seen.push(y); throw new Error('end') } catch (e) { seen.push(e.message) } })(1)""",
        "go(10)",
        "seen.join() === '11,1,2,end'",
    ),
    "async generators that wait": (
        "const seen = [], g = (async function* () { yield 1; yield 2 })(); g.next().then((r) => seen.push(r.value))",
        "g.next().then((r) => seen.push(r.value)), g.return(9).then((r) => seen.push(r.done))",
        "seen.join() === '1,2,true'",
    ),
    "settled promises": (
        "const ok = Promise.resolve({a: 1}), bad = Promise.reject(new Error('no')); bad.catch(() => 0); const seen = []",
        "ok.then((x) => seen.push(x.a)), bad.catch((e) => seen.push(e.message)), Promise.all([ok, 5]).then((x) => seen.push(x.length))",
        "seen.join() === '1,no,2'",
    ),
    "thenables": (
        "const t = {then(f) { f(7) }}, seen = []; const p = (async () => await t)()",
        "p.then((x) => seen.push(x)), Promise.resolve(t).then((x) => seen.push(x))",
        "seen.join() === '7,7'",
    ),
}


def given_buffers(give):
    return {name: (made.replace("GIVE", give), asked) for name, (made, asked) in GIVEN_BUFFERS.items()}


def cases(version):
    """All there are for a version of V8."""
    made = {**ALWAYS, **LATER}
    if version >= RESIZING:
        made |= RESIZABLE_BUFFERS
    if version >= TRANSFER:
        made |= given_buffers("((buffer) => buffer.transfer())")
    return made


ALWAYS = {**BUFFERS, **CLASSES, **REGEXPS, **COLLECTIONS, **GRAPHS, **STRINGS, **FUNCTIONS, **REALM}
