"""What all steps of the build share: how commands are run, and what is said of them."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parents[1]))
import v8_tree as v8_tree

STARTED = time.monotonic()


class FailedError(Exception):
    """A step failed; the text says which, and has the end of what it printed."""


def say(text: str) -> None:
    """Tell how far it is, with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:5.0f} s] {text}", flush=True)


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command; what it printed, or FailedError with the end of what it said."""
    done = subprocess.run(
        command, cwd=cwd, env=env and {**os.environ, **env}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-20:])
        raise FailedError(f"{command[0]} ended with {done.returncode}\n{last}")
    return done.stdout


def digest_of(parts: Iterable[str | bytes]) -> str:
    """One digest of many parts, which can't be shifted from one to the next."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(f"{len(data)}:".encode() + data)
    return whole.hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read_gypi(path: Path) -> dict[str, dict[str, object]]:
    """What Node's ``configure.py`` wrote for Gyp; before 24.13.1 a Python literal, since then JSON."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    content = None
    for parse in (json.loads, ast.literal_eval):
        with contextlib.suppress(ValueError, SyntaxError):
            content = content or parse(text)
    if not isinstance(content, dict) or not isinstance(content.get("variables"), dict):
        raise FailedError(f"{path} isn't as Node.js writes it")
    return content


def variables_of(tree: Path) -> dict[str, object]:
    """The variables that a source tree was configured with."""
    return read_gypi(tree / "config.gypi")["variables"]


def replace_text(path: Path, text: str) -> bool:
    """Write a file unless it says that already: an older time would have it, and all behind it, made again."""
    if path.is_file() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)
    return True
