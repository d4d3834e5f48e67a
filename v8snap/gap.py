"""The built-ins that V8 leaves out while a snapshot is built.

V8 adds its newest library functions, WebAssembly and SharedArrayBuffer to a context only after it was loaded from a
snapshot, so a builder has none of them. Which they are differs from version to version and is found by comparison.
"""

from __future__ import annotations

import json
import threading
from typing import cast

from v8snap.errors import SnapshotConflictError
from v8snap.javascript import javascript

__all__ = ["builtin_gap", "prelude"]

Gap = list[tuple[list[str], str]]

_lock = threading.RLock()
_gap: Gap | None = None


def prelude() -> str:
    """The script that a creator runs first in each of its contexts; `prepare` in ``gap.js`` says what its value is.

    "" for the creator that is made for the comparison: its contexts are to be as V8 makes them.
    """
    found = _find()
    return f"{javascript('gap.js')}.prepare({json.dumps(found)}, {javascript('stand_ins.js')})" if found else ""


def late_builtins() -> list[str]:
    """Names of `builtin_gap` as scripts write them."""
    return [_shown(path, name) for path, name in _find()]


def builtin_gap() -> tuple[str, ...]:
    """Names of the built-ins that V8 doesn't have while a snapshot is built, and has when it is loaded.

    Where one is a function that can be written in JavaScript, scripts find a stand-in while building: it goes before
    the blob is made, and works on where a script took it. The others are absent while building: WebAssembly,
    SharedArrayBuffer, Atomics, Float16Array, DisposableStack, and getters of V8's own state.

    Returns
    -------
    tuple of str
        Such as ``"Object.hasOwn"`` or ``"WebAssembly"``; ``[[Prototype]]`` stands for an object without a name.

    Raises
    ------
    ForkedIsolateError
        Where V8 was started before this process was forked. The comparison is made once in a process, by this or the
        first creator; where isolates of a snapshot are open and V8 can't have others, in a helper process.
    """
    return tuple(sorted({_shown(path, name) for path, name in _find()}))


def known() -> Gap | None:
    """What was found in this process, for a helper process; None where nobody asked yet."""
    with _lock:
        return _gap or None


def remember(gap: Gap) -> None:
    """Take what another process with the same V8 found."""
    global _gap
    with _lock:
        _gap = gap


def _shown(path: list[str], name: str) -> str:
    parts = ["[[Prototype]]" if step == "^" else step for step in path if step != "global"]
    return ".".join([*parts, name.replace("@@", "Symbol.")])


def _find() -> Gap:
    """Compare a creator's context with an ordinary one, once in a process.

    Both as V8 makes them: in a snapshot's, scripts may have changed what the comparison looks at.
    """
    global _gap
    with _lock:
        if _gap is None:
            _gap = []  # the creator that is made for the comparison asks too
            try:
                _gap = _compare_somewhere()
            except BaseException:
                _gap = None
                raise
        return _gap


def _compare_somewhere() -> Gap:
    """In a helper process where isolates of a snapshot are open here, and V8's own can't be beside them."""
    from v8snap import helper

    try:
        return _compare()
    except SnapshotConflictError:
        pass
    helper.run_job({"do": "gap"}, [], None)  # and it is remembered
    return cast("Gap", _gap)


def _compare() -> Gap:
    from v8snap._v8 import Isolate, SnapshotCreator

    creator = SnapshotCreator()
    try:
        while_building = dict(_list(creator.new_context().eval))
    finally:
        creator._discard()
    with Isolate() as isolate:
        afterwards = _list(isolate.new_context().eval)
    return [
        (list(path), name)
        for path, keys in afterwards
        if path in while_building
        for name in sorted(set(keys) - set(while_building[path]))
        if name != "stackTraceLimit"  # gap.js has it in any case
    ]


def _list(evaluate: object) -> list[tuple[tuple[str, ...], list[str]]]:
    found = json.loads(evaluate(f"{javascript('gap.js')}.list()", "v8snap:gap"))  # type: ignore[operator]
    return [(tuple(path), keys) for path, keys in found]
