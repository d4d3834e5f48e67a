"""The JavaScript of a notebook: an isolate with contexts that last from cell to cell."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import v8snap
from v8snap.interactive import session
from v8snap.interactive.error_lines import lines_of
from v8snap.interactive.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Sessions"]


class Sessions:
    """An isolate, made when it is first needed, and its contexts by name.

    Parameters
    ----------
    variables : mapping of str to object
        The notebook's: Python functions that a snapshot calls are looked for there, at each call.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._isolate: v8snap.Isolate | None = None
        self._blob: v8snap.StartupData | None = None
        self._host: tuple[str, ...] = ()
        self._main: str | None = None
        self._sessions: dict[str | None, session.Session] = {}

    def get(self, name: str | None = None) -> session.Session:
        """The context of that name; without one, that which `restart` chose.

        It starts as the snapshot's context of that name, or else as its default one. Raises as `Isolate`.
        """
        name = self._main if name is None else name
        if name not in self._sessions:
            if self._isolate is None:
                self._start()
            assert self._isolate is not None
            which = name if self._blob is not None and name in self._blob.context_names else None
            self._sessions[name] = session.start(self._isolate, which, self._host, rerunnable=True)
            self._isolate.on_unhandled_rejection = self._write_rejection
        return self._sessions[name]

    def restart(
        self,
        blob: v8snap.StartupData | None,
        *,
        main: str | None = None,
        host: Iterable[str] = (),
        timeout: float | None = None,
        heap_limit: int | None = None,
    ) -> None:
        """Close what there is, and start from a snapshot, or from nothing.

        `main` is the snapshot's context that `get` gives without a name. Raises as `Isolate` and `Isolate.new_context`.
        """
        if blob is not None:
            blob._check_usable()  # what there is stays where it isn't
            if main is not None:
                blob._context_index(main)
        self.close()
        self._blob, self._main, self._host = blob, main, tuple(host)
        try:
            self._start(timeout, heap_limit)
            self.get()
        except BaseException:
            self.close()
            raise

    def _start(self, timeout: float | None = None, heap_limit: int | None = None) -> None:
        names = () if self._blob is None else self._blob.external_references
        self._isolate = v8snap.Isolate(
            self._blob,
            external_references={name: self._function(name) for name in names},
            timeout=timeout,
            heap_limit=heap_limit,
            console=write_console,
        )

    def _function(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            function = self._variables.get(name)
            if not callable(function):
                raise v8snap.ExternalReferenceError(f"the snapshot calls {name}: define a Python function of that name")
            return function(*arguments)

        return call

    def _write_rejection(self, error: BaseException) -> None:
        for each in self._sessions.values():
            each.as_typed(error)  # scripts have names of their own in all of them
        lines = [printable(text) for text, _ in lines_of(error)]
        print("a promise was rejected, and nobody handles it:", *lines, sep="\n", file=sys.stderr)

    def close(self) -> None:
        """Close the isolate with all its contexts; the next one starts from nothing."""
        isolate, self._isolate, self._blob, self._main = self._isolate, None, None, None
        self._host = ()
        self._sessions.clear()
        if isolate is not None:
            isolate.close()


def write_console(level: str, message: str) -> None:
    """Where JavaScript's console writes: the cell's output. Lone surrogates, which no encoding has, are replaced."""
    stream = sys.stderr if level in session.TO_STANDARD_ERROR else sys.stdout
    print(message.encode("utf-8", "replace").decode(), file=stream)
