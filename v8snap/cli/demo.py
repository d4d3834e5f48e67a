"""``v8snap demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

import v8snap
from v8snap import demo
from v8snap.cli.common import json_option, print_json
from v8snap.cli.progress import figures, output, progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["command"]


@click.command("demo")
@click.option("--program", "-p", "programs", multiple=True, type=click.Choice(list(demo.PROGRAMS)), help="Only these.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Fresh processes for each way.")
@json_option
def command(programs: tuple[str, ...], rounds: int, as_json: bool) -> None:
    """Measure what a snapshot saves, on real programs.

    Builds snapshots of the TypeScript compiler, Babel and React's server renderer, then starts each in fresh processes
    from its scripts, from its snapshot and from its warmed snapshot, and checks every result.

    Example: v8snap demo -p typescript --rounds 9
    """
    keys = list(programs or demo.programs_present())
    with progress(len(keys) * (2 + rounds * len(demo.WAYS))) as on_step:
        results = list(demo.run_demo(keys, rounds, on_step))  # which raises where a result is wrong
    if as_json:
        print_json(results)
    else:
        shown = output()
        shown.print(_demo_table(shown, results, rounds))


def _demo_table(console: Console, results: list[dict[str, Any]], rounds: int) -> Table:
    table = figures(
        console,
        title=f"From start to first result in a new process (V8 {v8snap.v8_version()})",
        caption=f"ms, median of {rounds} processes for each way, taken in turn. load: read and run the scripts, "
        "or read and check the blob's file. faster: total of the scripts over this total. Each result was checked.",
    )
    table.add_column("program")
    table.add_column("start from")
    for step in ("load", "isolate", "context", "first\ncall", "total", "MB", "faster"):
        table.add_column(step, justify="right", no_wrap=True)
    for result in results:
        for number, (way, row) in enumerate(result["ways"].items()):
            times = [f"{row['medians'][step]:.1f}" for step in ("load", "isolate", "context", "call", "total")]
            size = f"{row['bytes'] / 1e6:.1f}"
            table.add_row(result["title"] if number == 0 else "", way, *times, size, f"{row['ratio']:.1f}x")
        table.add_section()
    return table
