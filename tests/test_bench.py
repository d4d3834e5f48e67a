"""``v8snap bench``: what it says of a program is so."""

import json
from dataclasses import asdict

import pytest
from click.testing import CliRunner

from v8snap import bench, cli, demo
from v8snap.cli import progress

PROGRAM = """\
function called(n) { return n + 1 }
/* größer, 🙂 */ function größe(n) { return n * 2 }
function never() { return 0 }
"""


@pytest.fixture
def files(tmp_path):
    """Writes files; their paths as text."""

    def write(**sources):
        paths = []
        for name, source in sources.items():
            path = tmp_path / f"{name}.js"
            path.write_text(source, encoding="utf-8")
            paths.append(str(path))
        return paths

    return write


def run(*arguments):
    return CliRunner().invoke(cli.main, ["bench", "--rounds", "1", *arguments])


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """What a program gives, measured once, and what was told meanwhile."""
    path = tmp_path_factory.mktemp("bench") / "program.js"
    path.write_text(PROGRAM, encoding="utf-8")
    told = []
    bundle = bench.Bundle((path,), warmup="called(größe(2))")
    result = bench.bench(bundle, 1, told.append)
    assert len(told) == bench.steps(bundle, 1)
    return result


@pytest.mark.slow
def test_every_way_is_measured_step_by_step(measured):
    assert list(measured["ways"]) == list(bench.WAYS)
    assert measured["scripts"] == ["program.js"]
    assert measured["same_result"]
    for way in measured["ways"].values():
        medians = way["medians"]
        assert medians["total"] == pytest.approx(sum(medians[step] for step in demo.STEPS))
        assert all(medians[step] > 0 for step in demo.STEPS)
        assert way["bytes"] > 0
        assert way["memory"] is None or way["memory"] > 1_000_000


@pytest.mark.parametrize("columns", [130, 80])
def test_tables_show_ways_and_functions(measured, files, monkeypatch, columns):
    (program,) = files(program=PROGRAM)
    left = [bench.CompiledFunction("program.js", 1, 16, "called", 22)]
    monkeypatch.setattr(bench, "bench", lambda *_: {**measured, "uncompiled": left, "same_result": False})
    monkeypatch.setattr(progress, "WIDTH", columns)
    done = run(program)
    assert done.exit_code == 0, done.output
    for text in (*bench.WAYS, *demo.STEPS, "compiled", "faster", "Still compiled in the first call", "program.js:1:16"):
        assert text in done.stdout, text
    assert max(map(len, done.stdout.splitlines())) <= columns
    assert "not the same each time" in done.stderr
    assert json.loads(run(program, "--json").stdout)["uncompiled"] == [asdict(left[0])]


@pytest.mark.slow
def test_what_the_warm_up_leaves_uncompiled_is_named(files):
    program, warmup, call = files(program=PROGRAM, warmup="called(1)", call="called(größe(2))")
    result = json.loads(run(program, "-w", warmup, "-c", call, "--json").stdout)
    compiled = {way: row["compiled"] for way, row in result["ways"].items()}
    assert compiled == {
        "scripts": 2,
        "code cache": 0,
        "snapshot, CLEAR": 2,
        "snapshot, KEEP": 2,
        "warmed snapshot": 1,
    }
    (left,) = result["uncompiled"]
    line = PROGRAM.splitlines()[1]
    # Columns and lengths count UTF-16 units, as JavaScript does: the emoji are two.
    column = line.index("(n)") + 1 + 1
    length = len("(n) { return n * 2 }")
    assert left == {"script": "program.js", "line": 2, "column": column, "name": "größe", "length": length}


@pytest.mark.slow
def test_names_that_a_log_has_to_escape(files, tmp_path):
    program = tmp_path / "a, größer.js"
    program.write_text(r"var o = {'x,\\x41': function () { return 1 }}")
    (call,) = files(call=r"o['x,\\x41']()")
    result = json.loads(run(str(program), "--call", call, "--json").stdout)
    assert [(left["script"], left["name"]) for left in result["uncompiled"]] == [("a, größer.js", r"x,\x41")]


@pytest.mark.parametrize("wrong_is", ["script", "call"])
def test_an_error_of_the_program_has_a_place(files, wrong_is):
    program, wrong = files(program=PROGRAM, wrong="\nmissing()")
    done = run(*((wrong,) if wrong_is == "script" else (program, "-c", wrong)))
    assert done.exit_code == 1
    assert done.stderr.splitlines()[:4] == [
        "wrong.js:2:1",
        "missing()",
        "^",
        "ReferenceError: missing is not defined",
    ]


@pytest.mark.slow
def test_without_a_call_only_the_start_is_measured(files):
    (program,) = files(program=PROGRAM)
    result = json.loads(run(program, "--json").stdout)
    assert "warmed snapshot" not in result["ways"]
    assert {row["compiled"] for row in result["ways"].values()} == {None}
    assert {row["medians"]["call"] for row in result["ways"].values()} == {0}


@pytest.mark.slow
def test_results_that_differ_are_told(files):
    program, call = files(program="", call="Math.random()")
    done = run(program, "--call", call)
    assert done.exit_code == 0
    assert "not the same each time" in done.stderr


@pytest.mark.slow
def test_host_objects_are_there_each_way(files):
    program, call = files(program="const encoder = new TextEncoder()", call="encoder.encode('ü').length")
    done = run(program, "--call", call, "--host", "encoding", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["same_result"]

    assert "Traceback" not in done.stderr


def test_what_v8_cannot_write_is_an_error_and_no_crash(files):
    (path,) = files(program="var format = new Intl.NumberFormat('de')")
    done = run(path)
    assert done.exit_code == 1
    assert "globalThis.format" in done.stderr


def test_without_scripts_it_needs_a_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run()
    assert done.exit_code == 2
    assert "give scripts to measure" in done.stderr
