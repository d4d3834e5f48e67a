"""How errors are shown, and the exit codes that they have."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from v8snap import errors
from v8snap.interactive.error_lines import lines_of
from v8snap.interactive.printable import printable

__all__ = ["INTERRUPTED", "console", "exit_code", "printable", "show"]

FAILED, CORRUPT, OTHER_V8, SIGNATURE, FILE, INTERRUPTED = 1, 3, 4, 5, 6, 130
EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.SnapshotCorruptError, CORRUPT),
    (errors.SnapshotVersionError, OTHER_V8),
    (errors.SnapshotFlagsError, OTHER_V8),
    (errors.SnapshotSignatureError, SIGNATURE),
    (errors.V8SnapError, FAILED),  # some are an OSError, too
    (OSError, FILE),
    (UnicodeDecodeError, FILE),  # a script that isn't UTF-8
)


def exit_code(error: BaseException) -> int:
    """What a process ends with over `error`."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), FAILED)


def console() -> Console:
    """For errors and progress: standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def show(error: BaseException) -> None:
    """Write an error to standard error; for one of JavaScript's also the source line with a caret, and the stack."""
    out = console()
    for text, style in lines_of(error):
        out.print(Text(printable(text), style=style))
