"""Measures v8snap against a C++ program that does the same with the same V8, and against other packages.

python -m benchmarks            # all of it: table, JSON, plots and the page in docs/
python -m benchmarks --budgets  # only what has a limit to keep, printed with pass or fail
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def _leave_sources_out():
    """The checkout's v8snap/ has no compiled module: where v8snap is installed plainly, it must not be found first."""
    root = FOLDER.parent
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != root]


_leave_sources_out()
