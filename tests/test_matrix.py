"""What would let a version of V8 or Python go untested without a word: what goes through them, on stand-ins."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1] / "tools"
ABSENT = 69


@pytest.fixture
def matrix(tmp_path):
    """Run the script; the roots' and the Pythons' ends are given."""
    shutil.copy(TOOLS / "matrix.sh", tmp_path)
    for name in ("debian_root.sh", "pyenv_python.sh"):
        (tmp_path / name).write_text('#!/bin/sh\necho "$@"\neval "exit \\$END_$1"\n')
        (tmp_path / name).chmod(0o755)

    def run(*arguments, ci="", **ends):
        environment = {**os.environ, "CI": ci, **{f"END_{name}": str(end) for name, end in ends.items()}}
        command = [tmp_path / "matrix.sh", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.parametrize(
    ("arguments", "ci", "trixie", "forky", "fails"),
    [
        ((), "", 0, 0, False),
        ((), "", 1, 0, True),
        ((), "", 0, ABSENT, True),
        (("--willing",), "", 0, 0, False),
        (("--willing",), "", 0, ABSENT, False),
        (("--willing",), "", 1, ABSENT, True),
        (("--willing",), "", 3, 0, True),  # pytest's own failure
        (("--willing",), "true", 0, 0, False),
        (("--willing",), "true", ABSENT, 0, True),
    ],
)
def test_what_fails_or_is_absent_is_told(matrix, arguments, ci, trixie, forky, fails):
    done = matrix(*arguments, "trixie", "forky", ci=ci, trixie=trixie, forky=forky)
    assert (done.returncode != 0) == fails, done
    assert ("NOT TESTED: " in done.stdout) == (ABSENT in (trixie, forky))
    assert ("FAILED: " in done.stdout) == bool({trixie, forky} - {0, ABSENT})


def test_options_reach_what_tests(matrix):
    assert "trixie --record --slow\n" in matrix("--record", "--slow", "--willing", "trixie", trixie=0).stdout


@pytest.mark.parametrize("script", ["debian_root.sh forky", "pyenv_python.sh 3.10"])
def test_what_cannot_be_had_has_an_end_of_its_own(script, tmp_path):
    """No pyenv, no programs but the shell's: nothing is made."""
    name, version = script.split()
    for program in ("bash", "dirname", "find", "sort", "tail", "id"):
        (tmp_path / program).symlink_to(shutil.which(program))
    environment = {"PATH": str(tmp_path), "PYENV_ROOT": str(tmp_path / "none"), "V8SNAP_ROOTS": str(tmp_path)}
    command = ["bash", TOOLS / name, version]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == ABSENT, done
    assert "NOT tested" in done.stderr
