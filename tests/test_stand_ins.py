"""What scripts find while building in place of later built-ins does what V8's own does, and goes in the end."""

import json

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator, gap, warm_up

SHOW = """
const show = (value, depth = 0) => {
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return typeof value;
  if (value === null || typeof value !== 'object') return String(value) + typeof value;
  if (ArrayBuffer.isView(value)) return value.constructor.name + '[' + Array.from(value).map(String) + ']';
  if (Array.isArray(value)) {
    const parts = [];
    for (let i = 0; i < Math.min(value.length, 50); i++) parts.push(i in value ? show(value[i]) : 'hole');
    return '[' + value.length + ':' + parts + ']';
  }
  return Object.prototype.toString.call(value);
};
const attempt = (source) => { try { return show((0, eval)('(' + source + ')')) } catch (error) { return error.name } };
const about = (f) => [typeof f, f.name, f.length, 'prototype' in f, Object.isFrozen(f)].join();
"""

INDICES = [
    "",
    "0",
    "-1",
    "1.9",
    "-0.5",
    "9",
    "-9",
    "NaN",
    "'1'",
    "Infinity",
    "null",
    "{valueOf() { return 1 }}",
    "1n",
    "Symbol()",
]
ARRAYS = [
    "[1, 2, 3]",
    "[]",
    "[, 'b', , undefined, 'a']",
    "{length: 3, 0: 'x', 2: 'z'}",
    "'text'",
    "null",
    "undefined",
    "5",
]
ARRAYS += ["{length: -1}", "{length: 2 ** 53}", "new Proxy([1, 2], {})", "[3n, 1n]"]
TYPED = [
    "new Uint8Array([3, 1, 2])",
    "new Float64Array([NaN, -0, 0, 5])",
    "new BigInt64Array([5n, -1n])",
    "[1]",
    "null",
]
TYPED += ["new (class extends Int16Array {})([1, 2])", "new Uint8ClampedArray(0)"]
NUMBERS = [
    "0",
    "-0",
    "1",
    "1.1",
    "65504",
    "65519.99",
    "65520",
    "-65520",
    "1e-8",
    "5.960464477539063e-8",
    "2.98e-8",
    "1e-7",
]
NUMBERS += [
    "6.1e-5",
    "0.00006103515625",
    "0.1",
    "2049",
    "2051",
    "-2050.5",
    "NaN",
    "Infinity",
    "-Infinity",
    "'3'",
    "null",
    "{}",
    "1n",
]
TEXTS = [
    "'abc'",
    "'1a'",
    "'a.b*c+(d)[e]{f}|g/h^i$j?k'",
    "'\\\\t\\\\n\\\\v\\\\f\\\\r \\\\u00a0\\\\u2028\\\\ufeff'",
    "'\\\\ud83d\\\\ude00x\\\\ud800'",
]
TEXTS += ["'_-,=<>#&!%:;@~`'", "'é'", "5", "''", "undefined", "'9'", "'\\\\udc00a'"]
CALLBACKS = [
    "x => x < 3",
    "(x, i, o) => i === 1",
    "function () { return this === 7 }",
    "() => { throw new RangeError() }",
    "5",
    "",
]
COMPARE = ["", "undefined", "(a, b) => a < b ? 1 : -1", "null", "5"]
ERRORS = [
    "new Error()",
    "new (class extends TypeError {})()",
    "{}",
    "Object.create(Error.prototype)",
    "5",
    "null",
    "Error",
]
ERRORS += [
    "new Proxy(new Error(), {})",
    "{[Symbol.toStringTag]: 'Error'}",
    "Object.assign(new Error(), {[Symbol.toStringTag]: 'x'})",
]


def calls():
    """Expressions by the name of the built-in they call."""
    table = {
        "Object.hasOwn": [
            f"Object.hasOwn({o}, {k})" for o in ("{a: 1}", "'ab'", "null", "[1]") for k in ("'a'", "0", "Symbol()")
        ]
    }
    for holder, things in (("Array", ARRAYS), ("TypedArray", TYPED)):
        method = "Array.prototype" if holder == "Array" else "Object.getPrototypeOf(Uint8Array).prototype"

        def call(name, thing, arguments, method=method):
            return f"{method}.{name}.call({thing}{', ' if arguments else ''}{arguments})"

        table[f"{holder}.prototype.at"] = [call("at", thing, index) for thing in things for index in INDICES]
        for name in ("findLast", "findLastIndex"):
            small = [thing for thing in things if "2 ** 53" not in thing]
            table[f"{holder}.prototype.{name}"] = [
                call(name, thing, f"{callback}, 7" if callback else "") for thing in small for callback in CALLBACKS
            ]
        table[f"{holder}.prototype.toReversed"] = [call("toReversed", thing, "") for thing in things]
        table[f"{holder}.prototype.toSorted"] = [
            call("toSorted", thing, compare) for thing in things for compare in COMPARE
        ]
        table[f"{holder}.prototype.with"] = [
            call("with", thing, f"{index}, {value}")
            for thing in things
            for index in INDICES[1:]
            for value in ("7", "7n", "300.5")
        ]
    table["Array.prototype.toSpliced"] = [
        f"Array.prototype.toSpliced.call({thing}{arguments})"
        for thing in ARRAYS
        for arguments in (
            "",
            ", 1",
            ", 1, 1",
            ", -2, 1, 'n', 'm'",
            ", 0, 0, 'n'",
            ", undefined, undefined",
            ", 9, 9, 'e'",
            ", 1, NaN",
        )
    ]
    table["String.prototype.at"] = [
        f"String.prototype.at.call({text}, {index})"
        for text in [*TEXTS, "null", "[1, 2]", "Symbol()"]
        for index in INDICES[1:]
    ]
    table["Math.f16round"] = [f"Math.f16round({number})" for number in NUMBERS]
    table["DataView.prototype.setFloat16"] = [
        f"((d) => [d.setFloat16({at}), d.getUint16(0), d.getFloat16(0), d.getFloat16(0, true), d.getUint8(2)])"
        "(new DataView(new ArrayBuffer(4)))"
        for at in [
            *(f"0, {number}, {little}" for number in NUMBERS for little in ("true", "false")),
            "3, 1",
            "-1, 1",
            "'x', 1",
            "",
        ]
    ]
    table["DataView.prototype.getFloat16"] = [
        "DataView.prototype.getFloat16.call([], 0)",
        "new DataView(new ArrayBuffer(1)).getFloat16()",
    ]
    table["RegExp.escape"] = [f"RegExp.escape({text})" for text in TEXTS]
    table["Error.isError"] = [f"Error.isError({error})" for error in ERRORS]
    table["Promise.try"] = [
        "Promise.try(() => 5)",
        "Promise.try()",
        "Promise.try.call(5, () => 1)",
        "Promise.try(() => { throw 1 }).catch(() => 5)",
    ]
    dispose = "Iterator.prototype[Symbol.dispose]"
    table["Iterator.prototype.Symbol.dispose"] = [
        f"{dispose}.call({{return() {{ throw new RangeError() }}}})",
        f"{dispose}.call({{}})",
    ]
    table["Iterator.prototype.Symbol.dispose"] += [
        f"{dispose}.call({{return: 5}})",
        f"{dispose}.call({{return() {{ return 5 }}}})",
    ]
    return table


def stood_in(ctx):
    """Names of the gap that scripts find while building."""
    return [name for name in calls() if name in v8snap.builtin_gap() and ctx.eval(path_of(name)) != "undefined"]


def path_of(name):
    path = name.replace("TypedArray", "Object.getPrototypeOf(Uint8Array)").replace(".Symbol.", ".@@")
    head, _, symbol = path.partition(".@@")
    return f"typeof {head}[Symbol.{symbol}]" if symbol else f"typeof {head}"


def test_each_does_what_v8s_own_does():
    table = calls()
    with SnapshotCreator() as sc:
        sc.context.eval(SHOW)
        names = stood_in(sc.context)
        building = {call: sc.context.eval(f"attempt({json.dumps(call)})") for name in names for call in table[name]}
        shapes = {name: sc.context.eval(f"about({path_of(name)[7:]})") for name in names}
    assert len(names) >= 3
    with Isolate() as iso, iso.new_context() as ctx:
        ctx.eval(SHOW)
        native = {call: ctx.eval(f"attempt({json.dumps(call)})") for call in building}
        native_shapes = {name: ctx.eval(f"about({path_of(name)[7:]})") for name in names}
    assert building == native
    assert shapes == native_shapes


def test_those_that_cannot_be_written_in_javascript_are_absent():
    with SnapshotCreator() as sc:
        for name in ("WebAssembly", "SharedArrayBuffer"):
            assert sc.context.eval(f"typeof {name}") == "undefined"


KEEP = """
const holders = {TypedArray: Object.getPrototypeOf(Uint8Array)};
var kept = [];
for (const [path, name] of GAP) {
  if (path.length === 1 || (path[0] !== 'global' && !(path[0] in holders))) continue;
  let holder = path[0] === 'global' ? globalThis : holders[path[0]];
  for (const step of path.slice(1)) holder = holder[step.startsWith('@@') ? Symbol[step.slice(2)] : step];
  const key = name.startsWith('@@') ? Symbol[name.slice(2)] : name;
  const own = Object.getOwnPropertyDescriptor(holder, key);
  if (typeof own?.value === 'function') kept.push({holder, key, standIn: own.value, own});
}
var isNative = (f) => /native code/.test(Function.prototype.toString.call(f));
"""


def test_restored_contexts_have_v8s_own_and_captured_ones_work_on():
    table = calls()
    with SnapshotCreator() as sc:
        sc.context.eval(KEEP.replace("GAP", json.dumps(gap._find())) + SHOW)
        assert sc.context.eval("kept.length") >= 3
        assert sc.context.eval("kept.every(({own}) => own.writable && own.configurable && !own.enumerable)")
        assert not sc.context.eval("kept.some(({standIn}) => isNative(standIn))")
        other = sc.new_context()
        other.eval(KEEP.replace("GAP", json.dumps(gap._find())) + SHOW)
        sc.add_context(other)
    layered = warm_up(sc.blob, "kept.length")
    for blob in (sc.blob, layered):
        with Isolate(blob) as iso:
            for which in (None, 0):
                ctx = iso.new_context(which)
                assert ctx.eval(
                    "kept.every(({holder, key, standIn}) => isNative(holder[key]) && holder[key] !== standIn)"
                )
                ctx.eval("for (const each of kept) Object.defineProperty(each.holder, each.key, each.own)")
                names = [name for name in table if name in v8snap.builtin_gap()]
                used = {call: ctx.eval(f"attempt({json.dumps(call)})") for name in names for call in table[name]}
                fresh = iso.new_context(which)
                native = {call: fresh.eval(f"attempt({json.dumps(call)})") for call in used}
                assert used == native


def test_they_do_not_see_what_scripts_change_later():
    with SnapshotCreator() as sc:
        sc.context.eval("""
            const name = ['at', 'toReversed', 'try'].find((name) => Array.prototype[name] ?? Promise[name]);
            const skipped = ['constructor', 'prototype', 'then', 'caller', 'arguments', name];
            const holders = [Object, Reflect, Math, Array, BigInt, Object.prototype, Array.prototype, String.prototype];
            const keys = holders.map(Object.getOwnPropertyNames);
            for (let i = 0; i < holders.length; i++)
              for (let j = 0; j < keys[i].length; j++) {
                let skip = false;
                for (let k = 0; k < skipped.length; k++) if (skipped[k] === keys[i][j]) skip = true;
                if (!skip) try { holders[i][keys[i][j]] = () => { throw 'seen' } } catch {}
              }
            delete Array.prototype[Symbol.iterator];
            globalThis.Object = globalThis.TypeError = globalThis.Reflect = null;
            var works = typeof (name === 'try' ? Promise.try(() => 5) : [1, 2][name](0));
        """)
        assert sc.context.globals["works"] in ("number", "object")


@pytest.mark.parametrize(
    "missing", ["WebAssembly.compile()", "new SharedArrayBuffer(1)", "(() => SharedArrayBuffer)()"]
)
def test_an_error_about_a_missing_builtin_says_why(missing):
    with SnapshotCreator() as sc:
        with pytest.raises(v8snap.JSError, match="only when the snapshot is loaded") as caught:
            sc.context.eval(missing, "a.js")
        assert caught.value.name == "ReferenceError"
        assert caught.value.message.endswith("is not defined")
        for other in ("nothing.x", "throw new Error('WebAssembly')", "const o = {}; o.WebAssembly()"):
            with pytest.raises(v8snap.JSError) as caught:
                sc.context.eval(other)
            assert "loaded" not in str(caught.value)
    with Isolate() as iso, pytest.raises(v8snap.JSError) as caught:
        iso.new_context().eval("delete globalThis.WebAssembly; WebAssembly.x")
    assert "loaded" not in str(caught.value)
    with pytest.raises(v8snap.JSError, match="only when the snapshot is loaded"):
        v8snap.build({"a.js": missing})


LIMITS = {
    "Error.stackTraceLimit = 3": "3",
    "Error.stackTraceLimit = Infinity": "Infinity",
    "Error.stackTraceLimit = 0": "0",
    "Error.stackTraceLimit = 'text'": "text",
    "Object.defineProperty(Error, 'stackTraceLimit', {value: 5, writable: true, configurable: true})": "5",
    "delete Error.stackTraceLimit": "absent",
    "delete Error.stackTraceLimit; Error.stackTraceLimit = 4": "4",
    "const E = Error; globalThis.Error = class {}; E.stackTraceLimit = 6; var look = () => E.stackTraceLimit": "6",
    "1": "10",
}


@pytest.mark.parametrize("script", LIMITS)
def test_the_stack_trace_limit_of_scripts_is_in_force_after_restore(script):
    look = "globalThis.look ? String(look()) : 'stackTraceLimit' in Error ? String(Error.stackTraceLimit) : 'absent'"
    with SnapshotCreator() as sc:
        sc.context.eval(script)
        added = sc.new_context()
        added.eval(script)
        sc.add_context(added)
        assert sc.context.eval(look) == LIMITS[script]
    with SnapshotCreator(existing_blob=sc.blob) as layer:
        assert layer.context.eval(look) == LIMITS[script]
        layer.context.eval("var layered = 1")
    for blob in (sc.blob, layer.blob, warm_up(sc.blob, "Error.stackTraceLimit = 99")):
        with Isolate(blob) as iso:
            assert [iso.new_context(which).eval(look) for which in (None, 0)] == [LIMITS[script]] * 2


def test_the_limit_counts_the_frames():
    with SnapshotCreator() as sc:
        sc.context.eval("Error.stackTraceLimit = 2; function f(n) { return n ? f(n - 1) : new Error('deep').stack }")
    with Isolate(sc.blob) as iso:
        assert iso.new_context().eval("f(20)").count("\n") == 2


def test_bringing_the_limit_back_runs_nothing():
    with SnapshotCreator() as sc:
        sc.context.eval("""
            Error.stackTraceLimit = 3; var ran = 0;
            const trap = {__proto__: null, get() { ran++ }, set() { ran++ }, configurable: true};
            for (const key of ['error', 'value', 'deleted', 'stackTraceLimit', 'get', 'set', 'problems'])
              Object.defineProperty(Object.prototype, key, trap);
            globalThis.Error = {set stackTraceLimit(value) { ran++ }};
        """)
        assert sc.check() == []
    with SnapshotCreator(existing_blob=sc.blob) as layer:
        layer.context.eval("globalThis.Reflect = null")
    with Isolate(warm_up(layer.blob, "1")) as iso:
        assert iso.new_context().eval("ran") == 0
