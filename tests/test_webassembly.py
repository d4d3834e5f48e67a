"""WebAssembly in plain and restored contexts: it settles, it is stopped, and nothing in it ends the process."""

import asyncio
import json
import threading
import time

import pytest

import v8snap
from v8snap import Isolate

I32 = b"\x7f"


def number(value):
    """An unsigned LEB128 number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def text(value):
    return number(len(value)) + value.encode()


def vector(*items):
    return number(len(items)) + b"".join(items)


def section(kind, *items):
    body = vector(*items)
    return bytes([kind]) + number(len(body)) + body


def function_type(parameters, results):
    return b"\x60" + vector(*[I32] * parameters) + vector(*[I32] * results)


def body(*instructions):
    """A function's code, without locals."""
    code = b"\0" + b"".join(instructions) + b"\x0b"
    return number(len(code)) + code


def module(*sections):
    return b"\0asm\1\0\0\0" + b"".join(sections)


def export(name, kind, index):
    return text(name) + bytes([kind]) + number(index)


FUNCTION, MEMORY = 0, 2
UNREACHABLE, LOOP, BRANCH_BACK, END, CALL_0, CALL_1, GET_0, GET_1, ADD, GROW, DIVIDE, CONST_0 = (
    b"\x00",
    b"\x03\x40",
    b"\x0c\x00",
    b"\x0b",
    b"\x10\x00",
    b"\x10\x01",
    b"\x20\x00",
    b"\x20\x01",
    b"\x6a",
    b"\x40\x00",
    b"\x6d",
    b"\x41\x00",
)

ARITHMETIC = module(
    section(1, function_type(2, 1)),
    section(3, b"\0", b"\0"),
    section(7, export("add", FUNCTION, 0), export("divide", FUNCTION, 1)),
    section(10, body(GET_0, GET_1, ADD), body(GET_0, GET_1, DIVIDE)),
)
TROUBLE = module(
    section(1, function_type(0, 0)),
    section(3, b"\0", b"\0", b"\0"),
    section(7, export("trap", FUNCTION, 0), export("spin", FUNCTION, 1), export("recurse", FUNCTION, 2)),
    section(10, body(UNREACHABLE), body(LOOP, BRANCH_BACK, END), body(b"\x10\x02")),
)
# run(x) is call(x) + 1, where call is imported.
IMPORTING = module(
    section(1, function_type(1, 1)),
    section(2, text("env") + text("call") + b"\0\0"),
    section(3, b"\0"),
    section(7, export("run", FUNCTION, 1)),
    section(10, body(GET_0, CALL_0, b"\x41\x01", ADD)),
)
GROWING = module(
    section(1, function_type(1, 1)),
    section(3, b"\0"),
    section(5, b"\x01\x01" + number(65536)),
    section(7, export("memory", MEMORY, 0), export("grow", FUNCTION, 0)),
    section(10, body(GET_0, GROW)),
)


def with_bytes(ctx, code):
    """Put a module's bytes into a context as ``bytes``."""
    ctx.globals["bytes"] = list(code)
    ctx.eval("bytes = new Uint8Array(bytes)")


def instance(ctx, code, imports="{}"):
    with_bytes(ctx, code)
    return ctx.eval(f"globalThis.wasm = new WebAssembly.Instance(new WebAssembly.Module(bytes), {imports}).exports")


@pytest.fixture(params=["plain", "restored"])
def any_ctx(request, make_blob):
    """A context of a bare isolate, and one out of a snapshot."""
    with Isolate(make_blob() if request.param == "restored" else None) as iso, iso.new_context() as ctx:
        yield ctx


def test_functions_run_at_once(any_ctx):
    wasm = instance(any_ctx, ARITHMETIC)
    assert wasm.add(40, 2) == 42
    assert any_ctx.eval("wasm.add(2**31 - 1, 1)") == -(2**31)


@pytest.mark.parametrize(
    "start",
    [
        "WebAssembly.instantiate(bytes).then(({ instance }) => instance.exports.add(1, 2))",
        "WebAssembly.compile(bytes).then((module) => new WebAssembly.Instance(module).exports.add(1, 2))",
        "(async () => (await WebAssembly.instantiate(await WebAssembly.compile(bytes))).exports.add(1, 2))()",
    ],
)
def test_promises_settle_when_pending_tasks_run(any_ctx, start):
    with_bytes(any_ctx, ARITHMETIC)
    any_ctx.eval(f"globalThis.result = 'none'; {start}.then((value) => {{ result = value }})")
    assert any_ctx.globals["result"] == "none"
    assert any_ctx.isolate.run_pending_tasks() is False
    assert any_ctx.globals["result"] == 3


def test_a_bundle_in_a_snapshot_starts_its_wasm_lazily():
    bundle = f"""
        let started = null
        const bytes = {list(ARITHMETIC)}
        function start() {{ return started ??= WebAssembly.instantiate(new Uint8Array(bytes)) }}
        let sum = null
        async function add(a, b) {{ sum = (await start()).instance.exports.add(a, b) }}
    """
    with Isolate(v8snap.build({"bundle.js": bundle})) as iso:
        for _ in range(2):
            with iso.new_context() as ctx:
                ctx.eval("add(3, 4)")
                iso.run_pending_tasks()
                assert ctx.eval("sum") == 7


def test_a_creator_says_that_there_is_none():
    with pytest.raises(v8snap.JSError, match="WebAssembly is not defined") as caught, v8snap.SnapshotCreator() as sc:
        sc.context.eval("new WebAssembly.Module(new Uint8Array(8))")
    assert "only when the snapshot is loaded" in str(caught.value)


def test_waiting_has_an_end(ctx):
    functions = 5000
    large = module(
        section(1, function_type(2, 1)),
        section(3, *[b"\0"] * functions),
        section(7, export("add", FUNCTION, 0)),
        section(10, *[body(*[GET_0, GET_1, ADD, b"\x1a"] * 40, GET_0)] * functions),
    )
    with_bytes(ctx, large)
    ctx.eval("globalThis.result = 'none'; WebAssembly.compile(bytes).then(() => { result = 'done' })")
    began = time.monotonic()
    at_work = ctx.isolate.run_pending_tasks(wait=0)
    assert time.monotonic() - began < 1
    assert at_work is (ctx.globals["result"] == "none")
    assert ctx.isolate.run_pending_tasks(wait=100) is False
    assert ctx.globals["result"] == "done"
    for wait in (-1, float("nan")):
        with pytest.raises(ValueError, match="wait"):
            ctx.isolate.run_pending_tasks(wait=wait)


def test_javascript_in_pending_tasks_is_stopped(ctx):
    with_bytes(ctx, ARITHMETIC)
    ctx.eval("WebAssembly.compile(bytes).then(() => { for (;;); })")
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.isolate.run_pending_tasks(timeout=0.1)
    assert ctx.isolate.run_pending_tasks() is False
    assert ctx.eval("1 + 1") == 2


def test_pending_tasks_of_an_isolate_without_contexts():
    with Isolate() as iso:
        with iso.new_context() as ctx:
            with_bytes(ctx, ARITHMETIC)
            ctx.eval("WebAssembly.instantiate(bytes)")
        assert iso.run_pending_tasks() is False
        assert iso.run_pending_tasks(wait=0) is False
    with pytest.raises(v8snap.ClosedError):
        iso.run_pending_tasks()


def test_an_isolate_closes_while_its_wasm_is_compiled():
    for _ in range(10):
        with Isolate() as iso, iso.new_context() as ctx:
            with_bytes(ctx, GROWING)
            ctx.eval("for (let i = 0; i < 20; ++i) WebAssembly.instantiate(bytes)")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 9, 0, 0, 0]))", "CompileError"),
        ("new WebAssembly.Module(bytes.slice(0, -1))", "CompileError"),
        ("new WebAssembly.Instance(new WebAssembly.Module(bytes), {env: {}})", "LinkError"),
        ("new WebAssembly.Module(1)", "TypeError"),
    ],
)
def test_bad_modules_are_errors(any_ctx, source, name):
    with_bytes(any_ctx, IMPORTING)
    with pytest.raises(v8snap.JSError) as caught:
        any_ctx.eval(source)
    assert caught.value.name == name
    any_ctx.globals["source"] = source
    any_ctx.eval("globalThis.seen = null; WebAssembly.instantiate(bytes.slice(0, -1)).catch((e) => { seen = e.name })")
    any_ctx.isolate.run_pending_tasks()
    assert any_ctx.eval("seen") == "CompileError"


@pytest.mark.parametrize(
    ("call", "name", "message"),
    [
        ("wasm.trap()", "RuntimeError", "unreachable"),
        ("wasm.recurse()", "RangeError", "Maximum call stack"),
    ],
)
def test_traps_are_errors(any_ctx, call, name, message):
    instance(any_ctx, TROUBLE)
    with pytest.raises(v8snap.JSError) as caught:
        any_ctx.eval(call)
    assert caught.value.name == name
    assert message in caught.value.message
    with pytest.raises(v8snap.JSError, match="divide by zero"):
        instance(any_ctx, ARITHMETIC).divide(1, 0)


def test_an_endless_loop_is_stopped(any_ctx):
    instance(any_ctx, TROUBLE)
    with pytest.raises(v8snap.JSTimeoutError):
        any_ctx.eval("wasm.spin()", timeout=0.1)
    timer = threading.Timer(0.1, any_ctx.isolate.terminate)
    timer.start()
    with pytest.raises(v8snap.JSTerminatedError):
        any_ctx.eval("wasm.spin()")
    timer.join()
    assert any_ctx.eval("1 + 1") == 2


def test_imports_call_python(any_ctx):
    any_ctx.globals["double"] = lambda x: 2 * x
    wasm = instance(any_ctx, IMPORTING, "{env: {call: double}}")
    assert wasm.run(20) == 41


@pytest.mark.parametrize("error", [KeyError("mine"), SystemExit(3), KeyboardInterrupt()])
def test_a_python_exception_crosses_wasm_as_itself(any_ctx, error):
    def fail(x):
        raise error

    any_ctx.globals["fail"] = fail
    wasm = instance(any_ctx, IMPORTING, "{env: {call: fail}}")
    with pytest.raises(type(error)) as caught:
        wasm.run(1)
    assert caught.value is error
    assert any_ctx.eval("1 + 1") == 2


def test_deep_recursion_between_the_languages_ends_in_an_error(any_ctx):
    depth = 0

    def again(x):
        nonlocal depth
        depth += 1
        return any_ctx.globals["wasm"].run(x)

    any_ctx.globals["again"] = again
    instance(any_ctx, IMPORTING, "{env: {call: (x) => again(x)}}")
    with pytest.raises((RecursionError, v8snap.JSError)):
        any_ctx.eval("wasm.run(1)")
    assert depth > 10
    assert any_ctx.eval("1 + 1") == 2


def test_growing_detaches_the_old_buffer(any_ctx):
    instance(any_ctx, GROWING)
    any_ctx.eval("globalThis.old = wasm.memory.buffer; new Uint8Array(old)[5] = 7")
    assert any_ctx.eval("wasm.grow(1)") == 1
    assert any_ctx.eval("old.byteLength") == 0
    assert any_ctx.eval("new Uint8Array(wasm.memory.buffer)[5]") == 7
    assert any_ctx.eval("wasm.memory.buffer.byteLength") == 2 * 65536
    assert any_ctx.eval("wasm.grow(70000)") == -1


BOMBS = {
    "growing to the maximum": "wasm.grow(65535 - 1)",
    "a memory of 4 GiB": "new WebAssembly.Memory({ initial: 65536, maximum: 65536 }).buffer.byteLength",
    "many memories": "for (let i = 0; i < 300; ++i) all.push(new WebAssembly.Memory({ initial: 30000 }))",
    "more than there may be": "new WebAssembly.Memory({ initial: 65537 })",
    "a large table": "new WebAssembly.Table({ initial: 1e7, element: 'anyfunc' }).length",
    "many tables": "for (;;) all.push(new WebAssembly.Table({ initial: 1e7, element: 'anyfunc' }))",
    "a table that grows": "new WebAssembly.Table({ initial: 1, element: 'anyfunc' }).grow(1e7)",
    "many instances": "for (let i = 0; i < 1e6; ++i) all.push(new WebAssembly.Instance(compiled, {}))",
    "no module": "new WebAssembly.Module(new Uint8Array(2 ** 28))",
}


@pytest.mark.parametrize("room", ["the heap limit", pytest.param("the address space", marks=pytest.mark.slow)])
def test_bombs_end_in_errors(child_ok, room):
    out = child_ok(
        """
        import resource, sys, json, v8snap
        room, code, bombs = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
        if room == "the address space":
            resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        for name, bomb in bombs.items():
            with v8snap.Isolate(heap_limit=2**27) as iso, iso.new_context() as ctx:
                ctx.globals["bytes"] = code
                ctx.eval("var all = [], compiled = new WebAssembly.Module(new Uint8Array(bytes));"
                         "var wasm = new WebAssembly.Instance(compiled, {}).exports")
                for source in (bomb, "all.length = 0"):
                    try:
                        ctx.eval(source, timeout=2)
                    except (v8snap.JSError, v8snap.JSMemoryError, v8snap.JSTimeoutError):
                        pass
            print(name)
        """,
        room,
        str(list(GROWING)),
        json.dumps(BOMBS),
        timeout=200,
    )
    assert out.splitlines() == list(BOMBS)


def test_growing_beyond_the_heap_limit_is_an_error():
    with Isolate(heap_limit=2**26) as iso, iso.new_context() as ctx:
        instance(ctx, GROWING)
        with pytest.raises(v8snap.JSMemoryError):
            ctx.eval("wasm.grow(65000); for (let i = 0; i < 1e9; ++i) [].push({})")


def test_wasm_is_profiled(ctx):
    instance(ctx, TROUBLE)
    with ctx.isolate.cpu_profile() as profile, pytest.raises(v8snap.JSTimeoutError):
        ctx.eval("wasm.spin()", timeout=0.1)
    assert sum(node["hitCount"] for node in profile.nodes if node["callFrame"]["url"].startswith("wasm:")) > 3


def test_memory_is_shared_with_python(any_ctx):
    memory = any_ctx.eval("globalThis.memory = new WebAssembly.Memory({initial: 1, maximum: 4}); memory")
    view = memoryview(memory.buffer)
    view[:3] = b"abc"
    assert any_ctx.eval("[...new Uint8Array(memory.buffer, 0, 3)].join()") == "97,98,99"
    old = memory.buffer
    any_ctx.eval("memory.grow(1); new Uint8Array(memory.buffer)[0] = 7")
    assert (old.detached, len(old), len(memory.buffer)) == (True, 0, 2 * 65536)
    with pytest.raises(BufferError):
        memoryview(old)
    assert (view[1], memoryview(memory.buffer)[0]) == (98, 7)


def test_a_view_outlives_memory_and_isolate():
    with Isolate() as iso, iso.new_context() as ctx:
        view = memoryview(ctx.eval("globalThis.memory = new WebAssembly.Memory({initial: 1}); memory").buffer)
        view[0] = 5
        ctx.eval("memory = null")
        iso.low_memory_notification()
    assert (view[0], len(view)) == (5, 65536)


def test_shared_memory():
    with Isolate() as iso, iso.new_context() as ctx:
        memory = ctx.eval("new WebAssembly.Memory({initial: 1, maximum: 2, shared: true})")
        assert isinstance(memory.buffer, v8snap.JSArrayBuffer)
        memoryview(memory.buffer)[0] = 9
        assert ctx.eval("(m) => new Uint8Array(m.buffer)[0]")(memory) == 9
        assert list(ctx.eval("(m) => new Uint8Array(m.buffer, 0, 2)")(memory)) == [9, 0]


def test_asynchronous_instantiation_is_awaited(any_ctx):
    async def main():
        source = f"WebAssembly.instantiate(new Uint8Array({list(ARITHMETIC)}))"
        instantiated = await asyncio.wait_for(any_ctx.eval(source), 20)
        assert instantiated.instance.exports.add(40, 2) == 42
        assert await any_ctx.eval_async(f"{source}.then((made) => made.instance.exports.add(1, 2))", timeout=20) == 3

    asyncio.run(main())
    compiling = f"WebAssembly.compile(new Uint8Array({list(ARITHMETIC)}))"
    any_ctx.eval(f"globalThis.done = 0; {compiling}.then(() => {{ done = 1 }})")
    assert any_ctx.run_until_idle(20) is True
    assert any_ctx.eval("done") == 1
