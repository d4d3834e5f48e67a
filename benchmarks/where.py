"""Where the time of a work goes: one side of a race under Linux's perf, by function.

    python -m benchmarks.where callback             # v8snap's side of that race
    python -m benchmarks.where to_py-200000 --side C++ --rounds 200
    python -m benchmarks.where --page               # docs/reference/benchmarks-profiles.md, of what misses its limit

Code that V8 made has no names here: it is what perf shows as addresses.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.compile import cache_folder, compile_baseline
from benchmarks.page import DOCS
from benchmarks.report import facts
from benchmarks.run import Sides, all_races
from benchmarks.sides import Child

FREQUENCY = 2000  # samples a second
LEAST_PERCENT = 0.7
MOST_ROWS = 12

#: Race, side, rounds and heading of each profile on the page.
PROFILES = (
    ("callback", "v8snap", 2000, "`cb(i)` from a loop in JavaScript, v8snap"),
    ("start-memory-typescript", "C++", 200, "Start of TypeScript, the C++ program"),
    ("start-memory-typescript", "v8snap", 200, "Start of TypeScript, v8snap"),
)

#: Beginnings of libraries' names, and what they are.
LIBRARIES = {
    "[kernel": "the kernel",
    "_v8.": "v8snap",
    "libnode": "V8",
    "libv8": "V8",
    "perf-": "JavaScript, compiled while it ran",
    "[JIT]": "JavaScript, compiled while it ran",
    "v8snap-baseline": "the C++ program",
    "libpython": "Python",
    "python": "Python",
}
LINE = re.compile(r"\s*[\d.]+%\s+(\d+)\s+(\S+(?: tid \d+)?)\s+\[.\] (.+)")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.where")
    parser.add_argument("race", nargs="?", help="its key")
    parser.add_argument("--side", default="v8snap", help="an entrant's name")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--v8-prefix", metavar="FOLDER")
    parser.add_argument("--calls", action="store_true", help="with what calls them")
    parser.add_argument("--page", action="store_true", help="write docs/reference/benchmarks-profiles.md")
    options = parser.parse_args()
    if (options.race is None) != options.page:
        parser.error("a race, or --page")
    return options


def find_entrant(race_key, side, folder, cache):
    """The entrant; what it needs is made in `folder`."""
    for race in all_races(folder, cache, wanted=(race_key,)):
        if race.key == race_key:
            found = [entrant for entrant in race.entrants if entrant.name == side]
            if not found:
                sys.exit(f"that race has {', '.join(entrant.name for entrant in race.entrants)}")
            return found[0]
    sys.exit(f"there is no race {race_key}")


def profile(sides, cache, work, *report_options, calls=False):
    """perf's report of a process that does a work: its race's key, side and number of rounds."""
    race, side_name, rounds = work
    graph = ["-g"] if calls else []
    with tempfile.TemporaryDirectory(prefix="v8snap-benchmarks-") as name:
        entrant = find_entrant(race, side_name, Path(name), cache)
        data = str(Path(name) / "perf.data")
        perf = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(FREQUENCY), *graph, "-o", data, "--"]
        side = Child([*perf, *sides.command(entrant.side)])
        for _ in range(rounds):
            side.ask(entrant.work, entrant.arguments)
        side.close()
        command = ["perf", "report", "-i", data, "--stdio", "--no-children", "--sort", "dso,symbol", *report_options]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def library(name):
    """What the library, or whatever perf has for one, is."""
    return next((what for beginning, what in LIBRARIES.items() if name.startswith(beginning)), "C and C++ libraries")


def function(name, where):
    """A function's short name: without V8's namespaces and template arguments."""
    if name.startswith("0x"):
        return "(no name)" if where != "V8" else "(no name: built-ins, the interpreter of bytecode)"
    while "<" in name and (short := re.sub(r"<[^<>]*>", "", name)) != name:
        name = short
    return re.sub(r"v8::(internal::)?|\(anonymous namespace\)::", "", name).strip()


def shares(text):
    """(Counter by library, Counter by library and function) of the samples in perf's report."""
    libraries, functions = Counter(), Counter()
    for line in text.splitlines():
        if found := LINE.match(line):
            samples, where = int(found[1]), library(found[2])
            libraries[where] += samples
            functions[where, function(found[3].split("  ")[0], where)] += samples
    return libraries, functions


def profile_section(heading, text):
    """Lines of Markdown: the shares in perf's report as two tables."""
    libraries, functions = shares(text)
    total = libraries.total()
    yield f"## {heading}\n"
    yield "| in | share |\n|---|---|"
    for where, samples in libraries.most_common():
        yield f"| {where} | {samples / total:.1%} |"
    yield "\n| function | in | share |\n|---|---|---|"
    for (where, name), samples in functions.most_common(MOST_ROWS):
        yield f"| `{name}` | {where} | {samples / total:.1%} |"
    yield ""


def page(sides, cache):
    """docs/reference/benchmarks-profiles.md as text."""
    about = facts(sides.peers.versions, 0)
    lines = [
        "# Benchmarks: profiles\n",
        "Where the time goes in the works that miss [their limits](benchmarks.md): samples that Linux's perf took,",
        f"{FREQUENCY:,} a second of processor time, with the process's own start. Made by",
        "`python -m benchmarks.where --page`.\n",
        f"{about['date']}: {about['machine']}; Python {about['python']}, v8snap {about['v8snap']}, V8 {about['v8']}.\n",
    ]
    for *work, heading in PROFILES:
        lines += profile_section(heading, profile(sides, cache, work, "-n"))
    return "\n".join(lines).rstrip("\n") + "\n"


def main():
    options = parse_arguments()
    cache = cache_folder()
    sides = Sides(compile_baseline(cache, options.v8_prefix), cache)
    if options.page:
        (DOCS / "benchmarks-profiles.md").write_text(page(sides, cache))
        return
    work = (options.race, options.side, options.rounds)
    print(profile(sides, cache, work, "--percent-limit", str(LEAST_PERCENT), calls=options.calls))


if __name__ == "__main__":
    main()
