"""`async for` over JavaScript's iterables and `for await` over Python's: order, errors, early exits, cancelling."""

import asyncio
import contextlib
import threading
import time

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator

GENERATOR = """
var log = [];
async function* count(end) {
  try {
    for (let i = 0; i < end; i++) { await null; yield i }
  } finally {
    await null;
    log.push("closed");
  }
}
"""


@pytest.fixture
def counting(ctx):
    """A context with an async generator `count(end)` that notes in `log` when it is closed."""
    ctx.eval(GENERATOR)
    return ctx


def log(context):
    return context.globals["log"].to_py()


async def collect(iterable):
    return [each async for each in iterable]


def test_everything_that_for_await_takes(counting):
    values = {
        "count(3)": [0, 1, 2],
        "[1, Promise.resolve(2), 3]": [1, 2, 3],
        "new Set([1, Promise.resolve('a')])": [1, "a"],
        "(function* () { yield Promise.resolve(1); yield undefined })()": [1, v8snap.undefined],
        "({[Symbol.asyncIterator]() { let n = 0; return {next: () => ({done: n++ === 2, value: n})} }})": [1, 2],
        "({[Symbol.asyncIterator]: null, [Symbol.iterator]: () => [5].values()})": [5],
        "({[Symbol.asyncIterator]() { return {next: () => ({then(f) { f({done: true}) }})} }})": [],
    }
    for source, expected in values.items():
        assert asyncio.run(collect(counting.eval(source))) == expected, source
    entries = asyncio.run(collect(counting.eval("new Map([['a', 1]])")))
    assert [entry.to_py() for entry in entries] == [["a", 1]]
    for source in ("({})", "(() => 0)", "new ArrayBuffer(4)"):
        with pytest.raises(TypeError, match="iterator"):
            aiter(counting.eval(source))


def test_an_early_exit_calls_return(counting):
    async def main():
        async with contextlib.aclosing(aiter(counting.eval("count(9)"))) as numbers:
            async for number in numbers:
                if number == 2:
                    break
        assert log(counting) == ["closed"]
        async for _ in counting.eval("count(9)"):
            break
        while len(log(counting)) < 2:  # the loop ends what was dropped
            await asyncio.sleep(0.001)
        with pytest.raises(KeyError):
            async for _ in counting.eval("count(9)"):
                raise KeyError
        assert [n async for n in counting.eval("count(1)")] == [0]

    asyncio.run(asyncio.wait_for(main(), 10))
    assert log(counting) == ["closed"] * 4


def test_an_early_exit_of_a_plain_iterator(ctx):
    ctx.eval("var log = []; function* g() { try { yield 1; yield 2 } finally { log.push('closed') } }")

    async def main():
        async with contextlib.aclosing(aiter(ctx.eval("g()"))) as numbers:
            async for _ in numbers:
                break
        assert log(ctx) == ["closed"]

    asyncio.run(main())


def test_errors_come_out_and_broken_iterators_are_left_alone(ctx):
    ctx.eval("""
        var log = [];
        const broken = (next) => ({[Symbol.asyncIterator]: () => ({next, return() { log.push("return") }})});
        var iterables = {
          throws: broken(() => { throw new Error("next") }),
          rejects: broken(() => Promise.reject(new Error("step"))),
          number: broken(() => 5),
          getter: broken(() => ({get done() { throw new Error("done") }})),
          start: {[Symbol.asyncIterator]() { throw new Error("start") }},
          value: [Promise.reject(new Error("value"))],
        };
    """)
    for name, kind in {
        "throws": "next",
        "rejects": "step",
        "getter": "done",
        "start": "start",
        "value": "value",
    }.items():
        with pytest.raises(v8snap.JSError, match=kind):
            asyncio.run(collect(ctx.globals["iterables"][name]))
    with pytest.raises(TypeError, match="done and value"):
        asyncio.run(collect(ctx.globals["iterables"]["number"]))
    assert log(ctx) == []


@pytest.mark.parametrize(
    "given", ["null", "undefined", "5", "'text'", "1n", "Symbol()", "{}", "{next: 5}", "{next: null}"]
)
def test_what_is_no_iterator_is_said(ctx, given):
    """By an error of its own: none that Python code runs into by using it as one."""
    for symbol in ("asyncIterator", "iterator"):
        with pytest.raises(TypeError, match="in place of an iterator"):
            asyncio.run(collect(ctx.eval(f"({{[Symbol.{symbol}]: () => ({given})}})")))


def test_a_return_that_is_no_function_does_not_hide_why_the_loop_was_left(ctx):
    for value in ("5", "null", "{}"):
        iterable = ctx.eval(f"({{[Symbol.asyncIterator]: () => ({{next: () => ({{value: 1}}), return: {value}}})}})")

        async def main(iterable=iterable):
            async for _ in iterable:
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            asyncio.run(main())


def test_what_return_throws_does_not_hide_why_the_loop_was_left(ctx):
    iterable = ctx.eval(
        "({[Symbol.asyncIterator]: () => ({next: async () => ({value: 1}), return() { throw new Error('return') }})})"
    )

    async def main():
        async for _ in iterable:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(main())


def test_cancelling_while_it_waits(ctx):
    rejections = []
    ctx.isolate.on_unhandled_rejection = rejections.append
    ctx.eval("""
        var log = [];
        var never = {[Symbol.asyncIterator]: () => ({
          next: () => new Promise(() => 0),
          async return() { log.push("return"); throw new Error("late") },
        })};
    """)

    async def main():
        task = asyncio.create_task(collect(ctx.globals["never"]))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
        assert log(ctx) == ["return"]

    asyncio.run(main())
    assert rejections == []


def test_a_context_that_is_closed_ends_it(counting):
    async def main():
        async for _ in counting.eval("count(9)"):
            counting.close()

    with pytest.raises(v8snap.ClosedError):
        asyncio.run(main())


def test_an_isolate_in_use_does_not_hold_up_the_loop(counting):
    counting.globals["wait"] = lambda: time.sleep(0.2)

    async def main():
        worker = threading.Thread(target=counting.eval, args=("wait()",))
        numbers = aiter(counting.eval("count(2)"))
        worker.start()
        while not counting.isolate._busy:
            await asyncio.sleep(0)
        waiting = asyncio.ensure_future(collect(numbers))
        await asyncio.sleep(0)
        assert worker.is_alive()
        assert await waiting == [0, 1]
        worker.join()

    asyncio.run(main())


# ---------------------------------------------------------------- Python's in JavaScript


def test_for_await_over_python(ctx):
    closed = []

    async def numbers(end):
        try:
            for i in range(end):
                await asyncio.sleep(0)
                yield i
        finally:
            closed.append(end)

    class Stream:
        def __aiter__(self):
            return numbers(3)

    class Plain:
        left = 2

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return {"left": self.left}

    ctx.globals["numbers"] = numbers
    ctx.globals["stream"] = Stream()
    ctx.globals["plain"] = Plain()
    ctx.eval("""
        async function all(iterable, most = 99) {
          const found = [];
          for await (const each of iterable) if (found.push(each) === most) break;
          return found;
        }
    """)

    async def main():
        for _ in "12":
            assert (await ctx.eval("all(stream)")).to_py() == [0, 1, 2]
        assert (await ctx.eval("all(numbers(9), 2)")).to_py() == [0, 1]
        assert (await ctx.eval_async("all(numbers(4))")).to_py() == [0, 1, 2, 3]
        assert (await ctx.eval("all(plain, 1)")).to_py() == [{"left": 1}]
        assert (await ctx.eval("all(plain)")).to_py() == [{"left": 0}]
        assert closed == [3, 3, 9, 4]
        # JavaScript may ask before it was answered.
        steps = await ctx.eval("const n = numbers(1); Promise.all([n.next(), n.next(), n.next()])")
        assert [step.done for step in steps] == [False, True, True]
        assert (await ctx.eval("numbers(1).return(7)")).to_py() == {"value": 7, "done": True}
        assert await collect(ctx.eval("(async function* () { yield* numbers(2); yield* stream })()")) == [0, 1, 0, 1, 2]

    asyncio.run(asyncio.wait_for(main(), 20))


def test_exceptions_of_a_python_generator(ctx):
    async def fail():
        yield 1
        raise LookupError("mine")

    async def main():
        ctx.globals["fail"] = fail
        with pytest.raises(LookupError, match="mine"):
            await ctx.eval("(async () => { for await (const x of fail()); })()")
        caught = "(async () => { try { for await (const x of fail()); } catch (e) { return e.name + e.message } })()"
        assert await ctx.eval(caught) == "LookupErrormine"
        assert await collect(ctx.eval("(async function* () { try { yield* fail() } catch { yield 2 } })()")) == [1, 2]

    asyncio.run(main())


def test_there_and_back(counting):
    async def twice(source):
        async for each in source:
            yield each * 2

    async def main():
        counting.globals["twice"] = twice
        assert await collect(counting.eval("twice(count(3))")) == [0, 2, 4]

    asyncio.run(main())


def test_a_python_generator_without_a_loop_or_in_a_snapshot():
    async def numbers():
        yield 1

    with Isolate() as isolate, isolate.new_context() as context:
        context.globals["numbers"] = numbers
        with pytest.raises(v8snap.ConversionError, match="asyncio loop"):
            context.eval("numbers().next()")
    with SnapshotCreator() as creator:
        with pytest.raises(v8snap.SnapshotError, match="by name only"):
            creator.context.globals["numbers"] = numbers()
        numbers_in_it = creator.context.eval("(async function* () { yield 1; yield Promise.resolve(2) })()")
        assert asyncio.run(collect(numbers_in_it)) == [1, 2]


def test_the_loop_never_waits_for_what_only_it_can_stop(child_ok):
    """Endless scripts without a timeout, cancelled by the loop, beside all else that a loop does with the isolate."""
    code = """
        import asyncio, collections, warnings, v8snap
        warnings.simplefilter("ignore", RuntimeWarning)  # of coroutines that JavaScript still made when the loop ended
        ctx = v8snap.Isolate().new_context(host=("timers",))
        ctx.isolate.on_unhandled_rejection = lambda error: None
        async def fetch(x):
            await asyncio.sleep(0.001 * x)
            return x
        ctx.globals["fetch"] = fetch
        numbers = ctx.eval('''({async *[Symbol.asyncIterator]() {
            for (let i = 0;; i++) yield await fetch(i % 2)
        }})''')
        total = ctx.eval("async () => { let s = 0; for (let i = 0; i < 4; i++) s += await fetch(i); return s }")
        async def endless():
            await asyncio.wait_for(ctx.eval_async("for (;;);"), 0.02)
        async def endless_awaits():
            await asyncio.wait_for(ctx.eval_async("(async () => { for (;;) await fetch(1) })()"), 0.05)
        async def iterate():
            seen = []
            async for number in numbers:
                seen.append(number)
                if len(seen) == 4:
                    return str(seen)
        async def call():
            return await total.call_async()
        async def wait():
            return await promises.pop()
        promises = []
        async def one(work):
            try:
                return await work()
            except asyncio.TimeoutError as error:
                return type(error).__name__
        async def main():
            promises[:] = [total() for _ in range(30)]
            for _ in range(5):
                works = [endless, endless_awaits, iterate, call, wait] * 6
                seen = await asyncio.gather(*map(one, works))
                assert collections.Counter(map(str, seen)) == {"TimeoutError": 12, "[0, 1, 0, 1]": 6, "6": 12}, seen
            works = [endless, endless_awaits, iterate, call] * 6
            tasks = [asyncio.create_task(one(work)) for work in works]
            await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.run(main())
        print(ctx.eval("1 + 1"))
    """
    assert child_ok(code) == "2\n"
