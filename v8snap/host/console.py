"""Where JavaScript's console writes: Python's logging, or a callable."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from v8snap.host import performance

if TYPE_CHECKING:
    from v8snap.host.natives import Natives

__all__ = ["LEVELS", "call"]

LOGGER = logging.getLogger("v8snap.console")
#: Levels of JavaScript's console as those of logging.
LEVELS = {
    "debug": logging.DEBUG,
    "log": logging.INFO,
    "info": logging.INFO,
    "trace": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


def call(natives: Natives, level: str, message: str | int) -> float | None:
    """What console.js calls: with a level and a message, or with "now" and the context's token for the time in ms."""
    if level == "now":
        return performance.call(natives, "now", int(message))
    message = str(message)
    isolate = natives.isolate()
    sink = None if isolate is None else isolate.console
    if sink is not None:
        sink(level, message)
    else:
        LOGGER.log(LEVELS.get(level, logging.INFO), "%s", message)
    return None
