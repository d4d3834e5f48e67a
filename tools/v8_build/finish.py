"""From compiled objects to a prefix: one library, headers, how to compile with them, licences; and a check of it."""

from __future__ import annotations

import json
import platform
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import units
from compiler import Compiler
from ninja_build import Build
from prepare import GYP_VARIABLES
from shared import FailedError, digest_of_file, run, say, v8_tree, variables_of

#: Tells the linker to export nothing of the library.
HIDE = "-Wl,--exclude-libs,libv8.a"
#: Templates of the C++ library, whose namespaces are visible whatever a compiler is told; alike in all modules.
OF_STANDARD_LIBRARY = re.compile(r"_Z(T[VIS]|Z?NK?)?(St|9__gnu_cxx)")
#: Of V8's folder of headers what is none, and one that includes what is only made with the inspector's protocol.
NO_HEADER = re.compile(r"^[A-Z]|\.md$|^v8-inspector-protocol\.h$")
#: Options of V8's build that decide what snapshots are like, and whether those of one build get along.
TOLD = [
    "v8_enable_extensible_ro_snapshot",
    "v8_enable_i18n_support",
    "v8_enable_pointer_compression",
    "v8_enable_sandbox",
    "v8_enable_webassembly",
    "v8_random_seed",
    "v8_use_siphash",
    "icu_ver_major",
]


def library_objects(folder: Path) -> list[str]:
    """The objects that V8 consists of.

    That is what the program that makes V8's snapshot is linked with, less what only this program needs; and the
    snapshot.
    """
    archives: dict[str, list[str]] = {}
    wanted: list[str] = []
    for path in sorted(folder.glob("obj/**/*.ninja")):
        for line in units.statements(path.read_text()):
            found = units.BUILD.match(line)
            if found is None:
                continue
            inputs = found["rest"].split("|")[0].split()
            if found["rule"] in ("alink", "alink_thin"):
                archives[found["outputs"].strip()] = inputs
            elif found["rule"] == "link" and found["outputs"].strip() == "mksnapshot":
                wanted = [name for name in inputs if name.endswith(".a")]
    names = {f"lib{target}.a" for target in units.HOST_TARGETS}
    wanted = [name for name in wanted if Path(name).name not in names]
    wanted += [name for name in archives if Path(name).name == "libv8_snapshot.a"]
    if not any(Path(name).name.startswith("libv8_base") for name in wanted) or len(wanted) < 4:
        raise FailedError(f"V8's libraries aren't what they have been: {' '.join(wanted) or 'none was found'}")
    return list(dict.fromkeys(name for archive in wanted for name in archives[archive]))


def make_library(folder: Path, library: Path) -> None:
    """One archive of all objects; names of members may be there twice, which linkers don't mind."""
    library.parent.mkdir(parents=True, exist_ok=True)
    library.unlink(missing_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(str(folder / name) for name in library_objects(folder)))
        listed.flush()
        run("ar", "qcsD", library, f"@{listed.name}")


def embedder_defines(folder: Path, include: Path) -> list[str]:
    """The defines that V8 was compiled with and its headers ask for: who uses the headers needs the same."""
    [path] = folder.glob("obj/**/v8_base_without_compiler.ninja")
    [line] = [line for line in units.statements(path.read_text()) if line.startswith("defines = ")]
    text = "\n".join(header.read_text(errors="replace") for header in include.rglob("*.h"))
    names = set(re.findall(r"\b(?:V8|CPPGC)_\w+", text))
    words = shlex.split(line.partition(" = ")[2])
    names.discard("V8_EMBEDDER_STRING")  # the library knows it by itself, and its quotes ask for trouble
    return [word for word in words if word.startswith("-D") and word[2:].split("=")[0] in names]


def system_libraries(library: Path) -> list[str]:
    """What has to be linked besides; libatomic only where something of it is really needed."""
    undefined = run("nm", "-u", library)
    needs_atomic = re.search(r"\bU __atomic_", undefined)
    return ["-pthread", "-ldl", "-lrt", "-lm", *(["-latomic"] if needs_atomic else [])]


def package_config(version: str, defines: list[str], libraries: list[str]) -> str:
    """``v8.pc``; the prefix may be moved."""
    return "\n".join(
        [
            "prefix=${pcfiledir}/../..",
            "",
            "Name: v8",
            "Description: V8, the JavaScript engine, as a static library",
            f"Version: {version}",
            f"Cflags: -I${{prefix}}/include {' '.join(map(shlex.quote, defines))}",
            f"Libs: -L${{prefix}}/lib {HIDE} -lv8 {' '.join(libraries)}",
            "",
        ]
    )


def told_by_package_config(config: Path, prefix: Path) -> tuple[list[str], list[str]]:
    """What ``v8.pc`` says of compiling and linking, as pkg-config gives it where there is one."""
    program = shutil.which("pkg-config") or shutil.which("pkgconf")
    if program:
        said = (run(program, option, config) for option in ("--cflags", "--libs"))
    else:
        text = config.read_text().replace("${prefix}", str(prefix))
        said = (re.findall(rf"^{field}: (.*)$", text, re.M)[0] for field in ("Cflags", "Libs"))
    cflags, libs = map(shlex.split, said)
    return cflags, libs


def third_party(build: Build) -> set[str]:
    """The folders of others' works that files were really taken from."""
    said = run(build.ninja, "-C", build.folder, "-t", "deps")
    return set(re.findall(r"deps/v8/third_party/([^/\s]+)/", said))


def licences_of(folder: Path) -> list[Path]:
    """The licences of a work; where it comes without, what V8 says of it."""
    found = sorted(path for path in folder.rglob("LICENSE*") if path.is_file()) or sorted(folder.glob("README.*"))
    if not found:
        raise FailedError(f"nothing says what the licence of {folder} is")
    return found


def gather_licences(build: Build, tree: Path, into: Path) -> None:
    """V8's licences and those of all that is compiled into it."""
    into.mkdir(parents=True, exist_ok=True)
    v8 = tree / "deps" / "v8"
    works = {f"third_party-{name}": v8 / "third_party" / name for name in third_party(build)}
    if icu := variables_of(tree).get("icu_path"):
        works["icu"] = tree / str(icu)
    files = {path: f"v8-{path.name}" for path in v8.glob("LICENSE*")}
    for name, folder in works.items():
        for path in licences_of(folder):
            files[path] = "-".join([name, *path.relative_to(folder).parts])
    if not any(name.startswith("v8-") for name in files.values()):
        raise FailedError(f"{v8} is without V8's licence")
    # With those of its parts that have no file of their own here.
    copyright_file = tree / "debian" / "copyright"
    all_parts = copyright_file if copyright_file.is_file() else tree / "LICENSE"
    files |= {all_parts: "node-licences"} | {path: path.name for path in v8_tree.common_licences(all_parts)}
    for path, name in files.items():
        if path.is_file():
            shutil.copyfile(path, into / f"{name}.txt")


def options_of(tree: Path) -> dict[str, str | int]:
    """What V8 was configured with, of what matters to snapshots."""
    found = variables_of(tree)
    return {name: value for name in sorted(TOLD) if isinstance(value := found.get(name), (int, str))}


def given_to_gyp() -> dict[str, int]:
    """What isn't in Node's configuration."""
    found = (re.fullmatch(r"-D(v8_\w+)=(\d+)", word) for word in GYP_VARIABLES)
    return {match[1]: int(match[2]) for match in found if match}


def check(prefix: Path, compiler: Compiler, folder: Path, intl: bool) -> str:
    """Link a shared library with V8 in it, look at what it exports, load it and make a snapshot's round trip."""
    cflags, libs = told_by_package_config(prefix / "lib" / "pkgconfig" / "v8.pc", prefix)
    library = folder / "round_trip.so"
    source = Path(__file__).with_name("round_trip.cc")
    flags = ["-std=c++20", "-O1", "-fPIC", "-fno-rtti", "-fvisibility=hidden", "-shared", "-Wl,--gc-sections"]
    run(compiler.cxx, *flags, *cflags, source, "-o", library, *libs)
    exported = re.findall(r"^\S+ [A-Za-z] (\S+)$", run("nm", "-D", "--defined-only", library), re.M)
    if foreign := [name for name in exported if name != "round_trip" and not OF_STANDARD_LIBRARY.match(name)]:
        raise FailedError(f"a library with V8 in it exports {len(foreign)} of its symbols, as {foreign[:3]}")
    program = f"import ctypes, sys; sys.exit(ctypes.CDLL({str(library)!r}).round_trip({int(intl)}))"
    first, second = (run(sys.executable, "-c", program).strip() for _ in range(2))
    if first != second:
        raise FailedError(f"two runs made different snapshots of the same\n{first}\n{second}")
    return first


def finish(
    build: Build,
    tree: Path,
    prefix: Path,
    compiler: Compiler,
    version: str,
    facts: dict[str, object],
) -> str:
    """Make the prefix, check it, and put it into its place; what the check said."""
    partial = prefix.with_name(f"{prefix.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    say("library")
    library = partial / "lib" / "libv8.a"
    make_library(build.folder, library)
    include = partial / "include"
    headers = tree / "deps" / "v8" / "include"
    shutil.copytree(headers, include, ignore=lambda _, names: [n for n in names if NO_HEADER.search(n)])
    defines = embedder_defines(build.folder, include)
    (partial / "lib" / "pkgconfig").mkdir()
    libraries = system_libraries(library)
    config = package_config(version, defines, libraries)
    (partial / "lib" / "pkgconfig" / "v8.pc").write_text(config)
    gather_licences(build, tree, partial / "licences")
    say("snapshot round trip")
    options = {**options_of(tree), **given_to_gyp()}
    checked = check(partial, compiler, build.folder, bool(options.get("v8_enable_i18n_support")))
    manifest = {
        "v8_version": version,
        **facts,
        "compiler": compiler.name,
        "machine": platform.machine(),
        "defines": defines,
        "link": [HIDE, *libraries],
        "options": options,
        "check": checked,
        "library_bytes": library.stat().st_size,
        "library_sha256": digest_of_file(library),
    }
    (partial / v8_tree.MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    shutil.rmtree(prefix, ignore_errors=True)
    partial.rename(prefix)
    return checked
