// What tests/test_host_console.py has Node.js print too.
const cases = [
  () => [1, "a", null, undefined, true, 1n, -0, Symbol("s")],
  () => ["%s is %d years and %i, %f, %j %O %O %% %c.", "Bob", "42.5", 42.9, "1.5", { a: 1 }, [1], { b: { c: {} } }, "css", "extra", { x: 1 }],
  () => ["%s", null, "%s"], () => ["%d", "x"], () => ["%x %s"], () => ["a", "%s", 1], () => ["%s %s", Symbol("q"), 5n], () => ["100%", 1],
  () => [{ a: 1, b: "x'y", "c-d": [1, 2, [3, [4, [5]]]], f() {}, g: class A {}, h: class extends Array {}, [Symbol("k")]: 1 }],
  () => [[1, , 3, , ,], new Array(5), [undefined, null], []],
  () => [new Map([["a", { b: 1 }], [{ k: 1 }, new Set([1, "x"])]]), new Map(), new Set()],
  () => [new Date(0), new Date(NaN), /a+b/gi],
  () => { const o = { name: "o" }; o.self = o; o.list = [o, { o }]; return [o]; },
  () => [{ l1: { l2: { l3: { l4: 1 } } } }, { a: [[[[1]]]] }],
  () => [Array.from({ length: 120 }, (_, i) => i)],
  () => [Array.from({ length: 30 }, (_, i) => "item" + i)],
  () => [Array.from({ length: 8 }, (_, i) => ({ i }))],
  () => [{ get x() { return 1; }, set y(v) {}, get z() { return 1; }, set z(v) {} }],
  () => [Object.create(null), Object.assign(Object.create(null), { a: 1 })],
  () => { class P { constructor() { this.x = 1; } } return [new P(), new (class extends P {})(), { p: new P() }]; },
  () => [new Uint8Array([1, 2, 3]), new Float64Array(2), new ArrayBuffer(4), new BigInt64Array(1)],
  () => [Object(1), Object("str"), Object(true), Object(1n), Object(Symbol("x"))],
  () => [function foo() {}, () => {}, async function bar() {}, function* gen() {}, async () => {}, Object.assign(function w() {}, { a: 1 })],
  () => ["it's", ["it's", 'say "hi"', `both ' and "`, "new\nline", "tab\t", "\x00\x1f\x7f", "\ud800", "é😀", "back\\slash"]],
  () => [{ long1: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", long2: "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", long3: "ccccccccccccccccccccccccccccccccccccccccccccccc" }],
  () => [{ a: { b: { c: {} } } }, { x: { y: { z: [] } } }],
  () => [{ [Symbol.toStringTag]: "Tagged", a: 1 }, Math, JSON, Reflect === undefined],
  () => [new WeakMap(), new WeakSet()],
  () => [{ a: 1n, b: Symbol("x"), c: undefined, d: null, e: NaN, f: Infinity }],
  () => [[["a", "b"], ["c", "d"]], { "1": 2, b_c: 3, $d: 4, "e f": 5 }],
  () => [Array.from({ length: 10 }, (_, i) => [i, "row " + i])],
  () => [(function () { return arguments; })(1, 2)],
  () => [new Map([["config", { deep: { er: { est: 1 } } }]])],
  () => [{ users: [{ id: 1, name: "Ada", tags: ["x", "y"] }, { id: 2, name: "Grace", tags: [] }], total: 2, next: null }],
  () => [Array.from({ length: 101 }, (_, i) => "s" + (i % 7))],
  () => [[1.5, -2, 300, 4000, 5, 6, 7, 8, 9, 10000]],
];
for (const each of cases) console.log(...each());
console.log();
console.table([{ a: 1, b: "x" }, { a: 2, c: true }]); console.table([1, "two", { three: 3 }]); console.table([[1, 2], [3, 4]]);
console.table([{ a: 1, b: 2 }], ["b"]); console.table(new Map([["k", 1]])); console.table(new Set([1])); console.table(5); console.table({ x: { v: 1 }, y: { v: [1, 2] } });
console.group("G"); console.log("in\nside"); console.group(); console.log({ a: 1 }); console.groupEnd(); console.groupEnd(); console.groupEnd(); console.log("out");
console.count(); console.count("x"); console.count(); console.countReset(); console.count();
console.dir({ a: { b: { c: { d: 1 } } } });
