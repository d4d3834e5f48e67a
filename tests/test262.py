"""test262, the conformance suite of JavaScript: its tests in restored contexts, and in plain ones.

    python tests/test262.py FOLDER...           both ways; what differs, and what isn't as expected
    python tests/test262.py --write FOLDER...   writes this V8's part of test262_expected.toml

The suite is found where ``V8SNAP_TEST262`` says, or fetched from Debian's sources of SpiderMonkey, which has a copy of
it: each test as it is, with a line before and after it, and the harness files gathered in each folder's ``shell.js``.

A snapshot has a context for each set of harness files that a test includes; a test runs in a new one. The plain way
evaluates the same files in a new context for each test. Each way has a process of its own.
"""

import argparse
import collections
import json
import os
import posixpath
import re
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

import v8snap

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
EXPECTED = HERE / "test262_expected.toml"
HOST = (HERE / "test262_host.js").read_text()
COMMON_HARNESS = ("assert.js", "sta.js")
HOST_FUNCTIONS = ("hostRealm", "hostScript", "hostGarbage", "hostDone")
WAYS = ("plain", "restored")
SECONDS = 20  # for a test
TESTS_OF_AN_ISOLATE = 400
VERSION = tuple(int(part) for part in v8snap.v8_version().split(".")[:2])
VERSION_NAME = ".".join(map(str, VERSION))

#: What slow tests run.
FOLDERS = ("annexB", "built-ins", "language")

#: Helpers of tests, comparisons of ICU's tables with some version of Unicode, and what no V8 has.
LEFT_OUT = r"_FIXTURE|RegExp/property-escapes/generated/|built-ins/Temporal/"

#: Features of the language by the first V8 that has them without a flag; None where none of those tested has.
ARRIVED = {
    "Array.fromAsync": (12, 1),
    "Float16Array": (13, 5),
    "FinalizationRegistry.prototype.cleanupSome": None,
    "ShadowRealm": None,
    "String.prototype.isWellFormed": (11, 1),
    "String.prototype.toWellFormed": (11, 1),
    "Temporal": None,
    "array-grouping": (11, 7),
    "arraybuffer-transfer": (11, 4),
    "change-array-by-copy": (11, 0),
    "decorators": None,
    "explicit-resource-management": (13, 4),
    "import-assertions": None,
    "import-attributes": (12, 3),
    "iterator-helpers": (12, 2),
    "json-parse-with-source": (11, 4),
    "legacy-regexp": None,
    "promise-try": (12, 8),
    "promise-with-resolvers": (11, 9),
    "regexp-duplicate-named-groups": (12, 5),
    "regexp-modifiers": (12, 5),
    "regexp-v-flag": (11, 2),
    "resizable-arraybuffer": (11, 1),
    "set-methods": (12, 2),
    "symbols-as-weakmap-keys": (10, 8),
    "tail-call-optimization": None,
    "uint8array-base64": None,
}

#: What V8 has and contexts of v8snap don't: access to the global objects of one another, timers of V8's own.
NOT_HERE = ("cross-realm", "Atomics.waitAsync")

# ---------------------------------------------------------------- the suite

SOURCE_PACKAGE, SUITE = "mozjs128", "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def suite(cache):
    """The folder of the tests; they are fetched where they are not yet there."""
    if "V8SNAP_TEST262" in os.environ:
        return Path(os.environ["V8SNAP_TEST262"])
    folder = Path(cache) / "test262"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            unpack(fetch(Path(work)), Path(work) / "suite")
            (Path(work) / "suite").rename(folder)
    return folder


def fetch(work):
    """Have the system's package client bring the sources, with package lists of its own."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    archives = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    archive = min(archives, key=len)  # the others are parts of it, such as that of security updates
    signed_by = f"[signed-by={KEYRING}] " if Path(KEYRING).exists() else ""
    (work / "sources.list").write_text(f"deb-src {signed_by}{archive} {SUITE} main\n")
    for name in ("state", "lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    places = {
        "Dir::State": work / "state",
        "Dir::State::lists": work / "lists",
        "Dir::Cache": work / "cache",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": work / "none",
    }
    apt = ["apt-get", "-q", *(f"-o{key}={place}" for key, place in places.items())]
    if os.geteuid() == 0:  # apt would otherwise try, and warn, to download as another user
        apt.append("-oAPT::Sandbox::User=root")
    for arguments in (["update"], ["source", "--download-only", SOURCE_PACKAGE]):
        done = subprocess.run([*apt, *arguments], cwd=work, check=False, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise RuntimeError(f"apt-get {' '.join(arguments)} failed: {done.stderr}")
    return next(work.glob("*.orig.tar.xz"))


def unpack(archive, folder):
    """Write the suite's part of that archive there."""
    with tarfile.open(archive) as files:
        for member in files:
            _, found, name = member.name.partition("/js/src/tests/test262/")
            if found and member.isfile() and ".." not in Path(name).parts:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(files.extractfile(member).read())


def text_of(path):
    """A file's text with its ends of lines as they are: some tests are about them."""
    return path.read_bytes().decode()


def harness_files(root):
    """Sources by name, of the sections of all ``shell.js``."""
    sections = {}
    for path in root.rglob("shell.js"):
        parts = re.split(r"^// file: (\S+)$", text_of(path), flags=re.MULTILINE)
        sections |= zip(parts[1::2], parts[2::2], strict=True)
    return sections


@dataclass(frozen=True)
class Test:
    """A test with what its front matter says."""

    name: str
    source: str
    flags: frozenset
    features: tuple
    includes: tuple
    negative: str | None

    @classmethod
    def read(cls, root, path):
        source = text_of(path)
        meta = yaml.safe_load(re.search(r"/\*---(.*?)---\*/", source, re.DOTALL)[1].replace("\r", "\n"))
        return cls(
            path.relative_to(root).as_posix(),
            source,
            frozenset(meta.get("flags") or ()),
            tuple(meta.get("features") or ()),
            tuple(meta.get("includes") or ()),
            (meta.get("negative") or {}).get("type"),
        )

    @property
    def modes(self):
        """As what it is run: "sloppy", "strict", "module"."""
        if "module" in self.flags:
            return ["module"]
        if self.flags & {"raw", "noStrict"}:
            return ["sloppy"]
        return ["strict"] if "onlyStrict" in self.flags else ["sloppy", "strict"]

    @property
    def harness(self):
        """Names of the harness files it needs, in order."""
        return () if "raw" in self.flags else (*COMMON_HARNESS, *self.includes)

    @property
    def not_runnable(self):
        """Why it can't be run at all; None where it can."""
        if "$262.agent" in self.source or "atomicsHelper.js" in self.includes:
            return "needs several threads of JavaScript"
        if "detachArrayBuffer" in self.source:
            return "needs a host that detaches buffers"
        if "IsHTMLDDA" in self.features:
            return "needs an object like document.all"
        if "CanBlockIsFalse" in self.flags:
            return "needs a thread that may not block"
        return None


def read_tests(root, folders):
    """The tests in these folders, in order."""
    for folder in folders:
        paths = [root / folder] if folder.endswith(".js") else sorted((root / folder).rglob("*.js"))
        for path in paths:
            name = path.relative_to(root).as_posix()
            if path.name not in ("shell.js", "browser.js") and not re.search(LEFT_OUT, name):
                yield Test.read(root, path)


# ---------------------------------------------------------------- running


class Runner:
    """Runs tests in new contexts, one after the other."""

    def __init__(self, root, tests):
        self.root = root
        self.files = harness_files(root)
        self.harnesses = sorted({test.harness for test in tests})
        self.isolate = None
        self.contexts = []
        self.reports = []
        self.used = 0

    def host(self):
        return dict(zip(HOST_FUNCTIONS, (self.realm, self.script, self.garbage, self.reports.append), strict=True))

    def realm(self):
        context = self.new_context(COMMON_HARNESS)
        context.eval("$262.global = $262.asSeenFromOutside")
        return context.globals["$262"]

    def script(self, global_object, source):
        context = next(each for each in self.contexts if each.globals == global_object)
        return context.eval(source, "evalScript.js")

    def garbage(self):
        self.isolate.low_memory_notification()

    def new_context(self, harness):
        context = self.make_context(harness)
        context.resolve = self.find_module
        self.contexts.append(context)
        return context

    def find_module(self, specifier, importer):
        """A file's path from the suite's folder on and its text, or None where it isn't there."""
        name = specifier if importer is None else posixpath.join(posixpath.dirname(importer), specifier)
        name = posixpath.normpath(name)
        path = self.root / name
        return (name, text_of(path)) if not name.startswith("../") and path.is_file() else None

    def evaluate_harness(self, context, harness):
        context.eval(HOST, "host.js")
        for name in harness:
            context.eval(self.files[name], name)

    def outcome(self, test, mode):
        """ "pass", or what went wrong."""
        if self.isolate is None or self.used >= TESTS_OF_AN_ISOLATE:
            self.close()
            self.isolate = self.new_isolate()
            self.isolate.on_unhandled_rejection = lambda error: None  # tests reject many on purpose
        self.used += 1
        self.reports.clear()
        try:
            thrown = self.run(test, mode)
        except v8snap.JSError as error:
            thrown = described(error)
        except Exception as error:  # whatever it is, it is what came of this test
            thrown = f"{type(error).__name__}: {error}"
        for context in self.contexts:
            context.close()
        self.contexts.clear()
        if test.negative is not None:
            kind = (thrown or "nothing").partition(":")[0]
            return "pass" if kind == test.negative else f"threw {kind} instead of {test.negative}"
        if thrown is not None or "async" not in test.flags:
            return thrown or "pass"
        return self.reports[0] if len(self.reports) == 1 else f"$DONE was called {len(self.reports)} times"

    def run(self, test, mode):
        context = self.new_context(test.harness)
        if mode == "module":
            context.import_module(test.name, timeout=SECONDS)
        else:
            strict = "'use strict';\n" if mode == "strict" else ""
            context.eval(strict + test.source, test.name, timeout=SECONDS)

    def close(self):
        if self.isolate is not None:
            self.isolate.close()
        self.isolate, self.used = None, 0


class PlainRunner(Runner):
    """A test's context is an empty one, in which its harness is evaluated."""

    def new_isolate(self):
        return v8snap.Isolate()

    def make_context(self, harness):
        context = self.isolate.new_context()
        for name, function in self.host().items():
            context.globals[name] = function
        self.evaluate_harness(context, harness)
        return context


class RestoredRunner(Runner):
    """A test's context is one of a snapshot that has all harnesses."""

    def new_isolate(self):
        if not hasattr(self, "blob"):
            self.blob = self.build()
        return v8snap.Isolate(self.blob, external_references=self.host())

    def build(self):
        with v8snap.SnapshotCreator(external_references=HOST_FUNCTIONS) as sc:
            for harness in {*self.harnesses, COMMON_HARNESS}:
                context = sc.new_context()
                for name in HOST_FUNCTIONS:
                    context.globals[name] = sc.external(name, context=context)
                self.evaluate_harness(context, harness)
                sc.add_context(context, ",".join(harness))
        return sc.blob

    def make_context(self, harness):
        return self.isolate.new_context(",".join(harness))


def described(error):
    """The constructor and message of what JavaScript threw."""
    try:
        return f"{error.value['constructor']['name']}: {error.value['message']}"
    except (v8snap.V8SnapError, TypeError, KeyError):
        return f"{error.name}: {error.message}"


def run_way(way, root, folders):
    """Print a line for each test and mode, in JSON: its name, mode, and outcome."""
    tests = [test for test in read_tests(root, folders) if test.not_runnable is None]
    runner = {"plain": PlainRunner, "restored": RestoredRunner}[way](root, tests)
    for test in tests:
        for mode in test.modes:
            print(json.dumps([test.name, mode, runner.outcome(test, mode)]), flush=True)
    runner.close()


def run_ways(root, folders):
    """Outcomes by way, then by (name, mode). A way that ends early lacks the test during which it ended."""
    with ThreadPoolExecutor(len(WAYS)) as pool:
        return dict(zip(WAYS, pool.map(lambda way: run_in_process(way, root, folders), WAYS), strict=True))


def run_in_process(way, root, folders):
    command = [sys.executable, __file__, "--way", way, "--suite", str(root), *folders]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    outcomes = {(name, mode): outcome for name, mode, outcome in map(json.loads, done.stdout.splitlines())}
    if done.returncode != 0:
        raise RuntimeError(f"{way} ended with {done.returncode} after {[*outcomes][-1:]}")
    return outcomes


# ---------------------------------------------------------------- what is expected


def is_missing(feature):
    """Whether tests of it may fail here."""
    if feature in ARRIVED:
        return ARRIVED[feature] is None or ARRIVED[feature] > VERSION
    return feature in NOT_HERE


def summary(root, folders, outcomes):
    """Failures of this V8: counts by the feature it lacks, and the rest by name. Counts of all tests, too."""
    lacks, fails, left_out, total = collections.Counter(), {}, collections.Counter(), 0
    for test in read_tests(root, folders):
        total += 1
        if test.not_runnable:
            left_out[test.not_runnable] += 1
            continue
        failed = {mode: outcomes[test.name, mode] for mode in test.modes if outcomes[test.name, mode] != "pass"}
        missing = [name for name in test.features if is_missing(name)]
        if failed and missing:
            lacks[missing[0]] += 1
        elif failed:
            outcome = next(iter(failed.values()))
            modes = "" if len(failed) == len(test.modes) else f" ({', '.join(failed)})"
            fails[test.name + modes] = outcome.splitlines()[0][:120]
    return {
        "folders": list(folders),
        "tests": total,
        "not_runnable": dict(sorted(left_out.items())),
        "lacks": dict(sorted(lacks.items())),
        "fails": dict(sorted(fails.items())),
    }


def expected():
    """This V8's part of the expectations."""
    everything = tomllib.loads(EXPECTED.read_text())
    if VERSION_NAME not in everything:
        raise LookupError(f"nothing is written down for V8 {VERSION_NAME}: run `python tests/test262.py --write` there")
    return everything[VERSION_NAME]


def write_expected(found):
    """Put this V8's part into the file of expectations."""
    everything = tomllib.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    everything[VERSION_NAME] = found
    lines = ["# Tests of test262 that fail on a V8, in restored and in plain contexts alike. Written by test262.py."]
    for version in sorted(everything, key=lambda name: [int(part) for part in name.split(".")]):
        part = everything[version]
        lines += ["", f'["{version}"]', f"folders = {json.dumps(part['folders'])}", f"tests = {part['tests']}"]
        comments = {
            "not_runnable": "left out: why, and how many",
            "lacks": "features that are not there, and how many tests of them fail",
            "fails": "the other tests that fail, and how",
        }
        for table, comment in comments.items():
            lines += ["", f'["{version}".{table}]  # {comment}']
            lines += [f"{quoted(key)} = {quoted(value)}" for key, value in part[table].items()]
    EXPECTED.write_text("\n".join(lines) + "\n")


def quoted(value):
    """A string or number for TOML."""
    return json.dumps(value, ensure_ascii=False)


def differences(outcomes):
    """Tests whose outcomes are not the same in both ways."""
    plain, restored = (outcomes[way] for way in WAYS)
    return {key: (plain.get(key), restored.get(key)) for key in plain | restored if plain.get(key) != restored.get(key)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", default=FOLDERS)
    parser.add_argument("--suite", type=Path, help="the folder of the suite")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--way", choices=WAYS, help="only this way, with a line for each test")
    arguments = parser.parse_args()
    root = arguments.suite or suite(tempfile.gettempdir())
    if arguments.way:
        run_way(arguments.way, root, arguments.folders)
        return
    outcomes = run_ways(root, arguments.folders)
    for (name, mode), both in differences(outcomes).items():
        print(f"{name} ({mode}): plain {both[0]!r}, restored {both[1]!r}")
    found = summary(root, arguments.folders, outcomes["plain"])
    if arguments.write:
        write_expected(found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
