"""build(), scripts compiled once, modules."""

import time

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator, build


def test_build_from_sources_paths_and_a_mix(tmp_path):
    (tmp_path / "add.js").write_text("const add = (a, b) => a + b // é", encoding="utf-8")
    main = "function run() { return add(3, 4) }"
    for scripts in (
        {"add.js": "const add = (a, b) => a + b", "main.js": main},
        [tmp_path / "add.js", ("main.js", main)],
        [str(tmp_path / "add.js"), ("main.js", main)],
    ):
        blob = build(scripts, metadata={"made": "here"})
        assert [script["name"] for script in blob.scripts] == ["add.js", "main.js"]
        assert blob.metadata == {"made": "here"}
        with Isolate(blob) as iso:
            assert iso.new_context().globals["run"]() == 7
    assert build(tmp_path / "add.js").context_count == 1


def test_build_with_warmup_and_external_references():
    blob = build(
        {"a.js": "var seen = log('loading'); function run(x) { return log(x) }"},
        warmup="run(1)",
        external_references={"log": lambda x: f"build {x}"},
        function_code=v8snap.FunctionCodeHandling.KEEP,
        isolated=False,
        heap_limit=256 * 2**20,
        timeout=60,
    )
    with Isolate(blob, external_references={"log": lambda x: f"load {x}"}) as iso, iso.new_context() as ctx:
        assert (ctx.globals["seen"], ctx.globals["run"]("x")) == ("build loading", "load x")


def test_what_goes_wrong_while_building(tmp_path):
    with pytest.raises(v8snap.JSError) as caught:
        build({"ok.js": "1", "bad.js": "\n  throw new RangeError('no')"})
    assert (caught.value.name, caught.value.script_name, caught.value.line) == ("RangeError", "bad.js", 2)
    with pytest.raises(v8snap.JSTimeoutError):
        build({"a.js": "for (;;);"}, timeout=0.1)
    with pytest.raises(v8snap.UnserializableError):
        build({"a.js": "var f = new Intl.DateTimeFormat()"})
    with pytest.raises(OSError, match=r"none\.js"):
        build(tmp_path / "none.js")
    with pytest.raises(TypeError):
        build({"a.js": "1"}, metadata={"a": object()})
    with pytest.raises(TypeError, match=r"the source of 'a\.js' is a str, not bytes"):
        build({"a.js": b"1"})
    with pytest.raises(TypeError, match="external_references is a mapping"):
        build({"a.js": "1"}, external_references="log")


def test_scripts_are_compiled_once_and_run_anywhere(make_blob):
    with Isolate() as iso:
        one, two = iso.new_context(), iso.new_context()
        script = one.compile("globalThis.n = (globalThis.n ?? 0) + 1", "count.js")
        assert [script.run(one), script.run(one), script.run(two)] == [1, 2, 1]
        assert (script.name, repr(script), script.cache_rejected) == ("count.js", "<Script 'count.js'>", None)
        with pytest.raises(v8snap.JSTimeoutError):
            one.compile("for (;;);").run(one, timeout=0.05)
        with pytest.raises(v8snap.JSError, match="SyntaxError"):
            one.compile("let let")
        with Isolate() as other, pytest.raises(v8snap.WrongIsolateError):
            script.run(other.new_context())


SOURCE = "function f(x) { return x * 2 }; f(21)"


def test_code_caches_are_used_or_rejected():
    with Isolate() as iso, iso.new_context() as ctx:
        script = ctx.compile(SOURCE)
        assert script.run(ctx) == 42
        cache = script.create_code_cache()
    with Isolate() as iso, iso.new_context() as ctx:
        good = ctx.compile(SOURCE, cached_data=cache)
        assert (good.cache_rejected, good.run(ctx)) == (False, 42)
        for source, data in (
            (SOURCE + " // longer", cache),
            (SOURCE, b""),
            (SOURCE, b"nonsense" * 50),
            (SOURCE, cache[:-1]),
            (SOURCE, cache[:60] + bytes([cache[60] ^ 1]) + cache[61:]),
            (SOURCE, cache[:-9] + bytes([cache[-9] ^ 1]) + cache[-8:]),
        ):
            script = ctx.compile(source, cached_data=data)
            assert (script.cache_rejected, script.run(ctx)) == (True, 42)


def test_scripts_run_in_a_creator_are_noted():
    with SnapshotCreator() as sc:
        sc.context.compile("var x = 1", "compiled.js").run(sc.context)
    assert [script["name"] for script in sc.blob.scripts] == ["compiled.js"]


def test_heap_statistics(ctx):
    statistics = ctx.isolate.heap_statistics()
    assert statistics["used_heap_size"] > 100_000
    assert statistics["number_of_native_contexts"] == 1


@pytest.mark.parametrize("isolated", [True, False])
def test_build_with_added_contexts(tmp_path, isolated):
    (tmp_path / "de.js").write_text("var word = 'Hallo'")
    blob = build(
        {"main.js": "var main = true"},
        contexts={"de": [tmp_path / "de.js", ("more.js", "word += typeof main")], "bare": {}},
        modules={"m": "export const x = 1"},
        warmup="main",
        isolated=isolated,
    )
    assert blob.context_names == ("de", "bare")
    assert [script["name"] for script in blob.scripts] == ["main.js", "m", "de.js", "more.js", "<warmup>"]
    with Isolate(blob) as iso:
        assert iso.new_context("de").globals["word"] == "Halloundefined"
        assert iso.new_context("bare").eval("typeof word + typeof main") == "undefinedundefined"
        assert iso.new_context().eval("main")


@pytest.mark.parametrize("isolated", [True, False])
def test_added_contexts_have_modules_of_their_own(isolated):
    modules = {"m": "import {y} from 'n'; globalThis.got = [y, typeof word]", "n": "export const y = 1"}
    blob = build(
        {"main.js": "1"},
        modules={"n": "export const y = 'main'"},
        contexts={"de": {"de.js": "var word = 'Hallo'"}},
        context_modules={"de": modules, "bare": modules},
        isolated=isolated,
    )
    assert blob.context_names == ("de", "bare")
    with Isolate(blob) as iso:
        de, bare = iso.new_context("de"), iso.new_context("bare")
        assert de.globals["got"].to_py() == [1, "string"]
        assert bare.globals["got"].to_py() == [1, "undefined"]
        assert de.data("n")["y"] == 1
        assert iso.new_context().data("n")["y"] == "main"
    with pytest.raises(TypeError, match="context_modules is a mapping"):
        build({}, context_modules=["m.js"])


def test_an_error_in_an_added_context_says_where():
    with pytest.raises(v8snap.JSError) as caught:
        build({}, contexts={"de": {"de.js": "\nmissing()"}})
    assert (caught.value.script_name, caught.value.line) == ("de.js", 2)
    with pytest.raises(TypeError, match="mapping"):
        build({}, contexts=["de.js"])


@pytest.mark.parametrize("isolated", [True, False])
def test_a_build_tells_its_phases(isolated):
    phases = []
    scripts = {"a.js": "", "slow.js": "for (const end = Date.now() + 400; Date.now() < end;);"}
    told = []
    build(
        scripts, warmup="1", isolated=isolated, on_phase=lambda phase: (phases.append(phase), told.append(time.time()))
    )
    assert phases == ["script a.js", "script slow.js", "create", "warm-up", "load"]
    assert told[2] - told[1] > 0.15  # it is told while it goes on


def test_a_build_with_large_scripts_tells_its_phases():
    phases = []
    text = "var text = '" + "x" * 2**23 + "'"  # far more than a pipe holds, while the helper starts
    blob = build({"large.js": text, "after.js": "var size = text.length"}, on_phase=phases.append, timeout=60)
    assert phases == ["script large.js", "script after.js", "create", "load"]
    with Isolate(blob) as iso:
        assert iso.new_context().globals["size"] == 2**23


def test_a_helper_that_ends_before_it_has_read_all_is_an_error(monkeypatch):
    monkeypatch.setattr(v8snap.helper, "_command", lambda lifeline: ["/bin/false"])
    with pytest.raises(v8snap.SnapshotBuildCrashed, match="exit status 1"):
        build({"large.js": " " * 2**23}, on_phase=print)


@pytest.mark.parametrize("isolated", [True, False])
def test_what_is_raised_for_a_phase_ends_the_build(isolated):
    def no(phase):
        raise LookupError(phase)

    with pytest.raises(LookupError, match="script a"):
        build({"a.js": "", "endless.js": "for (;;) {}"}, isolated=isolated, on_phase=no)


def test_a_timeout_is_kept_where_phases_are_told(monkeypatch):
    monkeypatch.setattr(v8snap.helper, "GRACE", -1.0)
    with pytest.raises(v8snap.JSTimeoutError, match="helper process"):
        build({"endless.js": "for (;;) {}"}, timeout=2, on_phase=lambda phase: None)


@pytest.mark.parametrize("kind", ["contexts", "context_modules"])
def test_cached_builds_again_where_a_context_changed(tmp_path, kind):
    for word in ("one", "two"):
        sources = {"x": {"x.js": f"globalThis.word = '{word}'"}}
        blob = v8snap.cached(tmp_path / "c.v8snap", {}, on_phase=print, **{kind: sources})
        with Isolate(blob) as iso:
            assert iso.new_context("x").globals["word"] == word
