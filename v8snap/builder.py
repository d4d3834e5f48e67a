"""The short ways to a snapshot: ``build`` and ``warm_up``."""

from __future__ import annotations

import collections.abc
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from v8snap._v8 import FunctionCodeHandling, SnapshotCreator
from v8snap.errors import JSTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from v8snap.startup_data import StartupData

    Externals = Mapping[str, Callable[..., Any] | None] | Iterable[str] | None
    Scripts = Mapping[str, str] | Iterable[str | os.PathLike[str] | tuple[str, str]] | str | os.PathLike[str]

__all__ = ["build", "warm_up"]


class _Clock:
    """What is left of one timeout that several scripts share."""

    def __init__(self, timeout: float | None) -> None:
        self.end = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float | None:
        """Seconds, or None without a limit. Raises JSTimeoutError where there are none left."""
        if self.end is None:
            return None
        left = self.end - time.monotonic()
        if left <= 0:
            raise JSTimeoutError("building the snapshot took longer than its timeout")
        return left


def read_scripts(scripts: Scripts) -> list[tuple[str, str]]:
    """(name, source) pairs from what `build` takes."""
    if isinstance(scripts, str | os.PathLike):
        scripts = [scripts]
    items = scripts.items() if hasattr(scripts, "items") else scripts
    pairs: list[tuple[str, str]] = []
    for item in items:
        if isinstance(item, tuple):
            name, source = item
            pairs.append((str(name), source))
        else:
            path = Path(item)
            pairs.append((path.name, path.read_text(encoding="utf-8")))
    return pairs


def _as_mapping(external_references: Externals) -> dict[str, Callable[..., Any] | None]:
    if isinstance(external_references, collections.abc.Mapping):
        return dict(external_references)
    return dict.fromkeys(external_references or ())


def build(
    scripts: Scripts,
    *,
    warmup: str | None = None,
    function_code: FunctionCodeHandling = FunctionCodeHandling.KEEP,
    external_references: Externals = (),
    timeout: float | None = None,
    heap_limit: int | None = None,
    metadata: Any = None,
) -> StartupData:
    """Build a snapshot from scripts, in this process, and see in a helper process that V8 can load it.

    Parameters
    ----------
    scripts : mapping of name to source, path-like, or iterable of paths and (name, source) pairs
        Run in order in the default context.
    warmup : str, optional
        JavaScript that is run afterwards in a throw-away context, see `warm_up`.
    function_code : FunctionCodeHandling
    external_references : mapping of str to callable, or iterable of str
        Python callables that may be in the heap. A global function of each name is there when the scripts run.
    timeout : float, optional
        Seconds for all scripts together.
    heap_limit : int, optional
        Bytes, see `SnapshotCreator`.
    metadata : JSON-like, optional
        Kept at `StartupData.metadata`.

    Returns
    -------
    StartupData

    Raises
    ------
    JSError
        What a script threw.
    JSTimeoutError, JSMemoryError
        Where a limit was reached.
    UnserializableError
        Where something in the heap can't be in a snapshot.
    SnapshotBuildCrashed
        Where V8 can't load what it made.
    SnapshotConflictError
        Where isolates from another snapshot are open, and this V8 can't have both.
    OSError
        Where a script can't be read.
    """
    sources = read_scripts(scripts)
    clock = _Clock(timeout)
    external_references = _as_mapping(external_references)
    with SnapshotCreator(
        external_references=external_references, function_code=function_code, heap_limit=heap_limit
    ) as sc:
        for name in external_references:
            sc.context.globals[name] = sc.external(name)
        for name, source in sources:
            sc.context.eval(source, name, timeout=clock.left())
        blob = sc.create_blob(metadata=metadata)
    if warmup is not None:
        blob = warm_up(
            blob,
            warmup,
            external_references=external_references,
            function_code=function_code,
            timeout=clock.left(),
            heap_limit=heap_limit,
        )
    blob.verify()
    return blob


def warm_up(
    blob: StartupData,
    script: str,
    *,
    name: str = "<warmup>",
    external_references: Externals = None,
    function_code: FunctionCodeHandling = FunctionCodeHandling.KEEP,
    timeout: float | None = None,
    heap_limit: int | None = None,
) -> StartupData:
    """Make a snapshot in which the functions that a script uses are compiled.

    V8 compiles a function when it is first called, and a snapshot keeps what is compiled. The script runs in a
    throw-away context of an isolate made from `blob`; the contexts of the new blob are as `blob` has them, and only
    the functions differ. `blob` itself is left as it is, also where the script fails.

    Parameters
    ----------
    blob : StartupData
    script : str
        What is typical of the later use, such as one call of each important function.
    name : str
        For stack traces.
    external_references : mapping of str to callable, or iterable of str, optional
        The Python callables that `blob` needs; those not given raise when the script calls them.
    function_code : FunctionCodeHandling
        CLEAR makes little sense here: it drops what was warmed up.
    timeout : float, optional
        Seconds.
    heap_limit : int, optional
        Bytes, see `SnapshotCreator`.

    Returns
    -------
    StartupData

    Raises
    ------
    JSError
        What the script threw.
    JSTimeoutError, JSMemoryError, UnserializableError, SnapshotConflictError
        As `build`.

    See V8's ``src/snapshot/snapshot.cc``, ``WarmUpSnapshotDataBlobInternal``.
    """
    externals = {**dict.fromkeys(blob.external_references), **_as_mapping(external_references)}
    with SnapshotCreator(
        existing_blob=blob, external_references=externals, function_code=function_code, heap_limit=heap_limit
    ) as sc:
        with sc.new_context() as throw_away:
            throw_away.eval(script, name, timeout=timeout)
        sc.set_default_context(sc.new_context())
        return sc.create_blob(metadata=blob.metadata)
