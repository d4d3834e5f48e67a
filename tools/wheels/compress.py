"""Pack a wheel's files tighter than Python's own compression can, for a tenth less to download; any unzip reads it.

    python tools/wheels/compress.py WHEEL

The wheel is replaced. Runs in an environment with ``tools/wheels/requirements.txt``.
"""

from __future__ import annotations

import datetime
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import deflate
from stream_zip import ZIP_32, Method, stream_zip

#: libdeflate's best; about ten seconds for a wheel.
LEVEL = 12


class Compressor:
    """libdeflate, which compresses a file as a whole, as one of zlib's objects, which take it in parts."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def compress(self, part: bytes) -> bytes:
        """Keep it for the end."""
        self.parts.append(part)
        return b""

    def flush(self) -> bytes:
        """All of it."""
        return bytes(deflate.deflate_compress(b"".join(self.parts), LEVEL))


def members(wheel: zipfile.ZipFile) -> Iterator[tuple[str, datetime.datetime, int, Method, list[bytes]]]:
    """The files with their times and permissions, in the order they have: metadata last."""
    for info in wheel.infolist():
        time = datetime.datetime(*info.date_time, tzinfo=datetime.timezone.utc)
        yield info.filename, time, info.external_attr >> 16, ZIP_32, [wheel.read(info)]


def compress(path: Path) -> None:
    """Write the wheel anew, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    with zipfile.ZipFile(path) as wheel, partial.open("wb") as file:
        file.writelines(stream_zip(members(wheel), get_compressobj=Compressor))
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(partial) as new:
        before, after = ([(info.filename, info.CRC) for info in each.infolist()] for each in (old, new))
        if before != after or new.testzip():
            raise RuntimeError(f"{path.name} didn't survive being packed anew")
    partial.replace(path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    compress(Path(sys.argv[1]))
