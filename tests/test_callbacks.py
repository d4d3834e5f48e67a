"""Python functions called by JavaScript: exceptions cross, nothing of Python's leaks into JavaScript."""

import functools
import gc

import pytest

import v8snap


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
    assert ctx.eval("try { fail() } catch (e) { [e instanceof Error, e.message].join() }") == "true,KeyError: 'café'"
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
    assert ctx.eval("try { fail() } catch (e) { e.message }") == "Broken"
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
