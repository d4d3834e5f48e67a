"""Values cross between the languages without loss."""

import collections.abc
import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import v8snap
from v8snap import BigInt, undefined

PRIMITIVES = [
    ("null", None),
    ("undefined", undefined),
    ("true", True),
    ("0", 0),
    ("-5", -5),
    ("1.5", 1.5),
    ("2 ** 31", 2**31),
    ("2 ** 53 - 1", 2**53 - 1),
    ("1 - 2 ** 53", 1 - 2**53),
    ("''", ""),
    ("'caf\\u00e9'", "café"),
    ("'\\u20ac'", "€"),
    ("'\\ud83d\\ude00'", "😀"),
    ("'a\\0b'", "a\0b"),
    ("'\\ud800x'", "\ud800x"),
    ("'x\\udc00\\ud83d\\ude00'", "x\udc00😀"),
    ("2n ** 64n", 2**64),
    ("-(2n ** 200n) - 1n", -(2**200) - 1),
]


@pytest.mark.parametrize(("source", "value"), PRIMITIVES)
def test_primitives_both_ways(ctx, source, value):
    result = ctx.eval(f"({source})")
    assert result == value
    assert type(result) is type(value)
    assert ctx.eval(f"(x) => Object.is(x, {source})")(value) is True


@pytest.mark.parametrize(
    ("source", "expected"),
    [("-0", "-0.0"), ("NaN", "nan"), ("Infinity", "inf"), ("2 ** 53", "9007199254740992.0"), ("1e300", "1e+300")],
)
def test_numbers_that_stay_floats(ctx, source, expected):
    value = ctx.eval(source)
    assert type(value) is float
    assert repr(value) == expected
    assert ctx.eval(f"(x) => Object.is(x, {source})")(value) is True


def test_bigints_in_the_safe_range_stay_bigints(ctx):
    value = ctx.eval("5n")
    assert type(value) is BigInt
    assert (value, repr(value)) == (5, "BigInt(5)")
    kind = ctx.eval("(x) => typeof x")
    assert kind(value) == "bigint"
    assert (kind(5), kind(2**53 - 1), kind(2**53), kind(-(2**53))) == ("number", "number", "bigint", "bigint")
    assert ctx.eval("0n") == 0


def test_too_large_for_javascript(ctx):
    echo = ctx.eval("(x) => x")
    with pytest.raises(v8snap.ConversionError):
        echo(1 << (2**30 + 64))
    with pytest.raises(v8snap.ConversionError):
        echo("x" * (2**29))


def test_undefined_is_one_false_thing():
    assert not undefined
    assert type(undefined)() is undefined
    assert repr(undefined) == "undefined"
    for again in (copy.copy(undefined), copy.deepcopy([undefined])[0], pickle.loads(pickle.dumps(undefined))):
        assert again is undefined


@settings(max_examples=60, deadline=None)
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters()), inner, max_size=5),
        max_leaves=30,
    )
)
def test_json_like_data_comes_back_the_same(data):
    with v8snap.Isolate() as iso, iso.new_context() as ctx:
        assert v8snap.to_py(ctx.to_js(data)) == data
        assert v8snap.to_py(ctx.eval("(x) => x")(data)) == data


def test_cycles_are_kept_both_ways(ctx):
    data = {"list": [1]}
    data["list"].append(data)
    proxy = ctx.to_js(data)
    assert ctx.eval("(x) => x.list[1] === x")(proxy) is True
    copy = proxy.to_py()
    assert copy["list"][1] is copy
    shared = ctx.eval("const o = {}; [o, o]").to_py()
    assert shared[0] is shared[1]


def test_deep_nesting_is_an_error_not_a_crash(ctx):
    data = []
    for _ in range(200_000):
        data = [data]
    with pytest.raises(RecursionError):
        ctx.to_js(data)
    deep = ctx.eval("let d = []; for (let i = 0; i < 200000; i++) d = [d]; d")
    with pytest.raises(RecursionError):
        deep.to_py()
    thousand = ctx.eval("let e = []; for (let i = 0; i < 10000; i++) e = [e]; e").to_py()
    for _ in range(10_000):
        (thousand,) = thousand
    assert thousand == []
    while data:  # unnested by hand: CPython's own destructor would recurse
        data = data.pop()


def test_maps_sets_and_instances_to_py(ctx):
    assert ctx.eval("new Map([['a', [1]], [2, new Map()]])").to_py() == {"a": [1], 2: {}}
    assert ctx.eval("new Set([1, 'a', null])").to_py() == {1, "a", None}
    assert ctx.eval("class P { constructor() { this.x = 1 } get y() { return 2 } }; new P()").to_py() == {"x": 1}
    data = ctx.eval("({f() {}, d: new Date(NaN), n: null, u: undefined, s: Symbol('s')})").to_py()
    assert isinstance(data["f"], v8snap.JSFunction)
    assert isinstance(data["d"], v8snap.JSObject)
    assert (data["n"], data["u"]) == (None, undefined)
    assert isinstance(data["s"], v8snap.JSSymbol)


def test_a_getter_that_throws_in_to_py(ctx):
    with pytest.raises(v8snap.JSError, match="no"):
        ctx.eval("({a: 1, get b() { throw new Error('no') }})").to_py()


def test_what_has_no_counterpart(ctx):
    for value in (object(), {1.5: 1}, {None: 1}, [object()], {"a": 1j}, range(3)):
        with pytest.raises(v8snap.ConversionError):
            ctx.to_js(value)


def test_objects(ctx):
    obj = ctx.eval("({a: 1, 'b c': {d: [2]}, 7: 'seven', f() { return this.a }, [Symbol.iterator]: 0})")
    assert (obj["a"], obj.a, obj["b c"].d[0], obj[7], obj["7"]) == (1, 1, 2, "seven", "seven")
    assert obj.f() == 1  # `this` is the object it was got from
    assert list(obj) == ["7", "a", "b c", "f"]
    assert len(obj) == 4
    assert "a" in obj
    assert "zzz" not in obj
    obj["new"] = {"x": [1, 2]}
    obj.other = None
    assert ctx.eval("(o) => JSON.stringify([o.new, o.other])")(obj) == '[{"x":[1,2]},null]'
    del obj["new"], obj.other
    assert "new" not in obj
    for missing in (lambda: obj["new"], lambda: obj.__delitem__("new")):
        with pytest.raises(KeyError):
            missing()
    with pytest.raises(AttributeError):
        obj.new
    with pytest.raises(AttributeError):
        del obj.new
    with pytest.raises(AttributeError):
        obj.__array_interface__
    with pytest.raises(v8snap.ConversionError):
        obj[None]
    assert obj
    assert "f" in dir(obj)


def test_properties_that_refuse(ctx):
    frozen = ctx.eval("'use strict'; Object.freeze({a: 1})")
    with pytest.raises(v8snap.V8SnapError):
        del frozen["a"]
    throwing = ctx.eval("({get a() { throw new TypeError('get') }, set a(x) { throw new TypeError('set') }})")
    with pytest.raises(v8snap.JSError, match="get"):
        throwing.a
    with pytest.raises(v8snap.JSError, match="set"):
        throwing.a = 1


def test_proxies_of_one_object_are_equal(ctx):
    one, same, other = ctx.eval("globalThis.o = {}"), ctx.eval("o"), ctx.eval("({})")
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != 5
    assert len({one, same, other}) == 2


def test_symbols_are_keys(ctx):
    obj, symbol = ctx.eval("globalThis.s = Symbol('mine'); globalThis.o = {[s]: 5}; o"), ctx.eval("s")
    assert obj[symbol] == 5
    assert symbol in obj
    assert repr(symbol) == "<JSSymbol mine>"
    with pytest.raises(v8snap.ConversionError):
        obj[1.5]


def test_arrays_are_mutable_sequences(ctx):
    array = ctx.eval("[1, 'two', [3]]")
    assert isinstance(array, collections.abc.MutableSequence)
    assert (array[0], array[-1][0], len(array), array[0:2]) == (1, 3, 3, [1, "two"])
    array.append(4)
    array.insert(0, 0)
    array[1] = "one"
    array += [5, 6]
    assert array.to_py() == [0, "one", "two", [3], 4, 5, 6]
    assert array.pop() == 6
    del array[0]
    del array[1:3]
    assert array.to_py() == ["one", 4, 5]
    array[0:1] = [7, 8]
    array.reverse()
    assert list(reversed(array)) == [7, 8, 4, 5]
    assert (array.index(4), array.count(8), 4 in array, 99 in array) == (1, 1, True, False)
    array.remove(4)
    array.clear()
    assert len(array) == 0
    assert repr(array) == "<JSArray []>"
    for bad in (0, -1, 2**70):
        with pytest.raises(IndexError):
            array[bad]
    with pytest.raises(TypeError):
        array["a"]
    assert ctx.eval("[1,,3]")[1] is undefined
    every_second = ctx.eval("globalThis.a = [0, 1, 2, 3, 4]; a")
    every_second[::2] = "abc"
    with pytest.raises(ValueError, match="extended slice"):
        every_second[::2] = [1]
    assert ctx.eval("a.join()") == "a,1,b,3,c"


def test_functions(ctx):
    f = ctx.eval("(function add(a, b = 2) { return a + b })")
    assert (f(1), f(1, 5), f("a", "b"), f.name, f.length) == (3, 6, "ab", "add", 1)
    assert ctx.eval("(function() { return this.x })").call(ctx.to_js({"x": 9})) == 9
    assert ctx.eval("(function() { 'use strict'; return this })")() is undefined
    point = ctx.eval("(class Point { constructor(x) { this.x = x } })").new(3)
    assert (point.x, repr(point)) == (3, "<JSObject Point {x: 3}>")
    with pytest.raises(v8snap.JSError, match="Class constructor"):
        ctx.eval("(class A {})")()
    with pytest.raises(TypeError):
        f(a=1)
    with pytest.raises(TypeError):
        f.call(5)
    with pytest.raises(v8snap.JSError):
        ctx.eval("(() => 1)").new()


def test_values_of_another_isolate_are_refused():
    with v8snap.Isolate() as one, v8snap.Isolate() as two:
        foreign = one.new_context().eval("({})")
        ctx = two.new_context()
        for use in (ctx.to_js, ctx.eval("(x) => x"), lambda x: ctx.eval("(function() {})").call(x)):
            with pytest.raises(v8snap.WrongIsolateError):
                use(foreign)
        assert foreign != ctx.eval("({})")


def test_values_cross_contexts_of_one_isolate():
    with v8snap.Isolate() as iso:
        one, two = iso.new_context(), iso.new_context()
        assert two.eval("(x) => x.a")(one.eval("({a: 5})")) == 5


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("({})", "<JSObject {}>"),
        ("[1, 'a', [1, [2]]]", "<JSArray [1, 'a', [1, Array(1)]]>"),
        ("Array.from({length: 20}, (_, i) => i)", "<JSArray [0, 1, 2, 3, 4, 5, 6, 7, … 12 more]>"),
        ("[, 1]", "<JSArray [hole, 1]>"),
        ("(function name() {})", "<JSFunction name>"),
        ("() => 1", "<JSFunction (anonymous)>"),
        ("({'a b': {c: {d: 1}}, f() {}, u: undefined, n: null, b: 1n})", None),
        ("({get danger() { throw new Error('asked') }})", "<JSObject {danger: …}>"),
        ("new Proxy({}, {get() { throw 1 }, ownKeys() { throw 2 }})", "<JSObject Proxy>"),
        ("new Map([['a', 1]])", "<JSMap Map(1) {'a' => 1}>"),
        ("new Set([1, 2])", "<JSSet Set(2) {1, 2}>"),
        ("new TypeError('no')", "<JSObject TypeError: 'no'>"),
        ("/a+/gi", "<JSObject /a+/gi>"),
        ("new Date(NaN)", "<JSObject Invalid Date>"),
        ("Promise.resolve([1])", "<JSPromise fulfilled: [1]>"),
        ("new Promise(() => {})", "<JSPromise pending>"),
        ("new Float64Array([1.5])", "<JSTypedArray Float64Array(1) [1.5]>"),
        ("new ArrayBuffer(8)", "<JSArrayBuffer ArrayBuffer(8)>"),
        ("Symbol('s')", "<JSSymbol s>"),
        ("'\\ud800'.split('')", "<JSArray ['\\ud800']>"),
    ],
)
def test_reprs(ctx, source, shown):
    if shown is None:
        shown = "<JSObject {'a b': {c: Object}, f: function f, u: undefined, n: null, b: 1n}>"
    assert repr(ctx.eval(source)) == shown


def test_reprs_of_what_is_closed(ctx):
    values = [ctx.eval(source) for source in ("({})", "[]", "new Map", "new Set", "Promise.resolve()", "() => 1")]
    ctx.close()
    assert all("closed" in repr(value) for value in values)


def test_subclasses_and_index_objects(ctx):
    class Whole:
        def __index__(self):
            return 12

    class Text(str):
        __slots__ = ()

    assert ctx.to_js(Whole()) == 12
    assert ctx.to_js(Text("a")) == "a"
    assert ctx.to_js((1, 2)).to_py() == [1, 2]


def test_the_same_object_is_the_same_proxy(ctx):
    for source in ("globalThis.o ??= {}", "globalThis.f ??= () => 1", "globalThis.a ??= []", "Symbol.for('s')"):
        assert ctx.eval(source) is ctx.eval(source)
    assert ctx.globals is ctx.globals
    seen = []
    ctx.globals["see"] = seen.append
    ctx.eval("see(o)")
    assert seen[0] is ctx.eval("o")
    holder = ctx.eval("globalThis.holder = {method() { return this }, o}")
    assert holder.o is seen[0]
    assert holder.method is holder.method
    assert holder.method() is holder


def test_methods_of_two_objects_keep_their_own_this(ctx):
    one, two = ctx.eval("class A { constructor(n) { this.n = n } get() { return this.n } }; [new A(1), new A(2)]")
    first, second = one["get"], two["get"]
    assert (first(), second()) == (1, 2)
    assert first == second


def test_identity_outlives_the_proxy(ctx):
    number = hash(ctx.eval("globalThis.o = {}; o"))
    ctx.isolate.low_memory_notification()
    assert hash(ctx.eval("o")) == number


def test_the_same_object_in_two_contexts():
    with v8snap.Isolate() as iso:
        one, two = iso.new_context(), iso.new_context()
        obj = one.eval("({})")
        two.globals["obj"] = obj
        other = two.globals["obj"]
        assert (other == obj, other is obj) == (True, False)
        one.close()
        assert (obj.closed, other.closed) == (True, False)


def test_dir_has_inherited_names_and_no_others(ctx):
    names = dir(ctx.eval("class A { method() {} get value() {} }; Object.assign(new A, {own: 1, 'not one': 2})"))
    assert {"own", "method", "value", "constructor", "to_py"} <= set(names)
    assert not {"not one", "hasOwnProperty"} & set(names)
    assert "push" in dir(ctx.eval("[]"))
    assert ctx.eval("({a: 1, 'b c': 2})")._ipython_key_completions_() == ["a", "b c"]


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("(function* () { yield 1; yield undefined; yield 'a' })()", [1, undefined, "a"]),
        ("new Map([[1, 2]]).entries()", [[1, 2]]),
        ("'a1b2'.matchAll(/\\d/g)", [["1"], ["2"]]),
        ("({*[Symbol.iterator]() { yield 5 }, a: 1})", [5]),
        ("({a: 1, b: 2})", ["a", "b"]),
    ],
)
def test_iteration_is_javascripts(ctx, source, values):
    assert [v8snap.to_py(each) for each in ctx.eval(source)] == values


@pytest.mark.parametrize("given", ["null", "undefined", "5", "'text'", "{}", "{next: 5}", "{next: () => 5}"])
def test_what_is_no_iterator_is_said(ctx, given):
    """By an error of its own: none that Python code runs into by using it as one."""
    with pytest.raises(TypeError, match="in place of an"):
        list(ctx.eval(f"({{[Symbol.iterator]: () => ({given})}})"))


def test_a_return_that_is_no_function_does_not_hide_why_the_loop_was_left(ctx):
    with pytest.raises(KeyError, match="mine"):
        for _ in ctx.eval("({[Symbol.iterator]: () => ({next: () => ({value: 1}), return: 5})})"):
            raise KeyError("mine")


def test_indices_that_are_none_are_type_errors(ctx):
    array = ctx.eval("[1, 2]")
    for wrong in (int, "a", 1.0, None):
        with pytest.raises(TypeError):
            array[wrong]
        with pytest.raises(TypeError):
            del array[wrong]
        with pytest.raises(TypeError):
            array[wrong] = 1


def test_an_iterator_is_closed_where_python_stops(ctx):
    generator = ctx.eval(
        "globalThis.log = []; (function* () { try { yield 1; yield 2 } finally { log.push('end') } })()"
    )
    for _ in generator:
        break
    assert ctx.eval("log.join()") == "end"
    with pytest.raises(v8snap.JSError, match="inside"):
        list(ctx.eval("(function* () { yield 1; throw new Error('inside') })()"))


def test_depth_of_ten_thousand_both_ways(ctx):
    data = []
    for _ in range(10_000):
        data = [data]
    copy = ctx.to_js(data).to_py()
    for _ in range(10_000):
        (copy,) = copy
    assert copy == []
