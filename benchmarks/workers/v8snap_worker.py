"""What v8snap does, for comparison with the C++ program: the same works under the same names."""

import functools
import json
import mmap
import os
import threading

from protocol import (
    CALLS,
    RECORDS,
    Stopwatch,
    digest,
    nanoseconds,
    once,
    read_text,
    serve,
    timed,
    timed_calls,
    timed_gets,
    timed_sets,
)

import v8snap

MEMORY_STEPS = (1, 10, 100)


@functools.cache
def blob_in_memory(path):
    return v8snap.StartupData.load(path, mmap=False)


@functools.cache
def own_blob(scripts, call, one_seed):
    """Made here, with this V8."""
    return v8snap.build(scripts.split(":"), warmup=text(call), rehash=not one_seed)


@functools.cache
def text(path):
    return read_text(path)


# ---------------------------------------------------------------- starts


def run_scripts(context, paths, cached):
    for path in paths:
        source = read_text(path)
        name = path.rpartition("/")[2]
        if not cached:
            context.eval(source, name)
            continue
        with open(cache_path(path), "rb") as file:
            script = context.compile(source, name, cached_data=file.read())
        if script.cache_rejected:
            raise RuntimeError("the code cache was rejected")
        script.run(context)


def cache_path(path):
    return f"{path}.{v8snap.v8_version()}-cache"  # of one V8


def make_caches(paths, call):
    with v8snap.Isolate() as isolate, isolate.new_context() as context:
        scripts = [context.compile(read_text(path), path.rpartition("/")[2]) for path in paths]
        for script in scripts:
            script.run(context)
        context.eval(call, "call.js")
        for path, script in zip(paths, scripts, strict=True):
            with open(cache_path(path), "wb") as file:
                file.write(script.create_code_cache())


def start_blob(how, arguments):
    """What is there before the time counts."""
    if how == "memory":
        return blob_in_memory(arguments["blob"])
    if how == "warm":
        return own_blob(arguments["scripts"], arguments["call"], "one_seed" in arguments)
    return None


def start(arguments):
    how, call = arguments["how"], text(arguments["call"])
    scripts = arguments.get("scripts", "").split(":")
    blob = start_blob(how, arguments)
    if how == "cache" and not all(os.path.exists(cache_path(path)) for path in scripts):
        make_caches(scripts, call)
    watch = Stopwatch()
    if how == "mapped":
        blob = v8snap.StartupData.load(arguments["blob"])
        watch.note("load")
    isolate = v8snap.Isolate(blob)
    watch.note("isolate")
    context = isolate.new_context()
    watch.note("context")
    if blob is None:
        run_scripts(context, scripts, how == "cache")
        watch.note("load")
    result = context.eval(call, "call.js")
    watch.note("call")
    isolate.close()
    return watch.counts, result


@functools.cache
def warm_isolate(path, scripts, call):
    return v8snap.Isolate(blob_in_memory(path) if path else own_blob(scripts, call, False))


def fresh_context(arguments):
    isolate = warm_isolate(arguments.get("blob"), arguments["scripts"], arguments["call"])
    call = text(arguments["call"])
    watch = Stopwatch()
    context = isolate.new_context()
    watch.note("context")
    result = context.eval(call, "call.js")
    watch.note("call")
    context.close()
    return watch.counts, result


def build(arguments):
    paths = arguments["scripts"].split(":")
    watch = Stopwatch()
    with v8snap.SnapshotCreator() as creator:
        run_scripts(creator.context, paths, False)
    watch.note("build")
    watch.counts["bytes"] = len(creator.blob)
    return watch.counts, "made"


# ---------------------------------------------------------------- calls and values


def nothing(number):
    """What JavaScript calls."""


@functools.cache
def warm_context():
    context = v8snap.Isolate().new_context()
    context.globals["cb"] = nothing
    context.eval(CALLS, "calls.js")
    return context


def call(arguments):
    return timed_calls(int(arguments["count"]), warm_context().globals["f"])


def locked_call(arguments):
    """As `call`, of an isolate that another thread has used meanwhile."""
    thread = threading.Thread(target=warm_context().eval, args=("1",))
    thread.start()
    thread.join()
    return call(arguments)


def callback(arguments):
    loop, count = warm_context().globals["loop"], int(arguments["count"])
    return once(lambda: loop(count))


def python_call(arguments):
    """No JavaScript: the same function, called as often."""
    repeats = range(int(arguments["count"]))
    i = -1
    begin = nanoseconds()
    for i in repeats:
        nothing(i)
    return {"all": nanoseconds() - begin}, i + 1


def get(arguments):
    return timed_gets(int(arguments["count"]), warm_context().globals["object"])


def set_property(arguments):
    return timed_sets(int(arguments["count"]), warm_context().globals["object"])


def string_in(arguments):
    size = int(arguments["size"])
    length = warm_context().eval("(text) => text.length")
    letters = "x" * size
    return timed(int(arguments["count"]), lambda: length(letters))


def string_out(arguments):
    make = warm_context().eval(f"{{ const text = 'x'.repeat({arguments['size']}); text.indexOf('y'); () => text }}")
    counts, letters = timed(int(arguments["count"]), make)
    return counts, len(letters)


def array_in(arguments):
    length = warm_context().eval("(array) => array.byteLength")
    content = b"x" * int(arguments["size"])
    return timed(int(arguments["count"]), lambda: length(content))


def array_out(arguments):
    import numpy

    array = warm_context().eval(f"new Uint8Array({arguments['size']})")
    counts, view = timed(int(arguments["count"]), lambda: numpy.asarray(array))
    return counts, view.nbytes


def copies_of_array(arguments):
    """Copies between JavaScript's typed array and NumPy's: none where each sees what the other writes."""
    import numpy

    array = warm_context().eval(f"globalThis.big = new Uint8Array({arguments['size']})")
    view = numpy.asarray(array)
    view[-1] = 123
    warm_context().eval("big[0] = 45")
    seen = warm_context().eval("big.at(-1)") == 123 and view[0] == 45
    return {"copies": 0 if seen and numpy.shares_memory(view, numpy.asarray(array)) else 1}, view.nbytes


# ---------------------------------------------------------------- deep conversion


@functools.cache
def records(count):
    """(context, JavaScript's value, the same in Python)."""
    context = warm_context()
    value = context.eval(RECORDS.format(count=count))
    return context, value, value.to_py()


def to_py(arguments):
    _, value, _ = records(int(arguments["values"]))
    counts, result = once(value.to_py)
    return counts, digest(result)


def json_to_py(arguments):
    context, value, _ = records(int(arguments["values"]))
    stringify = context.eval("JSON.stringify")
    counts, result = once(lambda: json.loads(stringify(value)))
    return counts, digest(result)


def to_js(arguments):
    context, _, data = records(int(arguments["values"]))
    counts, result = once(lambda: context.to_js(data))
    return counts, digest(json.loads(context.eval("JSON.stringify")(result)))


def json_to_js(arguments):
    context, _, data = records(int(arguments["values"]))
    parse = context.eval("JSON.parse")
    counts, result = once(lambda: parse(json.dumps(data)))
    return counts, digest(json.loads(context.eval("JSON.stringify")(result)))


# ---------------------------------------------------------------- memory and threads


def proportional_set_size():
    with open("/proc/self/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no PSS in /proc/self/smaps_rollup")


def mapped_bytes(path):
    """Size of all mappings of that file."""
    with open("/proc/self/maps") as file:
        ranges = [line.split()[0].split("-") for line in file if line.rstrip().endswith(path)]
    return sum(int(end, 16) - int(start, 16) for start, end in ranges)


def size_in_pages(path):
    return -(-os.path.getsize(path) // mmap.PAGESIZE) * mmap.PAGESIZE


kept, opened = [], []


def memory(arguments):
    blob, source = v8snap.StartupData.load(arguments["blob"]), text(arguments["call"])
    counts, result = {"0": proportional_set_size()}, None
    for number in range(1, int(arguments["most"]) + 1):
        if arguments["of"] == "isolates" or not kept:
            kept.append(v8snap.Isolate(blob))
        opened.append(kept[-1].new_context())
        result = opened[-1].eval(source, "call.js")
        if number in MEMORY_STEPS:
            counts[str(number)] = proportional_set_size()
    counts |= {"mapped": mapped_bytes(arguments["blob"]), "file": size_in_pages(arguments["blob"]), "blob": len(blob)}
    return counts, result


def in_threads(number, work):
    threads = [threading.Thread(target=work) for _ in range(number)]
    begin = nanoseconds()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"all": nanoseconds() - begin}


def contexts(arguments):
    blob, source, count = blob_in_memory(arguments["blob"]), text(arguments["call"]), int(arguments["count"])
    number = int(arguments["threads"])

    def work():
        with v8snap.Isolate(blob) as isolate:
            for _ in range(count):
                with isolate.new_context() as context:
                    context.eval(source, "call.js")

    return in_threads(number, work), count


def spin(arguments):
    source, number = text(arguments["script"]), int(arguments["threads"])

    def work():
        with v8snap.Isolate() as isolate, isolate.new_context() as context:
            context.eval(source, "spin.js")

    return in_threads(number, work), "done"


serve(
    {
        "version": lambda arguments: ({}, v8snap.v8_version()),
        "start": start,
        "fresh_context": fresh_context,
        "build": build,
        "call": call,
        "locked_call": locked_call,
        "callback": callback,
        "python_call": python_call,
        "get": get,
        "set": set_property,
        "string_in": string_in,
        "string_out": string_out,
        "array_in": array_in,
        "array_out": array_out,
        "copies_of_array": copies_of_array,
        "to_py": to_py,
        "json_to_py": json_to_py,
        "to_js": to_js,
        "json_to_js": json_to_js,
        "memory": memory,
        "contexts": contexts,
        "spin": spin,
    }
)
