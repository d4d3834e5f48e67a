"""The ``.v8snap`` file: what a raw blob doesn't say, then the blob itself, last and on a page of its own.

::

    offset  size
    0       8     magic
    8       4     format version, little-endian
    12      4     length of the header, little-endian
    16      32    SHA-256 of the header
    48      32    HMAC-SHA256 of the header under the signer's key; zeros where it isn't signed
    80      ...   header: JSON, UTF-8
    ...           zeros up to a multiple of 4096
    ...           the blob, to the end of the file: `v8snap.blob_layout`

The header holds the blob's size, its first bytes and its SHA-256, so its digest covers everything. At load an unsigned
file's blob is checked by its own checksums (`v8snap.blob_layout`), which are much quicker than SHA-256:
against damage they are as good, and against whoever can write the file neither helps, only a key does.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import json
import mmap
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from v8snap.errors import SnapshotCorruptError, SnapshotSignatureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["read_file", "replaced_file", "write_file"]

MAGIC = b"\x89v8snap\n"
FORMAT = 1
HEAD = struct.Struct("<8sII32s32s")
PAGE = 4096
MOST_HEADER = 64 * 2**20
UNSIGNED = bytes(32)
UNCHECKED = 12  # bytes at the start of a blob that no checksum of its own covers
MACHINE = os.uname().machine  # as in headers' "arch"; the module platform is slow to import


def write_file(path: str | os.PathLike[str], header: dict[str, Any], blob: memoryview, key: bytes | None) -> None:
    """Write a file in one step: whoever reads `path` sees the old file or the new one, never a part.

    Raises
    ------
    OSError
        Where the folder can't be written, or something else than a file is there.
    ValueError
        Where what is known of the blob is too large for the header.
    """
    _check_key(key)
    header = {
        **header,
        "size": len(blob),
        "start": bytes(blob[:UNCHECKED]).hex(),
        "sha256": hashlib.sha256(blob).hexdigest(),
    }
    encoded = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    if len(encoded) > MOST_HEADER:
        raise ValueError(f"names and metadata are too large for a snapshot file: {len(encoded):,} bytes")
    tag = hmac.digest(key, encoded, "sha256") if key is not None else UNSIGNED
    head = HEAD.pack(MAGIC, FORMAT, len(encoded), hashlib.sha256(encoded).digest(), tag)
    padding = bytes(-(len(head) + len(encoded)) % PAGE)
    with replaced_file(path) as file:
        for part in (head, encoded, padding, blob):
            file.write(part)


@contextlib.contextmanager
def replaced_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` in one step, where all went well.

    Raises
    ------
    OSError
        Where the folder can't be written, or something else than a file is there.
    """
    path = Path(os.path.realpath(path))  # a link stays one
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "there is something else than a file", str(path))
    import tempfile  # only who saves needs it, and it brings much along

    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        error.filename = str(path)
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's own mode would shut other users out
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:  # such as a full disk
            error.filename = str(path)
        raise


def read_file(path: str | os.PathLike[str], key: bytes | None, *, map_file: bool) -> tuple[dict[str, Any], memoryview]:
    """Read and check a file; its header, and the blob as a read-only view of the mapped or read file.

    The blob's content is checked here only where `key` is given: its own checksums are the caller's to check.

    Raises
    ------
    SnapshotCorruptError
        Where any byte is not as it was written.
    SnapshotSignatureError
        Where `key` is given and the file isn't signed with it.
    OSError
        Where it can't be read.
    """
    _check_key(key)
    with open(path, "rb") as file:
        if map_file and os.fstat(file.fileno()).st_size > 0:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        else:
            content = memoryview(file.read())
    if len(content) < HEAD.size:
        raise SnapshotCorruptError(f"{os.fspath(path)} is too short for a snapshot file")
    magic, version, length, digest, tag = HEAD.unpack_from(content, 0)
    if magic != MAGIC:
        raise SnapshotCorruptError(f"{os.fspath(path)} is not a snapshot file")
    if version != FORMAT:
        raise SnapshotCorruptError(f"{os.fspath(path)} has file format {version}, this is {FORMAT}")
    encoded = bytes(content[HEAD.size : HEAD.size + length]) if length <= MOST_HEADER else b""
    if key is not None and not hmac.compare_digest(tag, hmac.digest(key, encoded, "sha256")):
        raise SnapshotSignatureError(f"{os.fspath(path)} is not signed with this key")
    if hashlib.sha256(encoded).digest() != digest:
        raise SnapshotCorruptError(f"{os.fspath(path)}: the header is damaged")
    header = _header_from(encoded)
    if header is None:
        raise SnapshotCorruptError(f"{os.fspath(path)}: the header is none of a snapshot file")
    start = HEAD.size + length + -(HEAD.size + length) % PAGE
    blob = content[start:]
    if any(content[HEAD.size + length : start]) or len(blob) != header["size"]:
        raise SnapshotCorruptError(f"{os.fspath(path)}: the file is cut short or was added to")
    if bytes(blob[:UNCHECKED]).hex() != header["start"]:
        raise SnapshotCorruptError(f"{os.fspath(path)}: the blob's header is damaged")
    if key is not None and hashlib.sha256(blob).hexdigest() != header["sha256"]:
        raise SnapshotCorruptError(f"{os.fspath(path)}: the blob is damaged")
    return header, blob


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_index(value: Any) -> bool:
    """One that may be below 0, for what isn't in a list."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31


def _or_none(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _table_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _is_place(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and _is_index(value[0]) and _is_count(value[1])


def _is_script(value: Any) -> bool:
    return isinstance(value, dict) and _is_text(value.get("name")) and _is_count(value.get("size"))


# What the values of a header are, which anybody can write: whatever is asked of a blob relies on it.
_REQUIRED = {"size": _is_count, "start": _is_text, "sha256": _is_text}
_OPTIONAL = {
    **dict.fromkeys(("v8_version", "build_id", "flags_hash", "arch"), _or_none(_is_text)),
    "context_names": _or_none(_list_of(_or_none(_is_text))),
    "external_references": _list_of(_is_text),
    "isolate_data": _table_of(_is_count),
    "context_data": _table_of(_table_of(_is_count)),
    "context_data_counts": _or_none(_table_of(_is_count)),
    "isolate_data_places": _or_none(_list_of(_is_place)),
    "scripts": _list_of(_is_script),
}


def _header_from(encoded: bytes) -> dict[str, Any] | None:
    """The header in those bytes; None where they are none."""
    try:
        header = json.loads(encoded)
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict):
        return None
    if not all(name in header and check(header[name]) for name, check in _REQUIRED.items()):
        return None
    if not all(check(header[name]) for name, check in _OPTIONAL.items() if name in header):
        return None
    return header


def _check_key(key: bytes | None) -> None:
    if key is not None and len(key) == 0:
        raise ValueError("an empty key signs nothing: anybody has it")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
