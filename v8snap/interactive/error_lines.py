"""An error as lines to read: for one of JavaScript's its source line with a caret, and its stack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.cells import cell_len

from v8snap import errors
from v8snap.interactive.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["excerpt", "lines_of"]

#: Most characters of a source line that are shown: bundles are one line.
MOST_OF_A_LINE = 100
MOST_CAUSES = 10
#: Names of scripts of v8snap's own, whose source nobody wants to see.
OURS = ("v8snap:", "<v8snap>")
MOST_PATHS = 20


def lines_of(error: BaseException) -> Iterator[tuple[str, str]]:
    """Pairs of text and style, which is one of rich's: "red", "bold", "dim", "bold red" or none."""
    if isinstance(error, errors.JSError):
        yield from _javascript(error)
    elif isinstance(error, errors.UnserializableError):
        yield str(error), "red"
        for path in error.paths[:MOST_PATHS]:
            if path not in str(error):
                yield f"  {path}", ""
    elif isinstance(error, ModuleNotFoundError) and error.name in ("prompt_toolkit", "click", "rich"):
        yield f"this needs {error.name}: pip install 'v8snap[cli]'", "red"
    elif isinstance(error, OSError) and error.strerror:
        yield f"{error.filename}: {error.strerror}" if error.filename else error.strerror, "red"
    elif isinstance(error, UnicodeDecodeError | ImportError) or type(error).__module__.startswith("v8snap."):
        yield str(error), "red"
    else:
        yield f"{type(error).__name__}: {error}", "red"


def _javascript(error: errors.JSError) -> Iterator[tuple[str, str]]:
    place = error.original or (error.script_name, error.line, error.column, error.source_line)
    name, line, column, source_line = place
    if name and line and not name.startswith(OURS):
        yield f"{name}:{line}:{column}", "bold"
        if source_line.strip():
            shown, caret = excerpt(source_line, column)
            yield shown, ""
            yield caret, "bold red"
    yield from _thrown(error, "")
    cause = error.cause
    for _ in range(MOST_CAUSES):  # a cause may be its own
        if not isinstance(cause, errors.JSError):
            break
        yield from _thrown(cause, "caused by ")
        cause = cause.cause
    if cause is not None and not isinstance(cause, errors.JSError):
        yield f"caused by {cause!r}", "red"


def _thrown(error: errors.JSError, prefix: str) -> Iterator[tuple[str, str]]:
    what = ": ".join(filter(None, (error.name, error.message))) if error.name else f"Uncaught {error.message}"
    yield prefix + what, "red"
    frames = re.search(r"^ +at .*", error.mapped_stack, re.M | re.S)  # before them V8 says again what was thrown
    if frames:
        yield frames[0].rstrip(), "dim"


def excerpt(source_line: str, column: int) -> tuple[str, str]:
    """A part of the line around a column (1-based, UTF-16 as V8 counts), and a line with a caret below it."""
    line = source_line.rstrip("\r\n")
    before = line.encode("utf-16-le", "surrogatepass")[: 2 * max(column - 1, 0)].decode("utf-16-le", "replace")
    at, start, end = len(before), 0, len(line)
    if end > MOST_OF_A_LINE:
        start = max(min(at - MOST_OF_A_LINE // 2, end - MOST_OF_A_LINE), 0)
        end = start + MOST_OF_A_LINE
    ahead, behind = "…" if start else "", "…" if end < len(line) else ""
    left = printable(ahead + line[start:at])
    indent = "".join("\t" if letter == "\t" else " " * cell_len(letter) for letter in left)
    return f"{left}{printable(line[at:end])}{behind}", f"{indent}^"
