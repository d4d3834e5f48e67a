"""Rewrite what Gyp wrote, run Ninja, split units that fail, and tell how long it will take."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import icu_data
import units
from shared import FailedError, digest_of, replace_text, say, variables_of

#: What V8 consists of; the last two are linked into the program that makes its startup snapshot only.
TARGETS = ["v8_snapshot", "v8_libplatform", "v8_libbase"]
#: What a compilation takes in seconds before it comes to the file itself, and the bytes of source in a second from
#: then on: of V8, whose headers are large, and of others. Only what they are to each other matters.
V8_COST = (8.2, 66_000)
OTHER_COST = (0.84, 1_400_000)
#: The size of a source that isn't made yet.
SIZE_OF_UNMADE = 50_000
#: Until this part is done an estimate would be a guess.
ENOUGH = 0.04
SECONDS_BETWEEN_LINES = 30


class Progress:
    """How far it is, and when it may be done: from what the done part took, weighed by the size of its sources.

    Where units were split Ninja runs again, and the estimate is from all runs: what failed has taken its time too.
    """

    def __init__(self) -> None:
        self.weights: dict[str, float] = {}
        self.before = 0.0
        self.left = 0.0
        self.done = 0.0  # in all runs
        self.began = time.monotonic()
        self.told = 0.0
        self.live = sys.stdout.isatty()

    def start(self, weights: dict[str, float], made_before: float = 0) -> None:
        """A run begins, of outputs with these weights; others, of the weight ``made_before``, are there already."""
        self.weights = dict(weights)
        self.left = sum(weights.values())
        self.before = made_before

    def finished(self, output: str) -> None:
        """An output is there; tell so, on a terminal in place, otherwise now and then as a line."""
        weight = self.weights.pop(output, 0)
        self.done += weight
        self.before += weight
        self.left -= weight
        now = time.monotonic()
        if now - self.told < (1 if self.live else SECONDS_BETWEEN_LINES):
            return
        self.told = now
        if self.live:
            print(f"\r\033[K{self.text(now)}", end="", flush=True)
        else:
            say(self.text(now))

    def text(self, now: float) -> str:
        """The part that is done, and the estimate where there is one."""
        part = self.done / max(self.done + self.left, 1)  # of what these runs make: it is what has taken the time
        left = "the time isn't known yet"
        if part >= ENOUGH:
            left = f"about {(now - self.began) * (1 - part) / part / 60:.0f} minutes left"
        whole = self.before / max(self.before + self.left, 1)
        return f"compiling: {whole:.0%}, {left}"

    def end(self) -> None:
        """Leave the line of a terminal."""
        if self.live:
            print()


class Build:
    """A folder that Gyp wrote Ninja files to."""

    def __init__(self, tree: Path, ninja: Path, jobs: int, intl: str = "full") -> None:
        self.folder = tree / "out" / "Release"
        self.ninja = ninja
        self.jobs = jobs
        self.intl = intl
        self.seconds = 0  # of compiling
        self.resumed = False  # what was stopped before
        self.saved = self.folder / "units.json"
        self.plan = units.Plan.load(self.saved)

    def rewrite(self) -> None:
        """Write the Ninja files anew from Gyp's, with the units as they are planned now."""
        for original in sorted(self.folder.glob("obj/**/*.ninja.gyp")):
            target = original.name.removesuffix(".ninja.gyp")
            text = original.read_text()
            if target == "icudata":
                text = units.with_data(text, self.icu_data())
            text, objects = units.rewritten(text, target, self.plan)
            for name, files in objects.items():
                units.write_unit(self.folder, name, files)
            replace_text(original.with_suffix(""), text)
        self.plan.save(self.saved)

    def keep_originals(self) -> None:
        """Put Gyp's files aside, once."""
        for path in self.folder.glob("obj/**/*.ninja"):
            path.replace(path.with_name(f"{path.name}.gyp"))

    def icu_data(self) -> Path:
        """An assembler file that has ICU's data."""
        tree = self.folder.parents[1]
        variables = variables_of(tree)
        version = variables["icu_ver_major"]
        path = (tree / "tools" / "icu" / str(variables["icu_data_in"])).resolve()
        if not path.is_file():
            raise FailedError(f"ICU's data isn't where the configuration says: {path}")
        wanted = path.read_bytes() if self.intl == "whole" else icu_data.trimmed(path.read_bytes())
        data_file = self.folder / f"icu-{digest_of([wanted])[:8]}.dat"  # Ninja doesn't see what an assembler includes
        if not data_file.is_file() or data_file.stat().st_size != len(wanted):
            data_file.write_bytes(wanted)
        assembler = self.folder / "icu_data.S"
        name = f"icudt{version}_dat"
        lines = [".section .rodata", f".globl {name}", f".hidden {name}", f".type {name}, %object", ".balign 16"]
        lines += [
            f"{name}:",
            f'.incbin "{data_file}"',
            f".size {name}, . - {name}",
            '.section .note.GNU-stack,"",%progbits',
        ]
        replace_text(assembler, "\n".join(lines) + "\n")
        return assembler

    def commands(self) -> list[str]:
        """The command lines of all compilations that the targets need."""
        command: list[str | Path] = [self.ninja, "-C", self.folder, "-t", "commands", *TARGETS]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [line for line in said.splitlines() if re.search(r" -c \S+ -o \S+\.o$", line)]

    def weights(self, commands: list[str]) -> dict[str, float]:
        """By object what compiling it takes, in seconds of some machine."""
        by_object = {units.unit_object(name, g): g for name, groups in self.plan.groups.items() for g in groups}
        weights = {}
        for command in commands:
            source, output = re.findall(r" -c (\S+) -o (\S+)$", command)[0]
            files = by_object.get(output, [source])
            paths = [self.folder / file for file in files]
            size = sum(path.stat().st_size if path.is_file() else SIZE_OF_UNMADE for path in paths)
            overhead, rate = V8_COST if re.search(r"deps/v8/src/|torque-generated/", files[0]) else OTHER_COST
            weights[output] = overhead + size / rate
        return weights

    def waiting(self) -> set[str]:
        """The objects that have to be made yet."""
        command: list[str | Path] = [self.ninja, "-C", self.folder, "-n", *TARGETS]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return set(re.findall(r"\] (?:CXX|CC) (\S+)$", said, re.M))

    def run(self) -> None:
        """Compile everything; units that don't compile as one are split until they do."""
        progress = Progress()
        while True:
            self.rewrite()
            commands = self.commands()
            units.check_flags(commands)
            weights, waiting = self.weights(commands), self.waiting()
            made = sum(weight for name, weight in weights.items() if name not in waiting)
            self.resumed = self.resumed or (made > 0 and not progress.done)
            progress.start({name: weights[name] for name in waiting & weights.keys()}, made)
            failed, said = self.ninja_once(progress)
            self.seconds = round(time.monotonic() - progress.began)
            if not failed and not said:
                return
            objects = {units.unit_object(name, g) for name, groups in self.plan.groups.items() for g in groups}
            hopeless = [*self.plan.split(failed), *sorted(failed - objects)]
            self.plan.save(self.saved)
            if hopeless or not failed:
                raise FailedError(f"can't be compiled: {', '.join(hopeless) or 'see below'}\n{said}")
            say(f"{len(failed)} units don't compile as one and are split")

    def ninja_once(self, progress: Progress) -> tuple[set[str], str]:
        """Run Ninja to the end; what failed, and the end of what was said of it."""
        command: list[str | Path] = [self.ninja, "-C", self.folder, "-k", "0", "-j", str(self.jobs), *TARGETS]
        failed: set[str] = set()
        tail: list[str] = []
        log = self.folder / "compile.log"
        with (
            log.open("a", buffering=1) as file,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
            ) as process,
        ):
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    file.write(line)
                    done = re.match(r"\[\d+/\d+\] \w+ (\S+)$", line)
                    if done:
                        progress.finished(done[1])
                        continue
                    wrong = re.match(r"FAILED: (?:\[code=\d+\] )?(.*)$", line)
                    if wrong:
                        failed |= set(wrong[1].split())
                    tail = [*tail[-59:], line]
            except BaseException:
                process.terminate()  # Ninja stops its compilers and takes away what they haven't finished
                raise
        progress.end()
        said = "".join(tail)
        if process.returncode == 0:
            return set(), ""
        if "interrupted by user" in said or process.returncode < 0:
            raise KeyboardInterrupt
        if "No space left on device" in said:  # splitting units is no help
            raise FailedError(f"no space is left for {self.folder}")
        return failed, said or f"ninja ended with {process.returncode}"
