"""What is typed in the REPL: whether it is complete, and how it may go on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prompt_toolkit.completion import Completer, Completion

from v8snap.cli.lexical_names import lexical_names
from v8snap.errors import JSError, V8SnapError
from v8snap.interactive import top_level_await

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    from v8snap._v8 import Context

__all__ = ["JavaScriptCompleter", "is_complete"]

ENDED_EARLY = "Unexpected end of input"
#: What V8 says of input that ended too early.
UNFINISHED = (ENDED_EARLY, "Unterminated template literal")
#: Names before the cursor: ``a.b.`` and the beginning of the next one.
BEFORE_CURSOR = re.compile(r"(?<![\w$.])((?:[A-Za-z_$][\w$]*\.)*)([\w$]*)$")
#: Seconds for JavaScript that a completion may run: a Proxy's traps.
PATIENCE = 0.5

#: Names of a value's properties and of what it inherits; properties on the way are read without running getters.
PROPERTIES = """
(() => {
  "use strict";
  const { getOwnPropertyDescriptor, getPrototypeOf, getOwnPropertyNames } = Object;
  return (value, ...keys) => {
    for (const key of keys) {
      if (value === null || value === undefined) return "";
      let found;
      for (let holder = Object(value); holder && !found; holder = getPrototypeOf(holder))
        found = getOwnPropertyDescriptor(holder, key);
      if (!found) return "";
      value = found.value;
    }
    if (value === null || value === undefined) return "";
    let names = "";
    for (let holder = Object(value); holder; holder = getPrototypeOf(holder))
      names += getOwnPropertyNames(holder).join("\\n") + "\\n";
    return names;
  };
})()
"""


def is_complete(context: Context, source: str) -> bool:
    """Whether Enter should run it: also where it is wrong in a way that more input can't put right."""
    said = _compile(context, source)
    if said and top_level_await.AWAIT.search(source):
        said = _compile_in_function(context, source)
    return said != ENDED_EARLY and not _closing_helps(context, source, said)


def _closing_helps(context: Context, source: str, said: str) -> bool:
    """Whether it is an open call or comment, of which V8 doesn't say that it ended early."""
    ends = []
    if said.startswith("missing ) "):
        ends = ["\n" + ")" * count for count in range(1, source.count("(") + 1)]
    elif "/*" in source and said:
        ends = ["*/"]
    for end in ends:
        closed = _compile_in_function(context, source + end)
        if closed in ("", ENDED_EARLY) or (end == "*/" and closed != said):
            return True
    return False


def _compile(context: Context, source: str) -> str:
    """What V8 has against it; empty if nothing."""
    try:
        context.compile(source)
    except JSError as error:
        return ENDED_EARLY if error.message.startswith(UNFINISHED) else error.message
    return ""


def _compile_in_function(context: Context, source: str) -> str:
    """The same where ``await`` may stand."""
    try:
        context.compile(f"(async () => {{\n{source}\n}})")
    except JSError as error:
        at_our_end = error.line >= source.count("\n") + 3
        return ENDED_EARLY if at_our_end or error.message.startswith(UNFINISHED) else error.message
    return ""


class JavaScriptCompleter(Completer):
    """Completes names of live globals and of properties, by looking at the context."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._properties = context._run(PROPERTIES, "v8snap:completion")
        self._lexical: set[str] | None = None
        self._declared: set[str] = set()

    def declared(self, source: str) -> None:
        """Input that was run: what it declared is known from now on."""
        self._declared.update(top_level_await.declared_names(self._context, source))

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """For what is before the cursor, sorted; names with an underscore come last."""
        path, start = _before(document.text_before_cursor)
        if path is None:
            return
        try:
            names = self._globals() if not path else self._names_in(path)
        except V8SnapError:  # what isn't there, or throws, has no names
            return
        for name in sorted(names, key=lambda name: (name.startswith("_"), name.lower(), name)):
            if name.startswith(start) and top_level_await.WORD.fullmatch(name):
                yield Completion(name, -len(start))

    def _globals(self) -> set[str]:
        if self._lexical is None:
            self._lexical = lexical_names(self._context.isolate)
        return {*self._names_of(self._context.globals), *self._lexical, *self._declared}

    def _names_in(self, path: list[str]) -> set[str]:
        return self._names_of(self._context.eval(path[0], "<completion>", timeout=PATIENCE), *path[1:])

    def _names_of(self, value: object, *keys: str) -> set[str]:
        return set(self._properties(value, *keys, timeout=PATIENCE).split("\n"))


def _before(text: str) -> tuple[list[str] | None, str]:
    """The names that lead to what is looked for (None where something else does), and the beginning of its own."""
    found = BEFORE_CURSOR.search(text)
    if found is None:
        return None, ""
    return [name for name in found[1].split(".") if name], found[2]
