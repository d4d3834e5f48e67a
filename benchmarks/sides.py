"""Those that are measured: child processes that answer one request at a time, or that are started anew for each.

A request is a line, ``work`` and ``key=value`` parted by tabs; its answer a line of JSON with ``counts`` (nanoseconds
or bytes by step) and ``result``. Times are taken inside the child, so that pipes cost nothing.
"""

import contextlib
import json
import selectors
import subprocess
import tempfile
import time

TIME_LIMIT = 300  # seconds for one answer


class SideError(Exception):
    """The side can't do the work; its text says why, for a cell of the table."""


def request_line(work, arguments):
    return "\t".join([work, *(f"{key}={value}" for key, value in arguments.items())])


def _read_answer(text):
    try:
        answer = json.loads(text)
    except ValueError:
        raise SideError(f"no answer but {text[:60]!r}") from None
    if "error" in answer:
        raise SideError(answer["error"])
    return answer


class Child:
    """A process that lives as long as its race."""

    def __init__(self, command):
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed with it
        self._process = subprocess.Popen(
            command,
            cwd=tempfile.gettempdir(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def ask(self, work, arguments):
        """The answer as a dict. Raises SideError where there is none."""
        try:
            self._process.stdin.write(request_line(work, arguments).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise SideError(self._last_words()) from None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(TIME_LIMIT):
                raise SideError(f"no answer in {TIME_LIMIT} s")
        line = self._process.stdout.readline()
        if not line:
            raise SideError(self._last_words())
        return _read_answer(line)

    def _last_words(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._errors.seek(0)
        words = [line.strip() for line in self._errors if line.strip()]
        return f"the process died ({self._process.returncode}): {words[-1] if words else 'without a word'}"

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def run_to_end(command, find_words, **options):
    """What a program writes. `find_words` gives the line that says why it died, of those it wrote to standard error.

    Raises SideError where it dies or doesn't end.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIME_LIMIT,
            check=False,
            **options,
        )
    except subprocess.TimeoutExpired:
        raise SideError(f"no end in {TIME_LIMIT} s") from None
    if done.returncode != 0:
        words = find_words(done.stderr.strip().splitlines()) or "without a word"
        raise SideError(f"the process died ({done.returncode}): {words.strip()}")
    return done.stdout


class NewProcess:
    """A process for each request, measured from its start to its end. It gets the request as its input."""

    def __init__(self, command):
        self._command = command

    def ask(self, work, arguments):
        """The answer as a dict, with ``process`` as its one step. Raises SideError where there is none."""
        begin = time.perf_counter_ns()
        text = run_to_end(
            self._command,
            lambda lines: lines[-1] if lines else "",
            cwd=tempfile.gettempdir(),
            input=request_line(work, arguments) + "\n",
        )
        duration = time.perf_counter_ns() - begin
        answer = _read_answer(text or '{"result": ""}')
        return {"counts": {"process": duration}, "result": answer["result"]}

    def close(self):
        pass
