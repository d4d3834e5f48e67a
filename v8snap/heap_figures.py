"""V8's figures of a heap: a dict and a list that notebooks show as tables."""

from __future__ import annotations

from typing import Any

__all__ = ["HeapSpaceStatistics", "HeapStatistics"]


class HeapStatistics(dict[str, int]):
    """What `Isolate.heap_statistics` gives."""

    def _repr_html_(self) -> str:
        from v8snap.notebook import html

        return html.heap_statistics(self)


class HeapSpaceStatistics(list[dict[str, Any]]):
    """What `Isolate.heap_space_statistics` gives."""

    def _repr_html_(self) -> str:
        from v8snap.notebook import html

        return html.heap_space_statistics(self)
