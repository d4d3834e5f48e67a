"""Time limits as users give them."""

from __future__ import annotations

__all__ = ["checked"]


def checked(seconds: float | None, name: str = "timeout", *, may_be_zero: bool = False) -> float | None:
    """The float that an argument stands for, or None. Raises TypeError for no number, ValueError for a wrong one."""
    if seconds is None:
        return None
    if not hasattr(seconds, "__float__"):
        raise TypeError(f"{name} is a number of seconds, or None, not {type(seconds).__name__}")
    number = float(seconds)
    if not (number > 0 or (may_be_zero and number == 0)):
        raise ValueError(f"{name} is a {'' if may_be_zero else 'positive '}number of seconds, or None")
    return number
