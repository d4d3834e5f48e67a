"""Pools of isolates leave no memory behind, of requests or of isolates that were replaced."""

import contextlib
import os
from pathlib import Path

import pytest

import v8snap
from v8snap import IsolatePool


@pytest.fixture
def blob(make_blob):
    return make_blob({"app.js": "let visits = 0; function visit() { return ++visits }"})


def resident():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def used_after_collection(pool):
    """Bytes in the heap of its one isolate, nothing else of which is alive; and native contexts."""
    with pool.context() as ctx:
        ctx.isolate.low_memory_notification()
        figures = ctx.isolate.heap_statistics()
        return figures["used_heap_size"], figures["number_of_native_contexts"]


REQUEST = "globalThis.cache = new Map(); for (let i = 0; i < 50; i++) cache.set(i, {i, text: `n${i}`}); visit()"


@pytest.mark.parametrize("requests", [300, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_requests_leave_no_memory_behind(blob, requests):
    with IsolatePool(blob, 1, host=["console", "timers"]) as pool:

        def serve(count):
            for number in range(count):
                with pool.context() as ctx:
                    ctx.globals["say"] = lambda number=number: number
                    assert ctx.eval(REQUEST + "; setTimeout(say, 1e6); say()") == number

        serve(50)
        before, contexts = used_after_collection(pool)
        process_before = resident()
        serve(requests)
        after, contexts_after = used_after_collection(pool)
        assert contexts_after <= contexts
        assert after - before < 2**20
        assert resident() - process_before < 128 * 2**20  # V8 lets its heap grow between collections
        now = pool.statistics()
        assert (now.made, now.requests) == (1, 52 + requests)


@pytest.mark.parametrize(
    ("options", "source"), [({"max_uses": 1}, REQUEST), ({"timeout": 0.01}, "var all = []; for (;;) all.push({})")]
)
def test_isolates_that_were_replaced_leave_no_memory_behind(blob, options, source):
    with IsolatePool(blob, 1, **options) as pool:

        def serve(count):
            for _ in range(count):
                with pool.context() as ctx, contextlib.suppress(v8snap.JSTimeoutError):
                    ctx.eval(source)

        serve(10)
        before = resident()
        serve(100)
        assert resident() - before < 32 * 2**20
        assert pool.statistics().made == 110
