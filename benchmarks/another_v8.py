"""The same v8snap on another V8, in the same run: rows of their own beside v8snap's."""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.peers import WORKERS
from benchmarks.races import V8SNAP
from benchmarks.sides import SideError

SIDE = "v8snap on another V8"
#: Beginnings of the keys of races that it is in.
RACES = ("start-memory-", "context-", "growth-", "build-", "call", "get", "set", "string_", "array_", "to_", "spin")


@dataclass(frozen=True)
class AnotherV8:
    """An interpreter whose v8snap has another V8."""

    python: str
    version: str

    @classmethod
    def of(cls, python):
        """Raises SideError where v8snap can't be imported."""
        code = "import v8snap; print(v8snap.v8_version())"
        python = str(Path(shutil.which(python) or python).absolute())
        try:
            done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, cwd="/")
        except OSError as error:
            raise SideError(f"{python}: {error}") from None
        if done.returncode != 0:
            raise SideError(f"{python} has no v8snap: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
        return cls(python, done.stdout.strip())

    @property
    def command(self):
        return [self.python, str(WORKERS / "v8snap_worker.py")]

    def join(self, race):
        """The race with its entrants: a copy of each of v8snap's that can be copied."""
        if not race.key.startswith(RACES):
            return race
        return replace(race, entrants=(*race.entrants, *filter(None, map(self._copy, race.entrants))))

    def _copy(self, entrant):
        arguments = dict(entrant.arguments)
        if entrant.side != V8SNAP or (arguments.pop("blob", None) and "scripts" not in arguments):
            return None
        if arguments.get("how") == "memory":
            arguments["how"] = "warm"  # a snapshot fits one V8: it makes its own of the scripts
        name = f"{entrant.name}, V8 {'.'.join(self.version.split('.')[:2])}"
        return replace(entrant, side=SIDE, label=name, arguments=arguments)
