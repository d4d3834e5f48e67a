"""Long scripts' texts stay outside of V8's heap: what needs them finds them, however the snapshot came here."""

import gc
import pickle
import sys

import pytest

import v8snap
from v8snap import FunctionCodeHandling, Isolate, SnapshotCreator, StartupData, blob_layout
from v8snap.heap_summary import heap_summary

LEAST = 16 * 1024
V8_MAJOR = int(v8snap.v8_version().split(".")[0])
FILLERS = {"latin": "é", "wide": "→", "astral": "😀", "ascii": "-"}


def script(filler="-", size=LEAST, body=""):
    """A script with a function that is compiled when it is first called, behind a long comment."""
    return (
        f"/* {filler * size} */\n"
        "function late(x) { const inner = (y) => y * 2; /* "
        + filler
        + " */ return inner(x) + 1 }\n"
        + "function thrower() {\n  throw new RangeError('late') }\n"
        + body
    )


def text_sizes(blob):
    return [text.size for text in blob._layout.texts]


def check(isolate, source, which=None):
    with isolate.new_context(which) as context:
        assert context.eval("late(20)") == 41
        expected = source[source.index("function late") : source.index("\nfunction thrower")]
        assert context.eval("late.toString()") == expected
        assert context.eval("late.toString().length") == len(expected.encode("utf-16-le")) // 2
        with pytest.raises(v8snap.JSError) as caught:
            context.eval("thrower()")
        error = caught.value
        assert (error.script_name, error.line, error.column) == ("long.js", 4, 3)
        assert error.source_line == "  throw new RangeError('late') }"
        assert "thrower (long.js:4:9)" in error.stack
    isolate.low_memory_notification()


@pytest.fixture(params=FILLERS)
def source(request):
    return script(FILLERS[request.param])


@pytest.mark.parametrize("code", FunctionCodeHandling)
def test_what_needs_the_text_finds_it(source, code, tmp_path, make_blob):
    blob = make_blob({"long.js": source, "short.js": "const short = 1"}, function_code=code)
    stays_in_heap = "😀" in source
    assert bool(text_sizes(blob)) is not stays_in_heap
    assert len(blob) == sum(blob.sections.values())
    assert ("texts" in blob.sections) is not stays_in_heap
    blob.save(tmp_path / "a.v8snap")
    blob.save(tmp_path / "signed.v8snap", key=b"key")
    ways = [
        blob,
        StartupData.load(tmp_path / "a.v8snap"),
        StartupData.load(tmp_path / "a.v8snap", mmap=False),
        StartupData.load(tmp_path / "signed.v8snap", key=b"key"),
        pickle.loads(pickle.dumps(blob)),
        StartupData(bytes(blob)),
        StartupData(bytearray(blob)),
        memoryview(b"x" + bytes(blob))[1:],
    ]
    for way in ways:
        if isinstance(way, StartupData):
            assert way == blob
            assert hash(way) == hash(blob)
            assert v8snap.compare(way, blob) is None
        with Isolate(way) as first, Isolate(way) as second:
            check(first, source)
            check(second, source)
            check(first, source)
    blob.verify()


@pytest.mark.parametrize("warmup", [None, "late(1)"])
def test_built_in_a_helper_process(source, warmup):
    blob = v8snap.build({"long.js": source}, warmup=warmup, contexts={"other": {"long.js": source}})
    with Isolate(blob) as isolate:
        check(isolate, source)
        check(isolate, source, "other")
    warm = v8snap.warm_up(blob, "late(2)", context="other")
    with Isolate(warm) as isolate:
        check(isolate, source, "other")
        check(isolate, source)


def test_the_blob_may_go_before_its_isolates(make_blob, tmp_path):
    source = script()
    make_blob({"long.js": source}).save(tmp_path / "a.v8snap")
    isolates = [Isolate(StartupData.load(tmp_path / "a.v8snap", mmap=mmap)) for mmap in (True, False, True)]
    (tmp_path / "a.v8snap").unlink()
    gc.collect()
    for isolate in isolates:
        check(isolate, source)
    while isolates:
        isolates.pop(0).close()
        for isolate in isolates:
            check(isolate, source)


# ---------------------------------------------------------------- whole or refused


def test_v8_s_part_alone_is_refused(make_blob):
    blob = make_blob({"long.js": script()})
    raw = bytes(blob)
    size = blob._layout.v8_size
    for part in (
        raw[:size],
        raw[: size - 8],
        raw[: size + 8],
        raw[:-1],
        raw[:-24],
        raw + b"\0",
        raw[:size] + raw[-24:],
    ):
        for take in (StartupData, Isolate, lambda data: SnapshotCreator(existing_blob=data)):
            with pytest.raises(v8snap.SnapshotCorruptError):
                take(part)
    with pytest.raises(v8snap.SnapshotCorruptError, match="texts of its scripts are missing"):
        StartupData(raw[:size])
    # Nor are the texts of another snapshot taken, though they fit.
    other = make_blob({"long.js": script("+")})
    texts = bytes(other)[other._layout.v8_size : -16] + size.to_bytes(8, "little") + blob_layout.TEXTS_MAGIC
    assert len(texts) == len(raw) - size
    with pytest.raises(v8snap.SnapshotCorruptError, match="or another's"):
        StartupData(raw[:size] + texts)


def test_every_damage_is_seen(make_blob, tmp_path):
    blob = make_blob({"long.js": script(), "wide.js": "var wide; " + script("→")})
    raw = bytes(blob)
    blob.save(tmp_path / "a.v8snap")
    whole = (tmp_path / "a.v8snap").read_bytes()
    start, size = blob._layout.sections["texts"]
    end = start + size
    places = [*range(start, end, 997), *range(end - 40, end)]
    for place in places:
        for bits in (1, 0x80):
            damaged = raw[:place] + bytes([raw[place] ^ bits]) + raw[place + 1 :]
            with pytest.raises(v8snap.SnapshotCorruptError):
                StartupData(damaged)
            (tmp_path / "b.v8snap").write_bytes(whole[: -len(raw)] + damaged)
            with pytest.raises(v8snap.SnapshotCorruptError):
                StartupData.load(tmp_path / "b.v8snap")


@pytest.mark.parametrize("number", [0, 1, 3, 2**16, 2**32 - 1])
@pytest.mark.parametrize("v8_size", [0, 8, -8, 2**63])
def test_invented_ends(make_blob, number, v8_size):
    blob = make_blob({"long.js": script()})
    raw = bytes(blob)
    checksum, size = blob._layout.texts_checksum, blob._layout.v8_size + v8_size
    ends = blob_layout.TEXTS_END
    with pytest.raises(v8snap.SnapshotCorruptError):
        StartupData(raw[: -ends.size] + ends.pack(number, checksum, size % 2**64, blob_layout.TEXTS_MAGIC) + b"")
        assert (number, v8_size) == (1, 0)  # the true one
        raise v8snap.SnapshotCorruptError


# ---------------------------------------------------------------- what goes into it


def test_layers_keep_the_texts_of_their_base(make_blob):
    source = script()
    blob = make_blob({"long.js": source})
    for layer in range(3):
        more = script("→" if layer % 2 else "-", body=f"var layer{layer} = late").replace("late", f"late{layer}")
        more = more.replace("thrower", f"thrower{layer}")
        blob = make_blob({f"layer{layer}.js": more}, existing_blob=blob)
        assert len(text_sizes(blob)) == layer + 2
        with Isolate(blob) as isolate:
            check(isolate, source)
            for known in range(layer + 1):
                assert isolate.new_context().eval(f"layer{known}(4)") == 9
    warm = v8snap.warm_up(blob, "late(1)", isolated=False)
    assert text_sizes(warm) == text_sizes(blob)


def test_texts_that_nothing_needs_are_left_out(make_blob):
    source = script()
    plain = make_blob({"long.js": source})
    with SnapshotCreator() as sc:
        sc.context.eval(script(size=10**6).replace("function", "globalThis.gone = function"), "replaced.js")
        sc.context.eval("delete globalThis.gone")
        with pytest.raises(v8snap.JSError):
            sc.context.eval(source + "}", "wrong.js")
        sc.context.eval(source, "long.js")
        with sc.isolate.new_context() as throw_away:
            throw_away.eval(script(size=10**6), "thrown-away.js")
        sc.context.compile(script(size=10**6), "never-run.js")
    assert len(sc.blob) < len(plain) + LEAST
    with Isolate(sc.blob) as isolate:
        check(isolate, source)
    warm = v8snap.warm_up(plain, f"/* {'-' * 10**6} */ late(1)")
    assert len(warm) < len(plain) + LEAST
    # A place that nothing refers to any more is no trouble for who builds upon it.
    layer = make_blob({"more.js": f"/* {'-' * LEAST} */ var more = () => late(3)"}, existing_blob=sc.blob)
    with Isolate(layer) as isolate:
        check(isolate, source)
        assert isolate.new_context().eval("more() + more.toString()") == "7() => late(3)"


def test_more_texts_than_there_are_places(make_blob):
    # Not of one length: V8 tells texts so long apart by nothing else.
    blob = make_blob({f"s{i}.js": f"/*{'-' * (LEAST + i)}*/ var f{i} = () => {i}" for i in range(1100)})
    assert len(text_sizes(blob)) == 1024
    with Isolate(blob) as isolate, isolate.new_context() as context:
        for i in (0, 1, 1022, 1023, 1024, 1099):
            assert context.eval(f"f{i}() + f{i}.toString()") == f"{i}() => {i}"


def test_the_same_bytes_where_asked_for():
    scripts = {"long.js": script(), "wide.js": script("→").replace("late", "wide").replace("thrower", "wider")}
    one, two = (v8snap.build(scripts, deterministic=True, warmup="late(1)") for _ in "12")
    assert one == two
    other = v8snap.build({**scripts, "long.js": script("+")}, deterministic=True, warmup="late(1)")
    assert v8snap.compare(one, other) == "texts"


WHOLE = "function whole() { return '" + "-" * LEAST + "' }"


@pytest.mark.parametrize("filler", ["-", "→"])
def test_javascript_may_have_the_text_itself(filler):
    """A function that is its whole script: its text is the very string, and becomes a name, a key and data."""
    whole = WHOLE.replace("--", filler + "-")
    use = """
        const text = whole.toString(), table = {[text]: 1}, map = new Map([[text, 2]]), part = text.slice(2, 9000);
        const symbol = Symbol.for(text), joined = text + part, regexp = /whole/.exec(text);
    """
    look = """
        (() => {
          const again = 'function ' + whole.toString().slice(9);
          return [text === again, table[again], map.get(again), part === again.slice(2, 9000),
                  symbol === Symbol.for(again), joined === again + part, regexp.input === again,
                  Object.keys(table)[0] === again]
        })()
    """
    expected = [True, 1, 2, True, True, True, True, True]
    with SnapshotCreator() as sc:
        sc.context.eval(whole, "whole.js")
        sc.context.eval(use)
        sc.add_data(sc.context.eval("text"), name="text")
        sc.add_data(sc.context.eval("[text]"), context=sc.context, name="list")
        other = sc.new_context()
        other.eval(whole, "whole.js")
        other.eval(use)
        sc.add_context(other, "other")
        sc.context.eval("({})[whole.toString()]")
    with SnapshotCreator(existing_blob=sc.blob) as layer:
        assert layer.context.eval(look).to_py() == expected
        layer.context.eval(f"var again = {whole}; again.toString()", "whole.js")
        layer.context.eval("({})[again.toString()] = 1")
    for blob in (sc.blob, StartupData(bytes(sc.blob)), layer.blob):
        with Isolate(blob) as isolate:
            for which in (None, 0):
                with isolate.new_context(which) as context:
                    assert context.eval(look).to_py() == expected
                    context.eval("delete globalThis.whole")
                isolate.low_memory_notification()
            if blob is sc.blob:
                assert isolate.data("text") == whole
                assert isolate.new_context().data("list").to_py() == [whole]


def test_texts_of_functions_that_are_dropped(make_blob):
    """What V8 no longer needs in one isolate, others still read."""
    source = script()
    blob = make_blob({"long.js": source.replace("function late", "globalThis.late = function late")})
    with Isolate(blob) as first, Isolate(blob) as second:
        for _ in range(3):
            context = first.new_context()
            context.eval("delete globalThis.late; delete globalThis.thrower; thrower = null")
            context.close()
            first.low_memory_notification()
        assert second.new_context().eval("late.toString().length") > 40
        assert first.new_context().eval("late(20)") == 41


# ---------------------------------------------------------------- kinds of sources


def test_modules_and_commonjs(tmp_path):
    long = f"/* {'-' * LEAST} */\n"
    (tmp_path / "lib.js").write_text(
        long + "exports.twice = (x) => x * 2; exports.fail = () => { throw new Error('x') }"
    )
    sources = {"dep": long + "export const twice = (x) => x * 2", "wide": f"// {'→' * LEAST}\nexport const w = () => 1"}
    with SnapshotCreator() as sc:
        module = long + "import { twice } from 'dep'; import { w } from 'wide'; export const run = () => twice(4) + w()"
        sc.add_module("app", module, resolve=sources)
        sc.context.globals["lib"] = sc.context.require(tmp_path / "lib.js")
    assert len(text_sizes(sc.blob)) == 4
    with Isolate(sc.blob) as isolate, isolate.new_context() as context:
        assert context.data("app")["run"]() == 9
        assert context.eval("lib.twice(4) + lib.twice.toString()") == "8(x) => x * 2"
        with pytest.raises(v8snap.JSError) as caught:
            context.eval("lib.fail()")
        assert caught.value.line == 2


def test_without_rehashing(make_blob):
    source = script()
    blob = make_blob({"long.js": source}, rehash=False)
    with Isolate(blob) as first, Isolate(blob) as second:
        check(first, source)
        check(second, source)


def test_external_references_and_host_objects_keep_their_places():
    source = script(body="function ask(x) { console.log(typeof setTimeout); return reply(x) + 1 }")
    blob = v8snap.build({"long.js": source}, external_references=["reply"], host=["console", "timers"])
    assert text_sizes(blob)
    said = []
    with Isolate(
        blob, external_references={"reply": lambda x: x * 10}, console=lambda level, message: said.append(message)
    ) as isolate:
        check(isolate, source)
        assert isolate.new_context().eval("ask(4)") == 41
    assert said == ["function"]


def test_code_caches_of_the_same_text(make_blob):
    source = script(body="late(20)")
    blob = make_blob({"other.js": source.replace("late", "other").replace("thrower", "others")})
    with Isolate(blob) as isolate, isolate.new_context() as context:
        made = context.compile(source, "long.js")
        assert made.run(context) == 41
        cache = made.create_code_cache()
    with Isolate(blob) as isolate, isolate.new_context() as context:
        made = context.compile(source, "long.js", cached_data=cache)
        assert not made.cache_rejected
        assert made.run(context) == 41
        assert context.eval("other(1)") == 3


# ---------------------------------------------------------------- memory and processes


def test_isolates_have_no_copy_of_it(child_ok):
    code = """
        import v8snap
        MOST = 48 * 2**20  # less than the text
        def memory():
            lines = dict(line.split(":") for line in open("/proc/self/smaps_rollup").readlines()[1:])
            return int(lines["Private_Dirty"].split()[0]) * 1024
        source = "/*" + "-" * 64 * 2**20 + "*/ function run() { return 7 }"
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval(source)
        isolates, before = [], memory()
        for _ in range(5):
            isolates.append(v8snap.Isolate(sc.blob, heap_limit=MOST))
            with isolates[-1].new_context() as context:
                assert context.eval("run() + run.toString()") == "7function run() { return 7 }"
            assert isolates[-1].heap_statistics()["used_heap_size"] < 2**21
        print(memory() - before < 40 * 2**20)
        for isolate in isolates:  # nor does it count for the limit, which still is one
            isolate.low_memory_notification()
            assert isolate.new_context().eval("run()") == 7
        try:
            isolate.new_context().eval("const a = []; for (;;) a.push(new Uint8Array(2**20))")
        except v8snap.JSMemoryError:
            print("full")
        with v8snap.SnapshotCreator(existing_blob=sc.blob, heap_limit=MOST) as sc:
            sc.isolate.low_memory_notification()
            assert sc.context.eval("run()") == 7
    """
    assert child_ok(code) == "True\nfull\n"


def test_texts_of_scripts_that_are_gone_make_room(child_ok):
    code = """
        import v8snap
        def memory():
            lines = dict(line.split(":") for line in open("/proc/self/smaps_rollup").readlines()[1:])
            return int(lines["Private_Dirty"].split()[0]) * 1024
        with v8snap.SnapshotCreator() as sc:
            for i in range(60):
                try:
                    sc.context.eval(f"/*{'-' * (2**22 + i)}*/ var f = {{")
                except v8snap.JSError:
                    sc.isolate.low_memory_notification()
                if i == 9:
                    before = memory()
            grown = memory() - before
            sc.context.eval(f"/*{'-' * 2**22}*/ var f = () => 1")
        print(grown < 2**26, len(sc.blob) < 2**22 + 2**20, len(sc.blob._layout.texts) < 20)
        with v8snap.Isolate(sc.blob) as isolate:
            assert isolate.new_context().eval("f() + f.toString()") == "1() => 1"
    """
    assert child_ok(code) == "True True True\n"


def test_heap_snapshots_and_summaries(make_blob, tmp_path):
    blob = make_blob({"long.js": script(size=10**6)})
    with Isolate(blob) as isolate:
        check(isolate, script(size=10**6))
        isolate.write_heap_snapshot(tmp_path / "a.heapsnapshot")
    assert (tmp_path / "a.heapsnapshot").stat().st_size < 10**8
    if V8_MAJOR < 12:  # later V8s count what is beside their heap, too
        assert 0 < heap_summary(blob)["bytes"] < 10**6


def test_processes_that_end_or_fork_with_isolates_open(child_ok):
    code = f"""
        import os, sys, threading, time, warnings, v8snap
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() with threads
        source = {script()!r}
        blob = v8snap.build({{"long.js": source}})
        pid = os.fork()
        if pid == 0:
            with v8snap.Isolate(blob) as isolate:  # V8 was not started before
                os._exit(0 if isolate.new_context().eval("late(20)") == 41 else 1)
        assert os.waitpid(pid, 0)[1] == 0
        isolate = v8snap.Isolate(blob)
        context = isolate.new_context()
        creator = v8snap.SnapshotCreator(existing_blob=blob)
        creator.context.eval("var more = 1; " + source.replace("late", "later").replace("thrower", "other"))
        pid = os.fork()
        if pid == 0:
            del context, isolate, creator
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        threading.Thread(target=lambda: context.eval("for (;;) late(1)"), daemon=True).start()
        time.sleep(0.2)
        print("end")
    """
    assert child_ok(code) == "end\n"


def test_python_s_string_is_let_go(make_blob):
    source = "".join([script(), "// one of its own"])
    before = sys.getrefcount(source)
    make_blob({"long.js": source})
    sc = SnapshotCreator()
    sc.context.eval(source, "long.js")
    del sc
    gc.collect()
    assert sys.getrefcount(source) == before


def test_checks_work_with_texts_outside():
    with SnapshotCreator() as sc:
        sc.context.eval(script(body="const formats = { de: new Intl.NumberFormat('de') }"), "long.js")
        (found,) = sc.check()
        assert found.path.endswith("formats.de")
        sc.context.eval("delete formats.de")
    with Isolate(sc.blob) as isolate:
        check(isolate, script())
