"""`cached` builds when it has to and only then; `compare` and deterministic builds."""

import os
import shutil
import subprocess
import sys

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator, StartupData, cache, cached, compare

SCRIPTS = {"a.js": "var a = 1", "b.js": "function run() { return a + 1 }"}


@pytest.fixture
def builds(monkeypatch):
    """Counts the builds."""
    made = []
    build = v8snap.builder.build

    def counted(*args, **kwargs):
        made.append(args)
        return build(*args, **kwargs)

    monkeypatch.setattr(v8snap.builder, "build", counted)
    return made


def test_builds_once(builds, tmp_path):
    path = tmp_path / "app.v8snap"
    for _ in range(3):
        blob = cached(path, SCRIPTS, metadata={"m": 1}, timeout=60)
        with Isolate(blob) as iso:
            assert iso.new_context().globals["run"]() == 2
    assert (len(builds), blob.metadata) == (1, {"m": 1})
    cached(path, SCRIPTS, metadata={"m": 1}, timeout=30, isolated=False)
    assert len(builds) == 1


def test_every_change_that_matters_builds_again(builds, tmp_path, monkeypatch):
    path = tmp_path / "app.v8snap"
    (tmp_path / "file.js").write_text("var f = 1")
    calls = [
        lambda: cached(path, SCRIPTS),
        lambda: cached(path, {**SCRIPTS, "b.js": SCRIPTS["b.js"] + " "}),
        lambda: cached(path, {"a": SCRIPTS["a.js"], "b.js": SCRIPTS["b.js"]}),
        lambda: cached(path, dict(reversed(SCRIPTS.items()))),
        lambda: cached(path, SCRIPTS, warmup="run()"),
        lambda: cached(path, SCRIPTS, modules={"m": "export {}"}),
        lambda: cached(path, SCRIPTS, modules={"m": "export {} "}),
        lambda: cached(path, SCRIPTS, function_code=v8snap.FunctionCodeHandling.CLEAR),
        lambda: cached(path, SCRIPTS, external_references=["log"]),
        lambda: cached(path, SCRIPTS, metadata=5),
        lambda: cached(path, SCRIPTS, deterministic=True),
        lambda: cached(path, tmp_path / "file.js"),
        lambda: (tmp_path / "file.js").write_text("var f = 2") and cached(path, tmp_path / "file.js"),
    ]
    for number, call in enumerate(calls, 1):
        call()
        call()
        assert len(builds) == number
    for name in ("v8_version", "build_id", "flags_hash"):
        with monkeypatch.context() as patch:
            patch.setattr(cache._v8, name, lambda: "another")
            with pytest.raises(StopIteration):
                _stop_instead_of_building(patch, path, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(cache.file_format, "MACHINE", "another")
        with pytest.raises(StopIteration):
            _stop_instead_of_building(patch, path, tmp_path)


def _stop_instead_of_building(patch, path, tmp_path):
    patch.setattr(v8snap.builder, "build", lambda *args, **kwargs: next(iter(())))
    cached(path, tmp_path / "file.js")


def test_unreadable_files_are_built_again(builds, tmp_path):
    path = tmp_path / "app.v8snap"
    whole = cached(path, SCRIPTS)
    content = path.read_bytes()
    damaged = [b"", content[:100], content[:-1], content + b"x", b"x" * 9999]
    damaged += [
        content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in (0, 10, 100, 5000, len(content) - 9)
    ]
    for number, bad in enumerate(damaged, 2):
        path.write_bytes(bad)
        assert len(cached(path, SCRIPTS)) == pytest.approx(len(whole), abs=4096)
        assert len(builds) == number
        assert len(StartupData.load(path)) > 0
    path.unlink()
    path.mkdir()
    with Isolate(cached(path, SCRIPTS)) as iso:
        assert iso.new_context().globals["run"]() == 2


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder in ("/proc", "/sys/kernel", tmp_path / "file"):
        with Isolate(cached(f"{folder}/app.v8snap", SCRIPTS)) as iso:
            assert iso.new_context().globals["run"]() == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_folders_that_are_missing_are_made(builds, tmp_path):
    for _ in range(2):
        cached(tmp_path / "a" / "b" / "app.v8snap", SCRIPTS)
    assert len(builds) == 1


def test_signed_cache_files(builds, tmp_path):
    for key in (b"one", b"one", b"two", None, b"two"):
        cached(tmp_path / "app.v8snap", SCRIPTS, key=key)
    assert len(builds) == 2  # without a key any signed file will do


def test_errors_are_those_of_build(tmp_path):
    with pytest.raises(v8snap.JSError, match="no"):
        cached(tmp_path / "a.v8snap", {"a.js": "throw new Error('no')"})
    assert not (tmp_path / "a.v8snap").exists()


def test_many_processes_build_once(tmp_path):
    program = """
import sys, v8snap
build = v8snap.builder.build
def noted(*args, **kwargs):
    with open(sys.argv[1] + "/builds", "a") as file:
        file.write("built\\n")
    return build(*args, **kwargs)
v8snap.builder.build = noted
blob = v8snap.cached(sys.argv[1] + "/app.v8snap", {"a.js": "var a = 5"})
print(v8snap.Isolate(blob).new_context().globals["a"])
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) for _ in range(6)
    ]
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == ["5"] * 6
    assert (tmp_path / "builds").read_text() == "built\n"


def test_compare_names_the_first_section_that_differs(make_blob):
    one = make_blob({"a.js": "var a = 1"})
    assert compare(one, one) is None
    assert compare(one, bytes(one)) is None
    with SnapshotCreator() as sc:
        sc.add_context(sc.new_context())
    assert compare(one, sc.blob) in sc.blob.sections
    raw = bytearray(one)
    raw[4] = 0  # the rehashing mark
    assert compare(one, StartupData(raw)) == "header"
    with pytest.raises(v8snap.SnapshotCorruptError):
        compare(one, b"nothing")


def test_deterministic_builds_are_the_same_bytes():
    scripts = {
        "lib.js": "class A { static m = new Map([['k', {}]]); f(x) { return [x] } }; const r = Math.random()",
        "main.js": "var s = new Set(['x', A]); function run() { return new A().f(1).length }; "
        + "".join(f"var v{i} = {{p{i}: {i}, q: '{i}'}};" for i in range(2000)),
    }
    arguments = {"warmup": "run()", "modules": {"m": "export const o = {}"}, "deterministic": True}
    first, second = (v8snap.build(scripts, **arguments) for _ in range(2))
    assert compare(first, second) is None
    assert bytes(first) == bytes(second)
    with Isolate(first) as iso:
        assert iso.new_context().globals["run"]() == 1
    with pytest.raises(ValueError, match="helper process"):
        v8snap.build(scripts, deterministic=True, isolated=False)


def test_saving_under_another_name_leaves_the_cache_file(tmp_path):
    blob = cached(tmp_path / "a.v8snap", SCRIPTS)
    blob.save(tmp_path / "b.v8snap")
    shutil.copy(tmp_path / "b.v8snap", tmp_path / "c.v8snap")
    assert cached(tmp_path / "c.v8snap", SCRIPTS) == blob
