"""Values that fight back while they are used: the process lives, and their isolate works as before."""

import importlib.util
from pathlib import Path

import pytest

import v8snap

PROGRAM = Path(__file__).parent / "hostile_values.py"
spec = importlib.util.spec_from_file_location("hostile_values", PROGRAM)
hostile_values = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hostile_values)

SLOW = {"sizes", "runs", "proxies", "species", "getters"}


def test_each_value_has_a_name_of_its_own():
    names = [what for kind in hostile_values.KINDS.values() for what in kind]
    assert len(names) == len({*names})
    assert {*names} >= hostile_values.NO_VALUE


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in SLOW else []) for kind in hostile_values.KINDS]
)
def test_every_use_works_or_raises(child, kind):
    code = (
        f"import runpy, sys; sys.argv = ['hostile_values', {kind!r}]; runpy.run_path({str(PROGRAM)!r},"
        " run_name='__main__')"
    )
    done = child(code, timeout=230)
    said = done.stdout.splitlines()
    assert done.returncode == 0, (done.returncode, said[-2:], done.stderr[-3000:])
    assert int(said[-1]) == len(hostile_values.KINDS[kind])
    given = [what for what in hostile_values.KINDS[kind] if what not in hostile_values.NO_VALUE]
    assert said.count("    to_py") == len(given)


# Names that scripts have, and sources, of which V8 or a log could take harm.
ODD_NAMES = [
    "",
    "\0",
    "a\0b.js",
    "\ud800",
    "x\udc00\n\r\u2028",
    "a" * 2**20,
    "data:text/javascript,1",
    "v8snap:set",
    "\x1b[2J",
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_odd_names_of_scripts(ctx, name):
    assert ctx.eval("1 + 1", name) == 2
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("\n\nnull.x", name)
    assert (caught.value.line, caught.value.script_name or "") == (3, name)
    assert ctx.compile("2 + 2", name).run(ctx) == 4
    with pytest.raises(v8snap.JSError):
        ctx.eval("not javascript", name)
    module = ctx.import_module(name or "m", resolve=lambda *_: "export default import.meta.url")
    assert module["default"] == (name or "m")


@pytest.mark.parametrize(
    "source",
    ["\ud800", "'\ud800' + `\udc00`", "\0", "//" + "x" * 2**22, "\ufeff1", "#!/bin/sh\n1", "<!-- 1\n1", "/*" * 10**5],
    ids=range(8),
)
def test_odd_sources(ctx, source):
    outcome = "works"
    try:
        ctx.eval(source)
    except v8snap.JSError as error:
        outcome = error.name
    assert outcome in ("works", "SyntaxError")
    assert ctx.eval("1 + 1") == 2


@pytest.mark.slow
def test_strings_as_long_as_v8_can_hold(child_ok):
    code = """
        import v8snap
        ctx = v8snap.Isolate().new_context()
        text = ctx.eval("'x'.repeat(2 ** 29 - 24)")
        print(len(text), ctx.eval("(s) => s.length")(text))
        for source in ("'x'.repeat(2 ** 29)", "(s) => s + s"):
            try:
                made = ctx.eval(source)
                made(text)
            except v8snap.JSError as error:
                print(error.name)
        try:
            ctx.to_js("x" * 2**29)
        except v8snap.ConversionError:
            print(ctx.eval("1 + 1"))
    """
    assert child_ok(code, timeout=200).split() == ["536870888", "536870888", "RangeError", "RangeError", "2"]
