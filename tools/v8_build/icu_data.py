"""ICU's data without what V8 never asks for; all locales stay.

The file is a common header, a table of contents with names in order and where each item is, the names, and the items.
Offsets count from the table.
"""

from __future__ import annotations

import re
import struct

from shared import FailedError

#: Converters of other character sets, names of characters, transliteration, IDNA's old preparation of strings, and
#: confusable characters: nothing of ECMAScript's. Rule-based numbers stay, for some calendars' dates.
UNNEEDED = re.compile(r"/(?:[^/]+\.(?:cnv|spp|cfu)|unames\.icu|translit/.*)$")
ALIGNMENT = 16


def table(data: bytes) -> tuple[int, list[tuple[bytes, int]]]:
    """Where the table is, and each item's name and place in it."""
    size, magic = struct.unpack_from("<H2s", data)
    if magic != b"\xda\x27" or data[12:16] != b"CmnD" or data[8] != 0:
        raise FailedError("ICU's data has a form that isn't known: little-endian common data was expected")
    [count] = struct.unpack_from("<I", data, size)
    items = []
    for index in range(count):
        name, place = struct.unpack_from("<II", data, size + 4 + 8 * index)
        items.append((data[size + name : data.index(b"\0", size + name)], place))
    return size, items


def trimmed(data: bytes) -> bytes:
    """The data without the items that aren't needed."""
    header, items = table(data)
    ends = [place for _, place in items[1:]] + [len(data) - header]
    kept = [
        (name, data[header + place : header + end])
        for (name, place), end in zip(items, ends, strict=True)
        if not UNNEEDED.search(name.decode())
    ]
    place_of_name = 4 + 8 * len(kept)
    place = place_of_name + sum(len(name) + 1 for name, _ in kept)
    contents, names, parts = [struct.pack("<I", len(kept))], [], []
    padding = -(header + place) % ALIGNMENT
    place += padding
    for name, item in kept:
        contents.append(struct.pack("<II", place_of_name, place))
        names.append(name + b"\0")
        item += b"\0" * (-len(item) % ALIGNMENT)
        parts.append(item)
        place_of_name += len(name) + 1
        place += len(item)
    return data[:header] + b"".join([*contents, *names, b"\xaa" * padding, *parts])
