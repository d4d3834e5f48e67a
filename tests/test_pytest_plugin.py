"""pytest's plugin, in pytest runs of their own."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def run_pytest(tmp_path):
    """Run pytest on files of a folder; its finished process."""

    def run(files, *arguments):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    return run


def test_it_costs_no_v8_where_nothing_uses_it(run_pytest):
    test = """
        import sys
        def test_unused():
            assert "v8snap.pytest_plugin" in sys.modules
            assert "v8snap._v8" not in sys.modules
            assert "v8snap.pool" not in sys.modules
    """
    done = run_pytest({"test_it.py": "\n".join(line[8:] for line in test.splitlines())})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


CLEAN = """
import pytest

@pytest.mark.parametrize("turn", range(3))
def test_clean(js_context, turn):
    assert js_context.eval("typeof left") == "undefined"
    js_context.eval("globalThis.left = 1; Array.prototype.left = 1")
    assert js_context.eval("add(3, 4)") == 7

def test_endless(js_context):
    with pytest.raises(TimeoutError):
        js_context.eval("for (;;);")

def test_after_it(js_context):
    assert js_context.eval("add(1, 1)") == 2
"""


def test_each_test_has_a_clean_context_of_the_inis_snapshot(run_pytest, make_blob, tmp_path):
    make_blob().save(tmp_path / "a.v8snap")
    ini = "[pytest]\nv8snap_snapshot = a.v8snap\nv8snap_timeout = 0.3\n"
    done = run_pytest({"pytest.ini": ini, "test_it.py": CLEAN})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_a_project_builds_its_own_snapshot(run_pytest):
    conftest = """
import pytest, v8snap

@pytest.fixture(scope="session")
def js_snapshot():
    return v8snap.build({"add.js": "function add(a, b) { return a + b }"})
"""
    ini = "[pytest]\nv8snap_timeout = 0.3\n"
    done = run_pytest({"pytest.ini": ini, "conftest.py": conftest, "test_it.py": CLEAN})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_without_a_snapshot_it_is_the_bare_language(run_pytest):
    test = "def test_bare(js_context):\n    assert js_context.eval('[1, 2].map((x) => x * 2)').to_py() == [2, 4]\n"
    done = run_pytest({"test_it.py": test})
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_can_be_left_out(run_pytest):
    test = "import sys\ndef test_left_out():\n    assert 'v8snap.pytest_plugin' not in sys.modules\n"
    done = run_pytest({"test_it.py": test}, "-p", "no:v8snap")
    assert done.returncode == 0, done.stdout + done.stderr
