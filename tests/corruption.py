"""Damaged, foreign and invented snapshots by kind, and the program that gives all of one kind to every way in.

    python tests/corruption.py KIND

Cases are named before they run; the last line is their number.
"""

import contextlib
import faulthandler
import os
import pickle
import random
import struct
import sys
import tempfile

import v8snap
from v8snap import Isolate, SnapshotCreator, StartupData, _v8, blob_layout, file_format

BLOB_ERRORS = (v8snap.SnapshotCorruptError, v8snap.SnapshotVersionError)
FILE_ERRORS = (*BLOB_ERRORS, v8snap.SnapshotSignatureError)
KEY = b"key"


def make_blob():
    with SnapshotCreator() as sc:
        sc.context.eval("var table = new Map([['a', [1, 2]]]); function run() { return table.get('a') }", "a.js")
        sc.add_context(sc.new_context(), name="other")
        sc.create_blob(metadata={"m": 1})
    return sc.blob


BLOB = make_blob()
RAW = bytes(BLOB)
LAYOUT = blob_layout.read_layout(memoryview(RAW))
HEADER_SIZE = LAYOUT.sections["header"][1]
STARTS = [start for start, _ in LAYOUT.sections.values()]


def written(key=None):
    """A whole file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.v8snap")
        BLOB.save(path, key=key)
        with open(path, "rb") as file:
            return file.read()


def flipped(data, position, bits):
    return data[:position] + bytes([data[position] ^ bits]) + data[position + 1 :]


def with_words(data, position, *words):
    packed = struct.pack(f"<{len(words)}I", *words)
    return data[:position] + packed + data[position + len(packed) :]


def checksummed(raw):
    """With V8's checksum as it should be: only what it doesn't tell is wrong."""
    algorithms = (_v8.adler32_from_zero, _v8.fletcher32)
    checksum = next(each for each in algorithms if each(RAW[12:]) == LAYOUT.checksum)
    return with_words(raw, 8, checksum(raw[12:]))


# ---------------------------------------------------------------- kinds of raw blobs


def cut_short():
    rng = random.Random(1)
    lengths = {*range(0, HEADER_SIZE + 9), *(start + delta for start in STARTS for delta in (-1, 0, 1, 7, 8, 9))}
    lengths |= {rng.randrange(len(RAW)) for _ in range(200)} | {len(RAW) - 1, len(RAW) - 8}
    for length in sorted(lengths):
        if 0 <= length < len(RAW):
            yield f"cut to {length}", RAW[:length]


def added_to():
    for extra in (b"\0", b"\0" * 8, b"x" * 4096, RAW):
        yield f"{len(extra)} bytes added", RAW + extra


def header_bytes():
    for position in range(HEADER_SIZE):
        if 4 <= position < 8:
            continue  # the rehashing mark: see below
        for bits in (0x01, 0x80, 0xFF):
            yield f"byte {position} ^ {bits:#x}", flipped(RAW, position, bits)


def rehashing_marks():
    for mark in (2, 3, 0x100, 2**31, 2**32 - 1):
        yield f"mark {mark}", with_words(RAW, 4, mark)


def header_words():
    version = 12 if LAYOUT.v8_version.startswith(("10.", "11.")) else 16
    positions = [0, *range(version + 64, HEADER_SIZE - 3, 4)]
    for position in positions:
        for word in (
            0,
            1,
            7,
            HEADER_SIZE,
            4095,
            4097,
            10**6,
            len(RAW) - 1,
            len(RAW),
            len(RAW) + 1,
            2**31 - 1,
            2**32 - 1,
        ):
            changed = with_words(RAW, position, word)
            if changed != RAW:
                yield f"word at {position} = {word}", checksummed(changed)


def section_heads():
    for name, (start, size) in list(LAYOUT.sections.items())[1:]:
        for word in (0, 0xC0DE0000, 0xC0DEFFFF, 0xDEADBEEF):
            yield f"{name}: magic {word:#x}", checksummed(with_words(RAW, start, word))
        for length in (0, 1, size - 17, size, size + 8, 2**31, 2**32 - 1):
            yield f"{name}: length {length}", checksummed(with_words(RAW, start + 4, length))


def payload_bytes():
    rng = random.Random(2)
    for _ in range(500):
        position = rng.randrange(HEADER_SIZE, len(RAW))
        yield f"byte {position}", flipped(RAW, position, 1 << rng.randrange(8))


def versions():
    at = RAW.index(LAYOUT.v8_version.encode())
    names = [
        "",
        "x",
        "9.9.9",
        "10.2.154.25",
        "10.2.154.26-node.36",
        "11.3.244.8-node.38",
        "12.4.254.21",
        "13.6.233.17-node.53",
    ]
    names += ["99.9.9.9", LAYOUT.v8_version + "x", "1" * 63, "10.2.154.26\n", "\x80"]
    for name in names:
        if name != LAYOUT.v8_version:
            yield f"version {name!r}", checksummed(RAW[:at] + name.encode("latin-1").ljust(64, b"\0") + RAW[at + 64 :])
    yield "version without an end", checksummed(RAW[:at] + LAYOUT.v8_version.encode().ljust(64, b"7") + RAW[at + 64 :])


def inventions():
    rng = random.Random(3)
    for size in (0, 1, 3, 4, 63, 64, 75, 76, 77, 80, 87, 88, 95, 96, 97, 200, 4096, 10**6):
        yield f"{size} random bytes", rng.randbytes(size)
        yield f"{size} zeros", bytes(size)
        yield f"{size} ones", b"\xff" * size
    yield "an ELF file", b"\x7fELF" + bytes(10_000)
    yield "a program", b"#!/bin/sh\nexit 0\n" * 100
    yield "Node's container", struct.pack("<IB", 0x143DA19, 1) + b"v18.0.0".ljust(64, b"\0") + RAW
    yield "a snapshot file's bytes", written()


RAW_KINDS = {
    kind.__name__: kind
    for kind in (
        cut_short,
        added_to,
        header_bytes,
        rehashing_marks,
        header_words,
        section_heads,
        payload_bytes,
        versions,
        inventions,
    )
}

# ---------------------------------------------------------------- kinds of files


def files_cut_short():
    rng = random.Random(4)
    whole = written()
    lengths = {*range(0, 120), *(rng.randrange(len(whole)) for _ in range(100)), 4095, 4096, 4097, len(whole) - 1}
    for length in sorted(lengths):
        yield f"cut to {length}", whole[:length], None


def file_bytes():
    rng = random.Random(5)
    for key in (None, KEY):
        whole = written(key)
        positions = [*range(0, 160), *(rng.randrange(len(whole)) for _ in range(150))]
        if key is None:
            positions = [position for position in positions if not 48 <= position < 80]  # where a signature would be
        for position in positions:
            yield f"byte {position}, key {key}", flipped(whole, position, 1 << rng.randrange(8)), key


def signatures():
    signed, unsigned = written(KEY), written()
    yield "none", unsigned, KEY
    yield "another's", signed, b"another"
    yield "taken away", signed[:48] + bytes(32) + signed[80:], KEY
    yield "random", signed[:48] + os.urandom(32) + signed[80:], KEY
    yield "of another header", signed[:48] + written(b"x")[48:80] + signed[80:], KEY


def file_headers():
    whole = written()
    length = file_format.HEAD.unpack_from(whole)[2]
    header = whole[file_format.HEAD.size : file_format.HEAD.size + length]
    for old, new in (
        (b'"arch":"', b'"arch":"other-'),
        (b'"v8_version":"1', b'"v8_version":"9'),
        (b'"build_id":"', b'"build_id":"0'),
        (b'"size":', b'"size":9'),
        (b'"sha256":"', b'"sha256":"0'),
        (b"{", b"["),
    ):
        changed = header.replace(old, new, 1)
        assert changed != header
        head = file_format.HEAD.pack(file_format.MAGIC, 1, len(changed), os.urandom(32), bytes(32))
        yield f"{old!r} to {new!r}", (head + changed).ljust(4096, b"\0") + RAW, None
    for word in (0, 1, length - 1, length + 1, 2**20, 2**31, 2**32 - 1):
        if word != length:
            yield f"length {word}", with_words(whole, 12, word), None
    for word in (0, 2, 2**32 - 1):
        yield f"format {word}", with_words(whole, 8, word), None


FILE_KINDS = {kind.__name__: kind for kind in (files_cut_short, file_bytes, signatures, file_headers)}


# ---------------------------------------------------------------- indices


def indices():
    """Wrong indices of contexts and data."""
    for number in (
        1,
        2,
        7,
        -1,
        2**31,
        2**32,
        2**63 - 1,
        2**63,
        2**64 - 1,
        2**64,
        2**65,
        -(2**63),
        "none",
        "",
        "\ud800",
    ):
        yield f"index {number!r}", number


# ---------------------------------------------------------------- running


def refuse(call, errors):
    try:
        call()
    except errors:
        return
    raise AssertionError("it was taken")


def give_raw(data):
    refuse(lambda: StartupData(data), BLOB_ERRORS)
    refuse(lambda: Isolate(data), BLOB_ERRORS)
    refuse(lambda: SnapshotCreator(existing_blob=data), BLOB_ERRORS)
    state = BLOB.__reduce__()
    refuse(lambda: state[0](data, state[1][1]), BLOB_ERRORS)


def give_versioned(data):
    """A whole blob of another V8 can be looked at, but not used."""
    with contextlib.suppress(*BLOB_ERRORS):
        StartupData(data)
    refuse(lambda: Isolate(data), BLOB_ERRORS)
    refuse(lambda: SnapshotCreator(existing_blob=data), BLOB_ERRORS)


def give_file(data, key):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.v8snap")
        with open(path, "wb") as file:
            file.write(data)
        for mmap in (True, False):
            refuse(lambda mmap=mmap: StartupData.load(path, key=key, mmap=mmap), FILE_ERRORS)


def give_index(number):
    with Isolate(BLOB) as isolate, isolate.new_context() as context:
        refuse(lambda: isolate.new_context(number), v8snap.NotInSnapshotError)
        refuse(lambda: isolate.data(number), v8snap.NotInSnapshotError)
        refuse(lambda: context.data(number), v8snap.NotInSnapshotError)
    with SnapshotCreator(existing_blob=BLOB) as creator:
        refuse(lambda: creator.new_context(number), v8snap.NotInSnapshotError)


def cases_of(kind):
    """Name and function of each case."""
    if kind in RAW_KINDS:
        give = give_versioned if kind == "versions" else give_raw
        return [(name, lambda data=data: give(data)) for name, data in RAW_KINDS[kind]()]
    if kind in FILE_KINDS:
        return [(name, lambda data=data, key=key: give_file(data, key)) for name, data, key in FILE_KINDS[kind]()]
    return [(name, lambda number=number: give_index(number)) for name, number in indices()]


ALL = [*RAW_KINDS, *FILE_KINDS, "indices"]


def main(kind):
    """Run all cases of a kind, and see that the process is as good as before."""
    faulthandler.dump_traceback_later(100, exit=True)
    cases = cases_of(kind)
    for name, case in cases:
        print(name, flush=True)
        case()
    with Isolate(pickle.loads(pickle.dumps(BLOB))) as isolate:
        assert isolate.new_context().globals["run"]().to_py() == [1, 2]
    print(len(cases), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
