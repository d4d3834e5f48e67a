"""``v8snap bench``."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

import v8snap
from v8snap import demo
from v8snap.cli import failures
from v8snap.cli.common import FILE, WARM_UP, host_option, json_option, print_json, script_named
from v8snap.cli.progress import figures, output, progress

if TYPE_CHECKING:
    from rich.console import Console

    from v8snap.bench import CompiledFunction

__all__ = ["command"]

MOST_FUNCTIONS = 20


@click.command("bench")
@click.argument("scripts", nargs=-1, type=FILE)
@click.option("--warmup", "-w", type=FILE, help="JavaScript with typical calls.")
@click.option("--call", "-c", type=FILE, help="The first call, if not the warm-up.")
@host_option("A host object that the scripts need, such as console.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Fresh processes for each way.")
@json_option
@click.option("--budgets", is_flag=True, help="Without scripts: only v8snap's own limits.")
def command(
    scripts: tuple[Path, ...],
    warmup: Path | None,
    call: Path | None,
    host: tuple[str, ...],
    rounds: int,
    as_json: bool,
    budgets: bool,
) -> None:
    """Measure what a snapshot saves for your own program.

    Starts it in fresh processes: from its scripts, with a code cache, and from snapshots without compiled functions,
    with those that ran, and warmed up. The first call after it is the warm-up or another file; of the program's
    functions, those are listed that V8 still compiles there.

    Without scripts, in a checkout of v8snap: v8snap's own benchmarks, as python -m benchmarks.

    Example: v8snap bench app.js --warmup calls.js
    """
    if not scripts:
        raise SystemExit(_own_benchmarks(budgets))
    from v8snap import bench

    named = script_named({WARM_UP: warmup, bench.CALL_NAME: call or warmup})
    bundle = bench.Bundle(scripts, _text_of(warmup), _text_of(call), host)
    with named, progress(bench.steps(bundle, rounds)) as on_step:
        result = bench.bench(bundle, rounds, on_step)
    if as_json:
        functions = [asdict(function) for function in result["uncompiled"]]
        print_json({**result, "uncompiled": functions})
        return
    shown = output()
    shown.print(_bench_table(shown, result, rounds))
    if result["uncompiled"]:
        shown.print(_functions_table(result["uncompiled"]))
    if not result["same_result"]:
        failures.console().print(
            "The first call's result was not the same each time: a script that asks for time or chance?"
        )


def _text_of(path: Path | None) -> str | None:
    from v8snap.builder import read_source

    return None if path is None else read_source(path)


def _own_benchmarks(budgets: bool) -> int:
    """Runs them in the checkout that is the current folder; their exit code."""
    if not Path("benchmarks/__main__.py").is_file() or not Path("v8snap/bench.py").is_file():
        raise click.UsageError("give scripts to measure; v8snap's own benchmarks run in a checkout of v8snap")
    command = [sys.executable, "-m", "benchmarks", *(["--budgets"] if budgets else ["--page"])]
    return subprocess.run(command, check=False).returncode


def _bench_table(console: Console, result: dict[str, Any], rounds: int) -> Table:
    table = figures(
        console,
        title=f"{', '.join(result['scripts'])}: from start to first result (V8 {v8snap.v8_version()})",
        caption=f"ms, median of {rounds} fresh processes for each way, taken in turn. load: read and run the scripts, "
        "or read and check the blob's file. memory: MB of the process after the first call (PSS). compiled: functions "
        "that V8 still had to compile in the first call. faster: total of the scripts over this total.",
    )
    table.add_column("start from")
    for heading in (*demo.STEPS, "total", "memory", "file\nMB", "compiled", "faster"):
        table.add_column(heading, justify="right", no_wrap=True)
    for way, row in result["ways"].items():
        times = [f"{row['medians'][step]:.1f}" for step in (*demo.STEPS, "total")]
        memory = "" if row["memory"] is None else f"{row['memory'] / 1e6:.1f}"
        compiled = "" if row["compiled"] is None else str(row["compiled"])
        table.add_row(way, *times, memory, f"{row['bytes'] / 1e6:.1f}", compiled, f"{row['ratio']:.1f}x")
    return table


def _functions_table(functions: list[CompiledFunction]) -> Table:
    more = len(functions) - MOST_FUNCTIONS
    caption = f"and {more} more: --json has them all" if more > 0 else None
    table = Table(title="Still compiled in the first call", caption=caption)
    table.add_column("function")
    table.add_column("place")
    table.add_column("length", justify="right")
    for function in functions[:MOST_FUNCTIONS]:
        place = f"{function.script}:{function.line}:{function.column}"
        table.add_row(function.name or "(anonymous)", place, str(function.length))
    return table
