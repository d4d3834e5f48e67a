"""Timers: their order, on a queue and on asyncio's loop, in snapshots, from several threads, and none left behind."""

import asyncio
import gc
import threading
import time
import weakref
from pathlib import Path

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator

SCRIPT = Path(__file__).with_name("host_timers.js").read_text()
EXPECTED = """sync|microtask 1|microtask 2|40 a|40 b 1,two|first|nested|nested microtask|immediate 7|120|tick 1|\
after immediate|tick 2"""


@pytest.fixture
def timed():
    """A context with timers, and what `show` was given."""
    shown = []
    with Isolate() as iso:
        context = iso.new_context(host=["timers"])
        context.globals["emit"] = shown.append
        context.eval("function show(...values) { emit(values.map(String).join(' ')) }")
        yield context, shown


def test_order(timed):
    context, shown = timed
    context.eval(SCRIPT)
    assert shown == ["sync", "microtask 1", "microtask 2"]
    assert context.run_until_idle()
    assert "|".join(shown) == EXPECTED


@pytest.mark.slow
def test_the_order_is_that_of_node(timed, node):
    context, shown = timed
    context.eval(SCRIPT)
    context.run_until_idle()
    assert "\n".join(shown) + "\n" == node(f"function show(...values) {{ console.log(...values) }}\n{SCRIPT}")


def test_delays_are_converted_as_browsers_do(timed):
    context, shown = timed
    context.eval(
        "let n = 0; for (const delay of [5, NaN, -3, undefined, null, '0', {}, 2 ** 31, Infinity, 0.9]) {"
        " const i = n++; setTimeout(() => show(i), delay) }"
    )
    assert context.run_until_idle(timeout=5)
    assert shown == [*map(str, range(1, 10)), "0"]
    for wrong in ("setTimeout('show(1)', 0)", "setInterval()", "queueMicrotask({})", "setTimeout(() => {}, Symbol())"):
        with pytest.raises(v8snap.JSError, match="TypeError"):
            context.eval(wrong)
    assert context.run_until_idle(timeout=0)


def test_an_exception_leaves_the_others_waiting(timed):
    context, shown = timed
    context.eval(
        "setTimeout(() => show('a'), 0); setTimeout(() => { throw new Error('one') }, 0);"
        "setTimeout(() => show('b'), 0);"
        "queueMicrotask(() => { throw new Error('micro') }); queueMicrotask(() => show('c'))"
    )
    for message in ("micro", "one"):
        with pytest.raises(v8snap.JSError, match=message):
            context.run_until_idle()
    assert context.run_until_idle()
    assert shown == ["c", "a", "b"]


def test_an_interval_that_throws_goes_on(timed):
    context, _ = timed
    context.eval("let n = 0; const i = setInterval(() => { if (++n === 3) clearInterval(i); throw new Error(n) }, 1)")
    for count in "123":
        with pytest.raises(v8snap.JSError, match=count):
            context.run_until_idle()
    assert context.run_until_idle()


def test_the_timeout_comes_first(timed):
    context, shown = timed
    context.eval("setInterval(() => show('x'), 10)")
    start = time.monotonic()
    assert context.run_until_idle(timeout=0.1) is False
    assert 0.1 <= time.monotonic() - start < 2
    assert 3 <= len(shown) <= 10
    context.eval("const again = () => setTimeout(again, 0); again()")
    assert context.run_until_idle(0.05) is False
    context.eval("const forever = () => setImmediate(forever); forever()")
    assert context.run_until_idle(0.05) is False
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError):
            context.run_until_idle(wrong)
    with pytest.raises(TypeError):
        context.run_until_idle("1")


@pytest.mark.parametrize(
    "source",
    [
        "setTimeout(() => { for (;;); }, 0)",
        "setInterval(() => { for (;;); }, 0)",
        "setTimeout(() => Promise.resolve().then(() => { for (;;); }), 0)",
        "setTimeout(() => { const again = () => Promise.resolve().then(again); again() }, 0)",
    ],
)
def test_a_timer_that_never_ends_is_stopped_at_the_timeout(timed, source):
    context, shown = timed
    context.eval(f"setTimeout(() => show('before'), 0); {source}; setTimeout(() => show('after'), 1)")
    start = time.monotonic()
    with pytest.raises(v8snap.JSTimeoutError):
        context.run_until_idle(0.3)
    assert 0.25 < time.monotonic() - start < 5
    assert context.run_until_idle(5)
    assert shown == ["before", "after"]


def test_a_timer_is_not_stopped_for_having_begun_late(timed):
    context, shown = timed
    context.eval("const work = () => { const end = Date.now() + 20; while (Date.now() < end); show('done') }")
    for timeout in (0, 0.001, 0.01):
        context.eval("setTimeout(work, 0); setTimeout(work, 0)")
        while not context.run_until_idle(timeout):
            pass
    assert shown == ["done"] * 6


def test_the_isolates_timeout_is_for_each_timer(timed):
    context, _ = timed
    context.isolate.timeout = 0.05
    context.eval("setTimeout(() => { for (;;); }, 0)")
    start = time.monotonic()
    with pytest.raises(v8snap.JSTimeoutError):
        context.run_until_idle(60)
    assert time.monotonic() - start < 10
    context.isolate.timeout = None
    context.eval("setTimeout(() => { const end = Date.now() + 300; while (Date.now() < end); }, 0)")
    assert context.run_until_idle()


def test_a_context_without_timers_is_idle(ctx):
    assert ctx.run_until_idle() is True
    ctx.close()
    with pytest.raises(v8snap.ClosedError):
        ctx.run_until_idle()


def test_many_timers(timed):
    context, _ = timed
    context.eval(
        "let n = 0; const f = () => n++;"
        "for (let i = 0; i < 2e4; i++) { setTimeout(f, 0); clearTimeout(setTimeout(f, 1e6)) }"
    )
    start = time.monotonic()
    assert context.run_until_idle()
    assert (context.eval("n"), time.monotonic() - start < 10) == (20000, True)


def test_cleared_timers_give_their_memory_back_before_they_would_be_due(timed):
    context, _ = timed
    source = "for (let i = 0; i < 1e4; i++) { const big = 'x'.repeat(10); clearTimeout(setTimeout(() => big, 1e8)) }"
    context.eval(source)
    gc.collect()
    before = sum(1 for each in gc.get_objects() if type(each).__name__ == "_Timer")
    assert before < 100
    context.eval("setTimeout(() => {}, 1e8)")
    context.eval(source)
    assert sum(1 for each in gc.get_objects() if type(each).__name__ == "_Timer") < 100


def test_what_waits_is_in_a_snapshot_and_starts_again():
    with SnapshotCreator() as sc:
        context = sc.new_context(host=["timers"])
        context.eval(
            "var ran = []; setTimeout(() => ran.push('b'), 400); setTimeout((x) => ran.push(x), 300, 'a');"
            "const i = setInterval(() => { ran.push('i'); if (ran.length > 3) clearInterval(i) }, 450);"
            "setTimeout(() => ran.push('before'), 0); clearTimeout(setTimeout(() => ran.push('never'), 5))"
        )
        assert context.run_until_idle(timeout=0.005) is False
        sc.set_default_context(context)
    with Isolate(sc.blob) as iso:
        for _ in range(2):
            context = iso.new_context()
            assert v8snap.to_py(context.globals["ran"]) == ["before"]
            assert context.run_until_idle()
            assert v8snap.to_py(context.globals["ran"]) == ["before", "a", "b", "i"]


def test_closing_drops_what_waits(timed):
    context, shown = timed
    context.eval("setTimeout(() => show('x'), 0)")
    other = context.isolate.new_context(host=["timers"])
    other.eval("setTimeout(() => {}, 1e6)")
    timers = weakref.ref(other._host.timers)
    other.close()
    assert len(timers()) == 0
    del other
    gc.collect()
    assert timers() is None
    with pytest.raises(v8snap.ClosedError):
        context.globals["close"] = context.close
        context.eval("setTimeout(() => { close(); setTimeout(() => show('y'), 0) }, 0)")
        context.run_until_idle()
    assert shown == ["x"]


def test_closing_from_another_thread_ends_the_wait(timed):
    context, _ = timed
    context.eval("setTimeout(() => {}, 1e6)")
    closer = threading.Timer(0.05, context.close)
    closer.start()
    with pytest.raises(v8snap.ClosedError):
        context.run_until_idle(timeout=30)
    closer.join()


def test_timers_of_two_threads(timed):
    context, shown = timed

    def work(name):
        for i in range(50):
            context.eval(f"setTimeout(() => show('{name}{i}'), {i % 3})")
            context.run_until_idle(timeout=0.001)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert context.run_until_idle()
    assert sorted(shown) == sorted(f"{name}{i}" for name in "ab" for i in range(50))


def test_another_thread_may_set_a_timer_during_the_wait(timed):
    context, shown = timed
    context.eval("setTimeout(() => show('last'), 300)")
    setter = threading.Timer(0.05, context.eval, ["setTimeout(() => show('first'), 0)"])
    setter.start()
    assert context.run_until_idle()
    setter.join()
    assert shown == ["first", "last"]


# ---------------------------------------------------------------- asyncio


def test_the_running_loop_runs_them(timed):
    context, shown = timed

    async def main():
        context.eval(SCRIPT)
        while len(shown) < 13:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 10))
    assert "|".join(shown) == EXPECTED
    assert context.run_until_idle(timeout=0)


def test_exceptions_go_to_the_loops_handler(timed):
    context, shown = timed
    errors = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, details: errors.append(details["exception"]))
        context.eval("setTimeout(() => { throw new Error('one') }, 0); setTimeout(() => show('b'), 0)")
        await asyncio.sleep(0.05)

    asyncio.run(main())
    assert shown == ["b"]
    assert [type(error) for error in errors] == [v8snap.JSError]


@pytest.mark.parametrize("what", ["context", "isolate", "creator"])
def test_closing_cancels_what_the_loop_has(what):
    async def main():
        loop = asyncio.get_running_loop()
        owner = SnapshotCreator() if what == "creator" else Isolate()
        context = owner.new_context(host=["timers"])
        context.eval("setTimeout(() => {}, 1e6); setInterval(() => {}, 1e6)")
        assert len(loop._scheduled) == 1
        if what == "context":
            context.close()
        elif what == "creator":
            owner.create_blob()
        else:
            owner.close()
        assert all(handle.cancelled() for handle in loop._scheduled)
        if what == "context":
            owner.close()

    asyncio.run(main())


def test_a_context_that_nobody_holds_is_not_kept_by_the_loop(timed):
    async def main():
        context = timed[0].isolate.new_context(host=["timers"])
        context.eval("setTimeout(() => { throw new Error('never') }, 10)")
        gone = weakref.ref(context)
        del context
        gc.collect()
        assert gone() is None
        await asyncio.sleep(0.03)

    asyncio.run(main())


def test_a_loop_that_ended_leaves_its_timers_to_run_until_idle(timed):
    context, shown = timed

    async def main():
        context.eval("setTimeout(() => show('late'), 30)")

    asyncio.run(main())
    assert context.run_until_idle()
    assert shown == ["late"]


def test_a_loop_beside_a_thread_without_one(timed):
    context, shown = timed

    async def main():
        context.eval("setTimeout(() => show('loop'), 10)")
        await asyncio.to_thread(context.eval, "setTimeout(() => show('thread'), 0)")
        await asyncio.sleep(0.05)
        assert shown == ["loop"]
        assert await asyncio.to_thread(context.run_until_idle)

    asyncio.run(main())
    assert shown == ["loop", "thread"]


def test_an_isolate_closed_by_another_thread_while_a_loop_has_timers():
    async def main():
        iso = Isolate()
        context = iso.new_context(host=["timers"])
        context.eval("setInterval(() => {}, 1)")
        await asyncio.to_thread(iso.close)
        await asyncio.sleep(0.02)
        assert context.closed

    asyncio.run(main())


def test_ctrl_c_ends_the_wait(child):
    code = """
        import os, signal, threading, v8snap
        with v8snap.Isolate() as iso:
            ctx = iso.new_context(host=["timers"])
            ctx.eval("setTimeout(() => {}, 1e6)")
            threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
            try:
                ctx.run_until_idle()
            except KeyboardInterrupt:
                print("interrupted", ctx.eval("1 + 1"))
    """
    assert child(code, timeout=20).stdout == "interrupted 2\n"
