"""Conversions that need Python's own types: dates, arrays, mappings, awaitables."""

from __future__ import annotations

import array
import collections.abc
import datetime
import struct
from typing import TYPE_CHECKING, Any

from v8snap.errors import ConversionError

if TYPE_CHECKING:
    from v8snap._v8 import Context

__all__ = ["adapt", "array_from_bytes", "datetime_from_milliseconds"]

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MILLISECOND = datetime.timedelta(milliseconds=1)


def datetime_from_milliseconds(milliseconds: float) -> datetime.datetime | None:
    """The UTC datetime that many milliseconds after 1970, or None where datetime can't hold it."""
    try:
        return EPOCH + datetime.timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def milliseconds_from_date(date: datetime.date) -> float:
    """Milliseconds since 1970, rounded down.

    A naive datetime is in local time, as elsewhere in Python; a date is midnight in UTC, as in JavaScript.
    """
    if not isinstance(date, datetime.datetime):
        date = datetime.datetime(date.year, date.month, date.day, tzinfo=datetime.timezone.utc)
    return float((date.astimezone(datetime.timezone.utc) - EPOCH) // MILLISECOND)


def array_from_bytes(format: str, data: bytes) -> array.array[Any]:
    """A typed array's elements under their format in `struct`; half floats become floats."""
    if format == "e":
        return array.array("f", struct.unpack(f"{len(data) // 2}e", data))
    return array.array(format, data)


def adapt(context: Context | None, obj: Any) -> tuple[str, Any]:
    """For the engine: what to make of an object that it has no rule for.

    Returns
    -------
    (str, object)
        ``("date", milliseconds)``, or ``("value", other)`` with what to convert in its place.

    Raises
    ------
    ConversionError
        Where there is nothing.
    """
    if isinstance(obj, datetime.date):
        return "date", milliseconds_from_date(obj)
    if type(obj).__name__ == "datetime64" and hasattr(obj, "astype"):
        if str(obj) == "NaT":
            return "date", float("nan")
        return "date", float(obj.astype("datetime64[ms]").astype("int64"))  # NumPy's are in UTC
    if isinstance(obj, collections.abc.Mapping):
        return "value", dict(obj)
    if isinstance(obj, collections.abc.Awaitable) and context is not None:
        from v8snap import promises

        return "value", promises.promise_for(context, obj)
    if isinstance(obj, collections.abc.AsyncIterable) and context is not None:
        from v8snap import async_iteration

        return "value", async_iteration.iterable_for(context, obj)
    raise ConversionError(f"no JavaScript value for Python's {type(obj).__name__}")
