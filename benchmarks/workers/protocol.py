"""What all workers in Python share: the loop that answers requests. Needs nothing but the standard library."""

import hashlib
import itertools
import json
import sys
import time

nanoseconds = time.perf_counter_ns

#: What calls, callbacks and properties are measured with; `cb` is the callback.
CALLS = """
function f(a, b) { return a + b }
function loop(n) { let done = 0; for (let i = 0; i < n; ++i) { cb(i); ++done } return done }
var object = { value: 7 };
"""
#: Nested data of {count} values.
RECORDS = """
var records = Array.from({{length: {count} / 10}}, (_, i) => (
  {{id: i, name: "item " + i, price: i * 1.5 + 0.25, flags: [true, null], at: {{x: i, y: i + 1}}}}));
records
"""


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
    repeats = itertools.repeat(None, count)
    result = None
    begin = nanoseconds()
    for _ in repeats:
        result = work()
    return {"all": nanoseconds() - begin}, result


def once(work):
    """(counts, result) of one call."""
    begin = nanoseconds()
    result = work()
    return {"all": nanoseconds() - begin}, result


# Loops of their own: a function between them and the work would be measured too.


def timed_calls(count, f):
    """(counts, result) of `count` calls of ``f(1, 2)``."""
    repeats = itertools.repeat(None, count)
    result = None
    begin = nanoseconds()
    for _ in repeats:
        result = f(1, 2)
    return {"all": nanoseconds() - begin}, result


def timed_gets(count, target):
    """(counts, result) of reading ``target["value"]`` `count` times."""
    repeats = itertools.repeat(None, count)
    result = None
    begin = nanoseconds()
    for _ in repeats:
        result = target["value"]
    return {"all": nanoseconds() - begin}, result


def timed_sets(count, target):
    """(counts, result) of assigning 7 to ``target["value"]`` `count` times; the result is what is there then."""
    repeats = itertools.repeat(None, count)
    begin = nanoseconds()
    for _ in repeats:
        target["value"] = 7
    return {"all": nanoseconds() - begin}, target["value"]


def digest(data):
    """The same for equal data, whether JavaScript's numbers became int or float."""
    plain = json.loads(json.dumps(data), parse_int=float)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def _answer(works, line):
    work, *words = line.rstrip("\n").split("\t")
    arguments = dict(word.split("=", 1) for word in words)
    if work not in works:
        raise Unable("it has no such thing")
    counts, result = works[work](arguments)
    if isinstance(result, float) and result.is_integer():
        result = int(result)
    return {"counts": counts, "result": str(result)}


def serve(works):
    """Answers requests until standard input ends; `works` maps each to a function of its arguments."""
    for line in sys.stdin:
        try:
            answer = _answer(works, line)
        except Unable as why:
            answer = {"error": str(why)}
        except Exception as error:  # whatever a package raises belongs into its cell
            answer = {"error": ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])}
        print(json.dumps(answer), flush=True)
