"""Every code of the engine comes out as its class; facts are attributes."""

import copy
import pickle
import re
from pathlib import Path

import pytest

import v8snap
from v8snap import _v8, errors

HEADER = Path(__file__).parent.parent / "include" / "v8snap" / "error.hpp"


def test_codes_of_header_and_table_are_the_same():
    enum = re.search(r"enum class ErrorCode : int \{(.*?)\}", HEADER.read_text(), re.S)[1]
    names = [re.sub(r"(?<!^)([A-Z])", r"_\1", name).upper() for name in re.findall(r"\bk(\w+)", enum)]
    assert names == list(errors.BY_CODE)
    assert [_v8._CODE_NAMES[number] for number in range(len(names))] == names


@pytest.mark.parametrize("name", errors.BY_CODE)
def test_each_code_raises_its_class(name):
    code = next(number for number, other in _v8._CODE_NAMES.items() if other == name)
    with pytest.raises(errors.V8SnapError, match="what happened") as caught:
        _v8._throw_error(code, "what happened")
    assert type(caught.value) is errors.BY_CODE[name]


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (v8snap.ClosedError, ValueError),
        (v8snap.JSTimeoutError, TimeoutError),
        (v8snap.JSMemoryError, MemoryError),
        (v8snap.ConversionError, TypeError),
        (v8snap.WrongIsolateError, ValueError),
        (v8snap.ForkedIsolateError, RuntimeError),
        (v8snap.WrongThreadError, RuntimeError),
        (v8snap.FlagsFrozenError, RuntimeError),
        (v8snap.SnapshotError, ValueError),
        (v8snap.SnapshotVersionError, v8snap.SnapshotError),
        (v8snap.NotInSnapshotError, KeyError),
    ],
)
def test_errors_are_the_builtin_ones_too(cls, builtin):
    assert issubclass(cls, builtin)
    assert issubclass(cls, v8snap.V8SnapError)


def test_all_error_classes_are_public():
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert classes == set(errors.__all__)
    assert classes <= set(v8snap.__all__)


def test_js_error_has_the_facts(ctx):
    source = "function outer() { inner() }\nfunction inner() {\n  null.property\n}"
    ctx.eval(source, name="lib.js")
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("outer()", name="main.js")
    error = caught.value
    assert error.name == "TypeError"
    assert "null" in error.message
    assert (error.script_name, error.line, error.column) == ("lib.js", 3, 8)
    assert error.source_line == "  null.property"
    assert error.stack.splitlines()[1:4] == [
        "    at inner (lib.js:3:8)",
        "    at outer (lib.js:1:20)",
        "    at main.js:1:1",
    ]
    assert "lib.js:3:8" in str(error)
    assert error.value["message"] == error.message
    assert error.cause is None


def test_syntax_errors_have_a_place(ctx):
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("let ok = 1;\nlet = = 2;", name="bad.js")
    assert (caught.value.name, caught.value.script_name, caught.value.line) == ("SyntaxError", "bad.js", 2)
    assert caught.value.source_line == "let = = 2;"


@pytest.mark.parametrize(
    ("thrown", "value", "message"),
    [
        ("42", 42, "42"),
        ("'text'", "text", "text"),
        ("null", None, "null"),
        ("undefined", v8snap.undefined, "undefined"),
    ],
)
def test_anything_can_be_thrown(ctx, thrown, value, message):
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval(f"throw {thrown}", name="t.js")
    assert (caught.value.value, caught.value.message, caught.value.name) == (value, message, "")
    assert caught.value.script_name == "t.js"


def test_errors_of_other_kinds_than_v8_knows(ctx):
    ctx.eval("class Custom extends Error { get name() { return 'Custom' } }; class Evil { toString() { throw 1 } }")
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("throw new Custom('mine')")
    assert (caught.value.name, caught.value.message) == ("Custom", "mine")
    for source in (
        "throw new Evil",
        "throw {get message() { throw 2 }}",
        "throw Symbol('s')",
        "throw new Proxy({}, {})",
    ):
        with pytest.raises(v8snap.JSError):
            ctx.eval(source)


EVIL = "Object.defineProperty(new Error('x'), 'name', {get() { for (;;); }})"


def test_an_error_whose_getter_never_ends(ctx):
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval(f"throw {EVIL}")
    assert (caught.value.name, caught.value.message) == ("", "x")
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval(f"const e = new Error('outer'); e.cause = {EVIL}; throw e")
    assert caught.value.message == "outer"
    assert ctx.eval("1 + 1") == 2


def test_causes_are_chained(ctx):
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("throw new Error('outer', {cause: new TypeError('inner', {cause: 5})})")
    assert isinstance(caught.value.cause, v8snap.JSError)
    assert (caught.value.cause.name, caught.value.cause.message, caught.value.cause.cause) == ("TypeError", "inner", 5)


def test_a_cause_that_is_its_own_cause(ctx):
    with pytest.raises(v8snap.JSError):
        ctx.eval("const e = new Error('x'); e.cause = e; throw e")


def test_errors_in_a_creator_have_a_stack():
    with v8snap.SnapshotCreator() as sc:
        with pytest.raises(v8snap.JSError) as caught:
            sc.context.eval("function fail() { throw new Error('no') }\nfail()", name="build.js")
        assert caught.value.stack.splitlines()[:2] == ["Error: no", "    at fail (build.js:1:25)"]
        assert (caught.value.script_name, caught.value.line) == ("build.js", 1)


def test_stack_overflow_is_an_error(ctx):
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("function f() { return f() + 1 }; f()")
    assert caught.value.name == "RangeError"


def test_js_errors_pickle(ctx):
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("throw new Error('x')", name="a.js")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.message, again.stack, again.line, str(again)) == (
        caught.value.message,
        caught.value.stack,
        caught.value.line,
        str(caught.value),
    )


def test_causes_travel_with_the_error(ctx):
    """As far as they are no objects of the isolate, which stays."""
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval("throw new Error('outer', {cause: new TypeError('inner', {cause: 'innermost'})})")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.message, again.cause.name, again.cause.message, again.cause.cause) == (
        "outer",
        "TypeError",
        "inner",
        "innermost",
    )


def every_error():
    kinds = [getattr(v8snap, name) for name in v8snap.__all__]
    kinds = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, v8snap.V8SnapError)]
    assert len(kinds) > 20
    for kind in kinds:
        if kind is v8snap.SnapshotVersionError:
            yield kind("1", "2")
        elif kind is v8snap.ModuleResolveError:
            yield kind("m.js", "main.js", "lib/m.js", "it is a folder")
        elif kind is v8snap.SnapshotBuildCrashed:
            yield kind("no memory", "create")
        else:
            yield kind("what happened")
    for kind, fact in ((v8snap.UnserializableError, "paths"), (v8snap.ExternalReferenceError, "missing")):
        error = kind("what happened")
        setattr(error, fact, ("a", "b"))
        yield error


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_every_error_goes_to_other_processes(copied):
    """To a pool's workers, a Dask cluster: with all that it says."""
    for error in every_error():
        again = copied(error)
        assert (type(again), again.args, str(again)) == (type(error), error.args, str(error))
        assert vars(again) == vars(error)


@pytest.mark.parametrize(
    "source", ["throw '\\ud800'", "throw new Error('\\ud800')", "throw new Error('x', {cause: new Error('\\ud800')})"]
)
def test_lone_surrogates_in_errors(ctx, source):
    with pytest.raises(v8snap.JSError) as raised:
        ctx.eval(source, name="\udfff.js")
    assert raised.value.script_name == "\udfff.js"
    assert "\ud800" in f"{raised.value} {raised.value.cause}"


def test_lone_surrogates_in_errors_of_a_helper_process():
    with pytest.raises(v8snap.JSError, match="\ud800") as raised:
        v8snap.build({"\udfff": "throw '\\ud800'"})
    assert (raised.value.message, raised.value.script_name) == ("\ud800", "\udfff")


def test_a_message_that_only_a_getter_tells(ctx):
    with pytest.raises(v8snap.JSError, match=r"^told"):
        ctx.eval(
            "const e = new Error(); Object.defineProperty(e, 'message', {get: () => 'told'}); e.name = ''; throw e"
        )


def test_names_of_external_references_that_are_no_text():
    with v8snap.SnapshotCreator(external_references=["known"]) as sc:
        for name in ("\ud800", "a\0b", "é"):
            with pytest.raises(v8snap.ExternalReferenceError) as raised:
                sc.external(name)
            assert raised.value.missing == (name,)
