"""The exceptions of v8snap.

All derive from :class:`V8SnapError`, and from the fitting built-in exception where there is one. Facts are
attributes, not text. The engine raises them through one table, :data:`BY_CODE`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from v8snap.source_maps import OriginalPlace, SourceMap

__all__ = [
    "ClosedError",
    "ConversionError",
    "ExternalReferenceError",
    "FlagsFrozenError",
    "ForkedIsolateError",
    "JSError",
    "JSMemoryError",
    "JSTerminatedError",
    "JSTimeoutError",
    "ModuleResolveError",
    "NotInSnapshotError",
    "PoolTimeoutError",
    "PromisePendingError",
    "SnapshotBuildCrashed",
    "SnapshotConflictError",
    "SnapshotCorruptError",
    "SnapshotError",
    "SnapshotFlagsError",
    "SnapshotSignatureError",
    "SnapshotVersionError",
    "UnserializableError",
    "V8SnapError",
    "WrongIsolateError",
    "WrongThreadError",
]


def add_note(error: BaseException, note: str) -> None:
    """Do what ``error.add_note(note)`` does from Python 3.11 on; 3.10 keeps the note, but no traceback shows it."""
    notes = getattr(error, "__notes__", None)
    error.__notes__ = [*notes, note] if isinstance(notes, list) else [note]


class V8SnapError(Exception):
    """Whatever goes wrong in v8snap."""


class ClosedError(V8SnapError, ValueError):
    """The creator, isolate, context, script or value was closed before this call."""


class JSError(V8SnapError):
    """JavaScript threw something that it didn't catch.

    Where a script ends with its source map (``//# sourceMappingURL=data:...``) and ``v8snap[sourcemaps]`` is installed,
    `original` and `mapped_stack` say where the error is in the source that the script was made from.

    Attributes
    ----------
    name : str
        The error's name (``"TypeError"``); ``""`` where something else than an Error was thrown.
    message : str
        The error's message; for other thrown values their text.
    stack : str
        V8's stack trace, the error itself in its first lines; ``""`` where there is none.
    script_name : str | None
        The script in which it was thrown.
    line, column : int
        1-based place in that script, as in ``stack``; 0 where it is not known.
    source_line : str
        That line's source.
    value : object
        What was thrown, converted as any other value.
    cause : JSError | object | None
        The error's ``cause``: an Error as a JSError (not raised), one that stands for a Python exception as that
        exception, anything else converted. An exception is ``__cause__`` as well.
    """

    name: str
    message: str
    stack: str
    script_name: str | None
    line: int
    column: int
    source_line: str
    value: Any
    cause: Any

    def __init__(self, summary: str = "", facts: dict[str, Any] | None = None) -> None:
        facts = facts or {}
        # V8 has no words of its own where a name and message are computed.
        super().__init__(summary or ": ".join(filter(None, (facts.get("name"), facts.get("message")))))
        self.name = facts.get("name") or ""
        self.message = summary if facts.get("message") is None else facts["message"]
        self.stack = facts.get("stack") or ""
        self.script_name = facts.get("script_name")
        self.line = facts.get("line") or 0
        self.column = facts.get("column") or 0
        self.source_line = facts.get("source_line") or ""
        self.value = facts.get("value")
        self.cause = facts.get("cause")
        if isinstance(self.cause, dict) and "facts" in self.cause:
            self.cause = JSError(self.cause["summary"], self.cause["facts"])
        if isinstance(self.cause, BaseException):
            self.__cause__ = self.cause
        self._map_urls: dict[str, str] = facts.get("source_maps") or {}
        self._maps: dict[str, SourceMap] | None = None

    def _source_maps(self) -> dict[str, SourceMap]:
        """By the scripts' names; read when they are first asked for."""
        if self._maps is None:
            from v8snap.source_maps import SourceMap

            self._maps = {name: SourceMap(url) for name, url in self._map_urls.items()}
        return self._maps

    @property
    def original(self) -> OriginalPlace | None:
        """The place in the source that the script was made from, by its inline source map.

        A named tuple of script_name (str), line and column (int, 1-based) and source_line (str). None where the script
        has no such map, or one that can't be read, or ``v8snap[sourcemaps]`` isn't installed.
        """
        source_map = self._source_maps().get(self.script_name or "")
        return None if source_map is None else source_map.place(self.line, self.column)

    @property
    def mapped_stack(self) -> str:
        """`stack` with the places that inline source maps know replaced by those in the original sources: str."""
        if not self._map_urls:
            return self.stack
        from v8snap.source_maps import map_stack

        return map_stack(self.stack, self._source_maps())

    def __str__(self) -> str:
        where = f" ({self.script_name}:{self.line}:{self.column})" if self.script_name and self.line else ""
        return super().__str__() + where

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.args[0] if self.args else "", self._facts()))

    def _facts(self) -> dict[str, Any]:
        """What can go to another process: objects that live in an isolate can't."""
        names = ("name", "message", "stack", "script_name", "line", "column", "source_line")
        facts = {name: getattr(self, name) for name in names}
        if self._map_urls:
            facts["source_maps"] = self._map_urls
        if isinstance(self.cause, JSError):
            facts["cause"] = {"summary": self.cause.args[0], "facts": self.cause._facts()}
        for name in ("value", "cause"):
            if isinstance(getattr(self, name), str | int | float | bool):
                facts[name] = getattr(self, name)
        return facts


class JSTimeoutError(V8SnapError, TimeoutError):
    """JavaScript was stopped because it ran longer than its ``timeout``."""


class JSTerminatedError(V8SnapError):
    """JavaScript was stopped by `Isolate.terminate`."""


class JSMemoryError(V8SnapError, MemoryError):
    """JavaScript was stopped because it reached the isolate's ``heap_limit``, or an isolate found no room at all."""


class ModuleResolveError(V8SnapError, ImportError):
    """A module that is imported or required can't be found, or may not be read.

    Attributes
    ----------
    specifier : str
        As the import has it.
    importer : str | None
        Name of the importing module; None where Python asked.
    looked_for : str | None
        The name that there is no module of, where that is known.
    reason : str | None
        Why, where there is more to say.
    """

    def __init__(
        self, specifier: str, importer: str | None, looked_for: str | None = None, reason: str | None = None
    ) -> None:
        who = "" if importer is None else f", imported by {importer!r},"
        what = "" if looked_for in (None, specifier) else f" as {looked_for!r}"
        why = "" if reason is None else f": {reason}"
        super().__init__(f"module {specifier!r}{who} is not found{what}{why}", name=specifier)
        self.specifier = specifier
        self.importer = importer
        self.looked_for = looked_for
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.specifier, self.importer, self.looked_for, self.reason))


class ConversionError(V8SnapError, TypeError):
    """A value has no counterpart in the other language."""


class WrongIsolateError(V8SnapError, ValueError):
    """A value of one isolate was given to another."""


class PromisePendingError(V8SnapError, RuntimeError):
    """A promise has no result yet: await it, or run what settles it (`Context.run_until_idle`)."""


class PoolTimeoutError(V8SnapError, TimeoutError):
    """Every isolate of an `IsolatePool` stayed in use for as long as was waited."""


class ForkedIsolateError(V8SnapError, RuntimeError):
    """V8 was started before this process was forked: nothing of it can be used here."""


class WrongThreadError(V8SnapError, RuntimeError):
    """A snapshot creator was used by another thread than the one that made it."""


class FlagsFrozenError(V8SnapError, RuntimeError):
    """V8 is started: its flags can't change any more."""


class SnapshotError(V8SnapError, ValueError):
    """A snapshot can't be made or used in this way."""


class SnapshotVersionError(SnapshotError):
    """The blob was made by another V8.

    Attributes
    ----------
    found, expected : str
        V8's version (with the build's id where it is the builds that differ) in the blob and here.
    """

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"the snapshot was made by V8 {found}, this is V8 {expected}")
        self.found = found
        self.expected = expected

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.found, self.expected))


class SnapshotFlagsError(SnapshotError):
    """The blob was made under other V8 flags than this process has."""


class SnapshotCorruptError(SnapshotError):
    """The bytes are not a snapshot, or not what was written."""


class SnapshotSignatureError(SnapshotError):
    """The snapshot's signature is missing or wrong."""


class SnapshotConflictError(SnapshotError):
    """An isolate started from another snapshot is alive, and this V8 can't have both in one process.

    Attributes
    ----------
    live : int
        How many isolates are in the way.
    """

    live: int = 0


class ExternalReferenceError(SnapshotError):
    """A snapshot needs Python callables that were not given, or a name is not registered.

    Attributes
    ----------
    missing : tuple[str, ...]
        The names.
    """

    missing: tuple[str, ...] = ()


class UnserializableError(SnapshotError):
    """Something in the heap can't be in a snapshot.

    Attributes
    ----------
    paths : tuple[str, ...]
        JavaScript paths to it, where they are known.
    """

    paths: tuple[str, ...] = ()


class NotInSnapshotError(SnapshotError, IndexError, KeyError):
    """The snapshot has no context or data of that index or name (any more)."""

    __str__ = Exception.__str__  # KeyError would show the message's repr


class SnapshotBuildCrashed(SnapshotError):
    """V8 died while it built or loaded a snapshot in a helper process.

    Attributes
    ----------
    message : str
        V8's last words.
    phase : str
        What was being done: ``"start"``, ``"script NAME"``, ``"module NAME"``, ``"warm-up"``, ``"create"`` or
        ``"load"``.
    """

    def __init__(self, message: str, phase: str = "") -> None:
        super().__init__(f"V8 died in the helper process (phase: {phase}): {message}" if phase else message)
        self.message = message
        self.phase = phase

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.message, self.phase))


#: What stops JavaScript.
STOPPED = (JSTimeoutError, JSTerminatedError, JSMemoryError)

#: Exception class for each of the engine's codes, by the code's name in ``include/v8snap/error.hpp``.
BY_CODE: dict[str, type[V8SnapError]] = {
    "INTERNAL": V8SnapError,
    "CLOSED": ClosedError,
    "JS": JSError,
    "TIMEOUT": JSTimeoutError,
    "TERMINATED": JSTerminatedError,
    "MEMORY": JSMemoryError,
    "CONVERSION": ConversionError,
    "WRONG_ISOLATE": WrongIsolateError,
    "FORKED": ForkedIsolateError,
    "WRONG_THREAD": WrongThreadError,
    "FLAGS_FROZEN": FlagsFrozenError,
    "SNAPSHOT": SnapshotError,
    "SNAPSHOT_CONFLICT": SnapshotConflictError,
    "EXTERNAL_REFERENCE": ExternalReferenceError,
    "UNSERIALIZABLE": UnserializableError,
    "NOT_IN_SNAPSHOT": NotInSnapshotError,
    "PENDING": PromisePendingError,
}


def translate(name: str, message: str, details: dict[str, Any] | None) -> V8SnapError:
    """The exception for one of the engine's codes; `details` become attributes."""
    cls = BY_CODE[name]
    if cls is JSError:
        return JSError(message, details)
    error = cls(message)
    for key, value in (details or {}).items():
        setattr(error, key, tuple(value) if isinstance(value, list) else value)
    return error


#: What else a helper process may raise because of what it was given.
_BUILTIN: dict[str, type[Exception]] = {"TypeError": TypeError, "ValueError": ValueError}


def to_data(error: Exception) -> dict[str, Any]:
    """An exception of v8snap's, or a TypeError or ValueError, as JSON-like data for another process."""
    arguments: tuple[Any, ...] = error.__reduce__()[1]  # type: ignore[assignment]
    facts = {} if isinstance(error, JSError) else {name: fact for name, fact in vars(error).items() if name[0] != "_"}
    return {"type": type(error).__name__, "arguments": list(arguments), "facts": facts}


def from_data(data: dict[str, Any]) -> Exception:
    """The exception that `to_data` was given."""
    cls: type[Exception] = _BUILTIN.get(data["type"]) or globals()[data["type"]]
    error = cls(*data["arguments"])
    for name, fact in data["facts"].items():
        setattr(error, name, tuple(fact) if isinstance(fact, list) else fact)
    return error
