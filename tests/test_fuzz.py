"""Random sequences of calls neither crash nor hang nor leak; ``V8SNAP_FUZZ_MINUTES``: how long the slow one takes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "fuzz_api.py"
MINUTES = float(os.environ.get("V8SNAP_FUZZ_MINUTES", "2"))


@pytest.mark.parametrize(
    "seconds",
    [3, pytest.param(60 * MINUTES, marks=[pytest.mark.slow, pytest.mark.timeout(60 * MINUTES + 300)])],
)
def test_sequences_of_calls(tmp_path, seconds):
    log = tmp_path / "calls.txt"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, PROGRAM, str(seconds), log]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=seconds + 200, cwd=tmp_path, env=environment
    )
    calls = log.read_text().splitlines()[-40:] if log.exists() else []
    assert done.returncode == 0, (done.returncode, done.stdout[-500:], done.stderr[-5000:], calls)
    rounds, tried, worked, *never = done.stdout.split()
    assert int(rounds) >= 1
    assert int(worked) > int(tried) / 4
    if seconds >= 60:
        assert never == []
