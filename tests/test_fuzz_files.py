"""Files and raw headers of any content: they are what was written, or an error that is named, before V8 sees them."""

import hashlib
import importlib.util
import json
import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from v8snap import StartupData, blob_layout, file_format

spec = importlib.util.spec_from_file_location("corruption", Path(__file__).parent / "corruption.py")
corruption = importlib.util.module_from_spec(spec)
spec.loader.exec_module(corruption)

EXAMPLES = int(os.environ.get("V8SNAP_FUZZ_EXAMPLES", "150"))
WHOLE = corruption.written()
HEADER = json.loads(WHOLE[file_format.HEAD.size : file_format.HEAD.size + file_format.HEAD.unpack_from(WHOLE)[2]])

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
numbers = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 4095, 4096, 2**31 - 1, 2**31, 2**32 - 1])


def load(content, key=None):
    """What comes of a file with that content: a blob whose facts can be asked for, or None where it was refused."""
    path = Path(corruption.tempfile.gettempdir()) / f"{os.getpid()}-fuzz.v8snap"
    path.write_bytes(content)
    try:
        blob = StartupData.load(path, key=key, mmap=False)
    except corruption.FILE_ERRORS:
        return None
    finally:
        path.unlink()
    for fact in ("v8_version", "context_count", "context_names", "can_be_rehashed", "checksum", "sections", "metadata"):
        getattr(blob, fact)
    assert blob.external_references is not None
    assert [repr(blob), blob._repr_html_(), len(blob.scripts)]
    return blob


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    edits=st.lists(
        st.tuples(
            st.sampled_from(["put", "cut", "insert", "repeat"]), st.integers(0, len(WHOLE) - 1), st.binary(max_size=9)
        ),
        max_size=4,
    ),
    start=st.integers(0, 2),
)
def test_bytes_that_are_changed_anywhere(edits, start):
    content = WHOLE
    for edit, position, data in edits:
        position = position % (200, 8192, len(WHOLE))[start]  # the head, the header, all of it
        before, after = content[:position], content[position:]
        content = {
            "put": before + data + after[len(data) :],
            "cut": before + after[len(data) :],
            "insert": before + data + after,
            "repeat": before + after[:200] + after,
        }[edit]
    assert load(content) in ((corruption.BLOB,) if without_signature(content) == without_signature(WHOLE) else (None,))


def without_signature(content):
    """Who has no key doesn't look at it."""
    head = file_format.HEAD.size
    return content[: head - len(file_format.UNSIGNED)] + content[head:] if len(content) > head else content


def with_header(encoded, length=None, version=file_format.FORMAT):
    """A file whose digest is right whatever its header says."""
    head = file_format.HEAD.pack(
        file_format.MAGIC,
        version,
        len(encoded) if length is None else length,
        hashlib.sha256(encoded).digest(),
        file_format.UNSIGNED,
    )
    return head + encoded + bytes(-(len(head) + len(encoded)) % file_format.PAGE) + corruption.RAW


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    header=anything | st.dictionaries(st.sampled_from(sorted(HEADER)), anything).map(lambda some: {**HEADER, **some})
)
def test_headers_that_say_anything(header):
    load(with_header(json.dumps(header).encode()))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    encoded=st.binary(max_size=60) | st.sampled_from([b"", b"[" * 10**5, b"{}", b"\xff", b"NaN", b'{"size": 1e999}'])
)
def test_headers_that_are_no_json(encoded):
    assert load(with_header(encoded)) is None


@settings(max_examples=EXAMPLES, deadline=None)
@given(length=numbers, version=numbers)
def test_lengths_and_versions_that_make_no_sense(length, version):
    encoded = json.dumps(HEADER, sort_keys=True, separators=(",", ":")).encode()
    whole = (length, version) == (len(encoded), file_format.FORMAT)
    assert (load(with_header(encoded, length, version)) is not None) == whole


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    raw=st.binary(max_size=400)
    | st.tuples(
        st.lists(st.tuples(st.integers(0, corruption.HEADER_SIZE // 4 - 1), numbers), max_size=4),
        st.integers(0, len(corruption.RAW)) | st.just(len(corruption.RAW)),
    )
)
def test_raw_headers_of_any_content(raw):
    """What is read of one agrees with itself, and with the blob's size."""
    if not isinstance(raw, bytes):
        words, length = raw
        content = corruption.RAW
        for word, value in words:
            content = corruption.with_words(content, 4 * word, value)
        raw = content[:length]
    try:
        layout = blob_layout.read_layout(memoryview(raw))
    except corruption.BLOB_ERRORS:
        return
    ends = [start + size for start, size in layout.sections.values()]
    assert [start for start, _ in layout.sections.values()] == [0, *ends[:-1]]
    assert ends[-1] == len(raw)
    assert layout.context_count >= 1
