"""What snapshots are for: each way of making and using one that a user would try first."""

import pytest

import v8snap
from v8snap import FunctionCodeHandling, Isolate, SnapshotCreator, StartupData


def test_two_scripts_then_run_gives_7():
    with SnapshotCreator() as sc:
        ctx = sc.new_context()
        ctx.eval("const add = (a, b) => a + b", name="add.js")
        ctx.eval("function run() { return add(3, 4) }", name="main.js")
        sc.set_default_context(ctx)
    with Isolate(snapshot=sc.blob) as iso, iso.new_context() as ctx:
        assert ctx.globals["run"]() == 7
        assert ctx.eval("add(1, 2)") == 3  # const bindings are there too, though not on the global object


def test_added_contexts_are_chosen_by_index_and_name():
    with SnapshotCreator() as sc:
        for number in (1, 2):
            ctx = sc.new_context()
            ctx.eval(f"function run() {{ return {number} }}")
            assert sc.add_context(ctx, name=f"context {number}") == number - 1
    blob = sc.blob
    assert blob.context_count == 3
    assert blob.context_names == ("context 1", "context 2")
    with Isolate(blob) as iso:
        assert [iso.new_context(which).globals["run"]() for which in (0, 1, "context 2", "context 1")] == [1, 2, 2, 1]
        assert "run" not in iso.new_context().globals  # nobody set a default context: it is an empty one


def test_script_origins_are_in_stack_traces(make_blob):
    blob = make_blob(
        {"lib/fail.js": "function fail() {\n  throw new Error('no')\n}", "main.js": "function run() { fail() }"}
    )
    with Isolate(blob) as iso, iso.new_context() as ctx, pytest.raises(v8snap.JSError) as caught:
        ctx.globals["run"]()
    assert "at fail (lib/fail.js:2:9)" in caught.value.stack
    assert "at run (main.js:1:18)" in caught.value.stack


@pytest.mark.parametrize("handling", FunctionCodeHandling)
def test_clear_and_keep_give_working_blobs(make_blob, handling):
    blob = make_blob(function_code=handling)
    with Isolate(blob) as iso, iso.new_context() as ctx:
        assert ctx.globals["run"]() == 7


def test_keep_is_larger_than_clear():
    blobs = {}
    for handling in FunctionCodeHandling:
        with SnapshotCreator() as sc:
            sc.context.eval(
                "".join(f"function f{i}(x) {{ return [x, {i}].map((y) => y * 2) }}; f{i}({i});" for i in range(200))
            )
            blobs[handling] = sc.create_blob(handling)
    assert len(blobs[FunctionCodeHandling.KEEP]) > len(blobs[FunctionCodeHandling.CLEAR]) + 10_000


def test_bytes_to_disk_and_back_in_a_new_process(make_blob, child_ok, tmp_path):
    make_blob().save(tmp_path / "a.v8snap")
    (tmp_path / "raw.bin").write_bytes(bytes(make_blob()))
    code = """
        import sys, pathlib, v8snap
        for blob in (v8snap.StartupData.load(sys.argv[1]), v8snap.StartupData(pathlib.Path(sys.argv[2]).read_bytes())):
            with v8snap.Isolate(blob) as iso, iso.new_context() as ctx:
                print(ctx.globals["run"]())
    """
    assert child_ok(code, tmp_path / "a.v8snap", tmp_path / "raw.bin").split() == ["7", "7"]


def test_values_held_while_the_blob_is_made_are_closed_not_leaked():
    sc = SnapshotCreator()
    ctx = sc.context
    held = [
        ctx.eval("({a: 1})"),
        ctx.eval("[1, 2]"),
        ctx.eval("(function f() {})"),
        ctx.eval("Symbol('s')"),
        ctx.globals,
    ]
    script = ctx.compile("1 + 1")
    blob = sc.create_blob()
    for value in held:
        with pytest.raises(v8snap.ClosedError):
            hash(value)
    with pytest.raises(v8snap.ClosedError):
        held[0]["a"]
    with pytest.raises(v8snap.ClosedError):
        held[2]()
    with pytest.raises(v8snap.ClosedError):
        ctx.eval("1")
    with pytest.raises(v8snap.ClosedError):
        script.create_code_cache()
    assert ctx.closed
    assert sc.isolate.closed
    assert "closed" in repr(held[0])
    with Isolate(blob) as iso:
        assert iso.new_context().eval("1") == 1


def test_an_error_inside_the_block_goes_on_and_makes_no_blob():
    with pytest.raises(ZeroDivisionError), SnapshotCreator() as sc:
        sc.context.eval("var x = 1")
        1 / 0
    assert sc.closed
    with pytest.raises(v8snap.SnapshotError):
        sc.blob
    with pytest.raises(v8snap.ClosedError):
        sc.new_context()


def test_an_error_after_contexts_were_added_is_no_crash():
    with pytest.raises(v8snap.JSError), SnapshotCreator() as sc:
        ctx = sc.new_context()
        sc.add_context(ctx)
        sc.set_default_context(sc.new_context())
        sc.add_data(ctx.eval("({})"), context=ctx)
        ctx.eval("throw new Error('stop')")


def test_a_creator_dropped_without_a_blob_closes_its_isolate():
    sc = SnapshotCreator()
    ctx = sc.context
    value = ctx.eval("({})")
    del sc
    assert ctx.closed
    with pytest.raises(v8snap.ClosedError):
        value["a"]


def test_a_second_default_context_is_refused():
    with SnapshotCreator() as sc:
        sc.set_default_context(sc.new_context())
        with pytest.raises(v8snap.SnapshotError, match="default context"):
            sc.set_default_context(sc.new_context())
    with SnapshotCreator() as sc:
        assert sc.context is sc.context
        with pytest.raises(v8snap.SnapshotError):
            sc.set_default_context(sc.new_context())


def test_everything_after_the_blob_raises_closed_error():
    with SnapshotCreator() as sc:
        ctx = sc.context
    for use in (
        sc.new_context,
        sc.create_blob,
        lambda: sc.context,
        lambda: sc.set_default_context(ctx),
        lambda: sc.add_context(ctx),
        lambda: sc.add_data(1),
        lambda: sc.external("x"),
        sc.isolate.new_context,
        sc.isolate.heap_statistics,
        sc.isolate.terminate,
        sc.__enter__,
    ):
        with pytest.raises(v8snap.ClosedError):
            use()
    assert isinstance(sc.blob, StartupData)


@pytest.mark.parametrize("which", [1, 99, -1, 2**64 - 1, 2**70, "nobody"])
def test_a_context_that_is_not_in_the_blob(which):
    with SnapshotCreator() as sc:
        sc.add_context(sc.new_context(), name="one")
    with Isolate(sc.blob) as iso, pytest.raises(v8snap.NotInSnapshotError) as caught:
        iso.new_context(which)
    assert isinstance(caught.value, IndexError | KeyError)
    assert isinstance(caught.value, v8snap.SnapshotError)


def test_an_isolate_without_a_snapshot_has_no_added_contexts_and_no_data():
    with Isolate() as iso, iso.new_context() as ctx:
        for use in (lambda: iso.new_context(0), lambda: iso.data(0), lambda: ctx.data("x")):
            with pytest.raises(v8snap.NotInSnapshotError, match="not started from a snapshot"):
                use()


def test_isolate_handoff():
    iso = Isolate.allocate()
    with pytest.raises(v8snap.SnapshotError, match="allocate"):
        iso.new_context()
    with SnapshotCreator(isolate=iso) as sc:
        assert sc.isolate is iso
        with pytest.raises(v8snap.SnapshotError):
            iso.close()
        sc.context.eval("var x = 5")
    assert iso.closed
    iso.close()
    with Isolate(sc.blob) as other:
        assert other.new_context().globals["x"] == 5


def test_only_a_fresh_allocated_isolate_can_be_handed_over():
    allocated = Isolate.allocate()
    first = SnapshotCreator(isolate=allocated)
    with pytest.raises(v8snap.SnapshotError):
        SnapshotCreator(isolate=allocated)
    first.create_blob()
    with pytest.raises(v8snap.V8SnapError):
        SnapshotCreator(isolate=allocated)
    with Isolate() as plain, pytest.raises(v8snap.SnapshotError):
        SnapshotCreator(isolate=plain)
    with pytest.raises(TypeError):
        SnapshotCreator(isolate=object())
    closed = Isolate.allocate()
    closed.close()
    with pytest.raises(v8snap.ClosedError):
        SnapshotCreator(isolate=closed)


def test_an_allocated_isolate_that_nobody_uses():
    with Isolate.allocate() as iso:
        pass
    assert iso.closed
    del iso


def test_creators_end_in_any_order():
    first, second, third = SnapshotCreator(), SnapshotCreator(), SnapshotCreator()
    for number, sc in enumerate((first, second, third)):
        sc.context.eval(f"var n = {number}")
    blobs = [first.create_blob(), third.create_blob(), second.create_blob()]
    for blob, number in zip(blobs, (0, 2, 1), strict=True):
        with Isolate(blob) as iso:
            assert iso.new_context().globals["n"] == number


def test_contexts_share_nothing_but_the_isolate(make_blob):
    with Isolate(make_blob({"a.js": "var state = {n: 1}; Array.prototype.mark = 1"})) as iso:
        one, two = iso.new_context(), iso.new_context()
        one.eval("state.n = 2; Array.prototype.mark = 2; globalThis.only = 1")
        assert two.eval("[state.n, [].mark, typeof only]").to_py() == [1, 1, "undefined"]
        assert two.eval("(other) => other === Array")(one.eval("Array")) is False


CHANGES = {
    "globals": ("globalThis.extra = 1", "typeof extra"),
    "bindings": ("let binding = 1", "typeof binding"),
    "a binding of the snapshot": ("count += 5", "count"),
    "an object of the snapshot": ("object.list.push(1)", "object.list.length"),
    "a function of the snapshot": ("f.called = true", "typeof f.called"),
    "a class of the snapshot": ("A.prototype.m = 1; A.s = 2", "[typeof A.prototype.m, A.s].join()"),
    "Object.prototype": ("Object.prototype.polluted = 1", "typeof ({}).polluted"),
    "Array.prototype": ("Array.prototype.map = null", "typeof [].map"),
    "Function.prototype": ("Function.prototype.call = 1", "typeof f.call"),
    "Error": ("Error.prepareStackTrace = 1; Error = null", "[typeof Error, typeof Error?.prepareStackTrace].join()"),
    "Symbol.iterator": ("delete Array.prototype[Symbol.iterator]", "typeof [][Symbol.iterator]"),
    "JSON": ("JSON.parse = null; Math.random = null", "[typeof JSON.parse, typeof Math.random].join()"),
    "a map of the snapshot": ("map.set('k', 1)", "map.size"),
    "eval": (
        "globalThis.eval = null; Function.prototype.constructor = null",
        "[typeof eval, typeof f.constructor].join()",
    ),
    "legacy properties of RegExp": ("/(x)/.exec('x')", "RegExp.$1"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_one_context_changes_no_other_sees(make_blob, what):
    script = "let count = 1; const object = {list: []}; function f() {} class A { static s = 1 } const map = new Map()"
    change, look = CHANGES[what]
    with Isolate(make_blob({"a.js": script})) as iso, iso.new_context() as one, iso.new_context() as other:
        before = other.eval(look)
        one.eval(change)
        assert one.eval(look) != before
        assert other.eval(look) == before
        with iso.new_context() as later:
            assert later.eval(look) == before


def test_microtasks_are_drained_before_the_blob():
    with SnapshotCreator() as sc:
        sc.context.eval("var done = 0; (async () => { for (let i = 0; i < 10; i++) await null; done = 1 })()")
    with Isolate(sc.blob) as iso:
        assert iso.new_context().globals["done"] == 1


def test_data_of_isolate_and_context_by_index_and_name():
    with SnapshotCreator() as sc:
        ctx = sc.new_context()
        other = sc.new_context()
        assert sc.add_data(42) == 0
        assert sc.add_data("text", name="greeting") == 1
        assert sc.add_data(ctx.eval("(x) => x * 2"), context=ctx, name="double") == 0
        assert sc.add_data({"a": [1, 2]}, context=ctx) == 1
        assert sc.add_data([None], context=other, name="double") == 0
        with pytest.raises(v8snap.SnapshotError, match="greeting"):
            sc.add_data(1, name="greeting")
        sc.set_default_context(ctx)
        sc.add_context(other, name="other")
    with Isolate(sc.blob) as iso:
        assert (iso.data(0), iso.data("greeting")) == (42, "text")
        for gone in (0, "greeting", 2, "nothing", -1):
            with pytest.raises(KeyError):
                iso.data(gone)
        ctx = iso.new_context()
        assert ctx.data("double")(21) == 42
        assert ctx.data(1).to_py() == {"a": [1, 2]}
        with pytest.raises(KeyError):
            ctx.data("double")
        assert iso.new_context("other").data("double").to_py() == [None]
        assert iso.new_context().data(0)(1) == 2  # each context has its own


def test_data_of_the_isolate_lives_in_its_context_and_is_no_data_of_it(child_ok):
    code = """
        import v8snap
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("var buffer = new Uint8Array(new ArrayBuffer(999)).fill(7)")
            sc.context.eval("const o = {buffer, f: () => o.buffer[5]}")
            other = sc.new_context()
            other.eval("var own = new Float64Array(50); function g() { return own.length }")
            symbol = sc.context.eval("Symbol('s')")
            repr_of_symbol = repr(symbol)
            for value in (sc.context.eval("o"), other.globals["g"], {"plain": [1]}, 5, "text", symbol):
                sc.add_data(value)
            sc.add_data("of the context", context=sc.context, name="c")
            sc.add_context(other)
        small = v8snap.build({"a.js": "1"})
        assert len(sc.blob.sections) == 6 and sc.blob.sections["startup"] < 1.5 * small.sections["startup"]
        for blob in (sc.blob, v8snap.warm_up(sc.blob, "1"), v8snap.warm_up(v8snap.warm_up(sc.blob, "1"), "1")):
            with v8snap.Isolate(blob) as iso, iso.new_context() as ctx:
                assert iso.data(0)["f"]() == 7 and iso.data(1)() == 50 and iso.data(2).to_py() == {"plain": [1]}
                assert (iso.data(3), iso.data(4), repr(iso.data(5))) == (5, "text", repr_of_symbol)
                assert ctx.data("c") == "of the context"
                for fetch, index in ((ctx.data, 1), (iso.data, 0), (iso.data, 6), (iso.new_context(0).data, 0)):
                    try:
                        fetch(index)
                    except KeyError:
                        continue
                    raise AssertionError
                assert iso.new_context().eval("o.buffer.length") == 999
    """
    child_ok(code)


def test_data_for_a_context_that_is_not_in_the_blob():
    sc = SnapshotCreator()
    sc.add_data(1, context=sc.new_context())
    with pytest.raises(v8snap.SnapshotError, match="neither the default one nor an added one"):
        sc.create_blob()
    assert sc.closed


def test_contexts_of_another_isolate_are_refused():
    with Isolate() as iso, iso.new_context() as foreign, SnapshotCreator() as sc:
        for use in (sc.set_default_context, sc.add_context, lambda ctx: sc.add_data(1, context=ctx)):
            with pytest.raises(v8snap.WrongIsolateError):
                use(foreign)
        with pytest.raises(v8snap.WrongIsolateError):
            sc.add_data(foreign.eval("({})"))


def test_no_blob_while_javascript_runs():
    sc = SnapshotCreator(external_references={"make": lambda: sc.create_blob()})
    sc.context.globals["make"] = sc.external("make")
    with pytest.raises(v8snap.SnapshotError, match="running"):
        sc.context.eval("make()")
    assert not sc.closed
    assert len(sc.create_blob()) > 0


@pytest.mark.parametrize(
    "empty",
    [
        "new ArrayBuffer(0)",
        "new Uint8Array(0).buffer",
        "new Uint8Array(new ArrayBuffer(0))",
        "new DataView(new ArrayBuffer(0))",
        "new Uint8Array(9).buffer.slice(0, 0)",
    ],
)
def test_empty_buffers_live_through_collections_in_another_process(child_ok, tmp_path, empty):
    """V8 10 left an address of the building process in them."""
    with SnapshotCreator() as sc:
        sc.context.eval(f"var empty = {empty}; var rest = [new Uint8Array(0), new Uint8Array(5).fill(1)]")
    sc.blob.save(tmp_path / "a.v8snap")
    code = """
        import sys, v8snap
        blob = v8snap.StartupData.load(sys.argv[1])
        for _ in range(3):
            with v8snap.Isolate(blob) as iso, iso.new_context() as ctx:
                for _ in range(2):
                    iso.low_memory_notification()
                    assert ctx.eval("empty.byteLength") == 0
                    assert ctx.eval("new Uint8Array(empty.buffer ?? empty).length + rest[1][4]") == 1
        with v8snap.SnapshotCreator(existing_blob=blob) as sc:
            sc.context.eval("empty.byteLength")
        sc.blob.verify()
    """
    child_ok(code, tmp_path / "a.v8snap")


def test_data_that_is_no_value_or_is_none_of_the_users():
    with SnapshotCreator() as sc:
        sc.add_data(5)
    with Isolate(bytes(sc.blob)) as iso:  # which doesn't say how many values it has
        assert iso.data(0) == 5
        for index in (0, 1, 2, 30):
            with pytest.raises(v8snap.NotInSnapshotError):
                iso.data(index)
