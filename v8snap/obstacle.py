"""What stands in the way of a snapshot."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Obstacle"]


class Obstacle(NamedTuple):
    """Something in the heap that can't be in a snapshot, as `SnapshotCreator.check` finds it.

    Attributes
    ----------
    path : str
        JavaScript path to it, such as ``"globalThis.app.fmt"``; a bare name is a ``let`` or ``const`` of a script,
        ``[[Scopes]]`` a function's closure, ``[[Entries]]`` what a Map or Set holds. ``""`` for the whole heap.
    reason : str
        Why V8 can't write it.
    context : str | int | None
        Name or index of the added context it is in; None for any other.
    """

    path: str
    reason: str
    context: str | int | None = None

    @classmethod
    def of(cls, path: str, what: str, context: str | int | None) -> Obstacle:
        """From what the engine found: `what` is a constructor's name, or "" for the whole heap."""
        if not what:
            return cls(path, "the heap is too large for a snapshot: more than 1 GiB", context)
        if what == "[[frozen]]":
            return cls(path, "frozen, fixed or missing, and V8 adds properties there when it loads a snapshot", context)
        if what == "[[foreign]]":
            return cls(path, "leads into another context, which V8 doesn't bring to life with this one", context)
        if what == "[[shared]]":
            return cls(path, "an ArrayBuffer that is in two contexts: V8 can't write it twice", context)
        if what == "ArrayBuffer":
            return cls(path, "an ArrayBuffer that is or may grow larger than V8 can write (4 GiB)", context)
        return cls(path, f"{what}: has a native part outside V8's heap, as all Intl objects have", context)

    def __str__(self) -> str:
        where = self.path or "the heap"
        return f"{where}: {self.reason}" + ("" if self.context is None else f" (context {self.context!r})")
