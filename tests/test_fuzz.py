"""Random calls, files and values neither crash nor hang nor leak; V8SNAP_FUZZ_MINUTES: how long each slow one takes."""

import importlib.util
import os
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("fuzz", Path(__file__).parent / "fuzz.py")
fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz)

MINUTES = float(os.environ.get("V8SNAP_FUZZ_MINUTES", "1"))


def test_sequences_of_calls(tmp_path):
    facts = fuzz.run("sequences of calls", 3, tmp_path)
    assert facts["sequences"] >= 10
    assert facts["worked"] > facts["calls"] / 4


@pytest.mark.slow
@pytest.mark.timeout(60 * MINUTES + 500)
@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_for_a_while(tmp_path, kind):
    facts = fuzz.run(kind, 60 * MINUTES, tmp_path)
    if kind == "sequences of calls":
        assert facts["worked"] > facts["calls"] / 4
        assert facts["never"] == []
    else:
        assert facts["examples"] >= 200 * MINUTES


def test_other_data_come_each_time_also_where_a_ci_wants_the_same(tmp_path, monkeypatch):
    """Two runs see different examples."""
    monkeypatch.setenv("CI", "true")
    program = tmp_path / "test_seen.py"
    program.write_text(
        "from hypothesis import given, settings, strategies as st\n"
        "@settings(max_examples=5)\n"
        "@given(st.integers(0, 2**60))\n"
        "def test_seen(number):\n"
        "    with open('seen', 'a') as file:\n"
        "        print(number, file=file)\n"
    )
    monkeypatch.setitem(fuzz.KINDS, "seen", ("fuzz_properties.py", program))
    seen = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        assert fuzz.run("seen", 0, tmp_path / run)["tests"] == 1
        seen.append((tmp_path / run / "seen").read_text())
    assert seen[0] != seen[1]
