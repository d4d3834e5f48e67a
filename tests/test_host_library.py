"""encoding, url, structured-clone, performance, base64: what Node.js gives for the same script."""

import time
from pathlib import Path

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator

SCRIPT = Path(__file__).with_name("host_library.js").read_text()


def run(source, *host):
    shown = []
    with Isolate() as iso:
        context = iso.new_context(host=host)
        context.globals["emit"] = shown.append
        context.eval("function show(...values) { emit(values.map(String).join(' ')) }")
        context.eval(source)
    return shown


@pytest.mark.slow
def test_it_gives_what_node_gives(node):
    shown = run(SCRIPT, "base64", "encoding", "url", "structured-clone")
    expected = node(f"function show(...values) {{ console.log(values.map(String).join(' ')) }}\n{SCRIPT}")
    assert "\n".join(shown) + "\n" == expected


def test_the_script_runs_here():
    assert len(run(SCRIPT, "base64", "encoding", "url", "structured-clone")) > 100


@pytest.mark.parametrize(
    ("host", "expression", "result"),
    [
        ("base64", "btoa('\\xff\\x00a') + atob(' /w A=')", "/wBh\xff\x00"),
        (
            "base64",
            "try { btoa('\u0100') } catch (e) { e.name + e.code + (e instanceof Error) }",
            "InvalidCharacterError5true",
        ),
        ("encoding", "new TextDecoder('latin1').decode(new Uint8Array([0x80, 0xe4, 0x9f]))", "€äŸ"),
        ("encoding", "new TextDecoder('utf-8').decode(new Uint8Array(0))", ""),
        ("encoding", "new TextEncoder().encode('x'.repeat(1e5)).length", 100000),
        ("encoding", "new TextDecoder().decode(new Uint8Array(1e5).fill(0x61)).length", 100000),
        ("encoding", "try { new TextDecoder('koi8-r') } catch (e) { e.name }", "RangeError"),
        ("encoding", "try { new TextDecoder().decode('text') } catch (e) { e.name }", "TypeError"),
        ("url", "URL.parse('nope') === null && URL.parse('/x', 'http://h').href", "http://h/x"),
        ("url", "new URL('http://h/\\ud800\\n').href", "http://h/%EF%BF%BD"),
        ("url", "try { URL.prototype.href } catch (e) { e.name }", "TypeError"),
        ("url", "const u = new URL('http://h'); u.pathname = 'a'.repeat(1e5); u.href.length", 100009),
        ("structured-clone", "structuredClone([1, [2]]).length", 2),
        ("structured-clone", "try { structuredClone(() => {}) } catch (e) { e.name + e.code }", "DataCloneError25"),
        (
            "structured-clone",
            "let a = []; for (let i = 0; i < 1e6; i++) a = [a]; try { structuredClone(a) } catch (e) { e.name }",
            "RangeError",
        ),
        ("performance", "performance.measure('x', {start: 5, duration: 2}).duration", 2),
        ("performance", "try { performance.measure('x', 'no mark') } catch (e) { e.name }", "SyntaxError"),
        ("performance", "try { new PerformanceMark('x') } catch (e) { e.name }", "TypeError"),
    ],
)
def test_behaviour(host, expression, result):
    with Isolate() as iso:
        assert iso.new_context(host=[host]).eval(expression) == result


def test_buffers_are_detached_in_creators_too():
    script = """
        const b = new Uint8Array([1, 2]), c = structuredClone(b, {transfer: [b.buffer]});
        [b.length, c.join()].join()
    """
    with SnapshotCreator() as sc:
        context = sc.new_context(host=["structured-clone"])
        assert context.eval(script) == "0,1,2"
        sc.set_default_context(context)
    with Isolate(sc.blob) as iso:
        context = iso.new_context()
        assert context.eval("[b.length, c.join()].join()") == "0,1,2"
        assert context.eval("structuredClone(c, {transfer: [c.buffer]}).length + c.length") == 2


def test_what_can_not_be_detached_is_refused():
    script = """
        const memory = new WebAssembly.Memory({initial: 1});
        try { structuredClone(1, {transfer: [memory.buffer]}) } catch (e) { e.name + memory.buffer.byteLength }
    """
    with Isolate() as iso:
        assert iso.new_context(host=["structured-clone"]).eval(script) == "DataCloneError65536"


def test_the_clock_starts_with_the_context():
    with SnapshotCreator() as sc:
        context = sc.new_context(host=["performance"])
        context.eval("var origin = performance.timeOrigin, moment = performance.now(); performance.mark('built')")
        sc.set_default_context(context)
    time.sleep(0.05)
    with Isolate(sc.blob) as iso:
        context = iso.new_context()
        assert 0 <= context.eval("performance.now()") < 50
        assert context.eval("performance.timeOrigin - origin") >= 50
        assert abs(context.eval("performance.timeOrigin + performance.now()") - 1000 * time.time()) < 1000
        time.sleep(0.02)
        assert context.eval("performance.now()") >= 20
        assert context.eval("performance.getEntriesByType('mark').length") == 1


def test_polyfills_of_users_work_on():
    with Isolate() as iso:
        context = iso.new_context(host=["url", "structured-clone", "timers"])
        context.eval("delete globalThis.URL; globalThis.structuredClone = () => 'mine'; setTimeout = undefined")
        assert context.eval("typeof URL + structuredClone() + typeof setTimeout") == "undefinedmineundefined"
        assert v8snap.to_py(context.eval("[...new URLSearchParams('a=1')]")) == [["a", "1"]]
