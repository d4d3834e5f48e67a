"""Random tests let a user's mistakes pass, but none that v8snap makes itself."""

import importlib.util
from pathlib import Path

import pytest

import v8snap

spec = importlib.util.spec_from_file_location("own_mistakes", Path(__file__).parent / "own_mistakes.py")
own_mistakes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(own_mistakes)
Expected = own_mistakes.Expected

PLACE = own_mistakes.FOLDER + "invented.py"
SOURCE = """
def attribute(): None.nothing
def key(): {}["a"]
def index(): [][0]
def type_(): None + 1
def arguments(): attribute(1)
def unbound():
    a
    a = 1
def again():
    try:
        attribute()
    except AttributeError:
        raise
def raised(): raise TypeError("yours")
def converted():
    try:
        {}["a"]
    except KeyError as error:
        raise TypeError("yours") from error
def told(given): given()
"""
MISTAKES = ["attribute", "key", "index", "type_", "arguments", "unbound", "again"]


@pytest.fixture
def functions(monkeypatch):
    """Functions whose code is in v8snap's folder as far as a traceback tells, while nothing was found."""
    monkeypatch.setattr(own_mistakes, "found", [])
    namespace = {}
    exec(compile(SOURCE, PLACE, "exec"), namespace)
    return namespace


@pytest.mark.parametrize("name", MISTAKES)
def test_what_no_line_raises_is_kept(functions, name):
    with Expected(Exception):
        functions[name]()
    assert len(own_mistakes.found) == 1
    assert PLACE in own_mistakes.found[0]


@pytest.mark.parametrize("name", ["raised", "converted"])
def test_what_is_raised_on_purpose_passes(functions, name):
    with Expected(TypeError):
        functions[name]()
    assert own_mistakes.found == []


def test_callers_own_errors_pass(functions, ctx):
    """Those of the functions that they give, of Cython's checks, and of arguments that are checked by conversion."""
    with Expected(ZeroDivisionError):
        functions["told"](lambda: 1 / 0)
    for wrong in (
        lambda: functions["told"](lambda: {}["mine"]),
        lambda: ctx.eval(5),
        lambda: v8snap.Isolate(5),
        lambda: ctx.isolate.new_context(host=5),
        lambda: ctx.eval("1", timeout=[]),
        lambda: ctx.data([]),
    ):
        with Expected(KeyError, TypeError):
            wrong()
            raise AssertionError("no error")
    assert own_mistakes.found == []


def test_what_is_not_expected_goes_on(functions):
    with pytest.raises(KeyError), Expected(TypeError):
        functions["key"]()
    assert len(own_mistakes.found) == 1
