"""Objects as a notebook shows them: HTML without scripts, for light and dark pages. All text in it is escaped."""

from __future__ import annotations

import html
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from v8snap.errors import V8SnapError
from v8snap.interactive.facts import facts_of, lines_of
from v8snap.interactive.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from v8snap._v8 import CpuProfile, JSObject
    from v8snap.pool import PoolStatistics
    from v8snap.startup_data import StartupData

__all__ = [
    "cpu_profile",
    "heap_space_statistics",
    "heap_statistics",
    "pool_statistics",
    "startup_data",
    "value",
]

#: How much of a JavaScript object is shown: parts of each object, levels, and values in all.
MOST_PARTS, MOST_LEVELS, MOST_VALUES = 100, 6, 1500
#: Scripts of a snapshot, functions of a profile, and the like: how many are shown.
MOST_ROWS = 20
MOST_TEXT = 500
HUES = (210, 30, 130, 330, 265, 175, 55, 0)

# A page may be light or dark whatever the system is, so only its own colours are used, and some that are seen on both.
# The doubled class is stronger than what pages say of tables.
STYLE = """<style>
.v8snap { font-size: 13px; line-height: 1.5; font-variant-numeric: tabular-nums }
.v8snap-tree { font-family: var(--jp-code-font-family, monospace); font-size: 13px; line-height: 1.5 }
.v8snap.v8snap table { border-collapse: collapse; border: none; margin: .3em 0 0; width: auto; font-size: inherit }
.v8snap.v8snap tr:nth-child(n) { background: none }
.v8snap.v8snap td:nth-child(n), .v8snap.v8snap th:nth-child(n) { text-align: left; padding: 0 1.2em 0 0; border: none;
  vertical-align: top; max-width: 50em; overflow-wrap: anywhere; white-space: normal; background: none }
.v8snap.v8snap th:nth-child(n) { font-weight: normal; opacity: .7; white-space: nowrap }
.v8snap.v8snap td.n:nth-child(n) { text-align: right; white-space: nowrap }
.v8snap .bar { display: flex; width: 100%; max-width: 60em; height: 1.1em; margin: .4em 0; border-radius: 3px;
  overflow: hidden; background: rgba(128, 128, 128, .2) }
.v8snap .bar > span { min-width: 2px }
.v8snap .key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .5em }
.v8snap summary, .v8snap-tree summary { cursor: pointer; display: list-item }
.v8snap-tree details > ul { list-style: none; margin: 0 0 0 .45em; padding: 0 0 0 1em;
  border-left: 1px solid rgba(128, 128, 128, .35) }
.v8snap-tree li { margin: 0; overflow-wrap: anywhere }
.v8snap-tree li > span:first-child { margin-left: 1.05em }
.v8snap-tree b { font-weight: 600; opacity: .75 }
.v8snap-tree .more { opacity: .6 }
</style>"""


def value(shown: JSObject) -> str | None:
    """A JavaScript object to unfold, without running JavaScript; None for what has no parts, or is closed."""
    try:
        outline = shown._outline(MOST_PARTS, MOST_LEVELS, MOST_VALUES)
    except V8SnapError:
        return None
    if outline[1] is None:
        return None
    return f'{STYLE}<div class="v8snap-tree">{_folded("", outline)}</div>'


def _folded(label: str, outline: tuple[str, list[Any] | None, int]) -> str:
    text, parts, left_out = outline
    if parts is None:
        return f"<span>{label}{html.escape(printable(text))}</span>"  # the engine keeps it short
    items = [f"<li>{_folded(f'<b>{_escaped(key)}</b>: ', part)}</li>" for key, part in parts]
    if left_out:
        items.append(f'<li><span class="more">… {left_out:,} more</span></li>')
    return f"<details><summary>{label}{_escaped(text)}</summary><ul>{''.join(items)}</ul></details>"


def startup_data(blob: StartupData) -> str:
    """A snapshot: a bar of its sections, and what it says of itself."""
    facts = facts_of(blob)
    scripts = [(script["name"], f"{script['size']:,} bytes") for script in facts["scripts"]]
    return _page(
        f"<b>StartupData</b>, {len(blob):,} bytes",
        _bar({name: size for name, size in facts["sections"].items() if size}),
        _rows((heading, text) for heading, text in lines_of(facts)[1:] if text != "none"),
        _unfolded(f"{len(scripts)} scripts" if len(scripts) != 1 else "1 script", scripts),
    )


def heap_statistics(figures: Mapping[str, int]) -> str:
    """V8's figures of a heap: what is used of its limit, and all of them."""
    used, taken, limit = (figures[name] for name in ("used_heap_size", "total_heap_size", "heap_size_limit"))
    bar = {"used": used, "free in the heap": max(taken - used, 0)}
    rows = [(name, _figure(name, number)) for name, number in figures.items()]
    return _page(f"<b>Heap</b>, {taken:,} bytes of {limit:,} at most", _bar(bar), _unfolded("all figures", rows))


def heap_space_statistics(spaces: Sequence[Mapping[str, Any]]) -> str:
    """V8's figures of each part of a heap."""
    return _page(
        "<b>Heap spaces</b>",
        _bar({space["space_name"]: space["space_used_size"] for space in spaces if space["space_used_size"]}),
    )


def pool_statistics(figures: PoolStatistics) -> str:
    """What a pool has done and is doing."""
    counts = asdict(figures)
    replaced = counts.pop("replaced")
    rows = [(name.replace("_", " "), f"{number:,}") for name, number in counts.items()]
    reasons = ", ".join(f"{name.replace('_', ' ')}: {number:,}" for name, number in replaced.items()) or "none"
    idle = max(figures.isolates - figures.in_use, 0)
    bar = {"in use": figures.in_use, "idle": idle, "not made yet": max(figures.size - figures.isolates, 0)}
    return _page(
        "<b>IsolatePool</b>",
        _bar({name: number for name, number in bar.items() if number}, unit=""),
        _rows([*rows, ("replaced", reasons)]),
    )


def cpu_profile(profile: CpuProfile) -> str | None:
    """Functions by the time spent in themselves; None for a profile that isn't over."""
    try:
        data = profile.to_dict()
    except ValueError:
        return None
    times: dict[tuple[str, str], int] = {}
    nodes = {node["id"]: node["callFrame"] for node in data["nodes"]}
    for sample, microseconds in zip(data["samples"], data["timeDeltas"], strict=True):
        frame = nodes[sample]
        place = f"{frame['url']}:{frame['lineNumber'] + 1}" if frame["url"] else ""
        where = (frame["functionName"] or "(anonymous)", place)
        times[where] = times.get(where, 0) + max(microseconds, 0)
    busiest = sorted(times.items(), key=lambda item: -item[1])
    rows = [(f"{time / 1000:,.1f} ms", name, place) for (name, place), time in busiest[:MOST_ROWS]]
    whole = (data["endTime"] - data["startTime"]) / 1000
    return _page(
        f"<b>CpuProfile</b>, {whole:,.1f} ms, {len(data['samples']):,} samples",
        _bar({f"{name} {place}": time for (name, place), time in busiest if time}, unit=" µs", legend=False),
        _rows(rows),
    )


def _escaped(text: str) -> str:
    shown = text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "…"
    return html.escape(printable(shown))


def _page(title: str, *parts: str) -> str:
    return f'{STYLE}<div class="v8snap"><div>{title}</div>{"".join(parts)}</div>'


def _figure(name: str, number: int) -> str:
    return f"{number:,}" if name.startswith("number_") else f"{number:,} bytes"


def _bar(sizes: Mapping[str, int], *, unit: str = " bytes", legend: bool = True) -> str:
    """A bar with a part for each size, and a legend."""
    whole = sum(sizes.values())
    if not whole:
        return ""
    spans, rows = [], []
    if len(sizes) > MOST_ROWS:
        ordered = list(sizes.items())
        others = sum(size for _, size in ordered[MOST_ROWS - 1 :])
        sizes = {**dict(ordered[: MOST_ROWS - 1]), f"{len(ordered) - MOST_ROWS + 1:,} others": others}
    for number, (name, size) in enumerate(sizes.items()):
        colour = f"hsl({HUES[number % len(HUES)]} 55% 55%)"
        title = f"{_escaped(name)}: {size:,}{unit}"
        spans.append(f'<span style="flex: {size / whole:.4f} 0 0; background: {colour}" title="{title}"></span>')
        key = f'<span class="key" style="background: {colour}"></span>{_escaped(name)}'
        rows.append(f'<tr><td>{key}</td><td class="n">{size:,}{unit}</td><td class="n">{size / whole:.1%}</td></tr>')
    table = f"<table>{''.join(rows)}</table>" if legend else ""
    return f'<div class="bar">{"".join(spans)}</div>{table}'


def _rows(rows: Iterable[Sequence[str]]) -> str:
    lines = []
    for heading, *cells in rows:
        tds = "".join(f"<td>{_escaped(cell)}</td>" for cell in cells)
        lines.append(f"<tr><th>{_escaped(heading)}</th>{tds}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _unfolded(title: str, rows: Sequence[Sequence[str]]) -> str:
    """A table that is shown when it is clicked at."""
    more = [("…", f"{len(rows) - MOST_ROWS:,} more")] if len(rows) > MOST_ROWS else []
    return f"<details><summary>{_escaped(title)}</summary>{_rows([*rows[:MOST_ROWS], *more])}</details>"
