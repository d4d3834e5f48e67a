"""Ways to V8 that lead nowhere say what to do; each is a configuration of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def configure(folder, *options):
    """Meson's output of a configuration that has to fail."""
    environment = {**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}
    command = [sys.executable, "-m", "mesonbuild.mesonmain", "setup", str(folder / "build"), str(ROOT), *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_no_v8_names_packages_and_options(tmp_path):
    (tmp_path / "empty").mkdir()
    said = configure(tmp_path, "-Dv8=prefix", f"-Dv8_prefix={tmp_path / 'empty'}")
    for word in (
        "Debian, Ubuntu",
        "libnode-dev",
        "Fedora",
        "v8-devel",
        "Arch",
        "macOS",
        "brew",
        "-Dv8=",
        "-Dv8_prefix",
    ):
        assert word in said, said


def test_a_prefix_has_to_be_named(tmp_path):
    assert "needs -Dv8_prefix" in configure(tmp_path, "-Dv8=prefix")


def test_headers_of_another_v8_are_refused(tmp_path):
    command = [
        sys.executable,
        str(ROOT / "tools" / "v8_tree.py"),
        "unpack",
        str(tmp_path / "v8"),
        str(tmp_path / "libs"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    header = tmp_path / "v8" / "root" / "usr" / "include" / "node" / "v8-version.h"
    text = header.read_text()
    lines = [line for line in text.splitlines() if "define V8_BUILD_NUMBER" in line]
    header.write_text(text.replace(lines[0], lines[0].rsplit(" ", 1)[0] + " 99999"))
    # As a package whose headers lie where another V8's library is.
    root = tmp_path / "v8" / "root"
    library = next((tmp_path / "libs").glob("libnode.so*"))
    for old in root.glob("usr/lib/**/libnode.so*"):
        old.unlink()
    (root / "usr" / "lib" / library.name).symlink_to(library)
    said = configure(tmp_path, "-Dv8=prefix", f"-Dv8_prefix={root}")
    assert "do not belong together" in said, said
    assert "headers are V8" in said, said
