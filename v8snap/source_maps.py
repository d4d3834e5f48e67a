"""Places in generated JavaScript as places in what it was made from, by the source map at a script's end.

Maps are read by ``symbolic``, which is optional: without it, and where a map is damaged, nothing is mapped.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OriginalPlace", "SourceMap", "has_inline_map", "map_stack"]

_COMMENT = "//# sourceMappingURL=data:"


class OriginalPlace(NamedTuple):
    """A place in the source that a script was generated from; `line` and `column` count from 1.

    `source_line` is ``""`` where the map brings no sources.
    """

    script_name: str
    line: int
    column: int
    source_line: str


def has_inline_map(source: str) -> bool:
    """Whether a script may bring its source map with it."""
    return source.rfind(_COMMENT) >= 0


class SourceMap:
    """One source map out of a ``data:`` URL."""

    def __init__(self, url: str) -> None:
        self._view: Any = _view(url)
        self._lines: dict[int, list[str]] = {}

    def place(self, line: int, column: int) -> OriginalPlace | None:
        """What a place of the script, counted from 1, was made from; None where the map doesn't say."""
        if self._view is None or line < 1 or column < 1:
            return None
        token = self._view.lookup(line - 1, column - 1)
        if token is None or not token.src or token.dst_line != line - 1:
            return None
        return OriginalPlace(token.src, token.src_line + 1, token.src_col + 1, self._line(token.src_id, token.src_line))

    def _line(self, source: int, number: int) -> str:
        if source not in self._lines:
            self._lines[source] = (self._view.get_source_contents(source) or "").split("\n")
        lines = self._lines[source]
        return lines[number].rstrip("\r") if number < len(lines) else ""


def map_stack(stack: str, maps: Mapping[str, SourceMap]) -> str:
    """V8's stack trace with every place that a map knows replaced by where it was made from."""
    if not maps:
        return stack
    names = "|".join(re.escape(name) for name in sorted(maps, key=len, reverse=True))
    place = re.compile(rf"(?<=[ (])({names}):(\d+):(\d+)(?=\)|,|$)")

    def mapped(match: re.Match[str]) -> str:
        found = maps[match[1]].place(int(match[2]), int(match[3]))
        return match[0] if found is None else f"{found.script_name}:{found.line}:{found.column}"

    lines = stack.split("\n")
    return "\n".join(place.sub(mapped, line) if line.startswith("    at ") else line for line in lines)


def _view(url: str) -> Any:
    try:
        from symbolic.exceptions import SymbolicError
        from symbolic.sourcemap import SourceMapView
    except ImportError:
        return None
    try:
        return SourceMapView.from_json_bytes(_content(url))
    except (SymbolicError, ValueError):
        return None


def _content(url: str) -> bytes:
    """What a ``data:`` URL holds; ValueError where it isn't one."""
    head, comma, content = url.partition(",")
    if not comma:
        raise ValueError("no data")
    from urllib.parse import unquote_to_bytes  # not needed to import v8snap

    raw = unquote_to_bytes(content)
    if not head.endswith(";base64"):
        return raw
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except binascii.Error as error:
        raise ValueError("not base64") from error
