r"""The layout of raw snapshot blobs, read without V8: V8's own part, and behind it the texts of long scripts.

Source of the first: V8's ``src/snapshot/snapshot.cc`` (``SnapshotImpl``). Two layouts exist: up to V8 11 the version
string follows one checksum, from 12 on a second checksum, that of the read-only heap, stands between them. All numbers
are little-endian 32-bit words; sections are the start-up heap, the read-only heap, the shared heap, then each context.

Long scripts' texts aren't in V8's heap, which refers to them by number (`engine/source_texts.cc`). In a blob with such
V8's part ends with b"\x89v8part\0", which its checksum covers: V8 ends the process over a part without its texts, and
so it is known by itself. Behind it, each text padded to a multiple of 8 bytes like that part::

    the texts, Latin-1 or UTF-16
    32 bits for each: its size in bytes, 0 where nothing refers to it; the highest bit says that it is UTF-16
    32 bits: their number
    32 bits: V8's checksum XOR an Adler-32, begun at 0, of all of this so far
    64 bits: the size of V8's part
    8 bytes: b"\x89texts\n\0"

"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from v8snap.errors import SnapshotCorruptError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BlobLayout", "read_layout", "verify_checksum"]

VERSION_SIZE = 64
VERSION = re.compile(rb"(\d+)\.\d+\.\d+(\.\d+)?[-\w.]*\0*")
FIRST_WITH_TWO_CHECKSUMS = 12
MOST_CONTEXTS = 4096
MOST_BYTES = 2**31 - 1  # V8 keeps the size in an int
SECTION_HEAD = 8  # magic number, payload length
SECTION_MAGIC = 0xC0DE
MOST_PADDING = 8
TEXTS_END = struct.Struct("<IIQ8s")  # number, checksum, size of V8's part, magic number
TEXTS_MAGIC = b"\x89texts\n\0"
TEXTS_ALIGNMENT = 8
PART_END = b"\x89v8part\0"
TWO_BYTE = 2**31


class Text(NamedTuple):
    """Where a script's text is in a blob."""

    start: int
    size: int
    two_byte: bool


class BlobLayout(NamedTuple):
    """What the header of a raw blob says.

    Attributes
    ----------
    v8_version : str
        With the embedder's suffix, such as ``"10.2.154.26-node.37"``.
    context_count : int
        Contexts in the blob, the default one included.
    can_be_rehashed : bool
        Whether V8 can give the heap's hash tables a new random seed at load.
    checksum : int
        V8's own, 32 bits, of its part.
    checksum_start : int
        Offset of the first byte that the checksum covers.
    sections : dict[str, tuple[int, int]]
        Name to (offset, size in bytes), in the order of the blob and without gaps.
    v8_size : int
        Bytes of V8's part.
    texts : list[Text]
        Those that V8's part refers to, by number.
    texts_checksum : int
    """

    v8_version: str
    context_count: int
    can_be_rehashed: bool
    checksum: int
    checksum_start: int
    sections: dict[str, tuple[int, int]]
    v8_size: int
    texts: list[Text]
    texts_checksum: int


def read_layout(raw: memoryview) -> BlobLayout:
    """Read and check the header and the heads of the sections.

    Raises
    ------
    SnapshotCorruptError
        Where anything can't be as V8 writes it. The payload's content is not looked at: see `verify_checksum`.
    """
    whole, texts_checksum, v8_size, texts = raw, *_find_texts(raw)
    raw = whole[: v8_size - len(PART_END)] if texts else whole
    _require(bytes(raw[-len(PART_END) :]) != PART_END, "the texts of its scripts are missing")
    _require(VERSION_SIZE + 32 < len(raw) <= MOST_BYTES, f"{len(raw)} bytes can't be a V8 snapshot")
    version_at, version = _find_version(raw)
    offsets_at = version_at + VERSION_SIZE
    count, rehashable, checksum = struct.unpack_from("<III", raw, 0)
    _require(1 <= count <= MOST_CONTEXTS, f"it can't hold {count} contexts")
    _require(rehashable in (0, 1), "its rehashing mark is neither 0 nor 1")
    contexts_at = offsets_at + 8
    startup_at = (contexts_at + 4 * count + 7) & ~7
    _require(startup_at < len(raw), "it is cut short")
    _require(
        not any(raw[contexts_at + 4 * count : startup_at]), "there is something between its header and its sections"
    )
    read_only_at, shared_at = struct.unpack_from("<II", raw, offsets_at)
    context_starts = struct.unpack_from(f"<{count}I", raw, contexts_at)
    names = ["header", "startup", "read_only", "shared_heap", "default_context"]
    names += [f"context_{index}" for index in range(count - 1)]
    starts = [0, startup_at, read_only_at, shared_at, *context_starts, len(raw)]
    _require(starts == sorted(set(starts)), "its sections overlap")
    sections = {name: (start, end - start) for name, start, end in zip(names, starts[:-1], starts[1:], strict=True)}
    _check_section_heads(raw, list(sections.values())[1:])
    if texts:
        sections["texts"] = (len(raw), len(whole) - len(raw))
    return BlobLayout(version, count, rehashable == 1, checksum, 12, sections, v8_size, texts, texts_checksum)


def verify_checksum(raw: memoryview, layout: BlobLayout, algorithms: tuple[Callable[[memoryview], int], ...]) -> None:
    """Compare V8's checksum, and that of the texts, with what the bytes give.

    V8's builds differ in the algorithm, so one match among `algorithms` is enough; Adler-32, that of the texts, is the
    first. Not covered: the number of contexts and the rehashing mark.

    Raises
    ------
    SnapshotCorruptError
        Where none matches.
    """
    covered = raw[layout.checksum_start : layout.v8_size]
    _require(any(layout.checksum == algorithm(covered) for algorithm in algorithms), "V8's checksum doesn't match")
    if layout.texts:
        covered = raw[layout.v8_size : len(raw) - TEXTS_END.size + 4]
        found = layout.checksum ^ algorithms[0](covered)
        _require(layout.texts_checksum == found, "the texts of its scripts are damaged, or another's")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise SnapshotCorruptError(f"not a usable V8 snapshot: {problem}")


def _find_texts(raw: memoryview) -> tuple[int, int, list[Text]]:
    """Their checksum, the size of V8's part, and where they are."""
    end = len(raw) - TEXTS_END.size
    if end < 0 or bytes(raw[-len(TEXTS_MAGIC) :]) != TEXTS_MAGIC:
        return 0, len(raw), []
    number, checksum, v8_size, _ = TEXTS_END.unpack_from(raw, end)
    sizes_at = end - 4 * number
    _require(number > 0 and v8_size < sizes_at, "the texts of its scripts don't fit into it")
    _require(v8_size % TEXTS_ALIGNMENT == 0, "the texts of its scripts don't fit into it")
    _require(bytes(raw[:v8_size][-len(PART_END) :]) == PART_END, "the texts of its scripts don't fit into it")
    texts, at = [], v8_size
    for (size,) in struct.iter_unpack("<I", raw[sizes_at:end]):
        texts.append(Text(at, size % TWO_BYTE, size >= TWO_BYTE))
        _require(not (texts[-1].two_byte and size % 2), "the text of a script is half a character too long")
        at += _padded(texts[-1].size)
    _require(at == sizes_at, "the texts of its scripts don't fit into it")
    return checksum, v8_size, texts


def _padded(size: int) -> int:
    return size + -size % TEXTS_ALIGNMENT


def _find_version(raw: memoryview) -> tuple[int, str]:
    for offset, two_checksums in ((12, False), (16, True)):
        text = bytes(raw[offset : offset + VERSION_SIZE])
        match = VERSION.fullmatch(text)
        if match and text.endswith(b"\0") and (int(match[1]) >= FIRST_WITH_TWO_CHECKSUMS) == two_checksums:
            return offset, text.rstrip(b"\0").decode("ascii")
    raise SnapshotCorruptError("not a usable V8 snapshot: it has no V8 version where one should be")


def _check_section_heads(raw: memoryview, sections: list[tuple[int, int]]) -> None:
    magics = set()
    for start, size in sections:
        _require(size >= SECTION_HEAD, "a section is too small")
        magic, payload = struct.unpack_from("<II", raw, start)
        magics.add(magic)
        _require(0 <= size - SECTION_HEAD - payload < MOST_PADDING, "a section's length is wrong")
    _require(len(magics) == 1 and magics.pop() >> 16 == SECTION_MAGIC, "a section doesn't start as sections do")
