"""What all workers in Python share: the loop that answers requests. Needs nothing but the standard library."""

import json
import sys
import time

nanoseconds = time.perf_counter_ns


class Unable(Exception):
    """This package can't do the work, and why."""


class Stopwatch:
    """Nanoseconds by step."""

    def __init__(self):
        self.counts = {}
        self._last = nanoseconds()

    def note(self, step):
        now = nanoseconds()
        self.counts[step] = now - self._last
        self._last = nanoseconds()


def read_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def timed(count, work):
    """(counts, result) of `count` calls of `work`."""
    repeats = range(count)
    result = None
    begin = nanoseconds()
    for _ in repeats:
        result = work()
    return {"all": nanoseconds() - begin}, result


def _answer(works, line):
    work, *words = line.rstrip("\n").split("\t")
    arguments = dict(word.split("=", 1) for word in words)
    if work not in works:
        raise Unable("it has no such thing")
    counts, result = works[work](arguments)
    return {"counts": counts, "result": str(result)}


def serve(works):
    """Answers requests until standard input ends; `works` maps each to a function of its arguments."""
    for line in sys.stdin:
        try:
            answer = _answer(works, line)
        except Unable as why:
            answer = {"error": str(why)}
        except Exception as error:  # whatever a package raises belongs into its cell
            answer = {"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"}
        print(json.dumps(answer), flush=True)
