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
def test_no_memory_stays_for_each_cycle(kind):
    if kind in leaks.SHORTER:
        assert leaks.grown(kind, leaks.SHORTER[kind]) < leaks.MOST
    else:
        leaks.measured(kind)


@pytest.mark.parametrize("cycle", ["kept.append(bytes(100))", "kept.append(bytearray(3000))"])
def test_what_leaks_is_found(monkeypatch, cycle):
    """Little in each cycle, far below the limit for all; and much."""
    monkeypatch.setitem(leaks.ALL, "kept", (4000, "kept = []", cycle))
    with pytest.raises(AssertionError, match=r"kept: [0-9,]+ bytes more in [0-9,]+ cycles"):
        leaks.measured("kept")


def test_what_comes_once_is_no_leak(monkeypatch):
    """A page of V8's that doesn't go away while it is measured; but not the more cycles the more pages."""
    monkeypatch.setitem(leaks.ALL, "kind", (2000, "", ""))
    monkeypatch.setattr(leaks, "grown", lambda kind, cycles: 256 * 2**10)
    assert leaks.measured("kind") == (4000, 256 * 2**10)
    monkeypatch.setattr(leaks, "grown", lambda kind, cycles: 40 * cycles // 2)
    assert leaks.measured("kind") == (2000, 40_000)
    monkeypatch.setattr(leaks, "grown", lambda kind, cycles: 64 * cycles // 2)
    with pytest.raises(AssertionError, match="in 8,000 cycles"):
        leaks.measured("kind")


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
