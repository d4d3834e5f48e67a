"""Promises and asyncio: results and errors cross, cancelling reaches JavaScript, nothing is lost silently."""

import asyncio
import functools
import gc
import logging
import threading

import pytest
import uvloop

import v8snap
from v8snap import Isolate, JSPromise


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Run a coroutine on a loop of each kind."""
    return asyncio.run if request.param == "asyncio" else uvloop.run


def test_states_and_results(ctx):
    fulfilled, rejected, pending = ctx.eval(
        "[Promise.resolve(5), Promise.reject(new TypeError('no')), new Promise(() => 0)]"
    )
    assert all(isinstance(each, JSPromise) for each in (fulfilled, rejected, pending))
    assert [each.state for each in (fulfilled, rejected, pending)] == ["fulfilled", "rejected", "pending"]
    assert fulfilled.result() == 5
    with pytest.raises(v8snap.JSError, match="no") as caught:
        rejected.result()
    assert caught.value.name == "TypeError"
    with pytest.raises(v8snap.PromisePendingError):
        pending.result()


def test_awaiting(ctx, run):
    async def main():
        assert await ctx.eval("Promise.resolve({a: 1}).then((x) => x.a)") == 1
        with pytest.raises(v8snap.JSError, match="boom"):
            await ctx.eval("(async () => { throw new RangeError('boom') })()")
        promise = ctx.eval("new Promise((resolve) => { globalThis.resolve = resolve })")
        asyncio.get_running_loop().call_later(0.01, ctx.globals["resolve"], 7)
        assert await asyncio.gather(promise, promise) == [7, 7]
        assert await promise == 7

    run(main())


def test_async_functions_become_promises(ctx, run):
    async def double(x):
        await asyncio.sleep(0.001)
        return x * 2

    async def fail():
        raise ValueError("mine")

    async def main():
        ctx.globals["double"] = double
        ctx.globals["partial"] = functools.partial(double, 21)
        ctx.globals["fail"] = fail
        ctx.globals["future"] = lambda: asyncio.ensure_future(double(1))
        assert await ctx.eval("(async () => await double(2) + await partial() + await future())()") == 48
        assert await ctx.eval("Promise.all([double(1), double(2), double(3)])") is not None
        assert await ctx.eval("fail().catch((e) => `${e.name}: ${e.message}`)") == "ValueError: mine"
        with pytest.raises(ValueError, match="mine"):
            await ctx.eval("(async () => { await fail() })()")
        assert await ctx.eval("(p) => p")(double(4)) == 8

    run(main())


def test_an_awaitable_without_a_loop(ctx):
    async def work():
        return 1

    ctx.globals["work"] = work
    with pytest.raises(v8snap.ConversionError, match="asyncio loop"):
        ctx.eval("work()")


def test_results_that_can_not_be_converted(ctx, run):
    async def give():
        return object()

    async def main():
        ctx.globals["give"] = give
        with pytest.raises(v8snap.ConversionError):
            await ctx.eval("give()")

    run(main())


def test_eval_async_leaves_the_loop_free(ctx, run):
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticking = asyncio.create_task(tick())
        assert await ctx.eval_async("const end = Date.now() + 200; while (Date.now() < end); 5") == 5
        ticking.cancel()
        assert ticks > 5
        assert await ctx.eval_async("Promise.resolve(6)") == 6
        with pytest.raises(v8snap.JSError, match="sync") as caught:
            await ctx.eval_async("throw new Error('sync')", "a.js")
        assert caught.value.script_name == "a.js"

    run(main())


def test_async_functions_called_from_eval_async(ctx, run):
    main_thread = threading.get_ident()

    async def work(x):
        assert threading.get_ident() == main_thread
        await asyncio.sleep(0.001)
        return x + 1

    async def main():
        ctx.globals["work"] = work
        assert await ctx.eval_async("(async () => { let n = 0; while (n < 5) n = await work(n); return n })()") == 5

    run(main())


def test_cancelling_stops_a_script(ctx, run):
    async def main():
        for _ in range(3):
            task = asyncio.create_task(ctx.eval_async("for (;;);"))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 5)
        assert ctx.eval("1 + 1") == 2

    run(main())


def test_cancelling_one_of_several_leaves_the_others(ctx, run):
    async def main():
        script = "{ const end = Date.now() + 100; while (Date.now() < end); }"
        tasks = [asyncio.create_task(ctx.eval_async(f"{script} {number}")) for number in range(3)]
        await asyncio.sleep(0.02)
        tasks[2].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[:2] == [0, 1]
        assert isinstance(results[2], asyncio.CancelledError)

    run(main())


def test_cancelling_reaches_what_javascript_awaits(ctx, run):
    ended = []

    async def slow():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def main():
        ctx.globals["slow"] = slow
        source = "(async () => { try { await slow() } catch (e) { globalThis.seen = e.name; throw e } })()"
        task = asyncio.create_task(ctx.eval_async(source))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (ended, ctx.eval("seen")) == ([True], "CancelledError")
        with pytest.raises(v8snap.JSTimeoutError):
            await ctx.eval_async(source, timeout=0.05)
        assert ended == [True, True]
        with pytest.raises(v8snap.JSTimeoutError):
            await ctx.eval_async("for (;;);", timeout=0.05)
        with pytest.raises(v8snap.JSTimeoutError):
            await ctx.eval_async("new Promise(() => 0)", timeout=0.05)

    run(main())


def test_microtasks_run_when_the_outermost_call_ends(ctx):
    log = []
    ctx.globals["log"] = log.append
    ctx.globals["nested"] = lambda: ctx.eval("Promise.resolve().then(() => log('inner')); log('sync')")
    ctx.eval("Promise.resolve().then(() => log('outer')); nested(); log('end')")
    assert log == ["sync", "end", "outer", "inner"]


def test_waiters_when_context_and_loop_go_first(ctx, run):
    async def main():
        promise = ctx.eval("new Promise((resolve) => { globalThis.resolve = resolve })")
        waiting = asyncio.ensure_future(promise)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return asyncio.ensure_future(promise)

    run(main())
    ctx.eval("resolve(1)")  # the loop is closed


def test_an_isolate_closed_while_python_works_for_it(run):
    async def work():
        await asyncio.sleep(0.01)
        return 1

    async def main():
        with Isolate() as iso, iso.new_context() as ctx:
            ctx.globals["work"] = work
            ctx.eval("work()")
        await asyncio.sleep(0.03)

    run(main())


# ---------------------------------------------------------------- nobody handles it


@pytest.fixture
def unhandled(ctx):
    """What the isolate of `ctx` reports."""
    reported = []
    ctx.isolate.on_unhandled_rejection = reported.append
    return reported


def test_unhandled_rejections_are_reported(ctx, unhandled):
    ctx.eval("(async () => { throw new TypeError('lost') })(); 1")
    assert [(error.name, error.message) for error in unhandled] == [("TypeError", "lost")]
    ctx.eval("Promise.reject(5); 1")
    assert unhandled[1].value == 5


def test_handled_ones_are_not(ctx, unhandled):
    ctx.eval(
        "Promise.reject(1).catch(() => 0); const p = Promise.reject(2);"
        "Promise.resolve().then(() => p.catch(() => 0)); 1"
    )
    promise = ctx.eval("Promise.reject(3)")
    with pytest.raises(v8snap.JSError):
        promise.result()
    del promise
    ctx.eval("1")
    assert unhandled == []


def test_one_that_python_has_is_reported_when_python_lets_go(ctx, unhandled):
    promise = ctx.eval("Promise.reject(new Error('kept'))")
    ctx.eval("1")
    assert unhandled == []
    del promise
    ctx.eval("1")
    assert [error.message for error in unhandled] == ["kept"]


def test_closing_reports_the_rest():
    reported = []
    with Isolate() as iso:
        iso.on_unhandled_rejection = reported.append
        ctx = iso.new_context()
        promise = ctx.eval("Promise.reject(new Error('first'))")
        ctx.close()
        other = iso.new_context().eval("Promise.reject(new Error('second'))")
    assert [error.message for error in reported] == ["first", "second"]
    assert promise.closed
    assert other.closed


def test_reports_go_to_the_loop_or_the_log(ctx, caplog, run):
    with caplog.at_level(logging.ERROR, "v8snap"):
        ctx.eval("Promise.reject(new Error('logged')); 1")
    assert "nobody handles" in caplog.text
    assert "logged" in caplog.text
    seen = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context["exception"]))
        ctx.eval("Promise.reject(new Error('told')); 1")
        await ctx.eval_async("Promise.reject(new Error('from a thread')); 1")
        await asyncio.sleep(0)

    run(main())
    assert [error.message for error in seen] == ["told", "from a thread"]


def test_the_python_exception_behind_a_rejection(ctx, unhandled, run):
    error = KeyError("k")

    async def fail():
        raise error

    async def main():
        ctx.globals["fail"] = fail
        ctx.eval("fail(); 1")
        await asyncio.sleep(0.01)

    run(main())
    assert unhandled == [error]


def test_a_report_that_fails(ctx, monkeypatch):
    seen = []
    monkeypatch.setattr("sys.unraisablehook", lambda args: seen.append(args.exc_value))

    def report(error):
        raise RuntimeError("in the hook")

    ctx.isolate.on_unhandled_rejection = report
    assert ctx.eval("Promise.reject(1); 5") == 5
    assert str(seen[0]) == "in the hook"
    with pytest.raises(TypeError):
        ctx.isolate.on_unhandled_rejection = 5


def test_rejections_while_building():
    reported = []
    with v8snap.SnapshotCreator() as sc:
        sc.isolate.on_unhandled_rejection = reported.append
        sc.context.eval(
            "Promise.reject(new Error('building')); globalThis.kept = Promise.reject(new Error('in the blob'))"
        )
    assert [error.message for error in reported] == ["building", "in the blob"]
    with Isolate(sc.blob) as iso, iso.new_context() as ctx, pytest.raises(v8snap.JSError, match="in the blob"):
        ctx.globals["kept"].result()


def test_build_logs_rejections_of_its_helper(caplog):
    with caplog.at_level(logging.ERROR, "v8snap"):
        v8snap.build({"a.js": "Promise.reject(new RangeError('far away'))"})
    assert "RangeError: far away" in caplog.text


def test_many_promises_leave_nothing_behind(run):
    async def work(x):
        return x

    async def main():
        with Isolate() as iso, iso.new_context() as ctx:
            ctx.globals["work"] = work
            for _ in range(200):
                assert await ctx.eval("work(1)") == 1
            gc.collect()

    run(main())


def test_promises_in_a_snapshot_settle_after_it(run):
    with v8snap.SnapshotCreator() as sc:
        sc.context.eval(
            "const done = new Promise((resolve) => { globalThis.resolve = resolve });"
            "var result = done.then((x) => x + 1)"
        )
        pending = sc.context.eval("done")

        async def wait():
            await pending

        with pytest.raises(v8snap.SnapshotError, match="while a snapshot is built"):
            run(wait())

    async def main():
        with Isolate(sc.blob) as iso, iso.new_context() as ctx:
            ctx.eval("resolve(1)")
            assert await ctx.globals["result"] == 2

    run(main())


# ---------------------------------------------------------------- eval_async is in charge of all that comes of it


LATER = {
    "after an await": "(async () => { await nap(0.01); for (;;); })()",
    "in a timer": "new Promise(() => setTimeout(() => { for (;;); }, 1))",
    "in a microtask": "Promise.resolve().then(() => { for (;;); })",
    "in a hostile constructor": (
        "Object.defineProperty(Promise.prototype, 'constructor', {get() { for (;;); }}); new Promise(() => 0)"
    ),
}


@pytest.mark.parametrize("source", LATER.values(), ids=LATER)
def test_endless_javascript_later_on_is_stopped(run, source):
    async def main():
        with Isolate() as iso, iso.new_context(host=["timers"]) as ctx:
            ctx.globals["nap"] = asyncio.sleep
            with pytest.raises(v8snap.JSTimeoutError):
                await ctx.eval_async(source, timeout=0.2)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ctx.eval_async(source), 0.2)
            assert ctx.eval("1 + 1") == 2

    run(main())


def test_the_loop_goes_on_while_others_use_the_isolate(ctx, run):
    async def main():
        other = asyncio.create_task(ctx.eval_async("for (;;);", timeout=0.4))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(ctx.eval_async("Promise.resolve(5)"))
        ticks = 0
        while not other.done():
            await asyncio.sleep(0.01)
            ticks += 1
        with pytest.raises(v8snap.JSTimeoutError):
            await other
        assert ticks > 10
        assert await waiting == 5

    run(main())


@pytest.mark.parametrize("close", ["context", "isolate"])
def test_closing_wakes_those_who_wait(run, close):
    async def main():
        iso = Isolate()
        ctx = iso.new_context()
        ctx.globals["nap"] = asyncio.sleep
        waiting = [
            asyncio.ensure_future(ctx.eval("new Promise(() => 0)")),
            asyncio.ensure_future(ctx.eval_async("new Promise(() => 0)")),
            asyncio.ensure_future(ctx.eval_async("nap(0.2)")),
        ]
        await asyncio.sleep(0.05)
        (ctx if close == "context" else iso).close()
        for each in waiting:
            with pytest.raises(v8snap.ClosedError):
                await asyncio.wait_for(each, 5)
        iso.close()

    run(main())


def test_functions_are_called_without_holding_up_the_loop(ctx, run):
    async def double(x):
        await asyncio.sleep(0.001)
        return 2 * x

    async def main():
        ctx.globals["double"] = double
        render = ctx.eval("async (data) => (await double(data.n)) + 1")
        assert await asyncio.gather(*(render.call_async({"n": n}) for n in range(5))) == [1, 3, 5, 7, 9]
        assert await ctx.eval("(a, b) => a + b").call_async(1, 2) == 3
        with pytest.raises(v8snap.JSTimeoutError):
            await ctx.eval("() => { for (;;); }").call_async(timeout=0.05)
        with pytest.raises(ValueError, match="positive"):
            await render.call_async(timeout=0)

    run(main())


def test_many_rejections_handled_late_take_no_long(ctx, unhandled):
    ctx.eval(
        "const all = []; for (let i = 0; i < 30000; i++) all.push(Promise.reject(i));"
        "for (const each of all) each.catch(() => 0); 1",
        timeout=10,
    )
    assert unhandled == []


@pytest.mark.parametrize(
    "source",
    [
        "(async () => { await slow(); for (;;); })()",
        "new Promise(() => setTimeout(() => { for (;;); }, 20))",
        "(async function* () { await slow(); for (;;); })().next()",
    ],
)
def test_whoever_awaits_is_told_that_javascript_was_stopped(run, source):
    """By the isolate's own time limit, in what went on later: nobody else would ever settle the promise."""

    async def slow():
        await asyncio.sleep(0.02)

    async def main(ctx):
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # what a timer throws goes there, too
        ctx.globals["slow"] = slow
        with pytest.raises(v8snap.JSTimeoutError):
            await asyncio.wait_for(as_future(ctx.eval(source)), 20)
        return await ctx.eval("(async () => { await slow(); return 42 })()")

    async def as_future(promise):
        return await promise

    with Isolate(timeout=0.2) as isolate:
        assert run(main(isolate.new_context(host=["timers"]))) == 42


def test_a_stop_in_one_context_is_no_matter_of_the_others(run):
    async def main(isolate):
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        one, two = isolate.new_context(host=["timers"]), isolate.new_context(host=["timers"])
        later = "new Promise(resolve => setTimeout(() => resolve('fine'), 500))"
        waiting = [asyncio.ensure_future(two.eval_async(later)), asyncio.ensure_future(as_future(two.eval(later)))]
        one.eval("setTimeout(() => { for (;;); }, 10); 1")
        return await asyncio.gather(*waiting)

    async def as_future(promise):
        return await promise

    with Isolate(timeout=0.2) as isolate:
        assert run(main(isolate)) == ["fine", "fine"]
