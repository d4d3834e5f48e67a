"""The arguments that nobody should give, and the places that take them: tables for `misuse.py`.

Each is a function of its world, which has one of each thing.
"""

import math

import v8snap
from v8snap import Isolate, SnapshotCreator, StartupData

ODD = {
    "None": lambda w: None,
    "text": lambda w: "x" * 70_000,
    "lone surrogate": lambda w: "\ud800",
    "NUL": lambda w: "a\0b",
    "bytes": lambda w: b"\xff\x00",
    "0": lambda w: 0,
    "-1": lambda w: -1,
    "2**63": lambda w: 2**63,
    "2**64-1": lambda w: 2**64 - 1,
    "2**200": lambda w: 2**200,
    "nan": lambda w: math.nan,
    "inf": lambda w: math.inf,
    "-0.0": lambda w: -0.0,
    "list": lambda w: [1, [2]],
    "dict": lambda w: {1: 2, "a": {None: 3}},
    "deep": lambda w: _nested(100_000),
    "cycle": lambda w: _cycle(),
    "object": lambda w: object(),
    "type": lambda w: int,
    "generator": lambda w: (x for x in "ab"),
    "exception": lambda w: ValueError("v"),
    "callable": lambda w: print,
    "foreign object": lambda w: w.creator_object,
    "foreign context": lambda w: w.creator_context,
    "context": lambda w: w.context,
    "isolate": lambda w: w.isolate,
    "creator": lambda w: w.creator,
    "script": lambda w: w.script,
    "blob": lambda w: w.blob,
    "symbol": lambda w: w.symbol,
    "function": lambda w: w.function,
    "closed object": lambda w: _closed(w),
    "undefined": lambda w: v8snap.undefined,
}


def _nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def _cycle():
    value = {}
    value["me"] = [value]
    return value


def _closed(world):
    with world.isolate.new_context() as context:
        return context.eval("({})")


SLOTS = {
    "Isolate(x)": lambda w, x: Isolate(x).close(),
    "Isolate(external_references=x)": lambda w, x: Isolate(w.blob, external_references=x).close(),
    "Isolate(heap_limit=x)": lambda w, x: Isolate(heap_limit=x).close() if w.isolate.close() is None else 0,
    "SnapshotCreator(existing_blob=x)": lambda w, x: SnapshotCreator(existing_blob=x)._discard(),
    "SnapshotCreator(isolate=x)": lambda w, x: SnapshotCreator(isolate=x)._discard(),
    "SnapshotCreator(function_code=x)": lambda w, x: SnapshotCreator(function_code=x)._discard(),
    "new_context(x)": lambda w, x: w.isolate.new_context(x),
    "new_context(host=x)": lambda w, x: w.isolate.new_context(host=x),
    "console = x": lambda w, x: setattr(w.isolate, "console", x),
    "run_until_idle(x)": lambda w, x: w.context.run_until_idle(min(x, 0.01)),
    "require(x)": lambda w, x: w.context.require(x),
    "require(root=x)": lambda w, x: w.context.require("x", root=x),
    "creator.new_context(x)": lambda w, x: w.creator.new_context(x),
    "set_default_context(x)": lambda w, x: w.creator.set_default_context(x),
    "add_context(x)": lambda w, x: w.creator.add_context(x),
    "add_context(name=x)": lambda w, x: w.creator.add_context(w.creator_context, name=x),
    "add_data(x)": lambda w, x: (w.creator.add_data(x), w.creator.create_blob()),
    "add_data(context=x)": lambda w, x: w.creator.add_data(1, context=x),
    "add_data(name=x)": lambda w, x: w.creator.add_data(1, name=x),
    "add_module(x)": lambda w, x: w.creator.add_module(x, "export {}"),
    "add_module(resolve=x)": lambda w, x: w.creator.add_module("m", "import 'n'", resolve=x),
    "external(x)": lambda w, x: w.creator.external(x),
    "create_blob(x)": lambda w, x: w.creator.create_blob(x),
    "create_blob(metadata=x)": lambda w, x: w.creator.create_blob(metadata=x),
    "data(x)": lambda w, x: w.context.data(x),
    "isolate.data(x)": lambda w, x: w.isolate.data(x),
    "eval(x)": lambda w, x: w.context.eval(x),
    "eval(name=x)": lambda w, x: w.context.eval("throw Error('x')", name=x),
    "eval(timeout=x)": lambda w, x: w.context.eval("1", timeout=x),
    "cpu_profile(sampling_interval=x)": lambda w, x: w.isolate.cpu_profile(sampling_interval=x).__enter__(),
    "write_heap_snapshot(x)": lambda w, x: w.isolate.write_heap_snapshot(x),
    "run_pending_tasks(wait=x)": lambda w, x: w.isolate.run_pending_tasks(wait=x),
    "compile(eager=x)": lambda w, x: w.context.compile("1", eager=x),
    "compile(cached_data=x)": lambda w, x: w.context.compile("1", cached_data=x),
    "script.run(x)": lambda w, x: w.script.run(x),
    "to_js(x)": lambda w, x: w.context.to_js(x),
    "object[x]": lambda w, x: w.object[x],
    "object[x] = 1": lambda w, x: w.object.__setitem__(x, 1),
    "object['a'] = x": lambda w, x: w.object.__setitem__("a", x),
    "array[x]": lambda w, x: w.array[x],
    "array[x] = 1": lambda w, x: w.array.__setitem__(x, 1),
    "array.insert(x)": lambda w, x: w.array.insert(x, 1),
    "array.extend(x)": lambda w, x: w.array.extend(x),
    "function(x)": lambda w, x: w.function(x),
    "function.call(x)": lambda w, x: w.function.call(x),
    "function.new(x)": lambda w, x: w.function.new(x),
    "callback gives x": lambda w, x: (w.context.globals.__setitem__("f", lambda: x), w.context.eval("f()")),
    "StartupData(x)": lambda w, x: StartupData(x),
    "save(x)": lambda w, x: w.blob.save(x, key=b""),
    "compare(x)": lambda w, x: v8snap.compare(w.blob, x),
    "set_flags(x)": lambda w, x: v8snap.set_flags(x),
}
