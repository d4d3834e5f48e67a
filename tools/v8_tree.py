"""Find V8 in a folder tree, or make such a tree from the distribution's own packages.

Used by ``tools/meson.build`` at configure time; needs nothing but the standard library::

    python v8_tree.py system          # compile arguments for the V8 in the system's include folders
    python v8_tree.py prefix FOLDER FACTS   # a tree that somebody unpacked or installed, or that tools/build_v8 made;
                                            # FACTS is a folder for a file that tells what is in the latter
    python v8_tree.py made            # the newest that tools/build_v8 made on this machine: its folder
    python v8_tree.py unpack FOLDER LIBS   # the distribution's packages, downloaded and unpacked into FOLDER,
                                           # and the libraries to carry along, gathered in LIBS

It prints lines of a key in ten columns and a value: ``arg`` (compiler argument), ``library``, ``rpath``, ``link``
(linker argument for a static library), ``bundle`` (a shared library to carry along), ``licence`` (its copyright file),
``carried`` (a JSON file that says what they are).
A failure is one line on stderr and exit code 1.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Part of every Debian-like system that can run Python; carrying our own copies would only do harm.
BASE_SONAMES = re.compile(r"^(ld-linux.*|libc|libm|libdl|librt|libpthread|libgcc_s|libstdc\+\+)\.so")
BASE_PACKAGES = {"libc6", "libgcc-s1", "libstdc++6", "libcrypt1"}
# What is known of unpacked packages: where container images without a package client keep it, and scanners look for it.
STATUS = Path("var/lib/dpkg/status.d")
# Copyright files refer to long licences in this folder of every Debian-like system.
COMMON_LICENCES = Path("/usr/share/common-licenses")
# V8's build switches that change its ABI: the headers must be compiled with the same.
EMBEDDER_DEFINES = {
    "v8_enable_pointer_compression": "V8_COMPRESS_POINTERS",
    "v8_enable_31bit_smis_on_64bit_arch": "V8_31BIT_SMIS_ON_64BIT_ARCH",
    "v8_enable_sandbox": "V8_ENABLE_SANDBOX",
    "v8_enable_direct_local": "V8_ENABLE_DIRECT_LOCAL",
}


#: Where `tools/build_v8` writes down what a prefix has that it made; written last.
MANIFEST = "manifest.json"


class NotFoundError(Exception):
    """V8 is not where it was looked for."""


def embedder_defines(include: Path) -> list[str]:
    """Compiler defines that the library was built with, read from Node's ``config.gypi``."""
    config = include / "config.gypi"
    if not config.is_file():
        return []
    text = "\n".join(line for line in config.read_text().splitlines() if not line.lstrip().startswith("#"))
    variables = ast.literal_eval(text)["variables"]
    return [f"-D{macro}" for name, macro in EMBEDDER_DEFINES.items() if variables.get(name) in (1, "1", True)]


def include_folder(root: Path) -> Path:
    """The folder under ``root`` that has ``v8.h``."""
    for relative in ("include/node", "usr/include/node", "include", "usr/include", "libexec/include"):
        if (root / relative / "v8.h").is_file():
            return root / relative
    raise NotFoundError(f"no include/node/v8.h or include/v8.h under {root}")


def library_file(root: Path) -> Path:
    """The shared V8 library under ``root``: ``libnode`` or ``libv8``."""
    for folder in ("lib", "lib64", "usr/lib", "usr/lib64", "libexec"):
        for pattern in ("libnode.so*", "libv8.so*", "libnode*.dylib", "libv8.dylib"):
            found = sorted((root / folder).glob(f"**/{pattern}"), key=lambda path: len(path.name))
            if found:
                return found[0].resolve()
    raise NotFoundError(f"no libnode or libv8 shared library under {root}")


def run(command: list[str], **kwargs: object) -> str:
    """Run a command; its output, or NotFoundError with the last of what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)  # type: ignore[call-overload]
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise NotFoundError(f"{' '.join(command[:1] + command[-2:])} failed: {' '.join(said)}")
    return str(done.stdout)


def package_client(state: Path) -> list[str]:
    """The beginning of apt-get commands that keep lists and downloads in a folder of their own."""
    for name in ("lists/partial", "cache/archives/partial", "state"):
        (state / name).mkdir(parents=True, exist_ok=True)
    client = ["apt-get", "-q", "-o", f"Dir::State={state}/state", "-o", f"Dir::State::lists={state}/lists"]
    client += ["-o", f"Dir::Cache={state}/cache", "-o", "Dir::State::status=/var/lib/dpkg/status"]
    if os.geteuid() == 0:  # apt would otherwise try, and warn, to download as another user
        client += ["-o", "APT::Sandbox::User=root"]
    return client


class Packages:
    """The distribution's package client with lists of its own: no root, and the system stays as it is."""

    def __init__(self, folder: Path) -> None:
        for tool in ("apt-get", "dpkg-deb", "readelf"):
            if shutil.which(tool) is None:
                raise NotFoundError(f"unpack needs {tool}, which this system does not have")
        self.folder = folder
        self.root = folder / "root"
        self.apt = package_client(folder / "apt")
        run([*self.apt, "update"])
        self.seen: set[str] = set()

    def add(self, name: str) -> list[str]:
        """Download and unpack one package; the names it depends on."""
        self.seen.add(name)
        downloads = self.folder / "debs" / name
        downloads.mkdir(parents=True, exist_ok=True)
        run([*self.apt, "download", name], cwd=downloads)
        archive = next(downloads.glob("*.deb"))
        run(["dpkg-deb", "-x", str(archive), str(self.root)])
        status = self.root / STATUS
        status.mkdir(parents=True, exist_ok=True)
        (status / name).write_text(run(["dpkg-deb", "-f", str(archive)]))
        with contextlib.suppress(NotFoundError):  # a package may come without
            (status / f"{name}.md5sums").write_text(run(["dpkg-deb", "-I", str(archive), "md5sums"]))
        depends = run(["dpkg-deb", "-f", str(archive), "Depends"])
        return [re.split(r"[ (|:]", item.strip())[0] for item in depends.split(",") if item.strip()]

    def add_libraries(self, names: list[str]) -> None:
        """Unpack the named packages and the shared libraries they depend on."""
        for name in names:
            if name in self.seen or name in BASE_PACKAGES or not re.match(r"(lib|zlib)", name):
                continue
            self.add_libraries(self.add(name))


def needed_by(library: Path) -> list[str]:
    """The SONAMEs in an ELF file's NEEDED entries."""
    return re.findall(r"\(NEEDED\).*\[(.+?)\]", run(["readelf", "-d", str(library)]))


def gather(library: Path, root: Path, into: Path) -> list[Path]:
    """Copy ``library`` and all it needs from ``root`` into one folder, each under its SONAME."""
    into.mkdir(parents=True, exist_ok=True)
    by_name = {path.name: path for path in sorted(root.glob("**/*.so*")) if path.is_file()}
    waiting, gathered = [library.name], []
    while waiting:
        soname = waiting.pop()
        target = into / soname
        if target in gathered or BASE_SONAMES.match(soname):
            continue
        if soname not in by_name:
            raise NotFoundError(f"the distribution's packages lack {soname}, which {library.name} needs")
        shutil.copyfile(by_name[soname].resolve(), target)
        target.chmod(0o755)
        gathered.append(target)
        waiting += needed_by(target)
    return gathered


def package_of(root: Path, soname: str) -> str:
    """Name and version of the unpacked package with that library; "" for a tree that was made otherwise."""
    for sums in sorted((root / STATUS).glob("*.md5sums")):
        if re.search(rf"/{re.escape(soname)}(\.\S+)?$", sums.read_text(), re.M):
            fields = dict(re.findall(r"^(\S+): (.*)$", sums.with_suffix("").read_text(), re.M))
            return f"{fields['Package']} {fields['Version']}"
    return ""


def carried(root: Path, sonames: list[str], source: str) -> str:
    """What a package carries along, as JSON: what `v8snap.build_config` tells."""
    libraries = {soname: package_of(root, soname) for soname in sorted(sonames)}
    facts = {"v8_source": source, "libraries": libraries, "libraries_from": distribution()}
    return json.dumps(facts, indent=1) + "\n"


def distribution() -> str:
    """The name that this system gives itself."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def common_licences(copyright_file: Path) -> list[Path]:
    """The long licences that a copyright file refers to."""
    names = re.findall(rf"{COMMON_LICENCES}/([\w.+-]*\w)", copyright_file.read_text(encoding="utf-8"))
    found = [(COMMON_LICENCES / name).resolve() for name in names]  # GPL is GPL-3
    return sorted({path for path in found if path.is_file()})


def gather_licences(root: Path, into: Path) -> list[Path]:
    """The copyright files of the unpacked packages, and the common licences that they refer to.

    Headers are from the same sources as their library, and so is what is said of them.
    """
    into.mkdir(parents=True, exist_ok=True)
    found = root.glob("usr/share/doc/*/copyright")
    sources = {path.parent.name: path.resolve() for path in found if not path.parent.name.endswith("-dev")}
    for path in list(sources.values()):
        sources |= {common.name: common for common in common_licences(path)}
    return [Path(shutil.copyfile(path, into / f"{name}.txt")) for name, path in sorted(sources.items())]


def unpack(folder: Path, libs: Path) -> None:
    """Make a tree from the distribution's packages and print where its parts are."""
    done = folder / "unpacked"
    if not done.exists():  # a second configure of the same build folder finds it made
        for old in (folder, libs):
            shutil.rmtree(old, ignore_errors=True)
        folder.mkdir(parents=True)
        packages = Packages(folder)
        headers_need = packages.add("libnode-dev")
        packages.add_libraries([name for name in headers_need if re.match(r"libnode\d", name)])
        gather_licences(packages.root, folder / "licences")
        done.touch()
    root = folder / "root"
    if not libs.is_dir():  # the tree may serve several build folders
        partial = libs.with_name(f"{libs.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        names = [path.name for path in gather(library_file(root), root, partial)]
        (folder / "_carried.json").write_text(carried(root, names, "unpack"))
        partial.rename(libs)
    describe(include_folder(root), libs / library_file(root).name)
    show("bundle", *sorted(libs.iterdir()))
    show("licence", *sorted((folder / "licences").iterdir()))
    show("carried", folder / "_carried.json")


def show(key: str, *values: object) -> None:
    """Print values in the form that Meson can take apart."""
    for value in values:
        print(f"{key:10}{value}")


def describe(include: Path, library: Path) -> None:
    """Print what a compiler needs to know of a tree."""
    show("arg", f"-isystem{include}", *embedder_defines(include))
    show("library", library)
    show("rpath", library.parent)


def cache_folder() -> Path:
    """Where `tools/build_v8` puts its prefixes, if nothing else is said."""
    if folder := os.environ.get("V8SNAP_V8_CACHE"):
        return Path(folder).absolute()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "v8snap" / "v8"


def is_made(prefix: Path) -> bool:
    """Whether `tools/build_v8` made it, to its end."""
    return (prefix / MANIFEST).is_file()


def made() -> Path:
    """The newest prefix that was made for this kind of machine."""
    found = []
    for manifest in cache_folder().glob(f"*/{MANIFEST}"):
        facts = json.loads(manifest.read_text())
        if facts["machine"] == platform.machine():
            version = tuple(map(int, facts["v8_version"].split(".")))
            found.append((version, manifest.stat().st_mtime, manifest.parent))
    if not found:
        raise NotFoundError(f"tools/build_v8 has made none yet (in {cache_folder()})")
    return max(found)[2]


def carried_of_made(prefix: Path, source: str) -> str:
    """What a module with such a prefix's V8 inside carries along, as JSON."""
    facts = json.loads((prefix / MANIFEST).read_text())
    libraries = {"libv8.a": f"v8 {facts['v8_version']} of {', '.join(facts['source'])}"}
    told = {"v8_source": source, "libraries": libraries, "libraries_from": f"sources, with {facts['compiler']}"}
    return json.dumps({**told, "v8_options": facts["options"]}, indent=1) + "\n"


def describe_made(prefix: Path, where: Path) -> None:
    """Print what a compiler needs to know of a prefix that `tools/build_v8` made; ``where`` gets what is told of it."""
    facts = json.loads((prefix / MANIFEST).read_text())
    # Code of the same library is the same V8, whatever it is linked into.
    show("arg", f"-isystem{prefix / 'include'}", *facts["defines"], f'-DV8SNAP_V8_BUILD_ID="{facts["library_sha256"]}"')
    show("library", prefix / "lib" / "libv8.a")
    show("link", "-Wl,--gc-sections", *facts["link"])
    show("licence", *sorted((prefix / "licences").iterdir()))
    where.mkdir(parents=True, exist_ok=True)
    (where / "_carried.json").write_text(carried_of_made(prefix, "build"))
    show("carried", where / "_carried.json")


def system() -> None:
    """Print compile arguments, one a line, for headers in the system's include folders."""
    include = include_folder(Path("/usr"))
    print(f"-isystem{include}", *embedder_defines(include), sep="\n")


def main(arguments: list[str]) -> int:
    """Command line: see the module's docstring."""
    try:
        if arguments == ["system"]:
            system()
        elif arguments == ["made"]:
            print(made())
        elif len(arguments) == 3 and arguments[0] == "prefix":
            root = Path(arguments[1]).expanduser().absolute()
            if is_made(root):
                describe_made(root, Path(arguments[2]).absolute())
            else:
                describe(include_folder(root), library_file(root))
        elif len(arguments) == 3 and arguments[0] == "unpack":
            unpack(Path(arguments[1]).absolute(), Path(arguments[2]).absolute())
        else:
            raise NotFoundError("usage: v8_tree.py system | prefix FOLDER FOLDER | made | unpack FOLDER LIBS")
    except NotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
