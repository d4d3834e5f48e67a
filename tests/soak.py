"""A load that goes on: threads and asyncio tasks share a pool, and much of what they ask for goes wrong on purpose.

    python tests/soak.py --minutes 5 [--json FILE] [--record]

Every request is counted when it begins and when it ends, and what it gives is compared. It fails where a result is
wrong, a request is lost or takes too long, memory grows, or something native is left at the end. ``--record`` puts the
figures into docs/reference/proof.json.
"""

import argparse
import asyncio
import contextlib
import ctypes
import faulthandler
import gc
import itertools
import json
import math
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import v8snap
from v8snap import _v8

APP = """
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
function page({user, items}) { return `<h1>${user}</h1>` + items.map((i) => `<li>${i.name}: ${i.price * 2}`).join('') }
function mirror(value) { return value }
function each(n, f) { let all = 0; for (let i = 0; i < n; i++) all += f(i); return all }
function attempt(f) { try { return f() } catch (error) { return `${error.name}: ${error.message}` } }
function fill() { const all = []; for (;;) all.push({all, more: [1, 2, 3]}) }
function hoard() { const all = []; for (;;) all.push(new Uint8Array(2 ** 20)) }
function forever() { for (;;); }
function sorted(n) { return Array.from({length: n}, (_, i) => (i * 7919) % n).sort((a, b) => a - b) }
async function twice(f) { return await f() + await f() }
"""
THREADS = 4
TASKS = 6
STUCK = 120  # seconds after which a request is held to be lost
HEAP_LIMIT = 96 * 2**20
LEAST_MINUTES = 2  # before, memory is that of pools that still fill, and of the last bombs
MOST_GROWTH = HEAP_LIMIT  # bytes, of the least memory between the second and the last quarter of the time
MOST_LEFT = 32 * 2**20  # bytes more than before, once all is closed: the program's and the allocator's own

#: A server that makes its pool before it forks its workers, each of which serves from it.
PREFORK = """
import os, sys, v8snap
pool = v8snap.IsolatePool(sys.argv[1], 2)
workers = []
for worker in range(2):
    child = os.fork()
    if child == 0:
        for n in range(10):
            with pool.context() as ctx:
                assert ctx.globals["each"](n, lambda i: i + worker) == sum(i + worker for i in range(n))
        pool.close()
        os._exit(0)
    workers.append(child)
print(*[os.waitpid(child, 0)[1] for child in workers])
"""


class Histogram:
    """Times, each rounded to 5 %, so that memory doesn't grow with their number."""

    STEP = 1.05

    def __init__(self):
        self.counts = Counter()

    def add(self, seconds):
        self.counts[round(math.log(max(seconds, 1e-6), self.STEP))] += 1

    def percentile(self, share):
        """Milliseconds, 3 digits."""
        wanted = share * self.counts.total()
        for place in sorted(self.counts):
            wanted -= self.counts[place]
            if wanted <= 0:
                return float(f"{self.STEP**place * 1000:.3g}")
        raise ValueError("no times")


class Ledger:
    """What was asked for, and what came of it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.begun = Counter()
        self.served = Counter()
        self.errors = Counter()
        self.wrong = []
        self.times = Histogram()
        self.open = {}

    @contextlib.contextmanager
    def request(self, kind):
        """Around a request; what it raises is a wrong result."""
        key = object()
        began = time.perf_counter()
        with self.lock:
            self.begun[kind] += 1
            self.open[key] = (kind, began)
        try:
            yield
        except Exception as error:
            self._end(key, began, f"{kind}: {error!r}")
        else:
            self._end(key, began, None)

    def _end(self, key, began, wrong):
        with self.lock:
            kind, _ = self.open.pop(key)
            if wrong is None:
                self.served[kind] += 1
                if kind in QUICK:
                    self.times.add(time.perf_counter() - began)
            else:
                self.wrong.append(wrong)

    @contextlib.contextmanager
    def fails(self, error_class):
        """What is inside has to raise that."""
        try:
            yield
        except error_class as error:
            if type(error) is not error_class:
                raise
            with self.lock:
                self.errors[error_class.__name__] += 1
        else:
            raise AssertionError(f"no {error_class.__name__}")

    def stuck(self):
        """Requests that have taken too long so far: list of str."""
        with self.lock:
            now = time.perf_counter()
            return [kind for kind, began in self.open.values() if now - began > STUCK]


# ---------------------------------------------------------------- requests: kind -> what it does with a context


def nested(source, depth=4):
    """Random data that is the same after a round trip."""
    kind = source.randrange(8 if depth else 5)
    if kind == 0:
        return source.randrange(-(2**53) + 1, 2**53)
    if kind == 1:
        return source.random() * 10 ** source.randrange(-9, 9)
    if kind == 2:
        return "".join(source.choices("abcäöü€😀\x00", k=source.randrange(30)))
    if kind in (3, 4):
        return source.choice([None, True, False, 2**70, ""])
    if kind == 5:
        return {f"k{i}": nested(source, depth - 1) for i in range(source.randrange(8))}
    return [nested(source, depth - 1) for _ in range(source.randrange(12))]


def render(ctx, source, ledger):
    items = [{"name": f"item {n}", "price": n} for n in range(source.randrange(50))]
    expected = "<h1>Ada</h1>" + "".join(f"<li>{i['name']}: {i['price'] * 2}" for i in items)
    assert ctx.globals["page"]({"user": "Ada", "items": items}) == expected


def copies(ctx, source, ledger):
    data = [nested(source)]
    assert v8snap.to_py(ctx.globals["mirror"](data)) == data


def callbacks(ctx, source, ledger):
    count = source.randrange(500)
    assert ctx.globals["each"](count, lambda i: i * 2) == count * (count - 1)


def python_error(ctx, source, ledger):
    error = KeyError(source.random())

    def fail(i):
        raise error

    assert ctx.globals["attempt"](lambda: 5) == 5
    with ledger.fails(KeyError):
        try:
            ctx.globals["each"](1, fail)
        except KeyError as caught:
            if caught is not error:
                raise AssertionError("another exception came out") from caught
            raise


def javascript_error(ctx, source, ledger):
    number = source.randrange(10**6)
    assert ctx.eval(f"attempt(() => {{ throw new RangeError('n{number}') }})") == f"RangeError: n{number}"
    with ledger.fails(v8snap.JSError):
        ctx.eval(f"null.n{number}")


def buffers(ctx, source, ledger):
    size = source.randrange(1, 100_000)
    data = source.randbytes(size)
    there = ctx.globals["mirror"](data)
    with memoryview(there) as view:
        assert view.tobytes() == data
    assert ctx.eval("(b) => b.reduce((x, y) => x + y, 0)")(there) == sum(data)


def processor(ctx, source, ledger):
    count = source.randrange(5000)
    assert ctx.globals["sorted"](count).to_py() == sorted((i * 7919) % count for i in range(count))


def timeout(ctx, source, ledger):
    with ledger.fails(v8snap.JSTimeoutError):
        ctx.eval("forever()", timeout=source.random() * 0.03)


def memory_bomb(ctx, source, ledger):
    with ledger.fails(v8snap.JSMemoryError):
        ctx.eval(source.choice(["fill()", "hoard()"]), timeout=None)


def termination(ctx, source, ledger):
    started = threading.Event()
    ctx.globals["started"] = started.set
    isolate = ctx.isolate

    def stop():
        started.wait(STUCK)
        time.sleep(source.random() * 0.005)
        isolate.terminate()

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        with ledger.fails(v8snap.JSTerminatedError):
            ctx.eval("started(); forever()", timeout=None)
    finally:
        thread.join()


def fork(ctx, source, ledger):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that other threads are lost in the child is the point
        child = os.fork()
    if child == 0:
        try:
            ctx.eval("1")
        except v8snap.ForkedIsolateError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with ledger.lock:
        ledger.errors["ForkedIsolateError"] += 1
    assert ctx.eval("sum([1, 2, 3])") == 6


def prefork(ctx, source, ledger):
    command = [sys.executable, "-c", PREFORK, BLOB_PATH]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    # Not where the soak runs: a folder with v8snap's sources would be imported from.
    done = subprocess.run(command, capture_output=True, text=True, timeout=STUCK, env=environment, check=False, cwd="/")
    assert done.stdout == "0 0\n", (done.stdout, done.stderr)


#: Kinds with how often they come.
KINDS = {
    render: 40,
    copies: 40,
    callbacks: 40,
    python_error: 20,
    javascript_error: 20,
    buffers: 20,
    processor: 20,
    timeout: 6,
    termination: 4,
    memory_bomb: 1,
    fork: 1,
}
RARE = {prefork: 0.002}  # share of all
#: Those that no timeout, full heap, termination, cancellation or fork is part of.
QUICK = ("render", "copies", "callbacks", "python_error", "javascript_error", "buffers", "processor", "awaited")
BLOB_PATH = ""


def serve(pool, ledger, source, until):
    """A thread's part."""
    while time.monotonic() < until:
        kind = source.choices(list(KINDS), list(KINDS.values()))[0]
        for rare, share in RARE.items():
            if source.random() < share:
                kind = rare
        with ledger.request(kind.__name__), pool.context() as ctx:
            kind(ctx, source, ledger)


# ---------------------------------------------------------------- asyncio


async def awaited(ctx, source, ledger):
    number = source.randrange(1000)

    async def later():
        await asyncio.sleep(source.random() * 0.002)
        return number

    ctx.globals["later"] = later
    assert await ctx.eval_async("twice(later)", timeout=STUCK) == 2 * number


async def cancelled(ctx, source, ledger):
    task = asyncio.ensure_future(ctx.eval_async(source.choice(["forever()", "new Promise(() => 0)"]), timeout=None))
    await asyncio.sleep(source.random() * 0.02)
    task.cancel()
    with ledger.fails(asyncio.CancelledError):
        await task


async def async_timeout(ctx, source, ledger):
    with ledger.fails(v8snap.JSTimeoutError):
        await ctx.eval_async("(async () => { await 1; forever() })()", timeout=0.02)


async def async_error(ctx, source, ledger):
    error = LookupError(source.random())

    async def fail():
        raise error

    ctx.globals["fail"] = fail
    with ledger.fails(LookupError):
        await ctx.eval_async("fail()", timeout=STUCK)


ASYNC_KINDS = {awaited: 20, cancelled: 3, async_timeout: 1, async_error: 3}


async def serve_tasks(pool, ledger, source, until):
    """The loop's part."""

    async def work():
        while time.monotonic() < until:
            kind = source.choices(list(ASYNC_KINDS), list(ASYNC_KINDS.values()))[0]
            with ledger.request(kind.__name__):
                async with pool.context() as ctx:
                    await kind(ctx, source, ledger)

    await asyncio.gather(*(work() for _ in range(TASKS)))


# ---------------------------------------------------------------- all of it


def resident():
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def resident_at_rest():
    """Bytes of this process in memory that it has use for."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident()


def watch(ledger, done, samples):
    """Memory by time, once a second until all is done; ends the process where a request is lost."""
    began = time.monotonic()
    while not done.wait(1):
        samples.append((time.monotonic() - began, resident()))
        if ledger.stuck():
            print("lost:", ledger.stuck(), flush=True)
            faulthandler.dump_traceback(all_threads=True)
            os._exit(1)


def slope(samples):
    """Bytes a minute: the middle one of the slopes between any two twentieths of the time, without the first fifth.

    A twentieth counts by its least memory, for heaps that are filled on purpose come and go.
    """
    width = len(samples) // 20
    points = [min(samples[at : at + width], key=lambda sample: sample[1]) for at in range(4 * width, 20 * width, width)]
    pairs = itertools.combinations(points, 2)
    return 60 * statistics.median((after[1] - before[1]) / (after[0] - before[0]) for before, after in pairs)


def growth(samples):
    """Bytes by which the least memory of the last quarter is above that of the second."""
    quarter = len(samples) // 4
    return min(y for _, y in samples[-quarter:]) - min(y for _, y in samples[quarter : 2 * quarter])


def run(minutes, seed):
    """The facts of one soak: dict."""
    global BLOB_PATH
    ledger, samples = Ledger(), []
    with tempfile.TemporaryDirectory() as folder:
        BLOB_PATH = os.path.join(folder, "app.v8snap")
        v8snap.build({"app.js": APP}, warmup="page({user: '', items: []}); sorted(10)").save(BLOB_PATH)
        with v8snap.IsolatePool(BLOB_PATH, 1) as pool, pool.context():
            pass  # what V8 has for all isolates
        before = resident_at_rest()
        with v8snap.IsolatePool(BLOB_PATH, THREADS, heap_limit=HEAP_LIMIT, timeout=STUCK / 2, max_uses=500) as pool:
            until = time.monotonic() + minutes * 60
            work = [
                threading.Thread(target=serve, args=(pool, ledger, random.Random(seed + n), until))
                for n in range(THREADS)
            ]
            done = threading.Event()
            watcher = threading.Thread(target=watch, args=(ledger, done, samples))
            for thread in [*work, watcher]:
                thread.start()
            try:
                asyncio.run(serve_tasks(pool, ledger, random.Random(seed + THREADS), until))
                for thread in work:
                    thread.join(2 * STUCK)
            finally:
                done.set()
            watcher.join()
            pool_figures = pool.statistics()
    after = resident_at_rest()
    left = {name: count for name, count in _v8._live_counts().items() if count}
    lost = ledger.begun.total() - ledger.served.total() - len(ledger.wrong)
    return {
        "minutes": minutes,
        "threads": THREADS,
        "tasks": TASKS,
        "processors": os.cpu_count(),
        "requests": ledger.begun.total(),
        "served": dict(ledger.served),
        "errors": dict(ledger.errors),
        "wrong": ledger.wrong[:20],
        "lost": lost + sum(thread.is_alive() for thread in work),
        "contexts": pool_figures.requests,
        "in_use": pool_figures.in_use,
        "isolates_made": pool_figures.made,
        "isolates_replaced": dict(pool_figures.replaced),
        "p50_ms": ledger.times.percentile(0.5),
        "p99_ms": ledger.times.percentile(0.99),
        "resident_mib": round(samples[-1][1] / 2**20),
        "resident_before_mib": round(before / 2**20),
        "resident_after_mib": round(after / 2**20),
        "resident_slope_kib_per_minute": round(slope(samples) / 1024),
        "resident_growth_mib": round(growth(samples) / 2**20, 1),
        "left": left,
    }


def failures(facts):
    """What is wrong with them: list of str."""
    checks = {
        "wrong results": not facts["wrong"],
        "lost requests": facts["lost"] == 0,
        "the pool's count is another one": facts["contexts"] == facts["requests"],
        "contexts were not given back": facts["in_use"] == 0,
        "native objects are left": not facts["left"],
        "memory grows": facts["minutes"] < LEAST_MINUTES or facts["resident_growth_mib"] * 2**20 < MOST_GROWTH,
        "memory is left": (facts["resident_after_mib"] - facts["resident_before_mib"]) * 2**20 < MOST_LEFT,
        "a kind of request never came": len(facts["served"]) == len(KINDS) + len(RARE) + len(ASYNC_KINDS),
    }
    return [what for what, is_well in checks.items() if not is_well]


def main():
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the facts there")
    parser.add_argument("--record", action="store_true", help="put the facts into docs/reference/proof.json")
    options = parser.parse_args()
    faulthandler.enable()
    facts = run(options.minutes, options.seed)
    text = json.dumps(facts, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    wrong = failures(facts)
    if wrong:
        sys.exit("failed: " + "; ".join(wrong))
    if options.record:
        sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
        import proof_page

        key = f"V8 {'.'.join(v8snap.v8_version().split('.')[:2])}, Python {platform.python_version()}"
        proof_page.record("soak", key, facts)


if __name__ == "__main__":
    main()
