"""Whatever a script replaces in its built-ins: values cross as they are, both ways, and nothing of it is called."""

import asyncio
import datetime

import pytest

import v8snap

HOSTILE = "() => { polluted('called'); throw new Error('mine') }"
THROWING = f"{{get: {HOSTILE}, set: {HOSTILE}, configurable: true}}"
NAMES = (
    *("x", "0", "1", "length", "then", "toJSON", "toString", "valueOf", "constructor", "value", "done", "next", "get"),
    *("set", "has", "add", "writable", "enumerable", "configurable", "name", "message", "stack", "cause", "index"),
)


def replaced(owner, *names):
    """Methods of a built-in that throw."""
    return "; ".join(
        f"Object.defineProperty({owner}, {name}, {{value: {HOSTILE}, writable: true, configurable: true}})"
        for name in names
    )


def all_replaced(owner):
    """Every method and accessor of a built-in, but its constructor."""
    return (
        f"{{ const {{defineProperty, ownKeys}} = Reflect, names = ownKeys({owner});"
        " for (let i = 0; i < names.length; i++)"
        " if (names[i] !== 'constructor' && names[i] !== 'prototype' && names[i] !== 'length')"
        f" defineProperty({owner}, names[i], {{value: {HOSTILE}, writable: true, configurable: true}}) }}"
    )


OF_OBJECTS = {
    f"Object.prototype.{name}": f"Object.defineProperty(Object.prototype, {name!r}, {THROWING})" for name in NAMES
}
POLLUTIONS = {
    "Array.prototype[0]": f"Object.defineProperty(Array.prototype, 0, {THROWING})",
    "the iterator of arrays": replaced("Array.prototype", "Symbol.iterator", "'values'", "'push'", "'splice'"),
    "what iterators do": replaced("Object.getPrototypeOf([][Symbol.iterator]())", "'next'"),
    "Array.prototype, all": all_replaced("Array.prototype"),
    "Map.prototype, all": all_replaced("Map.prototype"),
    "Set.prototype, all": all_replaced("Set.prototype"),
    "Date.prototype, all": all_replaced("Date.prototype"),
    "Date": "Date = null",
    "String.prototype, all": all_replaced("String.prototype"),
    "Number.prototype, all": all_replaced("Number.prototype"),
    "BigInt.prototype, all": all_replaced("BigInt.prototype"),
    "Symbol.prototype, all": all_replaced("Symbol.prototype"),
    "RegExp.prototype, all": all_replaced("RegExp.prototype"),
    "Function.prototype, all": all_replaced("Function.prototype"),
    "typed arrays' prototype": all_replaced("Object.getPrototypeOf(Uint8Array.prototype)"),
    "buffers' prototype": all_replaced("ArrayBuffer.prototype"),
    "JSON, all": all_replaced("JSON"),
    "Reflect, all": "const defineProperty = Reflect.defineProperty; Reflect = null; JSON = null; Math = null",
    "Object, all": all_replaced("Object"),
    "Promise.prototype.then": replaced("Promise.prototype", "'then'", "'catch'", "'finally'"),
    "a promise's constructor": f"Object.defineProperty(Promise.prototype, 'constructor', {THROWING})",
    "Promise": "Promise.resolve = Promise.reject = null; Promise = null",
    "species": "for (const each of [Array, Map, Set, Promise, RegExp, ArrayBuffer, Object.getPrototypeOf(Uint8Array)])"
    f" Object.defineProperty(each, Symbol.species, {THROWING})",
    "Symbol.hasInstance": "for (const each of [Array, Map, Set, Date, Promise, Error, Function])"
    f" Object.defineProperty(each, Symbol.hasInstance, {{value: {HOSTILE}}})",
    "well-known symbols": "for (const name of ['toStringTag', 'toPrimitive', 'isConcatSpreadable', 'unscopables',"
    f" 'match', 'iterator', 'asyncIterator']) Object.defineProperty(Object.prototype, Symbol[name], {THROWING})",
    "constructors": "Array = Map = Set = Uint8Array = ArrayBuffer = BigInt = String = Number = Function = Proxy = null",
    "Error": "Error = TypeError = RangeError = null",
    "stack hooks": f"Error.prepareStackTrace = {HOSTILE}; Error.captureStackTrace = null",
    "a stack limit with a getter": f"Object.defineProperty(Error, 'stackTraceLimit', {THROWING})",
    "Error.prototype": f"for (const name of ['name', 'message', 'stack', 'cause', 'toString'])"
    f" Object.defineProperty(Error.prototype, name, {THROWING})",
    "prototypes without prototypes": "for (const each of [Array, Map, Set, Date, Promise, Function])"
    " Object.setPrototypeOf(each.prototype, null)",
    "frozen": "for (const each of [globalThis, Object, Array, Map, Set, Date, Promise, Function, Error])"
    " { Object.freeze(each); if (each.prototype) Object.freeze(each.prototype) }",
    "a frozen Object.prototype": "Object.freeze(Object.prototype)",
    "a global object with a hostile prototype": f"Object.defineProperty(Object.prototype, 'globalThis', {THROWING})",
}

OWNERS = {"Object.prototype": OF_OBJECTS, **{what: {what: source} for what, source in POLLUTIONS.items()}}

DATE = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)
DATA = {
    **{name: index for index, name in enumerate(NAMES)},
    "__proto__": {"x": 1},
    "list": [1, "a", None, [2.5, []], {"then": 1}],
    "big": 2**80,
    "date": DATE,
    "set": {1, "x"},
    "long": [{"x": number, "value": [number]} for number in range(50)],
    "text": "\ud800 \u00e9 \u4e2d",
}
# Made in JavaScript before anything is replaced.
MADE = """
    globalThis.made = {o: {x: 1, then: 2, list: [1, [2]]}, m: new Map([['a', 1], [2, {}]]), s: new Set([1, 'x']),
      d: new Date(1577923200000), t: new Float64Array([1, 2.5]), b: new Uint8Array([1, 2]).buffer, big: 2n ** 80n,
      p: (async () => 5)(), a: [1, 2, 3, 4]};
    globalThis.echo = (x) => x;
    globalThis.wait = async () => await slowly((await slowly(3)).x);
"""


def check_to_javascript(ctx, echo):
    assert ctx.to_js(DATA).to_py() == DATA
    assert echo(DATA).to_py() == DATA
    assert memoryview(ctx.to_js(b"ab")).tobytes() == b"ab"


def check_to_python(made):
    assert made["o"].to_py() == {"x": 1, "then": 2, "list": [1, [2]]}
    assert made["m"].to_py() == {"a": 1, 2: {}}
    assert made["s"].to_py() == {1, "x"}
    assert (made["d"], made["big"]) == (DATE, 2**80)
    assert made["t"].to_py().tolist() == [1, 2.5]
    assert bytes(memoryview(made["b"])) == b"\x01\x02"
    assert made["p"].result() == 5


def check_proxies(made):
    o, m, s, a = made["o"], made["m"], made["s"], made["a"]
    assert (o["x"], o.then, len(o), "x" in o, list(o["list"].to_py())) == (1, 2, 3, True, [1, [2]])
    o["new"] = 1
    del o["new"]
    assert (m["a"], len(m), "a" in m, [*m.keys()], m.get("b", 7)) == (1, 2, True, ["a", 2], 7)
    m["new"] = 1
    assert (m.pop("new"), len(m)) == (1, 2)
    s.add("new")
    s.remove("new")
    assert (s.to_py(), 1 in s, len(s)) == ({1, "x"}, True, 2)
    a.append(5)
    a.insert(0, 0)
    assert (a[1:3], a.pop(), a[-1], len(a)) == ([1, 2], 5, 4, 5)
    a[0:2] = [9]
    assert a.to_py() == [9, 2, 3, 4]
    for each in (o, m, s, a, made["t"], made["p"]):
        assert repr(each)
        assert dir(each)


def check_errors(ctx):
    """What is asked of an error may be its own getter; but no question fails, and none never ends."""
    for source in ("throw {}", "null.x", "not javascript", "throw null", "undefinedThing"):
        with pytest.raises(v8snap.JSError) as caught:
            ctx.eval(source)
        assert str(caught.value)
        assert repr(caught.value.value)
    with pytest.raises(ValueError, match="python's"):
        ctx.eval("fails()")
    assert ctx.eval("try { fails() } catch (error) { gives(1, error) }") == 2
    assert ctx.eval("try { gives(1, {}, []) } finally { 1 }") == 3


# What the language itself asks of a promise: `await` for its constructor, and resolving with an object for its `then`.
ASKED_OF_PROMISES = {"a promise's constructor", "species", "Object.prototype.then"}


async def check_promises(what, wait):
    if what in ASKED_OF_PROMISES:
        with pytest.raises(v8snap.JSError):
            await wait()
    else:
        assert (await wait()).x == 5


async def look_through(iso, what, pollution):
    def fails():
        raise ValueError("python's")

    async def slowly(number):
        await asyncio.sleep(0)
        return {"x": number + 1}

    calls = []
    with iso.new_context() as ctx:
        for name, value in {"fails": fails, "gives": lambda *given: len(given), "slowly": slowly}.items():
            ctx.globals[name] = value
        ctx.globals["polluted"] = calls.append
        ctx.eval(MADE)
        things, echo, wait = ctx.globals["made"], ctx.globals["echo"], ctx.globals["wait"]
        ctx.eval(pollution + "; 1")
        check_to_javascript(ctx, echo)
        check_to_python(things)
        check_proxies(things)
        assert calls == []
        check_errors(ctx)
        await check_promises(what, wait)


@pytest.mark.parametrize("owner", OWNERS)
def test_values_cross_as_they_are(owner):
    async def main():
        with v8snap.Isolate() as iso:
            for what, pollution in OWNERS[owner].items():
                await look_through(iso, what, pollution)

    asyncio.run(main())


def test_an_edit_is_an_assignment_as_in_javascript(ctx):
    """A new element meets what the prototypes have for it; the array stays as it was."""
    array = ctx.eval(
        "globalThis.polluted = () => 1;"
        f" Object.setPrototypeOf(Array.prototype, new Proxy({{}}, {{set: {HOSTILE}}})); [1]"
    )
    with pytest.raises(v8snap.JSError):
        array.append(2)
    assert array.to_py() == [1]


# Objects of classes with a species that must not be asked, and whatever Python does with them.
SPECIES = {
    "Array": (
        "A.from([1, 2, 3, 4])",
        {
            "part": (lambda a: [a[1:3], a[::-2]], [[2, 3], [4, 2]]),
            "copy": (
                lambda a: [a.to_py(), [*a], [*reversed(a)], len(a)],
                [[1, 2, 3, 4], [1, 2, 3, 4], [4, 3, 2, 1], 4],
            ),
            "edit": (
                lambda a: [a.insert(0, 0), a.__setitem__(slice(0, 2), [9]), a.__delitem__(1), a.to_py()][-1],
                [9, 3, 4],
            ),
            "more": (
                lambda a: [a.extend([5]), a.reverse(), a.pop(), a.index(3), a.count(1), a.to_py()][2:],
                [9, 2, 0, [5, 4, 3]],
            ),
        },
    ),
    "Uint8Array": (
        "new A([1, 2, 3, 4, 5, 6, 7, 8, 9])",
        {
            "part": (lambda a: [a[1:3], a[::-4]], [[2, 3], [9, 5, 1]]),
            "copy": (
                lambda a: [a.to_py(), [*a], len(a), bytes(memoryview(a)[2:4])],
                [bytes(range(1, 10)), [*range(1, 10)], 9, b"\3\4"],
            ),
            "edit": (
                lambda a: [a.__setitem__(0, 7), a.__setitem__(slice(1, 3), b"xy"), a.to_py()][-1],
                b"\7xy\4\5\6\7\10\11",
            ),
        },
    ),
    "Float64Array": (
        "new A([1, 2.5])",
        {
            "copy": (lambda a: [a[:1], a.to_py().tolist(), [*a], memoryview(a).nbytes], [[1], [1, 2.5], [1, 2.5], 16]),
        },
    ),
    "ArrayBuffer": (
        "new A(9)",
        {
            "copy": (lambda a: [a.to_py(), len(a), memoryview(a)[3:].nbytes], [bytes(9), 9, 6]),
        },
    ),
    "RegExp": (
        "new A('a', 'g')",
        {
            "look": (lambda a: [a.source, a.lastIndex, [*a], len(a), a["constructor"]["name"]], ["a", 0, [], 0, "A"]),
        },
    ),
    "Map": ("new A([['x', 1]])", {"copy": (lambda a: [a.to_py(), [*a], len(a), a["x"]], [{"x": 1}, ["x"], 1, 1])}),
    "Set": ("new A([1])", {"copy": (lambda a: [a.to_py(), [*a], len(a), a | {2}], [{1}, [1], 1, {1, 2}])}),
    "Promise": (
        "new A((settle) => settle(5))",
        {
            "result": (lambda a: [a.result(), a.state, asyncio.run(awaited(a))], [5, "fulfilled", 5]),
        },
    ),
}


async def awaited(value):
    return await asyncio.wait_for(value, 5)


@pytest.mark.parametrize("base", SPECIES)
def test_a_species_that_lies_is_not_asked(ctx, base):
    made, uses = SPECIES[base]
    calls = []
    ctx.globals["polluted"] = calls.append
    value = ctx.eval(f"class A extends {base} {{ static get [Symbol.species]() {{ ({HOSTILE})() }} }}; {made}")
    for use, expected in uses.values():
        assert use(value) == expected
        assert repr(value)
        assert dir(value)
        assert ctx.eval("(x) => x instanceof A && x")(value) == value
        assert ctx.to_js([value]).to_py()
    assert calls == []


# What awaiting a pending promise asks for, as JavaScript's own `await` of a subclass does, and what comes of it.
SPECIES_OF_PROMISES = {
    "throws": ("throw new RangeError('mine')", "mine"),
    "is no constructor": ("return 5", "not a constructor"),
    "gives no promise": ("return function (settles) { settles(() => 0, () => 0); return {} }", 7),
    "gives the promise itself": ("return function (settles) { settles(() => 0, () => 0); return p }", 7),
    "doesn't say how to settle": ("return function () { return {} }", "not callable"),
    "has settled it": ("settle(3); return undefined", 3),
    "throws when told": ("return function (settles) { settles(() => { throw 1 }, () => { throw 2 }); return [] }", 7),
}


@pytest.mark.parametrize("what", SPECIES_OF_PROMISES)
def test_awaiting_a_promise_whose_species_lies_ends(ctx, what, monkeypatch):
    """What it throws where nobody can catch it is told as such."""
    uncaught = []
    monkeypatch.setattr("sys.unraisablehook", lambda args: uncaught.append(str(args.exc_value)))
    does, expected = SPECIES_OF_PROMISES[what]
    promise = ctx.eval(
        f"class A extends Promise {{ static get [Symbol.species]() {{ {does} }} }};"
        " globalThis.p = new A((f) => { globalThis.settle = f })"
    )

    async def main():
        asyncio.get_running_loop().call_later(0.01, ctx.eval, "settle(7)")
        return await awaited(promise)

    if isinstance(expected, str):
        with pytest.raises(v8snap.JSError, match=expected):
            asyncio.run(main())
    else:
        assert asyncio.run(main()) == expected
    assert uncaught == (["Uncaught 2 (:0)"] if what == "throws when told" else [])
    assert ctx.eval("1 + 1") == 2
