"""The console: what it writes, how it reads, and where it goes."""

import logging
from pathlib import Path

import pytest

import v8snap
from v8snap import Isolate

SCRIPT = Path(__file__).with_name("host_console.js").read_text()


@pytest.fixture
def console():
    """A context with a console, and what that wrote."""
    written = []
    with Isolate(console=lambda level, message: written.append((level, message))) as iso:
        context = iso.new_context(host=["console"])

        def run(source):
            written.clear()
            context.eval(source)
            return list(written)

        yield run


def test_levels(console):
    source = "for (const level of ['log', 'info', 'debug', 'warn', 'error']) console[level](level, 1)"
    assert console(source) == [(level, f"{level} 1") for level in ("log", "info", "debug", "warn", "error")]
    ((level, message),) = console("function here() { console.trace('at', 1) } here()")
    assert level == "trace"
    assert message.startswith("Trace: at 1\n    at here ")
    assert console("console.assert(true, 'x'); console.assert(1 > 2); console.assert(false, 'n %d', 1)") == [
        ("error", "Assertion failed"),
        ("error", "Assertion failed: n 1"),
    ]


def test_it_goes_to_logging_unless_told_otherwise(caplog):
    with Isolate() as iso, caplog.at_level(logging.DEBUG, "v8snap.console"):
        context = iso.new_context(host=["console"])
        context.eval("console.debug('a %s', 'b'); console.log(1); console.warn('100%'); console.error({x: 1})")
        iso.console = lambda level, message: None
        context.eval("console.error('elsewhere')")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("DEBUG", "a b"),
        ("INFO", "1"),
        ("WARNING", "100%"),
        ("ERROR", "{ x: 1 }"),
    ]


def test_a_callable_that_raises_is_as_any_other():
    error = ValueError("full")

    def fail(level, message):
        raise error

    with Isolate(console=fail) as iso:
        context = iso.new_context(host=["console"])
        assert context.eval("try { console.log(1) } catch (e) { String(e) }") == "ValueError: full"
        with pytest.raises(ValueError) as raised:
            context.eval("console.log(1)")
        assert raised.value is error


def test_errors_are_shown_with_stack_cause_and_properties(console):
    ((_, message),) = console(
        "const e = new TypeError('bad', {cause: new Error('why')}); e.code = 'E1'; console.log(e, {inside: e})"
    )
    assert message.startswith("TypeError: bad\n    at ")
    assert "code: 'E1'" in message
    assert "[cause]: Error: why\n    at " in message
    assert console("const f = new Error('m'); f.stack = undefined; console.log(f)") == [("log", "[Error: m]")]


def test_times_are_measured(console):
    written = console(
        "console.time('a'); console.time('a'); console.timeLog('a', 5); console.timeEnd('a'); console.timeEnd('a')"
    )
    assert [level for level, _ in written] == ["warn", "log", "log", "warn"]
    assert written[1][1].startswith("a: ")
    assert written[1][1].endswith("ms 5")


def test_what_can_not_be_shown_does_no_harm(console):
    source = """
        const bad = new Proxy({}, {ownKeys() { throw 1 }, getOwnPropertyDescriptor() { throw 2 }, get() { throw 3 }});
        console.log(bad, [bad], Proxy.revocable({}, {}).proxy);
        const {proxy, revoke} = Proxy.revocable([], {}); revoke(); console.log({proxy});
        const deep = {}; let at = deep; for (let i = 0; i < 1e5; i++) at = at.next = {};
        console.log(deep);
        console.log({get x() { throw 4 }, toString() { throw 5 }}, "%s");
        console.log("%s", {toString() { throw 5 }}, Object.create(null));
        const long = new Array(4e9 % 2 ** 32); long.length = 2 ** 32 - 1; console.log(long.length, long);
        console.log("x".repeat(2e5).length, ["x".repeat(2e5)]);
    """
    written = [message for _, message in console(source)]
    assert len(written) == 7
    assert written[0].startswith("[...]")
    assert "[Getter]" in written[3]
    assert len(written[-1]) < 11000


def test_labels_of_times_survive_a_snapshot(make_blob):
    with v8snap.SnapshotCreator() as sc:
        context = sc.new_context(host=["console"])
        context.eval("console.time('t'); console.group(); console.count()")
        sc.set_default_context(context)
    written = []
    with Isolate(sc.blob, console=lambda level, message: written.append(message)) as iso:
        iso.new_context().eval("console.timeEnd('t'); console.count(); console.groupEnd(); console.log('x')")
    assert written[0].startswith("  t: ")
    assert written[1:] == ["  default: 2", "x"]


@pytest.mark.slow
def test_it_prints_what_node_prints(console, node):
    assert "\n".join(message for _, message in console(SCRIPT)) + "\n" == node(SCRIPT)
