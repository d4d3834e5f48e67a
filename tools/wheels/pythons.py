"""Find the Pythons of this machine that wheels can be made for."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OLDEST = (3, 10)
FACTS = """
import importlib.util, json, os, platform, sys, sysconfig
print(json.dumps({
    "implementation": platform.python_implementation(),
    "version": sys.version_info[:3],
    "final": sys.version_info.releaselevel == "final",
    "gil": not sysconfig.get_config_var("Py_GIL_DISABLED"),
    "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
    "headers": os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")),
    "venv": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
}))
"""


@dataclass(frozen=True)
class Python:
    """An interpreter to make a wheel for."""

    path: Path
    version: tuple[int, ...]

    @property
    def tag(self) -> str:
        """As in the names of wheels: ``cp311``."""
        return "cp{}{}".format(*self.version)

    @property
    def name(self) -> str:
        """As people say it: ``3.11.7``."""
        return ".".join(map(str, self.version))


class UnfitError(Exception):
    """No wheel can be made with this interpreter; the text says why."""


def look_at(path: Path) -> Python:
    """Ask an interpreter what it is."""
    try:
        done = subprocess.run([path, "-I", "-c", FACTS], capture_output=True, text=True, check=True)
        facts = json.loads(done.stdout)
    except (OSError, subprocess.CalledProcessError, json.JSONDecodeError) as error:
        raise UnfitError(f"{path} doesn't run: {error}") from error
    version = tuple(facts["version"])
    reasons = {
        "isn't CPython": facts["implementation"] != "CPython",
        f"is older than {OLDEST[0]}.{OLDEST[1]}": version[:2] < OLDEST,
        "isn't a final release": not facts["final"],
        "has no GIL": not facts["gil"],
        "is a debug build": facts["debug"],
        "has no headers (Python.h)": not facts["headers"],
        "has no venv": not facts["venv"],
    }
    for reason, holds in reasons.items():
        if holds:
            raise UnfitError(f"{path} {reason}")
    return Python(path, version)


def candidates() -> Iterator[Path]:
    """Interpreters on ``PATH`` and those that pyenv keeps."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield from (path for path in Path(folder or ".").glob("python3.*") if re.fullmatch(r"python3\.\d+", path.name))
    yield from Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin/python3")


def find() -> list[Python]:
    """One interpreter of each minor version, the newest there is, oldest version first."""
    found: dict[str, Python] = {}
    for path in candidates():
        try:
            python = look_at(path)
        except UnfitError:
            continue
        if python.tag not in found or found[python.tag].version < python.version:
            found[python.tag] = python
    return sorted(found.values(), key=lambda python: python.version)


def given(paths: Iterable[Path]) -> list[Python]:
    """The interpreters at these paths; UnfitError for the first that won't do."""
    return [look_at(path.absolute()) for path in paths]
