"""Interleaved rounds, and the statistics of what they gave."""

import statistics
from dataclasses import dataclass, field

from benchmarks.sides import SideError

WARMUP = 3  # rounds that count for nothing


@dataclass(frozen=True)
class Entrant:
    """Somebody in a race: which side does what."""

    side: str
    work: str
    arguments: dict = field(default_factory=dict)
    label: str = ""  # the side's name, if not given
    per: int = 1  # what is counted is divided by it
    steps: tuple = ()  # the counts that are added up; all if not given

    @property
    def name(self):
        return self.label or self.side


@dataclass(frozen=True)
class Race:
    """Entrants that do the same work in one interleaved run."""

    key: str
    title: str
    column: str  # what it is called among others of its kind
    unit: str  # what is counted: ns, bytes, copies; or "per second", of what took ns
    entrants: tuple
    expected: str | None = None  # what each must give, if it is known; else what the first one gives
    rounds: int | None = None  # if not as many as the run has
    warmup: int = WARMUP


@dataclass
class Lane:
    """What came of one entrant."""

    entrant: Entrant
    samples: list = field(default_factory=list)  # in the order of rounds
    steps: dict = field(default_factory=dict)  # the same by step
    trouble: str = ""  # why there are none

    def add(self, counts):
        chosen = {step: count / self.entrant.per for step, count in counts.items() if self._is_wanted(step)}
        self.samples.append(sum(chosen.values()))
        for step, count in chosen.items():
            self.steps.setdefault(step, []).append(count)

    def _is_wanted(self, step):
        return not self.entrant.steps or step in self.entrant.steps


def run_race(race, open_side, rounds, progress):
    """Lanes by entrant's name. Every round asks each side once, every other round in reverse order."""
    lanes = {entrant.name: Lane(entrant) for entrant in race.entrants}
    sides = {}
    try:
        for name, lane in lanes.items():
            try:
                sides[name] = open_side(lane.entrant.side)
            except SideError as why:
                lane.trouble = str(why)
        _run_rounds(race, lanes, sides, rounds, progress)
    finally:
        for side in sides.values():
            side.close()
    return lanes


def _run_rounds(race, lanes, sides, rounds, progress):
    expected = race.expected
    for number in range(race.warmup + rounds):
        order = list(lanes) if number % 2 == 0 else list(reversed(lanes))
        for name in order:
            lane = lanes[name]
            if lane.trouble:
                continue
            progress(f"{race.title}: {name}, round {number + 1} of {race.warmup + rounds}")
            try:
                answer = sides[name].ask(lane.entrant.work, lane.entrant.arguments)
                expected = answer["result"] if expected is None else expected
                _check_result(answer["result"], expected)
            except SideError as why:
                lane.trouble, lane.samples, lane.steps = str(why), [], {}
                continue
            if number >= race.warmup:
                lane.add(answer["counts"])


def _check_result(result, expected):
    if result != expected:
        raise SideError(f"wrong result: {shortened(result)}")


def shortened(text, most=60):
    text = " ".join(str(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"


@dataclass(frozen=True)
class Spread:
    """A median and the quartiles around it."""

    median: float
    low: float
    high: float


def spread(values):
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(statistics.median(values), low, high)


def ratios(lane, base):
    """Round by round: noise that lasts longer than a round is in both."""
    return [own / other for own, other in zip(lane.samples, base.samples, strict=True)]


def differences(lane, base):
    return [own - other for own, other in zip(lane.samples, base.samples, strict=True)]
