"""Names that scripts declared by ``let``, ``const`` and ``class``: no properties, and V8 has no list of them."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from v8snap._v8 import Isolate

__all__ = ["lexical_names"]

IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")


def lexical_names(isolate: Isolate) -> set[str]:
    """Those of all contexts of an isolate, from a heap snapshot: a second or more where the heap is large.

    Empty where this V8 calls the parts of its heap otherwise.
    """
    file = io.BytesIO()
    isolate.write_heap_snapshot(file)
    heap = _Heap(file.getvalue())
    names: set[str] = set()
    for table in heap.targets_of_all("script_context_table"):
        for _, _, scope in heap.edges(table):
            names.update(_names_of_scope(heap, scope))
    return {name for name in names if IDENTIFIER.fullmatch(name)} - {"this"}


def _names_of_scope(heap: _Heap, scope: int) -> Iterator[str]:
    for kind, name, target in heap.edges(scope):
        if kind == "context":
            yield name
        elif name == "scope_info":  # has the names of small integers too, which are no nodes
            yield from (heap.name(string) for _, _, string in heap.edges(target) if heap.is_string(string))


class _Heap:
    """A heap snapshot's graph; nodes are numbers."""

    def __init__(self, content: bytes) -> None:
        whole = json.loads(content)
        meta = whole["snapshot"]["meta"]
        self._strings: list[str] = whole["strings"]
        self._nodes: list[int] = whole["nodes"]
        self._edges: list[int] = whole["edges"]
        self._fields: list[str] = meta["node_fields"]
        self._types: list[str] = meta["node_types"][0]
        self._edge_types: list[str] = meta["edge_types"][0]
        self._first_edges = [0]
        for count in self._nodes[self._fields.index("edge_count") :: len(self._fields)]:
            self._first_edges.append(self._first_edges[-1] + count)

    def targets_of_all(self, name: str) -> Iterator[int]:
        """Where all edges of a name lead."""
        wanted = self._strings.index(name) if name in self._strings else -1
        named = {"context", "property", "internal"}
        for at in range(0, len(self._edges), 3):
            if self._edges[at + 1] == wanted and self._edge_types[self._edges[at]] in named:
                yield self._edges[at + 2] // len(self._fields)

    def edges(self, node: int) -> Iterator[tuple[str, str, int]]:
        """Type, name (empty where it is a number) and target of each."""
        for edge in range(self._first_edges[node], self._first_edges[node + 1]):
            number, name, target = self._edges[3 * edge : 3 * edge + 3]
            kind = self._edge_types[number]
            has_name = kind not in ("element", "hidden")
            yield kind, self._strings[name] if has_name else "", target // len(self._fields)

    def name(self, node: int) -> str:
        """A node's name; a string's content."""
        return self._strings[self._field(node, "name")]

    def is_string(self, node: int) -> bool:
        """Whether it is a string of JavaScript's."""
        return self._types[self._field(node, "type")] == "string"

    def _field(self, node: int, field: str) -> int:
        return self._nodes[node * len(self._fields) + self._fields.index(field)]
