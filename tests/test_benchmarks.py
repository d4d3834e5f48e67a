"""The benchmarks measure what they say, and a limit that isn't kept is told."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def benchmarks(monkeypatch):
    """Imports a module of the benchmarks, which are no part of the package."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


class Side:
    """Answers what it is told to, and notes when it was asked."""

    def __init__(self, name, counts, asked, result="3"):
        self.name, self.counts, self.asked, self.result = name, iter(counts), asked, result
        self.closed = False

    def ask(self, work, arguments):
        self.asked.append(self.name)
        return {"counts": {"all": next(self.counts), "bytes": 7}, "result": self.result}

    def close(self):
        self.closed = True


def make_race(rounds, names, **options):
    entrants = tuple(rounds.Entrant(name, "call", per=10, steps=("all",)) for name in names)
    return rounds.Race("call", "f(1, 2)", "f(1, 2)", "ns", entrants, **options)


def make_material(programs):
    names = ("call.js", "warm.v8snap", "warm.blob", "one-seed.v8snap", "one-seed.blob")
    return programs.Material("program", (Path("a.js"),), *map(Path, names), None)


def no_progress(text):
    pass


def test_sides_take_turns_and_the_warm_up_does_not_count(benchmarks):
    rounds = benchmarks("rounds")
    asked = []
    sides = {"C++": Side("C++", [900, 10, 20, 30], asked), "v8snap": Side("v8snap", [900, 20, 80, 90], asked)}
    lanes = rounds.run_race(make_race(rounds, sides, warmup=1), sides.get, 3, no_progress)
    assert asked == ["C++", "v8snap", "v8snap", "C++"] * 2
    assert lanes["v8snap"].samples == [2, 8, 9]
    assert rounds.ratios(lanes["v8snap"], lanes["C++"]) == [2, 4, 3]
    assert rounds.spread([2, 4, 3]) == rounds.Spread(3, 2.5, 3.5)
    assert all(side.closed for side in sides.values())


def test_a_wrong_result_is_no_measurement(benchmarks):
    rounds = benchmarks("rounds")
    asked = []
    sides = {"C++": Side("C++", [1] * 9, asked), "other": Side("other", [1] * 9, asked, result="4\n5")}
    lanes = rounds.run_race(make_race(rounds, sides), sides.get, 2, no_progress)
    assert lanes["other"].trouble == "wrong result: 4 5"
    assert not lanes["other"].samples
    assert asked.count("other") == 1
    assert len(lanes["C++"].samples) == 2


def test_a_side_that_is_missing_or_dies_says_why(benchmarks):
    rounds, sides = benchmarks("rounds"), benchmarks("sides")
    dying = sides.Child([sys.executable, "-c", "import sys; sys.exit('no such engine')"])

    def open_side(name):
        if name == "missing":
            raise sides.SideError("can't be installed")
        return dying

    lanes = rounds.run_race(make_race(rounds, ["missing", "dying"]), open_side, 1, no_progress)
    assert lanes["missing"].trouble == "can't be installed"
    assert lanes["dying"].trouble == "the process died (1): no such engine"


def test_a_new_process_is_measured_as_a_whole(benchmarks):
    sides = benchmarks("sides")
    code = "import json; print(json.dumps({'result': input()}))"
    answer = sides.NewProcess([sys.executable, "-c", code]).ask("start", {"how": "scripts"})
    assert answer["result"] == "start\thow=scripts"
    assert answer["counts"]["process"] > 1_000_000
    with pytest.raises(sides.SideError, match=r"the process died \(3\)"):
        sides.NewProcess([sys.executable, "-c", "raise SystemExit(3)"]).ask("start", {})


@pytest.mark.parametrize(
    ("samples", "at_least", "word"),
    [([1, 2, 3], False, "pass"), ([3, 2.1, 1], False, "FAIL"), ([1, 1, 5], True, "FAIL")],
)
def test_a_limit_is_kept_by_the_median_or_not(benchmarks, samples, at_least, word):
    budgets, rounds = benchmarks("budgets"), benchmarks("rounds")
    race = make_race(rounds, ["v8snap", "C++"])
    lanes = {entrant.name: rounds.Lane(entrant, samples=[1, 1, 1]) for entrant in race.entrants}
    lanes["v8snap"].samples = samples
    budget = budgets.Budget("f(1, 2)", "call", "v8snap", "C++", 2, at_least=at_least)
    assert budgets.judge(budget, {"call": lanes}).word == word


@pytest.mark.parametrize(("side", "word"), [("v8snap", "FAIL"), ("C++", "FAIL"), ("mini-racer", "n/a")])
def test_only_another_package_may_lack_a_figure(benchmarks, side, word):
    budgets, rounds = benchmarks("budgets"), benchmarks("rounds")
    race = make_race(rounds, ["v8snap", "C++", "mini-racer"])
    lanes = {entrant.name: rounds.Lane(entrant, samples=[1]) for entrant in race.entrants}
    lanes[side] = rounds.Lane(lanes[side].entrant, trouble="it died")
    budget = budgets.Budget("f(1, 2)", "call", "v8snap", "C++" if side == "v8snap" else side, 2)
    verdict = budgets.judge(budget, {"call": lanes})
    assert (verdict.word, verdict.trouble) == (word, f"{side}: it died")


def test_every_limit_has_its_race_and_entrants(benchmarks, monkeypatch, tmp_path):
    budgets, programs, run = benchmarks("budgets"), benchmarks("programs"), benchmarks("run")
    material = make_material(programs)
    monkeypatch.setattr(programs, "prepare", lambda *arguments: material)
    monkeypatch.setattr(programs, "prepare_growth", lambda *arguments: material)
    entrants = {}
    for race in run.all_races(tmp_path, tmp_path):
        assert race.key not in entrants
        entrants[race.key] = [entrant.name for entrant in race.entrants]
        assert len(set(entrants[race.key])) == len(entrants[race.key]), race.key
    keys = [key for key, _ in run._plan(run.Workshop(tmp_path, tmp_path))]
    assert keys == list(entrants)
    quick = {race.key for race in run.all_races(tmp_path, tmp_path, only_budgets=True)}
    assert quick <= entrants.keys()
    for budget in budgets.BUDGETS:
        assert budget.race in quick
        assert {budget.numerator, budget.denominator} - {""} <= set(entrants[budget.race])


def test_every_race_is_on_the_page(benchmarks, monkeypatch, tmp_path):
    page, programs, report = benchmarks("page"), benchmarks("programs"), benchmarks("report")
    rounds, run = benchmarks("rounds"), benchmarks("run")
    material = make_material(programs)
    monkeypatch.setattr(programs, "prepare", lambda *arguments: material)
    monkeypatch.setattr(programs, "prepare_growth", lambda *arguments: material)
    races, results = {}, {}
    for number, race in enumerate(run.all_races(tmp_path, tmp_path)):
        races[race.key] = race
        results[race.key] = {}
        for entrant in race.entrants:
            lane = results[race.key][entrant.name] = rounds.Lane(entrant)
            names = ("0", "1", "10", "100", "mapped", "file", "blob") if race.unit == "bytes" else ("all",)
            lane.entrant = rounds.Entrant(entrant.side, entrant.work, label=entrant.name)
            lane.add(dict.fromkeys(names, 1000000 + number))
    text = page.page(report.as_data(races, results, {"mini-racer": "1.0"}, 1))
    assert "mini-racer 1.0" in text
    assert report.processor() in text.replace("\n", " ")
    headings = [line for line in text.splitlines() if line.startswith("| ")]
    for race in races.values():
        if race.key != "array-copies":  # it is among the limits
            assert any(f" {page.code(race.column)} |" in line for line in headings), race.key


REPORT = """
# Samples  Shared Object  Symbol
    50.00%          500  libnode.so.108     [.] v8::internal::Deserializer<v8::internal::Isolate>::ReadObject  -  -
    20.00%          200  libnode.so.108     [.] 0x00000000004ff1c0
    10.00%          100  libnode.so.108     [.] 0x00000000004ff1d0
    10.00%          100  [JIT] tid 12298    [.] 0x00007f46890a798f
     6.00%           60  [kernel.kallsyms]  [k] clear_page_erms
     4.00%           40  _v8.cpython-311-x86_64-linux-gnu.so  [.] v8snap::(anonymous namespace)::run
"""


def test_a_profile_has_shares_of_all_samples(benchmarks):
    where = benchmarks("where")
    libraries, functions = where.shares(REPORT)
    compiled = "JavaScript, compiled while it ran"
    assert libraries == {"V8": 800, compiled: 100, "the kernel": 60, "v8snap": 40}
    assert functions["V8", "Deserializer::ReadObject"] == 500
    assert functions["V8", "(no name: built-ins, the interpreter of bytecode)"] == 300
    assert functions["v8snap", "v8snap::run"] == 40
    lines = list(where.profile_section("Start", REPORT))
    assert "| V8 | 80.0% |" in lines
    assert "| `clear_page_erms` | the kernel | 6.0% |" in lines


@pytest.mark.slow
def test_the_cpp_program_gives_what_v8snap_gives(benchmarks, tmp_path):
    compile_module, rounds, run = benchmarks("compile"), benchmarks("rounds"), benchmarks("run")
    sides = run.Sides(compile_module.compile_baseline(tmp_path / "cache"), tmp_path / "cache")
    wanted = ("start-memory-react", "start-mapped-react", "start-process-react", "context-react", "call", "callback")
    wanted += ("get", "set", "string_", "array_", "memory-", "contexts-", "build-react")
    measured = 0
    for race in run.all_races(tmp_path, tmp_path / "cache", wanted=wanted):
        ours = tuple(
            entrant for entrant in race.entrants if entrant.side.removesuffix(", new process") in ("C++", "v8snap")
        )
        assert ours
        short = rounds.Race(race.key, race.title, race.column, race.unit, ours, race.expected, warmup=0)
        lanes = rounds.run_race(short, sides.open, 1, no_progress)
        assert not {name: lane.trouble for name, lane in lanes.items() if lane.trouble}, race.key
        measured += 1
    assert measured >= len(wanted)
