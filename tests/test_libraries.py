"""Libraries that V8's builder would fail on, or that would kill V8: core-js, Vega, Luxon, SES as npm has them."""

import json
import re
import time
from pathlib import Path

import pytest

import v8snap
from v8snap import SnapshotCreator, demo, gap

pytestmark = pytest.mark.slow

CORE_JS = ("core-js-bundle", "index.js")
VEGA = ("vega", "build/vega.js")
LUXON = ("luxon", "build/global/luxon.js")

CHART = """
    function draw() {
      const spec = {
        width: 90, height: 40,
        data: [{
          name: "table", values: [{k: "a", v: 2}, {k: "b", v: 5}],
          transform: [{type: "formula", as: "w", expr: "datum.v * 2"}],
        }],
        scales: [
          {name: "x", type: "band", domain: {data: "table", field: "k"}, range: "width"},
          {name: "y", domain: {data: "table", field: "w"}, range: "height"},
        ],
        axes: [{orient: "bottom", scale: "x"}],
        marks: [{type: "rect", from: {data: "table"}, encode: {enter: {
          x: {scale: "x", field: "k"}, width: {scale: "x", band: 1},
          y: {scale: "y", field: "w"}, y2: {scale: "y", value: 0},
        }}}],
      };
      const view = new vega.View(vega.parse(spec), {renderer: "none"});
      view.toSVG().then((svg) => { globalThis.svg = svg });
    }
"""
POLYFILLED = """
    const at = Array.prototype.at, hasOwn = Object.hasOwn;
    function use() {
      return [at.call([1, 2], -1), [1, 2].at(-1), hasOwn({a: 1}, "a"), Object.hasOwn({}, "a"),
        [3, 1].toSorted().join(""),
        new Set([1]).union(new Set([2])).size, Object.groupBy([1, 2, 3], (x) => x % 2 ? "odd" : "even").odd.length,
        structuredClone(new Map([[1, 2]])).get(1), typeof Promise.try, typeof RegExp.escape].join();
    }
"""
DATE = "luxon.DateTime.fromISO('2020-01-05').setLocale('de').toLocaleString(luxon.DateTime.DATE_FULL)"

# Prints what comes out: of the scripts themselves, or of two contexts of a snapshot.
RUN = """
    import sys, v8snap
    from pathlib import Path
    way, start, result, *paths = sys.argv[1:]
    blob = v8snap.StartupData.load(paths[0]) if way == "snapshot" else None
    with v8snap.Isolate(blob) as iso:
        for _ in range(2 if blob else 1):
            ctx = iso.new_context()
            for path in paths if blob is None else ():
                ctx.eval(Path(path).read_text(), path)
            ctx.eval(start)
            print(ctx.eval(result))
"""


@pytest.mark.parametrize(
    ("libraries", "script", "start", "result", "expected"),
    [
        ([CORE_JS], POLYFILLED, "use()", "use()", "2,2,true,false,13,2,2,2,function,function"),
        ([VEGA], CHART, "draw()", "svg", "<svg"),
        ([CORE_JS, VEGA], CHART, "draw()", "svg", "<svg"),
        ([LUXON], "", DATE, DATE, "5. Januar 2020"),
    ],
)
def test_a_restored_library_does_what_it_does_without_a_snapshot(
    child_ok, library, tmp_path, libraries, script, start, result, expected
):
    sources = {path.replace("/", "-"): library(name, path) for name, path in libraries} | {"script.js": script}
    for name, source in sources.items():
        (tmp_path / name).write_text(source)
    v8snap.build(sources, warmup=start).save(tmp_path / "a.v8snap")
    plain = child_ok(RUN, "scripts", start, result, *(tmp_path / name for name in sources))
    assert expected in plain
    assert child_ok(RUN, "snapshot", start, result, tmp_path / "a.v8snap") == plain * 2


KINDS = """
    (() => {
      const found = {};
      const text = (value) => Function.prototype.toString.call(value);
      const native = (value) => typeof value !== "function" || text(value).includes("[native code]");
      const start = {global: globalThis, TypedArray: Object.getPrototypeOf(Uint8Array)};
      const keyOf = (name) => name.startsWith("@@") ? Symbol[name.slice(2)] : name;
      for (const [path, name] of GAP) {
        let holder = start[path[0]];
        if (holder === undefined) continue;
        for (const step of path.slice(1)) holder = step === "^" ? Object.getPrototypeOf(holder) : holder[keyOf(step)];
        const property = Object.getOwnPropertyDescriptor(holder, keyOf(name));
        found[[...path, name].join(".")] = property && [typeof property.value, native(property.value ?? property.get)];
      }
      return JSON.stringify(found);
    })()
"""


def test_after_core_js_all_of_the_gap_is_v8s_own(library):
    look = KINDS.replace("GAP", json.dumps(gap._find()))
    with SnapshotCreator() as sc:
        sc.context.eval(library(*CORE_JS), "core-js.js")
    with v8snap.Isolate(sc.blob) as iso:
        restored = json.loads(iso.new_context().eval(look))
    with v8snap.Isolate() as iso:
        plain = json.loads(iso.new_context().eval(look))
    assert restored == plain
    assert sum(kind == ["function", True] for kind in plain.values()) > 5


def test_a_formatter_in_luxons_cache_is_named_and_can_be_let_go(library):
    def used():
        sc = SnapshotCreator()
        sc.context.eval(library(*LUXON), "luxon.js")
        assert sc.context.eval(DATE) == "5. Januar 2020"
        return sc

    sc = used()
    assert len(sc.check()) == 1
    with pytest.raises(v8snap.UnserializableError, match="DateTimeFormat") as raised:
        sc.create_blob()
    assert len(raised.value.paths) == 1
    assert raised.value.paths[0].startswith("globalThis.luxon.")
    assert raised.value.paths[0].endswith(".[[Scopes]].intlDTCache.[[Entries]]")

    sc = used()
    sc.context.eval("luxon.Settings.resetCaches()")
    assert sc.check() == []
    with v8snap.Isolate(sc.create_blob()) as iso:
        assert iso.new_context().eval(DATE) == "5. Januar 2020"


def test_ses_lockdown_is_refused_with_what_it_froze(library):
    sc = SnapshotCreator()
    sc.context.eval(library("ses", "dist/ses.umd.js"), "ses.js")
    sc.context.eval("lockdown()")
    with pytest.raises(v8snap.UnserializableError, match="frozen") as raised:
        sc.create_blob()
    assert len(raised.value.paths) > 1


DOCS = Path(__file__).parent.parent / "docs"


def recipe(name):
    """A script of the documents."""
    (found,) = re.findall(
        rf'^{name} = """(.*?)"""', "".join(page.read_text() for page in DOCS.rglob("*.md")), re.DOTALL | re.MULTILINE
    )
    return found


def test_the_documents_stand_ins_for_intl_with_a_library_that_formatted(library):
    scripts = {"lazy.js": recipe("LAZY"), "luxon.js": library(*LUXON), "use.js": DATE, "end.js": "restoreIntl()"}
    with v8snap.Isolate(v8snap.build(scripts)) as iso:
        assert iso.new_context().eval(DATE) == "5. Januar 2020"


@pytest.mark.parametrize("program", ["typescript", "babel"])
def test_the_documents_clock_makes_builds_the_same(program):
    files = [(path.name, path.read_text()) for path in demo.program_files(demo.PROGRAMS[program])]
    scripts = [("clock.js", recipe("CLOCK")), *files, ("end.js", "startClock()")]
    one = v8snap.build(scripts, deterministic=True)
    time.sleep(0.01)
    assert v8snap.compare(one, v8snap.build(scripts, deterministic=True)) is None
    assert v8snap.compare(*(v8snap.build(files, deterministic=True) for _ in "12")) is not None
