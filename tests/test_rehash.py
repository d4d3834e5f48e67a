"""Snapshots that keep their hash seed: they start, stay right, and are never beside what has another seed."""

import pickle

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator, StartupData

V8_MAJOR = int(v8snap.v8_version().split(".")[0])
TABLES = """
const names = Array.from({length: 2000}, (_, i) => 'name ' + i);
const table = Object.fromEntries(names.map((name, i) => [name, i]));
const map = new Map(names.map((name, i) => [name, i])), set = new Set(names), weak = new WeakMap([[map, set]]);
function wrong() {
  const strange = names.filter((name, i) => {
    const made = ['name', i].join(' ');
    return table[made] !== i || map.get(made) !== i || !set.has(made) || Symbol.for(made) !== Symbol.for(name);
  });
  return strange.length + (weak.get(map) === set ? 0 : 1) + (globalThis['wr' + 'ong'] === wrong ? 0 : 1);
}
"""
GROW = (
    "for (let i = 0; i < 5000; ++i) { table['new ' + i] = i; map.set('new ' + i, i) } table['new ' + 4321] + map.size"
)


@pytest.fixture(scope="module")
def kept():
    """A snapshot that keeps its seed."""
    return v8snap.build({"tables.js": TABLES}, warmup="wrong()", rehash=False)


def check(isolate):
    with isolate.new_context() as context:
        assert context.eval("wrong()") == 0
        assert context.eval(GROW) == 4321 + 7000
        assert context.eval("wrong()") == 0


def test_it_says_so_and_is_right(kept, tmp_path):
    kept.save(tmp_path / "a.v8snap", key=b"key")
    ways = [
        kept,
        StartupData.load(tmp_path / "a.v8snap", key=b"key"),
        pickle.loads(pickle.dumps(kept)),
        StartupData(bytes(kept)),
    ]
    for blob in ways:
        assert not blob.can_be_rehashed
        with Isolate(blob) as first, Isolate(blob) as second:
            check(first)
            check(second)
    kept.verify()


def test_by_default_all_is_rehashed(make_blob):
    assert v8snap.build({"a.js": "1"}).can_be_rehashed
    assert make_blob().can_be_rehashed
    assert not make_blob(rehash=False).can_be_rehashed


@pytest.mark.slow
def test_nothing_else_lives_beside_it(kept, make_blob):
    other = v8snap.build({"b.js": "const b = 2"})
    for first, second in ((kept, other), (other, kept), (kept, None), (None, kept), (kept, make_blob(rehash=False))):
        for _ in range(2):  # and all is well again afterwards
            with Isolate(first) as isolate:
                with pytest.raises(v8snap.SnapshotConflictError):
                    Isolate(second)
                with pytest.raises(v8snap.SnapshotConflictError):
                    SnapshotCreator(existing_blob=second)
                if first is kept:
                    check(isolate)
            with Isolate(second) as isolate:
                assert isolate.new_context().eval("1 + 1") == 2


def test_one_after_the_other(kept):
    """V8 takes the seed of the first isolate that it has; the next one's must not be that of what is closed."""
    for _ in range(5):
        with Isolate(kept) as isolate:
            check(isolate)
        with Isolate() as isolate:
            isolate.new_context().eval(TABLES)
            assert isolate.new_context().eval(TABLES + "wrong()") == 0


def test_those_of_one_seed_live_together(kept, make_blob):
    layer = make_blob({"more.js": "const more = names.length"}, existing_blob=kept, rehash=False)
    rehashed = make_blob({"more.js": "1"}, existing_blob=kept)
    with Isolate(kept) as isolate:
        alike = layer._heap_identity == kept._heap_identity
        assert alike or V8_MAJOR > 10  # where each build has a read-only heap of its own
        if alike:
            with Isolate(layer) as other:
                check(other)
                assert other.new_context().eval("more") == 2000
        with pytest.raises(v8snap.SnapshotConflictError):
            Isolate(rehashed)  # it would change the seed for both
        check(isolate)
    with Isolate(rehashed) as isolate:
        with pytest.raises(v8snap.SnapshotConflictError):
            Isolate(kept)
        check(isolate)


def test_two_builds_have_two_seeds():
    one, two = (v8snap.build({"a.js": "1"}, rehash=False) for _ in "12")
    assert v8snap.compare(one, two) is not None
    one, two = (v8snap.build({"a.js": "1"}, rehash=False, deterministic=True) for _ in "12")
    assert one == two


def read_only_heap(blob):
    start, size = blob._layout.sections["read_only"]
    return bytes(blob)[start : start + size]


def test_a_warm_up_keeps_the_choice_and_a_layer_makes_its_own(kept, make_blob):
    for isolated in (True, False):
        warm = v8snap.warm_up(kept, "wrong()", isolated=isolated)
        assert not warm.can_be_rehashed
        assert v8snap.warm_up(v8snap.build({"a.js": "1"}), "1", isolated=isolated).can_be_rehashed
        with Isolate(warm) as isolate:
            check(isolate)
    for rehash in (True, False):
        with SnapshotCreator(existing_blob=kept, rehash=rehash) as sc:
            assert sc.context.eval("wrong()") == 0
            sc.context.eval("const more = names.map((name) => table[name])")
        assert sc.blob.can_be_rehashed is rehash
        with Isolate(sc.blob) as isolate:
            check(isolate)
            assert isolate.new_context().eval("more[1999]") == 1999
    if V8_MAJOR < 11:  # where the read-only heap has the seed and nothing of the program
        assert read_only_heap(sc.blob) == read_only_heap(kept)
        base = make_blob()
        assert read_only_heap(make_blob({"more.js": "1"}, existing_blob=base)) != read_only_heap(base)


def test_contexts_modules_and_data(kept):
    with SnapshotCreator(rehash=False) as sc:
        sc.context.eval(TABLES)
        added = sc.new_context()
        added.eval(TABLES)
        sc.add_context(added, name="added")
        sc.add_data(added.eval("map"), context=added, name="map")
        sc.add_module("m", "export const n = 7")
    with Isolate(sc.blob) as isolate, isolate.new_context("added") as context:
        check(isolate)
        assert context.eval("wrong()") == 0
        assert context.data("map")["name 99"] == 99
        assert isolate.new_context().data("m")["n"] == 7


def test_a_cached_one_is_made_again_for_the_other_choice(tmp_path):
    path = tmp_path / "a.v8snap"
    for rehash in (True, False, True):
        assert v8snap.cached(path, {"a.js": "1"}, rehash=rehash).can_be_rehashed is rehash
    assert v8snap.cached(path, {"a.js": "1"}).can_be_rehashed
    before = path.stat().st_mtime_ns
    assert v8snap.cached(path, {"a.js": "1"}, rehash=True).can_be_rehashed
    assert path.stat().st_mtime_ns == before


def test_pools_take_it(kept):
    with v8snap.IsolatePool(kept, size=2) as pool, pool.context() as one, pool.context() as two:
        assert one.eval("wrong()") == two.eval("wrong()") == 0
