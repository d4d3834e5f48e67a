"""Progress of long work on a terminal, and tables that fit into it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from v8snap.cli import failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["figures", "output", "progress"]

#: Columns where standard output is no terminal.
WIDTH = 130
#: Columns that a table of figures needs with frames around its cells.
WIDE = 100


@contextlib.contextmanager
def progress(steps: int) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, nothing elsewhere; what is given is told each step when it begins."""
    console = failures.console()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("start", total=steps)
        begun: list[str] = []

        def on_step(step: str) -> None:
            if begun and step == begun[0]:
                begun.clear()  # a snapshot is built once more, under another seed
            shown.update(task, description=failures.printable(step), completed=min(len(begun), steps))
            begun.append(step)

        yield on_step


def output(width: int | None = None, *, highlight: bool = True) -> Console:
    """Standard output, for tables: as wide as the terminal; where it is none, as given or `WIDTH`."""
    return Console(width=None if Console().is_terminal else width or WIDTH, highlight=highlight)


def figures(console: Console, *, title: str, caption: str) -> Table:
    """A table with many columns of figures; without frames where the terminal is narrow."""
    if console.width >= WIDE:
        return Table(title=title, caption=caption)
    return Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=0, collapse_padding=True)
