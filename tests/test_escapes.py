"""Hostile JavaScript reaches no Python object, and nothing of V8's but its own context, from whatever it is given."""

import asyncio
import contextlib
import copy
import datetime
import functools
import pickle

import numpy as np
import pytest

import v8snap

# What can be reached from things through properties, accessors' functions and prototypes, and not from the global
# object: made before anything else, so that nothing that is replaced later deceives it.
REACH = """
globalThis.strangers = (() => {
  const {ownKeys, getOwnPropertyDescriptor, getPrototypeOf, apply} = Reflect;
  const {add, has} = Set.prototype, {push, pop} = Array.prototype;
  const reach = (starts) => {
    const seen = new Set(), todo = [...starts];
    while (todo.length > 0) {
      const thing = todo.pop();
      if (Object(thing) !== thing || seen.has(thing)) continue;
      seen.add(thing);
      todo.push(getPrototypeOf(thing));
      for (const key of ownKeys(thing)) {
        let found;
        try { found = getOwnPropertyDescriptor(thing, key) } catch { continue }
        if (found) todo.push(found.value, found.get, found.set);
      }
    }
    return seen;
  };
  const hidden = [function* () {}, async function* () {}, async () => {}, [][Symbol.iterator](), 'x'.matchAll(/x/g),
    new Map().entries(), new Set().entries(), ''[Symbol.iterator](), class {}, (function () { return arguments })(),
    new Error()];
  const known = reach([globalThis, ...hidden, ...hidden.map((each) => Object.getPrototypeOf(each))]);
  return (...things) => [...reach(things)].filter((each) => !known.has(each));
})();
"""


class Callable:
    """Has more to find than a function."""

    secret = "secret"

    def __init__(self):
        self.inside = [1]

    def __call__(self, *arguments):
        return len(arguments)

    def method(self):
        return self.inside


CALLABLES = {
    "function": lambda: lambda: 1,
    "built-in": lambda: print,
    "bound method": lambda: Callable().method,
    "class": lambda: Callable,
    "instance": Callable,
    "partial": lambda: functools.partial(Callable(), 1),
    "async function": lambda: asyncio.sleep,
    "generator function": lambda: lambda: (yield),
    "method of a built-in": lambda: {"secret": 1}.get,
    "type": lambda: type,
    "exception class": lambda: ValueError,
    "eval": lambda: eval,
}


@pytest.fixture
def hostile(ctx):
    ctx.eval(REACH)
    return ctx


@pytest.mark.parametrize("kind", CALLABLES)
def test_from_a_callable_nothing_but_a_function(hostile, kind):
    hostile.globals["f"] = CALLABLES[kind]()
    assert hostile.eval("const found = strangers(f); found.length === 1 && found[0] === f")
    assert hostile.eval("Reflect.ownKeys(f).sort().join()") == "length,name"
    assert hostile.eval("Object.getPrototypeOf(f) === Function.prototype && f.prototype === undefined")
    for name in (
        "__class__",
        "__globals__",
        "__self__",
        "__code__",
        "__dict__",
        "__call__",
        "inside",
        "secret",
        "func",
    ):
        assert hostile.eval(f"{name!r} in f") is False
    assert "[native code]" in hostile.eval("Function.prototype.toString.call(f)")


def test_from_promises_of_pythons_and_namespaces_nothing_but_their_values(hostile):
    async def promised():
        return None

    async def main():
        hostile.globals["promised"] = promised
        found = hostile.eval("globalThis.p = promised(); const behind = strangers(p, promised); behind")
        assert len(found) == 2
        assert hostile.eval("Object.getPrototypeOf(p) === Promise.prototype && Reflect.ownKeys(p).length === 0")
        await hostile.eval("p")

    asyncio.run(main())
    hostile.globals["ns"] = hostile.import_module("m", resolve={"m": "export const a = 1; export default (x) => x"})
    assert hostile.eval(
        "strangers(ns).every((each) => each === ns || each === ns.default || each === ns.default.prototype)"
    )
    assert hostile.eval("Object.getPrototypeOf(ns)") is None


@pytest.mark.parametrize(
    "attempt",
    [
        "new f()",
        "Reflect.construct(f, [])",
        "Reflect.construct(Object, [], f)",
        "class A extends f {}",
        "new (new Proxy(f, {construct() { return {} }}))()",
        "new (f.bind())()",
        "f.caller.name",
        "f.arguments.length",
    ],
)
def test_a_callable_is_no_constructor(hostile, attempt):
    calls = []
    hostile.globals["f"] = lambda *arguments: calls.append(arguments)
    with pytest.raises(v8snap.JSError) as caught:
        hostile.eval(attempt)
    assert caught.value.name == "TypeError"
    assert calls == []


class NamedError(Exception):
    """Has attributes that must not go along."""

    def __init__(self, text):
        super().__init__(text)
        self.secret = Callable()
        self.__notes__ = ["secret note"]


def test_from_an_exception_nothing_but_an_error(hostile):
    def fail(how="raised"):
        try:
            raise KeyError("secret cause")
        except KeyError as cause:
            raise NamedError("told") from (cause if how == "raised" else None)

    async def reject():
        fail()

    hostile.globals["fail"], hostile.globals["reject"] = fail, reject
    hostile.globals["convert"] = lambda: object()
    hostile.eval("const caught = (f) => { try { f() } catch (error) { return error } }")
    for source in ("caught(fail)", "caught(() => fail('alone'))", "caught(convert)", "caught(() => [1].map(fail))"):
        assert hostile.eval(f"{{const e = {source}; const found = strangers(e); found.length === 1 && found[0] === e}}")
        own = hostile.eval(f"JSON.stringify(Object.getOwnPropertyDescriptors({source}))")
        assert all(word not in own for word in ("secret", ".py", "Traceback", "object at 0x"))

    async def main():
        return await hostile.eval_async("reject().catch((e) => [strangers(e).length, e.stack, e.message].join('|'))")

    number, stack, message = asyncio.run(main()).split("|")
    assert (number, message) == ("1", "told")
    assert ".py" not in stack


GIVEN = {
    "dict": {"a": [1, {"b": None}]},
    "list": [[], {}],
    "set": {1, "a"},
    "bytes": b"secret",
    "date": datetime.datetime(2020, 1, 1),
    "array": np.arange(4.0),
    "matrix": np.ones((2, 2)),
    "int": 2**70,
}


@pytest.mark.parametrize("kind", GIVEN)
def test_what_is_given_is_made_of_the_contexts_own(hostile, kind):
    """Every object of it has a prototype of this context, and holds nothing but data."""
    hostile.globals["x"] = GIVEN[kind]
    assert hostile.eval("strangers(x).every((each) => typeof each === 'object')")
    assert hostile.eval("strangers(x).every((each) => each instanceof Object)")
    assert hostile.eval("Object(x).constructor.constructor('return this')() === globalThis")


CHAINS = {
    "Function": "Function('return this')()",
    "a callback's constructor": "f.constructor('return this')()",
    "a callback's prototype's": "Object.getPrototypeOf(f).constructor('return this')()",
    "a bound callback's": "f.bind(1).constructor('return this')()",
    "an error's": "(() => { try { fail() } catch (e) { return e.constructor.constructor('return this')() } })()",
    "what a callback gave": "give().constructor.constructor('return this')()",
    "a promise of Python's": "promised().constructor.constructor('return this')()",
    "a generator's": "Object.getPrototypeOf(function* () {}).constructor('return this')().next().value",
    "a callback's this where there is none": "receiver.call(undefined) ?? this",
    "a callback as a getter": """(() => {
        const object = Object.defineProperty({}, 'x', {get: receiver})
        return object.x === object && object.x.constructor.constructor('return this')()
    })()""",
    "a callback with a hostile this": """(() => {
        const hostile = new Proxy({}, {get() { throw 1 }})
        return receiver.call(hostile) === hostile && globalThis
    })()""",
    "a callback as species": """(() => {
        const list = [1]
        list.constructor = {[Symbol.species]: give}
        try { return list.map(String).constructor.constructor('return this')() }
        catch (e) { return e.constructor.constructor('return this')() }
    })()""",
    "eval elsewhere": "(0, eval)('this')",
}


@pytest.mark.parametrize("chain", CHAINS)
def test_every_way_to_a_global_object_leads_to_ones_own(hostile, chain):
    async def promised():
        return None

    def fail():
        raise ValueError

    hostile.globals["f"] = lambda *arguments: None
    hostile.globals["receiver"] = v8snap.this
    hostile.globals["fail"], hostile.globals["give"], hostile.globals["promised"] = fail, dict, promised

    async def main():
        return hostile.eval(f"({CHAINS[chain]}) === globalThis")

    assert asyncio.run(main()) is True


def test_nothing_of_a_host_is_global(ctx):
    """Neither the shell's functions nor Node's nor ours."""
    names = ctx.eval("Object.getOwnPropertyNames(globalThis).filter((name) => !/^[A-Z]/.test(name)).sort().join()")
    assert set(names.split(",")) <= {
        *("console", "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "eval"),
        *("globalThis", "isFinite", "isNaN", "parseFloat", "parseInt", "undefined", "unescape"),
    }
    assert ctx.eval("Object.getOwnPropertySymbols(globalThis).every((each) => each === Symbol.toStringTag)")


FRAMES = "Error.prepareStackTrace = (error, frames) => { globalThis.frames = frames; return 'mine' };"


def test_stack_frames_lead_nowhere(hostile):
    """`Error.prepareStackTrace` sees the functions and receivers on the stack: none is of ours, none of Python's."""

    def through(function):
        return function()

    hostile.globals["through"] = through
    hostile.eval(FRAMES + "function mine() { return new Error('x').stack } 1")
    assert hostile.eval("through(() => [1].map(() => mine())[0])") == "mine"
    hostile.eval("globalThis.kept = {set x(value) { mine() }, get y() { return mine() }}; 1")
    hostile.globals["kept"]["x"] = 1  # by a function of ours
    check = """
        frames.every((frame) => {
          const own = [frame.getFunction(), frame.getThis()].filter((each) => Object(each) === each);
          const each = Object.getPrototypeOf(frame).toString.call.bind(Object.getPrototypeOf(frame).toString);
          const text = [frame.getFileName(), frame.getEvalOrigin(), frame.getScriptNameOrSourceURL(), each(frame)];
          const mine = (each) => typeof each !== 'function' || each === strangers || /mine\\(\\)/.test(each);
          return own.every(mine) && !text.join().includes('.py');
        })
    """
    assert hostile.eval(check) is True
    assert hostile.globals["kept"]["y"] == "mine"
    assert hostile.eval(check) is True
    with pytest.raises(v8snap.JSError):
        hostile.eval("through(() => { mine(); throw new Error('x') })")
    assert hostile.eval(check) is True


def test_the_setter_that_python_goes_through_can_not_be_reached(ctx):
    ctx.eval(
        "globalThis.seen = [];"
        "const look = (f) => { try { seen.push(f.caller) } catch (error) { seen.push(error) } };"
        "globalThis.o = {set x(value) { look(Object.getOwnPropertyDescriptor(o, 'x').set) },"
        " get y() { look(Object.getOwnPropertyDescriptor(o, 'y').get); return 1 }}; 1"
    )
    ctx.globals["o"]["x"] = 1
    ctx.globals["o"].x = 1
    assert ctx.globals["o"]["y"] == 1
    assert ctx.eval("seen.every((each) => each === null || each instanceof TypeError) && seen.length") == 3


def test_python_does_not_ask_javascript_for_its_protocols(ctx):
    """Else an object could pose as one with an array's memory, or as safe HTML, or say how it is unpickled."""
    asked = []
    ctx.globals["asked"] = asked.append
    posing = ctx.eval(
        "new Proxy(() => 1, {get(target, name) { asked(String(name)); return () => name }, has() { return true }})"
    )
    for name in ("__html__", "__array_interface__", "__array_struct__", "__deepcopy__", "__fspath__", "__wrapped__"):
        with pytest.raises(AttributeError):
            getattr(posing, name)
    with pytest.raises(TypeError):
        pickle.dumps(posing)
    with pytest.raises(TypeError):
        copy.deepcopy(posing)
    assert not [name for name in asked if name.startswith("__")]


POSING = {
    "a Proxy of a function": "new Proxy(() => 1, {apply() { return 5 }})",
    "a Proxy of a Proxy": "new Proxy(new Proxy(() => 1, {apply() { return 5 }}), {})",
    "a bound function": "(function () { return this.n }).bind({n: 5})",
    "an own call and apply": "Object.assign(() => 5, {call: null, apply: null, bind: null})",
    "no prototype": "Object.setPrototypeOf(() => 5, null)",
    "a callback": "f",
    "a bound callback": "f.bind(null)",
    "a Proxy of a callback": "new Proxy(f, {})",
}


@pytest.mark.parametrize("kind", POSING)
def test_functions_of_every_kind_are_called_as_functions(ctx, kind):
    ctx.globals["f"] = lambda *arguments: 5
    function = ctx.eval(POSING[kind])
    assert callable(function)
    assert function() == 5
    assert function.call(None) == 5
    assert ctx.eval("(g) => g()")(function) == 5


@pytest.mark.parametrize(
    "source",
    [
        "new Proxy({}, {apply() { return 5 }})",
        "({call() { return 5 }, apply() { return 5 }})",
        "Object.setPrototypeOf({}, Function.prototype)",
        "Object.create(() => 5)",
        "(() => { const r = Proxy.revocable(() => 5, {}); r.revoke(); return r.proxy })()",
    ],
)
def test_what_only_looks_like_a_function_is_none(ctx, source):
    thing = ctx.eval(source)
    with pytest.raises((TypeError, v8snap.JSError)):
        thing()
    assert ctx.eval("1 + 1") == 2


@pytest.mark.parametrize("thrown", ["new TypeError('x')", "{own: 1}", "function () {}", "Promise.reject(1)"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_errors_of_another_context_are_copies(ctx, thrown, asynchronous):
    """Else whoever catches one could reach that context's prototypes."""
    other = ctx.isolate.new_context()

    def fails():
        ctx.eval(f"throw {thrown if thrown[0] != '{' else '(' + thrown + ')'}")

    async def fails_later():
        fails()

    other.globals["f"] = fails_later if asynchronous else fails
    source = """(async () => {
        try {
            await f()
        } catch (error) {
            for (let each = error; each; each = Object.getPrototypeOf(each)) {
                try { Object.defineProperty(each, "token", {set(v) { globalThis.stolen = v }}) } catch {}
            }
            return error instanceof Error
        }
    })()"""

    async def caught():
        return await other.eval(source)

    assert asyncio.run(caught()) is True
    ctx.eval("const o = {}; o.token = 'TOP SECRET'; [].token = 1; (() => 0).token = 1; new Error().token = 1")
    assert other.eval("globalThis.stolen") is v8snap.undefined


def test_an_error_of_another_context_keeps_its_name_and_passes_python_unchanged(ctx):
    other = ctx.isolate.new_context()
    other.globals["f"] = lambda: ctx.eval("throw new RangeError('too far')", name="far.js")
    assert other.eval("try { f() } catch (error) { String(error) }") == "RangeError: too far"
    with pytest.raises(v8snap.JSError) as caught:
        other.eval("f()")
    assert (caught.value.name, caught.value.message, caught.value.script_name) == ("RangeError", "too far", "far.js")


IMPORTS_A_B = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 97, 1, 98, 0, 0]

STOPPED_IN = {
    "import()": "import({toString() { for (;;); }})",
    "WebAssembly": (
        f"WebAssembly.instantiate(new WebAssembly.Module(new Uint8Array({IMPORTS_A_B})), {{get a() {{ for (;;); }}}})"
    ),
    "a module": "import('m')",
    "a module that waited": "import('n')",
}


@pytest.mark.parametrize("where", STOPPED_IN)
def test_nobody_catches_what_stops_javascript(ctx, where):
    """V8 10 and 11 reject promises with it, which is no value, and die of its use."""
    ctx.resolve = {"m": "import 'waits'; for (;;);", "n": "await 0; for (;;);", "waits": "await 0"}
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.eval(f"var p = {STOPPED_IN[where]}; p.catch(error => {{ globalThis.caught = error }})", timeout=0.2)
    with contextlib.suppress(v8snap.JSTerminatedError):
        ctx.eval("globalThis.p?.catch(error => { globalThis.caught = error }); 1")
    assert ctx.eval("String(globalThis.caught)") in ("undefined", "Error: the module was stopped")
