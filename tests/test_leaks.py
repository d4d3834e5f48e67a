"""Nothing that comes and goes leaves memory behind, however often: each kind of object, call and error."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("leaks", Path(__file__).parent / "leaks.py")
leaks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(leaks)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", leaks.ALL)
def test_the_second_half_adds_no_memory(kind):
    assert leaks.grown(kind) < leaks.MOST


def test_blobs_are_held_as_long_as_isolates_use_them(child_ok):
    code = """
    import sys, v8snap
    with v8snap.SnapshotCreator() as sc:
        sc.context.eval("var n = 1")
    blob = sc.blob
    before = sys.getrefcount(blob)
    for _ in range(20):
        with v8snap.Isolate(blob) as isolate, isolate.new_context() as ctx:
            assert ctx.eval("n") == 1
            assert sys.getrefcount(blob) > before
        with v8snap.SnapshotCreator(existing_blob=blob) as layer:
            layer.context.eval("n++")
        try:
            v8snap.Isolate(blob, external_references={"a": 1})
        except TypeError:
            pass
        with v8snap.IsolatePool(blob, 2) as pool, pool.context() as ctx:
            pass
        del isolate, ctx, layer, pool
    print(sys.getrefcount(blob) - before)
    """
    assert child_ok(code) == "0\n"
