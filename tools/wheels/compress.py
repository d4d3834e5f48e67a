"""Pack a wheel's files tighter than Python's own compression can.

    python tools/wheels/compress.py WHEEL

The wheel is replaced; any unzip reads it. Runs in an environment with ``tools/wheels/requirements.txt``.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from unittest import mock

import deflate

#: libdeflate's best; about ten seconds for a wheel.
LEVEL = 12


class Compressor:
    """libdeflate, which compresses a file as a whole, as one of zlib's objects, which take it in parts."""

    def __init__(self, *_: object) -> None:
        self.parts: list[bytes] = []

    def compress(self, part: bytes) -> bytes:
        """Keep it for the end."""
        self.parts.append(part)
        return b""

    def flush(self) -> bytes:
        """All of it."""
        return bytes(deflate.deflate_compress(b"".join(self.parts), LEVEL))


def compress(path: Path) -> None:
    """Write the wheel anew, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    # zipfile has no other place for a compressor; packages that take one write archives that PyPI refuses.
    with (
        mock.patch.object(zipfile, "_get_compressor", Compressor),
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(partial, "w") as new,
    ):
        for info in old.infolist():
            new.writestr(info, old.read(info), zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(partial) as new:
        before, after = ([(info.filename, info.CRC) for info in each.infolist()] for each in (old, new))
        if before != after or new.testzip() or partial.stat().st_size >= path.stat().st_size:
            raise RuntimeError(f"{path.name} wasn't packed anew as it should be")
    partial.replace(path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    compress(Path(sys.argv[1]))
