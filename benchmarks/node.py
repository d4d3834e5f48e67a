"""Node.js as a side: each start is a process, and what it starts from is made before."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks import FOLDER
from benchmarks.sides import SideError, run_to_end

WORKERS = FOLDER / "workers"


def node_command():
    """The program. Raises SideError where there is none."""
    found = shutil.which("node")
    if found is None:
        raise SideError("no node on this machine")
    return found


def node_version():
    return subprocess.run([node_command(), "--version"], capture_output=True, text=True, check=True).stdout.strip()


def _run(command, **environment):
    return run_to_end(
        command,
        lambda lines: next((line for line in lines if "rror" in line), ""),
        env={**os.environ, **environment},
    )


class NodeProcess:
    """Starts Node.js for each request: from scripts, from scripts with their code cache, from a snapshot."""

    def __init__(self):
        self._node = node_command()
        self._ready = set()

    def ask(self, work, arguments):
        """The answer as a dict, with ``process`` as its one step. Raises SideError where there is none."""
        how, call = arguments["how"], str(arguments["call"])
        scripts = arguments["scripts"].split(":")
        if how not in self._ready:
            self._prepare(how, call, scripts)
            self._ready.add(how)
        command = [self._node, str(WORKERS / "node_start.cjs"), call, *scripts]
        environment = {"CODE_CACHE": "read"} if how == "cache" else {}
        if how == "memory":
            command = [self._node, "--snapshot-blob", self._blob(call), "main"]
        begin = time.perf_counter_ns()
        text = _run(command, **environment)
        duration = time.perf_counter_ns() - begin
        return {"counts": {"process": duration}, "result": json.loads(text)["result"]}

    def _blob(self, call):
        return str(Path(call).with_name("node.blob"))

    def _prepare(self, how, call, scripts):
        if how == "cache":
            _run([self._node, str(WORKERS / "node_start.cjs"), call, *scripts], CODE_CACHE="write")
        elif how == "memory":
            entry = str(WORKERS / "node_snapshot.cjs")
            command = [self._node, "--snapshot-blob", self._blob(call), "--build-snapshot", entry]
            _run(command, CALL=call, SCRIPTS=":".join(scripts))

    def close(self):
        pass
