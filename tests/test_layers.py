"""Snapshots built upon snapshots, and Python callables in them."""

import functools

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator, warm_up


def extended(base, source, **options):
    with SnapshotCreator(existing_blob=base, **options) as sc:
        sc.context.eval(source)
    return sc.blob


def test_three_generations(make_blob):
    blob = make_blob({"a.js": "let a = 1; const list = [1]"})
    blob = extended(blob, "a += 1; list.push(2); class B { static b = a }")
    blob = extended(blob, "list.push(B.b + 1); function run() { return list.concat(a) }")
    with Isolate(blob) as iso, iso.new_context() as ctx:
        assert ctx.globals["run"]().to_py() == [1, 2, 3, 2]
    assert [script["name"] for script in blob.scripts] == ["a.js", "<eval>", "<eval>"]


def test_added_contexts_are_carried_over_and_can_change():
    with SnapshotCreator() as sc:
        for name in ("one", "two", None):
            ctx = sc.new_context()
            ctx.eval(f"let name = '{name}'; var count = 0")
            sc.add_context(ctx, name=name)
    with SnapshotCreator(existing_blob=sc.blob) as sc:
        two = sc.new_context("two")
        assert sc.new_context(1) is two
        two.eval("count = 5; name += '!'")
        assert sc.add_context(sc.new_context(), name="four") == 3
        with pytest.raises(v8snap.SnapshotError):
            sc.add_context(sc.new_context(), name="one")
        with pytest.raises(v8snap.NotInSnapshotError):
            sc.new_context("four")
    blob = sc.blob
    assert blob.context_names == ("one", "two", None, "four")
    with Isolate(blob) as iso:
        got = [iso.new_context(which).eval("[name, count]").to_py() for which in ("one", "two", 2)]
        assert got == [["one", 0], ["two!", 5], ["None", 0]]


def test_data_is_dropped_and_can_be_added_again():
    with SnapshotCreator() as sc:
        sc.add_data("old", name="d")
        sc.add_data("old", context=sc.context)
        sc.add_context(sc.new_context())
    with SnapshotCreator(existing_blob=sc.blob) as again:
        assert again.add_data("new") == 0
        again.add_data("kept", context=again.new_context(0), name="c")
    with Isolate(again.blob) as iso:
        assert iso.data(0) == "new"
        with pytest.raises(KeyError):
            iso.data("d")
        with pytest.raises(KeyError):
            iso.new_context().data(0)
        assert iso.new_context(0).data("c") == "kept"


def test_external_references_by_name_in_any_order():
    calls = []
    build = {"first": lambda: calls.append("build first"), "second": lambda: None}
    with SnapshotCreator(external_references=build) as sc:
        for name, function in build.items():
            sc.context.globals[name] = function  # found by identity
        sc.context.eval("function run() { first(); return second(2) }; first()")
    assert calls == ["build first"]
    assert sc.blob.external_references == ("first", "second")
    load = {"unused": print, "second": lambda x: x * 10, "first": lambda: calls.append("load first")}
    with Isolate(sc.blob, external_references=load) as iso, iso.new_context() as ctx:
        assert ctx.globals["run"]() == 20
    assert calls == ["build first", "load first"]


def test_names_that_are_missing():
    with SnapshotCreator(external_references=["a", "b", "never used"]) as sc:
        for name in ("b", "a"):
            sc.context.globals[name] = sc.external(name)
        with pytest.raises(v8snap.JSError, match="external reference 'a'"):
            sc.context.eval("a()")
        with pytest.raises(v8snap.ExternalReferenceError) as caught:
            sc.external("c")
        assert caught.value.missing == ("c",)
    for given in (None, {"b": print}):
        with pytest.raises(v8snap.ExternalReferenceError) as caught:
            Isolate(sc.blob, external_references=given)
        assert caught.value.missing == tuple({"a", "b"} - set(given or ())) or set(caught.value.missing) == {"a", "b"}
    with pytest.raises(v8snap.ExternalReferenceError):
        SnapshotCreator(existing_blob=sc.blob)
    # A raw blob doesn't say what it needs: the call does.
    with Isolate(bytes(sc.blob)) as iso, pytest.raises(v8snap.JSError, match="external reference 'a'"):
        iso.new_context().eval("a()")


def test_callables_without_a_name_are_refused_at_once():
    with SnapshotCreator(external_references={"known": len}) as sc:
        sc.context.globals["f"] = len
        for stranger in (print, functools.partial(len), {"deep": [print]}):
            with pytest.raises(v8snap.SnapshotError, match="by name"):
                sc.context.globals["f"] = stranger


def test_one_callable_under_two_names():
    with SnapshotCreator(external_references={"a": len, "b": len}) as sc:
        sc.context.globals["a"], sc.context.globals["b"] = sc.external("a"), sc.external("b")
    with Isolate(sc.blob, external_references={"a": lambda: 1, "b": lambda: 2}) as iso:
        assert iso.new_context().eval("[a(), b()]").to_py() == [1, 2]


def test_a_thousand_external_references():
    names = [f"f{number}" for number in range(1000)]
    with SnapshotCreator(external_references=names) as sc:
        for name in names:
            sc.context.globals[name] = sc.external(name)
    load = {name: functools.partial(int, number) for number, name in enumerate(reversed(names))}
    with Isolate(sc.blob, external_references=load) as iso:
        assert iso.new_context().eval("[f0(), f999(), f500()]").to_py() == [999, 0, 499]


def test_external_references_through_layers(make_blob):
    with SnapshotCreator(external_references={"a": len}) as sc:
        sc.context.globals["a"] = len
    blob = extended(sc.blob, "function run() { return a('xyz') }", external_references=["a"])
    assert blob.external_references == ("a",)
    with Isolate(blob, external_references={"a": len}) as iso:
        assert iso.new_context().globals["run"]() == 3


def test_warm_up_compiles_and_leaves_no_trace(make_blob):
    functions = "".join(f"function f{i}(x) {{ return [x].map((y) => y + {i})[0] }}\n" for i in range(300))
    cold = make_blob(
        {
            "lib.js": functions
            + "var state = 0; function all() { let s = 0;"
            + "".join(f"s += f{i}(1);" for i in range(300))
            + "return s }"
        }
    )
    before = bytes(cold)
    warm = warm_up(cold, "state = 99; globalThis.leaked = 1; all()")
    assert bytes(cold) == before
    assert warm.sections["startup"] > cold.sections["startup"] + 20_000  # the bytecode
    for blob in (cold, warm):
        with Isolate(blob) as iso, iso.new_context() as ctx:
            assert ctx.eval("[state, typeof leaked, all()]").to_py() == [0, "undefined", 300 + sum(range(300))]


def test_a_failing_warm_up_leaves_the_blob(make_blob):
    cold = make_blob()
    before = bytes(cold)
    with pytest.raises(v8snap.JSError, match="cold feet") as caught:
        warm_up(cold, "run();\nthrow new Error('cold feet')", name="warm.js")
    assert (caught.value.script_name, caught.value.line) == ("warm.js", 2)
    with pytest.raises(v8snap.JSTimeoutError):
        warm_up(cold, "for (;;);", timeout=0.05)
    assert bytes(cold) == before
    with Isolate(cold) as iso:
        assert iso.new_context().globals["run"]() == 7


def test_warm_up_keeps_names_contexts_and_metadata():
    with SnapshotCreator(external_references={"f": len}) as sc:
        sc.context.globals["f"] = len
        ctx = sc.new_context()
        ctx.eval("var x = 5")
        sc.add_context(ctx, name="other")
        blob = sc.create_blob(metadata={"a": 1})
    with pytest.raises(v8snap.JSError, match="external reference"):
        warm_up(blob, "f('abc')")
    warm = warm_up(blob, "f('abc')", external_references={"f": len})
    assert (warm.context_names, warm.metadata, warm.external_references) == (("other",), {"a": 1}, ("f",))
    with Isolate(warm, external_references={"f": len}) as iso:
        assert iso.new_context("other").globals["x"] == 5
        assert iso.new_context().eval("f('abcd')") == 4


def test_warm_up_of_an_added_context():
    with SnapshotCreator(function_code=v8snap.FunctionCodeHandling.KEEP) as sc:
        ctx = sc.new_context()
        ctx.eval("let state = 1; function only() { return [1, 2, 3].map((x) => x * state) }", "only.js")
        ctx.eval("0")
        sc.add_data({"n": 5}, context=ctx, name="d")
        sc.add_context(ctx, name="x")
    warm = warm_up(sc.blob, "state = 2; only(); if (data.d.n !== 5) throw 1", context="x")
    assert len(warm) > len(sc.blob)
    with Isolate(warm) as iso:
        assert iso.new_context("x").eval("only()").to_py() == [1, 2, 3]
    with pytest.raises(v8snap.NotInSnapshotError):
        warm_up(sc.blob, "1", context="y")


@pytest.mark.parametrize("isolated", [True, False])
def test_warm_up_errors_are_the_same_in_a_helper_and_here(make_blob, isolated):
    cold = make_blob()
    with pytest.raises(v8snap.JSError, match="cold feet") as raised:
        warm_up(cold, "run();\nthrow new Error('cold feet')", name="warm.js", isolated=isolated)
    assert (raised.value.script_name, raised.value.line) == ("warm.js", 2)
    with pytest.raises(v8snap.JSTimeoutError):
        warm_up(cold, "for (;;);", timeout=0.05, isolated=isolated)
    for wrong in (b"1", None, 5):
        with pytest.raises(TypeError):
            warm_up(cold, wrong, isolated=isolated)


@pytest.mark.slow
def test_v8s_death_in_a_warm_up_is_an_exception(make_blob):
    with pytest.raises((v8snap.JSMemoryError, v8snap.SnapshotBuildCrashed)):
        warm_up(make_blob(), "new Array(2**30).fill(0)")


def test_warm_up_of_raw_bytes_and_wrong_arguments(make_blob):
    cold = make_blob()
    with Isolate(warm_up(bytes(cold), "run()")) as iso:
        assert iso.new_context().globals["run"]() == 7
    for blob, context in (("path", None), (None, None), (5, None), (cold, b"x"), (cold, 1.5)):
        with pytest.raises(TypeError):
            warm_up(blob, "1", context=context)
