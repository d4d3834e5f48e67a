"""Text that may come from anywhere, made fit for being shown."""

from __future__ import annotations

import re

__all__ = ["printable"]

#: What a terminal would take for a command of its own.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor, or can't be written."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
