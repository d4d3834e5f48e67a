"""Builds the C++ program, against the V8 that the installed v8snap has."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import v8snap
import v8snap._v8
from benchmarks import FOLDER
from benchmarks.sides import Child, SideError

ROOT = FOLDER.parent


class CompileError(Exception):
    """The C++ program can't be built; the text says why."""


def cache_folder():
    """Where the program, and other packages, are kept from run to run."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "v8snap-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def editable_build():
    """The build folder of an editable install, or None."""
    build = Path(v8snap._v8.__file__).resolve().parent.parent
    return build if (build / "build.ninja").is_file() else None


def editable_prefix():
    """Where an editable install was told to find V8, or None."""
    build = editable_build()
    if build is None:
        return None
    options = build / "meson-info" / "intro-buildoptions.json"
    values = {option["name"]: option["value"] for option in json.loads(options.read_text())}
    unpacked = build / "tools" / "v8" / "root"
    return values.get("v8_prefix") or (str(unpacked) if unpacked.is_dir() else None)


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise CompileError(f"{' '.join(map(str, command))} failed:\n" + "\n".join(said[-20:]))


def _options(prefix):
    prefix = prefix or editable_prefix()
    if prefix:
        return ["-Dv8=prefix", f"-Dv8_prefix={Path(prefix).resolve()}"]
    source = v8snap.build_config()["v8_source"]
    return [f"-Dv8={source}"] if source in ("system", "unpack", "build") else []


def compile_baseline(cache, prefix=None):
    """The program's path.

    `cache` is the folder to build in; `prefix` a tree with V8: if not given, the one that an editable install has, else
    what Meson finds by itself.
    """
    build = cache / "baseline"
    tools = Path(sys.executable).parent
    meson = shutil.which("meson", path=str(tools)) or shutil.which("meson")
    ninja = shutil.which("ninja", path=str(tools)) or shutil.which("ninja")
    if meson is None or ninja is None:
        raise CompileError("the C++ program needs meson and ninja: pip install 'v8snap[bench]'")
    again = ["--reconfigure"] if (build / "build.ninja").exists() else []
    _run([meson, "setup", *again, str(build), str(ROOT), "-Dbenchmarks=true", *_options(prefix)])
    _run([ninja, "-C", str(build), "benchmarks/v8snap-baseline"])
    program = build / "benchmarks" / "v8snap-baseline"
    _check_version(program)
    return program


def _check_version(program):
    side = Child([str(program)])
    try:
        found = side.ask("version", {})["result"]
    except SideError as error:
        raise CompileError(f"the C++ program doesn't run: {error}") from None
    finally:
        side.close()
    if found != v8snap.v8_version():
        raise CompileError(
            f"the C++ program has V8 {found} and v8snap {v8snap.v8_version()}: give v8snap's with --v8-prefix"
        )
