"""Random sequences of calls, on several threads and in the middle of JavaScript: what a user may do in any order.

    python tests/fuzz_api.py SECONDS [LOG]

Each call works or raises what a user can expect; after each sequence nothing of it is alive, and in the end memory
hasn't grown. LOG has the calls of the sequence that is running: the last of them tells what killed the process. A
sequence that takes a minute is a hang. Prints how much was done, and what never worked.
"""

import contextlib
import faulthandler
import functools
import gc
import json
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from hostile_values import EXPECTED  # beside this file
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from own_mistakes import Expected, found, is_one
from soak import growth, resident

import v8snap
from v8snap import _v8

ALLOWED = (*EXPECTED, StopIteration)
HANG = 60  # seconds
MOST = 4  # things of a kind
ENOUGH_ROUNDS = 20  # to tell whether memory grows
MOST_GROWTH = 32 * 2**20  # bytes, of the least memory between the second and the last quarter of the rounds

SOURCES = [
    "1 + 1",
    "var o = {a: 1, list: [1, {b: 2}], f(x) { return x }}; o",
    "(x) => x",
    "(f) => typeof f === 'function' ? f(1) : f",
    "[1, 'two', {}, () => 3]",
    "new Map([['a', 1], [{}, []]])",
    "new Set([1, {}, 'x'])",
    "new Uint8Array(1000)",
    "new ArrayBuffer(64)",
    "Promise.resolve({a: 1})",
    "new Promise((f) => { globalThis.settle = f })",
    "globalThis.settle?.([1]); 1",
    "Promise.reject(new Error('mine')); 1",
    "throw new TypeError('mine')",
    "throw {a: 1}",
    "null.x",
    "not javascript",
    "for (;;);",
    "(function f() { f() })()",
    "class A { #p = 1; static s = []; get p() { return this.#p } }; new A()",
    "(function* () { yield 1; yield 2 })()",
    "(async () => { await null; return act?.() })()",
    "typeof act === 'function' ? act(o) : 0",
    "try { act() } catch (error) { error }",
    "[3, 1, 2].sort((a, b) => { if (typeof act === 'function') act(); return a - b })",
    "({get x() { return typeof act === 'function' ? act() : 1 }, y: 2})",
    "new Proxy({a: 1}, {get(t, k) { return typeof act === 'function' ? act(k) : t[k] }})",
    "Symbol('s')",
    "/a+/g",
    "new Date(0)",
    "2n ** 80n",
    "'x'.repeat(1e6)",
    "Array.from({length: 5000}, (_, i) => ({i}))",
    "globalThis.r = new FinalizationRegistry(() => { if (typeof act === 'function') act() }); r.register({}, 1); 1",
    "new WeakRef({})",
    "var hot = 0; for (let i = 0; i < 1e4; i++) hot += i; hot",
    "typeof WebAssembly === 'object' ? WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) : 0",
    "import('m').then((m) => m.default, (e) => 0)",
    "Object.freeze({a: Object.freeze([1])})",
    "globalThis",
    "Error.prepareStackTrace = (e, frames) => frames.length; 1",
    "Object.prototype.polluted = 1; 1",
]
DATA = [None, 1, "text", 2.5, 2**70, [1, [2, {"a": None}]], {"a": {"b": [1]}}, {1, "x"}, b"bytes", (), [{}] * 100]
MODULES = {
    "m": "export default {a: 1}",
    "n": "import m from 'm'; export const n = m",
    "bad": "export default (",
    "t": "throw 1",
}


class World:
    """What there is, by kind; each action picks by numbers."""

    def __init__(self):
        self.creators, self.isolates, self.contexts, self.values, self.blobs, self.scripts = [], [], [], [], [], []
        self.pools, self.leases, self.views, self.profiles = [], [], [], []
        self.in_creators = []  # pairs of a creator and a context of it
        self.inside = []  # what a callback does
        self.depth = 0

    def keep(self, kind, thing):
        if len(kind) >= MOST * (4 if kind is self.values else 1):
            kind.pop(0)
        kind.append(thing)

    def close(self):
        for lease in self.leases:
            with Expected(*ALLOWED):
                lease.__exit__(None, None, None)
        for each in (*self.isolates, *self.pools):
            with Expected(*ALLOWED):
                each.close()

    def called(self, *arguments):
        """JavaScript calls this."""
        if self.depth > 3 or not self.inside:
            return arguments[0] if arguments else None
        self.depth += 1
        try:
            name, a, b = self.inside.pop()
            with Expected():
                ACTIONS[name](self, a, b)
        finally:
            self.depth -= 1
        return self.values[a % len(self.values)] if self.values and a % 2 else None


def pick(kind, number):
    if not kind:
        raise LookupError("there is none")
    return kind[number % len(kind)]


def new_creator(w, a, b):
    base = pick(w.blobs, b) if w.blobs and a % 2 else None
    w.keep(w.creators, v8snap.SnapshotCreator(existing_blob=base, external_references={"act": w.called}))


def creator_context(w, a, b):
    if not w.creators:
        new_creator(w, a, b)
    sc = pick(w.creators, a)
    ctx = sc.context if b % 2 else sc.new_context()
    ctx.globals["act"] = sc.external("act", context=ctx)
    w.keep(w.contexts, ctx)
    w.keep(w.in_creators, (sc, ctx))


def add_to_creator(w, a, b):
    if not w.in_creators:
        creator_context(w, a, b)
    sc, ctx = pick(w.in_creators, a) if b % 4 else (pick(w.creators, a), pick(w.contexts, b))
    [
        lambda: sc.add_context(ctx, name=f"n{b}"),
        lambda: sc.set_default_context(ctx),
        lambda: sc.add_data(pick(w.values, b), context=ctx),
        lambda: sc.add_data(pick(DATA, b), name=f"d{b}"),
        lambda: sc.add_module("n", MODULES["n"], context=ctx, resolve=MODULES),
        sc.check,
    ][(a + b) % 6]()


def create_blob(w, a, b):
    sc = pick(w.creators, a)
    w.keep(w.blobs, sc.create_blob(pick(list(v8snap.FunctionCodeHandling), b)))


def leave_creator(w, a, b):
    sc = pick(w.creators, a)
    with contextlib.suppress(ZeroDivisionError), sc:
        if b % 2:
            raise ZeroDivisionError
    if b % 2 == 0:
        w.keep(w.blobs, sc.blob)


def new_isolate(w, a, b):
    blob = pick(w.blobs, a) if w.blobs and b % 2 else None
    w.keep(
        w.isolates,
        v8snap.Isolate(
            blob, timeout=0.1, heap_limit=64 * 2**20 if b % 3 else None, external_references={"act": w.called}
        ),
    )


def new_context(w, a, b):
    isolate = pick(w.isolates, a)
    ctx = isolate.new_context(None if b % 3 or not w.blobs else b % 2, host=["timers"] if b % 4 == 1 else ())
    if b % 2:
        ctx.globals["act"] = w.called
    ctx.resolve = MODULES
    w.keep(w.contexts, ctx)


def evaluate(w, a, b):
    w.keep(w.values, pick(w.contexts, a).eval(pick(SOURCES, b), f"s{b}.js", timeout=0.1))


def compile_and_run(w, a, b):
    ctx = pick(w.contexts, a)
    if b % 2 or not w.scripts:
        script = ctx.compile(pick(SOURCES, b), "c.js", eager=b % 4 == 1)
        w.keep(w.scripts, (script, None))
    script, cache = pick(w.scripts, b)
    w.keep(w.values, script.run(ctx, timeout=0.1))
    w.keep(w.scripts, (script, script.create_code_cache()))
    if cache is not None:
        ctx.compile(pick(SOURCES, b), "c.js", cached_data=cache).run(ctx, timeout=0.1)


def import_module(w, a, b):
    w.keep(w.values, pick(w.contexts, a).import_module(pick(list(MODULES), b), resolve=MODULES, timeout=0.1))


def set_global(w, a, b):
    value = [pick(DATA, b), w.called, functools.partial(w.called, 1)][b % 3] if b % 4 else pick(w.values, b)
    pick(w.contexts, a).globals[f"g{b % 5}"] = value


def use_value(w, a, b):
    value = pick(w.values, a)
    w.keep(
        w.values,
        [
            lambda: value(pick(w.values, b), timeout=0.1),
            lambda: value.new(timeout=0.1),
            lambda: value.call(pick(w.values, b), 1, timeout=0.1),
            lambda: value["a"],
            lambda: value[b % 7],
            lambda: value.__setitem__("a", pick(w.values, b)),
            lambda: value.__delitem__("a"),
            lambda: value.append(pick(w.values, b)),
            lambda: value.pop(),
            lambda: value.to_py() if b % 2 else v8snap.to_py(value),
            lambda: repr(value),
            lambda: [*zip(range(5), value, strict=False)],
            lambda: len(value),
            lambda: value == pick(w.values, b),
            lambda: hash(value),
            lambda: value.result(),
            lambda: value.state,
            lambda: dir(value),
            lambda: value.keys(),
            lambda: value.add(pick(DATA, b)),
        ][b % 20](),
    )


def look_at_memory(w, a, b):
    value = pick(w.contexts, a).eval("new Uint8Array(1000)") if b % 2 else pick(w.values, a)
    w.keep(w.views, memoryview(value))
    for view in w.views:
        bytes(view[:10])


def convert(w, a, b):
    data = [pick(DATA, b), {"v": pick(w.values, b) if w.values else 1, "f": w.called}]
    w.keep(w.values, pick(w.contexts, a).to_js(data))


def of_isolate(w, a, b):
    isolate = pick(w.isolates, a)
    [
        isolate.low_memory_notification,
        isolate.heap_statistics,
        isolate.terminate,
        lambda: isolate.run_pending_tasks(wait=0.01, timeout=0.1),
        lambda: isolate.data(b % 3),
        isolate.heap_space_statistics,
        lambda: setattr(isolate, "on_unhandled_rejection", w.called),
        lambda: pick(w.contexts, b).run_until_idle(timeout=0.05),
    ][b % 8]()


def profile(w, a, b):
    if b % 2 or not w.profiles:
        made = pick(w.isolates, a).cpu_profile()
        made.__enter__()
        w.keep(w.profiles, made)
    else:
        w.profiles.pop(a % len(w.profiles)).__exit__(None, None, None)


def close(w, a, b):
    [
        lambda: pick(w.isolates, a).close(),
        lambda: pick(w.contexts, a).close(),
        lambda: pick(w.contexts, a).close(),
        lambda: pick(w.pools, a).close(),
    ][b % 4]()


def drop(w, a, b):
    kinds = [w.creators, w.isolates, w.contexts, w.values, w.blobs, w.scripts, w.views, w.profiles, w.in_creators]
    kind = kinds[b % len(kinds)]
    if kind:
        kind.pop(a % len(kind))
    if a % 5 == 0:
        gc.collect()


def new_pool(w, a, b):
    blob = pick(w.blobs, a) if w.blobs and b % 2 else None
    w.keep(w.pools, v8snap.IsolatePool(blob, 1 + b % 2, timeout=0.1, wait=0.05, external_references={"act": w.called}))


def enter_pool(w, a, b):
    lease = pick(w.pools, a).context()
    ctx = lease.__enter__()
    w.leases.append(lease)
    if b % 2:
        ctx.globals["act"] = w.called
    w.keep(w.contexts, ctx)


def leave_pool(w, a, b):
    if w.leases:
        w.leases.pop(a % len(w.leases)).__exit__(None, None, None)


def save_and_load(w, a, b):
    blob, key = pick(w.blobs, a), b"key" if b % 2 else None
    if b % 3 == 0:
        copy = v8snap.StartupData(bytes(blob))
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "blob")
            blob.save(path, key=key)
            copy = v8snap.StartupData.load(path, key=key, mmap=b % 3 == 1)
    assert copy == blob
    w.keep(w.blobs, copy)


ACTIONS = {
    action.__name__: action
    for action in (
        *(new_creator, creator_context, add_to_creator, create_blob, leave_creator, new_isolate, new_context, evaluate),
        *(compile_and_run, import_module, set_global, use_value, look_at_memory, convert, of_isolate, profile, close),
        *(drop, new_pool, enter_pool, leave_pool, save_and_load),
    )
}
# The usual ones more often.
WEIGHTED = [
    *ACTIONS,
    *["evaluate", "use_value"] * 5,
    *["new_context", "creator_context", "new_isolate"] * 3,
    "set_global",
]

number = st.integers(0, 2**16)
step = st.tuples(st.sampled_from(WEIGHTED), number, number)
log = None
outcomes = Counter()


class Machine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        faulthandler.dump_traceback_later(HANG, exit=True)
        if log is not None:
            log.seek(0)
            log.truncate()
        self.world = World()
        for start in (("new_isolate", 0, 0), ("new_context", 0, 3), ("evaluate", 0, 1)):
            self.do(start)
        self.threads = [ThreadPoolExecutor(1) for _ in range(2)]

    def do(self, what):
        name, a, b = what
        if log is not None:
            log.write(f"{name} {a} {b}\n")
            log.flush()
        outcomes[name, "tried"] += 1
        with Expected(*ALLOWED):
            ACTIONS[name](self.world, a, b)
            outcomes[name, "done"] += 1

    @rule(what=step)
    def here(self, what):
        self.do(what)

    @rule(what=step, thread=st.integers(0, 1))
    def on_another_thread(self, what, thread):
        self.threads[thread].submit(self.do, what).result()

    @rule(one=step, two=step)
    def at_the_same_time(self, one, two):
        for each in [thread.submit(self.do, what) for thread, what in zip(self.threads, (one, two), strict=True)]:
            each.result()

    @rule(what=step, inside=st.lists(step, min_size=1, max_size=3))
    def in_the_middle_of_javascript(self, what, inside):
        self.world.inside = inside
        self.do(what)
        self.world.inside = []

    def teardown(self):
        for thread in self.threads:
            thread.shutdown()
        self.world.close()
        self.world = None
        gc.collect()
        assert not found, "\n".join(found)
        assert not any(_v8._live_counts().values()), _v8._live_counts()
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            assert ctx.to_js([ctx.eval("6 * 7"), {"a": None}]).to_py() == [42, {"a": None}]
        faulthandler.cancel_dump_traceback_later()


def main(seconds, path=None):
    global log
    faulthandler.enable()
    warnings.simplefilter("ignore")
    strange = []  # what nobody could catch, and a user can't expect

    def unraisable(args):
        if is_one(args.exc_value) or not isinstance(args.exc_value, ALLOWED):
            strange.append(repr(args.exc_value))

    sys.unraisablehook = unraisable
    log = open(path, "w") if path else None  # noqa: SIM115
    options = settings(
        max_examples=10,
        stateful_step_count=40,
        deadline=None,
        database=None,
        derandomize=False,  # as it is by itself where the environment is a CI's: each round would be the same
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    began, rounds, memory = time.monotonic(), 0, []
    while time.monotonic() < began + seconds:
        run_state_machine_as_test(Machine, settings=options)
        rounds += 1
        memory.append((rounds, resident()))
    grown = growth(memory) if rounds >= ENOUGH_ROUNDS else 0
    facts = {
        "sequences": rounds * options.max_examples,
        "calls": sum(outcomes[name, "tried"] for name in ACTIONS),
        "worked": sum(outcomes[name, "done"] for name in ACTIONS),
        "never": [name for name in ACTIONS if not outcomes[name, "done"]],
        "resident_growth_mib": round(grown / 2**20, 1),
    }
    print(json.dumps(facts))
    if strange:
        sys.exit(f"nobody could catch: {strange[:10]}")
    if grown > MOST_GROWTH:
        sys.exit("memory grows")


if __name__ == "__main__":
    main(float(sys.argv[1]), *sys.argv[2:])
