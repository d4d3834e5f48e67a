"""What a snapshot saves for a program of one's own, step by step: ``v8snap bench``."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import v8snap
from v8snap import _v8, errors
from v8snap.builder import read_source
from v8snap.demo import STEPS, Stopwatch, medians_by_step, run_fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["WAYS", "Bundle", "CompiledFunction", "bench", "compiled_functions", "steps"]

WAYS = ("scripts", "code cache", "snapshot, CLEAR", "snapshot, KEEP", "warmed snapshot")
WARMED = WAYS[-1]
CALL_NAME = "v8snap:first-call"


@dataclass(frozen=True)
class Bundle:
    """A program of the user's.

    `warmup` is JavaScript with typical calls, `call` what is measured as the first call: the warm-up, if not given. Its
    result should be the same each time. `host` is as for `v8snap.build`.
    """

    scripts: tuple[Path, ...]
    warmup: str | None = None
    call: str | None = None
    host: tuple[str, ...] = ()

    @property
    def first_call(self) -> str | None:
        """What is measured as the first call, if anything is."""
        return self.warmup if self.call is None else self.call


@dataclass(frozen=True, order=True)
class CompiledFunction:
    """A function that V8 compiled in the first call: where it is, and the length of its text in UTF-16 units."""

    script: str
    line: int
    column: int
    name: str
    length: int


@dataclass(frozen=True)
class _Job:
    """What a fresh process is to do, as JSON: it starts from a blob or from scripts with caches, if there are any."""

    bundle: str  # what errors call it
    call: str | None
    host: list[str]
    blob: str | None = None
    scripts: list[str] = field(default_factory=list)
    caches: list[str] = field(default_factory=list)
    log: str | None = None


# ---------------------------------------------------------------- in the fresh process


def _run_scripts(context: v8snap.Context, job: _Job) -> None:
    for number, path in enumerate(job.scripts):
        source = Path(path).read_text(encoding="utf-8")
        name = Path(path).name
        if not job.caches:
            context.eval(source, name)
            continue
        script = context.compile(source, name, cached_data=Path(job.caches[number]).read_bytes())
        if script.cache_rejected:
            raise RuntimeError(f"V8 rejected the code cache of {name}")
        script.run(context)


def _in_child(title: str, text: str, work: str) -> None:
    """The entry: what `work` gives, as JSON, or the error that it raised."""
    job = _Job(**json.loads(text))
    if job.log is not None:
        _v8._log_functions(job.log)
    try:
        answer = {"start": _start, "make_caches": _make_caches}[work](job)
    except v8snap.V8SnapError as error:
        answer = {"error": errors.to_data(error)}
    except (ValueError, ImportError) as error:
        sys.exit(str(error))
    print(json.dumps(answer, default=repr))


def _start(job: _Job) -> dict[str, Any]:
    watch = Stopwatch()
    blob = None
    if job.blob is not None:
        blob = v8snap.StartupData.load(job.blob)
        watch.note("load")
    isolate = v8snap.Isolate(blob)
    watch.note("isolate")
    context = isolate.new_context(host=job.host)
    watch.note("context")
    _run_scripts(context, job)
    watch.note("load")
    result = None
    if job.call is not None:
        result = context.eval(job.call, CALL_NAME)
        watch.note("call")
    answer = {"steps": watch.steps, "result": repr(result), "memory": _proportional_set_size()}
    isolate.close()
    return answer


def _make_caches(job: _Job) -> dict[str, Any]:
    with v8snap.Isolate() as isolate, isolate.new_context(host=job.host) as context:
        sources = [Path(path) for path in job.scripts]
        scripts = [context.compile(path.read_text(encoding="utf-8"), path.name) for path in sources]
        for script in scripts:
            script.run(context)
        if job.call is not None:
            context.eval(job.call, CALL_NAME)
        for script, path in zip(scripts, job.caches, strict=True):
            Path(path).write_bytes(script.create_code_cache())
    return {}


def _proportional_set_size() -> int | None:
    """What this process has of memory, in bytes, shared pages in parts; or None where the system doesn't tell."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), None)


# ---------------------------------------------------------------- in this process


def _prepare(bundle: Bundle, folder: Path, progress: Callable[[str], None]) -> dict[str, _Job]:
    """What to start from, by way; made in `folder`."""
    for path in bundle.scripts:
        read_source(path)  # before any process
    scripts = [str(path.absolute()) for path in bundle.scripts]
    plain = _Job(bundle.scripts[0].name, bundle.first_call, list(bundle.host), scripts=scripts)
    caches = [str(folder / f"{number}.cache") for number in range(len(scripts))]
    jobs = {"scripts": plain, "code cache": replace(plain, caches=caches)}
    progress("making the code cache")
    _run(jobs["code cache"], "make_caches")
    blobs = {}
    for code in (v8snap.FunctionCodeHandling.CLEAR, v8snap.FunctionCodeHandling.KEEP):
        progress(f"building the snapshot, {code.name}")
        blobs[f"snapshot, {code.name}"] = v8snap.build(bundle.scripts, function_code=code, host=bundle.host)
    if bundle.warmup is not None:
        progress("warming the snapshot up")
        blobs[WARMED] = v8snap.warm_up(blobs["snapshot, KEEP"], bundle.warmup)
    for way, blob in blobs.items():
        path = folder / f"{way.replace(', ', '-')}.v8snap"
        blob.save(path)
        # The host objects are in the blob.
        jobs[way] = replace(plain, host=[], scripts=[], blob=str(path))
    return jobs


def _run(job: _Job, work: str = "start") -> Any:
    answer = run_fresh("v8snap.bench", "_in_child", job.bundle, json.dumps(asdict(job)), work)
    if "error" in answer:
        raise errors.from_data(answer["error"])
    return answer


def _bytes_read(job: _Job) -> int:
    paths = [job.blob] if job.blob is not None else [*job.scripts, *job.caches]
    return sum(Path(path).stat().st_size for path in paths)


def _median_memory(answers: list[dict[str, Any]]) -> int | None:
    known = sorted(answer["memory"] for answer in answers if answer["memory"] is not None)
    return known[len(known) // 2] if known else None


def steps(bundle: Bundle, rounds: int) -> int:
    """How many steps `bench` tells of: int."""
    ways = len(WAYS) - (bundle.warmup is None)
    preparing = 3 + (bundle.warmup is not None)
    return preparing + rounds * ways + (ways if bundle.first_call is not None else 0)


def bench(bundle: Bundle, rounds: int, progress: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Start a program in fresh processes, in turn by each way.

    Parameters
    ----------
    bundle : Bundle
    rounds : int
        Fresh processes for each way.
    progress : callable
        Gets a line of text before each step.

    Returns
    -------
    dict
        ``scripts`` (names); ``ways``: by way ``medians`` (ms by step: load, isolate, context, call, total), ``memory``
        (PSS after the first call in bytes, or None), ``bytes`` (of the files started from), ``ratio`` (total of the
        scripts over this one), ``compiled`` (functions of the program that V8 compiled in the first call; None without
        one); ``uncompiled`` (a list of `CompiledFunction`: those of the best snapshot); ``same_result``: whether the
        first call gave the same everywhere.

    Raises
    ------
    DemoError
        Where a fresh process failed: its text has the error.
    V8SnapError
        What the scripts threw or did to V8, and as `v8snap.build` does.
    OSError, UnicodeDecodeError
        Where a script can't be read, or isn't UTF-8.
    """
    with tempfile.TemporaryDirectory(prefix="v8snap-bench-") as name:
        folder = Path(name)
        jobs = _prepare(bundle, folder, progress)
        answers: dict[str, list[dict[str, Any]]] = {way: [] for way in jobs}
        for number in range(rounds):
            for way, job in jobs.items():
                progress(f"start from {way}, round {number + 1} of {rounds}")
                answers[way].append(_run(job))
        compiled = {way: _compiled_by(bundle, way, job, folder, progress) for way, job in jobs.items()}
        sizes = {way: _bytes_read(job) for way, job in jobs.items()}
    medians = {way: medians_by_step([_with_total(each["steps"]) for each in answers[way]]) for way in jobs}
    best = WARMED if WARMED in jobs else "snapshot, KEEP"
    results = {answer["result"] for each in answers.values() for answer in each}
    ways = {
        way: {
            "medians": medians[way],
            "memory": _median_memory(answers[way]),
            "bytes": sizes[way],
            "ratio": medians["scripts"]["total"] / medians[way]["total"],
            "compiled": None if bundle.first_call is None else len(compiled[way]),
        }
        for way in jobs
    }
    names = [path.name for path in bundle.scripts]
    return {"scripts": names, "ways": ways, "uncompiled": compiled[best], "same_result": len(results) == 1}


def _with_total(steps: dict[str, float]) -> dict[str, float]:
    return {**steps, "total": sum(steps[step] for step in STEPS)}


def _compiled_by(
    bundle: Bundle, way: str, job: _Job, folder: Path, progress: Callable[[str], None]
) -> list[CompiledFunction]:
    """The functions of the program that V8 compiled in the first call. V8 says so in a log, in one more process."""
    if bundle.first_call is None:
        return []
    progress(f"looking for what is compiled in the first call, {way}")
    log = folder / "functions.log"
    job = replace(job, log=str(log))
    if job.caches:  # V8 rejects those that were made without a log
        _run(job, "make_caches")
    _run(job)
    found = compiled_functions(log, bundle.scripts)
    log.unlink()
    return found


def compiled_functions(log: Path, scripts: Sequence[Path]) -> list[CompiledFunction]:
    """The functions of `scripts` that a log of V8's (``--log-function-events``) says were compiled in the first call.

    That is what was compiled when the script `CALL_NAME` was there already; the longest come first.
    """
    names = {path.name: path for path in scripts}
    script_names: dict[str, str] = {}
    places: dict[tuple[str, int, int], str] = {}
    calling = False
    with log.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("script-details,"):
                number, name = line.split(",")[1:3]
                script_names[number] = _unescaped(name)
                calling = calling or name == CALL_NAME
            elif calling and line.startswith("function,interpreter"):
                number, start, end, _, _, function = line.rstrip("\n").split(",")[2:8]
                script = script_names.get(number, "")
                if script in names:
                    places[script, int(start), int(end)] = _unescaped(function)
    sources = {name: names[name].read_text(encoding="utf-8") for name in {script for script, _, _ in places}}
    found = [
        CompiledFunction(script, *_line_and_column(sources[script], start), name, end - start)
        for (script, start, end), name in places.items()
    ]
    return sorted(found, key=lambda function: (-function.length, function))


def _unescaped(text: str) -> str:
    """Commas, backslashes and all beyond ASCII are escaped in V8's log."""

    def meant(match: re.Match[str]) -> str:
        return chr(int(match[1] or match[2], 16)) if match[1] or match[2] else "\\"

    return re.sub(r"\\x([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|\\\\", meant, text)


def _line_and_column(source: str, position: int) -> tuple[int, int]:
    """Both from 1, columns in UTF-16 units as `position`."""
    before = source.encode("utf-16-le", "surrogatepass")[: 2 * position].decode("utf-16-le", "surrogatepass")
    line = before.rpartition("\n")[2]
    return before.count("\n") + 1, len(line.encode("utf-16-le", "surrogatepass")) // 2 + 1
