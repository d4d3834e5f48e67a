"""Python functions called by JavaScript: exceptions cross, nothing of Python's leaks into JavaScript."""

import functools
import gc
import sys

import pytest

import v8snap
from v8snap import _v8


def test_python_callables_are_functions(ctx):
    class Adder:
        def __init__(self, n):
            self.n = n

        def add(self, x):
            return x + self.n

        __call__ = add

    ctx.globals["plain"] = lambda a, b: a + b
    ctx.globals["method"] = Adder(10).add
    ctx.globals["partial"] = functools.partial(max, 5)
    ctx.globals["instance"] = Adder(20)
    ctx.globals["cls"] = dict
    assert ctx.eval("[plain(1, 2), method(1), partial(3), instance(1), typeof plain]").to_py() == [
        3,
        11,
        5,
        21,
        "function",
    ]
    assert ctx.eval("Object.keys(cls()).length") == 0
    assert ctx.eval("method.name") == "add"


def test_arguments_and_results_are_converted(ctx):
    seen = []
    ctx.globals["take"] = lambda *args: seen.extend(args)
    assert ctx.eval("take(1, 'a', null, undefined, [1], {a: 1}) === null") is True
    assert seen[:4] == [1, "a", None, v8snap.undefined]
    assert (seen[4].to_py(), seen[5].to_py()) == ([1], {"a": 1})
    ctx.globals["give"] = lambda: {"list": [1, {"x": (2, 3)}]}
    assert ctx.eval("JSON.stringify(give())") == '{"list":[1,{"x":[2,3]}]}'


def test_the_same_callable_is_the_same_function(ctx):
    def callback():
        return 1

    same = ctx.eval("(a, b) => a === b")
    assert same(callback, callback) is True
    assert same(callback, lambda: 1) is False
    for _ in range(20):
        assert same(callback, callback) is True
        ctx.isolate.low_memory_notification()


def test_nothing_of_python_is_reachable(ctx):
    ctx.globals["f"] = print
    assert ctx.eval("Object.getOwnPropertyNames(f).sort().join()") == "length,name"
    assert ctx.eval("[f.__class__, f.__self__, f.constructor === Function].join()") == ",,true"
    with pytest.raises(v8snap.JSError, match="not a constructor"):
        ctx.eval("new f()")


def test_an_exception_comes_out_as_itself(ctx):
    error = ValueError("mine")

    def fail():
        raise error

    ctx.globals["fail"] = fail
    with pytest.raises(ValueError) as caught:
        ctx.eval("fail()")
    assert caught.value is error
    with pytest.raises(ValueError) as caught:
        ctx.eval("try { fail() } finally { }")
    assert caught.value is error
    assert [entry.name for entry in caught.traceback][-1] == "fail"


def test_javascript_can_catch_it(ctx):
    def fail():
        raise KeyError("café")

    ctx.globals["fail"] = fail
    assert ctx.eval("try { fail() } catch (e) { [e instanceof Error, e.name, e.message, e].join() }") == (
        "true,KeyError,'café',KeyError: 'café'"
    )
    with pytest.raises(v8snap.JSError, match="other"):
        ctx.eval("try { fail() } catch (e) { throw new Error('other') }")


def test_many_caught_exceptions_do_not_pile_up(ctx):
    def fail():
        raise ValueError("x")

    ctx.globals["fail"] = fail
    for _ in range(20):
        ctx.eval("for (let i = 0; i < 100; i++) try { fail() } catch (e) { }")
        ctx.isolate.low_memory_notification()
    ctx.eval("1")
    gc.collect()
    assert sum(isinstance(each, ValueError) for each in gc.get_objects()) < 150


def test_exceptions_whose_text_fails(ctx):
    class Broken(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    def fail():
        raise Broken

    ctx.globals["fail"] = fail
    assert ctx.eval("try { fail() } catch (e) { String(e) }") == "Broken"
    with pytest.raises(Broken):
        ctx.eval("fail()")


def test_results_that_can_not_be_converted(ctx):
    ctx.globals["f"] = object
    with pytest.raises(v8snap.ConversionError):
        ctx.eval("f()")
    assert "no JavaScript value" in ctx.eval("try { f() } catch (e) { e.message }")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_exits_are_not_for_javascript_to_catch(ctx, kind):
    def leave():
        raise kind

    ctx.globals["leave"] = leave
    with pytest.raises(kind):
        ctx.eval("try { leave() } catch (e) { } for (;;);")
    assert ctx.eval("1 + 1") == 2


def test_javascript_errors_pass_through_python(ctx):
    ctx.globals["call"] = lambda f: f()
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("call(() => { throw new TypeError('inner') })", name="a.js")
    assert (caught.value.name, caught.value.message) == ("TypeError", "inner")


def test_nested_a_hundred_deep(ctx):
    ctx.globals["down"] = lambda n: ctx.eval(f"down({n - 1})") + 1 if n else 0
    assert ctx.eval("down(100)") == 100


def test_endless_nesting_is_an_error(child_ok):
    code = """
        import sys, v8snap
        sys.setrecursionlimit(10**6)
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            ctx.globals["f"] = lambda: ctx.eval("f()")
            try:
                ctx.eval("f()")
            except (RecursionError, v8snap.JSError) as error:
                print(type(error).__name__)
            print(ctx.eval("1 + 1"))
    """
    assert child_ok(code).split()[-1] == "2"


def test_a_callback_may_use_another_isolate(ctx):
    with v8snap.Isolate() as other, other.new_context() as inner:
        ctx.globals["f"] = lambda x: inner.eval(f"{x} * 2")
        assert ctx.eval("f(f(3)) + 1") == 13


def test_callbacks_from_microtasks(ctx):
    seen = []
    ctx.globals["note"] = seen.append
    ctx.eval("Promise.resolve(5).then(note); note(1)")
    assert seen == [1, 5]


def test_this_of_a_callback(ctx):
    ctx.globals["me"] = lambda *args: v8snap.this()
    obj = ctx.eval("globalThis.obj = {me}; obj")
    assert obj.me() is obj
    assert ctx.eval("me.call(obj)") is obj
    assert ctx.eval("new (class { m = me })().m()")["m"] == ctx.globals["me"]
    assert ctx.eval("me()") == ctx.globals
    ctx.globals["outer"] = lambda: [v8snap.this(), ctx.eval("obj.me()"), v8snap.this()]
    first, inner, last = ctx.eval("globalThis.other = {outer}; other.outer()")
    assert (first, inner, last) == (ctx.eval("other"), obj, ctx.eval("other"))
    with pytest.raises(v8snap.V8SnapError, match="calling"):
        v8snap.this()


def test_the_javascript_stack_is_a_note(ctx):
    error = ValueError("mine")

    def fail():
        raise error

    ctx.globals["fail"] = fail
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"):
            ctx.eval("function inner() { fail() }\nfunction outer() { inner() }\nouter()", name="a.js")
    assert len(error.__notes__) == 1
    assert "at inner (a.js:1:20)" in error.__notes__[0]
    assert "at outer (a.js:2:20)" in error.__notes__[0]


def test_causes_cross(ctx):
    error = KeyError("k")

    def fail():
        raise error

    ctx.globals["fail"] = fail
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("try { fail() } catch (cause) { throw new Error('outer', {cause}) }")
    assert caught.value.__cause__ is error
    assert caught.value.cause is error
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("throw new Error('outer', {cause: new TypeError('inner')})")
    assert (caught.value.__cause__.name, caught.value.__cause__.message) == ("TypeError", "inner")


def test_nothing_of_python_is_in_its_error(ctx):
    def fail():
        raise ValueError("mine")

    ctx.globals["fail"] = fail
    keys = ctx.eval("try { fail() } catch (e) { Object.getOwnPropertyNames(e).sort().join() + e.stack }")
    assert keys.startswith("message,name,stack")
    assert __file__ not in keys


@pytest.mark.parametrize(
    "action",
    ["ctx.close()", "iso.terminate()", "exit()", "interrupt()", "iso.close()", "ctx.close(); ctx.eval('1')"],
)
def test_what_a_callback_does_to_its_own_context(child_ok, action):
    code = f"""
        import v8snap
        def exit(): raise SystemExit(3)
        def interrupt(): raise KeyboardInterrupt
        iso = v8snap.Isolate()
        ctx = iso.new_context()
        def act():
            {action}
        ctx.globals["act"] = act
        try:
            print("result", ctx.eval("act(); [1].map((x) => x + 1)[0]"))
        except BaseException as error:
            print(type(error).__name__)
        with iso.new_context() as other:
            print(other.eval("1 + 1"))
        iso.close()
    """
    first, second = child_ok(code).splitlines()
    expected = {
        "ctx.close()": "result 2",
        "iso.terminate()": "JSTerminatedError",
        "exit()": "SystemExit",
        "interrupt()": "KeyboardInterrupt",
        "iso.close()": "SnapshotError",
        "ctx.close(); ctx.eval('1')": "ClosedError",
    }
    assert (first, second) == (expected[action], "2")


def test_timeouts_of_calls_and_of_isolates(ctx):
    loop = ctx.eval("globalThis.loop = () => { for (;;); }; loop")
    for call in (lambda: loop(timeout=0.05), lambda: loop.call(None, timeout=0.05)):
        with pytest.raises(v8snap.JSTimeoutError):
            call()
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.eval("(class { constructor() { for (;;); } })").new(timeout=0.05)
    ctx.isolate.timeout = 0.05
    assert ctx.isolate.timeout == 0.05
    for call in (loop, lambda: ctx.eval("loop()"), lambda: ctx.eval("({get a() { loop() }})")["a"]):
        with pytest.raises(v8snap.JSTimeoutError):
            call()
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.eval("({get a() { loop() }})").to_py()
    ctx.isolate.timeout = None
    assert ctx.eval("1 + 1") == 2
    with pytest.raises(ValueError, match="positive"):
        ctx.isolate.timeout = 0
    with pytest.raises(ValueError, match="positive"):
        loop(timeout=-1)


def test_a_timeout_of_the_isolate_is_for_the_outermost_call():
    with v8snap.Isolate(timeout=0.2) as iso, iso.new_context() as ctx:
        ctx.globals["inner"] = lambda: ctx.eval("for (;;);")
        with pytest.raises(v8snap.JSTimeoutError):
            ctx.eval("try { inner() } catch (e) { } for (;;);")
        assert ctx.eval("1") == 1


def test_a_name_that_converts_its_own_callable(ctx):
    class Named:
        inner = None

        @property
        def __name__(self):
            if self.inner is None:
                self.inner = 0
                self.inner = identity(self)
            return "named"

        def __call__(self):
            return 7

    identity = ctx.eval("(x) => x")
    named = Named()
    outer = identity(named)
    assert outer == named.inner
    del outer
    ctx.isolate.low_memory_notification()
    ctx.eval("1")
    assert named.inner() == 7
    named.inner = None


def test_arguments_before_one_that_fails(ctx):
    def interrupt(frame, event, argument):
        if frame.f_code.co_name == "datetime_from_milliseconds":
            sys.setprofile(None)
            raise KeyboardInterrupt

    ctx.globals["f"] = lambda *arguments: None
    call = ctx.eval("() => f({}, [], new Date(0))")
    gc.collect()
    before = _v8._live_counts()["values"]
    sys.setprofile(interrupt)
    with pytest.raises(KeyboardInterrupt):
        call()
    gc.collect()
    assert _v8._live_counts()["values"] == before
