"""What must hold: each budget is a figure of one race, with its limit."""

from dataclasses import dataclass

from benchmarks import races
from benchmarks.peers import PEERS
from benchmarks.rounds import Spread, differences, ratios, spread

CPP, V8SNAP = races.CPP, races.V8SNAP
#: Side and label of those that call Python functions from JavaScript and have V8 inside.
V8_PEERS = ("mini-racer", "jsrun", "STPyV8", "v8-python")


@dataclass(frozen=True)
class Budget:
    """A limit: on `figure` of the numerator's lane and the denominator's in one race."""

    work: str
    race: str
    numerator: str
    denominator: str
    limit: float
    figure: str = "ratio"
    at_least: bool = False  # the limit is the least, not the most


BUDGETS = (
    Budget("isolate, default context, first call from warmed TypeScript", "start-memory-typescript", V8SNAP, CPP, 1.05),
    Budget("the same ÷ jsrun's snapshot", "start-memory-typescript", V8SNAP, "jsrun, snapshot", 0.5),
    Budget("the same ÷ mini-racer running the script", "start-memory-typescript", V8SNAP, "mini-racer, scripts", 0.15),
    Budget(
        "context and first call in a warm isolate, KaTeX ÷ first isolate's total",
        "context-katex",
        V8SNAP,
        "v8snap, first isolate",
        0.6,
    ),
    Budget("f(1, 2), one thread ÷ C++, isolate entered", "call", V8SNAP, CPP, 2.0),
    Budget("f(1, 2), isolate used by several threads ÷ C++ that locks", "call-shared", V8SNAP, CPP, 1.3),
    Budget("cb(i) from a JavaScript loop ÷ C++ callback doing nothing", "callback", V8SNAP, CPP, 6),
    *(Budget(f"cb(i) ÷ that of {peer}", "callback", V8SNAP, peer, 1) for peer in V8_PEERS),
    Budget(
        "to_py of 200,000 nested values ÷ JSON.stringify + json.loads", "to_py-200000", V8SNAP, "v8snap, by JSON", 0.7
    ),
    Budget("to_js of 200,000 nested values ÷ json.dumps + JSON.parse", "to_js-200000", V8SNAP, "v8snap, by JSON", 0.9),
    Budget("copies of a 10 MB typed array on its way to NumPy", "array-copies", V8SNAP, "", 0, "value"),
    Budget(
        "import v8snap - import json in a new interpreter, ms",
        "import",
        "import v8snap",
        "import json",
        30,
        "milliseconds",
    ),
    Budget(
        "100 isolates of one mapped blob: its mappings ÷ its file", "memory-isolates-react", V8SNAP, "", 1.0, "mappings"
    ),
    Budget(
        "the same: more memory for each isolate than in C++ ÷ the blob",
        "memory-isolates-react",
        V8SNAP,
        CPP,
        0.1,
        "copied",
    ),
    Budget(
        "CPU-bound JavaScript, throughput of 2 threads ÷ 1 thread",
        "spin",
        "v8snap, 1 thread",
        "v8snap, 2 threads",
        1.85,
        at_least=True,
    ),
)


def _growth(lane):
    """Bytes for each isolate from the tenth to the hundredth."""
    return (lane.steps["100"][0] - lane.steps["10"][0]) / 90


def _copied(lane, base):
    """Of the blob, by how much each isolate of v8snap's takes more than one of the C++ program's."""
    return [(_growth(lane) - _growth(base)) / lane.steps["blob"][0]]


FIGURES = {
    "ratio": ratios,
    "milliseconds": lambda lane, base: [nanoseconds / 1e6 for nanoseconds in differences(lane, base)],
    "value": lambda lane, base: lane.samples,
    "mappings": lambda lane, base: [lane.steps["mapped"][0] / lane.steps["file"][0]],
    "copied": _copied,
}


@dataclass(frozen=True)
class Verdict:
    """What came of a budget: `spread` is None where it could not be measured, and `trouble` says why."""

    budget: Budget
    spread: Spread | None
    trouble: str = ""
    fault: bool = True  # it is v8snap that could not be measured, or the C++ program

    @property
    def word(self):
        if self.spread is None:
            return "FAIL" if self.fault else "n/a"
        median = self.spread.median
        held = median >= self.budget.limit if self.budget.at_least else median <= self.budget.limit
        return "pass" if held else "FAIL"


def judge(budget, results):
    """`results` has the lanes of each race, by its key and their names."""
    lanes = results[budget.race]
    wanted = [lanes[name] for name in (budget.numerator, budget.denominator) if name]
    for lane in wanted:
        if lane.trouble:
            return Verdict(budget, None, f"{lane.entrant.name}: {lane.trouble}", lane.entrant.side not in PEERS)
    return Verdict(budget, spread(FIGURES[budget.figure](wanted[0], wanted[-1])))


def entrants_needed(race):
    """Those of the race that its budgets are about."""
    names = {name for budget in BUDGETS if budget.race == race.key for name in (budget.numerator, budget.denominator)}
    return tuple(entrant for entrant in race.entrants if entrant.name in names)
