"""docs/reference/proof.md: what was run to prove v8snap, and the figures.

They are in proof.json beside it, which the tools write.

    python tools/proof_page.py                                    write the page
    python tools/proof_page.py record SECTION NAME FACT=VALUE...  put a run's facts there first
    python tools/proof_page.py build PREFIX                       the facts of a V8 that tools/build_v8 made

A fact of a later run under the same name replaces it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Section -> name -> facts
Data = dict[str, dict[str, dict[str, Any]]]

DOCS = Path(__file__).parents[1] / "docs" / "reference"
DATA, PAGE = DOCS / "proof.json", DOCS / "proof.md"

#: What each run has, in the last columns
LAST = ("date", "commit")

#: Section -> (title, what it is, the script that does it)
SECTIONS = {
    "matrix": (
        "Versions of V8 and Python",
        "What `pytest` runs, and what takes long besides (`pytest -m slow`), built against each Debian release's own "
        "V8 and on each Python; wheels have a V8 inside that was made from sources (`tools/build_wheels --test "
        "--record`). Several ran at the same time. No package brings a free-threaded Python to these systems.",
        "tools/matrix.sh --record --slow",
    ),
    "tests": (
        "Tests",
        "All tests, those that take long too, by what they are about; seconds of one processor.",
        "python tools/proof_tests.py",
    ),
    "test262": (
        "test262",
        "The conformance suite of JavaScript in contexts of a snapshot and in plain ones, which do the same in each of "
        "its tests; what fails is known by name (`tests/test262_expected.toml`) and is V8's. Left out is what needs "
        "several threads of JavaScript and other things that no embedder has.",
        "python tools/proof_tests.py",
    ),
    "build": (
        "V8 from sources",
        "What `tools/build_v8` made, each with a snapshot's round trip at its end; seconds of compiling.",
        "python tools/proof_page.py build PREFIX",
    ),
    "sanitizers": (
        "Sanitizers",
        "The engine's tests in C++, which hold Python but nothing of v8snap's Python, and Python's tests of what "
        "lives how long and of conversion, in all processes that they start. Python's own library and V8's are not "
        "built with a sanitizer. Leaks are looked for in C++ only; the sanitizer's own memory hinders three of "
        "Python's tests, and valgrind one in C++: `tools/sanitize.sh` names them. Valgrind is told of two things "
        "of Python's own: `tools/sanitizers`.",
        "tools/sanitize.sh asan|python|valgrind --record",
    ),
    "leaks": (
        "Leaks",
        "Bytes that the second half of so many cycles adds to a process, and what that is for each of them. What the "
        "allocator and V8 keep for later comes and goes; what leaks would be there for each cycle. Where there are "
        "more than 48 bytes for each, it was run again with twice as many cycles, and the line is of that run: pages "
        "don't become more with the cycles. Timeouts are of a microsecond, so that 200,000 can fire; one that "
        "stops what has run for a while takes some milliseconds, so there are fewer of those.",
        "python tests/leaks.py --record",
    ),
    "fuzz": (
        "Random calls, files and values",
        "Sequences of calls on several threads and in the middle of JavaScript, which crash, hang and leak nothing; "
        "files and raw headers with any content, which are refused or are what was written; values, which come back "
        "as they were both ways. New ones each time.",
        "python tests/fuzz.py --minutes 10 --record",
    ),
    "soak": (
        "Soak",
        "Threads and asyncio tasks share a pool of isolates that start from a mapped file. Much of what they ask for "
        "goes wrong on purpose: endless loops, full heaps, termination, forks, exceptions. Each request is counted "
        "at both ends, and each result is compared. Times are those from asking for a context to the result, of the "
        "requests that nothing stops, and so most of them are the wait for one of four isolates, which ten ask for; "
        "the machine had other work. What leaked would be there after the end, when all is closed, beside what was "
        "there before. Meanwhile heaps fill up and go: growth is that of the least memory in a quarter of the time, "
        "from the second to the last; the slope is the middle one between any two parts of the time.",
        "python tests/soak.py --minutes 60 --record",
    ),
    "coverage": (
        "Coverage",
        "Lines of Python, Cython and C++ that `pytest` runs, but for tests of full disks and folders that nobody may "
        "write to, where coverage's own files have no place.",
        "tools/coverage.sh --record",
    ),
    "uncovered": (
        "Lines that were not run",
        "All of them, in the commit that is given. They were looked at: reports of missing memory, branches of other "
        "versions of V8 and of other machines, ends of forked or killed processes, what the longer tests do.",
        "tools/coverage.sh --record",
    ),
}


def load() -> Data:
    """The data: section -> name -> facts."""
    return json.loads(DATA.read_text()) if DATA.exists() else {}


def record(section: str, name: str, facts: Mapping[str, Any]) -> None:
    """Put the facts of a run into the data, and write the page.

    Parameters
    ----------
    section, name : str
    facts : mapping of str to JSON data
    """
    _store(section, {**load().get(section, {}), name: {**facts, **_now()}})


def replace(section: str, runs: Mapping[str, Mapping[str, Any]]) -> None:
    """Put runs into the data in the place of all that the section had, and write the page.

    Parameters
    ----------
    section : str
    runs : mapping of str to the facts, a mapping of str to JSON data
    """
    now = _now()
    _store(section, {name: {**facts, **now} for name, facts in runs.items()})


def _store(section: str, runs: dict[str, dict[str, Any]]) -> None:
    data = {**load(), section: runs}
    DATA.write_text(json.dumps(data, indent=1) + "\n")
    PAGE.write_text(page(data))


def _now() -> dict[str, str]:
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "commit": _commit()}


def _commit() -> str:
    """What was run, "..., changed" where that was never committed; "" outside a repository of git's: str."""

    def git(*command: str) -> str:
        done = subprocess.run(["git", "-C", DOCS, *command], capture_output=True, text=True)
        return done.stdout.strip()

    unchanged = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":!/docs/reference") == ""
    return git("rev-parse", "--short=9", "HEAD") + ("" if unchanged else ", changed")


def page(data: Data) -> str:
    """The document of these data: str."""
    lines = [
        "# Proof",
        "",
        "What was run, on what, for how long, and what came of it. The page is made from these runs by",
        "`tools/proof_page.py`; beside them are the [hazards](hazards.md), measured one by one.",
    ]
    for section in [*SECTIONS, *sorted(data.keys() - SECTIONS)]:
        if section not in data:
            continue
        title, about, script = SECTIONS.get(section, (section.capitalize(), "", ""))
        lines += ["", f"## {title}", ""]
        if about:
            lines += [f"{about} Made by `{script}`.", ""]
        lines += _soak(data[section]) if section == "soak" else _table(data[section])
    return "\n".join(lines) + "\n"


def record_build(prefix: Path) -> None:
    """What the manifest of a V8 from sources tells."""
    made = json.loads((prefix / "manifest.json").read_text())
    facts = {
        "from": made["source"],
        "ICU": made["intl"],
        "compilers at a time": made["jobs"],
        "seconds": made["compile_seconds"],
        "library_mb": round(made["library_bytes"] / 1e6),
        "resumed": "yes" if made["resumed"] else "no",
    }
    record("build", f"V8 {made['v8_version']} by {made['compiler']}", facts)


def _table(runs: dict[str, dict[str, Any]]) -> list[str]:
    """A line for each run, a column for each fact; a table for all runs of the same facts."""
    tables: dict[frozenset[str], dict[str, dict[str, Any]]] = {}
    for name, facts in runs.items():
        tables.setdefault(frozenset(facts.keys() - set(LAST)), {})[name] = facts
    lines: list[str] = []
    for table in tables.values():
        columns = [*(fact for fact in next(iter(table.values())) if fact not in LAST), *LAST]
        lines += [
            *([""] if lines else []),
            _row(["", *(each.replace("_", " ") for each in columns)]),
            "|---" * (len(columns) + 1) + "|",
            *(_row([name, *(_cell(facts.get(each, "")) for each in columns)]) for name, facts in table.items()),
        ]
    return lines


def _soak(runs: dict[str, dict[str, Any]]) -> list[str]:
    """A column for each run, as they have many facts."""
    names = list(runs)
    shown = list(dict.fromkeys(fact for facts in runs.values() for fact in facts))
    lines = [_row(["", *names]), "|---" * (len(names) + 1) + "|"]
    return lines + [
        _row([each.replace("_", " "), *(_cell(runs[name].get(each, "")) for name in names)]) for each in shown
    ]


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(number)}" for name, number in sorted(value.items())) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _value(text: str) -> Any:
    """A number where it is one."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    if arguments[:1] == ["build"]:
        record_build(Path(arguments[1]))
    elif arguments:
        command, section, name, *facts = arguments
        if command != "record" or not facts:
            sys.exit(__doc__)
        pairs = (fact.partition("=") for fact in facts)
        record(section, name, {fact: _value(value) for fact, _, value in pairs})
    else:
        PAGE.write_text(page(load()))


if __name__ == "__main__":
    main(sys.argv[1:])
