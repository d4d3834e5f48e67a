"""``cached``: a snapshot kept in a file, built again when it is out of date."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from v8snap import _v8, builder, file_format
from v8snap.errors import SnapshotError
from v8snap.startup_data import StartupData

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from v8snap.builder import Scripts

__all__ = ["cached"]

#: What has no influence on the blob.
OTHER_ARGUMENTS = {"isolated", "timeout", "heap_limit", "on_phase"}


def cached(
    path: str | os.PathLike[str], scripts: Scripts, *, key: bytes | None = None, **build_args: Any
) -> StartupData:
    """Load a snapshot from a file, or build it and write the file where that doesn't fit.

    It fits where the names and sources of everything that is to run, the other arguments, V8 (version and build), its
    flags and the machine's architecture are what they were. Of several processes that find no fitting file one builds
    and the others wait for it. Where the file can't be read it is built anew; where it can't be written the snapshot
    is given all the same.

    Parameters
    ----------
    path : path-like
        A ``.v8snap`` file. An empty file ``.NAME.lock`` is made beside it, and folders that are missing.
    key : bytes, optional
        Signs the file; one that isn't signed with it is built anew.
    scripts, **build_args
        As for `build`.

    Returns
    -------
    StartupData

    Raises
    ------
    JSError, JSTimeoutError, JSMemoryError, UnserializableError, SnapshotBuildCrashed, ...
        As `build`, where it builds.
    """
    path = Path(path)
    sources = builder.read_scripts(scripts)
    if build_args.get("modules") is not None:
        build_args["modules"] = builder.read_modules(build_args["modules"])
    if build_args.get("contexts") is not None:
        build_args["contexts"] = builder.read_contexts(build_args["contexts"])
    if build_args.get("context_modules") is not None:
        build_args["context_modules"] = builder.read_context_modules(build_args["context_modules"])
    digest = _digest(sources, build_args)
    found = _load(path, digest, key)
    if found is not None:
        return found
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path.with_name(f".{path.name}.lock")):
        found = _load(path, digest, key)
        if found is not None:
            return found
        blob = builder.build(sources, **build_args)
        blob._header["cache_digest"] = digest
        with contextlib.suppress(OSError):
            blob.save(path, key=key)
    return blob


def _digest(sources: list[tuple[str, str]], build_args: dict[str, Any]) -> str:
    arguments = {name: value for name, value in build_args.items() if name not in OTHER_ARGUMENTS}
    arguments["function_code"] = _v8.FunctionCodeHandling(arguments.get("function_code", "keep")).value
    arguments["external_references"] = sorted(builder.as_mapping(arguments.get("external_references", ())))
    arguments["rehash"] = bool(arguments.get("rehash", True))
    arguments["host"] = list(arguments.get("host", ()))
    arguments["modules"] = list((arguments.get("modules") or {}).items())
    arguments["contexts"] = list((arguments.get("contexts") or {}).items())
    arguments["context_modules"] = [
        [name, list(own.items())] for name, own in (arguments.get("context_modules") or {}).items()
    ]
    made_by = [_v8.__version__, _v8.v8_version(), _v8.build_id(), _v8.flags_hash(), file_format.MACHINE]
    return hashlib.sha256(json.dumps([made_by, sources, arguments], sort_keys=True).encode()).hexdigest()


def _load(path: Path, digest: str, key: bytes | None) -> StartupData | None:
    try:
        blob = StartupData.load(path, key=key)
    except (OSError, SnapshotError):
        return None
    return blob if blob._header.get("cache_digest") == digest else None


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a lock among processes and threads; none where the folder can't be written."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file = stack.enter_context(open(path, "ab"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
