"""What a snapshot's heap is made of: how many objects of which kind and name, and their bytes."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from v8snap._v8 import Isolate
    from v8snap.startup_data import StartupData

__all__ = ["heap_summary", "summarize"]

#: Types of V8's heap snapshots by what they are called here. Others are V8's own.
KINDS = {
    "object": "objects",
    "regexp": "objects",
    "closure": "functions",
    "code": "compiled code",
    "string": "strings",
    "concatenated string": "strings",
    "sliced string": "strings",
    "array": "arrays",
    "number": "numbers and symbols",
    "bigint": "numbers and symbols",
    "symbol": "numbers and symbols",
    "native": "buffers and other native memory",
}
V8S_OWN = "V8's own"
#: Names that are given one by one in each kind, the largest; the rest is one line.
MOST_NAMES = 60
#: Characters of a name: those of strings are their content.
LONGEST_NAME = 60


def heap_summary(blob: StartupData, *, timeout: float = 120.0) -> dict[str, Any]:
    """What is in the heap of a snapshot once all its contexts are made, V8's own objects included.

    It is loaded in a helper process, and asked by V8's heap profiler: no JavaScript runs.

    Parameters
    ----------
    blob : StartupData
    timeout : float
        Seconds.

    Returns
    -------
    dict
        ``count`` and ``bytes`` of all objects, and ``kinds``: list of dicts with ``kind`` (str), ``count``, ``bytes``
        and ``names``, the largest of each kind: list of dicts with ``name`` (str), ``count`` and ``bytes``. Names of
        objects are those of their constructors, of functions their own, of strings their beginnings; the name None
        stands for the rest. Sorted by bytes, which are those of the objects alone, without what they lead to.

    Raises
    ------
    SnapshotVersionError, SnapshotFlagsError, SnapshotBuildCrashed, JSMemoryError, JSTimeoutError
        As `StartupData.verify`.
    """
    from v8snap import helper

    blob._check_version()
    result, _ = helper.run_job({"do": "heap", "header": blob._header}, [memoryview(blob)], timeout)
    summary: dict[str, Any] = result["heap"]
    return summary


def summarize(isolate: Isolate) -> dict[str, Any]:
    """The same of an isolate in this process."""
    file = io.BytesIO()
    isolate.write_heap_snapshot(file)
    sums: dict[str, dict[str, list[int]]] = {}
    for kind, name, size in _nodes(file.getvalue()):
        entry = sums.setdefault(kind, {}).setdefault(name, [0, 0])
        entry[0] += 1
        entry[1] += size
    kinds: list[dict[str, Any]] = [
        {"kind": kind, **_total(names.values()), "names": _largest(names)} for kind, names in sums.items()
    ]
    kinds.sort(key=lambda entry: -entry["bytes"])
    return {**_total([entry["count"], entry["bytes"]] for entry in kinds), "kinds": kinds}


def _total(entries: Iterable[list[int]]) -> dict[str, int]:
    counts, sizes = zip(*entries, strict=True)
    return {"count": sum(counts), "bytes": sum(sizes)}


def _largest(names: dict[str, list[int]]) -> list[dict[str, Any]]:
    ordered = sorted(names.items(), key=lambda item: (-item[1][1], item[0]))
    shown = [{"name": name, "count": count, "bytes": size} for name, (count, size) in ordered[:MOST_NAMES]]
    rest = ordered[MOST_NAMES:]
    return shown + ([{"name": None, **_total(entry for _, entry in rest)}] if rest else [])


def _nodes(content: bytes) -> Iterator[tuple[str, str, int]]:
    """Kind, name and bytes of each object that takes room, from a heap snapshot by V8's description of its format."""
    # Most of the file are the edges, which nobody asks for. Strings come last, and their quotes are escaped.
    nodes, edges, strings = (content.index(b'"%s":[' % part) for part in (b"nodes", b"edges", b"strings"))
    meta = json.loads(content[: content.rindex(b",", 0, nodes)] + b"}")["snapshot"]["meta"]
    texts = json.loads(b"{" + content[strings:])["strings"]
    values = json.loads(b"{" + content[nodes : content.rindex(b",", 0, edges)] + b"}")["nodes"]
    fields = meta["node_fields"]
    types, width = meta["node_types"][fields.index("type")], len(fields)
    columns = (values[fields.index(field) :: width] for field in ("type", "name", "self_size"))
    for number, name, size in zip(*columns, strict=True):
        if size:
            yield KINDS.get(types[number], V8S_OWN), texts[name][:LONGEST_NAME], size
