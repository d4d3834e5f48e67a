"""Find a compiler that is new enough for V8, and see that it works."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared import FailedError, run

#: The first versions that compile V8's C++20.
CLANG_NEEDED = (16, 0)
GCC_NEEDED = (12, 2)
CLANGS = ["clang++", *(f"clang++-{major}" for major in range(29, CLANG_NEEDED[0] - 1, -1))]
GCCS = ["g++", *(f"g++-{major}" for major in range(19, GCC_NEEDED[0] - 1, -1))]
PROBE = "#include <version>\n#include <concepts>\nstatic_assert(__cplusplus >= 202002L);\nint main() { return 0; }\n"


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler with its C compiler."""

    cxx: Path
    cc: Path
    name: str  # as "clang 19.1.7"


def identify(cxx: Path) -> tuple[str, tuple[int, ...]]:
    """Which compiler a program is, and its version, by what it defines."""
    with tempfile.NamedTemporaryFile(suffix=".cc") as empty:
        defines = dict(re.findall(r"^#define (\S+) (.*)$", run(cxx, "-dM", "-E", "-x", "c++", empty.name), re.M))
    kind = "clang" if "__clang_major__" in defines else "gcc"
    names = ("__clang_major__", "__clang_minor__", "__clang_patchlevel__")
    if kind == "gcc":
        names = ("__GNUC__", "__GNUC_MINOR__", "__GNUC_PATCHLEVEL__")
    try:
        return kind, tuple(int(defines[name]) for name in names)
    except KeyError:
        raise FailedError(f"{cxx} is neither clang nor gcc") from None


def c_compiler(cxx: Path) -> Path:
    """The C compiler that belongs to a C++ compiler."""
    cc = cxx.with_name(cxx.name.replace("clang++", "clang").replace("g++", "gcc").replace("c++", "cc"))
    if cc == cxx or not cc.exists():
        raise FailedError(f"no C compiler is beside {cxx}")
    return cc


def checked(cxx: Path) -> Compiler:
    """The compiler, if it is new enough and makes programs."""
    kind, version = identify(cxx)
    name = f"{kind} {'.'.join(map(str, version))}"
    needed = CLANG_NEEDED if kind == "clang" else GCC_NEEDED
    if version < needed:
        raise FailedError(f"{cxx} is {name}; V8 needs {kind} {'.'.join(map(str, needed))} or later")
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.cc"
        probe.write_text(PROBE)
        run(cxx, "-std=c++20", probe, "-o", probe.with_suffix(""))
        run(probe.with_suffix(""))
    return Compiler(cxx, c_compiler(cxx), name)


def find(given: Path | None, fetch: Callable[[], Path] | None) -> Compiler:
    """The compiler that is given, or a clang of this machine, one that is fetched, or a gcc, in this order.

    Clang goes first because it is what the build is tried with; gcc takes longer, and more memory.
    """
    if given is not None:
        return checked(Path(shutil.which(given) or given).absolute())
    refused = []
    for names in (CLANGS, GCCS):
        for program in filter(None, map(shutil.which, names)):
            try:
                return checked(Path(program))
            except FailedError as error:
                refused.append(str(error))
        if names is CLANGS and fetch is not None:
            try:
                return checked(fetch())
            except FailedError as error:
                refused.append(str(error))
    raise FailedError("\n".join(["no compiler is new enough: clang 16 or gcc 12.2", *refused]))
