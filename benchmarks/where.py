"""Where the time of a work goes: one side of a race under Linux's perf, by function.

    python -m benchmarks.where callback             # v8snap's side of that race
    python -m benchmarks.where to_py-200000 --side C++ --rounds 200

Code that V8 made has no names here: it is what perf shows as addresses.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.compile import cache_folder, compile_baseline
from benchmarks.run import Sides, all_races
from benchmarks.sides import Child

FREQUENCY = 2000  # samples a second
LEAST_PERCENT = 0.7


def parse_arguments():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.where")
    parser.add_argument("race", help="its key")
    parser.add_argument("--side", default="v8snap", help="an entrant's name")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--v8-prefix", metavar="FOLDER")
    parser.add_argument("--calls", action="store_true", help="with what calls them")
    return parser.parse_args()


def find_entrant(options, folder, cache):
    """The entrant; what it needs is made in `folder`."""
    for race in all_races(folder, cache, wanted=(options.race,)):
        if race.key == options.race:
            found = [entrant for entrant in race.entrants if entrant.name == options.side]
            if not found:
                sys.exit(f"that race has {', '.join(entrant.name for entrant in race.entrants)}")
            return found[0]
    sys.exit(f"there is no race {options.race}")


def record(command, entrant, rounds, data, calls):
    """perf's data of so many requests, in one process."""
    graph = ["-g"] if calls else []
    perf = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(FREQUENCY), *graph, "-o", str(data), "--"]
    side = Child([*perf, *command])
    for _ in range(rounds):
        side.ask(entrant.work, entrant.arguments)
    side.close()


def main():
    options = parse_arguments()
    cache = cache_folder()
    sides = Sides(compile_baseline(cache, options.v8_prefix), cache)
    with tempfile.TemporaryDirectory(prefix="v8snap-benchmarks-") as name:
        folder = Path(name)
        entrant = find_entrant(options, folder, cache)
        data = folder / "perf.data"
        record(sides.command(entrant.side), entrant, options.rounds, data, options.calls)
        report = ["perf", "report", "-i", str(data), "--stdio", "--no-children", "--sort", "dso,symbol"]
        subprocess.run([*report, "--percent-limit", str(LEAST_PERCENT)], check=True)


if __name__ == "__main__":
    main()
