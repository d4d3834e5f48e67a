"""JavaScript values that are plain Python objects: ``undefined`` and ``BigInt``."""

from __future__ import annotations

from typing import Final

__all__ = ["BigInt", "Undefined", "undefined"]


class Undefined:
    """The type of :data:`undefined`: there is one instance, and it is false."""

    _instance: Undefined | None = None

    def __new__(cls) -> Undefined:
        """Return the one instance."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"

    def __reduce__(self) -> str:
        return "undefined"


#: JavaScript's ``undefined``. ``None`` is its ``null``.
undefined: Final = Undefined()


class BigInt(int):
    """An int that JavaScript sees as a BigInt whatever its size.

    A BigInt that comes from JavaScript is a plain ``int`` where its size alone says that it can't be a number
    (beyond ±(2**53 - 1)), and a ``BigInt`` otherwise; so each goes back as what it was.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"BigInt({int(self)})"
