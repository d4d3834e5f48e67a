"""``StartupData``: a snapshot blob and what is known of it."""

from __future__ import annotations

import hashlib
import operator
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from v8snap import _v8, blob_layout, file_format
from v8snap.errors import (
    ExternalReferenceError,
    JSMemoryError,
    NotInSnapshotError,
    SnapshotBuildCrashed,
    SnapshotCorruptError,
    SnapshotFlagsError,
    SnapshotVersionError,
)
from v8snap.host import RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["StartupData"]

MOST_DATA = 2**32
#: What is known of a raw blob that came without a header.
EMPTY_HEADER: dict[str, Any] = {
    "start": None,
    "v8_version": None,
    "build_id": None,
    "flags_hash": None,
    "arch": None,
    "context_names": None,
    "isolate_data": {},
    "context_data": {},
    "context_data_counts": None,
    "isolate_data_places": None,
    "external_references": [],
    "metadata": None,
    "scripts": [],
}


#: Digests of raw blobs that a helper process could load.
_tried: set[bytes] = set()


class StartupData(_v8.BlobBuffer):
    """A V8 startup snapshot: immutable bytes from which isolates start.

    It has the buffer protocol (read-only), ``len``, ``bytes(blob)``, ``==`` and ``hash``, all of the raw blob: V8's own
    and, behind it, the texts of scripts of 16 KiB or more, which isolates read there and have no copies of. It pickles,
    with all that is known of it. An isolate keeps it alive; any number of isolates share its one copy.

    Treat a snapshot as code: starting from one that somebody else can write is running their code.

    See V8's ``include/v8-snapshot.h``.

    Parameters
    ----------
    raw : bytes-like
        A raw blob as ``bytes(blob)`` gives it or as V8 makes it, of any V8 version. It is copied.

    Raises
    ------
    SnapshotCorruptError
        Where the bytes can't be a whole V8 snapshot.

    Examples
    --------
    >>> blob = v8snap.build({"app.js": "var answer = 42"})
    >>> [script["name"] for script in blob.scripts]
    ['app.js']
    >>> blob.context_count
    1
    """

    def __init__(self, raw: bytes | bytearray | memoryview) -> None:
        if isinstance(raw, str | os.PathLike):
            raise TypeError(f"a snapshot is bytes or a StartupData; for the file {raw!r} use StartupData.load()")
        content = bytes(memoryview(raw))
        if content.startswith(file_format.MAGIC):
            raise SnapshotCorruptError("these are the bytes of a .v8snap file: use StartupData.load()")
        self._adopt(memoryview(content), EMPTY_HEADER, checked=False)

    @classmethod
    def _make(cls, raw: bytes | memoryview, header: Mapping[str, Any], *, checked: bool = True) -> StartupData:
        """From bytes that are known to be whole, without a copy."""
        self = cls.__new__(cls)
        self._adopt(memoryview(raw), header, checked=checked)
        return self

    def _adopt(self, raw: memoryview, header: Mapping[str, Any], *, checked: bool) -> None:
        layout = blob_layout.read_layout(raw)
        start = header.get("start")
        if start is not None and bytes(raw[: file_format.UNCHECKED]).hex() != start:
            raise SnapshotCorruptError("not a usable V8 snapshot: its header is not the one that was made")
        if not checked:
            blob_layout.verify_checksum(raw, layout, (_v8.adler32_from_zero, _v8.fletcher32))
        self._set_buffer(raw.toreadonly())
        self._layout = layout
        self._header = {**EMPTY_HEADER, **header}

    # ------------------------------------------------------------ what the blob says

    @property
    def v8_version(self) -> str:
        """The V8 that made it, such as ``"10.2.154.26-node.37"``."""
        return self._layout.v8_version

    @property
    def context_count(self) -> int:
        """Contexts in the blob, the default one included: V8 counts so."""
        return self._layout.context_count

    @property
    def context_names(self) -> tuple[str | None, ...]:
        """Name of each added context by its index; None where it has none."""
        names = self._header["context_names"]
        return (None,) * (self.context_count - 1) if names is None else tuple(names)

    @property
    def can_be_rehashed(self) -> bool:
        """Whether V8 gives the heap's hash tables a new random seed at load, its guard against hash flooding.

        False for a snapshot with ES modules in it, and for one that was made with ``rehash=False``.
        """
        return self._layout.can_be_rehashed

    @property
    def checksum(self) -> int:
        """V8's own checksum of its part of the blob, 32 bits."""
        return self._layout.checksum

    @property
    def sections(self) -> dict[str, int]:
        """Size of each part in bytes: header, startup, read_only, shared_heap, default_context, context_0, ..., texts.

        The last is there where scripts of 16 KiB or more are in the heap.
        """
        return {name: size for name, (_, size) in self._layout.sections.items()}

    # ------------------------------------------------------------ what v8snap wrote beside it

    @property
    def external_references(self) -> tuple[str, ...]:
        """Names of the Python callables that the heap needs at load, besides those of its host objects."""
        return tuple(name for name in self._header["external_references"] if not name.startswith(RESERVED))

    @property
    def flags_hash(self) -> str | None:
        """Digest of the V8 flags it was made under; None for a raw blob."""
        value: str | None = self._header["flags_hash"]
        return value

    @property
    def metadata(self) -> Any:
        """What was given to ``create_blob(metadata=...)``: JSON-like data, or None."""
        return self._header["metadata"]

    @property
    def scripts(self) -> tuple[dict[str, Any], ...]:
        """What built it, in order: dicts with ``name``, ``size`` (bytes of UTF-8) and ``sha256``."""
        return tuple(dict(script) for script in self._header["scripts"])

    # ------------------------------------------------------------ files

    def save(self, path: str | os.PathLike[str], *, key: bytes | None = None) -> None:
        """Write a ``.v8snap`` file, atomically: `path` is the old file or the whole new one, whatever happens.

        Parameters
        ----------
        path : path-like
        key : bytes, optional
            Signs the file with HMAC-SHA256.

        Raises
        ------
        OSError
            Where the folder can't be written.
        """
        file_format.write_file(path, self._header, memoryview(self), key)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, key: bytes | None = None, mmap: bool = True) -> StartupData:
        """Read a ``.v8snap`` file, checking every byte.

        Starting from a file that somebody else can write is running their code; `key` tells who wrote it.

        Parameters
        ----------
        path : path-like
        key : bytes, optional
            The file must be signed with it.
        mmap : bool
            Map the file instead of reading it: processes share its pages. It must not be changed in place while it
            is used (``save`` never does that).

        Raises
        ------
        SnapshotCorruptError
            Where it isn't such a file, or not as it was written.
        SnapshotSignatureError
            Where `key` is given and the file isn't signed with it.
        OSError
            Where it can't be read.
        """
        header, blob = file_format.read_file(path, key, map_file=mmap)
        try:
            return cls._make(blob, header, checked=key is not None)
        except SnapshotCorruptError as error:
            raise SnapshotCorruptError(f"{os.fspath(path)}: {error}") from None

    def verify(self, *, timeout: float = 120.0) -> None:
        """Load every context of the blob in a helper process.

        V8 may die of a blob, and nothing can catch that in the process where it happens.

        Parameters
        ----------
        timeout : float
            Seconds.

        Raises
        ------
        SnapshotBuildCrashed, JSMemoryError
            Where V8 died of it; `message` has its last words.
        SnapshotVersionError, SnapshotFlagsError
            Where it isn't for this V8.
        JSTimeoutError
            Where it took too long.
        """
        self._check_version()
        from v8snap import helper

        helper.run_job({"do": "load", "header": self._header}, [memoryview(self)], timeout)

    # ------------------------------------------------------------ what isolates ask

    def _check_usable(self) -> None:
        self._check_version()
        if self._header["start"] is None and self.can_be_rehashed:
            self._try_raw_blob()

    def _try_raw_blob(self) -> None:
        """See in a helper process, once, that V8 can rehash a raw blob whose header says so.

        V8 dies if it can't, and no checksum covers that mark.
        """
        digest = hashlib.sha256(self).digest()
        if digest in _tried:
            return
        try:
            self.verify()
        except (SnapshotBuildCrashed, JSMemoryError) as error:
            raise SnapshotCorruptError(f"not a usable V8 snapshot: {error}") from error
        _tried.add(digest)

    def _check_version(self) -> None:
        header = self._header
        expected = _v8.v8_version()
        if self.v8_version != expected:
            raise SnapshotVersionError(self.v8_version, expected)
        build_id = _v8.build_id()
        if header["build_id"] not in (None, build_id):
            raise SnapshotVersionError(f"{self.v8_version} build {header['build_id']}", f"{expected} build {build_id}")
        if header["arch"] not in (None, file_format.MACHINE):
            raise SnapshotVersionError(f"{self.v8_version} {header['arch']}", f"{expected} {file_format.MACHINE}")
        if header["flags_hash"] not in (None, _v8.flags_hash()):
            raise SnapshotFlagsError("the snapshot was made under other V8 flags than this process has set")

    def _check_externals(self, given: Iterable[str]) -> None:
        missing = sorted(set(self.external_references) - set(given))
        if missing:
            error = ExternalReferenceError(
                f"the snapshot needs Python callables that were not given: external_references={{{', '.join(missing)}}}"
            )
            error.missing = tuple(missing)
            raise error

    def _may_have_host_objects(self) -> bool:
        """Whether natives of v8snap's own may be in the heap; a raw blob doesn't say."""
        return self._header["start"] is None or any(
            name.startswith(RESERVED) for name in self._header["external_references"]
        )

    @cached_property
    def _heap_identity(self) -> bytes:
        """The same for blobs that V8 can have together: their read-only heaps are the same bytes.

        The hash seed is among them. A heap that keeps it can't be beside one that doesn't.
        """
        start, size = self._layout.sections["read_only"]
        digest = hashlib.sha256(memoryview(self)[start : start + size]).hexdigest()
        return (digest if self.can_be_rehashed else f"{digest} with its seed").encode()

    def _context_index(self, which: int | str) -> int:
        names = self.context_names
        if isinstance(which, str):
            if which not in names:
                raise NotInSnapshotError(f"the snapshot has no context named {which!r}, only {list(names)}")
            return names.index(which)
        which = operator.index(which)
        if not 0 <= which < len(names):
            raise NotInSnapshotError(
                f"the snapshot has no context {which}: it has {len(names)} besides the default one"
            )
        return which

    def _data_index(self, which: int | str, scope: int | str | None) -> int:
        """Index of data by index or name; `scope` is "isolate", None (default context) or an added context's index."""
        if not isinstance(which, str):
            which = operator.index(which)
            if not 0 <= which < self._data_count(scope):
                raise NotInSnapshotError(f"the snapshot has no data {which}")
            return which
        names = self._data_names(scope)
        if which not in names:
            raise NotInSnapshotError(f"the snapshot has no data named {which!r} there, only {sorted(names)}")
        return int(names[which])

    def _data_count(self, scope: int | str | None) -> int:
        """How many values are attached there; a large number for a raw blob, which doesn't say."""
        places, counts = self._header["isolate_data_places"], self._header["context_data_counts"]
        if scope == "isolate":
            return MOST_DATA if places is None else len(places)
        return MOST_DATA if counts is None else int(counts.get("default" if scope is None else str(scope), 0))

    def _isolate_data_place(self, index: int) -> tuple[int, int]:
        """Where V8 has a value of the isolate: (added context, or -1: default, or -2: isolate; index there)."""
        places = self._header["isolate_data_places"]
        place, at = (-2, index) if places is None else places[index]
        return int(place), int(at)

    def _data_names(self, scope: int | str | None) -> dict[str, int]:
        """Index of data by name, for a scope as above."""
        if scope == "isolate":
            return dict(self._header["isolate_data"])
        return dict(self._header["context_data"].get("default" if scope is None else str(scope), {}))

    # ------------------------------------------------------------ Python's protocols

    def __len__(self) -> int:
        return len(memoryview(self))

    def __bytes__(self) -> bytes:
        return bytes(memoryview(self))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StartupData):
            return NotImplemented
        return self is other or memoryview(self) == memoryview(other)

    def __hash__(self) -> int:
        return hash((self.checksum, len(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (_unpickle, (bytes(self), self._header))

    def __repr__(self) -> str:
        names = [str(script["name"]) for script in self.scripts]
        made_of = f", scripts: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}" if names else ""
        return f"<StartupData V8 {self.v8_version}, {len(self):,} bytes, contexts: {self.context_count}{made_of}>"

    def _repr_html_(self) -> str:
        from v8snap.notebook import html

        return html.startup_data(self)


def _unpickle(raw: bytes, header: dict[str, Any]) -> StartupData:
    return StartupData._make(raw, header, checked=False)
