"""Functions whose code a snapshot drops do after it what they did before."""

import pytest

import v8snap
from v8snap import FunctionCodeHandling, Isolate, SnapshotCreator

# V8 10 ends the process where it compiles the fields of `A` by themselves.
FIELDS = """
globalThis.run = (() => {
  const inner = (() => {
    const a = "a", b = "b";
    class A extends (class { field = b }) {}
    (() => { class B { field = a } })();
    return () => new A().field;
  })();
  return () => inner();
})();
"""
CLASSES = {
    "a field": "(() => { const v = 1; class A { x = v }; globalThis.run = () => new A().x })()",
    "a private field": "(() => { const v = 1; class A { #x = v; x() { return this.#x } }; run = () => new A().x() })()",
    "a static field": "(() => { const v = 1; class A { static x = v }; globalThis.run = () => A.x })()",
    "a private method": "(() => { const v = 1; class A { #x() { return v } x() { return this.#x() } };"
    " globalThis.run = () => new A().x() })()",
    "a closure": "(() => { const v = 1; globalThis.run = () => [0].map(() => v)[0] })()",
    "a generator": "(() => { const v = 1; function* g() { yield v } globalThis.run = () => g().next().value })()",
}


def test_fields_of_classes_whose_code_was_dropped(child_ok):
    code = f"""
        from v8snap import *
        for code in FunctionCodeHandling:
            with SnapshotCreator(function_code=code) as creator:
                creator.context.eval({FIELDS!r})
            with Isolate(creator.blob) as isolate, isolate.new_context() as context:
                print(context.eval("run()"))
    """
    assert child_ok(code).split() == ["b", "b"]


@pytest.mark.parametrize("source", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("ran", [False, True])
def test_what_was_dropped_is_compiled_again(source, ran):
    with SnapshotCreator(function_code=FunctionCodeHandling.CLEAR) as creator:
        creator.context.eval(source)
        if ran:
            assert creator.context.eval("run()") == 1
    with Isolate(creator.blob) as isolate, isolate.new_context() as context:
        assert context.eval("run()") == 1


def test_dropping_makes_a_smaller_snapshot_where_no_class_has_fields():
    def size(code, more=""):
        with SnapshotCreator(function_code=code) as creator:
            creator.context.eval(f"function work(x) {{ {'x = x * 3 + 1; ' * 2000} return x }} work(1); {more}")
        return len(creator.blob)

    keep, clear = (size(code) for code in (FunctionCodeHandling.KEEP, FunctionCodeHandling.CLEAR))
    assert clear < keep - 5000
    with_fields = size(FunctionCodeHandling.CLEAR, "class A { x = 1 }")
    if v8snap.v8_version().startswith(("10.", "11.")):
        assert with_fields > clear + 5000
    else:
        assert with_fields < clear + 5000
