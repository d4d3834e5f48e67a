"""A page about a snapshot with a treemap of its heap: one file, no script, nothing from the network."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from v8snap.interactive.facts import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["page", "treemap"]

STYLE = """
:root { color-scheme: light dark; --text: #1c2024; --page: #fff; --line: #d5dae0; --quiet: #5b6570; --tile-light: 82% }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ec; --page: #15181b; --line: #343a40; --quiet: #9aa4ae; --tile-light: 30% }
}
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--page); margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem }
h1 { font-size: 1.4rem; overflow-wrap: anywhere } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere }
td.number, th.number { text-align: right; white-space: nowrap }
.map { position: relative; width: 100%; aspect-ratio: 16 / 9; margin-bottom: 1rem }
.kind, .tile { position: absolute; box-sizing: border-box; overflow: hidden; border: 1px solid var(--page) }
.tile { background: hsl(var(--hue) 45% var(--tile-light)); font-size: 11px; line-height: 1.2; container-type: size }
.tile > span { display: block; padding: 1px 3px; overflow-wrap: anywhere }
@container (max-width: 42px) or (max-height: 14px) { .tile > span { display: none } }
.tile:hover { outline: 2px solid var(--text); outline-offset: -2px }
.kind > b { position: absolute; inset: 0 0 auto 0; height: 16px; padding: 0 3px; font-size: 12px; line-height: 16px;
  white-space: nowrap }
.kind > div { position: absolute; inset: 16px 0 0 0 }
.quiet { color: var(--quiet) }
"""
#: How V8 calls what is its own: there is no room for it in the map.
V8S = "system / "
HUES = (210, 30, 130, 280, 0, 175, 55, 330)
#: The map's width as a multiple of its height.
SHAPE = 16 / 9

Rectangle = tuple[float, float, float, float]


def page(facts: dict[str, Any]) -> str:
    """HTML; `facts` are those of ``v8snap inspect --json``."""
    title = html.escape(facts["path"])
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        _table((), lines_of(facts)),
    ]
    if facts["heap"] is not None:
        parts += _heap(facts["heap"])
    scripts = [(script["name"], f"{script['size']:,}", script["sha256"]) for script in facts["scripts"]]
    parts += ["<h2>Scripts</h2>", _table(("name", "bytes", "SHA-256"), scripts)]
    sections = [(name, f"{size:,}") for name, size in facts["sections"].items()]
    parts += ["<h2>Sections</h2>", _table(("section", "bytes"), sections), "</body></html>"]
    return "\n".join(parts) + "\n"


def _heap(heap: dict[str, Any]) -> list[str]:
    kinds = [(kind["kind"], f"{kind['count']:,}", f"{kind['bytes']:,}") for kind in heap["kinds"]]
    parts = [
        f"<h2>Heap: {heap['bytes']:,} bytes in {heap['count']:,} objects</h2>",
        '<p class="quiet">'
        "Each area is as large as the objects of its name by themselves. Point at one for figures.</p>",
        _map(heap["kinds"]),
        _table(("kind", "count", "bytes"), kinds),
    ]
    for kind in heap["kinds"]:
        rows = [(_name(entry), f"{entry['count']:,}", f"{entry['bytes']:,}") for entry in kind["names"]]
        table = _table(("name", "count", "bytes"), rows)
        parts.append(f"<details><summary>{html.escape(kind['kind'])}</summary>{table}</details>")
    return parts


def _name(entry: dict[str, Any]) -> str:
    if entry["name"] is None:
        return "(all others)"
    return entry["name"] or "(no name)"


def _map(kinds: Sequence[dict[str, Any]]) -> str:
    parts = ['<div class="map" role="img" aria-label="Treemap of the heap">']
    for number, (kind, place) in enumerate(zip(kinds, treemap([kind["bytes"] for kind in kinds], SHAPE), strict=True)):
        hue = HUES[number % len(HUES)]
        shape = SHAPE * place[2] / place[3]
        parts.append(f'<div class="kind" style="{_style(place)};--hue:{hue}"><b>{html.escape(kind["kind"])}</b><div>')
        entries = sorted(kind["names"], key=lambda entry: -entry["bytes"])
        for entry, tile in zip(entries, treemap([entry["bytes"] for entry in entries], shape), strict=True):
            name = html.escape(_name(entry))
            title = f"{name}: {entry['bytes']:,} bytes, {entry['count']:,}"
            label = name.removeprefix(V8S)
            parts.append(f'<div class="tile" style="{_style(tile)}" title="{title}"><span>{label}</span></div>')
        parts.append("</div></div>")
    return "\n".join([*parts, "</div>"])


def _style(place: Rectangle) -> str:
    left, top, width, height = (f"{100 * part:.3f}%" for part in place)
    return f"left:{left};top:{top};width:{width};height:{height}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def cell(tag: str, number: int, text: str) -> str:
        kind = ' class="number"' if number and headings and headings[number] != "SHA-256" else ""
        return f"<{tag}{kind}>{html.escape(text)}</{tag}>"

    lines = ["".join(cell("th", number, text) for number, text in enumerate(headings))] if headings else []
    lines += ["".join(cell("td", number, text) for number, text in enumerate(row)) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def treemap(sizes: Sequence[int], shape: float = 1.0) -> list[Rectangle]:
    """Places (left, top, width, height as parts of 1) whose areas are as the sizes, as square as can be.

    `sizes` are positive and sorted, the largest first; `shape` is the whole's width by its height. After Bruls,
    Huizing and van Wijk, "Squarified treemaps".
    """
    places: list[Rectangle] = []
    left, top, width, height = 0.0, 0.0, shape, 1.0
    rest = list(sizes)
    while rest:
        scale = width * height / sum(rest)
        side = min(width, height)
        row = _row([size * scale for size in rest], side)
        thick = sum(row) / side
        at = 0.0
        for area in row:
            long = area / thick
            where = (left, top + at, thick, long) if width >= height else (left + at, top, long, thick)
            places.append((where[0] / shape, where[1], where[2] / shape, where[3]))
            at += long
        if width >= height:
            left, width = left + thick, width - thick
        else:
            top, height = top + thick, height - thick
        rest = rest[len(row) :]
    return places


def _row(areas: list[float], side: float) -> list[float]:
    """As many of the areas as make the best row along a side."""
    count, best = 0, float("inf")
    total = 0.0
    for area in areas:
        total += area
        worst = max(side**2 * areas[0] / total**2, total**2 / (side**2 * area))
        if worst > best:
            break
        count, best = count + 1, worst
    return areas[:count]
