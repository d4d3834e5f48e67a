"""StartupData: what it tells, and that a damaged or foreign one never reaches V8."""

import os
import pickle
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import v8snap
from v8snap import Isolate, SnapshotCreator, StartupData, _v8, file_format


@pytest.fixture(scope="module")
def blob():
    with SnapshotCreator(external_references={"log": print}) as sc:
        sc.context.eval("function run() { return 7 }", "main.js")
        sc.context.globals["log"] = print
        sc.add_context(sc.new_context(), name="other")
        sc.create_blob(metadata={"build": [1, None]})
    return sc.blob


def test_what_it_tells(blob):
    assert blob.v8_version == v8snap.v8_version()
    assert (blob.context_count, blob.context_names) == (2, ("other",))
    assert blob.external_references == ("log",)
    assert blob.metadata == {"build": [1, None]}
    assert blob.scripts[0]["name"] == "main.js"
    assert blob.scripts[0]["size"] == len("function run() { return 7 }")
    assert len(blob.scripts[0]["sha256"]) == 64
    assert blob.can_be_rehashed is True
    assert blob.flags_hash == v8snap.build_config()["flags_hash"]
    assert sum(blob.sections.values()) == len(blob)
    assert list(blob.sections) == ["header", "startup", "read_only", "shared_heap", "default_context", "context_0"]
    assert f"{len(blob):,} bytes" in repr(blob)
    html = blob._repr_html_()
    assert "<table>" in html
    assert "main.js" in html


def test_names_in_html_are_escaped():
    with SnapshotCreator() as sc:
        sc.context.eval("1", "<script>")
    assert "<script>" not in sc.blob._repr_html_()


def test_it_is_bytes(blob):
    view = memoryview(blob)
    assert view.readonly
    assert (len(blob), bytes(blob)) == (view.nbytes, view.tobytes())
    with pytest.raises(TypeError):
        view[0] = 1
    for name in ("v8_version", "sections", "metadata"):
        with pytest.raises(AttributeError):
            setattr(blob, name, 1)


def test_equality_is_of_the_bytes(blob, make_blob):
    again = StartupData(bytes(blob))
    assert again == blob
    assert hash(again) == hash(blob)
    assert blob != make_blob()
    assert blob != bytes(blob)


def test_pickling(blob):
    again = pickle.loads(pickle.dumps(blob))
    assert again == blob
    assert (again.context_names, again.metadata, again.external_references) == (
        blob.context_names,
        blob.metadata,
        blob.external_references,
    )


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("key", [None, b"secret"])
def test_files(blob, tmp_path, mapped, key):
    path = tmp_path / "a.v8snap"
    blob.save(path, key=key)
    again = StartupData.load(path, key=key, mmap=mapped)
    assert again == blob
    assert again.context_names == blob.context_names
    with Isolate(again, external_references={"log": print}) as iso:
        assert iso.new_context().globals["run"]() == 7
    assert path.stat().st_size % file_format.PAGE == len(blob) % file_format.PAGE
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~file_format._umask()
    assert [child.name for child in tmp_path.iterdir()] == ["a.v8snap"]


def test_signatures(blob, tmp_path):
    signed, unsigned = tmp_path / "signed", tmp_path / "unsigned"
    blob.save(signed, key=b"right")
    blob.save(unsigned)
    assert StartupData.load(signed) == blob
    for path, key in ((signed, b"wrong"), (unsigned, b"right")):
        with pytest.raises(v8snap.SnapshotSignatureError):
            StartupData.load(path, key=key)


def test_saving_over_a_mapped_file_leaves_the_old_one_usable(blob, make_blob, tmp_path):
    path = tmp_path / "a.v8snap"
    blob.save(path)
    old = StartupData.load(path)
    make_blob().save(path)
    assert old == blob
    assert StartupData.load(path) != blob


def test_a_failed_save_leaves_the_old_file(blob, tmp_path, monkeypatch):
    path = tmp_path / "a.v8snap"
    blob.save(path)

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(file_format.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        blob.save(path)
    assert StartupData.load(path) == blob
    assert [child.name for child in tmp_path.iterdir()] == ["a.v8snap"]


def test_a_blob_outlives_its_mapping_file(blob, tmp_path):
    path = tmp_path / "a.v8snap"
    blob.save(path)
    with Isolate(StartupData.load(path), external_references={"log": print}) as iso:
        path.unlink()
        assert iso.new_context().globals["run"]() == 7


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 75, b"\0" * 200, b"V8" * 5000, bytes(range(256)) * 100])
def test_bytes_that_are_no_blob(data):
    with pytest.raises(v8snap.SnapshotCorruptError):
        StartupData(data)
    with pytest.raises(v8snap.SnapshotCorruptError):
        Isolate(data)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_seen(blob, data):
    raw = bytearray(bytes(blob))
    # The count of contexts and the rehashing mark are checked by their meaning, all else by the checksum.
    position = data.draw(st.integers(0, 100) | st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    if position == 4 and raw[4] in (0, 1):
        return
    with pytest.raises(v8snap.SnapshotCorruptError):
        StartupData(raw)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), key=st.none() | st.just(b"key"))
def test_a_changed_byte_in_a_file_is_seen(tmp_path_factory, blob, data, key):
    path = tmp_path_factory.mktemp("damage") / "a.v8snap"
    blob.save(path, key=key)
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, 2000) | st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    if key is None and 48 <= position < 80:
        assert StartupData.load(path) == blob  # the place of the signature that isn't there
        return
    with pytest.raises((v8snap.SnapshotCorruptError, v8snap.SnapshotSignatureError)):
        StartupData.load(path, key=key)


@pytest.mark.parametrize("cut", [0, 1, 79, 80, 500, 4096, 5000, -1])
def test_files_cut_short_or_added_to(blob, tmp_path, cut):
    path = tmp_path / "a.v8snap"
    blob.save(path)
    content = path.read_bytes()
    for changed in (content[:cut], content + b"x"):
        path.write_bytes(changed)
        with pytest.raises(v8snap.SnapshotCorruptError):
            StartupData.load(path)


def test_another_v8s_blob_is_refused(blob):
    raw = bytes(blob).replace(v8snap.v8_version().encode(), v8snap.v8_version().encode()[:-1] + b"9")
    raw = raw[:8] + struct.pack("<I", _v8.adler32_from_zero(raw[12:])) + raw[12:]
    foreign = StartupData(raw)
    for use in (Isolate, lambda other: SnapshotCreator(existing_blob=other), lambda other: other.verify()):
        with pytest.raises(v8snap.SnapshotVersionError) as caught:
            use(foreign)
        assert caught.value.expected == v8snap.v8_version()
        assert caught.value.found != caught.value.expected


def test_another_build_of_the_same_v8_is_refused(blob):
    foreign = StartupData._make(bytes(blob), {**blob._header, "build_id": "other"})
    with pytest.raises(v8snap.SnapshotVersionError, match="build other"):
        Isolate(foreign)


def test_another_machines_blob_is_refused(blob, tmp_path):
    """Also where all else of its file is right."""
    foreign = StartupData._make(bytes(blob), {**blob._header, "arch": "riscv64"})
    foreign.save(tmp_path / "a.v8snap")
    for each in (foreign, StartupData.load(tmp_path / "a.v8snap")):
        with pytest.raises(v8snap.SnapshotVersionError, match=f"riscv64.* {file_format.MACHINE}"):
            Isolate(each, external_references={"log": print})


def synthetic(version, count=2):
    """A blob with V8's layout and no meaning."""
    head = 12 if int(version.split(".")[0]) < 12 else 16
    start = (head + 64 + 8 + 4 * count + 7) & ~7
    starts = [start + 16 * number for number in range(3 + count)]
    words = struct.pack("<II", count, 1) + b"\0" * (head - 8) + version.encode().ljust(64, b"\0")
    words += struct.pack(f"<{2 + count}I", *starts[1:])
    raw = words.ljust(start, b"\0") + struct.pack("<IIQ", 0xC0DE0563, 8, 1) * (3 + count)
    return raw[:8] + struct.pack("<I", _v8.fletcher32(raw[12:])) + raw[12:]


@pytest.mark.parametrize("version", ["10.2.154.26-node.37", "11.3.244.8-node.38", "12.4.254.21", "13.6.233.17-node.53"])
def test_layouts_of_all_v8s_are_read_without_them(version):
    blob = StartupData(synthetic(version))
    assert blob.v8_version == version
    assert blob.context_count == 2
    assert sum(blob.sections.values()) == len(blob)
    assert blob.sections["context_0"] == 16


@pytest.mark.parametrize("position", range(8))
def test_heads_that_make_no_sense(position):
    raw = bytearray(synthetic("10.2.154.26", count=3))
    raw[position] = 0xFF
    with pytest.raises(v8snap.SnapshotCorruptError):
        StartupData(raw)


def test_verify(blob):
    blob.verify()


def test_verify_reports_what_kills_v8():
    # A whole blob by every check that needs no V8, whose content is nonsense.
    broken = StartupData(synthetic(v8snap.v8_version()))
    with pytest.raises(v8snap.SnapshotBuildCrashed, match="died in the helper process") as caught:
        broken.verify()
    assert caught.value.phase == "load"
    assert caught.value.message.startswith(("Check failed", "unreachable code"))


def test_a_loaded_file_is_mapped_not_copied(blob, tmp_path):
    path = tmp_path / "a.v8snap"
    blob.save(path)
    mapped = StartupData.load(path)
    assert str(path) in Path("/proc/self/maps").read_text()
    assert mapped == blob
    del mapped
    assert str(path) not in Path("/proc/self/maps").read_text()


def test_sections_add_up(blob):
    with SnapshotCreator() as sc:
        sc.add_context(sc.new_context())
        sc.add_context(sc.new_context())
    for each in (blob, sc.blob):
        assert sum(each.sections.values()) == len(each)
        assert list(each.sections)[:5] == ["header", "startup", "read_only", "shared_heap", "default_context"]
        assert len(each.sections) == 4 + each.context_count


@pytest.mark.parametrize("key", [None, b"secret"])
def test_a_crash_at_any_point_of_saving_leaves_the_old_file_or_the_new_one(make_blob, tmp_path, key):
    program = """
import sys, v8snap
blobs = [v8snap.StartupData(open(name, "rb").read()) for name in sys.argv[2:4]]
key = sys.argv[4].encode() or None
print("ready", flush=True)
while True:
    for blob in blobs:
        blob.save(sys.argv[1], key=key)
"""
    blobs = [make_blob({"a.js": "var a = 1"}), make_blob({"b.js": "var b = 'x'.repeat(1e6)"})]
    for number, each in enumerate(blobs):
        (tmp_path / f"{number}.raw").write_bytes(bytes(each))
    path = tmp_path / "app.v8snap"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", program, path, tmp_path / "0.raw", tmp_path / "1.raw", (key or b"").decode()]
    seen = set()
    for turn in range(12):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=tmp_path) as process:
            process.stdout.readline()
            time.sleep(0.01 + turn * 0.007)
            process.kill()
        if path.exists():
            loaded = StartupData.load(path, key=key)
            assert loaded in blobs
            seen.add(blobs.index(loaded))
    assert seen


def test_processes_and_isolates_share_the_pages_of_a_mapped_file(make_blob, tmp_path, child_ok):
    size = 24 * 2**20
    make_blob({"a.js": f"var text = 'x'.repeat({size}); text.charCodeAt({size} - 1)"}).save(tmp_path / "big.v8snap")
    code = """
        import os, re, sys, time, v8snap, warnings
        warnings.simplefilter("ignore")  # about forking with threads: the child does nothing of V8's
        blob = v8snap.StartupData.load(sys.argv[1])
        def usage():
            blocks = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", open("/proc/self/smaps").read())
            (block,) = [block for block in blocks if "big.v8snap" in block]
            return {name: int(kilobytes) for name, kilobytes in re.findall(r"(\\w+): +(\\d+) kB", block)}
        first = v8snap.Isolate(blob)
        first.new_context().close()
        alone = usage()
        more = [v8snap.Isolate(blob) for _ in range(3)]
        [isolate.new_context().close() for isolate in more]
        several = usage()
        read, write = os.pipe()
        if os.fork() == 0:
            child = v8snap.StartupData.load(sys.argv[1])
            bytes(memoryview(child)[::4096])
            os.close(write)
            os.read(read, 1)
            os._exit(0)
        os.close(read)
        for _ in range(100):
            if usage()["Pss"] < 0.75 * several["Pss"]:
                break
            time.sleep(0.05)
        print(alone["Rss"], several["Rss"], several["Private_Dirty"], several["Pss"], usage()["Pss"])
        os.close(write)
    """
    alone, several, dirty, pss, shared = map(int, child_ok(code, tmp_path / "big.v8snap").split())
    assert several <= alone * 1.01  # the other isolates brought no copy
    assert dirty == 0
    assert shared < 0.75 * pss  # nor did the other process


def test_metadata_too_large_for_a_file(tmp_path):
    with SnapshotCreator() as sc:
        blob = sc.create_blob(metadata="x" * (65 * 2**20))
    with pytest.raises(ValueError, match="too large"):
        blob.save(tmp_path / "a.v8snap")
    assert list(tmp_path.iterdir()) == []


def test_saving_replaces_files_only(blob, tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in ("folder", "fifo"):
        with pytest.raises(OSError):
            blob.save(tmp_path / name)
    (tmp_path / "link").symlink_to("file")
    blob.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert StartupData.load(tmp_path / "file") == blob
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fifo", "file", "folder", "link"]


def test_a_damaged_file_is_named(blob, tmp_path):
    path = tmp_path / "a.v8snap"
    blob.save(path)
    with open(path, "r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"hello")
    with pytest.raises(v8snap.SnapshotCorruptError, match=r"a\.v8snap"):
        StartupData.load(path)
