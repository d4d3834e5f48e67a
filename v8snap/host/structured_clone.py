"""The one thing of ``structuredClone`` that JavaScript can't do on every V8: take a buffer's memory away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from v8snap import _v8

if TYPE_CHECKING:
    from v8snap.host.natives import Natives

__all__ = ["call"]


def call(natives: Natives, buffer: Any) -> bool:
    """Whether an ArrayBuffer could be detached; its bytes were copied before."""
    return isinstance(buffer, _v8.JSValue) and _v8._detach_buffer(buffer)
