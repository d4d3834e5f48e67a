"""JavaScript that doesn't stop by itself is stopped, and the isolate works on."""

import asyncio
import threading
import time
from decimal import Decimal
from fractions import Fraction

import numpy
import pytest

import v8snap
from v8snap import Isolate

FOREVER = "for (;;);"


@pytest.mark.parametrize(
    "source",
    [FOREVER, "Promise.resolve().then(() => { for (;;); })", "while (true) { try { for (;;); } catch (e) { } }"],
)
def test_timeout(ctx, source):
    start = time.monotonic()
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.eval(source, timeout=0.1)
    assert time.monotonic() - start < 2
    assert ctx.eval("1 + 1", timeout=5) == 2


@pytest.mark.parametrize("bad", [0, -1, float("nan")])
def test_timeouts_that_make_no_sense(ctx, bad):
    with pytest.raises(ValueError):
        ctx.eval("1", timeout=bad)


def test_only_the_inner_run_times_out(ctx):
    def inner():
        with pytest.raises(v8snap.JSTimeoutError):
            ctx.eval(FOREVER, timeout=0.05)
        return "stopped"

    ctx.globals["inner"] = inner
    assert ctx.eval("inner() + '!'", timeout=10) == "stopped!"


def test_the_outer_timeout_stops_the_inner_run(ctx):
    ctx.globals["inner"] = lambda: ctx.eval(FOREVER)
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.eval("try { inner() } catch (e) { }; for (;;);", timeout=0.1)
    assert ctx.eval("2") == 2


def test_timeout_in_a_creator():
    with v8snap.SnapshotCreator() as sc:
        with pytest.raises(v8snap.JSTimeoutError):
            sc.context.eval(FOREVER, timeout=0.05)
        sc.context.eval("var ok = 1")
    with Isolate(sc.blob) as iso:
        assert iso.new_context().globals["ok"] == 1


def test_terminate_from_another_thread(ctx):
    timer = threading.Timer(0.1, ctx.isolate.terminate)
    timer.start()
    with pytest.raises(v8snap.JSTerminatedError):
        ctx.eval(FOREVER)
    timer.join()
    ctx.isolate.terminate()  # nothing runs: nothing happens
    assert ctx.eval("1 + 1") == 2


BOMBS = [
    "const a = []; for (;;) a.push({})",
    "let s = 'x'; const all = []; for (;;) { s += s.slice(0, 1000) + Math.random(); all.push(s + 'y') }",
    "const m = new Map(); for (let i = 0; ; i++) m.set(i, [i])",
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_heap_limit(child_ok, bomb):
    code = """
        import sys, v8snap
        with v8snap.Isolate(heap_limit=64 * 2**20) as iso:
            ctx = iso.new_context()
            for _ in range(2):
                try:
                    ctx.eval(sys.argv[1].replace("const ", "var ").replace("let ", "var "))
                except v8snap.JSMemoryError as error:
                    print("stopped")
            ctx.close()
            iso.low_memory_notification()
            print(iso.new_context().eval("1 + 1"))
    """
    assert child_ok(code, bomb).split() == ["stopped", "stopped", "2"]


def test_heap_limit_of_a_creator(child_ok):
    code = """
        import v8snap
        with v8snap.SnapshotCreator(heap_limit=64 * 2**20) as sc:
            try:
                sc.context.eval("var a = []; for (;;) a.push({})", timeout=30)
            except v8snap.JSMemoryError:
                print("stopped")
            sc.context.globals["a"] = None
        with v8snap.Isolate(sc.blob) as iso:
            print(iso.new_context().globals["a"])
    """
    assert child_ok(code).split() == ["stopped", "None"]


def test_heap_limits_too_small_to_start_with(make_blob):
    for make in (lambda: Isolate(heap_limit=2**20), lambda: Isolate(make_blob(), heap_limit=20 * 2**20)):
        with pytest.raises(ValueError, match="at least"):
            make()


def test_control_c_stops_a_loop(child_ok):
    code = """
        import os, signal, threading, time, v8snap
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            for _ in range(3):
                sent = []
                def interrupt():
                    sent.append(time.monotonic())
                    os.kill(os.getpid(), signal.SIGINT)
                threading.Timer(0.1, interrupt).start()
                try:
                    ctx.eval("for (;;);")
                except KeyboardInterrupt:
                    print(time.monotonic() - sent[0] < 0.2)
            print(ctx.eval("1 + 1"))
    """
    assert child_ok(code).split() == ["True", "True", "True", "2"]


def test_signal_handlers_run_while_javascript_does(child_ok):
    code = """
        import os, signal, threading, v8snap
        seen = []
        signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            ctx.globals["seen"] = lambda: len(seen)
            ctx.eval("while (seen() === 0);", timeout=10)
        print(seen)
    """
    assert child_ok(code) == "[1]\n"


def test_small_thread_stacks(child_ok):
    code = """
        import threading, v8snap
        def work():
            with v8snap.Isolate() as iso, iso.new_context() as ctx:
                try:
                    ctx.eval("function f() { return f() + 1 }; f()")
                except v8snap.JSError as error:
                    print(error.name)
        for kilobytes in (512, 1024, 8192):
            threading.stack_size(kilobytes * 1024)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    """
    assert child_ok(code).split() == ["RangeError"] * 3


@pytest.mark.parametrize("beside_another", [False, True])
def test_no_room_in_the_address_space(child_ok, beside_another):
    code = f"""
        import resource, v8snap
        v8snap.Isolate, v8snap.StartupData  # V8's library is loaded at the first name that needs it
        if {beside_another}:
            kept = v8snap.Isolate()
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        for make in (v8snap.Isolate, v8snap.SnapshotCreator):
            resource.setrlimit(resource.RLIMIT_AS, (now + 2**23, resource.RLIM_INFINITY))
            try:
                make()
            except v8snap.JSMemoryError as error:
                print("refused", end=" ")
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(v8snap.Isolate().new_context().eval("1 + 1"))
    """
    assert child_ok(code) == "refused refused 2\n"


def test_stack_overflow_at_any_depth_of_pythons_own(child_ok):
    code = """
        import sys, v8snap
        sys.setrecursionlimit(100_000)
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            overflow = ctx.eval("(function f() { return f() + 1 })")
            def deep(n):
                return deep(n - 1) if n else overflow()
            for depth in (0, 500, 20_000):
                try:
                    deep(depth)
                except v8snap.JSError as error:
                    print(error.name)
                except RecursionError:  # where Python's calls take native stack
                    print("RangeError")
            ctx.globals["down"] = lambda n: ctx.eval(f"down({n - 1})") if n else overflow()
            try:
                ctx.eval("down(50)")
            except v8snap.JSError as error:
                print(error.name)
            print(ctx.eval("1 + 1"))
    """
    assert child_ok(code).split() == ["RangeError"] * 4 + ["2"]


def test_javascript_is_not_entered_beyond_the_end_of_its_stack(child_ok):
    code = """
        import itertools, sys, threading, v8snap
        sys.setrecursionlimit(1_000_000)
        def work():
            with v8snap.Isolate() as iso, iso.new_context() as ctx:
                overflow = ctx.eval("(function f() { return f() + 1 })")
                thrower = ctx.eval("() => { throw new Error('x') }")
                def deep(n, call):
                    return next(map(deep, [n - 1], [call])) if n else call()
                for call in (overflow, thrower, lambda: ctx.eval("null.x")):
                    refused = 0
                    for depth in itertools.count(500, 40):
                        try:
                            deep(depth, call)
                        except RecursionError:
                            refused += 1
                        except v8snap.JSError:
                            pass
                        if refused > 8:
                            break
                print(ctx.eval("1 + 1"))
        threading.stack_size(4 * 2**20)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """
    assert child_ok(code) == "2\n"


BUFFER_BOMBS = [
    "const all = []; for (;;) all.push(new Uint8Array(2 ** 20))",
    "let b = new Uint8Array(8); for (;;) { const c = new Uint8Array(b.length * 2); c.set(b); b = c }",
    "new Float64Array(2 ** 27)",
    "const all = []; for (;;) all.push(new Array(1000).fill(0.5))",
    pytest.param("new Array(5e7).fill(0)", marks=pytest.mark.slow),
    "let s = 'x'; const all = []; for (;;) { s = (s + s).slice(0, 1e6) + all.length; all.push(s.toUpperCase()) }",
]


@pytest.mark.parametrize("bomb", BUFFER_BOMBS)
def test_bombs_of_other_kinds(child_ok, bomb):
    code = """
        import sys, v8snap
        with v8snap.Isolate(heap_limit=64 * 2**20) as iso:
            with iso.new_context() as ctx:
                try:
                    ctx.eval("{" + sys.argv[1] + "}", timeout=30)
                except v8snap.JSMemoryError:
                    print("stopped")
            iso.low_memory_notification()
            print(iso.new_context().eval("1 + 1"))
    """
    assert child_ok(code, bomb, timeout=200).split() == ["stopped", "2"]


def test_control_c_stops_eval_async(child_ok):
    code = """
        import asyncio, os, signal, threading, time, v8snap
        async def main(ctx):
            await ctx.eval_async("for (;;);")
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            sent = []
            def interrupt():
                sent.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)
            threading.Timer(0.2, interrupt).start()
            try:
                asyncio.run(main(ctx))
            except KeyboardInterrupt:
                print(time.monotonic() - sent[0] < 0.3)
            print(ctx.eval("1 + 1"))
    """
    assert child_ok(code).split() == ["True", "2"]


def test_after_a_bomb_other_contexts_go_on():
    with Isolate(heap_limit=64 * 2**20) as iso:
        one, other = iso.new_context(), iso.new_context()
        call = other.eval("() => 1")
        with pytest.raises(v8snap.JSMemoryError):
            one.eval("(() => { const all = []; for (;;) all.push(new Array(1e6).fill(1.5)) })()")
        assert call() == 1


def test_a_loop_of_built_ins_is_stopped(ctx):
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.eval("for (;;) new Array(1000).fill(0.5)", timeout=0.5)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "1", b"1", object(), [1]])
def test_every_timeout_is_checked_alike(ctx, wrong):
    kind = ValueError if isinstance(wrong, int | float) else TypeError
    function = ctx.eval("() => 1")
    for use in (
        lambda: v8snap.Isolate(timeout=wrong),
        lambda: setattr(ctx.isolate, "timeout", wrong),
        lambda: ctx.eval("1", timeout=wrong),
        lambda: function(timeout=wrong),
        lambda: ctx.isolate.run_pending_tasks(timeout=wrong),
        lambda: asyncio.run(ctx.eval_async("1", timeout=wrong)),
        lambda: asyncio.run(function.call_async(timeout=wrong)),
        lambda: v8snap.build({}, timeout=wrong),
        lambda: v8snap.build({}, timeout=wrong, isolated=False),
    ):
        with pytest.raises(kind, match="timeout is a positive number" if kind is ValueError else "timeout is a number"):
            use()


def test_any_number_is_a_timeout(ctx):
    for number in (5, 5.0, True, Fraction(9, 2), Decimal("4.5"), numpy.float32(3), float("inf")):
        assert ctx.eval("1 + 1", timeout=number) == 2


GROWING = [
    "const a = []; for (;;) a.push(1)",
    "const a = []; for (;;) a.push(1.5)",
    "const a = []; for (let i = 0;; i++) a[i] = i",
]


@pytest.mark.slow
@pytest.mark.parametrize("source", GROWING)
@pytest.mark.parametrize("creator", [False, True])
def test_an_array_that_grows_without_end_where_no_limit_is_set(child_ok, source, creator):
    """V8 dies where it would pass its longest."""
    code = f"""
        import v8snap
        owner = v8snap.{"SnapshotCreator" if creator else "Isolate"}()
        ctx = owner.new_context()
        try:
            ctx.eval({source!r})
        except v8snap.JSMemoryError:
            print(ctx.eval("1 + 1"))
    """
    assert child_ok(code) == "2\n"


def test_the_call_after_one_that_took_too_much_memory():
    context = v8snap.Isolate(heap_limit=64 * 2**20).new_context()
    with pytest.raises(v8snap.JSMemoryError):
        context.eval(r"'\u00df'.repeat(2**28).toLocaleUpperCase('de').length")
    assert context.eval("1 + 1") == 2


def test_a_buffer_beyond_the_limit_is_not_copied_first(child_ok):
    code = """
        import resource, numpy, v8snap
        context = v8snap.Isolate(heap_limit=64 * 2**20).new_context()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            context.to_js(numpy.broadcast_to(numpy.uint8(1), (3 * 2**29,)))
        except v8snap.JSMemoryError:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 2**10)
    """
    assert child_ok(code) == "True\n"


EXPRESSIONS = {
    "/(a|b)+c/.test('x')": False,
    r"/^(?:[a-z0-9]+(?:\.[a-z0-9]+)*)@(?:[a-z]+\.)+[a-z]{2,}$/i.test('a@b.cd')": True,
    r"/(?<year>\d{4})-(?<month>\d\d)/u.exec('2024-10').groups.year": "2024",
    "new RegExp('('.repeat(50) + 'a' + ')'.repeat(50)).test('a')": True,
    r"'x, y'.replace(/\s*,\s*/g, ';')": "x;y",
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("kilobytes", [256, 512, 8192])
def test_regular_expressions_where_javascript_used_up_its_stack(child_ok, expression, kilobytes):
    """V8 dies where it has none left to compile them, as in the handler of a stack overflow."""
    source = f"(function f() {{ try {{ return f() }} catch {{ return {expression} }} }})()"
    code = f"""
        import threading, v8snap
        threading.stack_size({kilobytes} * 1024)
        def work():
            for owner in (v8snap.Isolate(), v8snap.SnapshotCreator()):
                context = owner.new_context()
                print(repr(context.eval({source!r})))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """
    assert child_ok(code).splitlines() == [repr(EXPRESSIONS[expression])] * 2


@pytest.mark.slow
def test_much_that_is_alive_is_no_array_that_grows_without_end(child_ok):
    code = """
        import v8snap
        ctx = v8snap.Isolate().new_context()
        ctx.eval("const all = []; for (let i = 0; i < 80; i++) all.push(new Array(1e6).fill(1.5)); 1")
        for _ in range(3):
            print(ctx.eval("var kept; for (let i = 0; i < 3e6; i++) kept = {i, a: [i]}; kept.i"))
    """
    assert child_ok(code, timeout=100).split() == ["2999999"] * 3
