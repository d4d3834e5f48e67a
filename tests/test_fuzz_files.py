"""Files and raw headers of any content: they are what was written, or an error that is named, before V8 sees them.

Each test begins with its examples in corpus/files.toml; what a longer run finds is added there.
"""

import hashlib
import hmac
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from v8snap import StartupData, blob_layout, file_format

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

spec = importlib.util.spec_from_file_location("corruption", Path(__file__).parent / "corruption.py")
corruption = importlib.util.module_from_spec(spec)
spec.loader.exec_module(corruption)

EXAMPLES = int(os.environ.get("V8SNAP_FUZZ_EXAMPLES", "150"))
CORPUS = tomllib.loads((Path(__file__).parent / "corpus" / "files.toml").read_text())
KEYS = {"": None, "right": corruption.KEY, "wrong": b"another"}
WHOLE, SIGNED = corruption.written(), corruption.written(corruption.KEY)
HEADER = json.loads(WHOLE[file_format.HEAD.size : file_format.HEAD.size + file_format.HEAD.unpack_from(WHOLE)[2]])


class Way(NamedTuple):
    """How a file is written and loaded."""

    signed: bool = False
    key: str = ""
    mmap: bool = False

    @property
    def may_work(self):
        return not self.key or (self.signed and self.key == "right")


ways = st.builds(Way, st.booleans(), st.sampled_from(list(KEYS)), st.booleans())
used = set()


def seeded(read):
    """Begin a test with its examples of the corpus, from whose tables `read` makes arguments."""

    def decorate(test):
        used.add(test.__name__)
        for table in reversed(CORPUS[test.__name__]):
            way = Way(**{name: table.pop(name) for name in Way._fields if name in table})
            test = example(**read(**table), **({"way": way} if "way" in test.__code__.co_varnames else {}))(test)
        return test

    return decorate


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
numbers = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 4095, 4096, 2**31 - 1, 2**31, 2**32 - 1])


def load(content, way):
    """What comes of a file with that content: a blob whose facts can be asked for, or None where it was refused."""
    path = Path(corruption.tempfile.gettempdir()) / f"{os.getpid()}-fuzz.v8snap"
    path.write_bytes(content)
    try:
        blob = StartupData.load(path, key=KEYS[way.key], mmap=way.mmap)
    except corruption.FILE_ERRORS:
        return None
    finally:
        path.unlink()
    assert way.may_work
    for fact in ("v8_version", "context_count", "context_names", "can_be_rehashed", "checksum", "sections", "metadata"):
        getattr(blob, fact)
    assert blob.external_references is not None
    assert [repr(blob), blob._repr_html_(), len(blob.scripts)]
    return blob


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    edits=st.lists(
        st.tuples(
            st.sampled_from(["put", "cut", "insert", "repeat", "end"]),
            st.one_of(st.integers(0, most) for most in (200, 8192, len(WHOLE) - 1)),  # the head, the header, all of it
            st.binary(max_size=9),
        ),
        max_size=4,
    ),
    way=ways,
)
@seeded(lambda edits: {"edits": [(edit, position, bytes.fromhex(data)) for edit, position, data in edits]})
def test_bytes_that_are_changed_anywhere(edits, way):
    content = whole = SIGNED if way.signed else WHOLE
    for edit, position, data in edits:
        before, after = content[:position], content[position:]
        content = {
            "put": before + data + after[len(data) :],
            "cut": before + after[len(data) :],
            "insert": before + data + after,
            "repeat": before + after[:200] + after,
            "end": before,
        }[edit]
    same = content == whole if way.key else without_signature(content) == without_signature(whole)
    assert load(content, way) == (corruption.BLOB if same and way.may_work else None)


def without_signature(content):
    """Who has no key doesn't look at it."""
    head = file_format.HEAD.size
    return content[: head - len(file_format.UNSIGNED)] + content[head:] if len(content) > head else content


def with_header(encoded, way, length=None, version=file_format.FORMAT):
    """A file whose digest and signature are right whatever its header says."""
    head = file_format.HEAD.pack(
        file_format.MAGIC,
        version,
        len(encoded) if length is None else length,
        hashlib.sha256(encoded).digest(),
        hmac.digest(corruption.KEY, encoded, "sha256") if way.signed else file_format.UNSIGNED,
    )
    return head + encoded + bytes(-(len(head) + len(encoded)) % file_format.PAGE) + corruption.RAW


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    header=anything | st.dictionaries(st.sampled_from(sorted(HEADER)), anything).map(lambda some: {**HEADER, **some}),
    way=ways,
)
@example(header={**HEADER, "size": float(len(corruption.RAW))}, way=Way())
@seeded(lambda changed=None, header=None: {"header": header if changed is None else {**HEADER, **changed}})
def test_headers_that_say_anything(header, way):
    blob = load(with_header(json.dumps(header).encode(), way), way)
    if blob is not None:
        assert bytes(blob) == corruption.RAW
        assert not way.key or header["sha256"] == HEADER["sha256"]


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    encoded=st.binary(max_size=60) | st.sampled_from([b"", b"[" * 10**5, b"{}", b"\xff", b"NaN", b'{"size": 1e999}']),
    way=ways,
)
@seeded(lambda encoded: {"encoded": bytes.fromhex(encoded)})
def test_headers_that_are_no_json(encoded, way):
    assert load(with_header(encoded, way), way) is None


@settings(max_examples=EXAMPLES, deadline=None)
@given(length=numbers, version=numbers, way=ways)
@example(length=len(json.dumps(HEADER, separators=(",", ":"))), version=file_format.FORMAT, way=Way(True, "right"))
def test_lengths_and_versions_that_make_no_sense(length, version, way):
    encoded = json.dumps(HEADER, sort_keys=True, separators=(",", ":")).encode()
    whole = (length, version) == (len(encoded), file_format.FORMAT)
    assert (load(with_header(encoded, way, length, version), way) is not None) == (whole and way.may_work)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    raw=st.binary(max_size=400)
    | st.tuples(
        st.lists(st.tuples(st.integers(0, corruption.HEADER_SIZE // 4 - 1), numbers), max_size=4),
        st.integers(0, len(corruption.RAW)) | st.just(len(corruption.RAW)),
    )
)
@seeded(
    lambda words=(), length=None, raw=None: {
        "raw": (words, len(corruption.RAW) if length is None else length) if raw is None else bytes.fromhex(raw)
    }
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


def test_the_corpus_has_nothing_that_is_not_used():
    assert CORPUS.keys() == used
