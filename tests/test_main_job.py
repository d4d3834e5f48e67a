"""The main job on real programs: TypeScript, Babel and React from dukpy's files, in fresh processes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import v8snap
from v8snap import cli, demo


def test_typescript_from_a_file_in_a_new_process(child_ok, tmp_path):
    blob = v8snap.build(demo.program_files(demo.PROGRAMS["typescript"]), warmup="ts.transpile('let x: number = 1')")
    assert [script["name"] for script in blob.scripts] == ["typescriptServices.js", "<warmup>"]
    assert blob.scripts[0]["size"] > 9_000_000
    blob.save(tmp_path / "ts.v8snap")
    code = """
        import sys, v8snap
        blob = v8snap.StartupData.load(sys.argv[1])
        with v8snap.Isolate(blob) as iso, iso.new_context() as ctx:
            ts = ctx.globals["ts"]
            print(ts.transpile("let x: number = 1; class A<T> { y?: T }", {"target": 5}), end="")
            result = ts.transpileModule("export const a: string = 5", {"reportDiagnostics": True}).to_py()
            print(sorted(result))
    """
    assert child_ok(code, tmp_path / "ts.v8snap") == (
        "let x = 1;\nclass A {\n}\n['diagnostics', 'outputText', 'sourceMapText']\n"
    )


def test_all_programs_in_one_process(child_ok, tmp_path):
    """Their snapshots are made apart, and live together where V8 can have that."""
    for name, program in demo.PROGRAMS.items():
        v8snap.build(demo.program_files(program), warmup=program.call).save(tmp_path / f"{name}.v8snap")
    code = """
        import sys, threading, v8snap
        from pathlib import Path
        from v8snap import demo
        blobs = {path.stem: v8snap.StartupData.load(path) for path in Path(sys.argv[1]).glob("*.v8snap")}
        def use(isolate, name):
            with isolate.new_context() as context:
                program = demo.PROGRAMS[name]
                return context.eval(program.call) == program.expected
        try:
            isolates = [(v8snap.Isolate(blobs[name]), name) for name in [*blobs, *blobs]]
            plain = v8snap.Isolate()
        except v8snap.SnapshotConflictError:
            print("refused")
            sys.exit()
        right = []
        for turn in range(2):
            threads = [threading.Thread(target=lambda each=each: right.append(use(*each))) for each in isolates]
            [thread.start() for thread in threads]
            script = "const o = {}; for (let i = 0; i < 5000; i++) o['k' + i] = Symbol.iterator.description; o.k4999"
            right.append(plain.new_context().eval(script) == "Symbol.iterator")
            [thread.join() for thread in threads]
            for isolate, _ in isolates:
                isolate.low_memory_notification()
            isolates.pop(0)[0].close()
            isolates.append((v8snap.Isolate(blobs["react"]), "react"))
        print("together", all(right), len(right))
    """
    together = v8snap.v8_version().split(".")[0] != "11"
    assert child_ok(code, tmp_path).strip() == ("together True 14" if together else "refused")


@pytest.mark.slow
def test_the_demo_measures_and_checks_every_program():
    done = CliRunner().invoke(cli.main, ["demo", "--rounds", "1", "--json"])
    assert done.exit_code == 0, done.output
    results = json.loads(done.stdout)
    assert [result["program"] for result in results] == list(demo.PROGRAMS)
    for result in results:
        for way in demo.WAYS:
            row = result["ways"][way]
            medians = row["medians"]
            assert all(medians[step] > 0 for step in ("load", "isolate", "context", "call"))
            assert medians["total"] == pytest.approx(sum(medians[step] for step in demo.STEPS))
            assert row["ratio"] == pytest.approx(result["ways"]["scripts"]["medians"]["total"] / medians["total"])
        assert result["ways"]["warmed snapshot"]["ratio"] > 1


def test_the_demo_shows_a_table():
    done = CliRunner().invoke(cli.main, ["demo", "--rounds", "1", "-p", "react"])
    assert done.exit_code == 0, done.output
    for word in ("React", "scripts", "snapshot", "isolate", "context", "call", "total", "MB", "faster"):
        assert word in done.stdout
    assert "Each result was checked" in done.stdout


def test_a_wrong_result_is_no_measurement(tmp_path):
    path = tmp_path / "react.v8snap"
    wrong = "var React = {createElement() {}}, ReactDOMServer = {renderToStaticMarkup: () => 'wrong'}"
    v8snap.build({"wrong.js": wrong}).save(path)
    with pytest.raises(demo.DemoError, match="wrong result"):
        demo.measure("react", [path])


def test_without_the_programs_the_demo_says_what_to_install(monkeypatch):
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda name: None)
    done = CliRunner().invoke(cli.main, ["demo"])
    assert done.exit_code == 1
    assert "pip install 'v8snap[demo]'" in done.output
    assert "Traceback" not in done.output


def test_the_command_line_without_its_libraries(child):
    code = """
        import sys
        sys.modules["click"] = None
        from v8snap.__main__ import main
        main()
    """
    done = child(code)
    assert done.returncode == 1
    assert "pip install 'v8snap[cli]'" in done.stderr


@pytest.mark.parametrize("command", [[], ["demo"]])
def test_help(command):
    done = CliRunner().invoke(cli.main, [*command, "--help"])
    assert done.exit_code == 0
    assert "snapshot" in done.output


@pytest.mark.slow
def test_warmed_typescript_starts_four_times_faster(tmp_path):
    result = demo.measure_program("typescript", Path(tmp_path), 11, lambda text: None)
    ratios = {way: result["ways"][way]["ratio"] for way in demo.WAYS}
    assert ratios["warmed snapshot"] >= 4, ratios
    assert ratios["snapshot"] > 1.5, ratios
