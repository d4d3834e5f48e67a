"""`build` in a helper process: what happens to V8 there is an exception here, and nothing is left behind."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

import v8snap
from v8snap import Isolate, build, helper

HEAP = 64 * 2**20


def children():
    """Process ids of this process's children."""
    return {child.pid for child in psutil.Process().children()}


@pytest.fixture(autouse=True)
def no_process_no_file_no_descriptor_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = children(), len(os.listdir("/proc/self/fd"))
    yield
    assert (children(), len(os.listdir("/proc/self/fd"))) == before
    assert list(tmp_path.iterdir()) == []


def test_a_script_error_is_the_error_it_was():
    with pytest.raises(v8snap.JSError) as caught:
        build(
            {"ok.js": "1", "bad.js": "function f() {\n  throw new RangeError('no', {cause: new Error('why')}) }\nf()"}
        )
    error = caught.value
    assert (error.name, error.message, error.script_name, error.line) == ("RangeError", "no", "bad.js", 2)
    assert "at f (bad.js:2" in error.stack
    assert "throw new" in error.source_line
    assert (error.cause.name, error.cause.message) == ("Error", "why")
    with pytest.raises(v8snap.JSError) as caught:
        build({"a.js": "throw 'text'"})
    assert caught.value.value == "text"
    with pytest.raises(v8snap.JSError) as caught:
        build({"a.js": "1"}, warmup="\nnothing()")
    assert (caught.value.script_name, caught.value.line) == ("<warmup>", 2)
    with pytest.raises(v8snap.ModuleResolveError) as module:
        build({}, modules={"m": "import 'n'"})
    assert (module.value.specifier, module.value.importer) == ("n", "m")
    with pytest.raises(v8snap.UnserializableError) as refused:
        build({"a.js": "var f = new Intl.DateTimeFormat()"})
    assert refused.value.paths == ("globalThis.f",)


def test_an_endless_loop():
    for arguments in (({"a.js": "for (;;);"},), ({"a.js": "1"}, "for (;;);")):
        with pytest.raises(v8snap.JSTimeoutError):
            build(*arguments[:1], warmup=arguments[1] if len(arguments) > 1 else None, timeout=0.2)
    with pytest.raises(v8snap.JSTimeoutError):
        build({}, modules={"m": "for (;;);"}, timeout=0.2)


def test_a_helper_that_does_not_stop_is_killed(monkeypatch):
    monkeypatch.setattr(helper, "GRACE", 0.5)
    start = time.monotonic()
    # No place where V8 could stop it.
    with pytest.raises(v8snap.JSTimeoutError, match=r"script a\.js"):
        build({"a.js": "Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)"}, timeout=0.2)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    "bomb",
    [
        "const a = []; for (;;) a.push([1])",
        "const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1))",
        "const m = new Map(); for (let i = 0; ; i++) m.set({}, new Array(100).fill(i))",
    ],
)
def test_a_memory_bomb_under_a_limit(bomb):
    with pytest.raises(v8snap.JSMemoryError):
        build({"bomb.js": bomb}, heap_limit=HEAP)


@pytest.mark.slow
@pytest.mark.parametrize("bomb", ["let a = []; a.length = 2**32 - 1; a.fill(0)", "[...'x'.repeat(2 ** 28)]"])
def test_one_array_that_takes_all_memory(bomb):
    """V8 ends the process over these, whatever it was asked."""
    with pytest.raises((v8snap.JSMemoryError, v8snap.SnapshotBuildCrashed)) as caught:
        build({"bomb.js": bomb}, timeout=100)
    assert "bomb.js" in str(caught.value)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGTRAP, signal.SIGABRT])
def test_the_death_of_the_helper_is_an_exception_with_the_phase(number):
    def kill():
        end = time.monotonic() + 50
        while time.monotonic() < end:
            for started in psutil.Process().children():
                if started.cpu_times().user > 0.8:  # that is more than its start takes
                    started.send_signal(number)
                    return
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(v8snap.SnapshotBuildCrashed) as caught:
        build({"first.js": "1", "endless.js": "for (;;);"})
    thread.join()
    assert caught.value.phase == "script endless.js"
    assert caught.value.message == signal.strsignal(number)


def test_ctrl_c_ends_the_helper_too(child_ok):
    code = """
        import os, psutil, signal, threading, v8snap
        threading.Timer(0.6, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            v8snap.build({"a.js": "for (;;);"})
        except KeyboardInterrupt:
            print("interrupted", psutil.Process().children())
    """
    assert child_ok(code).strip() == "interrupted []"


def test_the_helper_ends_with_its_parent(child):
    code = """
        import os, psutil, signal, threading, time, v8snap
        def report():
            while True:
                time.sleep(0.05)
                children = psutil.Process().children()
                if children:
                    time.sleep(0.4)
                    print(children[0].pid, flush=True)
                    os.kill(os.getpid(), signal.SIGKILL)
        threading.Thread(target=report, daemon=True).start()
        v8snap.build({"a.js": "for (;;);"})
    """
    done = child(code)
    assert done.returncode == -signal.SIGKILL
    stat = Path(f"/proc/{done.stdout.strip()}/stat")
    end = time.monotonic() + 5
    while time.monotonic() < end and stat.exists() and stat.read_text().split(")")[-1].split()[0] != "Z":
        time.sleep(0.05)
    assert not stat.exists() or stat.read_text().split(")")[-1].split()[0] == "Z"


def test_open_isolates_of_another_snapshot_are_not_in_the_way(make_blob):
    with Isolate(make_blob()) as iso, iso.new_context() as ctx:
        blob = build({"a.js": "var x = 1"}, warmup="x")
        assert ctx.globals["run"]() == 7
    with Isolate(blob) as iso:
        assert iso.new_context().globals["x"] == 1


def test_sources_of_any_text_and_size():
    big = "var big = '" + "é\ud800" * 3_000_000 + "'; var size = big.length"
    blob = build({"\udcffodd": "var nul = 'a\0b'", "big": big})
    with Isolate(blob) as iso, iso.new_context() as ctx:
        assert (ctx.globals["nul"], ctx.globals["size"]) == ("a\0b", 6_000_000)
    assert [script["name"] for script in blob.scripts] == ["\udcffodd", "big"]


def test_names_without_their_callables(make_blob):
    references = {"log": print}
    with pytest.raises(v8snap.JSError, match="external reference 'log'"):
        build({"a.js": "log(1)"}, external_references=references)
    blob = build({"a.js": "function run(x) { return log(x) }"}, external_references=references)
    with Isolate(blob, external_references={"log": lambda x: x + 1}) as iso:
        assert iso.new_context().globals["run"](1) == 2


def test_wrong_arguments_are_refused_as_in_this_process():
    for isolated in (True, False):
        with pytest.raises(ValueError, match="heap_limit"):
            build({"a.js": "1"}, heap_limit=5, isolated=isolated)
        with pytest.raises(TypeError):
            build({"a.js": "1"}, metadata={1, 2}, isolated=isolated)
        with pytest.raises(ValueError, match="positive"):
            build({"a.js": "1"}, timeout=-1, isolated=isolated)
    with pytest.raises(ValueError, match="helper process"):
        build({"a.js": "1"}, deterministic=True, isolated=False)


def test_flags_of_this_process_are_the_helpers(child_ok):
    code = """
        import v8snap
        v8snap.set_flags("--no-opt", "--stack-trace-limit=3")
        blob = v8snap.build({"a.js": "var x = 1"}, deterministic=True)
        print(v8snap.Isolate(blob).new_context().globals["x"])
    """
    assert child_ok(code).strip() == "1"


def test_modules_with_a_warm_up_that_calls_them():
    blob = build(
        {"a.js": "var a = 1"},
        modules={"lib": "import {x} from './u'; export const render = () => x + a", "u": "export const x = 1"},
        warmup="data.lib.render(); a = 5",
    )
    with Isolate(blob) as iso, iso.new_context() as ctx:
        assert ctx.data("lib").render() == 2
        assert ctx.data("u").x == 1
        assert ctx.eval("typeof data") == "undefined"
