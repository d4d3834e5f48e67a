"""The command: ``python -m benchmarks``."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks import page, report
from benchmarks.another_v8 import AnotherV8
from benchmarks.compile import CompileError, cache_folder, compile_baseline, editable_build
from benchmarks.run import Sides, run
from benchmarks.sides import SideError
from v8snap.demo import DemoError


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--budgets", action="store_true", help="only what has a limit to keep; exit code 1 if one fails"
    )
    parser.add_argument("--only", action="append", default=[], metavar="RACE", help="races whose key begins so")
    parser.add_argument("--rounds", type=int, default=21, help="rounds that count, after 3 that don't")
    parser.add_argument("--v8-prefix", metavar="FOLDER", help="a tree with the V8 that v8snap was built with")
    parser.add_argument("--beside", metavar="PYTHON", help="rows for the v8snap of this interpreter, with another V8")
    parser.add_argument("--no-peers", action="store_true", help="only C++ and v8snap")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="where peers and the C++ program are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--page", action="store_true", help="write docs/reference/benchmarks.json, .md and the plots")
    options = parser.parse_args(arguments)
    if options.budgets and (options.beside or options.no_peers):
        parser.error("--budgets has no other V8, and limits that are peers'")
    return options


def show_progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text[:110]}", end="", file=sys.stderr, flush=True)


def show_race(race, lanes):
    show_progress("")
    print("\n".join(report.race_lines(report.describe_race(race, lanes))), flush=True)


def main(arguments=None):
    options = parse_arguments(arguments)
    if options.page:
        import matplotlib  # noqa: F401 - missing, it would be missed only at the end
    cache = options.cache or cache_folder()
    try:
        program = compile_baseline(cache, options.v8_prefix)
        sides = Sides(program, cache, AnotherV8.of(options.beside) if options.beside else None, not options.no_peers)
        with tempfile.TemporaryDirectory(prefix="v8snap-benchmarks-") as folder:
            races, results = run(
                sides,
                Path(folder),
                cache,
                options.rounds,
                options.budgets,
                tuple(options.only),
                show_progress,
                show_race,
            )
    except (CompileError, DemoError, SideError) as error:
        print(error, file=sys.stderr)
        return 2
    if editable_build():
        print("\nAn editable install: times of new processes and imports have its look for changes in them.")
    beside = sides.beside.version if sides.beside else None
    data = report.as_data(races, results, sides.peers.versions, options.rounds, beside)
    print("\n".join(["", *report.budget_lines(data)]))
    if options.json:
        options.json.write_text(json.dumps(data, indent=1))
    if options.page:
        page.write(data)
    return 1 if any(verdict["verdict"] == "FAIL" for verdict in data["budgets"]) else 0


if __name__ == "__main__":
    sys.exit(main())
