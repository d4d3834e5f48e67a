"""``v8snap demo``."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

import v8snap
from v8snap import demo

__all__ = ["command"]


@click.command("demo")
@click.option("--program", "-p", "programs", multiple=True, type=click.Choice(list(demo.PROGRAMS)), help="Only these.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Fresh processes for each way.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of a table.")
def command(programs: tuple[str, ...], rounds: int, as_json: bool) -> None:
    """Measure what a snapshot saves, on real programs.

    Builds snapshots of the TypeScript compiler, Babel and React's server renderer, then starts each in fresh processes
    from its scripts, from its snapshot and from its warmed snapshot, and checks every result.

    Example: v8snap demo -p typescript --rounds 9
    """
    progress_console = Console(stderr=True)
    results = []
    with progress_console.status("starting") as status:
        for result in demo.run_demo(list(programs or demo.programs_present()), rounds, status.update):
            results.append(result)
            progress_console.print(f"{result['title']}: measured, all results right")
    if as_json:
        click.echo(json.dumps(results, indent=2))
    else:
        Console(width=None if Console().is_terminal else 110).print(_demo_table(results, rounds))


def _demo_table(results: list[dict[str, Any]], rounds: int) -> Table:
    table = Table(
        title=f"From start to first result in a new process (V8 {v8snap.v8_version()})",
        caption=f"ms, median of {rounds} processes for each way, taken in turn. load: read and run the scripts, "
        "or read and check the blob's file. faster: total of the scripts over this total.",
    )
    table.add_column("program")
    table.add_column("start from")
    for step in ("load", "isolate", "context", "first call", "total", "MB", "faster"):
        table.add_column(step, justify="right")
    for result in results:
        for number, (way, row) in enumerate(result["ways"].items()):
            times = [f"{row['medians'][step]:.1f}" for step in ("load", "isolate", "context", "call", "total")]
            size = f"{row['bytes'] / 1e6:.1f}"
            table.add_row(result["title"] if number == 0 else "", way, *times, size, f"{row['ratio']:.1f}x")
        table.add_section()
    return table
