"""The short ways to a snapshot: ``build`` and ``warm_up``."""

from __future__ import annotations

import collections.abc
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from v8snap import helper, time_limit
from v8snap._v8 import FunctionCodeHandling, SnapshotCreator, flags, flags_hash, read_only_heaps_can_be_alike
from v8snap.errors import JSTimeoutError, SnapshotError, add_note
from v8snap.host import URL_NATIVE, check_names
from v8snap.startup_data import StartupData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from v8snap._v8 import Context

    Externals = Mapping[str, Callable[..., Any] | None] | Iterable[str] | None
    Scripts = Mapping[str, str] | Iterable[str | os.PathLike[str] | tuple[str, str]] | str | os.PathLike[str]

__all__ = ["build", "warm_up"]


class _Clock:
    """What is left of one timeout that several scripts share."""

    def __init__(self, timeout: float | None) -> None:
        timeout = time_limit.checked(timeout)
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
    """(name, source) pairs from what `build` takes; a file's name is that of its path without folders."""
    return [(name if path is None else path.name, source) for name, path, source in _read(scripts)]


def read_modules(modules: Scripts | None) -> dict[str, str]:
    """Sources by name. Files are named from the folder on that they all are in, so that they find one another."""
    read = list(_read(modules or {}))
    folders = [path.absolute().parent for _, path, _ in read if path is not None]
    common = os.path.commonpath(folders) if folders else ""
    sources: dict[str, str] = {}
    for given, path, source in read:
        name = given if path is None else path.absolute().relative_to(common).as_posix()
        if name in sources:
            raise SnapshotError(f"there are two modules named {name!r}")
        sources[name] = source
    return sources


def read_contexts(contexts: Mapping[str, Scripts] | None) -> dict[str, list[tuple[str, str]]]:
    """The scripts of each added context by its name."""
    return {name: read_scripts(scripts) for name, scripts in _by_context(contexts, "contexts").items()}


def read_context_modules(modules: Mapping[str, Scripts] | None) -> dict[str, dict[str, str]]:
    """The ES modules of each added context by its name, as `read_modules`."""
    return {name: read_modules(own) for name, own in _by_context(modules, "context_modules").items()}


def _by_context(given: Mapping[str, Scripts] | None, parameter: str) -> dict[str, Scripts]:
    if isinstance(given, str | os.PathLike) or not isinstance(given or {}, collections.abc.Mapping):
        raise TypeError(f"{parameter} is a mapping of names to scripts, not {type(given).__name__}")
    return {str(name): scripts for name, scripts in (given or {}).items()}


def read_source(path: Path) -> str:
    """A file's text. Raises OSError, or UnicodeDecodeError that names the file."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        error.reason += f", in {path}"
        raise


def _read(scripts: Scripts) -> Iterator[tuple[str, Path | None, str]]:
    """Name, path or None, and source of each."""
    if isinstance(scripts, str | os.PathLike):
        scripts = [scripts]
    for item in scripts.items() if hasattr(scripts, "items") else scripts:
        if not isinstance(item, tuple):
            path = Path(item)
            try:
                source = read_source(path)
            except FileNotFoundError as error:
                add_note(error, "Scripts are paths, or {name: source}.")
                raise
            yield str(item), path, source
            continue
        name, source = item
        if not isinstance(source, str):
            raise TypeError(f"the source of {name!r} is a str, not {type(source).__name__}")
        yield str(name), None, source


def as_mapping(external_references: Externals) -> dict[str, Callable[..., Any] | None]:
    """Names to callables, or to None."""
    if isinstance(external_references, str):
        raise TypeError("external_references is a mapping of names to callables, or an iterable of names")
    if isinstance(external_references, collections.abc.Mapping):
        return dict(external_references)
    return dict.fromkeys(external_references or ())


def import_paths(needs_packages: bool) -> list[str]:
    """Where a helper process finds packages, which it has no need of otherwise."""
    return [path for path in sys.path if path] if needs_packages else []


def build(
    scripts: Scripts,
    *,
    warmup: str | None = None,
    modules: Scripts | None = None,
    contexts: Mapping[str, Scripts] | None = None,
    context_modules: Mapping[str, Scripts] | None = None,
    function_code: FunctionCodeHandling = FunctionCodeHandling.KEEP,
    external_references: Externals = (),
    host: Iterable[str] = (),
    isolated: bool = True,
    deterministic: bool = False,
    timeout: float | None = None,
    heap_limit: int | None = None,
    metadata: Any = None,
    rehash: bool = True,
    on_phase: Callable[[str], object] | None = None,
) -> StartupData:
    """Build a snapshot from scripts in a helper process, and see there that V8 can load it.

    Whatever JavaScript does to V8 in the helper is an exception here, and no isolate of this process is in its way.

    Parameters
    ----------
    scripts : mapping of name to source, path-like, or iterable of paths and (name, source) pairs
        Run in order in the default context.
    warmup : str, optional
        JavaScript that is run afterwards in a throw-away context, see `warm_up`.
    modules : as `scripts`, optional
        ES modules, added after the scripts as by `SnapshotCreator.add_module`. They may import one another. Files are
        named by their paths from the folder on that all of them are in.
    contexts : mapping of str to scripts, optional
        Added contexts by name, each with scripts of its own, as `scripts`; see `SnapshotCreator.add_context`. They run
        after those of the default context, which added contexts have nothing of.
    context_modules : mapping of str to modules, optional
        ES modules of added contexts, by the contexts' names; each as `modules`. Names that `contexts` has not make
        further contexts. The modules of a context run after its scripts and import one another only.
    function_code : FunctionCodeHandling
    external_references : mapping of str to callable, or iterable of str
        Python callables that may be in the heap. A global function of each name is there when the scripts run; in a
        helper process calling it raises, for the callables are not there.
    host : iterable of str
        Host objects that the scripts find and that are in the snapshot, see `Isolate.new_context`. What they write to
        the console in a helper process is lost.
    isolated : bool
        Whether to build in a helper process. If not, V8 may end this process over what no check can foresee, such as
        one array that takes all memory; the result is loaded in a helper process all the same.
    deterministic : bool
        Give the same bytes each time, under fixed seeds: see `compare`. Only in a helper process.
    timeout : float, optional
        Seconds for all scripts together.
    heap_limit : int, optional
        Bytes, see `SnapshotCreator`.
    metadata : JSON-like, optional
        Kept at `StartupData.metadata`.
    rehash : bool
        False: isolates start sooner, all with the hash seed that is in the blob, see `SnapshotCreator`.
    on_phase : callable, optional
        Called with what is done next, as it goes on: a str as `SnapshotBuildCrashed.phase`. What it raises ends the
        build and comes out.

    Returns
    -------
    StartupData

    Raises
    ------
    JSError, ModuleResolveError
        What a script threw, as in this process; `value` only where it is a primitive.
    JSTimeoutError
        Where a script took too long.
    JSMemoryError
        Where JavaScript reached the heap limit, or took all memory.
    UnserializableError
        Where something in the heap can't be in a snapshot.
    SnapshotBuildCrashed
        Where V8 died, with its last words and the phase in which it happened.
    SnapshotConflictError
        Without a helper process: where isolates from another snapshot are open, and this V8 can't have both.
    OSError, UnicodeDecodeError
        Where a script can't be read, or isn't UTF-8.
    ValueError, ImportError
        For host objects, as `Isolate.new_context`.

    Examples
    --------
    >>> blob = v8snap.build({"app.js": "const add = (a, b) => a + b"}, warmup="add(1, 2)")
    >>> with v8snap.Isolate(blob) as iso, iso.new_context() as ctx:
    ...     ctx.eval("add(3, 4)")
    7
    """
    names = check_names(host)
    sources = read_scripts(scripts)
    module_sources = read_modules(modules)
    context_sources = read_contexts(contexts)
    context_module_sources = read_context_modules(context_modules)
    if warmup is not None:
        _check_warm_up(warmup)
    timeout = time_limit.checked(timeout)
    if not isolated:
        if deterministic:
            raise ValueError("a deterministic build needs a helper process: V8's seeds are fixed there")
        blob = build_here(
            sources,
            modules=module_sources,
            contexts=context_sources,
            context_modules=context_module_sources,
            warmup=warmup,
            function_code=function_code,
            external_references=as_mapping(external_references),
            host=names,
            timeout=timeout,
            heap_limit=heap_limit,
            metadata=metadata,
            rehash=rehash,
            phase=on_phase or (lambda name: None),
        )
        if on_phase is not None:
            on_phase("load")
        blob.verify()
        return blob
    job = {
        "do": "build",
        "scripts": [name for name, _ in sources],
        "modules": list(module_sources),
        "contexts": [[name, [script for script, _ in own]] for name, own in context_sources.items()],
        "context_modules": [[name, list(own)] for name, own in context_module_sources.items()],
        "warmup": warmup is not None,
        "function_code": FunctionCodeHandling(function_code).value,
        "external_references": list(as_mapping(external_references)),
        "host": list(names),
        "import_paths": import_paths("url" in names),
        "deterministic": bool(deterministic),
        "timeout": timeout,
        "heap_limit": heap_limit,
        "metadata": metadata,
        "rehash": bool(rehash),
    }
    texts = [source for _, source in sources] + list(module_sources.values())
    texts += [source for own in context_sources.values() for _, source in own]
    texts += [source for own in context_module_sources.values() for source in own.values()]
    texts += [] if warmup is None else [warmup]
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    has_modules = bool(module_sources) or any(context_module_sources.values())
    rehashable = rehash and not has_modules
    return _make_in_helper(job, parts, rehashable=rehashable, on_phase=on_phase)


def _check_warm_up(script: object) -> None:
    if not isinstance(script, str):
        raise TypeError(f"a warm-up is JavaScript as a str, not {type(script).__name__}")


def _make_in_helper(
    job: dict[str, Any],
    parts: Sequence[bytes | memoryview],
    *,
    rehashable: bool,
    on_phase: Callable[[str], object] | None = None,
) -> StartupData:
    """Have a blob made, under one hash seed for all where that lets V8 have them together.

    `rehashable`: whether the heap is likely to be. If it isn't, it keeps the seed it was made under, which then must be
    one that nobody knows.
    """
    has_own_seed = any(flag.replace("_", "-").startswith(("--hash-seed", "--no-rehash-snapshot")) for flag in flags())
    one_seed = rehashable and read_only_heaps_can_be_alike() and not has_own_seed
    result, raw = helper.run_job({**job, "one_hash_seed": one_seed}, parts, job["timeout"], on_phase)
    for logged in result["log"]:
        logging.getLogger("v8snap").error(logged)
    blob = StartupData._make(raw, {**result["header"], "flags_hash": flags_hash()})
    if one_seed and not blob.can_be_rehashed and not job["deterministic"]:
        return _make_in_helper(job, parts, rehashable=False, on_phase=on_phase)
    return blob


def build_here(
    scripts: Iterable[tuple[str, str]],
    *,
    modules: Mapping[str, str],
    contexts: Mapping[str, Sequence[tuple[str, str]]],
    context_modules: Mapping[str, Mapping[str, str]],
    warmup: str | None,
    function_code: FunctionCodeHandling,
    external_references: Mapping[str, Callable[..., Any] | None],
    host: tuple[str, ...],
    timeout: float | None,
    heap_limit: int | None,
    metadata: Any,
    rehash: bool,
    phase: Callable[[str], object] = lambda name: None,
) -> StartupData:
    """What `build` does, in this process and without loading the result; `phase` is told what is being done."""
    clock = _Clock(timeout)
    with SnapshotCreator(
        external_references=external_references, function_code=function_code, heap_limit=heap_limit, rehash=rehash
    ) as sc:
        sc.set_default_context(_context_to_fill(sc, external_references, host))
        sc.context.resolve = modules
        for name, source in scripts:
            phase(f"script {name}")
            sc.context.eval(source, name, timeout=clock.left())
        for name, source in modules.items():
            phase(f"module {name}")
            sc.add_module(name, source, resolve=modules, timeout=clock.left())
        for context_name in dict.fromkeys((*contexts, *context_modules)):
            context = _context_to_fill(sc, external_references, host)
            sc.add_context(context, context_name)
            own_modules = context_modules.get(context_name, {})
            context.resolve = own_modules
            for name, source in contexts.get(context_name, ()):
                phase(f"script {name}")
                context.eval(source, name, timeout=clock.left())
            for name, source in own_modules.items():
                phase(f"module {name}")
                sc.add_module(name, source, context=context, resolve=own_modules, timeout=clock.left())
        phase("create")
        blob = sc.create_blob(metadata=metadata)
    if warmup is not None:
        phase("warm-up")
        blob = warm_up_here(
            blob,
            warmup,
            name="<warmup>",
            external_references=external_references,
            context=None,
            function_code=function_code,
            timeout=clock.left(),
            heap_limit=heap_limit,
        )
    return blob


def _context_to_fill(sc: SnapshotCreator, external_references: Iterable[str], host: tuple[str, ...]) -> Context:
    """A new one, with all that scripts expect."""
    context = sc.new_context(host=host)
    for name in external_references:
        context.globals[name] = sc.external(name, context=context)
    return context


def warm_up(
    blob: StartupData | bytes | bytearray | memoryview,
    script: str,
    *,
    name: str = "<warmup>",
    external_references: Externals = None,
    context: int | str | None = None,
    function_code: FunctionCodeHandling = FunctionCodeHandling.KEEP,
    isolated: bool = True,
    timeout: float | None = None,
    heap_limit: int | None = None,
) -> StartupData:
    """Make a snapshot in which the functions that a script uses are compiled.

    V8 compiles a function when it is first called, and a snapshot keeps what is compiled. The script runs in a
    throw-away context of an isolate made from `blob`; the contexts of the new blob are as `blob` has them, and only
    the functions differ. It is rehashed at load where `blob` is. Data goes along under its names and indices; named
    data of the context is at hand to the script as properties of a global ``data``: ``data["lib"].render()`` for a
    module. `blob` itself is left as it is, also where the script fails.

    See V8's ``src/snapshot/snapshot.cc``, ``WarmUpSnapshotDataBlobInternal``.

    Parameters
    ----------
    blob : StartupData | bytes-like
    script : str
        What is typical of the later use, such as one call of each important function.
    name : str
        For stack traces.
    external_references : mapping of str to callable, or iterable of str, optional
        The Python callables that `blob` needs; those not given raise when the script calls them. Where any is given,
        it is all done in this process, for the callables are here.
    context : int | str, optional
        An added context of `blob`, by index or name, of which the script gets a copy; the default one if not given.
    function_code : FunctionCodeHandling
        CLEAR makes little sense here: it drops what was warmed up.
    isolated : bool
        Whether to do it in a helper process, as `build`, and load the result there.
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
    JSTimeoutError, JSMemoryError, UnserializableError, SnapshotBuildCrashed, SnapshotConflictError
        As `build`.
    NotInSnapshotError
        Where `blob` has no such context.
    SnapshotVersionError, SnapshotFlagsError
        Where `blob` isn't for this V8.
    """
    if not isinstance(blob, StartupData):
        blob = StartupData(blob)
    _check_warm_up(script)
    timeout = time_limit.checked(timeout)
    given = as_mapping(external_references)
    code = FunctionCodeHandling(function_code)
    index = None if context is None else blob._context_index(context)
    if not isolated or any(given.values()):
        return warm_up_here(
            blob,
            script,
            name=name,
            external_references=given,
            context=index,
            function_code=code,
            timeout=timeout,
            heap_limit=heap_limit,
        )
    blob._check_version()
    job = {
        "do": "warm_up",
        "name": name,
        "header": blob._header,
        "context": index,
        "function_code": code.value,
        "import_paths": import_paths(URL_NATIVE in blob._header["external_references"]),
        "deterministic": False,
        "timeout": timeout,
        "heap_limit": heap_limit,
    }
    parts: list[bytes | memoryview] = [memoryview(blob), script.encode("utf-8", "surrogatepass")]
    return _make_in_helper(job, parts, rehashable=blob.can_be_rehashed)


def warm_up_here(
    blob: StartupData,
    script: str,
    *,
    name: str,
    external_references: Mapping[str, Callable[..., Any] | None],
    context: int | None,
    function_code: FunctionCodeHandling,
    timeout: float | None,
    heap_limit: int | None,
) -> StartupData:
    """What `warm_up` does, in this process and without loading the result."""
    externals = {**dict.fromkeys(blob.external_references), **external_references}
    with SnapshotCreator(
        existing_blob=blob,
        external_references=externals,
        function_code=function_code,
        heap_limit=heap_limit,
        rehash=blob.can_be_rehashed,
    ) as sc:
        with sc.isolate.new_context(context) as throw_away:
            named = blob._data_names(context)
            if named:
                throw_away.globals["data"] = {name: throw_away.data(name) for name in named}
            throw_away.eval(script, name, timeout=timeout)
        sc.set_default_context(sc.new_context())
        _carry_data(sc, blob)
        return sc.create_blob(metadata=blob.metadata)


def _carry_data(sc: SnapshotCreator, base: StartupData) -> None:
    """Attach again what was attached in the base of a creator: V8 drops it."""
    contexts = {-1: sc.context, **{index: sc.new_context(index) for index in range(base.context_count - 1)}}
    for place, context in contexts.items():
        scope = None if place < 0 else place
        for index, name in enumerate(_names_in_order(base, scope)):
            sc.add_data(context._data_at(index, name), context=context, name=name)
    for index, name in enumerate(_names_in_order(base, "isolate")):
        place, at = base._isolate_data_place(index)
        value = contexts[place]._data_at(at, name) if place in contexts else sc.isolate.data(index)
        sc.add_data(value, name=name)


def _names_in_order(base: StartupData, scope: int | str | None) -> list[str | None]:
    """Name or None of each value that is attached there; none for a raw blob, which doesn't say what it has."""
    if base._header["isolate_data_places"] is None:
        return []
    names: list[str | None] = [None] * base._data_count(scope)
    for name, index in base._data_names(scope).items():
        names[index] = name
    return names
