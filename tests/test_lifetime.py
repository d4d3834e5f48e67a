"""Closing in any order, twice, by the garbage collector: no crash and no leak."""

import collections.abc
import gc
import itertools
import weakref

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator, _v8


def make_things():
    iso = Isolate()
    ctx = iso.new_context()
    return {
        "isolate": iso,
        "context": ctx,
        "object": ctx.eval("({f() { return 1 }})"),
        "function": ctx.eval("(x) => x"),
        "script": ctx.compile("1"),
        "callback": ctx.to_js(lambda: 1),
    }


@pytest.mark.parametrize("order", list(itertools.permutations(["isolate", "context", "object", "script"])))
def test_things_die_in_any_order(order):
    things = make_things()
    for name in order:
        del things[name]
        gc.collect()


@pytest.mark.parametrize("first", ["isolate", "context"])
def test_closing_twice_and_using_afterwards(first):
    things = make_things()
    for _ in range(2):
        things[first].close()
    assert things["context"].closed
    with pytest.raises(v8snap.ClosedError):
        things["context"].eval("1")
    with pytest.raises(v8snap.ClosedError):
        things["object"]["f"]
    with pytest.raises(v8snap.ClosedError):
        things["function"](1)
    with pytest.raises(ValueError):  # as Python's own closed files
        things["object"].to_py()
    assert repr(things["object"]) == "<JSObject closed>"
    things["isolate"].close()
    things["context"].close()
    with pytest.raises(v8snap.ClosedError):
        things["script"].run(things["context"])


def test_nested_with_blocks_close_inside_out():
    with Isolate() as iso:
        with iso.new_context() as ctx:
            value = ctx.eval("({})")
        assert ctx.closed
        with pytest.raises(v8snap.ClosedError):
            value["x"]
        assert iso.new_context().eval("1") == 1
    assert iso.closed


def test_a_context_alone_keeps_its_isolate():
    ctx = Isolate().new_context()
    gc.collect()
    assert ctx.eval("6 * 7") == 42
    value = ctx.eval("({a: {b: 1}})")
    del ctx
    gc.collect()
    assert value["a"]["b"] == 1


def test_the_isolate_keeps_the_blob(make_blob):
    iso = Isolate(make_blob())
    gc.collect()
    assert iso.new_context().globals["run"]() == 7


def test_a_cycle_through_a_callback_is_collected():
    def make():
        iso = Isolate()
        ctx = iso.new_context()
        ctx.globals["callback"] = lambda: (iso, ctx)
        return weakref.ref(iso)

    alive = make()
    gc.collect()
    assert alive() is None
    assert not any(_v8._live_counts().values())


def test_a_cycle_through_an_exception_is_collected():
    def make():
        iso = Isolate()
        ctx = iso.new_context()

        def fail():
            raise ValueError(ctx)

        ctx.globals["fail"] = fail
        with pytest.raises(ValueError):
            ctx.eval("fail()")
        return weakref.ref(iso)

    alive = make()
    gc.collect()
    assert alive() is None


def test_a_cycle_through_a_creator_is_collected():
    class Node:
        pass

    def make():
        node = Node()
        node.creator = SnapshotCreator(external_references={"f": lambda: node})
        node.context = node.creator.context
        node.function = node.creator.external("f")

    make()
    gc.collect()
    assert _v8._live_counts()["creators"] == 0


def test_handles_are_given_back(ctx):
    before = _v8._live_counts()["values"]
    for _ in range(1000):
        ctx.eval("({})")
    assert _v8._live_counts()["values"] == before
    held = [ctx.eval("({})") for _ in range(10)]
    assert _v8._live_counts()["values"] == before + 10
    del held
    assert _v8._live_counts()["values"] == before


def test_every_kind_of_native_object_is_counted():
    """So that the fixture that asks after each test can fail."""
    found = set()

    def look():
        found.update(kind for kind, count in _v8._live_counts().items() if count)

    with SnapshotCreator():
        look()
    with Isolate() as isolate:
        context = isolate.new_context()
        context.globals["look"] = look
        context.resolve = lambda specifier, importer: look() or "export {}"
        view = memoryview(context.eval("new Uint8Array(8)"))
        script = context.compile("1")
        profile = isolate.cpu_profile()
        with profile, pytest.raises(ZeroDivisionError):
            context.globals["fail"] = lambda: 1 / 0
            context.eval("import('a'); Promise.reject(1); try { fail() } catch (error) { look(); throw error }")
        del view, script, profile
    assert found == set(_v8._live_counts())


def test_python_functions_that_javascript_dropped_are_given_back(ctx):
    class Callback:
        def __call__(self):
            return 1

    callback = Callback()
    alive = weakref.ref(callback)
    ctx.globals["f"] = callback
    del callback
    gc.collect()
    assert ctx.eval("f()") == 1
    ctx.eval("delete globalThis.f")
    ctx.isolate.low_memory_notification()
    ctx.eval("1")
    assert alive() is None


def test_closing_the_context_that_is_running(ctx):
    ctx.globals["close"] = ctx.close
    assert ctx.eval("close(); 1 + 1") == 2
    assert ctx.closed


def test_closing_the_isolate_that_is_running(ctx):
    ctx.globals["close"] = ctx.isolate.close
    with pytest.raises(v8snap.SnapshotError, match="running"):
        ctx.eval("close()")
    assert ctx.eval("1 + 1") == 2


@pytest.mark.parametrize("cls", [v8snap.Context, v8snap.Script, v8snap.JSObject, v8snap.JSFunction, v8snap.JSArray])
def test_classes_that_users_can_not_make(cls):
    with pytest.raises(TypeError):
        cls()


@pytest.mark.parametrize(
    "cls", [Isolate, SnapshotCreator, v8snap.Context, v8snap.Script, v8snap.JSObject, v8snap.JSFunction]
)
def test_objects_that_were_never_initialised(cls):
    thing = cls.__new__(cls)
    for name in dir(cls):
        if name.startswith("_") and name not in ("__enter__", "__len__", "__iter__", "__hash__", "__call__"):
            continue
        try:
            value = getattr(thing, name)
            if callable(value):
                made = value()
                if isinstance(made, collections.abc.Coroutine):
                    made.close()
        except (v8snap.V8SnapError, TypeError, AttributeError):
            pass
    with Isolate() as iso, iso.new_context() as ctx, pytest.raises(v8snap.ConversionError):
        ctx.to_js(v8snap.JSSymbol.__new__(v8snap.JSSymbol))
    repr(thing)


def test_initialising_twice_is_refused():
    with Isolate() as iso, pytest.raises(TypeError):
        iso.__init__()
    with SnapshotCreator() as sc, pytest.raises(TypeError):
        sc.__init__()


def test_failed_constructors_leave_nothing():
    for use in (
        lambda: Isolate(b"no blob"),
        lambda: Isolate(heap_limit=1000),
        lambda: SnapshotCreator(existing_blob=b"x" * 500),
        lambda: SnapshotCreator(external_references="name"),
        lambda: SnapshotCreator(external_references={"name": 5}),
    ):
        with pytest.raises((v8snap.SnapshotCorruptError, ValueError, TypeError)):
            use()


@pytest.mark.slow
def test_memory_does_not_grow(child_ok):
    code = """
        import gc, v8snap

        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * 4096

        def once():
            with v8snap.SnapshotCreator(external_references={"f": print}) as sc:
                sc.context.eval("var a = {b: [1, 2, 3]}; function g() { return a }")
                sc.context.globals["f"] = print
            with v8snap.Isolate(sc.blob, external_references={"f": print}) as iso:
                for _ in range(3):
                    with iso.new_context() as ctx:
                        ctx.globals["g"]().to_py()
                        ctx.globals["h"] = lambda: 1

        for _ in range(30):
            once()
        gc.collect()
        before = resident()
        for _ in range(150):
            once()
        gc.collect()
        print((resident() - before) // 2**20)
    """
    assert int(child_ok(code, timeout=200)) < 25


def test_initialised_by_code_that_initialising_runs(child_ok):
    code = """
        import v8snap
        iso = v8snap.Isolate.allocate()
        made = []

        class Names(dict):
            def items(self):
                made.append(v8snap.SnapshotCreator(isolate=iso, external_references={"f": len}))
                return super().items()

        try:
            v8snap.SnapshotCreator(isolate=iso, external_references=Names())
        except v8snap.SnapshotError as error:
            print(type(error).__name__)
        sc = made[0]
        sc.context.globals["f"] = len
        print(sc.context.eval("f('abc')"), sc.create_blob().external_references)

        class More(dict):
            def items(self):
                isolate.__init__(external_references={"f": len})
                return super().items()

        isolate = v8snap.Isolate.__new__(v8snap.Isolate)
        try:
            isolate.__init__(external_references=More())
        except v8snap.SnapshotError as error:
            print(isolate.new_context().eval("1"))
    """
    assert child_ok(code).split() == ["SnapshotError", "3", "('f',)", "1"]
