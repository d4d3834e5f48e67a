"""Sources and a compiler from the distribution, with package lists of our own: no root, and nothing is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from shared import FailedError, digest_of_file, run, say, v8_tree

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
#: The package whose clang is fetched: the newest that Debian 12 has is the oldest that is tried.
CLANG = "clang-19"


def mirror(folder: Path) -> str:
    """Where this machine has Debian's packages from; the machine's own package lists may be missing."""
    client = v8_tree.package_client(folder)
    run(*client, "update")
    shape = "$(CREATED_BY) $(ORIGIN) $(REPO_URI)"
    for line in run(*client, "indextargets", "--format", shape).splitlines():
        kind, origin, address = line.split(" ", 2)
        if (kind, origin) == ("Packages", "Debian") and "security" not in address:
            return address
    raise FailedError("--fetch needs Debian as this machine's distribution; --source doesn't")


class Sources:
    """The distribution's source packages of a suite, and where it has no other, of a second one."""

    def __init__(self, folder: Path, suite: str, second: str) -> None:
        for tool in ("apt-get", "dpkg-source"):
            if shutil.which(tool) is None:
                raise FailedError(f"--fetch needs {tool} (packages apt and dpkg-dev); --source needs neither")
        self.folder = folder
        self.suite = suite
        state = folder / "apt"
        client = v8_tree.package_client(state)
        self.nowhere = state / "cache"  # apt doesn't tell of what is in the folder already
        listed = folder / f"{suite}.sources"
        listed.write_text(
            f"Types: deb-src\nURIs: {mirror(folder / 'own')}\nSuites: {suite} {second}\n"
            f"Components: main\nSigned-By: {KEYRING}\n"
        )
        self.apt = [*client, "-o", f"Dir::Etc::sourcelist={listed}", "-o", "Dir::Etc::sourceparts=/dev/null"]
        try:
            run(*self.apt, "update")
        except FailedError:
            if not list((state / "lists").glob("*_Sources*")):
                raise
            say("the package lists can't be had now: those of the last time are used")

    def get(self, name: str) -> tuple[Path, str]:
        """A source package, unpacked with the distribution's patches; its folder, and the digest of what it's of.

        The digest is that of the signed list of its parts with their checksums, which apt has looked at.
        """
        downloads = self.folder / name
        downloads.mkdir(parents=True, exist_ok=True)
        said = run(*self.apt, "source", "--print-uris", f"{name}/{self.suite}", cwd=self.nowhere)
        [listed] = re.findall(r"^'\S+' (\S+\.dsc) ", said, re.M)
        tree = downloads / listed.removesuffix(".dsc")
        if not tree.is_dir():
            say(f"source package {tree.name}")
            run(*self.apt, "source", "--download-only", f"{name}/{self.suite}", cwd=downloads)
            partial = downloads / "unpacking"
            shutil.rmtree(partial, ignore_errors=True)
            run("dpkg-source", "--no-check", "-x", listed, partial, cwd=downloads)
            partial.rename(tree)
        return tree, digest_of_file(downloads / listed)

    def get_original(self, name: str, part: str) -> tuple[Path, str]:
        """A source package as its authors released it, its folder with that part in it, and the tarball's digest.

        Another version that the lists have is as good where the newest can't be had: mirrors lag behind.
        """
        downloads = self.folder / name
        downloads.mkdir(parents=True, exist_ok=True)
        failures = []
        for version in self.versions(name):
            try:
                said = run(*self.apt, "source", "--tar-only", "--print-uris", f"{name}={version}", cwd=self.nowhere)
                [tarball] = re.findall(r"^'\S+' (\S+\.orig\.tar\.\w+) ", said, re.M)
                tree = downloads / tarball.split(".orig.")[0]
                if not tree.is_dir():
                    say(f"source of {tree.name}")
                    run(*self.apt, "source", "--tar-only", f"{name}={version}", cwd=downloads)
                    unpack(downloads / tarball, part, tree)
                return tree, digest_of_file(downloads / tarball)
            except FailedError as error:
                say(f"{name} {version} can't be had")
                failures.append(str(error))
        raise FailedError("\n".join([f"no source package {name} can be had", *failures]))

    def versions(self, name: str) -> list[str]:
        """The versions of a source package that the lists have, the newest first."""
        lister = ["apt-cache", *self.apt[2:]]
        found = re.findall(r"^Version: (\S+)$", run(*lister, "showsrc", name), re.M)
        return list(dict.fromkeys(found))


def unpack(tarball: Path, part: str, into: Path) -> None:
    """Unpack a tarball whose one folder, or a folder of that, has the wanted part."""
    unpacking = into.with_name("unpacking")
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(tarball) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(unpacking)
    for folder in [*unpacking.glob("*"), *unpacking.glob("*/*")]:
        if (folder / part).exists():
            folder.rename(into)
            shutil.rmtree(unpacking, ignore_errors=True)
            return
    raise FailedError(f"{tarball.name} has no {part}")


def amalgamate_simdutf(tree: Path, into: Path) -> None:
    """Make the two files that V8 has of simdutf, which the distribution's Node.js takes from a library instead.

    Its licences go beside them, so that the tree is one to give to others.
    """
    into.mkdir(parents=True, exist_ok=True)
    script = tree / "singleheader" / "amalgamate.py"
    run(sys.executable, script, "--no-zip", "--no-readme", "--output-dir", into, cwd=script.parent)
    for path in into.iterdir():
        if path.name not in ("simdutf.cpp", "simdutf.h"):
            path.unlink()
    for path in tree.glob("LICENSE*"):
        shutil.copy(path, into)


def installed(package: str) -> bool:
    """Whether this system has a package."""
    command = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout == "installed"


def fetch_clang(folder: Path) -> Path:
    """The distribution's clang with the libraries it needs, unpacked into a folder; the program to call."""
    done = folder / "complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        say(f"{CLANG} from the distribution's packages")
        try:
            packages = v8_tree.Packages(folder)
            waiting = [CLANG]
            while waiting:
                name = waiting.pop()
                if name not in packages.seen and not installed(name):
                    waiting += packages.add(name)
        except v8_tree.NotFoundError as error:
            raise FailedError(str(error)) from error
        shutil.rmtree(folder / "debs", ignore_errors=True)
        root = folder / "root" / "usr"
        libraries = ":".join(str(path) for path in sorted({path.parent for path in root.glob("lib/**/*.so*")}))
        for name in ("clang", "clang++"):
            wrapper = folder / name
            program = root / "bin" / CLANG.replace("clang", name)
            wrapper.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{libraries}" exec "{program}" "$@"\n')
            wrapper.chmod(0o755)
        done.touch()
    return folder / "clang++"
