"""``compare``: where two snapshots differ."""

from __future__ import annotations

from v8snap.startup_data import StartupData

__all__ = ["compare", "differing_sections"]

Raw = bytes | bytearray | memoryview


def compare(a: StartupData | Raw, b: StartupData | Raw) -> str | None:
    """Name the first section in which two snapshots differ.

    Parameters
    ----------
    a, b : StartupData | bytes-like

    Returns
    -------
    str | None
        One of the names of `StartupData.sections`, in the blob's order; ``"header"`` only where nothing else differs,
        for it holds a checksum of all the rest. None where they are the same bytes.

    Raises
    ------
    SnapshotCorruptError
        Where bytes aren't a snapshot.
    """
    first, second = (data if isinstance(data, StartupData) else StartupData(data) for data in (a, b))
    differing = differing_sections(first, second)
    return next((name for name in differing if name != "header"), differing[0] if differing else None)


def differing_sections(a: StartupData, b: StartupData) -> list[str]:
    """Names of all sections that aren't the same bytes, or that only one has, in the blob's order."""
    names = [*a.sections, *(name for name in b.sections if name not in a.sections)]
    return [name for name in names if _section(a, name) != _section(b, name)]


def _section(data: StartupData, name: str) -> memoryview | None:
    if name not in data._layout.sections:
        return None
    start, size = data._layout.sections[name]
    return memoryview(data)[start : start + size]
