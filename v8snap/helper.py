"""Work in a helper process: what kills V8 there is an exception here.

The helper is a new Python interpreter with nothing in it but this package (`v8snap.helper_process`). Job and answer
travel through pipes as frames: a letter, the payload's length as 8 bytes, the payload. No file is made.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from v8snap import _v8, errors, gap
from v8snap.errors import JSMemoryError, JSTimeoutError, SnapshotBuildCrashed, V8SnapError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["run_job"]

FRAME = struct.Struct("<cQ")
PHASE, ERROR, RESULT, BLOB = b"P", b"E", b"R", b"B"
#: What the helper's address space may grow by, besides what the job brings: more than V8's largest heap.
MEMORY = 6 * 2**30
#: Seconds that a helper gets beyond a timeout, to start, and to stop by itself.
GRACE = 10.0
MOST_SECONDS = 1e6
#: Seconds between looks at how far a helper is.
LOOK = 0.1
#: Lines of V8's that say nothing.
NO_WORDS = re.compile(
    r"Fatal error in , line 0|FailureMessage Object|Stacktrace:|ptr\d=|failure_message_object="
    r"|.*\[0x[0-9a-f]+\]$"  # a frame of the native stack
)
OUT_OF_MEMORY = ("out of memory", "javascript oom", "allocation failed", "bad_alloc", "heap limit", "length_error")


def run_job(
    job: dict[str, Any],
    parts: Sequence[bytes | memoryview],
    timeout: float | None,
    on_phase: Callable[[str], object] | None = None,
) -> tuple[Any, memoryview]:
    """Have a job done; see `v8snap.helper_process` for the jobs.

    Parameters
    ----------
    job : dict
        JSON-like.
    parts : sequence of bytes-like
        What goes along with it.
    timeout : float | None
        Seconds; the helper is killed some seconds later.
    on_phase : callable, optional
        Told each phase when it begins, or a little later.

    Returns
    -------
    (result, blob)
        JSON-like, and bytes.

    Raises
    ------
    V8SnapError
        What the helper raised.
    SnapshotBuildCrashed, JSMemoryError
        Where it died.
    JSTimeoutError
        Where it had to be killed.
    """
    job = {**job, "flags": _v8.flags(), "gap": gap.known(), "memory": MEMORY + 4 * sum(len(part) for part in parts)}
    encoded = json.dumps({**job, "sizes": [len(part) for part in parts]}).encode()
    message = b"".join([FRAME.pack(b"J", len(encoded)), encoded, *parts])
    seconds = None if timeout is None else min(timeout + GRACE, MOST_SECONDS)
    status, answer, said = _talk(message, seconds, on_phase)
    frames = list(_frames(answer))
    phase = ["start", *_phases(answer)][-1]
    if status is None:
        raise JSTimeoutError(f"the helper process took longer than its timeout in phase: {phase}")
    for kind, payload in frames:
        if kind == ERROR:
            raise errors.from_data(json.loads(bytes(payload)))
    results = [json.loads(bytes(payload)) for kind, payload in frames if kind == RESULT]
    blob = next((payload for kind, payload in frames if kind == BLOB), memoryview(b""))
    if status != 0 or not results:
        raise _death(status, said.decode(errors="replace"), phase)
    if gap.known() is None:
        gap.remember(results[0].pop("gap"))
    return results[0], blob


def _talk(
    message: bytes, timeout: float | None, on_phase: Callable[[str], object] | None
) -> tuple[int | None, bytes, bytes]:
    """Exit status (None: killed for taking too long), what it answered, what V8 said."""
    lifeline, ours = os.pipe()  # the helper ends when this process does
    process = None
    try:
        process = subprocess.Popen(
            _command(lifeline),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(lifeline,),
            start_new_session=True,  # Ctrl-C is for this process
            cwd="/",
        )
        try:
            if on_phase is None:
                answer, said = process.communicate(message, timeout)
            else:
                answer, said = _communicate(process, message, timeout, on_phase)
        except subprocess.TimeoutExpired:
            process.kill()
            answer, said = process.communicate()
            return None, answer, said
        return process.returncode, answer, said
    finally:
        os.close(lifeline)
        os.close(ours)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr) if process is not None else ():
            if stream is not None:
                with contextlib.suppress(OSError):  # what was not read any more
                    stream.close()


def _communicate(
    process: subprocess.Popen[bytes], message: bytes, timeout: float | None, on_phase: Callable[[str], object]
) -> tuple[bytes, bytes]:
    """As Popen's method, with a look now and then at how far it is."""
    end = math.inf if timeout is None else time.monotonic() + timeout
    # Popen's method can be called again for what it has to read, but forgets what it has to write.
    threading.Thread(target=_write, args=(process.stdin, message), daemon=True).start()
    process.stdin = None
    told = 0
    while True:
        try:
            answer, said = process.communicate(timeout=max(min(LOOK, end - time.monotonic()), 0))
            more = False
        except subprocess.TimeoutExpired as waiting:
            if time.monotonic() >= end:
                raise
            answer, said, more = waiting.output or b"", b"", True
        phases = _phases(answer)
        for phase in phases[told:]:
            on_phase(phase)
        told = len(phases)
        if not more:
            return answer, said


def _write(stream: IO[bytes], message: bytes) -> None:
    with contextlib.suppress(OSError), stream:  # who has ended reads nothing
        stream.write(message)


def _phases(answer: bytes) -> list[str]:
    return [bytes(payload).decode() for kind, payload in _frames(answer) if kind == PHASE]


def _command(lifeline: int) -> list[str]:
    """A new interpreter that finds this very package, and as little else as it can."""
    folder = Path(__file__).resolve().parent
    found = importlib.util.find_spec("v8snap._v8")
    assert found is not None
    assert found.origin is not None
    if Path(found.origin).resolve().parent == folder:
        options, path = ["-I", "-S"], [str(folder.parent)]  # without `site`, it starts several times faster
    else:
        options, path = ["-I"], sys.path  # an editable install: what finds its module is set up by `site`
    if not sys.executable:
        raise V8SnapError("this interpreter does not know its own program, which a helper process needs")
    program = f"import sys; sys.path += {path!r}; from v8snap import helper_process; helper_process.main({lifeline})"
    return [sys.executable, *options, "-c", program]


def _frames(answer: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, at = memoryview(answer), 0
    while at + FRAME.size <= len(view):
        kind, size = FRAME.unpack_from(view, at)
        at += FRAME.size
        if at + size > len(view):
            return  # it died while it wrote
        yield kind, view[at : at + size]
        at += size


def _death(status: int, said: str, phase: str) -> V8SnapError:
    words = _last_words(said) or _how_it_ended(status)
    if any(sign in said.lower() for sign in OUT_OF_MEMORY) or status == -signal.SIGKILL:
        return JSMemoryError(f"no memory was left in the helper process in phase: {phase}: {words}")
    return SnapshotBuildCrashed(words, phase)


def _how_it_ended(status: int) -> str:
    return signal.strsignal(-status) or f"signal {-status}" if status < 0 else f"exit status {status}"


def _last_words(said: str) -> str:
    """V8's own sentence from what it wrote before it died, else the last lines."""
    lines = [line.strip("# \t") for line in said.splitlines()]
    lines = [line for line in lines if line and not NO_WORDS.match(line)]
    marks = ("fatal", "check failed", "unknown external reference", "debug check", "unreachable code", "oom")
    starts = [i for i, line in enumerate(lines) if any(mark in line.lower() for mark in marks)]
    return " ".join(lines[starts[0] : starts[0] + 3] if starts else lines[-5:])[:2000]
