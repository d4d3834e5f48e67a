"""What goes into wheels and source distributions, and what those who make them would not notice."""

import _ssl
import io
import json
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import v8snap

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools" / "wheels")]
try:
    import check
    import pythons
    import v8_tree
finally:
    del sys.path[:2]

METADATA = "v8snap-1.dist-info/METADATA"
LICENCE = "v8snap-1.dist-info/licenses/bundled/libnode1.txt"


@pytest.fixture
def interpreter(tmp_path):
    """Make a program that says of itself what an interpreter would say."""

    def make(name="python3.12", **facts):
        said = {"implementation": "CPython", "version": [3, 12, 1], "final": True, "gil": True, "debug": False}
        said |= {"headers": True, "venv": True, **facts}
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho '{json.dumps(said)}'\n")
        path.chmod(0o755)
        return path

    return make


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"version": [3, 9, 18]}, "older than 3.10"),
        ({"implementation": "PyPy"}, "isn't CPython"),
        ({"final": False}, "final"),
        ({"gil": False}, "no GIL"),
        ({"debug": True}, "debug"),
        ({"headers": False}, "Python.h"),
        ({"venv": False}, "venv"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_python_that_no_wheel_can_be_made_with_is_refused_by_name(interpreter, facts, reason):
    with pytest.raises(pythons.UnfitError, match=reason) as caught:
        pythons.given([interpreter(**facts)])
    assert "python3.12" in str(caught.value)


def test_one_python_of_each_version_is_found_the_newest_there_is(interpreter, tmp_path, monkeypatch):
    interpreter("bin/python3.12", version=[3, 12, 1])
    interpreter("bin/python3.9", version=[3, 9, 1])
    interpreter("bin/python3.11-config", version=[3, 11, 1])
    newest = interpreter("pyenv/versions/3.12.7/bin/python3", version=[3, 12, 7])
    oldest = interpreter("pyenv/versions/3.10.2/bin/python3", version=[3, 10, 2])
    (tmp_path / "bin" / "python3.13").write_text("not for running")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    found = pythons.find()
    assert [(each.path, each.tag, each.name) for each in found] == [
        (oldest, "cp310", "3.10.2"),
        (newest, "cp312", "3.12.7"),
    ]


def test_a_source_distribution_with_too_little_or_too_much_is_noticed(tmp_path):
    repository, sdist = tmp_path / "repository", tmp_path / "v8snap-1.tar.gz"
    repository.mkdir()
    for name in ("kept.py", "forgotten.py"):
        (repository / name).write_text("")
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=repository, check=True)
    (repository / "PKG-INFO").write_text("")

    def pack(*names):
        with tarfile.open(sdist, "w:gz") as files:
            for name in names:
                files.add(repository / name, f"v8snap-1/{name}")

    pack("kept.py", "forgotten.py", "PKG-INFO")
    check.check_sdist(sdist, repository)
    pack("kept.py", "PKG-INFO")
    with pytest.raises(check.ContentsError, match=r"forgotten\.py"):
        check.check_sdist(sdist, repository)
    (repository / "made.o").write_text("")
    pack("kept.py", "forgotten.py", "PKG-INFO", "made.o")
    with pytest.raises(check.ContentsError, match=r"made\.o"):
        check.check_sdist(sdist, repository)


def licensed(libraries, *, named=("bundled/libnode1.txt",), files=(LICENCE,)):
    """What a wheel says of its licences."""
    lines = "".join(f"License-File: {name}\n" for name in named)
    contents = {METADATA: f"Metadata-Version: 2.4\n{lines}\ntext".encode(), **dict.fromkeys(files, b"")}
    return contents | {"v8snap/_carried.json": json.dumps({"libraries": libraries}).encode()}


def test_a_library_without_its_licence_is_noticed():
    check.check_licences(licensed({"libnode.so.1": "libnode1 1.0"}))
    wrong = {
        "no licence of": licensed({"libnode.so.1": "libnode1 1.0", "libuv.so.1": "libuv1 1.0"}),
        "nobody knows": licensed({"libnode.so.1": ""}),
        "no libraries": licensed({}),
        "other licences": licensed({"libnode.so.1": "libnode1 1.0"}, named=()),
    }
    for problem, contents in wrong.items():
        with pytest.raises(check.ContentsError, match=problem):
            check.check_licences(contents)


def test_a_module_that_was_left_out_is_noticed():
    whole = {
        path.relative_to(ROOT).as_posix(): b"" for path in ROOT.glob("v8snap/**/*.*") if path.suffix in (".py", ".js")
    }
    whole |= {"v8snap/_v8.pyi": b"", "v8snap/py.typed": b""}
    whole |= {f"v8snap/{path.relative_to(ROOT)}": b"" for path in ROOT.glob("include/v8snap/*.hpp")}
    check.check_package(whole, ROOT)
    for name in ("v8snap/pool.py", "v8snap/gap.js", "v8snap/py.typed", "v8snap/include/v8snap/value.hpp"):
        with pytest.raises(check.ContentsError, match=name):
            check.check_package({each: data for each, data in whole.items() if each != name}, ROOT)
    with pytest.raises(check.ContentsError, match=r"_v8\.pyx"):
        check.check_package({**whole, "v8snap/_v8.pyx": b""}, ROOT)


def test_a_library_that_would_be_missing_is_noticed():
    module = Path(_ssl.__file__)  # which needs OpenSSL's; v8snap's may have V8 inside
    with pytest.raises(check.ContentsError, match=r"isn't stripped|needs what isn't there"):
        check.check_libraries({f"v8snap/{module.name}": module.read_bytes()})


def test_a_wheel_that_pypi_refuses_is_noticed(tmp_path):
    class Pipe(io.BytesIO):
        def seek(self, *_):
            raise OSError("no way back")

    archive = Pipe()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("v8snap/a.py", "")
    (tmp_path / "a.whl").write_bytes(archive.getvalue())
    with pytest.raises(check.ContentsError, match="PyPI refuses"):
        check.check_wheel(tmp_path / "a.whl", ROOT, [])


def test_a_wheel_that_is_too_large_is_noticed_with_what_makes_it_so():
    contents = {"v8snap/_v8.so": b"\x7fELF" + bytes(1000), "v8snap/a.py": b"x"}
    check.check_size(contents, check.LARGEST)
    with pytest.raises(check.ContentsError, match=r"21,000,001 bytes, more than 21,000,000; .* v8snap/_v8\.so 1,004"):
        check.check_size(contents, check.LARGEST + 1)
    check.check_size({**contents, "v8snap.libs/libnode.so": b"\x7fELF"}, 33_000_000)


def test_paths_in_a_wheel():
    assert str(check.within("v8snap/../v8snap.libs")) == "v8snap.libs"
    assert str(check.within("v8snap/_libs/.")) == "v8snap/_libs"


def test_licences_come_with_the_common_ones_that_they_refer_to(tmp_path, monkeypatch):
    common = tmp_path / "common-licenses"
    common.mkdir()
    (common / "GPL-3").write_text("the third")
    (common / "GPL").symlink_to("GPL-3")
    monkeypatch.setattr(v8_tree, "COMMON_LICENCES", common)
    for package, text in {
        "libnode1": f"see {common}/GPL.",
        "libuv1": f"{common}/GPL-3 {common}/None",
        "x-dev": "",
    }.items():
        folder = tmp_path / "root" / "usr" / "share" / "doc" / package
        folder.mkdir(parents=True)
        (folder / "copyright").write_text(text)
    gathered = v8_tree.gather_licences(tmp_path / "root", tmp_path / "licences")
    assert [path.name for path in gathered] == ["GPL-3.txt", "libnode1.txt", "libuv1.txt"]
    assert gathered[0].read_text() == "the third"


def test_what_is_carried_is_told_by_package_and_version(tmp_path):
    status = tmp_path / v8_tree.STATUS
    status.mkdir(parents=True)
    (status / "libuv1").write_text("Package: libuv1\nVersion: 1.44.2-1\nDescription: loop\n more: words\n")
    (status / "libuv1.md5sums").write_text("0123  usr/lib/x/libuv.so.1.0.0\n4567  usr/share/doc/libuv1/copyright\n")
    told = json.loads(v8_tree.carried(tmp_path, ["libuv.so.1", "libu.so.1"], "unpack"))
    assert told["libraries"] == {"libu.so.1": "", "libuv.so.1": "libuv1 1.44.2-1"}
    assert told["v8_source"] == "unpack"
    assert told["libraries_from"]


def test_build_config_tells_all_that_its_docstring_says():
    config = v8snap.build_config()
    documented = set()
    for line in v8snap.build_config.__doc__.splitlines():
        names, colon, _ = line.strip().partition(" : ")
        if colon and names.startswith("``"):
            documented |= {name.strip("` ") for name in names.split(",")}
    assert documented | {"flags_hash"} == config.keys()
    assert config["options"].keys() == {"v8", "buildtype", "optimization", "assertions"}
    assert config["python"] == "{}.{}".format(*sys.version_info)
    assert json.loads(json.dumps(config)) == config


def test_build_config_tells_the_libraries_that_are_inside():
    config = v8snap.build_config()
    package = Path(v8snap._v8.__file__).parent
    places = {"unpack": package / "_libs", "wheel": package.parent / "v8snap.libs"}
    if config["v8_source"] == "build" or "libv8.a" in config["libraries"]:
        assert config["libraries"].keys() == {"libv8.a"}
        assert config["v8_options"]["v8_enable_webassembly"] == 1
        return
    assert config["v8_options"] == {}
    if config["v8_source"] not in places:
        assert (config["libraries"], config["libraries_from"]) == ({}, "")
        return
    inside = [path.name for path in places[config["v8_source"]].iterdir() if ".so" in path.name]
    assert len(inside) == len(config["libraries"])
    for library, origin in config["libraries"].items():
        assert any(name.startswith(library.partition(".")[0]) for name in inside), library
        assert origin.startswith(("lib", "zlib")), origin


def test_headers_are_where_get_include_says():
    folder = Path(v8snap.get_include())
    assert folder.is_absolute()
    headers = {path.name for path in (folder / "v8snap").iterdir()}
    assert headers == {path.name for path in (ROOT / "include" / "v8snap").iterdir()}


@pytest.mark.slow
def test_each_header_compiles_by_itself_from_outside(tmp_path):
    folder = Path(v8snap.get_include())
    sources = []
    for header in sorted((folder / "v8snap").iterdir()):
        sources.append(tmp_path / f"{header.stem}.cc")
        sources[-1].write_text(f"#include <v8snap/{header.name}>\n")
    flags = ["-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{folder}"]
    command = ["g++", *flags, f"-I{sysconfig.get_path('include')}", *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_compiled_module_exports_nothing_but_its_start():
    done = subprocess.run(
        ["nm", "-D", "--defined-only", v8snap._v8.__file__], capture_output=True, text=True, check=True
    )
    ours = [line.split()[-1] for line in done.stdout.splitlines() if "v8snap" in line or "PyInit" in line]
    assert ours == ["PyInit__v8"]


def test_what_makes_wheels_may_be_used_by_who_installs_from_source():
    """The pinned build tools are within the limits that pyproject.toml gives."""
    text = (ROOT / "pyproject.toml").read_text()
    needed = [Requirement(each) for each in json.loads(text.partition("\nrequires = ")[2].partition("\n")[0])]
    pins = dict(
        line.split("==") for line in (ROOT / "tools/wheels/build_requirements.txt").read_text().split() if "==" in line
    )
    assert len(needed) == 2
    for requirement in needed:
        assert requirement.specifier.contains(pins[requirement.name]), requirement


def test_the_wheels_tool_says_what_it_takes():
    done = subprocess.run([ROOT / "tools/build_wheels", "--help"], capture_output=True, text=True, check=True)
    for option in ("--python", "--test", "--jobs", "--output", "--work", "--v8"):
        assert option in done.stdout
