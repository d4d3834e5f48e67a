"""What has to be so in a source distribution and in a wheel.

    python tools/wheels/check.py sdist FILE REPOSITORY
    python tools/wheels/check.py wheel FILE SOURCE [FOLDER...]

``SOURCE`` is the folder that the wheel was compiled from; nothing in it may refer to the ``FOLDER``s.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Bytes that a wheel with V8 in its module may have: by clang it has less than 20 million, by gcc 20.6.
LARGEST = 21_000_000
#: What auditwheel lets a wheel expect of a system; all else has to be inside.
SYSTEM = re.compile(r"^(ld-linux.*|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|z))\.so")


class ContentsError(Exception):
    """Something is in a file that shouldn't be, or isn't and should; the text says what."""


def require(condition: object, *problem: object) -> None:
    """Raise `ContentsError` where it doesn't hold."""
    if not condition:
        raise ContentsError(" ".join(map(str, problem)))


def check_sdist(sdist: Path, repository: Path) -> None:
    """A source distribution has each file of the repository, PKG-INFO, and nothing else."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, check=True, capture_output=True, text=True)
    expected = {*listed.stdout.split("\0"), "PKG-INFO"} - {""}
    with tarfile.open(sdist) as files:
        found = {name.partition("/")[2] for name in files.getnames() if files.getmember(name).isfile()}
    require(found == expected, sdist.name, "differs from the repository:", sorted(found ^ expected))


def check_wheel(wheel: Path, source: Path, foreign: Iterable[Path]) -> None:
    """A wheel is whole and stands alone."""
    with zipfile.ZipFile(wheel) as files:
        contents = {name: files.read(name) for name in files.namelist()}
        streamed = [info.filename for info in files.infolist() if info.flag_bits & 8]
    require(not streamed, "PyPI refuses files whose sizes come after them:", streamed)
    check_package(contents, source)
    check_licences(contents)
    check_libraries(contents)
    check_size(contents, wheel.stat().st_size)
    for name, data in contents.items():
        for folder in foreign:
            require(str(folder).encode() not in data, name, "refers to", folder)


def check_package(contents: dict[str, bytes], source: Path) -> None:
    """The modules, scripts and headers of the source folder are there."""
    parts = [path for pattern in ("*.py", "*.js", "*.pyi", "py.typed") for path in source.glob(f"v8snap/**/{pattern}")]
    expected = {path.relative_to(source).as_posix() for path in parts}
    expected |= {f"v8snap/{path.relative_to(source)}" for path in source.glob("include/v8snap/*.hpp")}
    require(len(expected) > 50, source, "is no source folder of v8snap")
    require(expected <= contents.keys(), "not in the wheel:", sorted(expected - contents.keys()))
    strange = [name for name in contents if PurePosixPath(name).suffix in (".pyx", ".pxi", ".cc", ".o", ".in")]
    require(not strange, "sources of the compiled module are in the wheel:", strange)


def check_licences(contents: dict[str, bytes]) -> None:
    """Each library's package has its licence in the wheel, and the metadata names every licence file."""
    carried = json.loads(contents["v8snap/_carried.json"])
    require(carried["libraries"], "no libraries are listed")
    for soname, package in carried["libraries"].items():
        require(package, "nobody knows which package", soname, "came from")
        wanted = re.compile(rf"/licenses/bundled/{re.escape(package.split()[0])}(-[^/]*)?\.txt$")
        require(any(map(wanted.search, contents)), "no licence of", soname)
    [metadata] = (name for name in contents if name.endswith(".dist-info/METADATA"))
    named = HeaderParser().parsestr(contents[metadata].decode()).get_all("License-File", [])
    folder = metadata.replace("METADATA", "licenses/")
    found = {name.removeprefix(folder) for name in contents if name.startswith(folder)}
    require(found == set(named), "the metadata names other licences than there are:", found ^ set(named))


def check_libraries(contents: dict[str, bytes]) -> None:
    """Compiled files are stripped, find each other within the wheel, and each is there once."""
    libraries = {
        PurePosixPath(name).name: (PurePosixPath(name), ELFFile(BytesIO(data)))
        for name, data in contents.items()
        if data.startswith(b"\x7fELF")
    }
    bare = [re.sub(r"-[0-9a-f]{8}\.", ".", name) for name in libraries]
    require(len(bare) == len(set(bare)), "a library is there twice:", sorted(libraries))
    needed_by_some = set()
    for name, (path, elf) in libraries.items():
        require(elf.get_section_by_name(".symtab") is None, name, "isn't stripped")
        entries = list(elf.get_section_by_name(".dynamic").iter_tags())
        require(not any(tag.entry.d_tag == "DT_RUNPATH" for tag in entries), name, "has a DT_RUNPATH")
        ways = [way for tag in entries if tag.entry.d_tag == "DT_RPATH" for way in tag.rpath.split(":")]
        needed = {tag.needed for tag in entries if tag.entry.d_tag == "DT_NEEDED"}
        needed = {soname for soname in needed if not SYSTEM.match(soname)}
        needed_by_some |= needed
        require(needed <= libraries.keys(), name, "needs what isn't there:", needed - libraries.keys())
        for soname in needed:
            folder = libraries[soname][0].parent
            places = [within(way.replace("$ORIGIN", str(path.parent))) for way in ways if way.startswith("$ORIGIN")]
            require(folder in places and len(places) == len(ways), name, "looks for", soname, "in", ways)
    modules = {name for name in libraries if name.startswith("_v8.")}
    require(len(modules) == 1, "one compiled module is expected:", modules)
    require(libraries.keys() == needed_by_some | modules, "nobody needs", libraries.keys() - needed_by_some - modules)


def check_size(contents: dict[str, bytes], size: int) -> None:
    """A wheel whose V8 is in its module, and made for that, is no larger than it may be."""
    alone = sum(data.startswith(b"\x7fELF") for data in contents.values()) == 1
    largest = sorted(contents, key=lambda name: -len(contents[name]))[:5]
    table = ", ".join(f"{name} {len(contents[name]):,}" for name in largest)
    require(not alone or size <= LARGEST, f"the wheel has {size:,} bytes, more than {LARGEST:,}; unpacked:", table)


def within(path: str) -> PurePosixPath:
    """A path in the wheel without its ``..``."""
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        parts[-1:] = [] if part == ".." else [*parts[-1:], part]
    return PurePosixPath(*parts)


def main(arguments: list[str]) -> int:
    """Check one file; 1 and a line on stderr where something is wrong with it."""
    kind, file, folder, *foreign = arguments
    try:
        if kind == "sdist":
            check_sdist(Path(file), Path(folder))
        else:
            check_wheel(Path(file), Path(folder), map(Path, foreign))
    except ContentsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
