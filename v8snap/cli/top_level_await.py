"""Input with ``await`` at its top level, which V8 knows in modules only.

It is put into an async function. What it declares becomes an accessor of the global object, which reads and writes the
function's own variable, so that later input and functions see the same. V8 itself says what is declared, and where the
last expression is: by what can be compiled.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from v8snap.errors import JSError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from v8snap._v8 import Context

__all__ = ["complaint", "declared_names", "is_used", "unwrap_places", "wrapped"]

WORD = re.compile(r"[A-Za-z_$\u0080-\U0010ffff][\w$]*")
AWAIT = re.compile(r"\bawait\b")
#: Where a last statement may begin. What comes after a line's end must not go on with the expression before it.
BOUNDARY = re.compile(r";|\n(?=\s*[\w$'\"`{])(?!\s*(?:in|instanceof)\b)")


def is_used(context: Context, source: str) -> bool:
    """Whether it has ``await`` at its top level, outside of functions."""
    if not AWAIT.search(source) or not _compiles(context, f"(async () => {{\n{source}\n}})"):
        return False
    # Where a class is initialised `await` is forbidden, but in functions of its own.
    return not _compiles(context, f"(class {{ static {{\n{source}\n}} }})")


def declared_names(context: Context, source: str) -> list[str]:
    """What it declares at its top level: V8 complains of a second declaration."""
    if not _compiles(context, f"(async () => {{\n{source}\n}})"):
        return []
    return [
        word
        for word in dict.fromkeys(WORD.findall(source))
        if _compiles(context, f"(async () => {{ let {word} }})")
        and not _compiles(context, f"(async () => {{ let {word};\n{source}\n}})")
    ]


def wrapped(context: Context, source: str) -> str:
    """A script that does what the source says, whose value is a promise."""
    names = declared_names(context, source)
    accessors = "".join(_accessor(name) for name in names)
    # Refused where a name is taken by `let`, `const` or `class`, which would hide the accessor.
    check = f"(0, eval)('var {', '.join(names)}'); " if names else ""
    return f"{check}(async () => {{{accessors}\n{_with_result(context, source)}\n}})()"


def complaint(context: Context, source: str, name: str) -> JSError | None:
    """What V8 has against a source where ``await`` may stand; None if nothing."""
    try:
        context.compile(f"(async () => {{\n{source}\n}})", name)
    except JSError as error:
        unwrap_places(error, name)
        lines = source.split("\n")
        if error.line > len(lines):
            error.message, error.stack = "Unexpected end of input", ""
            error.line, error.column, error.source_line = len(lines), len(lines[-1]) + 1, lines[-1]
        return error
    return None


def unwrap_places(error: JSError, name: str) -> None:
    """Lines of a script of that name are those of the source: the first one of `wrapped` is ours."""
    if error.script_name == name and error.line > 1:
        error.line -= 1
    elif error.script_name == name:
        error.line, error.source_line = 0, ""
    place = re.compile(rf"(?<={re.escape(name)}:)(\d+)(?=:\d)")
    error.stack = place.sub(lambda found: str(max(int(found[0]) - 1, 1)), error.stack)


def _accessor(name: str) -> str:
    return (
        f"Object.defineProperty(globalThis, '{name}', "
        f"{{get: () => {name}, set: (value) => {{ {name} = value }}, configurable: true, enumerable: true}}); "
    )


def _with_result(context: Context, source: str) -> str:
    """The body of a function that returns the value of the last expression, if that is what comes last."""
    for start in _starts(source):
        last = source[start:].strip().rstrip(";")
        # In one line, so that it can't be in a comment; and no statement that only looks like an expression.
        body = f"{source[:start]} return ({source[start:].rstrip().rstrip(';')}\n)"
        if (
            last
            and not last.startswith(("{", "function", "class", "async function"))
            and _compiles(context, f"(async () => {{\n{body}\n}})")
        ):
            return body
    return source


def _starts(source: str) -> Iterator[int]:
    """Places where the last statement may begin, the last one first."""
    yield from (found.end() for found in reversed(list(BOUNDARY.finditer(source.rstrip().rstrip(";")))))
    yield 0


def _compiles(context: Context, source: str) -> bool:
    try:
        context.compile(source)
    except JSError:
        return False
    return True
