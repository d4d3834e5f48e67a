"""``v8snap diff``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from v8snap.cli import failures
from v8snap.cli.common import FILE, json_option, key_option, load, print_json
from v8snap.cli.progress import output
from v8snap.interactive.facts import facts_of

if TYPE_CHECKING:
    from v8snap.startup_data import StartupData

__all__ = ["command"]

DIFFERENT = 1
#: Facts that have tables of their own, or follow from the others.
NOT_COMPARED = ("sections", "scripts", "checksum")
WIDTH = 110


@click.command("diff")
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@click.option("--heap", is_flag=True, help="Also load both and compare their heaps by kind and constructor.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1), help="Differences of heaps shown.")
@key_option
@json_option
def command(a: Path, b: Path, heap: bool, top: int, key_file: Path | None, as_json: bool) -> None:
    """Show in what two snapshots differ: their facts, scripts, sections and heaps.

    Exit codes: 0 where they are the same bytes and facts, 1 where they differ.

    Example: v8snap diff old.v8snap new.v8snap --heap
    """
    first, second = (load(path, key_file) for path in (a, b))
    differences = _differences(first, second)
    if heap:
        with failures.console().status("looking into the heaps"):
            differences["heap"] = _heap(first, second)
    same = not any(differences[name] for name in ("facts", "scripts", "sections"))
    if as_json:
        print_json({"same": same, **differences})
    elif same:
        click.echo("the same")
    else:
        _print(differences, top)
    sys.exit(0 if same else DIFFERENT)


def _differences(first: StartupData, second: StartupData) -> dict[str, Any]:
    """JSON-like; empty parts where there is no difference."""
    from v8snap.comparison import differing_sections

    facts, others = facts_of(first), facts_of(second)
    return {
        "facts": {
            name: [facts[name], others[name]]
            for name in facts
            if name not in NOT_COMPARED and facts[name] != others[name]
        },
        "scripts": _scripts(facts["scripts"], others["scripts"]),
        "sections": {
            name: [facts["sections"].get(name), others["sections"].get(name)]
            for name in differing_sections(first, second)
        },
    }


def _scripts(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Scripts that only one has, or that have other sources, by name and which of that name they are."""
    ours, theirs = (_by_name(scripts) for scripts in (first, second))
    found = []
    for key in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get(key), theirs.get(key)
        if one != other:
            change = "added" if one is None else "removed" if other is None else "changed"
            sizes = [None if script is None else script["size"] for script in (one, other)]
            found.append({"name": key[0], "change": change, "bytes": sizes})
    if not found and first != second:
        found.append({"name": "(all)", "change": "in another order", "bytes": [None, None]})
    return found


def _by_name(scripts: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    named: dict[tuple[str, int], dict[str, Any]] = {}
    for script in scripts:
        number = sum(name == script["name"] for name, _ in named)
        named[script["name"], number] = script
    return named


def _heap(first: StartupData, second: StartupData) -> list[dict[str, Any]]:
    """Kinds and constructors whose number or bytes differ, the largest difference first."""
    from v8snap.heap_summary import heap_summary

    ours, theirs = (_sums(heap_summary(blob)) for blob in (first, second))
    nothing = (0, 0)
    found = [
        {
            "kind": kind,
            "name": name,
            "count": [ours.get((kind, name), nothing)[0], theirs.get((kind, name), nothing)[0]],
            "bytes": [ours.get((kind, name), nothing)[1], theirs.get((kind, name), nothing)[1]],
        }
        for kind, name in dict.fromkeys((*ours, *theirs))
        if ours.get((kind, name)) != theirs.get((kind, name))
    ]
    return sorted(found, key=lambda entry: -abs(entry["bytes"][0] - entry["bytes"][1]))


def _sums(heap: dict[str, Any]) -> dict[tuple[str, str | None], tuple[int, int]]:
    """Count and bytes of each kind (its name is None) and of each constructor."""
    sums: dict[tuple[str, str | None], tuple[int, int]] = {}
    for kind in heap["kinds"]:
        sums[kind["kind"], None] = (kind["count"], kind["bytes"])
        for entry in kind["names"] if kind["kind"] == "objects" else ():
            if entry["name"] is not None:
                sums[kind["kind"], entry["name"]] = (entry["count"], entry["bytes"])
    return sums


def _print(differences: dict[str, Any], top: int) -> None:
    out = output(WIDTH, highlight=False)
    if differences["facts"]:
        out.print(_table("Facts", "fact", ((name, one, other) for name, (one, other) in differences["facts"].items())))
    if differences["scripts"]:
        rows = ((f"{script['name']}: {script['change']}", *script["bytes"]) for script in differences["scripts"])
        out.print(_table("Scripts, in bytes", "script", rows))
    if differences["sections"]:
        rows = ((name, one, other) for name, (one, other) in differences["sections"].items())
        out.print(_table("Sections, in bytes", "section", rows))
    if differences.get("heap"):
        rows = (
            (" ".join(filter(None, (entry["kind"], entry["name"]))), *entry["bytes"])
            for entry in differences["heap"][:top]
        )
        out.print(_table("Heap, in bytes", "kind and constructor", rows))


def _table(title: str, heading: str, rows: Any) -> Table:
    made = Table(title=title, title_justify="left")
    made.add_column(heading, overflow="fold")
    for name in ("A", "B", "change"):
        made.add_column(name, justify="right", overflow="fold")
    for name, one, other in rows:
        both = isinstance(one, int) and isinstance(other, int)
        change = f"{other - one:+,}" if both and not isinstance(one, bool) else ""
        made.add_row(*(Text(failures.printable(text)) for text in (name, _shown(one), _shown(other), change)))
    return made


def _shown(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)
