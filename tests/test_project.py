"""What the project says of itself is so: README, examples, layers."""

import re
from pathlib import Path

import pytest

import v8snap

ROOT = Path(__file__).parent.parent
ENGINE = [*sorted((ROOT / "v8snap" / "engine").iterdir()), *sorted((ROOT / "include" / "v8snap").iterdir())]


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.S)


def test_ci_runs_the_readmes_commands():
    commands = [line for block in blocks(ROOT / "README.md", "sh") for line in block.splitlines()]
    assert commands == ["pip install '.[demo]' && v8snap demo", "pip install '.[test]' && pytest"]
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    for command in commands:
        assert any(line == command or line.startswith(command + " | tee ") for line in lines), command


@pytest.mark.parametrize("name", ["typescript", "clean_contexts"])
def test_examples_run(child, tmp_path, name):
    done = child((ROOT / "examples" / f"{name}.py").read_text(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"typescript": "var area", "clean_contexts": "Grace: visit 1"}[name] in done.stdout


def test_only_one_header_asks_for_v8s_version():
    asking = [path.name for path in ENGINE if re.search(r"^\s*#\s*(if|elif).*V8_M", path.read_text(), re.M)]
    assert asking == ["v8_compat.hpp"]


def test_layers_are_kept():
    headers = [path for path in ENGINE if path.suffix == ".hpp" and path.parent.name == "v8snap"]
    assert headers
    for path in headers:
        text = re.sub(r"//.*", "", path.read_text())
        assert "v8.h" not in text, path
        assert "v8::" not in text, path
    for path in (ROOT / "v8snap").glob("*.p[xy]*"):
        assert "v8.h>" not in path.read_text(), path


def test_every_declaration_says_whether_it_throws():
    lines = (ROOT / "v8snap" / "_engine.pxd").read_text().splitlines()
    declarations = [
        line for line in " ".join(lines).split("    ") if re.search(r"\w\(.*\)", line) and "enum" not in line
    ]
    assert len(declarations) > 40
    for declaration in declarations:
        assert "except +" in declaration or "noexcept" in declaration, declaration


def test_public_things_are_documented():
    for name in v8snap.__all__:
        thing = getattr(v8snap, name)
        if not callable(thing):
            continue
        assert thing.__doc__, name
        if isinstance(thing, type):
            for method, value in vars(thing).items():
                if not method.startswith("_") and (callable(value) or isinstance(value, property)):
                    assert getattr(value, "__doc__", None), f"{name}.{method}"


def test_the_installed_package_is_whole():
    package = Path(v8snap.errors.__file__).parent
    for name in ("py.typed", "_v8.pyi", "demo.py"):
        assert (package / name).is_file(), name
    parts = [
        path
        for folder in (".", "host", "cli", "interactive", "notebook")
        for path in (ROOT / "v8snap" / folder).glob("*.[jp][sy]")
    ]
    assert len(parts) > 20
    for path in parts:
        assert (package / path.relative_to(ROOT / "v8snap")).is_file(), path


def test_every_public_name_is_there_whatever_was_imported_before(child_ok):
    code = """
        import importlib, pkgutil, sys
        import v8snap
        assert "v8snap._v8" not in sys.modules
        for module in pkgutil.iter_modules(v8snap.__path__):
            if module.name not in ("cli", "__main__", "helper_process"):
                importlib.import_module(f"v8snap.{module.name}")
        names = [name for name in v8snap.__all__ if type(getattr(v8snap, name)).__name__ == "module"]
        assert names == [], names
        assert set(v8snap.__all__) <= set(dir(v8snap))
        assert set(v8snap._PLACES) == set(v8snap.__all__)
        from v8snap import *
        try:
            v8snap.nothing_of_that_name
        except AttributeError as error:
            print(error)
    """
    assert child_ok(code) == "module 'v8snap' has no attribute 'nothing_of_that_name'\n"


def test_importing_it_loads_neither_v8_nor_what_only_some_use(child_ok):
    code = """
        import sys
        before = set(sys.modules)
        import v8snap
        print(sorted(name for name in set(sys.modules) - before if name.startswith("v8snap")))
        v8snap.StartupData, v8snap.Isolate
        heavy = {"asyncio", "tempfile", "subprocess", "logging", "importlib.resources"}
        print(sorted(heavy & set(sys.modules) - before))
    """
    packages, heavy = child_ok(code).splitlines()
    assert packages == "['v8snap']"
    assert heavy == "[]"
