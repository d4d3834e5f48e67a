"""What a run gave: as JSON, and as text for a terminal."""

import datetime
import os
import platform
from pathlib import Path

import v8snap
from benchmarks import budgets
from benchmarks.compile import editable_build
from benchmarks.rounds import ratios, shortened, spread

UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"))


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def facts(peer_versions, rounds, another_v8):
    """Where and with what it was measured."""
    config = v8snap.build_config()
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "v8snap": v8snap.__version__ + (" (editable install)" if editable_build() else ""),
        "v8": config["v8_version"],
        "compiler": config["compiler"],
        "rounds": rounds,
        "another_v8": another_v8,
        "load": round(os.getloadavg()[0], 2),
        "peers": dict(sorted(peer_versions.items())),
    }


def _lane(lane, base):
    if lane.trouble:
        return {"name": lane.entrant.name, "side": lane.entrant.side, "trouble": shortened(lane.trouble, 200)}
    described = {"name": lane.entrant.name, "side": lane.entrant.side, "samples": lane.samples}
    middle = spread(lane.samples)
    described |= {"median": middle.median, "low": middle.low, "high": middle.high}
    described["steps"] = {step: spread(values).median for step, values in lane.steps.items()}
    if base is not None and not base.trouble and all(base.samples):
        ratio = spread(ratios(lane, base))
        described["ratio"] = {"median": ratio.median, "low": ratio.low, "high": ratio.high}
    return described


def describe_race(race, lanes):
    base = next(iter(lanes.values()))
    return {
        "key": race.key,
        "title": race.title,
        "column": race.column,
        "unit": race.unit,
        "base": base.entrant.name,
        "lanes": [_lane(lane, base) for lane in lanes.values()],
    }


def verdicts(results):
    return [budgets.judge(budget, results) for budget in budgets.BUDGETS if _ran(budget, results)]


def _ran(budget, results):
    names = {budget.numerator, budget.denominator} - {None, ""}
    return names <= results.get(budget.race, {}).keys()


def _verdict(verdict):
    budget = verdict.budget
    described = {"work": budget.work, "limit": budget.limit, "at_least": budget.at_least, "verdict": verdict.word}
    if verdict.spread is None:
        return {**described, "trouble": shortened(verdict.trouble, 200)}
    return {**described, "median": verdict.spread.median, "low": verdict.spread.low, "high": verdict.spread.high}


def as_data(races, results, peer_versions, rounds, another_v8=None):
    """All of it, for JSON."""
    return {
        "facts": facts(peer_versions, rounds, another_v8),
        "budgets": [_verdict(verdict) for verdict in verdicts(results)],
        "races": [describe_race(race, results[key]) for key, race in races.items()],
    }


# ---------------------------------------------------------------- text


def amount(value, unit):
    """A number with a unit that suits its size."""
    if unit == "bytes":
        return f"{value / 1e6:.1f} MB"
    if unit == "per second":
        return f"{1e9 / value:,.0f}/s"
    if unit != "ns":
        return f"{value:g}"
    for size, name in UNITS:
        if value >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.2g} ns"


def number(value):
    """With three digits that count."""
    return f"{float(f'{value:.3g}'):,.10g}"


def ratio_text(figures):
    return f"{number(figures['median'])} ({number(figures['low'])}–{number(figures['high'])})"


def race_lines(described):
    yield described["title"]
    for lane in described["lanes"]:
        if "trouble" in lane:
            yield f"  {lane['name']:28} {lane['trouble']}"
            continue
        figures = [amount(lane["median"], described["unit"])]
        if described["unit"] == "bytes":
            figures = [f"{step}: {amount(value, 'bytes')}" for step, value in lane["steps"].items()]
        elif "ratio" in lane:
            figures.append(f"{ratio_text(lane['ratio'])} × {described['base']}")
        yield f"  {lane['name']:28} {'   '.join(figures)}"


def limit_text(verdict):
    return f"{'≥' if verdict['at_least'] else '≤'} {verdict['limit']:g}"


def budget_lines(data):
    for verdict in data["budgets"]:
        figure = ratio_text(verdict) if "median" in verdict else ""
        trouble = f": {verdict['trouble']}" if "trouble" in verdict else ""
        yield f"{verdict['verdict']:4}  {limit_text(verdict):7} {figure:24} {verdict['work']}{trouble}"
