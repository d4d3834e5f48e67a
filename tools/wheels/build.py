"""Make the files of a release: a source distribution, and from it a wheel for each Python of this machine.

    tools/build_wheels                            all Pythons on PATH and of pyenv, each wheel with a smoke test
    tools/build_wheels --python python3.12        only these
    tools/build_wheels --test                     the whole test suite against each wheel
    tools/build_wheels --test --record            what came of it goes into docs/reference/proof.json

V8 is the newest that tools/build_v8 has made on this machine; where there is none, it comes from the distribution's
packages (Debian and its like), unpacked once for all. What is packed is the commit that is checked out. Needs a
compiler and git; other tools are installed into environments in the working folder.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parents[1]))
import proof_page
import pythons
import v8_tree
from pythons import Python

HERE = Path(__file__).absolute().parent
REPOSITORY = HERE.parents[1]
#: What a machine without a compiler doesn't have.
COMPILERS = re.compile(
    r"(.*-)?(c\+\+|g\+\+|gcc|cc|c89|c99|cpp|clang|clang\+\+|ld|as|make|cmake|meson|ninja|cython)(-[\d.]+)?"
)
#: What the smoke test says at its end.
VERSIONS = re.compile(r", V8 (?P<V8>\S+), Python (?P<Python>\S+): works")
PYTHONS = re.compile(r"(python|pip|pypy|idle|pydoc)[\d.]*(-config)?")

#: Beside the package may be libraries that auditwheel put there, which look like a package without modules.
CONTENTS = ("--ignore", "W009,W010", "--toplevel")


class FailedError(Exception):
    """A step failed; the text has the end of what it printed."""


@dataclass(frozen=True)
class Made:
    """A file of the release, or what one would have been, and how its test ended."""

    name: str
    bytes: int
    tested: str
    failed: bool = False


class Workshop:
    """The folders that everything is made in."""

    def __init__(self, work: Path, output: Path, v8: Path | None, record: bool) -> None:
        self.record = record
        self.work = work
        self.output = output
        self.v8 = v8 or made_v8() or work / "v8"
        self.v8_made = v8_tree.is_made(self.v8)
        self.tools = work / "tools"
        self.source = work / "source"
        self.logs = work / "logs"
        self.once = threading.Lock()  # for what all wheels share
        for folder in (self.logs, output):
            folder.mkdir(parents=True, exist_ok=True)
        prefix = self.v8 if self.v8_made else self.v8 / "root"
        self.v8_options = ["-Csetup-args=-Dv8=prefix", f"-Csetup-args=-Dv8_prefix={prefix}"]

    def run(self, step: str, *command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
        """Run a command of that step; what it printed, which also goes to the step's log."""
        log = self.logs / f"{step}.log"
        done = subprocess.run(
            command,
            cwd=cwd or self.work,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        with log.open("a") as file:
            file.write(f"$ {' '.join(map(str, command))}\n{done.stdout}\n")
        if done.returncode != 0:
            last = "\n".join(done.stdout.splitlines()[-40:])
            raise FailedError(f"{step}: {command[0]} ended with {done.returncode}\n{last}")
        return done.stdout

    def environment(self, step: str, python: Path, name: str, *packages: str | Path) -> Path:
        """A new virtual environment; the folder of its programs."""
        folder = self.work / name
        self.run(step, python, "-m", "venv", "--clear", folder)
        programs = folder / "bin"
        self.run(step, programs / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages)
        return programs

    def prepare(self, tag: str | None) -> Made:
        """The tools, V8, and the source distribution, which is unpacked too; its version has to be the tag's."""
        say("tools and V8")
        self.environment("tools", Path(sys.executable), "tools", "-r", HERE / "requirements.txt")
        if not self.v8_made:
            script = REPOSITORY / "tools" / "v8_tree.py"
            self.run("v8", sys.executable, script, "unpack", self.v8, self.work / "v8-libraries")
        say("source distribution")
        folder = self.work / "sdist"
        shutil.rmtree(folder, ignore_errors=True)
        self.build("sdist", self.tools / "bin", "--sdist", folder, REPOSITORY)
        [sdist] = folder.iterdir()
        self.check("sdist", sdist, REPOSITORY)
        shutil.rmtree(self.source, ignore_errors=True)
        shutil.unpack_archive(sdist, self.work)
        (self.work / sdist.name.removesuffix(".tar.gz")).rename(self.source)
        if tag and sdist.name != f"v8snap-{tag.removeprefix('v')}.tar.gz":
            raise FailedError(f"{sdist.name} isn't what the tag {tag} is for: the version is in meson.build")
        shutil.copy(sdist, self.output)
        return Made(sdist.name, sdist.stat().st_size, "has all files of the repository")

    def wheel_or_failure(self, python: Python, whole_suite: bool) -> Made:
        """A wheel, or what went wrong, so that others are made all the same."""
        try:
            return self.wheel(python, whole_suite)
        except FailedError as error:
            say(f"{python.tag}: {error}")
            return Made(python.tag, 0, "FAILED, see above", failed=True)

    def build(self, step: str, programs: Path, kind: str, into: Path, source: Path, *options: str) -> None:
        """Run the build frontend in an environment that has what it needs."""
        env = {**os.environ, "PATH": with_path(programs)}
        command = [programs / "python", "-m", "build", kind, "--no-isolation", "--outdir", into]
        self.run(step, *command, *self.v8_options, *options, source, env=env)

    def check(self, kind: str, file: Path, *folders: Path) -> None:
        """Look at a file ourselves, and let others look at it."""
        step = f"check-{kind}"
        python = self.tools / "bin" / "python"
        self.run(step, python, HERE / "check.py", kind, file, *folders)
        self.run(step, python, "-m", "twine", "check", "--strict", file)
        if kind == "wheel":
            folders = "v8snap" if self.v8_made else "v8snap,v8snap.libs"
            self.run(step, python, "-m", "check_wheel_contents", "--no-config", *CONTENTS, folders, file)

    def wheel(self, python: Python, whole_suite: bool) -> Made:
        """Compile, repair, check and test one wheel."""
        step = python.tag
        say(f"{python.tag}: compiling for {python.name}")
        programs = self.environment(step, python.path, f"build-{step}", "-r", HERE / "build_requirements.txt")
        compiled, repaired = self.work / f"compiled-{step}", self.work / f"repaired-{step}"
        for folder in (compiled, repaired):
            shutil.rmtree(folder, ignore_errors=True)
        self.build(step, programs, "--wheel", compiled, self.source, "-Csetup-args=-Dcpp_link_args=-Wl,--strip-all")
        say(f"{python.tag}: libraries and licences")
        self.run(step, self.tools / "bin" / "python", HERE / "repair.py", *compiled.iterdir(), repaired, self.v8)
        [wheel] = repaired.iterdir()
        self.check("wheel", wheel, self.source, self.work, REPOSITORY, *([self.v8.parent] if self.v8_made else []))
        tested = self.test(python, wheel, whole_suite)
        say(f"{python.tag}: {tested}")
        shutil.copy(wheel, self.output)
        return Made(wheel.name, wheel.stat().st_size, tested)

    def test(self, python: Python, wheel: Path, whole_suite: bool) -> str:
        """Test a wheel in an environment that has nothing of what it was made with; the last line of the test."""
        say(f"{python.tag}: testing")
        step = f"{python.tag}-test"
        with tempfile.TemporaryDirectory(prefix="v8snap-wheel-") as folder:
            home = Path(folder)
            package = f"v8snap[test] @ {wheel.as_uri()}" if whole_suite else wheel
            programs = self.environment(step, python.path, f"test-{step}", package)
            env = {"PATH": str(programs), "HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": str(home)}
            smoke = shutil.copy(HERE / "smoke_test.py", home)
            printed = self.run(step, programs / "python", "-I", smoke, cwd=home, env=env)
            if whole_suite:
                env["PATH"] += os.pathsep + str(self.programs_but_compilers())
                shutil.copytree(self.source, home / "source")
                began, versions = time.monotonic(), VERSIONS.search(printed)
                printed = self.run(step, programs / "pytest", "-q", cwd=home / "source", env=env)
                if self.record and versions:
                    facts = {
                        **versions.groupdict(),
                        "pytest": last_line(printed),
                        "seconds": int(time.monotonic() - began),
                    }
                    with self.once:
                        proof_page.record("matrix", f"CPython {python.name}, a wheel", facts)
        return last_line(printed)

    def programs_but_compilers(self) -> Path:
        """A folder for ``PATH`` with the programs of this machine, without compilers and other Pythons."""
        target = self.work / "programs"
        with self.once:
            target.mkdir(exist_ok=True)
            for folder in os.environ["PATH"].split(os.pathsep):
                for program in Path(folder).glob("*"):
                    link = target / program.name
                    if not (COMPILERS.fullmatch(program.name) or PYTHONS.fullmatch(program.name) or link.is_symlink()):
                        link.symlink_to(program)
        return target


def made_v8() -> Path | None:
    """The prefix that this machine has, if it has one."""
    try:
        return v8_tree.made()
    except v8_tree.NotFoundError:
        return None


def last_line(printed: str) -> str:
    """What a test says of itself at its end."""
    return printed.strip().splitlines()[-1].strip("= ")


def with_path(programs: Path) -> str:
    """``PATH`` with these programs first."""
    return os.pathsep.join((str(programs), os.environ["PATH"]))


def say(text: str) -> None:
    """Tell how far it is, with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:5.0f} s] {text}", flush=True)


def table(rows: list[tuple[str, ...]]) -> str:
    """Columns as wide as they have to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def uncommitted() -> str:
    """What git knows to be changed here."""
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="build_wheels", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--python", action="append", type=Path, metavar="PATH", help="an interpreter; may be given often"
    )
    parser.add_argument("--test", action="store_true", help="run the whole test suite against each wheel")
    parser.add_argument("--record", action="store_true", help="write the tests' figures into docs/reference")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="wheels at a time (default: 1)")
    parser.add_argument("--sdist-only", action="store_true", help="no wheels")
    parser.add_argument("--tag", metavar="vX.Y.Z", help="fail unless this is the version")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "dist", metavar="FOLDER", help="default: dist")
    parser.add_argument(
        "--work", type=Path, metavar="FOLDER", help="keep everything in between here, V8 for the next run"
    )
    parser.add_argument("--v8", type=Path, metavar="FOLDER", help="V8: a prefix, or tools/v8 of a build folder")
    parser.add_argument(
        "--allow-dirty", action="store_true", help="pack the commit although there are changes beside it"
    )
    return parser.parse_args()


def main() -> int:
    """Make everything; 1 where a step failed."""
    options = arguments()
    try:
        if not options.allow_dirty and uncommitted():
            raise FailedError(f"there are changes that aren't committed:\n{uncommitted()}")
        if options.sdist_only:
            wanted = []
        elif options.python:
            wanted = pythons.given(Path(shutil.which(path) or path) for path in options.python)
        else:
            wanted = pythons.find()
        if not wanted and not options.sdist_only:
            raise FailedError("no Python was found to make a wheel for; --python names one")
        with tempfile.TemporaryDirectory(prefix="v8snap-wheels-") as folder:
            work = (options.work or Path(folder)).absolute()
            workshop = Workshop(work, options.output.absolute(), options.v8 and options.v8.absolute(), options.record)
            made = [workshop.prepare(options.tag)]
            with ThreadPoolExecutor(options.jobs) as pool:
                made += pool.map(lambda python: workshop.wheel_or_failure(python, options.test), wanted)
    except (FailedError, pythons.UnfitError) as error:
        print(error, file=sys.stderr)
        return 1
    rows = [("file", "MB", "test"), *((each.name, f"{each.bytes / 1e6:.1f}", each.tested) for each in made)]
    print(f"\n{table(rows)}\n\nin {workshop.output}")
    return int(any(each.failed for each in made))


STARTED = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
