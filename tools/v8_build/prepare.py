"""From a source tree of Node.js to Ninja files: copied, mended where a distribution took parts out, configured."""

from __future__ import annotations

import os
import pprint
import re
import shutil
import sys
import tarfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import fetch
from compiler import Compiler
from ninja_build import Build
from shared import FailedError, digest_of, digest_of_file, read_gypi, run, say

#: The first Node.js with Gyp files of this kind.
NODE_NEEDED = 22
#: Where another version of a part may be had from.
OTHER_SUITE = "sid"
#: Parts of a tree that V8 is made without.
UNUSED = {".git", "out", "test", "doc", "benchmark", "node_modules"}
#: Parts of Node.js that V8 is made without; not every version knows each of them.
CONFIGURE = [
    "--ninja",
    "--shared-libuv",
    "--shared-zlib",
    "--shared-brotli",
    "--shared-cares",
    "--shared-nghttp2",
    "--without-ssl",
    "--without-inspector",
    "--without-sqlite",
    "--without-amaro",
    "--without-lief",
    "--without-npm",
    "--without-corepack",
    "--without-node-snapshot",
]
#: What helps nobody who embeds V8, and makes it larger: printing objects, and telling gdb of code.
LEFT_OUT = ("v8_enable_object_print", "v8_enable_gdbjit")
#: Without zlib a snapshot's checksum is V8's own.
GYP_VARIABLES = ["-Dcomponent=static_library", "-Dlibrary=static_library", "-Dv8_use_zlib=0"]
#: What the distribution's Node.js has V8 take from a library.
SHARED_SIMDUTF = Path("debian/patches/build/shared_simdutf.patch")
RUN_GYP = "import sys; sys.path.insert(0, 'tools/v8_gypfiles'); import gyp; sys.exit(gyp.main(sys.argv[1:]))"


@dataclass
class Source:
    """Where V8 is made from."""

    tree: Path  # a folder, or a tarball
    digest: str
    names: list[str]  # what it is, for the manifest
    simdutf: Path | None = None
    icu: Path | None = None

    @cached_property
    def version(self) -> str:
        """V8's version, from its header, which takes a while to find in a tarball."""
        relative = "deps/v8/include/v8-version.h"
        if self.tree.is_dir():
            header = self.tree / relative
            if not header.is_file():
                raise FailedError(f"{self.tree} isn't a source tree of Node.js: it has no {relative}")
            text = header.read_text()
        else:
            with tarfile.open(self.tree) as archive:
                for member in archive:
                    if member.name.endswith(f"/{relative}"):
                        file = archive.extractfile(member)
                        text = file.read().decode() if file else ""
                        break
                else:
                    raise FailedError(f"{self.tree} isn't a source tarball of Node.js: it has no {relative}")
        parts = (re.search(rf"define V8_{part} (\d+)", text) for part in ("MAJOR_VERSION", "MINOR_VERSION"))
        numbers = [found[1] for found in parts if found]
        numbers += re.findall(r"define V8_(?:BUILD_NUMBER|PATCH_LEVEL) (\d+)", text)
        return ".".join(numbers)


def given(path: Path) -> Source:
    """A tree or tarball of the user's own."""
    path = path.expanduser().absolute()
    if path.is_file():
        if not tarfile.is_tarfile(path):
            raise FailedError(f"{path} is no tarball")
        return Source(path, digest_of_file(path), [path.name])
    if not path.is_dir():
        raise FailedError(f"{path} is neither a folder nor a tarball")
    wanted = ["deps/v8", "deps/icu-small", "tools", "common.gypi", "configure.py", "src/node_version.h"]
    parts: list[str | bytes] = []
    for name in wanted:
        files = sorted((path / name).rglob("*")) if (path / name).is_dir() else [path / name]
        for file in files:
            if file.is_file():
                parts += [str(file.relative_to(path)), file.read_bytes()]
    return Source(path, digest_of(parts), [path.name])


def fetched(folder: Path, suite: str, with_intl: bool) -> Source:
    """The distribution's source packages of Node.js, and of what its package of Node.js is without."""
    sources = fetch.Sources(folder, suite, OTHER_SUITE)
    tree, digest = sources.get("nodejs")
    names, digests = [tree.name], [digest]
    needed = {"simdutf": "singleheader/amalgamate.py"} | ({"icu": "source/common"} if with_intl else {})
    folders = {}
    for name, part in needed.items():
        folders[name], digest = sources.get_original(name, part)
        names.append(folders[name].name)
        digests.append(digest)
    return Source(tree, digest_of(digests), names, folders["simdutf"], folders.get("icu"))


def programs(folder: Path) -> Path:
    """The folder with Gyp's Python and Ninja, in an environment of their own."""
    needed = Path(__file__).with_name("requirements.txt")
    done = folder / "requirements.txt"
    if not done.is_file() or done.read_text() != needed.read_text():
        say("Gyp and Ninja")
        run(sys.executable, "-m", "venv", "--clear", folder)
        run(folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", needed)
        shutil.copyfile(needed, done)
    return folder / "bin"


def place(source: Source, tree: Path) -> None:
    """Put the source where it is compiled; what the user has isn't touched."""
    if tree.is_dir():
        return
    partial = tree.with_name(f"{tree.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    say("source tree")
    if source.tree.is_dir():
        ignored = shutil.ignore_patterns(*UNUSED)

        def ignore(folder: str, names: list[str]) -> set[str]:
            return set(ignored(folder, names)) if Path(folder) == source.tree else set()

        shutil.copytree(source.tree, partial, symlinks=True, ignore=ignore)
    else:
        fetch.unpack(source.tree, "deps/v8", partial)
    mend(source, partial)
    partial.rename(tree)


def mend(source: Source, tree: Path) -> None:
    """Give back what a distribution took out."""
    found = re.search(r"define NODE_MAJOR_VERSION (\d+)", (tree / "src" / "node_version.h").read_text())
    if found is None or int(found[1]) < NODE_NEEDED:
        raise FailedError(f"Node.js {NODE_NEEDED} or later is needed, this is {found[1] if found else 'unknown'}")
    simdutf = tree / "deps" / "v8" / "third_party" / "simdutf"
    if source.simdutf is not None and not (simdutf / "simdutf.cpp").is_file():
        if (tree / SHARED_SIMDUTF).is_file():
            run("patch", "-R", "-p1", "-i", SHARED_SIMDUTF, cwd=tree)
        fetch.amalgamate_simdutf(source.simdutf, simdutf)
    uses = (tree / "tools" / "v8_gypfiles" / "v8.gyp").read_text()
    if "third_party/simdutf/simdutf.cpp" in uses and not (simdutf / "simdutf.cpp").is_file():
        raise FailedError("the source tree is without deps/v8/third_party/simdutf: a distribution's? use --fetch")


def configure(source: Source, tree: Path, bin_folder: Path, compiler: Compiler, intl: str) -> None:
    """Write the Ninja files, once."""
    done = tree / "out" / "configured"
    if done.exists():
        return
    say("configuring")
    shutil.rmtree(tree / "out", ignore_errors=True)
    known = (tree / "configure.py").read_text()
    options = [option for option in CONFIGURE if f"'{option}'" in known]
    if intl == "none":
        options.append("--without-intl")
    else:
        options.append("--with-intl=full-icu")
        if source.icu is not None:
            options.append(f"--with-icu-source={source.icu}")
    env = {"CC": str(compiler.cc), "CXX": str(compiler.cxx), "CFLAGS": "", "CXXFLAGS": "", "LDFLAGS": ""}
    python = bin_folder / "python"
    failure = ""
    try:
        run(python, "configure.py", *options, cwd=tree, env=env)
    except FailedError as error:  # parts that V8 isn't made of are missed only after config.gypi is written
        failure = str(error)
    config = tree / "config.gypi"
    if not config.is_file() or "v8_enable_i18n_support" not in config.read_text():
        raise FailedError(f"configure.py wrote no config.gypi\n{failure}")
    configure_v8(config)
    command: list[str | Path] = [
        python,
        "-c",
        RUN_GYP,
        "tools/v8_gypfiles/v8.gyp",
        "-I",
        "common.gypi",
        "-I",
        "config.gypi",
    ]
    command += ["--depth=.", "-f", "ninja", "-Goutput_dir=out", "--no-parallel", f"-Dpython={python}", *GYP_VARIABLES]
    run(*command, cwd=tree, env=env)
    Build(tree, bin_folder / "ninja", 1).keep_originals()
    done.touch()


def configure_v8(config: Path) -> None:
    """Turn off what helps nobody who embeds V8, in what ``configure.py`` wrote."""
    content = read_gypi(config)
    content["variables"].update({name: 0 for name in LEFT_OUT if name in content["variables"]})
    config.write_text(pprint.pformat(content) + "\n")  # Gyp reads Python's literals


def compilers_at_a_time(jobs: int | None) -> int:
    """How many compilers run at a time: as many as processors, each with two gigabytes of what programs can have."""
    if jobs:
        return jobs
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    known = Path("/proc/meminfo")
    found = re.search(r"^MemAvailable: +(\d+) kB", known.read_text(), re.M) if known.is_file() else None
    return max(1, min(cpus, int(found[1]) // 2_000_000)) if found else cpus
