"""Fixtures that every test may use."""

import gc
import os
import signal
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

import pytest

import v8snap
from v8snap import _v8

SCRIPTS = {"add.js": "const add = (a, b) => a + b", "main.js": "function run() { return add(3, 4) }"}


def pytest_configure():
    """What a shell runs in the background, and what that starts, is deaf to the signal that some tests send."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def nothing_stays_alive():
    """Each test leaves no native object behind: leaks fail where they are made."""
    yield
    gc.collect()
    assert not any(_v8._live_counts().values()), _v8._live_counts()


@pytest.fixture
def make_blob():
    """Make a snapshot of scripts without the helper process that `build` verifies it in."""

    def make(scripts=None, **options):
        with v8snap.SnapshotCreator(**options) as sc:
            for name, source in (scripts or SCRIPTS).items():
                sc.context.eval(source, name)
        return sc.blob

    return make


@pytest.fixture
def ctx():
    """A context of a bare isolate."""
    with v8snap.Isolate() as isolate, isolate.new_context() as context:
        yield context


@pytest.fixture
def child(tmp_path):
    """Run Python code in a process of its own, where dying is no harm; its finished process."""

    def run(code, *arguments, cwd=tmp_path, timeout=60, **kwargs):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False, **kwargs
        )

    return run


@pytest.fixture
def child_ok(child):
    """Like `child`, but the process must end well; what it printed."""

    def run(code, *arguments, **kwargs):
        done = child(code, *arguments, **kwargs)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        assert done.stderr == "", done.stderr
        return done.stdout

    return run


@pytest.fixture
def node(tmp_path):
    """What Node.js prints for a script."""

    def run(source):
        path = tmp_path / "script.js"
        path.write_text(source)
        return subprocess.run(["node", path], check=True, capture_output=True, text=True, timeout=60).stdout

    return run


@pytest.fixture(scope="session")
def library(pytestconfig):
    """A file's text from one of the npm packages of ``packages.txt``.

    npm brings them into pytest's cache, or where ``V8SNAP_TEST_PACKAGES`` says that they are.
    """
    folder = Path(os.environ.get("V8SNAP_TEST_PACKAGES") or pytestconfig.cache.mkdir("packages"))
    packages = Path(__file__).with_name("packages.txt").read_text().split()

    def archive(name):
        package = next(each for each in packages if each.rpartition("@")[0] == name)
        scoped = package.removeprefix("@").replace("/", "-")  # @scope/name is packed as scope-name
        found = folder / f"{scoped.replace('@', '-')}.tgz"
        if not found.exists():
            subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, timeout=120)
        return found

    def read(name, path):
        with tarfile.open(archive(name)) as files:
            return files.extractfile(f"package/{path}").read().decode()

    read.archive = archive
    return read
