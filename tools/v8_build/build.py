"""Make V8, as a static library, from a source tree of Node.js 22 or later.

    tools/build_v8 --fetch                 from the distribution's source packages (Debian; no root, nothing installed)
    tools/build_v8 --source node-v24.tar.xz     from a release of Node.js, or a folder with its sources

The finished prefix goes into the user's cache folder; its path is the last line printed. A build that was stopped goes
on where it was when it is started again. Needs Python, a linker, and clang 16 or gcc 12.2 or later; with --fetch
clang comes from the distribution's packages where there is none.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import compiler
import fetch
import finish
import icu_data
import prepare
import units
from ninja_build import Build
from shared import FailedError, digest_of, say, v8_tree

#: The versions of V8 that v8snap is tested with as they are made here.
TESTED = {"13.6"}
#: Part of a prefix's name: another one where the way it is made has changed.
RECIPE = "1"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """See that no other build works in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FailedError(f"another build is at work in {folder}") from None
        yield


def name_of(source: prepare.Source, used: compiler.Compiler, intl: str) -> str:
    """A prefix's name: V8's version, and a digest of all that it's made from."""
    flags = [units.ADDED_DEFINES, units.ADDED_FLAGS, prepare.LEFT_OUT, prepare.GYP_VARIABLES, prepare.CONFIGURE]
    made = [platform.machine(), icu_data.UNNEEDED.pattern, json.dumps(flags)]
    digest = digest_of([RECIPE, source.digest, used.name, intl, *made])
    return f"{source.version}-{digest[:12]}"


def build(options: argparse.Namespace) -> Path:
    """Make the prefix, or find it made."""
    cache: Path = options.cache.expanduser().absolute()
    work = cache / "work"
    if re.search(r"[^\w./+~-]", str(work)):  # Ninja files and compilers' wrappers name it as it is
        raise FailedError(f"{cache} has characters in it that the build can't do with; --cache names another folder")
    with alone(work):
        fetcher = (lambda: fetch.fetch_clang(work / "clang")) if options.fetch else None
        used = compiler.find(options.cxx, fetcher)
        if options.fetch:
            source = prepare.fetched(work / "sources", options.suite, options.intl != "none")
        else:
            source = prepare.given(options.source)
        name = name_of(source, used, options.intl)
        prefix = cache / name
        if v8_tree.is_made(prefix):
            say("it is made already")
            os.utime(prefix / v8_tree.MANIFEST)  # of several of one version the newest is taken
            return prefix
        say(f"V8 {source.version} with {used.name}")
        if ".".join(source.version.split(".")[:2]) not in TESTED:
            say(f"v8snap is tested with V8 {' and '.join(TESTED)} from sources, not with this one")
        programs = prepare.programs(work / "tools")
        tree = work / name
        prepare.place(source, tree)
        prepare.configure(source, tree, programs, used, options.intl)
        made = Build(tree, programs / "ninja", prepare.compilers_at_a_time(options.jobs), options.intl)
        made.run()
        facts: dict[str, object] = {"source": source.names, "source_sha256": source.digest, "intl": options.intl}
        facts |= {"jobs": made.jobs, "compile_seconds": made.seconds, "resumed": made.resumed}
        say(finish.finish(made, tree, prefix, used, source.version, facts))
        if not options.keep:
            shutil.rmtree(tree, ignore_errors=True)
        return prefix


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="build_v8", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--source", type=Path, metavar="PATH", help="a folder or tarball with Node.js' sources")
    where.add_argument("--fetch", action="store_true", help="the distribution's source packages")
    parser.add_argument("--suite", default="forky", help="--fetch: the Debian release they are of (default: forky)")
    parser.add_argument(
        "--intl",
        choices=["full", "whole", "none"],
        default="full",
        help="ICU with all locales and what V8 asks for of them (full, the default), with all its data, or no ICU",
    )
    parser.add_argument("--cxx", type=Path, metavar="PROGRAM", help="the C++ compiler (default: clang, or else gcc)")
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="compilers at a time (default: one a processor, if each has 2 GB)"
    )
    parser.add_argument(
        "--cache", type=Path, default=v8_tree.cache_folder(), metavar="FOLDER", help="default: %(default)s"
    )
    parser.add_argument("--keep", action="store_true", help="keep the sources and objects when it is done")
    return parser.parse_args()


def main() -> int:
    """Make it; 1 where a step failed, 130 where it was stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print(build(arguments()))
    except (FailedError, subprocess.CalledProcessError, tarfile.TarError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
