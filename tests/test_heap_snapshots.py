"""Figures of the heap, and the whole heap as a file."""

import io
import json
import os
import threading

import pytest

import v8snap
from v8snap import Isolate

FIGURES = {
    "total_heap_size",
    "total_heap_size_executable",
    "total_physical_size",
    "total_available_size",
    "total_global_handles_size",
    "used_global_handles_size",
    "used_heap_size",
    "heap_size_limit",
    "malloced_memory",
    "external_memory",
    "peak_malloced_memory",
    "number_of_native_contexts",
    "number_of_detached_contexts",
}


def objects_of(snapshot, constructor):
    """Names and values of the properties of all objects of a class, by V8's own description of its format."""
    meta, strings = snapshot["snapshot"]["meta"], snapshot["strings"]
    node_fields, edge_fields = meta["node_fields"], meta["edge_fields"]
    node_types, edge_types = meta["node_types"][0], meta["edge_types"][0]
    nodes = [
        dict(zip(node_fields, snapshot["nodes"][i : i + len(node_fields)], strict=True))
        for i in range(0, len(snapshot["nodes"]), len(node_fields))
    ]
    edges = [
        dict(zip(edge_fields, snapshot["edges"][i : i + len(edge_fields)], strict=True))
        for i in range(0, len(snapshot["edges"]), len(edge_fields))
    ]
    assert len(nodes) == snapshot["snapshot"]["node_count"]
    assert len(edges) == snapshot["snapshot"]["edge_count"] == sum(node["edge_count"] for node in nodes)
    found, at = [], 0
    for node in nodes:
        own = edges[at : at + node["edge_count"]]
        at += node["edge_count"]
        if node_types[node["type"]] != "object" or strings[node["name"]] != constructor:
            continue
        properties = {}
        for edge in own:
            if edge_types[edge["type"]] == "property":
                target = nodes[edge["to_node"] // len(node_fields)]
                properties[strings[edge["name_or_index"]]] = strings[target["name"]]
        found.append(properties)
    return found


def test_every_figure_of_v8_is_there(ctx):
    figures = ctx.isolate.heap_statistics()
    assert set(figures) == FIGURES
    assert all(isinstance(value, int) and value >= 0 for value in figures.values())
    assert 0 < figures["used_heap_size"] <= figures["total_heap_size"] <= figures["heap_size_limit"]
    assert figures["number_of_native_contexts"] == 1


def test_spaces_add_up_to_the_heap(ctx):
    spaces = ctx.isolate.heap_space_statistics()
    names = [space["space_name"] for space in spaces]
    assert len(set(names)) == len(names) > 3
    assert {"new_space", "old_space"} <= set(names)
    assert sum(space["space_used_size"] for space in spaces) == pytest.approx(
        ctx.isolate.heap_statistics()["used_heap_size"], rel=0.2
    )


def test_figures_of_a_closed_isolate_are_an_error():
    iso = Isolate()
    iso.close()
    for method in (iso.heap_statistics, iso.heap_space_statistics, lambda: iso.write_heap_snapshot(io.BytesIO())):
        with pytest.raises(v8snap.ClosedError):
            method()


@pytest.mark.parametrize("as_path", [str, lambda path: path])
def test_a_known_object_is_in_the_file(ctx, tmp_path, as_path):
    ctx.eval("class Marker { constructor(text) { this.text = text } }; globalThis.kept = new Marker('known text')")
    path = tmp_path / "heap.heapsnapshot"
    ctx.isolate.write_heap_snapshot(as_path(path))
    snapshot = json.loads(path.read_bytes())
    assert [found["text"] for found in objects_of(snapshot, "Marker") if "text" in found] == ["known text"]
    assert os.listdir(tmp_path) == [path.name]
    ctx.eval("kept.text")  # the isolate works on


def test_it_can_be_written_to_a_file_object_that_takes_little_at_a_time(ctx):
    class Slow(io.RawIOBase):
        content = b""

        def write(self, data):
            self.content += bytes(data[:5000])
            return min(len(data), 5000)

    slow, whole = Slow(), io.BytesIO()
    ctx.isolate.write_heap_snapshot(slow)
    ctx.isolate.write_heap_snapshot(whole)
    assert objects_of(json.loads(slow.content), "Marker") == objects_of(json.loads(whole.getvalue()), "Marker") == []


def test_what_a_file_raises_comes_out(ctx):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        ctx.isolate.write_heap_snapshot(Full())
    with pytest.raises(OSError, match="No space left"), open("/dev/full", "wb", buffering=0) as file:
        ctx.isolate.write_heap_snapshot(file)
    with pytest.raises(TypeError):
        ctx.isolate.write_heap_snapshot(io.StringIO())
    with pytest.raises(TypeError, match="binary file"):
        ctx.isolate.write_heap_snapshot(7)
    assert ctx.eval("1 + 1") == 2


def test_a_file_that_can_not_be_written_leaves_the_old_one(ctx, tmp_path):
    with pytest.raises(FileNotFoundError):
        ctx.isolate.write_heap_snapshot(tmp_path / "none" / "x.heapsnapshot")
    with pytest.raises(OSError, match="something else"):
        ctx.isolate.write_heap_snapshot(tmp_path)
    path = tmp_path / "x.heapsnapshot"
    path.write_text("old")
    iso = Isolate()
    iso.close()
    with pytest.raises(v8snap.ClosedError):
        iso.write_heap_snapshot(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]


def test_a_file_may_use_the_isolate_that_is_written(ctx):
    class Curious(io.BytesIO):
        def write(self, data):
            ctx.eval("globalThis.n = (globalThis.n ?? 0) + 1; ({}).x")
            if ctx.globals["n"] == 1:
                ctx.isolate.write_heap_snapshot(io.BytesIO())
                with pytest.raises(v8snap.SnapshotError):
                    ctx.isolate.close()
            return super().write(data)

    file = Curious()
    ctx.isolate.write_heap_snapshot(file)
    assert json.loads(file.getvalue())["snapshot"]["node_count"] > 1000
    assert ctx.globals["n"] >= 1


def test_an_isolate_without_contexts_can_be_written():
    with Isolate() as iso:
        file = io.BytesIO()
        iso.write_heap_snapshot(file)
        assert json.loads(file.getvalue())["strings"]


def test_python_runs_while_a_heap_is_written(ctx):
    ctx.eval("globalThis.many = Array.from({length: 50000}, (_, i) => ({i}))")
    turns, done = 0, threading.Event()
    thread = threading.Thread(target=lambda: (ctx.isolate.write_heap_snapshot(io.BytesIO()), done.set()))
    thread.start()
    while not done.wait(0.001):
        turns += 1
    thread.join()
    assert turns > 10


def test_a_creator_makes_its_blob_after_its_heap_was_written(tmp_path):
    with v8snap.SnapshotCreator() as sc:
        sc.context.eval(
            "class Marker { constructor() { this.text = 'built' } }; globalThis.kept = new Marker();"
            "globalThis.bytes = new Uint8Array(8); globalThis.none = new Uint8Array(0); function run() { return 7 }"
        )
        sc.isolate.write_heap_snapshot(tmp_path / "creator.heapsnapshot")
    snapshot = json.loads((tmp_path / "creator.heapsnapshot").read_bytes())
    assert [found["text"] for found in objects_of(snapshot, "Marker") if "text" in found] == ["built"]
    with Isolate(sc.blob) as iso, iso.new_context() as ctx:
        assert ctx.eval("run() + kept.text + bytes.length + none.length") == "7built80"
        iso.low_memory_notification()
        iso.write_heap_snapshot(tmp_path / "restored.heapsnapshot")
    snapshot = json.loads((tmp_path / "restored.heapsnapshot").read_bytes())
    assert [found["text"] for found in objects_of(snapshot, "Marker") if "text" in found] == ["built"]


def test_lines_of_a_long_script_are_not_counted_again_for_each_function(ctx):
    lines = [f"function f{i}() {{ return {i} }}\n\n\n\n\n" for i in range(8000)]
    ctx.eval("".join(lines), "long.js")
    file = io.BytesIO()
    ctx.isolate.write_heap_snapshot(file)
    snapshot = json.loads(file.getvalue())
    fields = snapshot["snapshot"]["meta"]["location_fields"]
    lines = set(snapshot["locations"][fields.index("line") :: len(fields)])
    assert {0, 5 * 7999} <= lines
