"""What leads from one context of a snapshot into another is found, however it got there: V8 can't have it."""

import pytest

START = """
    import v8snap
    sc = v8snap.SnapshotCreator(external_references={"f": lambda *arguments: f(*arguments)})
    one, two = sc.context, sc.new_context()
    sc.add_context(two, name="two")
    one.eval("var o = {b: new Uint8Array(999)}; function later(g) { return Promise.resolve().then(g) }")
    for ctx in (one, two):
        ctx.globals["f"] = sc.external("f", context=ctx)
"""
END = """
    found = sc.check()
    try:
        blob = sc.create_blob()
    except v8snap.UnserializableError as error:
        print(*sorted(error.paths))
        assert sorted(each.path for each in found) == sorted(error.paths), found
    else:
        assert found == []
        with v8snap.Isolate(blob, external_references={"f": print}) as iso:
            for which in (None, "two"):
                iso.new_context(which)
            iso.low_memory_notification()
        print("made")
"""


@pytest.mark.parametrize(
    ("how", "path"),
    [
        ("two.globals['x'] = one.globals['o']", "globalThis.x"),
        ("two.globals['x'] = [{'deep': one.globals['later']}]", "globalThis.x[0].deep"),
        ("two.eval('(function () { globalThis.x = this })').call(one.globals['o'])", "globalThis.x"),
        ("f = lambda: one.globals['o']\n    two.eval('var x = f()')", "globalThis.x"),
        # A job of the first context's while the second one is running.
        (
            "kept = []; f = kept.append\n    one.eval('later(() => f(o)); 1'); two.eval('1')\n"
            "    for each in kept: two.globals['x'] = each",
            "globalThis.x",
        ),
        ("sc.add_data(one.globals['o'], context=two)", "[[data]]"),
        ("sc.add_data(sc.new_context().eval('({})'))", "[[data]]"),
        ("one.globals['x'] = sc.new_context().eval('({})')", "globalThis.x"),
        ("one.globals['x'] = two.eval('async () => {}')", "globalThis.x"),
    ],
)
def test_it_is_refused_with_its_path(child_ok, how, path):
    said = child_ok(START + f"    f = print\n    {how}" + END).split()
    assert said[0] == path


@pytest.mark.parametrize(
    "how",
    [
        "pass",
        # What it caught is an error of its own.
        "def f(): one.eval('throw o')\n    two.eval('try { f() } catch (error) { globalThis.x = error }')",
        "two.globals['x'] = one.globals['o']; two.eval('x = 1')",  # it is gone again
        "two.globals['x'] = one.globals['o'].b.length",
        "two.globals['x'] = {'plain': ['data']}; one.globals['y'] = two.globals['x'].to_py()",
        "sc.add_data(two.eval('({a: 1})')); sc.add_data(one.globals['o'])",
        "f = lambda *values: one.eval('1')\n    two.eval('(async () => f({}))()'); one.eval('later(() => f(o)); 1')",
    ],
)
def test_what_does_not_lead_there_is_fine(child_ok, how):
    assert child_ok(START + f"    f = lambda *values: None\n    {how}" + END) == "made\n"


def test_everything_that_a_context_can_hold_is_its_own(child_ok):
    """The search takes nothing of V8's that contexts share for a way from one to the other."""
    script = """
        class A extends Array { #p = new Map([[{}, []]]) }
        var things = [new A(), new Proxy({}, {}), new Error("x"), (function* () { yield 1 })(), Promise.resolve(1),
          /x/g,
          [][Symbol.iterator](), Symbol("s"), Symbol.for("t"), new Float64Array(9),
          new DataView(new ArrayBuffer(8)),
          new WeakMap([[{}, 1]]), new WeakRef({}), async () => {}, function () {}.bind({}), Object.freeze({a: 1}),
          new Date(0), JSON, Math, Intl, globalThis, eval, new Function("return this"), `${1}`, 10n ** 30n];
        things.push(things);
        for (let i = 0; i < 1000; i++) things.slice(0, 3).map(String.raw.bind(null, {raw: []}));
    """
    setup = f"    f = print\n    for ctx in (one, two): ctx.eval({script!r})\n"
    mixed = "    two.globals['x'] = one.globals['o']; two.eval('x = 1')"
    assert child_ok(START + setup + mixed + END) == "made\n"
