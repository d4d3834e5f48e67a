"""Deep copies have a quick way and one that can copy anything: nobody may see which one was taken."""

import array
import collections
import datetime
import gc
import json
import math
import threading
import time
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import v8snap

DATE = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)

# ---------------------------------------------------------------- to Python

# A function has no place in V8's serialised form: beside one, everything is copied the slow way.
SLOWLY = "(value) => [value, () => 0]"

# What that form has a place for ...
DATA = [
    "null", "undefined", "true", "false", "0", "-0", "1.5", "NaN", "-Infinity", "2 ** 31", "2 ** 53", "-(2 ** 40)",
    "10n", "-(2n ** 70n)", "2n ** 64n", "''", "'text'", r"'\u00e9'", r"'\u4e2d\u6587'", r"'\ud83d\ude00'",
    r"'\ud83d'", r"'a\udc00b'", "'cons ' + 'x'.repeat(20)", "new Date(1e12)", "new Number(3)", "new String('s')",
    "new Boolean(false)", "Object(5n)", "new Uint8Array([1, 2])", "new Float64Array([1.5])",
    "new Uint8Array(new ArrayBuffer(8), 2, 3)", "new DataView(new ArrayBuffer(4), 1)", "new ArrayBuffer(3)",
    "Object.defineProperty({}, 'hidden', {value: 1})", "Object.assign([1, 2], {extra: {x: 1}})",
    "{[Symbol.iterator]: 1}",
    "new (class Point { constructor() { this.x = 1; this.y = [] } get sum() { return ++calls } })()",
    "new (class extends Array {})(1, 2)", "new (class { #secret = 1; shown = 2 })()", "Object.create({inherited: 1})",
    "Object.create(null)", "{1: 'a', 0: 'b', z: 1, '-1': 2, '4294967295': 3}", "{['__proto__']: 1, '': 2}",
    r"{'\u00e9': 1, '\u4e2d': 2, '\ud83d': 3}", "Object.freeze({a: [1]})", "Array.from({length: 3}, (_, k) => k)",
    "Object.fromEntries(Array.from({length: 1100}, (_, i) => ['k' + i, i]))", "new Map([['a', 1], [2, null]])",
    "new Map([[1, 'a'], [NaN, 'b'], ['x', undefined], [5n, 0]])", "new Set([1, 'a', null, -0])",
    "Array.from({length: 40}, (_, i) => ({i, s: 's' + i, [i % 3]: 1}))", "Array.from({length: 300}, (_, i) => i / 3)",
]  # fmt: skip
# ... and what it hasn't, or what runs JavaScript.
OTHERS = [
    "Symbol.iterator", "new Date(NaN)", "new Date(8e15)", "Object(Symbol.iterator)", "new SharedArrayBuffer(2)", "/r/g",
    "new TypeError('e')", "() => 1", "Promise.resolve(1)", "new WeakMap()", "[].values()", "globalThis.Math",
    "globalThis", "new Proxy([1, {a: 2}], {})", "new Proxy({a: 1}, {get: () => ++calls, has: () => ++calls})",
    "(function () { return arguments })(1, 2)", "{get a() { return ++calls }}", "{get a() { return node0 }, b: 1}",
    "Object.defineProperty([1, 2], 0, {get: () => ++calls, enumerable: true})", "[1, , 3]", "[, ]", "new Array(3)",
    "Object.defineProperty([1, 2], 0, {get: () => ++calls})", "Object.defineProperty([1], 0, {enumerable: false})",
    "{get a() { delete this.b; calls++; return 1 }, b: 2}", "Object.assign([1, , 2], {5: 1})", "new Map([[{}, 1]])",
    "new Set([[], Symbol.iterator])", "{get a() { this.c = 1; return [] }, b: 2}", "Object.assign(() => 1, {a: 1})",
    "new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))",
]  # fmt: skip


def graphs(leaves):
    """Nodes that hold a leaf each and, with no regard for cycles, other nodes."""
    edges = st.lists(st.tuples(st.integers(0, 7), st.sampled_from("abcd01")), max_size=3)
    return st.lists(st.tuples(leaves, edges), min_size=1, max_size=8)


def script_of(graph):
    lines = ["globalThis.calls = 0"]
    lines += [f"const node{i} = {{leaf: ({leaf})}}" for i, (leaf, _) in enumerate(graph)]
    lines += [
        f"node{i}[{key!r}] = node{target % len(graph)}" for i, (_, edges) in enumerate(graph) for target, key in edges
    ]
    return f"{{ {'; '.join(lines)}; [{', '.join(f'node{i}, node{i}.leaf' for i in range(len(graph)))}] }}"


def assert_same(one, two, pairs):
    """Equal in types, order, identity and what == overlooks."""
    assert type(one) is type(two), (one, two)
    if isinstance(one, (list, dict, set, v8snap.JSObject)):
        if id(one) in pairs or id(two) in pairs:
            assert pairs.get(id(one)) is two
            assert pairs.get(id(two)) is one
            return
        pairs[id(one)], pairs[id(two)] = two, one
    if isinstance(one, list):
        assert len(one) == len(two)
        for left, right in zip(one, two, strict=True):
            assert_same(left, right, pairs)
    elif isinstance(one, dict):
        assert len(one) == len(two)
        for (key, left), (other, right) in zip(one.items(), two.items(), strict=True):
            assert_same(key, other, pairs)
            assert_same(left, right, pairs)
    elif isinstance(one, (float, v8snap.JSObject)):
        assert repr(one) == repr(two)
    elif isinstance(one, set):
        assert sorted(map(repr, one)) == sorted(map(repr, two))
    else:
        assert one == two


def assert_ways_agree(ctx, source):
    quick = ctx.eval(source).to_py()
    calls = ctx.globals["calls"]
    slow = ctx.eval(SLOWLY)(ctx.eval(source)).to_py()[0]
    assert_same(quick, slow, {})
    assert ctx.globals["calls"] == calls


@settings(max_examples=100, deadline=None)
@given(graphs(st.sampled_from(DATA)))
def test_any_data_is_copied_the_same_both_ways(graph):
    with v8snap.Isolate() as iso, iso.new_context() as ctx:
        assert_ways_agree(ctx, script_of(graph))


@settings(max_examples=100, deadline=None)
@given(graphs(st.sampled_from(DATA + OTHERS)))
def test_any_graph_is_copied_the_same_both_ways(graph):
    with v8snap.Isolate() as iso, iso.new_context() as ctx:
        assert_ways_agree(ctx, script_of(graph))


@pytest.mark.parametrize("leaf", DATA + OTHERS)
def test_each_value_is_copied_the_same_both_ways(ctx, leaf):
    assert_ways_agree(ctx, script_of([(leaf, [(0, "a")]), (leaf, [])]))


def test_getters_run_once(ctx):
    counted = "Object.defineProperty({}, 'n', {enumerable: true, get: count})"
    for count in ("() => ++calls", "count_in_python"):
        seen = []
        ctx.globals["count_in_python"] = lambda seen=seen: seen.append(1) or len(seen)
        ctx.eval(f"globalThis.calls = 0; globalThis.count = {count}")
        copy = ctx.eval(f"[{{before: [1]}}, {counted}, {counted}, () => 0]").to_py()
        assert copy[:3] == [{"before": [1]}, {"n": 1}, {"n": 2}]
        assert ctx.eval("calls") + len(seen) == 2


def test_elements_of_prototypes_fill_holes(ctx):
    ctx.eval("Array.prototype[1] = 'inherited'")
    assert ctx.eval("[[0, , 2], [3]]").to_py() == [[0, "inherited", 2], [3]]


def test_a_stack_that_is_prepared_by_javascript(ctx):
    ctx.eval("globalThis.calls = 0; Error.prepareStackTrace = () => ++calls")
    assert isinstance(ctx.eval("[new Error('e')]").to_py()[0], v8snap.JSObject)
    assert ctx.eval("calls") == 0
    assert ctx.eval("try { null.x } catch (e) { e.stack }") == 1


def test_names_that_are_much_alike(ctx):
    names = [f"{prefix}{i}" for prefix in ("", "a", "é", "a" * 63, "a" * 64, "b" * 200) for i in range(400)]
    source = json.dumps([dict.fromkeys(names[at : at + 9], at) for at in range(0, len(names), 7)] * 2)
    assert ctx.eval("JSON.parse")(source).to_py() == json.loads(source)


def test_microtasks_wait_for_the_end_of_a_call(ctx):
    ctx.globals["copy"] = lambda value: ctx.to_js(value.to_py())
    ctx.eval("globalThis.order = []; Promise.resolve().then(() => order.push('task')); copy([{}]); order.push(1)")
    assert ctx.globals["order"].to_py() == [1, "task"]


def test_more_than_the_serialised_form_may_take(ctx):
    data = ctx.eval("Array.from({length: 3}, (_, k) => String(k).repeat(5e7))").to_py()
    assert [text.strip(str(k)) for k, text in enumerate(data)] == ["", "", ""]
    assert sum(map(len, data)) == 150_000_000


def test_another_thread_runs_beside_a_long_copy(ctx):
    data = ctx.eval("Array.from({length: 500000}, (_, k) => ({k}))")
    copied = data.to_py()
    seen, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            seen[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    for copy in (data.to_py, lambda: ctx.to_js(copied), lambda: ctx.to_js(set(range(500_000)))):
        before = seen[0]
        copy()
        assert seen[0] > before
    stop.set()
    thread.join()


def test_the_garbage_collector_is_left_as_it_was(ctx):
    data = ctx.eval("Array.from({length: 70000}, (_, k) => [k])")
    was_on = gc.isenabled()
    for turn in (gc.disable, gc.enable):
        turn()
        before = gc.isenabled()
        data.to_py()
        assert gc.isenabled() is before
    assert was_on


def test_signals_are_heard_in_a_long_copy(child_ok):
    code = """
        import signal, v8snap
        ctx = v8snap.Isolate().new_context()
        data = ctx.eval("Array.from({length: 1000000}, (_, k) => ({k}))")
        copied = data.to_py()
        def alarm(*_):
            raise TimeoutError
        signal.signal(signal.SIGALRM, alarm)
        for copy in (data.to_py, lambda: ctx.to_js(copied)):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            try:
                copy()
            except TimeoutError:
                print("heard")
        print(ctx.eval("1"))
    """
    assert child_ok(code).split() == ["heard", "heard", "1"]


@pytest.mark.parametrize(
    "data",
    [
        "[k + 0.5 for k in range(1_000_000)]",
        "[[k] for k in range(300_000)]",
        "set(range(500_000))",
        "{k: k for k in range(500_000)}",
        "[{True: 1}, *[[k] for k in range(300_000)]]",
    ],
)
def test_data_that_a_signals_handler_empties(child_ok, data):
    code = f"""
        import signal, v8snap
        ctx = v8snap.Isolate().new_context()
        heard = []
        def alarm(*_):
            heard.append(data.clear())
        signal.signal(signal.SIGALRM, alarm)
        for milliseconds in (1, 5, 20, 50):
            data = {data}
            signal.setitimer(signal.ITIMER_REAL, milliseconds / 1000)
            try:
                ctx.to_js(data)
            except v8snap.ConversionError:
                pass
            signal.setitimer(signal.ITIMER_REAL, 0)
        print(len(heard) > 0, ctx.eval("1"))
    """
    assert child_ok(code) == "True 1\n"


@pytest.mark.parametrize("copy", ["data.to_py()", "ctx.to_js(copied)"])
def test_a_child_forked_by_a_signal_in_a_long_copy_ends(child, copy):
    code = """
        import os, signal, sys, warnings, v8snap
        warnings.simplefilter("ignore")
        ctx = v8snap.Isolate().new_context()
        data = ctx.eval("Array.from({length: 1000000}, (_, k) => ({k}))")
        copied = data.to_py()
        forked = []
        def alarm(*_):
            forked.append(os.fork())
        signal.signal(signal.SIGALRM, alarm)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        eval(sys.argv[1])
        print(len(forked), os.waitstatus_to_exitcode(os.waitpid(forked[0], 0)[1]))
    """
    done = child(code, copy)
    assert (done.returncode, done.stdout) == (0, "1 1\n")
    assert "os._exit" in done.stderr


def test_a_timeout_is_noticed_in_a_long_copy(ctx):
    data = ctx.eval("Array.from({length: 1000000}, (_, k) => ({k}))")
    ctx.isolate.timeout = 0.02
    with pytest.raises(v8snap.JSTimeoutError):
        data.to_py()
    ctx.isolate.timeout = None
    assert ctx.eval("({k: [1]})").to_py() == {"k": [1]}


def best(function, rounds=5):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def test_the_quick_ways_are_taken(ctx):
    """Which one was is seen only by the time it takes."""
    ctx.eval("globalThis.all = []; for (let k = 0; k < 5000; k++) all.push({k, name: 'n', tags: ['a'], more: {k}})")
    records = ctx.globals["all"]
    slowly = ctx.eval(SLOWLY)(records)
    assert best(records.to_py) < best(slowly.to_py) / 1.5
    data = records.to_py()
    one_by_one = [*data, {1: 1, "1": 1}]  # names that text can't tell apart
    assert best(lambda: ctx.to_js(data)) < best(lambda: ctx.to_js(one_by_one)) / 1.3


# ---------------------------------------------------------------- to JavaScript

DESCRIBE = r"""(root) => {
    const known = new Map()
    const describe = (x) => {
        if (typeof x === "bigint") return `${x}n`
        if (typeof x === "string") return JSON.stringify(x)
        if (typeof x === "symbol") return "symbol"
        if (Object(x) !== x) return Object.is(x, -0) ? "-0" : String(x)
        if (known.has(x)) return `#${known.get(x)}`
        known.set(x, known.size)
        const kind = Object.prototype.toString.call(x)
        if (x instanceof Date) return `Date ${x.getTime()}`
        if (ArrayBuffer.isView(x)) return `${x.constructor.name} ${[...x]}`
        if (typeof x === "function") return "function"
        if (x instanceof Set) return `Set {${[...x].map(describe).join(", ")}}`
        return `${kind}{${Reflect.ownKeys(x).map((key) => `${String(key)}: ${describe(x[key])}`).join(", ")}}`
    }
    return describe(root)
}"""


class Index:
    def __index__(self):
        return 41


class Text(str):
    pass


LEAVES = [
    None, v8snap.undefined, True, False, 0, -1, 2**31, 2**53 - 1, -(2**53) + 1, 2**53, 2**64, -(2**200), 0.0, -0.0,
    1.5, 1e300, 5e-324, math.inf, -math.inf, math.nan, 3.0, v8snap.BigInt(5), "", "text", 'a "quoted" \\', "\0\n\x1f",
    "é\xff", "中文", "😀", "\ud83d", "a\udc00", "中" * 200, "long " * 5000, Text("sub"), Index(), np.float64(2.5),
    np.int32(7), np.arange(3), b"bytes", array.array("d", [1.5]), DATE, {1, 2}, frozenset({"a"}),
    {("tuple", ("in", "set"))}, len, types.MappingProxyType({"m": [1, {}]}), (), [], {},
    collections.OrderedDict(b=1, a=2), [1.5, 2] * 40, [2.5, 2.5, 7] * 40, ["row", "中"] * 40, [1.5, "mixed"] * 40,
    list(range(100)), {1: "a", 0: "b"}, {"1": 1, "0": 2, "__proto__": 3, "": 4}, {Text("k"): 1},
    {"é": 1, "中": 2, "\ud83d": 3, 'q"': 4}, {i: i for i in range(2000)}, {"constructor": None, "toString": []},
    tuple("ab" * 20),
]  # fmt: skip


@st.composite
def python_graphs(draw, leaves, kinds):
    """Containers that hold leaves and, with no regard for cycles, each other."""
    containers = [draw(st.sampled_from(kinds))() for _ in range(draw(st.integers(1, 6)))]
    for container in containers:
        for i in range(draw(st.integers(0, 5))):
            inner = draw(leaves) if draw(st.booleans()) else draw(st.sampled_from(containers))
            if isinstance(container, list):
                container.append(inner)
            else:
                container[f"p{i}"] = inner
    return containers


SOME_LEAF = st.integers(0, len(LEAVES) - 1).map(LEAVES.__getitem__)

# The text of this is so long that the room in a heap of that size is looked at, and found to be too little: all is
# converted one by one.
SMALL_HEAP, FILLING = 10 * 2**20, list(range(200_000))


@settings(max_examples=60, deadline=None)
@given(python_graphs(SOME_LEAF, [list, dict, collections.OrderedDict]))
def test_any_data_is_converted_the_same_both_ways(data):
    with v8snap.Isolate() as iso, iso.new_context() as ctx:
        quick = ctx.eval(DESCRIBE)([data])
    with v8snap.Isolate(heap_limit=SMALL_HEAP) as iso, iso.new_context() as ctx:
        slow = ctx.eval(f"(data) => ({DESCRIBE})([data[1]])")([FILLING, data])
    assert quick == slow


def as_utf16(text):
    """What a string is in JavaScript: two lone halves that come together are one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


TEXT = st.text(st.characters()).map(as_utf16)
INTEGERS = st.integers() | st.integers(-(2**53) - 2, 2**53 + 2) | st.integers(-(2**200), 2**200)
FRACTIONS = st.floats().filter(lambda x: not x.is_integer() or abs(x) >= 2**53) | st.just(-0.0)
WHOLE = (
    st.sampled_from([None, v8snap.undefined, True, False, v8snap.BigInt(5)])
    | (INTEGERS | FRACTIONS | TEXT)
    | st.datetimes(timezones=st.just(datetime.timezone.utc)).map(
        lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)
    )
    | st.sets(st.none() | st.booleans() | TEXT | st.integers(2, 2**70), max_size=4)
    | st.dictionaries(TEXT.map("k{}".format), INTEGERS | TEXT, max_size=4)
)


@settings(max_examples=60, deadline=None)
@given(python_graphs(WHOLE, [list, dict]))
def test_any_data_of_pythons_comes_back_the_same(data):
    """Types, order, cycles, what is shared: the quick way, and through a function the slow one."""
    with v8snap.Isolate() as iso, iso.new_context() as ctx:
        assert_same(ctx.to_js(data).to_py(), data, {})
        assert_same(ctx.eval(SLOWLY)(data).to_py()[0], data, {})


def literal(value):
    """A script's text for a number or a string."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, int):
        return f"{value}n"
    return repr(value).replace("inf", "Infinity").replace("nan", "NaN")


LASTING = (
    st.sampled_from(
        [
            "null",
            "undefined",
            "true",
            "false",
            "-0",
            "2 ** 53",
            "[new Date(1e12)]",
            "new Set(['a'])",
            "[1, [2]]",
        ]
    )
    | st.integers(-(2**53) + 1, 2**53 - 1).map(str)
    | (st.integers(-(2**200), 2**200) | st.floats() | TEXT).map(literal)
)


@settings(max_examples=60, deadline=None)
@given(graphs(LASTING))
def test_any_data_of_javascripts_comes_back_the_same(graph):
    with v8snap.Isolate() as iso, iso.new_context() as ctx:
        describe, data = ctx.eval(DESCRIBE), ctx.eval(script_of(graph))
        assert describe(ctx.to_js(data.to_py())) == describe(data)
        assert describe(ctx.eval(SLOWLY)(data).to_py()[0]) == describe(data)


def test_proxies_in_data_are_the_same_objects(ctx):
    one, symbol, function = ctx.eval("globalThis.one = {}; one"), ctx.eval("Symbol.iterator"), ctx.eval("() => 7")
    check = ctx.eval("(x) => x.o === one && x.list[1] === one && x.list[0] === Symbol.iterator && x.list[2]() === 7")
    assert check({"o": one, "list": [symbol, one, function]}) is True


def test_python_code_runs_once_where_the_quick_way_ends(child_ok):
    code = """
        import v8snap
        class Counted:
            calls = 0
            def __index__(self):
                Counted.calls += 1
                return Counted.calls
        filling = list(range(200_000))
        with v8snap.Isolate(heap_limit=10 * 2**20) as iso, iso.new_context() as ctx:
            for data in ([Counted(), Counted(), filling], [Counted(), {1: 2, "1": 3}]):
                Counted.calls = 0
                print(ctx.to_js(data)[0], Counted.calls)
    """
    assert child_ok(code).split() == ["1", "2", "1", "1"]


def test_names_that_are_one_in_javascript(ctx):
    shared = [1]
    for data in ({1: DATE, "1": 5}, {1: shared, "1": [2], "again": shared}, {1: [DATE], "1": [0]}):
        assert ctx.to_js(data).to_py() == {str(key): value for key, value in data.items()}
    for data in ({"\U0001f600": {"a": DATE}, "\ud83d\ude00": 5}, {"\U0001f600": [DATE], "\ud83d\ude00": [0]}):
        assert ctx.to_js([data]).to_py() == [{"\U0001f600": data["\ud83d\ude00"]}]
    assert ctx.to_js({"\ud83d": DATE, "x": [1]}).to_py() == {"\ud83d": DATE, "x": [1]}


def test_the_parser_is_v8s_own(ctx):
    ctx.eval("JSON.parse = () => 7; Object.defineProperty(Object.prototype, 'a', {set() { throw 1 }})")
    ctx.eval("Object.defineProperty(Array.prototype, 0, {set() { throw 1 }})")
    assert ctx.eval("(x) => Object.keys(x)[0] + x.length + x[0]")([5]) == "015"
    assert ctx.eval("(x) => Object.keys(x).join()")({"a": len, "b": 2}) == "a,b"


@pytest.mark.slow
def test_much_data_in_a_small_heap(child_ok):
    """More than the heap may hold is an exception, and what just fits is converted: never the end of the process."""
    code = """
        import v8snap
        shapes = [lambda: [], dict, lambda: {"k": 1}, lambda: [[]], lambda: 1.5, lambda: None, lambda: "text"]
        outcomes = set()
        for count in (100_000, 1_000_000):
            for make in shapes:
                with v8snap.Isolate(heap_limit=24 * 2**20) as iso, iso.new_context() as ctx:
                    try:
                        ctx.to_js([[make() for _ in range(count)]])
                        outcomes.add("fits")
                    except v8snap.JSMemoryError:
                        outcomes.add("too much")
                    assert ctx.eval("1 + 1") == 2
        print(sorted(outcomes))
    """
    assert child_ok(code) == "['fits', 'too much']\n"


def test_data_of_a_creator():
    data = [{"id": k, "when": DATE, "text": "é" * 40, "row": ["a"] * 40} for k in range(500)]
    with v8snap.SnapshotCreator() as sc:
        sc.context.globals["data"] = data
        assert sc.context.globals["data"].to_py() == data
        sc.context.eval("data.push({get x() { return 1 }})")
        assert sc.context.globals["data"].to_py() == [*data, {"x": 1}]
    with v8snap.Isolate(sc.blob) as iso, iso.new_context() as ctx:
        assert ctx.globals["data"].to_py() == [*data, {"x": 1}]
