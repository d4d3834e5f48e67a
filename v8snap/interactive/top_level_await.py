"""Input with ``await`` at its top level, which V8 knows in modules only, and input that may run again.

It is put into a function, an async one where it awaits. What it declares becomes an accessor of the global object,
which reads and writes the function's own variable, so that later input and functions see the same. V8 itself says what
is declared, and where the last expression is: by what can be compiled.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from v8snap.errors import JSError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from v8snap._v8 import Context

__all__ = ["AWAIT", "Wrapped", "complaint", "declared_names", "is_used", "runs_once"]

WORD = re.compile(r"[A-Za-z_$\u0080-\U0010ffff][\w$]*")
AWAIT = re.compile(r"\bawait\b")
#: What declares names that a second declaration is refused for.
LEXICAL = re.compile(r"\b(?:let|const|class)\b")
#: What makes the last expression the function's value.
RETURN = " return ("
#: What has effect at the beginning of a function, too.
STRICT = re.compile(r"\s*(?:'use strict'|\"use strict\")")
#: V8's complaint about a second declaration.
TAKEN = re.compile(r"Identifier '(.+)' has already been declared")
#: Where a last statement may begin. What comes after a line's end must not go on with the expression before it.
BOUNDARY = re.compile(r";|\n(?=\s*[\w$'\"`{])(?!\s*(?:in|instanceof)\b)")


def is_used(context: Context, source: str) -> bool:
    """Whether it has ``await`` at its top level, outside of functions."""
    if not AWAIT.search(source) or not _compiles(context, f"(async () => {{\n{source}\n}})"):
        return False
    # Where a class is initialised `await` is forbidden, but in functions of its own.
    return not _compiles(context, f"(class {{ static {{\n{source}\n}} }})")


def complaint(context: Context, source: str, name: str) -> JSError | None:
    """What V8 has against a source where ``await`` may stand; None if nothing."""
    wrapped = Wrapped(context, source)
    try:
        context.compile(wrapped.script, name)
    except JSError as error:
        wrapped.unwrap_places(error, name)
        lines = source.rstrip().split("\n")
        if error.line > len(lines):
            error.message, error.stack = "Unexpected end of input", ""
            error.line, error.column, error.source_line = len(lines), len(lines[-1]) + 1, lines[-1]
        return error
    return None


def runs_once(context: Context, source: str) -> bool:
    """Whether it declares at its top level what no second script may declare: by ``let``, ``const`` or ``class``."""
    return bool(LEXICAL.search(source)) and _complaint(context, source) == "" and bool(declared_names(context, source))


def declared_names(context: Context, source: str) -> list[str]:
    """What it declares at its top level: V8 complains of a second declaration."""
    if not _compiles(context, f"(async () => {{\n{source}\n}})"):
        return []
    words = [
        word for word in dict.fromkeys(WORD.findall(source)) if _compiles(context, f"(async () => {{ let {word} }})")
    ]
    declared: set[str] = set()
    while len(declared) < len(words):  # each complaint is about one name
        others = ", ".join(word for word in words if word not in declared)
        found = TAKEN.fullmatch(_complaint(context, f"(async () => {{ let {others};\n{source}\n}})"))
        if found is None or found[1] not in words or found[1] in declared:
            break
        declared.add(found[1])
    return [word for word in words if word in declared]


class Wrapped:
    """A script that does what a source says.

    Attributes
    ----------
    script : str
        Its value is a promise where the source awaits.
    """

    def __init__(self, context: Context, source: str, *, awaits: bool = True) -> None:
        names = declared_names(context, source)
        accessors = "".join(_accessor(name) for name in names)
        # Refused where a name is taken by `let`, `const` or `class`, which would hide the accessor.
        check = f"(0, eval)('var {', '.join(names)}'); " if names else ""
        head = ("async () => {" if awaits else "() => {") + ("'use strict'; " if STRICT.match(source) else "")
        body, at = _with_result(context, source)
        self.script = f"{check}({head}{accessors}\n{body}\n}})()"
        self._lines = source.rstrip().count("\n") + 1
        before, last = source[: at or 0], source[at or 0 :]
        #: Where `RETURN` was put: line and column from 1 on, as V8 counts; and where what follows it is in the source.
        self._returns = (0 if at is None else before.count("\n") + 1, _units(before.rpartition("\n")[2]) + 1)
        self._last = self._returns[1] + len(last) - len(last.lstrip(" \t"))

    def unwrap_places(self, error: JSError, name: str) -> None:
        """Places in the script, whose name that was, become those in the source."""
        if error.script_name == name:
            if not self._is_typed(error.line):
                error.source_line = ""
            elif error.line - 1 == self._returns[0]:
                error.source_line = error.source_line.replace(RETURN, "", 1)
            error.line, error.column = self._place(error.line, error.column)
        place = re.compile(re.escape(name) + r":(\d+):(\d+)")
        error.stack = "\n".join(
            place.sub(lambda found: "{}:{}:{}".format(name, *self._place(int(found[1]), int(found[2]))), text)
            for text in error.stack.split("\n")
            if not (text.startswith("    at ") and (found := place.search(text)) and not self._is_typed(int(found[1])))
        )

    def _is_typed(self, line: int) -> bool:
        """Whether a line of the script is one of the source: not an accessor, or where our function is called."""
        return 1 < line <= self._lines + 1

    def _place(self, line: int, column: int) -> tuple[int, int]:
        """In the source; the script's first line is none of it."""
        line -= 1
        if line == self._returns[0] and column > self._returns[1]:
            column = max(column - len(RETURN), self._last)
        return line, column


def _accessor(name: str) -> str:
    return (
        f"Object.defineProperty(globalThis, '{name}', "
        f"{{get: () => {name}, set: (value) => {{ {name} = value }}, configurable: true, enumerable: true}}); "
    )


def _with_result(context: Context, source: str) -> tuple[str, int | None]:
    """The body of a function that returns the value of the last expression, if that is what comes last, and where."""
    for start in _starts(source):
        last = source[start:].strip().rstrip(";")
        # In one line, so that it can't be in a comment; and no statement that only looks like an expression.
        body = f"{source[:start]}{RETURN}{source[start:].rstrip().rstrip(';')}\n)"
        if (
            last
            and not last.startswith(("{", "function", "class", "async function"))
            and _compiles(context, f"(async () => {{\n{body}\n}})")
        ):
            return body, start
    return source, None


def _units(text: str) -> int:
    """Its length as JavaScript counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _starts(source: str) -> Iterator[int]:
    """Places where the last statement may begin, the last one first."""
    yield from (found.end() for found in reversed(list(BOUNDARY.finditer(source.rstrip().rstrip(";")))))
    yield 0


def _compiles(context: Context, source: str) -> bool:
    return _complaint(context, source) == ""


def _complaint(context: Context, source: str) -> str:
    """What V8 has against it; empty if nothing."""
    try:
        context.compile(source)
    except JSError as error:
        return error.message or error.name
    return ""
