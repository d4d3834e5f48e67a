"""Other packages that run JavaScript, each in an environment of its own under the cache folder."""

import functools
import json
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.node import WORKERS, node_command, node_version
from benchmarks.sides import SideError

INSTALL_SECONDS = 600


@dataclass(frozen=True)
class PythonPeer:
    """A package of PyPI, in a virtual environment."""

    package: str
    worker: str

    def install(self, folder):
        if not (folder / "bin" / "python").exists():
            _run([sys.executable, "-m", "venv", str(folder)])
        if self._version(folder) is None:
            _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", self.package])
        return [str(folder / "bin" / "python"), str(WORKERS / self.worker)], self._version(folder)

    def _version(self, folder):
        code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
        done = subprocess.run(
            [str(folder / "bin" / "python"), "-c", code, self.package], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else None


@dataclass(frozen=True)
class NodePeer:
    """A package of npm."""

    package: str
    worker: str
    flags: tuple = ()

    def install(self, folder):
        node = node_command()
        manifest = folder / "node_modules" / self.package.rpartition("@")[0] / "package.json"
        if not manifest.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _run(["npm", "install", "--silent", "--prefix", str(folder), self.package])
        version = f"{json.loads(manifest.read_text())['version']}, Node {node_version()}"
        return [node, *self.flags, str(WORKERS / self.worker), str(folder / "node_modules")], version


PEERS = {
    "mini-racer": PythonPeer("mini-racer", "mini_racer_worker.py"),
    "jsrun": PythonPeer("jsrun", "jsrun_worker.py"),
    "STPyV8": PythonPeer("stpyv8", "stpyv8_worker.py"),
    "v8-python": PythonPeer("v8-python", "v8_python_worker.py"),
    "PythonMonkey": PythonPeer("pythonmonkey", "pythonmonkey_worker.py"),
    "quickjs": PythonPeer("quickjs", "quickjs_worker.py"),
    "isolated-vm": NodePeer("isolated-vm@4.7.2", "isolated_vm_worker.cjs", ("--no-node-snapshot",)),
}


def _run(command):
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout or "without a word").strip().splitlines()
        raise SideError(f"can't be installed: {words[-1]}") from None
    except (subprocess.TimeoutExpired, OSError) as error:
        raise SideError(f"can't be installed: {error}") from None


class Peers:
    """Installs each at most once in a run, and remembers how it went."""

    def __init__(self, cache):
        self._cache = cache
        self.versions = {}
        self.installed = functools.cache(self._install)

    def _install(self, name):
        """The command of its worker, or a SideError."""
        peer = PEERS[name]
        try:
            command, version = peer.install(self._cache / name)
        except SideError as why:
            return why
        self.versions[name] = version
        return command

    def command(self, name):
        found = self.installed(name)
        if isinstance(found, SideError):
            raise found
        return found
