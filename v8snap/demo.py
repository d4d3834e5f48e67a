"""What a snapshot saves, measured on real programs in fresh processes: ``v8snap demo``.

The programs come from the PyPI package ``dukpy``, which ships them as plain files.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import v8snap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "PROGRAMS",
    "WAYS",
    "DemoError",
    "Program",
    "measure",
    "measure_program",
    "program_files",
    "programs_present",
    "run_demo",
    "run_fresh",
]

WAYS = ("scripts", "snapshot", "warmed snapshot")
STEPS = ("load", "isolate", "context", "call")


@dataclass(frozen=True)
class Program:
    """A program to start: its files, its first call, and what that must give."""

    title: str
    files: tuple[str, ...]
    call: str
    expected: str


PROGRAMS = {
    "typescript": Program(
        "TypeScript compiler",
        ("typescriptServices.js",),
        """ts.transpile(`interface Point { x: number; y: number }
const length = ({ x, y }: Point): number => Math.hypot(x, y);`, { target: 1 })""",
        """\
var length = function (_a) {
    var x = _a.x, y = _a.y;
    return Math.hypot(x, y);
};
""",
    ),
    "babel": Program(
        "Babel",
        ("babel-6.26.0.min.js",),
        """Babel.transform('const f = ({ a, b }) => `${a}${b}`; <p className="x">{f}</p>', """
        """{ presets: ["es2015", "react"] }).code""",
        """\
"use strict";

var f = function f(_ref) {
  var a = _ref.a,
      b = _ref.b;
  return "" + a + b;
};React.createElement(
  "p",
  { className: "x" },
  f
);""",
    ),
    "react": Program(
        "React server renderer",
        ("react/react.js", "react/react-dom-server.js"),
        """ReactDOMServer.renderToStaticMarkup(React.createElement("ul", { className: "list" },
  [1, 2, 3].map((i) => React.createElement("li", { key: i }, "Item " + i))))""",
        '<ul class="list"><li>Item 1</li><li>Item 2</li><li>Item 3</li></ul>',
    ),
}


class DemoError(Exception):
    """The demo can't be run, or a program gave a wrong result."""


def program_files(program: Program) -> list[Path]:
    """The program's files, in the installed ``dukpy``.

    Raises
    ------
    DemoError
        Where that is not installed, or lacks one of them.
    """
    spec = importlib.util.find_spec("dukpy")
    if spec is None or spec.origin is None:
        raise DemoError("the demo needs the JavaScript that dukpy brings: pip install 'v8snap[demo]'")
    paths = [Path(spec.origin).parent / "jsmodules" / name for name in program.files]
    for path in paths:
        if not path.is_file():
            raise DemoError(f"this version of dukpy has no {path.name}")
    return paths


def programs_present() -> list[str]:
    """Keys of the programs whose files are there.

    Raises
    ------
    DemoError
        Where none is.
    """
    present = []
    problem = None
    for key, program in PROGRAMS.items():
        try:
            program_files(program)
        except DemoError as error:
            problem = error
        else:
            present.append(key)
    if problem is not None and not present:
        raise problem
    return present


# ---------------------------------------------------------------- in the fresh process


class Stopwatch:
    """Milliseconds by step, in the order in which they are taken; V8's library is loaded before the first."""

    def __init__(self) -> None:
        _ = v8snap.Isolate, v8snap.StartupData  # with their names comes the library, which every way needs
        self.steps = dict.fromkeys(STEPS, 0.0)
        self._last = time.perf_counter()

    def note(self, step: str) -> None:
        now = time.perf_counter()
        self.steps[step] += (now - self._last) * 1e3
        self._last = now


def _start_from_scripts(program: Program, paths: list[Path]) -> tuple[dict[str, float], Any]:
    watch = Stopwatch()
    isolate = v8snap.Isolate()
    watch.note("isolate")
    context = isolate.new_context()
    watch.note("context")
    for path in paths:
        context.eval(path.read_text(encoding="utf-8"), path.name)
    watch.note("load")
    result = context.eval(program.call, "call.js")
    watch.note("call")
    return watch.steps, result


def _start_from_snapshot(program: Program, path: Path) -> tuple[dict[str, float], Any]:
    watch = Stopwatch()
    blob = v8snap.StartupData.load(path)
    watch.note("load")
    isolate = v8snap.Isolate(blob)
    watch.note("isolate")
    context = isolate.new_context()
    watch.note("context")
    result = context.eval(program.call, "call.js")
    watch.note("call")
    return watch.steps, result


def _child(key: str, *paths: str) -> None:
    program = PROGRAMS[key]
    files = [Path(path) for path in paths]
    if files[0].suffix == ".v8snap":
        steps, result = _start_from_snapshot(program, files[0])
    else:
        steps, result = _start_from_scripts(program, files)
    print(json.dumps({"steps": steps, "result": result}))


# ---------------------------------------------------------------- in this process


def run_fresh(module: str, function: str, *arguments: str) -> Any:
    """Call a function of this package in a fresh process; what it prints there, read as JSON.

    Raises
    ------
    DemoError
        Where the process failed.
    """
    code = f"import sys; from {module} import {function} as run; run(*sys.argv[1:])"
    # From another folder: a checkout of v8snap in this one would be found before the installed package.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command, cwd=tempfile.gettempdir(), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DemoError(f"{arguments[0]}: the fresh process failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(key: str, paths: list[Path]) -> dict[str, float]:
    """Start a program once in a fresh process, from scripts or from one ``.v8snap`` file.

    Returns
    -------
    dict
        Milliseconds by step: load (bring the code in: read and run the scripts, or read and check the file), isolate,
        context, call (the first call), total.

    Raises
    ------
    DemoError
        Where the process failed or its result is wrong.
    """
    answer = run_fresh("v8snap.demo", "_child", key, *map(str, paths))
    if answer["result"] != PROGRAMS[key].expected:
        raise DemoError(f"{key}: wrong result from {paths[0].name}: {answer['result']!r}")
    steps: dict[str, float] = answer["steps"]
    return {**steps, "total": sum(steps.values())}


def medians_by_step(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The median of each step, and of the total."""
    return {step: statistics.median(each[step] for each in rounds) for step in (*STEPS, "total")}


def measure_program(key: str, folder: Path, rounds: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Build both snapshots of a program and measure the three ways in turn.

    Returns
    -------
    dict
        ``program``, ``title``, and by way ``medians`` (ms by step), ``bytes`` (of the files started from) and ``ratio``
        (total of the scripts over total of this way).
    """
    program = PROGRAMS[key]
    sources = program_files(program)
    cold, warmed = folder / f"{key}.v8snap", folder / f"{key}-warmed.v8snap"
    progress(f"{program.title}: building the snapshot")
    blob = v8snap.build(sources)
    blob.save(cold)
    progress(f"{program.title}: warming it up")
    v8snap.warm_up(blob, program.call).save(warmed)
    starts = dict(zip(WAYS, (sources, [cold], [warmed]), strict=True))
    times: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way, paths in starts.items():
            progress(f"{program.title}: start from {way}, round {number + 1} of {rounds}")
            times[way].append(measure(key, paths))
    medians = {way: medians_by_step(each) for way, each in times.items()}
    ways = {
        way: {
            "medians": medians[way],
            "bytes": sum(path.stat().st_size for path in starts[way]),
            "ratio": medians["scripts"]["total"] / medians[way]["total"],
        }
        for way in WAYS
    }
    return {"program": key, "title": program.title, "ways": ways}


def run_demo(keys: list[str], rounds: int, progress: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """What `measure_program` gives for each program, in temporary files."""
    with tempfile.TemporaryDirectory(prefix="v8snap-demo-") as folder:
        for key in keys:
            yield measure_program(key, Path(folder), rounds, progress)
