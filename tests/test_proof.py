"""The page of what was proved says what the data say, and a soak that goes wrong fails."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


proof_page, soak = module(ROOT / "tools" / "proof_page.py"), module(ROOT / "tests" / "soak.py")

WELL = {
    "minutes": 60,
    "requests": 100,
    "contexts": 100,
    "in_use": 0,
    "lost": 0,
    "wrong": [],
    "left": {},
    "resident_growth_mib": 1.0,
    "resident_before_mib": 60,
    "resident_after_mib": 75,
    "served": dict.fromkeys(kind.__name__ for kind in [*soak.KINDS, *soak.RARE, *soak.ASYNC_KINDS]),
}


def test_the_page_is_made_of_the_data():
    assert proof_page.PAGE.read_text() == proof_page.page(json.loads(proof_page.DATA.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        {"wrong": ["render: AssertionError()"]},
        {"lost": 1},
        {"contexts": 99},
        {"in_use": 1},
        {"left": {"contexts": 1}},
        {"resident_growth_mib": 100.0},
        {"resident_after_mib": 175},
        {"served": {"render": 5}},
    ],
)
def test_a_soak_that_goes_wrong_fails(change):
    assert soak.failures(WELL) == []
    assert len(soak.failures({**WELL, **change})) == 1


def test_requests_are_counted_at_both_ends():
    ledger = soak.Ledger()
    for outcome in (None, AssertionError("wrong"), ValueError("unforeseen")):
        with ledger.request("render"):
            if outcome is not None:
                raise outcome
    with ledger.request("timeout"), ledger.fails(TimeoutError):
        raise TimeoutError
    with ledger.request("timeout"), ledger.fails(TimeoutError):
        pass
    assert ledger.begun == {"render": 3, "timeout": 2}
    assert ledger.served == {"render": 1, "timeout": 1}
    assert len(ledger.wrong) == 3
    assert ledger.errors == {"TimeoutError": 1}
    assert ledger.open == {}


def test_growth_and_slope_are_of_the_least_memory():
    steady = [(second, 100 + 50 * (second % 2)) for second in range(400)]
    rising = [(second, 100 + 60 * second) for second in range(400)]
    assert soak.growth(steady) == 0
    assert abs(soak.slope(steady)) < 1
    assert soak.growth(rising) == 60 * 200
    assert soak.slope(rising) == pytest.approx(3600)


@pytest.mark.slow
def test_a_short_soak(child_ok):
    code = """
    import runpy, sys
    path = sys.argv[1]
    sys.argv = [path, "--minutes", "0.5"]
    runpy.run_path(path, run_name="__main__")
    """
    done = child_ok(code, ROOT / "tests" / "soak.py", timeout=300)
    assert json.loads(done)["lost"] == 0
