"""docs/reference/benchmarks.md, made from the figures of a run.

python -m benchmarks.page FIGURES.json   # writes docs/reference/benchmarks.md, .json and the plots once more
"""

import json
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from benchmarks import FOLDER
from benchmarks.report import amount, limit_text, ratio_text

DOCS = FOLDER.parent / "docs" / "reference"
NOTES = FOLDER / "limits.md"
NO_CELL = "–"
ANOTHER_V8 = (
    "Rows that end with a V8's version are v8snap's as well, with the V8 {another_v8} that `tools/build_v8` makes, in "
    "an environment of its own (`--beside`); what it starts from it made with that V8."
)


@dataclass(frozen=True)
class Section:
    """Races of one kind, as one table: a row for each entrant, a column for each race."""

    beginning: str  # of the races' keys
    heading: str
    text: str
    plot: str = ""


SECTIONS = (
    Section(
        "start-memory-",
        "Start to first result, blob in memory",
        "Isolate, default context and first call. *Snapshot after a call*: the first call ran once while the snapshot "
        "was made, in the context that is in it; v8snap's warm-up leaves that as it was. *One hash seed*: made with "
        "`rehash=False`, in this and the next tables.",
        "start",
    ),
    Section(
        "start-mapped-", "The same from a file", "The file is opened, checked and mapped in the time that is measured."
    ),
    Section(
        "start-process-",
        "The same in a new process",
        "From its start to its end, with the interpreter's own start and the imports.",
        "process",
    ),
    Section("context-", "A new context in a warm isolate", "With its first call."),
    Section("growth-", "As the program grows", "Generated programs of so many bytes; blob in memory.", "growth"),
    Section("build-", "Making a blob", "In the process that is measured; nothing is warmed up or tried."),
    Section("call", "Calls", "One of many in a row, without the loop's own time taken off.", "calls"),
    Section("get", "Properties", "The name comes from Python each time."),
    Section("set", "", ""),
    Section("string_in-", "Strings to JavaScript", "All of one byte for each character."),
    Section("string_out-", "Strings to Python", ""),
    Section("array_in-", "Bytes to typed arrays", "Copied."),
    Section(
        "array_out-",
        "Typed arrays to Python",
        "v8snap: `numpy.asarray`; others: what they have, and a `memoryview` of it.",
    ),
    Section("to_py-", "Nested data to Python", "By JSON: `JSON.stringify` in V8 and `json.loads`."),
    Section("to_js-", "Nested data to JavaScript", "By JSON: `json.dumps` and `JSON.parse` in V8."),
    Section(
        "memory-", "Memory", "PSS of the process with 0 / 1 / 10 / 100 of them, each with its first call.", "memory"
    ),
    Section(
        "contexts-",
        "Contexts a second",
        "Each with a call; an isolate on each thread. The ratio is that of their times.",
    ),
    Section("spin", "JavaScript that only computes", "The time is that of one thread's work."),
    Section(
        "import",
        "Import",
        "A new interpreter that does it and ends. The last loads V8's library, which "
        "`import v8snap` leaves to the first use.",
    ),
)


def _quoted(trouble):
    return "`" + trouble[:90].replace("|", "/").replace("`", "'") + "`"


def _paragraph(*sentences):
    return textwrap.fill(" ".join(sentences), 120, break_long_words=False, break_on_hyphens=False) + "\n"


def _cell(lane, unit):
    if lane is None:
        return NO_CELL
    if "trouble" in lane:
        return _quoted(lane["trouble"])
    if unit == "bytes":
        steps = [f"{lane['steps'][step] / 1e6:.1f}" for step in ("0", "1", "10", "100")]
        return f"{' / '.join(steps)} MB"
    figures = amount(lane["median"], unit)
    return f"{figures}, {ratio_text(lane['ratio'])}" if "ratio" in lane else figures


def _table(headings, rows):
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def code(text):
    """As code, where it is."""
    return f"`{text}`" if any(letter in text for letter in '([]"') else text


def _section(section, races):
    if section.heading:
        yield f"## {section.heading}\n"
    if section.text:
        yield _paragraph(section.text)
    by_race = [{lane["name"]: lane for lane in race["lanes"]} for race in races]
    names = list(dict.fromkeys(name for lanes in by_race for name in lanes))
    rows = [
        [name, *(_cell(lanes.get(name), race["unit"]) for lanes, race in zip(by_race, races, strict=True))]
        for name in names
    ]
    yield from _table(["", *(code(race["column"]) for race in races)], rows)
    if section.plot:
        yield f"![{section.heading}](benchmarks-{section.plot}.svg)\n"


def _budgets(data):
    rows = [
        [
            verdict["work"],
            limit_text(verdict),
            ratio_text(verdict) if "median" in verdict else _quoted(verdict["trouble"]),
            verdict["verdict"],
        ]
        for verdict in data["budgets"]
    ]
    yield "## Limits\n"
    yield "v8snap's own. `python -m benchmarks --budgets` measures only these, and fails where one isn't kept.\n"
    yield from _table(["work", "limit", "measured", ""], rows)
    if NOTES.exists():
        yield NOTES.read_text()


def _facts(facts):
    peers = ", ".join(f"{name} {version}" for name, version in facts["peers"].items())
    return _paragraph(
        f"Measured on {facts['date']}: {facts['machine']}; Python {facts['python']}, v8snap {facts['v8snap']},",
        f"V8 {facts['v8']}, {facts['compiler']}. Beside it: {peers}. The machine's load at the end: {facts['load']}.",
        *([ANOTHER_V8.format(**facts)] if facts.get("another_v8") else []),
    )


def _method(rounds):
    return _paragraph(
        "**C++** is a program without Python that does the same with the same V8, flags and blob",
        "(`benchmarks/baseline`): the limit. All of a table's column is one run: each round asks every process once,",
        f"every other round in reverse order; {rounds} rounds count, after 3 that don't. A cell has the median, and",
        "the median (and quartiles) of the ratio to the first row, round by round. Times are taken inside processes.",
        "Every result is compared with that of the first row; who can't do the work, or does it wrong, says so in its",
        "cell. Other packages bring V8s of their own, newer ones for the most part.",
    )


def page(data):
    """The page as text."""
    made = _paragraph(
        "Made by `python -m benchmarks --page --beside PYTHON` (needs `v8snap[bench]`), which installs the other",
        "packages into folders of its own, builds the C++ program, and writes this page, its plots and",
        "[the figures](benchmarks.json).",
    )
    facts = data["facts"]
    lines = ["# Benchmarks\n", made, _facts(facts), _method(facts["rounds"]), *_budgets(data)]
    for section in SECTIONS:
        races = [race for race in data["races"] if race["key"].startswith(section.beginning)]
        if races:
            lines += _section(section, races)
    return "\n".join(lines).rstrip("\n") + "\n"


def write(data):
    """The page, its plots and its figures, into docs/reference/."""
    from benchmarks import plots  # only they need matplotlib

    races = [
        {**race, "lanes": [{key: lane[key] for key in lane if key != "samples"} for lane in race["lanes"]]}
        for race in data["races"]
    ]
    data = {**data, "races": races}
    (DOCS / "benchmarks.json").write_text(json.dumps(data, indent=1) + "\n")
    (DOCS / "benchmarks.md").write_text(page(data))
    plots.write(data, DOCS)


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text()))
