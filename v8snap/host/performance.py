"""The clock of JavaScript's ``performance``: monotonic, from the moment on at which the context was made."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from v8snap.host.natives import Natives

__all__ = ["call"]


def call(natives: Natives, operation: str, token: int) -> float:
    """What performance.js and console.js call: "now" or "origin", in ms."""
    context = natives.context(token)
    return 1000 * (context.origin_seconds if operation == "origin" else time.monotonic() - context.origin)
