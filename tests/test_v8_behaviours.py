"""What V8's own tests of its snapshots look at: all that a heap can hold is after a restore what it was before."""

import importlib.util
from pathlib import Path

import pytest

import v8snap
from v8snap import FunctionCodeHandling, Isolate, SnapshotCreator

PROGRAM = Path(__file__).parent / "restored.py"
spec = importlib.util.spec_from_file_location("restored", PROGRAM)
restored = importlib.util.module_from_spec(spec)
spec.loader.exec_module(restored)
EVERY_WAY = [*restored.WAYS, *restored.OTHERS]
# What is looked at with variables that V8 keeps all, and with those alone that are used.
DEFAULT = {
    *((way, "with eval") for way in EVERY_WAY),
    *((way, "in functions") for way in ("code kept", "code dropped", "without a snapshot", "with a host")),
    ("without a snapshot", "in blocks"),
}


@pytest.mark.parametrize(
    ("way", "placement"),
    [
        pytest.param(way, placement, marks=[] if (way, placement) in DEFAULT else [pytest.mark.slow])
        for placement in restored.PLACEMENTS
        for way in EVERY_WAY
    ],
)
def test_all_is_as_it_was(child, way, placement):
    """In a process of its own: if V8 ends it, the last lines tell at which case."""
    code = f"import runpy; runpy.run_path({str(PROGRAM)!r})['main']({way!r}, {placement!r})"
    done = child(code, timeout=220)
    said = done.stdout.splitlines()
    assert done.returncode == 0, (done.returncode, said[-3:], done.stderr[-3000:])
    assert int(said[-1]) == len(restored.CLONE if way == "with a host" else restored.ALL)


def test_each_version_of_v8_has_the_cases_that_are_for_it():
    cases = restored.behaviours.cases
    added = [len(cases(version)) for version in ((10, 2), (11, 3), (12, 4), (13, 6))]
    assert [number - added[0] for number in added] == [0, 2, 4, 4]
    needs, late = restored.behaviours.NEEDS.items(), v8snap.builtin_gap()
    with SnapshotCreator() as sc, Isolate() as iso:
        for ctx, absent in ((sc.context, late), (iso.new_context(), ())):
            wanted = [since <= restored.VERSION and name not in absent for name, since in needs]
            assert [ctx.eval(f"typeof {name}") == "function" for name, _ in needs] == wanted


TOP_LEVEL = """
let counter = 1; const fixed = [1]; class Klass { static n = 5 } var old = 2
function f() { return [counter++, fixed, old] }
async function g() { return counter } function* h() { yield counter }
"""


def test_names_at_the_top_level(make_blob):
    with Isolate(make_blob({"top.js": TOP_LEVEL})) as iso:
        for _ in range(2):
            with iso.new_context() as ctx:
                assert (
                    ctx.eval("[typeof globalThis.counter, typeof globalThis.old, Klass.n].join()")
                    == "undefined,number,5"
                )
                assert ctx.eval("f(); counter") == 2
                assert ctx.eval("[...h()][0]") == 2
                assert ctx.eval("g()").result() == 2
                for source in ("let counter", "const fixed = 1", "class Klass {}", "let old", "fixed = 2"):
                    with pytest.raises(v8snap.JSError):
                        ctx.eval(source)


@pytest.mark.parametrize("function_code", FunctionCodeHandling)
def test_places_in_stack_traces(make_blob, function_code):
    source = "function outer() {\n  return inner()\n}\nconst inner = () => {\n\n  throw new Error('here')\n}\n"
    for ran in ("", "try { outer() } catch {}"):
        with Isolate(make_blob({"place.js": source, "run.js": ran}, function_code=function_code)) as iso:
            with iso.new_context() as ctx, pytest.raises(v8snap.JSError) as caught:
                ctx.eval("outer()")
            assert (caught.value.script_name, caught.value.line, caught.value.column) == ("place.js", 6, 3)
            assert "outer (place.js:2:10)" in caught.value.stack


def test_errors_thrown_while_building_leave_nothing():
    """V8 keeps frames of what was thrown in a cache, which must not be in the snapshot."""
    with SnapshotCreator() as sc:
        sc.context.eval("function foo() { throw new Error('bar') } function bar() { foo() }")
        for _ in range(3):
            with pytest.raises(v8snap.JSError):
                sc.context.eval("bar()")
        sc.context.eval("for (let i = 0; i < 9; i++) try { bar() } catch {}")
    with Isolate(sc.blob) as iso, iso.new_context() as ctx, pytest.raises(v8snap.JSError, match="bar"):
        ctx.eval("bar()")


def test_random_numbers_are_each_contexts_own(make_blob):
    """Also where numbers were drawn while building, of which V8 keeps a store."""
    blob = make_blob({"a.js": "const drawn = [Math.random()]; function draw() { return Math.random() }"})
    seen = set()
    for _ in range(3):
        with Isolate(blob) as iso:
            for _ in range(2):
                with iso.new_context() as ctx:
                    seen.add(ctx.eval("draw()"))
                    assert ctx.eval("drawn.length") == 1
    assert len(seen) == 6


def test_the_time_zone_is_the_loaders(tmp_path, child_ok):
    """Of dates that were looked at while building, too."""
    start = """
        import os, sys, time
        os.environ["TZ"] = sys.argv[1]
        time.tzset()
        import v8snap
    """
    build = """
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("const d = new Date(0), hours = [d.getHours()]; function look() { return d.getHours() }")
        sc.blob.save("a.v8snap")
    """
    build_upon = """
        with v8snap.SnapshotCreator(existing_blob=v8snap.StartupData.load("a.v8snap")) as sc:
            sc.context.eval("hours.push(look())")
        sc.blob.save("a.v8snap")
    """
    load = """
        context = v8snap.Isolate(v8snap.StartupData.load("a.v8snap")).new_context()
        print(context.eval("look()"), context.eval("hours.join()"))
    """
    child_ok(start + build, "UTC+3")
    assert child_ok(start + load, "UTC-5").split() == ["5", "21"]
    child_ok(start + build_upon, "UTC-9")
    assert child_ok(start + load, "UTC-5").split() == ["5", "21,9"]
    assert child_ok(start + load, "UTC").split() == ["0", "21,9"]


def test_contexts_in_any_order_and_number():
    with SnapshotCreator() as sc:
        for number in range(20):
            ctx = sc.new_context()
            ctx.eval(f"var n = {number}")
            assert sc.add_context(ctx) == number
    assert sc.blob.context_count == 21
    with Isolate(sc.blob) as iso:
        for number in (19, 0, 7, 7, 1):
            assert iso.new_context(number).eval("n") == number
        assert iso.new_context().eval("typeof n") == "undefined"
        for which in (20, -1, 2**40, "0"):
            with pytest.raises((v8snap.NotInSnapshotError, OverflowError)):
                iso.new_context(which)


def test_what_a_heap_can_not_hold_is_refused_and_the_process_lives(child_ok):
    """WebAssembly isn't there while building; what is native stays out."""
    code = """
        import v8snap
        with v8snap.SnapshotCreator() as sc:
            print(sc.context.eval("typeof WebAssembly"))
        sc = v8snap.SnapshotCreator()
        sc.context.eval("globalThis.f = new Intl.DateTimeFormat('de')")
        try:
            sc.create_blob()
        except v8snap.UnserializableError as error:
            print(*error.paths)
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("new Intl.NumberFormat('de').format(1); var s = (1234.5).toLocaleString('de'); 1")
        print(v8snap.Isolate(sc.blob).new_context().eval("s + typeof WebAssembly"))
    """
    assert child_ok(code).split() == ["undefined", "globalThis.f", "1.234,5object"]
