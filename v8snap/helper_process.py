"""What runs in a helper process, see `v8snap.helper`.

Jobs
----
build
    Makes a blob, then loads every context of it.
warm_up
    The same, from a blob and a script.
load
    Loads every context of a blob.
heap
    The same, and sums up what is in the heap then.
gap
    Finds `v8snap.gap.builtin_gap`, which is in every answer.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from v8snap import _v8, builder, errors, gap
from v8snap.errors import JSMemoryError, JSTimeoutError, UnserializableError, V8SnapError
from v8snap.file_format import UNCHECKED
from v8snap.helper import BLOB, ERROR, FRAME, PHASE, RESULT
from v8snap.startup_data import StartupData

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["main"]

#: The same for all snapshots that are to live together. V8 makes a new seed at load.
ONE_HASH_SEED = "--hash-seed=42"
#: Flags under which one build is as the next: fixed seeds, and nothing that depends on threads or time.
DETERMINISTIC = (ONE_HASH_SEED, "--random-seed=42", "--predictable", "--single-threaded")


def main(lifeline: int) -> None:
    """Do the job that comes through standard input; the answer goes to standard output."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
    answer = _Answer(os.fdopen(os.dup(1), "wb", buffering=0))
    log = _Log()
    logging.getLogger("v8snap").addHandler(log)
    os.dup2(2, 1)  # V8 writes to standard output when it dies
    try:
        job, parts = _read_job(sys.stdin.buffer)
        _limit_memory(job["memory"])
        result, blob = _do(job, parts, answer)
    except (V8SnapError, TypeError, ValueError) as error:
        if isinstance(error, JSTimeoutError | JSMemoryError | UnserializableError):
            error.args = (f"{error} (phase: {answer.last_phase})",)  # they don't say where
        answer.send(ERROR, json.dumps(errors.to_data(error), default=repr).encode())
    except MemoryError:
        answer.send(ERROR, json.dumps(errors.to_data(JSMemoryError("no memory was left"))).encode())
    except BaseException:
        failed = V8SnapError(f"the helper process failed: {traceback.format_exc()}")
        answer.send(ERROR, json.dumps(errors.to_data(failed)).encode())
    else:
        if blob is not None:
            answer.send(BLOB, memoryview(blob))
        answer.send(RESULT, json.dumps({**result, "gap": gap.known(), "log": log.lines}).encode())
    os._exit(0)  # nothing is left that needs an orderly end


class _Log(logging.Handler):
    """What is logged here, for the log of whoever asked."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info and record.exc_info[1]
        self.lines.append(f"{record.getMessage()}: {error}" if error else record.getMessage())


class _Answer:
    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.last_phase = "start"

    def send(self, kind: bytes, payload: bytes | memoryview) -> None:
        for part in (FRAME.pack(kind, len(payload)), payload):
            left = memoryview(part)
            while left:
                left = left[self.stream.write(left) :]

    def phase(self, name: str) -> None:
        self.last_phase = name
        self.send(PHASE, name.encode(errors="replace"))


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the other end is closed
    os._exit(1)


def _read_job(stream: BinaryIO) -> tuple[dict[str, Any], list[memoryview]]:
    _, size = FRAME.unpack(stream.read(FRAME.size))
    job = json.loads(stream.read(size))
    rest = memoryview(stream.read(sum(job["sizes"])))
    parts, at = [], 0
    for size in job["sizes"]:
        parts.append(rest[at : at + size])
        at += size
    return job, parts


def _limit_memory(extra: int) -> None:
    """Limit the address space to what it is now and `extra` bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = now + extra
    resource.setrlimit(resource.RLIMIT_AS, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def _do(job: dict[str, Any], parts: list[memoryview], answer: _Answer) -> tuple[dict[str, Any], StartupData | None]:
    _v8.set_flags(*job["flags"])
    if job["gap"] is not None:
        gap.remember(job["gap"])
    if job["do"] == "gap":
        gap.builtin_gap()
        return {}, None
    if job["do"] == "load":
        answer.phase("load")
        load_everything(_given_blob(job, parts[0]))
        return {}, None
    if job["do"] == "heap":
        answer.phase("heap")
        return {"heap": heap_of_everything(_given_blob(job, parts[0]))}, None
    sys.path += job.get("import_paths", ())
    _v8.set_flags(*DETERMINISTIC if job["deterministic"] else (ONE_HASH_SEED,) if job["one_hash_seed"] else ())
    blob = (_build if job["do"] == "build" else _warm_up)(job, parts, answer)
    answer.phase("load")
    load_everything(blob)
    return {"header": blob._header}, blob


def _given_blob(job: dict[str, Any], raw: memoryview) -> StartupData:
    # Whether it is for these flags was asked before the seeds were set here.
    own = {"start": bytes(raw[:UNCHECKED]).hex(), "flags_hash": _v8.flags_hash()}
    return StartupData._make(raw, {**job["header"], **own})


def _warm_up(job: dict[str, Any], parts: list[memoryview], answer: _Answer) -> StartupData:
    answer.phase("warm-up")
    return builder.warm_up_here(
        _given_blob(job, parts[0]),
        str(parts[1], "utf-8", "surrogatepass"),
        name=job["name"],
        external_references={},
        context=job["context"],
        function_code=_v8.FunctionCodeHandling(job["function_code"]),
        timeout=job["timeout"],
        heap_limit=job["heap_limit"],
    )


def _build(job: dict[str, Any], parts: list[memoryview], answer: _Answer) -> StartupData:
    sources = (str(part, "utf-8", "surrogatepass") for part in parts)
    return builder.build_here(
        [(name, next(sources)) for name in job["scripts"]],
        modules={name: next(sources) for name in job["modules"]},
        contexts={name: [(script, next(sources)) for script in own] for name, own in job["contexts"]},
        context_modules={name: {module: next(sources) for module in own} for name, own in job["context_modules"]},
        warmup=next(sources) if job["warmup"] else None,
        function_code=_v8.FunctionCodeHandling(job["function_code"]),
        external_references=dict.fromkeys(job["external_references"]),
        host=tuple(job.get("host", ())),
        timeout=job["timeout"],
        heap_limit=job["heap_limit"],
        metadata=job["metadata"],
        rehash=job["rehash"],
        phase=answer.phase,
    )


def load_everything(blob: StartupData) -> None:
    """Start an isolate from `blob`, make every context of it, and collect garbage."""
    with _everything(blob) as isolate:
        isolate.low_memory_notification()  # what is wrong in a heap may show only when V8 goes through all of it


def heap_of_everything(blob: StartupData) -> dict[str, Any]:
    """What is in the heap of an isolate with every context of `blob`."""
    from v8snap import heap_summary

    with _everything(blob) as isolate:
        return heap_summary.summarize(isolate)


@contextlib.contextmanager
def _everything(blob: StartupData) -> Iterator[_v8.Isolate]:
    """An isolate with every context of `blob`."""
    stand_ins = dict.fromkeys(blob.external_references, print)
    with _v8.Isolate(blob, external_references=stand_ins) as isolate:
        contexts = [isolate.new_context(which) for which in (None, *range(blob.context_count - 1))]
        yield isolate
        for context in contexts:
            context.close()
