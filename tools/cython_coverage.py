"""coverage.py's plugin for the Cython of this project in a Meson build.

Cython has one that looks for the generated C++ beside the source. Meson keeps it in the build folder, which
``V8SNAP_COVERAGE_BUILD`` names here. Files are known by their last names, as no two are called the same.

Only lines inside functions count in an included file: what runs at import is put down to ``_v8.pyx`` by Cython's
tracing, and would always be missed here.
"""

import os
import re
from pathlib import Path
from types import FrameType

from coverage.plugin import FileTracer
from coverage.plugin_support import Plugins
from Cython import Coverage

SOURCES = {path.name: str(path) for path in (Path(__file__).parents[1] / "v8snap").glob("_v8.pyx")}
SOURCES |= {path.name: str(path) for path in (Path(__file__).parents[1] / "v8snap").glob("*.pxi")}


class Tracer(FileTracer):
    """Tells coverage.py where the source of a frame of Cython's is."""

    def has_dynamic_source_filename(self) -> bool:
        """One module has many sources: bool."""
        return True

    def dynamic_source_filename(self, filename: str, frame: FrameType) -> str | None:
        """The source of this frame: str, or None where it is Cython's own."""
        return SOURCES.get(Path(frame.f_code.co_filename).name)


#: One for all files and threads: coverage.py lets go of those that two threads ask for at once, and uses them on.
TRACER = Tracer()

_FUNCTION = re.compile(r"\s*(?:async )?(?:def|cdef|cpdef)\b(?! class\b).*\(")


def lines_of_functions(source: str) -> set[int]:
    """The lines, from 1, that are in the body of a function or go on with its signature: set of int."""
    found: set[int] = set()
    outside: int | None = None  # how far the function's own first line is indented
    for number, line in enumerate(source.splitlines(), 1):
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if outside is not None and (not text or indent > outside or text.startswith(")")):
            found.add(number)
        else:
            outside = indent if _FUNCTION.match(line) else None
    return found


class Plugin(Coverage.Plugin):
    """Cython's plugin with files found as Meson has them; what it knows of C++ files serves."""

    _lines: dict[str, dict[int, str]] | None = None

    def file_tracer(self, filename: str) -> Tracer | None:
        """A tracer for the project's Cython files, None for any other."""
        return TRACER if Path(filename).name in SOURCES else None

    def file_reporter(self, filename: str) -> Coverage.CythonModuleReporter:
        """What can be run in a file, from the C++ that Cython made."""
        (generated,) = Path(os.environ["V8SNAP_COVERAGE_BUILD"]).glob("v8snap/_v8.*.p/_v8.pyx.cpp")
        if self._lines is None:
            parsed = self._parse_cfile_lines(str(generated))
            self._lines = {Path(name).name: code for name, code in parsed.items()}
        name = Path(filename).name
        code = self._lines[name]
        if name.endswith(".pxi"):
            inside = lines_of_functions(Path(SOURCES[name]).read_text())
            code = {line: text for line, text in code.items() if line in inside}
        return Coverage.CythonModuleReporter(str(generated), filename, f"v8snap/{name}", code, frozenset())


def coverage_init(registry: Plugins, options: dict[str, str]) -> None:
    """coverage.py calls it."""
    plugin = Plugin()
    registry.add_configurer(plugin)
    registry.add_file_tracer(plugin)
