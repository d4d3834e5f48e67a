"""The ways in which V8 can end a process, as programs: what v8snap does with each, measured on the V8 that runs.

    python tests/hazards.py          run all, and write this V8's column into docs/reference/hazards.json and hazards.md
    python tests/hazards.py WORDS    only the hazards with these words in their titles, and their cells

They are in ``hazards.toml``. A program runs in a process of its own, with `v8snap`, `make` (a creator that ran a
script), `load` and `leave` (so many MiB until a limit of the process's) at hand. What it prints last is what happened;
an exception is its name.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import v8snap

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TESTS = Path(__file__).parent
DATA, PAGE = (TESTS.parent / "docs" / "reference" / name for name in ("hazards.json", "hazards.md"))

#: Chapters of hazards: dicts with title, outcome, and either program or script (and look).
HAZARDS = tomllib.loads((TESTS / "hazards.toml").read_text())
VERSIONS = ("10.2", "11.3", "13.6", "13.6 from sources")
THIS_VERSION = ".".join(v8snap.v8_version().split(".")[:2])
if v8snap.build_config()["v8_source"] == "build":
    THIS_VERSION += " from sources"
WORKS = "works"
GENERATED = {"misuse": "every method in every state", "corruption": "damaged, foreign and invented snapshots"}

PRELUDE = """
import contextlib, gc, os, resource, signal, sys, threading, time, warnings
warnings.simplefilter("ignore")
import v8snap
from v8snap import *

def make(script, **options):
    creator = SnapshotCreator(**options)
    creator.context.eval(script)
    return creator

def load(creator, look="1"):
    blob = creator.create_blob()
    for _ in "12":
        with Isolate(blob, external_references=blob.external_references) as isolate:
            context = isolate.new_context()
            isolate.low_memory_notification()  # what is wrong in a heap may show only when V8 goes through all of it
            context.eval(look)

@contextlib.contextmanager
def leave(kind, mib):
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0 if kind == "RLIMIT_AS" else 5])
    before = resource.getrlimit(getattr(resource, kind))
    most = pages * resource.getpagesize() + mib * 2**20
    resource.setrlimit(getattr(resource, kind), (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(getattr(resource, kind), before)

def main():
{program}

try:
    main()
except Exception as error:
    print(type(error).__name__)
else:
    print("works")
"""


def expected(hazard, version=THIS_VERSION):
    """The outcomes that are right on a V8."""
    outcome = hazard["outcome"]
    if isinstance(outcome, dict):
        outcome = outcome[version.split(".")[0]]
    return [outcome] if isinstance(outcome, str) else outcome


def run(hazard, timeout=100):
    """(what happened, what was said) in a process of its own."""
    program = hazard.get("program") or f"load(make({hazard['script']!r}), {hazard.get('look', '1')!r})"
    indented = "\n".join("    " + line for line in program.strip().splitlines())
    done = _python("-c", PRELUDE.replace("{program}", indented), timeout=timeout)
    said = done.stdout + done.stderr
    return (done.stdout.split()[-1] if done.returncode == 0 else f"exit status {done.returncode}"), said


def _python(*arguments, timeout):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        cwd="/",
        check=False,
    )


def count_generated(program):
    """Run all of a program's generated cases, a process for each kind of them: how many lived."""
    kinds = _python("-c", f"import runpy; print(*runpy.run_path({str(TESTS / program)!r})['ALL'])", timeout=60)
    number = 0
    for kind in kinds.stdout.split():
        done = _python(str(TESTS / program), kind, timeout=600)
        if done.returncode != 0:
            sys.exit(f"{program} {kind}: exit status {done.returncode}: {done.stdout[-300:]}{done.stderr[-3000:]}")
        number += int(done.stdout.split()[-1])
    return number


def page(data):
    """The document, from what was measured on each version."""
    lines = [
        "# Hazards",
        "",
        "Each way in which V8 can be made to end a process, or was on some version, and what v8snap does instead: an",
        "exception, or it works. The tables are measured, by a program for each line and each V8: `tests/hazards.py`.",
    ]
    for chapter, hazards in HAZARDS.items():
        lines += _table(chapter, "hazard")
        for hazard in hazards:
            cells = [data.get(version, {}).get(hazard["title"], "-") for version in VERSIONS]
            lines.append(_row(hazard["title"], [cell if cell in (WORKS, "-") else f"`{cell}`" for cell in cells]))
    lines += _table("Generated cases that the process survived", "cases")
    for program, title in GENERATED.items():
        lines.append(_row(title, [f"{data[v][program]:,}" if v in data else "-" for v in VERSIONS]))
    return "\n".join(lines) + "\n"


def _table(title, first_column):
    columns = [first_column, *(f"V8 {version}" for version in VERSIONS)]
    return ["", f"## {title}", "", _row(columns[0], columns[1:]), "|---" * len(columns) + "|"]


def _row(first, cells):
    return f"| {' | '.join([first, *cells])} |"


def main(words):
    """Measure, and write this V8's column, or the cells of the hazards with `words` in their titles."""
    data = json.loads(DATA.read_text()) if DATA.exists() else {}
    column = data.setdefault(THIS_VERSION, {}) if words else {}
    for hazard in [each for hazards in HAZARDS.values() for each in hazards if words in each["title"]]:
        title = hazard["title"]
        column[title], said = run(hazard)
        print(f"{title}: {column[title]}", flush=True)
        if column[title] not in expected(hazard):
            sys.exit(f"that is not {expected(hazard)}: {said}")
    for program in () if words else GENERATED:
        column[program] = count_generated(f"{program}.py")
        print(f"{program}: {column[program]} cases", flush=True)
    data[THIS_VERSION] = column
    DATA.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page(data))


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
