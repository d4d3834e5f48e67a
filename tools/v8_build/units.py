"""Many C++ files compiled as one: what Gyp wrote for Ninja is rewritten to that.

Parsing V8's headers takes most of the time of a file, so that neighbours of one target, which have one set of flags,
are included into one. Some don't get along, with names that clash; such a unit is split in halves until its parts do.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from shared import FailedError, digest_of, replace_text

#: How many neighbours are compiled as one. More take more memory, and give less.
FILES_OF_UNIT = 18
#: ICU's files take their names for their own, so that long units mostly fail; its headers are cheap.
FILES_OF_ICU_UNIT = 5
#: Targets that only programs of the build itself are made of, which run once; they needn't be fast, but soon there.
HOST_TARGETS = {
    "bytecode_builtins_list_generator",
    "gen-regexp-special-case",
    "mksnapshot",
    "torque",
    "torque_base",
    "v8_init",
    "v8_initializers",
    "v8_initializers_slow",
}
#: Files that set up their includes by themselves: Highway and its users compile a file several times over.
ALONE = re.compile(
    r"third_party/(highway|simdutf|abseil-cpp)/|/trap-handler/|/mksnapshot\.|/gen/debug-support\.cc|v8_snapshot\.gen/"
)
#: With these, every symbol of V8's API would be one of whoever links it.
EXPORTING = {"-DBUILDING_V8_SHARED", "-DBUILDING_V8_PLATFORM_SHARED", "-DBUILDING_V8_BASE_SHARED"}
#: V8 goes into a shared library, where its thread-local variables can't have a fixed place.
ADDED_DEFINES = ["-DV8_TLS_USED_IN_LIBRARY"]
ADDED_FLAGS = ["-fPIC", "-fvisibility=hidden", "-fvisibility-inlines-hidden", "-w"]
#: Node's shared libraries, which none of the programs that the build runs has anything of.
LIBRARIES = {"-latomic", "-ldl", "-lm", "-lpthread", "-lrt"}

BUILD = re.compile(r"^build (?P<outputs>[^:|]+): (?P<rule>\S+)(?P<rest>.*)$")


class BadFlagsError(FailedError):
    """A command line isn't what it has to be: what comes of it would be slow, or show its symbols."""


@dataclass
class Plan:
    """Which files make which unit, by target; what a stopped build goes on with."""

    groups: dict[str, list[list[str]]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Plan:
        """What was saved, or an empty plan."""
        return cls(json.loads(path.read_text())) if path.is_file() else cls()

    def save(self, path: Path) -> None:
        """Write it down, whole or not at all."""
        replace_text(path, json.dumps(self.groups, indent=1) + "\n")

    def of(self, target: str, files: list[str]) -> list[list[str]]:
        """A target's units: as they were planned, if its files are the same, or planned now."""
        known = self.groups.get(target, [])
        if sorted(file for group in known for file in group) != sorted(files):
            self.groups[target] = known = chunks(
                files, FILES_OF_ICU_UNIT if target.startswith("icu") else FILES_OF_UNIT
            )
        return known

    def split(self, failed: set[str]) -> list[str]:
        """Split units that failed, named by their objects; returns files that failed alone."""
        hopeless = []
        for target, groups in self.groups.items():
            parted: list[list[str]] = []
            for group in groups:
                if unit_object(target, group) not in failed:
                    parted.append(group)
                elif len(group) == 1:
                    hopeless.append(group[0])
                    parted.append(group)
                else:
                    middle = len(group) // 2
                    parted += [group[:middle], group[middle:]]
            self.groups[target] = parted
        return hopeless


def chunks(files: list[str], size: int) -> list[list[str]]:
    """Neighbours in groups of nearly equal length, none longer than ``size``."""
    count = -(-len(files) // size)
    edges = [len(files) * index // count for index in range(count + 1)] if files else [0]
    return [files[start:end] for start, end in itertools.pairwise(edges)]


def unit_name(target: str, files: list[str]) -> str:
    """A name that other units of the target don't have, and that stays when others are split."""
    first = re.sub(r"\W", "-", Path(files[0]).stem)
    return f"{target}/{first}-{len(files)}-{digest_of(files)[:8]}"


def unit_object(target: str, files: list[str]) -> str:
    """The object file of a unit, as Ninja names it."""
    return f"obj/units/{unit_name(target, files)}.o"


def statements(text: str) -> list[str]:
    """Ninja's lines, those that are continued joined."""
    return re.sub(r"\$\n\s*", "", text).splitlines()


def with_own_flags(line: str, target: str) -> str:
    """A variable of a Ninja file, with the flags that V8 has here."""
    name, _, value = line.partition(" = ")
    words = value.split(" ")
    if name == "defines":
        words = [word for word in words if word.split("=")[0] not in EXPORTING and word not in ADDED_DEFINES]
        words += ADDED_DEFINES
    elif name == "cflags":
        words = [word for word in words if not re.match(r"-(O|Wall|Wextra)", word) and word not in ADDED_FLAGS]
        words += ["-O1" if target in HOST_TARGETS else "-O2", *ADDED_FLAGS]
    elif name == "libs":
        words = [word for word in words if word in LIBRARIES]
    else:
        return line
    return f"{name} = {' '.join(word for word in words if word)}"


def rewritten(text: str, target: str, plan: Plan) -> tuple[str, dict[str, list[str]]]:
    """A target's Ninja file with units for files; and the units, each object with its files."""
    lines = statements(text)
    inputs: dict[str, str] = {}  # by object
    dependencies = ""
    for line in lines:
        found = BUILD.match(line)
        if found and found["rule"] == "cxx":
            source, _, order = found["rest"].partition("||")
            if "|" not in source and not ALONE.search(source):
                inputs[found["outputs"].strip()] = source.strip()
                dependencies = order.strip() or dependencies
    objects: dict[str, list[str]] = {}
    if len(inputs) > 1:
        objects = {unit_object(target, group): group for group in plan.of(target, list(inputs.values()))}
    result = []
    for line in lines:
        found = BUILD.match(line)
        if found is None:
            result.append(with_own_flags(line, target))
        elif not objects or found["outputs"].strip() not in inputs:
            if objects and found["rule"] in ("alink", "alink_thin", "link"):
                line = with_units(line, set(inputs), list(objects))
            result.append(line)
    for name in objects:
        order = f" || {dependencies}" if dependencies else ""
        result.append(f"build {name}: cxx {name.removeprefix('obj/').removesuffix('.o')}.cc{order}")
    return "\n".join(result) + "\n", objects


def with_units(line: str, replaced: set[str], objects: list[str]) -> str:
    """The statement of a library or a program, with units in the place of the first of the files that they are of."""
    words: list[str] = []
    for word in line.split(" "):
        if word not in replaced:
            words.append(word)
        elif objects[0] not in words:
            words += objects
    return " ".join(words)


def write_unit(folder: Path, name: str, files: list[str]) -> None:
    """The file that includes a unit's files; paths are those of Ninja's folder."""
    source = folder / f"{name.removeprefix('obj/').removesuffix('.o')}.cc"
    paths = (os.path.relpath(folder / file, source.parent) for file in files)  # so that the tree can be moved
    replace_text(source, "".join(f'#include "{path}"\n' for path in paths))


def with_data(text: str, assembler: Path) -> str:
    """The Ninja file of ICU's data without the programs that would make it: they are half of ICU once more."""
    kept = []
    for line in statements(text):
        found = BUILD.match(line)
        if found and found["rule"] == "cc":
            line = f"build {found['outputs']}: cc {assembler}"
        elif found and found["rule"] == "stamp":
            line = f"build {found['outputs']}: stamp"
        elif (found and found["rule"] != "alink_thin" and found["rule"] != "alink") or "rule " in line or "  " in line:
            continue
        kept.append(line)
    return "\n".join(kept) + "\n"


def check_flags(commands: list[str]) -> None:
    """Look at the command lines of all compilations, as Ninja would run them, before the first one runs.

    Where an optimisation gets lost everything works, twenty times slower.
    """
    for command in commands:
        words = shlex.split(command)
        levels = [word for word in words if re.fullmatch(r"-O\w*", word)]
        source = words[-3] if words[-2] == "-o" else words[-1]
        target = re.search(r"obj/(?:units/([\w-]+)/|(?:\S*/)?([\w-]+)\.[^/]+\.o$)", command)
        host = target is not None and (target[1] or target[2]) in HOST_TARGETS
        if levels[-1:] not in (["-O2"], ["-O3"], *([["-O1"]] if host else [])):
            raise BadFlagsError(f"{source} would be compiled with {' '.join(levels) or 'no -O at all'}")
        if "-fPIC" not in words or "-fvisibility=hidden" not in words:
            raise BadFlagsError(f"{source} would be compiled without -fPIC or -fvisibility=hidden")
        if any(word.split("=")[0] in EXPORTING for word in words):
            raise BadFlagsError(f"{source} would export V8's symbols")
