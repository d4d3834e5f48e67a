"""What is measured: the table of races."""

from dataclasses import replace

from benchmarks.rounds import Entrant, Race

CPP, V8SNAP = "C++", "v8snap"
NEW = ", new process"  # behind a side's name: one for each request
CALLS = 10_000  # in a row, for one round
CALLBACKS = 20_000
STRINGS = {10: 5_000, 1_000: 5_000, 100_000: 500, 10_000_000: 5}  # size in bytes: how many in a round
ARRAYS = {10_000: 2_000, 10_000_000: 5}
VALUES = (2_000, 200_000)


def _pair(work, arguments, **more):
    return tuple(Entrant(side, work, arguments, **more) for side in (CPP, V8SNAP))


# ---------------------------------------------------------------- starts


def _blobs(material):
    """Side, label and file of each way with a warm snapshot: the C++ program wants its bytes, v8snap its file."""
    yield CPP, "", material.blob
    yield V8SNAP, "", material.warm
    yield CPP, f"{CPP}, one hash seed", material.one_seed_blob
    yield V8SNAP, f"{V8SNAP}, one hash seed", material.one_seed


def _start(material, how):
    entrants = []
    for side, label, blob in _blobs(material):
        arguments = {"how": how, "blob": blob, "call": material.call}
        if side == V8SNAP:  # for another V8, which makes its own of them
            arguments |= {"scripts": material.joined, **({"one_seed": "yes"} if label else {})}
        entrants.append(Entrant(side, "start", arguments, label))
    return tuple(entrants)


def _peer_start(side, how, material):
    """How: scripts; cache, a code cache made after the first call; snapshot, of the scripts; warm, a snapshot with the
    first call run once while it was made; file, that one read from a file.
    """
    label = {"warm": "snapshot after a call", "file": "snapshot after a call", "cache": "code cache"}.get(how, how)
    arguments = {"how": how, "scripts": material.joined, "call": material.call}
    return Entrant(side, "start", arguments, f"{side.removesuffix(NEW)}, {label}")


#: Sides and their ways to start.
PEER_STARTS = (
    ("mini-racer", "scripts"),
    ("jsrun", "snapshot"),
    ("jsrun", "warm"),
    ("jsrun", "scripts"),
    ("STPyV8", "scripts"),
    ("v8-python", "snapshot"),
    ("v8-python", "warm"),
    ("v8-python", "scripts"),
    ("PythonMonkey", "scripts"),
    ("quickjs", "scripts"),
    ("isolated-vm", "snapshot"),
    ("isolated-vm", "warm"),
    ("isolated-vm", "scripts"),
)


def start_memory(key, material):
    peers = ((CPP, "scripts"), (CPP, "cache"), (V8SNAP, "scripts"), (V8SNAP, "cache"), *PEER_STARTS)
    entrants = (*_start(material, "memory"), *(_peer_start(side, how, material) for side, how in peers))
    title = f"{material.title}: isolate, context, first call, from a blob in memory"
    return Race(f"start-memory-{key}", title, material.title, "ns", entrants, material.expected)


def start_mapped(key, material):
    title = f"{material.title}: the same from a file that is mapped"
    return Race(f"start-mapped-{key}", title, material.title, "ns", _start(material, "mapped"), material.expected)


def start_process(key, material):
    node = (("snapshot", "memory"), ("code cache", "cache"), ("scripts", "scripts"))
    arguments = {"scripts": material.joined, "call": material.call}
    peers = tuple(
        (side + NEW, how)
        for side, how in (
            (V8SNAP, "scripts"),
            (V8SNAP, "cache"),
            ("mini-racer", "scripts"),
            ("jsrun", "file"),
            ("STPyV8", "scripts"),
            ("v8-python", "file"),
            ("quickjs", "scripts"),
        )
    )
    entrants = (
        *(replace(each, side=each.side + NEW, label=each.name) for each in _start(material, "mapped")),
        *(_peer_start(side, how, material) for side, how in peers),
        *(Entrant("Node", "start", {"how": how, **arguments}, f"Node, {label}") for label, how in node),
    )
    title = f"{material.title}: a new process, from its start to its end"
    return Race(f"start-process-{key}", title, material.title, "ns", entrants, material.expected)


def fresh_context(key, material):
    arguments = {"scripts": material.joined, "call": material.call}
    entrants = (
        Entrant(CPP, "fresh_context", {"blob": material.blob, "call": material.call}),
        Entrant(V8SNAP, "fresh_context", {"blob": material.warm, **arguments}),
        replace(_start(material, "memory")[1], label="v8snap, first isolate"),
        Entrant("isolated-vm", "fresh_context", arguments),
        Entrant("jsrun", "fresh_context", arguments),
        Entrant("STPyV8", "fresh_context", arguments),
        Entrant("mini-racer", "fresh_context", arguments),
    )
    title = f"{material.title}: a new context and its first call, in a warm isolate"
    return Race(f"context-{key}", title, material.title, "ns", entrants, material.expected)


def building(key, material):
    entrants = _pair("build", {"scripts": material.joined}, steps=("build",))
    peers = ("jsrun", "v8-python", "isolated-vm")
    entrants += tuple(Entrant(side, "build", {"scripts": material.joined}, steps=("build",)) for side in peers)
    title = f"{material.title}: making the blob in this process"
    return Race(f"build-{key}", title, material.title, "ns", entrants, "made")


def growth(size, material):
    race = start_memory(str(size), material)
    return replace(race, key=f"growth-{size}", entrants=_start(material, "memory"))


# ---------------------------------------------------------------- calls and values

PEERS_THAT_CALL = ("mini-racer", "jsrun", "STPyV8", "v8-python", "PythonMonkey", "quickjs")


#: Those that hand each call to another thread: they are asked for so many times fewer in a round.
SLOW = {"mini-racer": 20, "jsrun": 5}


def _with_peers(work, count, **arguments):
    """`count` of it in a row, from every side."""
    entrants = []
    for side in (CPP, V8SNAP, *PEERS_THAT_CALL):
        own = max(count // SLOW.get(side, 1), 1)
        entrants.append(Entrant(side, work, {"count": own, **arguments}, per=own))
    return tuple(entrants)


def calls():
    yield Race("call", "f(1, 2)", "f(1, 2)", "ns", _with_peers("call", CALLS), "3")
    shared = _pair("locked_call", {"count": CALLS}, per=CALLS)
    yield Race("call-shared", "f(1, 2), isolate used by several threads", "f(1, 2), several threads", "ns", shared, "3")
    callbacks = tuple(
        Entrant(side, "callback", {"count": CALLBACKS}, per=CALLBACKS) for side in (CPP, V8SNAP, *PEERS_THAT_CALL)
    )
    # What Python alone takes: nothing that calls a Python function can be faster.
    floor = Entrant(V8SNAP, "python_call", {"count": CALLBACKS}, "Python calls cb(i) itself", per=CALLBACKS)
    callbacks = (*callbacks, floor)
    yield Race("callback", "cb(i) from a loop in JavaScript", "cb(i)", "ns", callbacks, str(CALLBACKS))
    yield Race("get", 'object["value"]', 'object["value"]', "ns", _with_peers("get", CALLS), "7")
    yield Race("set", 'object["value"] = 7', 'object["value"] = 7', "ns", _with_peers("set", CALLS), "7")


def strings():
    for size, count in STRINGS.items():
        for work, title in (("string_in", "to JavaScript"), ("string_out", "to Python")):
            entrants = _with_peers(work, count, size=size)
            column = f"{size:,} B {title}"
            yield Race(f"{work}-{size}", f"a string of {size:,} bytes {title}", column, "ns", entrants, str(size))


def arrays():
    for size, count in ARRAYS.items():
        for work, title in (("array_in", "bytes to a typed array"), ("array_out", "a typed array to NumPy")):
            entrants = _with_peers(work, count, size=size)
            column = f"{title}, {size:,} B"
            yield Race(f"{work}-{size}", f"{title}, {size:,} bytes", column, "ns", entrants, str(size))
    size = max(ARRAYS)
    entrants = (Entrant(V8SNAP, "copies_of_array", {"size": size}),)
    title = f"copies of a typed array of {size:,} bytes on its way to NumPy"
    yield Race("array-copies", title, "copies", "copies", entrants, str(size))


def conversions():
    for values in VALUES:
        arguments = {"values": values}
        for work, title in (("to_py", "to Python"), ("to_js", "to JavaScript")):
            entrants = (
                Entrant(V8SNAP, f"json_{work}", arguments, "v8snap, by JSON"),
                Entrant(V8SNAP, work, arguments),
                *(Entrant(side, work, arguments) for side in PEERS_THAT_CALL),
            )
            yield Race(
                f"{work}-{values}", f"{values:,} nested values {title}", f"{values:,} values {title}", "ns", entrants
            )


# ---------------------------------------------------------------- processes, memory, threads


IMPORTS = ("import json", "import v8snap", "from v8snap import Isolate")


def imports():
    """The last loads V8's library, which the one before leaves to the first use."""
    entrants = tuple(Entrant(statement, "import") for statement in IMPORTS)
    title = "a new interpreter that imports it"
    return Race("import", title, "a new interpreter", "ns", entrants, "")


def memory(of, key, material, most=100):
    """One long run for each: nothing of it is repeated."""
    entrants = tuple(
        Entrant(side, "memory", {"of": of, "most": most, "blob": blob, "call": material.call}, label)
        for side, label, blob in _blobs(material)
    )
    title = f"{material.title}: memory (PSS) with 1, 10 and 100 {of} from one mapped blob"
    return Race(f"memory-{of}-{key}", title, of, "bytes", entrants, material.expected, rounds=1, warmup=0)


def contexts(key, material, count=40):
    blobs = {CPP: material.blob, V8SNAP: material.warm}
    entrants = tuple(
        Entrant(
            side,
            "contexts",
            {"threads": threads, "count": count, "blob": blob, "call": material.call},
            f"{side}, {threads} thread{'s' * (threads > 1)}",
            per=threads * count,
        )
        for side, blob in blobs.items()
        for threads in (1, 2)
    )
    title = f"{material.title}: a context with a call, isolates on several threads"
    return Race(f"contexts-{key}", title, "contexts", "per second", entrants, str(count))


def spin(script):
    entrants = tuple(
        Entrant(
            side,
            "spin",
            {"threads": threads, "script": script},
            f"{side}, {threads} thread{'s' * (threads > 1)}",
            per=threads,
        )
        for side in (CPP, V8SNAP)
        for threads in (1, 2)
    )
    return Race("spin", "JavaScript that only computes, an isolate on each thread", "computing", "ns", entrants, "done")
