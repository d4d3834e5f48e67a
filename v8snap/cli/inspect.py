"""``v8snap inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from v8snap import errors
from v8snap.cli import failures
from v8snap.cli.common import check_folder, json_option, key_option, load, print_json, snapshot_argument
from v8snap.cli.progress import output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from v8snap.startup_data import StartupData

__all__ = ["command"]

#: Columns where standard output is no terminal.
WIDTH = 110


@click.command("inspect")
@snapshot_argument
@click.option("--heap/--no-heap", default=True, help="Whether to load it and look into its heap.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1, 60), help="Constructors that are shown.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with a treemap of the heap."
)
@key_option
@json_option
def command(snapshot: Path, heap: bool, top: int, html: Path | None, key_file: Path | None, as_json: bool) -> None:
    """Show what a snapshot says of itself and what its heap is made of.

    The heap is looked at in a helper process, without running JavaScript. Of a snapshot for another V8 it can't be
    shown; the rest can.

    Example: v8snap inspect app.v8snap --html app.html
    """
    from v8snap.interactive.facts import facts_of

    if html is not None:
        check_folder(html)
    blob = load(snapshot, key_file)
    facts = {"path": str(snapshot), **facts_of(blob), "heap": _heap(blob) if heap else None}
    if html is not None:
        from v8snap.cli.heap_page import page
        from v8snap.file_format import replaced_file

        with replaced_file(html) as file:
            file.write(page(facts).encode("utf-8", "replace"))
    if as_json:
        print_json(facts)
    else:
        _print(facts, top)


def _heap(blob: StartupData) -> dict[str, Any] | None:
    from v8snap.heap_summary import heap_summary

    console = failures.console()
    try:
        with console.status("looking into the heap"):
            return heap_summary(blob)
    except (errors.SnapshotVersionError, errors.SnapshotFlagsError) as error:
        console.print(Text(f"The heap is not shown: {error}", style="yellow"))
        return None


def _print(facts: dict[str, Any], top: int) -> None:
    from v8snap.interactive.facts import lines_of

    out = output(WIDTH, highlight=False)
    about = Table(title=Text(failures.printable(facts["path"])), show_header=False, title_justify="left")
    for heading, text in lines_of(facts):
        about.add_row(heading, Text(text))
    out.print(about)
    out.print(table("Scripts", ("name", "bytes", "SHA-256"), _script_rows(facts)))
    sections = [(name, f"{size:,}") for name, size in facts["sections"].items()]
    out.print(table("Sections", ("section", "bytes"), sections))
    if facts["heap"] is not None:
        _print_heap(out, facts["heap"], top)


def _script_rows(facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(script["name"], f"{script['size']:,}", script["sha256"][:16]) for script in facts["scripts"]]


def _print_heap(out: Console, heap: dict[str, Any], top: int) -> None:
    kinds = [(kind["kind"], f"{kind['count']:,}", f"{kind['bytes']:,}") for kind in heap["kinds"]]
    total = ("all", f"{heap['count']:,}", f"{heap['bytes']:,}")
    out.print(table("Heap", ("kind", "count", "bytes"), [*kinds, total]))
    objects: list[dict[str, Any]] = next((kind["names"] for kind in heap["kinds"] if kind["kind"] == "objects"), [])
    named = [entry for entry in objects if entry["name"] is not None]
    rows = [(entry["name"] or "(no name)", f"{entry['count']:,}", f"{entry['bytes']:,}") for entry in named[:top]]
    out.print(table("Objects by constructor", ("constructor", "count", "bytes"), rows))


def table(title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    """A table of which all columns but the first are numbers."""
    made = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="right" if number else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(failures.printable(cell)) for cell in row))
    return made
