"""Every public method in every state that a user may bring about: a table, and the program that goes through one state.

Arguments that nobody should give are in `misuse_arguments.py`.

    python tests/misuse.py STATE

Each case either works or raises an exception that a user can expect. Cases are named before they run, so that the last
line tells which one killed the process; the very last line is their number.
"""

import atexit
import contextlib
import copy
import faulthandler
import gc
import io
import json
import os
import pickle
import signal
import sys
import tempfile
import threading
import warnings

state_at_exit = []
atexit.register(lambda: [run() for run in state_at_exit])  # registered first: runs after v8snap's own

import v8snap  # noqa: E402
from v8snap import Isolate, SnapshotCreator, StartupData  # noqa: E402

sys.path.insert(0, os.path.dirname(__file__))
from misuse_arguments import ODD, SLOTS  # noqa: E402
from own_mistakes import Expected, found  # noqa: E402

THIS_FILE = __file__  # which interpreter exit takes away

EXPECTED = (
    v8snap.V8SnapError,
    TypeError,
    ValueError,
    OverflowError,
    LookupError,
    AttributeError,
    RecursionError,
    OSError,
    BufferError,
    pickle.PicklingError,
)


def make_blob():
    with SnapshotCreator(external_references=["e"]) as sc:
        sc.context.eval("var base = {list: [1]}; function run() { return 7 }")
        sc.context.globals["e"] = sc.external("e")
        sc.add_data({"d": 1}, name="d")
        sc.add_data(5, context=sc.context, name="c")
        sc.add_context(sc.new_context(), name="x")
    return sc.blob


BLOB = make_blob()
HOST = ("console", "timers", "url", "structured-clone")


class World:
    """A creator, an isolate, and one of each thing that lives in them."""

    def __init__(self):
        self.calls = []
        self.creator = SnapshotCreator(existing_blob=BLOB, external_references={"e": self.called})
        self.creator_context = self.creator.new_context()
        self.creator_object = self.creator_context.eval("({a: 1})")
        self.isolate = Isolate(BLOB, external_references={"e": self.called})
        self.context = self.isolate.new_context()
        self.other_context = self.isolate.new_context()
        self.script = self.context.compile("1 + 1", "s.js")
        self.object = self.context.eval("({a: 1, get g() { return 1 }, ['b c']: [2]})")
        self.array = self.context.eval("[1, 'two', {}]")
        self.function = self.context.eval("(function f(x) { return [this, x] })")
        self.symbol = self.context.eval("Symbol('s')")
        self.blob = BLOB

    def called(self, *args):
        for call in self.calls:
            call()

    def close(self):
        for end in (lambda: self.creator._discard(), lambda: self.isolate.close()):
            with contextlib.suppress(v8snap.V8SnapError, AttributeError):
                end()


def in_folder(name):
    return os.path.join(tempfile.gettempdir(), f"{os.getpid()}-{name}")


def leave(thing):
    thing.__enter__()
    thing.__exit__(None, None, None)


def leave_by_error(thing):
    thing.__enter__()
    thing.__exit__(ValueError, ValueError(), None)


def profiled(world):
    with world.isolate.cpu_profile() as profile:
        world.context.eval("for (let i = 0; i < 1e5; ++i) String(i)")
    json.dumps(profile.to_dict())


COMMON = {
    "repr": repr,
    "str": str,
    "hash": hash,
    "bool": bool,
    "dir": dir,
    "==": lambda x: x == x,
    "== None": lambda x: x == None,  # noqa: E711
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "__init__": lambda x: x.__init__(),
    "with": leave,
    "with error": leave_by_error,
    "unknown attribute": lambda x: x.unknown_,
}

METHODS = {
    "creator": {
        "isolate": lambda w: w.creator.isolate.closed,
        "isolate.close": lambda w: w.creator.isolate.close(),
        "isolate.new_context": lambda w: w.creator.isolate.new_context(),
        "isolate.data": lambda w: w.creator.isolate.data("d"),
        "isolate.terminate": lambda w: w.creator.isolate.terminate(),
        "isolate.heap_statistics": lambda w: w.creator.isolate.heap_statistics(),
        "isolate.heap_space_statistics": lambda w: w.creator.isolate.heap_space_statistics(),
        "isolate.write_heap_snapshot": lambda w: w.creator.isolate.write_heap_snapshot(io.BytesIO()),
        "isolate.cpu_profile": lambda w: w.creator.isolate.cpu_profile().__enter__(),
        "isolate.run_pending_tasks": lambda w: w.creator.isolate.run_pending_tasks(),
        "isolate.low_memory": lambda w: w.creator.isolate.low_memory_notification(),
        "closed": lambda w: w.creator.closed,
        "context": lambda w: w.creator.context.eval("1"),
        "new_context": lambda w: w.creator.new_context(),
        "new_context name": lambda w: w.creator.new_context("x"),
        "new_context index": lambda w: w.creator.new_context(0),
        "new_context none such": lambda w: w.creator.new_context(2**64 - 1),
        "new_context host": lambda w: w.creator.new_context(host=HOST).eval("setTimeout(console.log, 0, atob('YQ=='))"),
        "new_context base host": lambda w: w.creator.new_context(0, host=HOST).eval("typeof URL"),
        "isolate.console": lambda w: setattr(w.creator.isolate, "console", print),
        "set_default_context": lambda w: w.creator.set_default_context(w.creator_context),
        "set_default_context foreign": lambda w: w.creator.set_default_context(w.context),
        "set_default_context twice": lambda w: [w.creator.set_default_context(w.creator_context) for _ in "12"],
        "add_context": lambda w: w.creator.add_context(w.creator_context),
        "add_context twice": lambda w: [w.creator.add_context(w.creator_context, name="n") for _ in "12"],
        "add_context foreign": lambda w: w.creator.add_context(w.context),
        "add_data": lambda w: w.creator.add_data({"a": [1]}),
        "add_data object": lambda w: w.creator.add_data(w.creator_object, context=w.creator_context, name="o"),
        "add_data foreign": lambda w: w.creator.add_data(w.object),
        "add_data function": lambda w: w.creator.add_data(len),
        "external": lambda w: w.creator.external("e")(),
        "external unknown": lambda w: w.creator.external("unknown"),
        "add_module": lambda w: w.creator.add_module("m", "export const a = await 1"),
        "check": lambda w: w.creator.check(),
        "create_blob": lambda w: w.creator.create_blob(),
        "create_blob twice": lambda w: [w.creator.create_blob() for _ in "12"],
        "create_blob clear": lambda w: w.creator.create_blob(v8snap.FunctionCodeHandling.CLEAR),
        "blob": lambda w: w.creator.blob,
        "discard": lambda w: w.creator._discard(),
        "callable as global": lambda w: w.creator_context.globals.__setitem__("f", print),
        "object": lambda w: w.creator_object["a"],
        "eval": lambda w: w.creator_context.eval("globalThis.z = [1]"),
        "context.close": lambda w: w.creator_context.close(),
    },
    "isolate": {
        "new_context": lambda w: w.isolate.new_context().eval("1"),
        "new_context name": lambda w: w.isolate.new_context("x"),
        "new_context none such": lambda w: w.isolate.new_context(7),
        "new_context host": lambda w: w.isolate.new_context(host=HOST).run_until_idle(0.01),
        "console": lambda w: setattr(w.isolate, "console", w.isolate.console),
        "data": lambda w: w.isolate.data("d"),
        "data twice": lambda w: [w.isolate.data(0) for _ in "12"],
        "heap_statistics": lambda w: w.isolate.heap_statistics(),
        "heap_space_statistics": lambda w: w.isolate.heap_space_statistics(),
        "write_heap_snapshot": lambda w: w.isolate.write_heap_snapshot(in_folder("x.heapsnapshot")),
        "write_heap_snapshot to a file": lambda w: w.isolate.write_heap_snapshot(io.BytesIO()),
        "cpu_profile": profiled,
        "cpu_profile left running": lambda w: w.isolate.cpu_profile().__enter__(),
        "cpu_profile twice": lambda w: [w.isolate.cpu_profile().__enter__() for _ in "12"],
        "run_pending_tasks": lambda w: w.isolate.run_pending_tasks(wait=1),
        "low_memory_notification": lambda w: w.isolate.low_memory_notification(),
        "terminate": lambda w: w.isolate.terminate(),
        "close": lambda w: w.isolate.close(),
        "closed": lambda w: w.isolate.closed,
        "to a creator": lambda w: SnapshotCreator(isolate=w.isolate),
    },
    "context": {
        "eval": lambda w: w.context.eval("[1, {}]"),
        "eval throw": lambda w: w.context.eval("throw new Error('x')"),
        "eval timeout": lambda w: w.context.eval("for (;;);", timeout=0.005),
        "eval recursion": lambda w: w.context.eval("(function f() { f() })()"),
        "eval syntax": lambda w: w.context.eval("{"),
        "globals": lambda w: w.context.globals["base"],
        "callable as global": lambda w: w.context.globals.__setitem__("f", print),
        "compile": lambda w: w.context.compile("1").run(w.context),
        "compile eagerly": lambda w: w.context.compile("(() => 1)()", eager=True).run(w.context),
        "compile cached": lambda w: w.context.compile("1", cached_data=b"nonsense").cache_rejected,
        "import_module": lambda w: w.context.import_module("m", resolve={"m": "export default 1"}),
        "import_module missing": lambda w: w.context.import_module("m"),
        "host": lambda w: w.context.host,
        "run_until_idle": lambda w: w.context.run_until_idle(0.01),
        "require": lambda w: w.context.require(THIS_FILE),
        "require root": lambda w: w.context.require("x", root=os.path.dirname(THIS_FILE)),
        "to_js": lambda w: w.context.to_js({"a": [1, print]}),
        "to_js foreign": lambda w: w.context.to_js(w.creator_object),
        "data": lambda w: w.context.data("c"),
        "data twice": lambda w: [w.context.data(0) for _ in "12"],
        "isolate": lambda w: w.context.isolate.closed,
        "closed": lambda w: w.context.closed,
        "close": lambda w: w.context.close(),
        "close isolate": lambda w: w.context.isolate.close(),
        "other": lambda w: w.other_context.globals.__setitem__("o", w.object),
        "external": lambda w: w.context.eval("e()"),
    },
    "script": {
        "run": lambda w: w.script.run(w.context),
        "run elsewhere": lambda w: w.script.run(w.other_context),
        "run foreign": lambda w: w.script.run(w.creator_context),
        "create_code_cache": lambda w: w.script.create_code_cache(),
        "create_code_cache in a creator": lambda w: w.creator_context.compile("1").create_code_cache(),
        "cache_rejected": lambda w: w.script.cache_rejected,
        "name": lambda w: w.script.name,
    },
    "object": {
        "get": lambda w: w.object["a"],
        "get symbol": lambda w: w.object[w.symbol],
        "get none such": lambda w: w.object["none"],
        "attribute": lambda w: w.object.g,
        "set": lambda w: w.object.__setitem__("a", {"b": w.array}),
        "set attribute": lambda w: setattr(w.object, "z", w.function),
        "set foreign": lambda w: w.object.__setitem__("a", w.creator_object),
        "del": lambda w: w.object.__delitem__("a"),
        "in": lambda w: "a" in w.object,
        "len": lambda w: len(w.object),
        "list": lambda w: list(w.object),
        "to_py": lambda w: w.object.to_py(),
        "to_py cycle": lambda w: (w.object.__setitem__("me", w.object), v8snap.to_py(w.object)),
        "== other": lambda w: w.object == w.array,
        "completions": lambda w: w.object._ipython_key_completions_(),
    },
    "array": {
        "get": lambda w: w.array[-1],
        "slice": lambda w: w.array[0:2],
        "set": lambda w: w.array.__setitem__(0, w.object),
        "del": lambda w: w.array.__delitem__(0),
        "append": lambda w: w.array.append(w.array),
        "insert": lambda w: w.array.insert(1, None),
        "pop": lambda w: w.array.pop(),
        "extend": lambda w: w.array.extend(["a", 2.5]),
        "reverse": lambda w: w.array.reverse(),
        "index": lambda w: w.array.index("two"),
        "clear": lambda w: w.array.clear(),
        "list": lambda w: list(reversed(w.array)),
        "to_py": lambda w: w.array.to_py(),
    },
    "function": {
        "call": lambda w: w.function(1),
        "call many": lambda w: w.function(*range(1000)),
        "call this": lambda w: w.function.call(w.object, 1),
        "call foreign": lambda w: w.function(w.creator_object),
        "call itself": lambda w: w.function(w.function),
        "new": lambda w: w.function.new(1),
        "keyword": lambda w: w.function(a=1),
    },
    "symbol": {"as key": lambda w: w.object.__setitem__(w.symbol, 1)},
    "blob": {
        "facts": lambda w: [w.blob.sections, w.blob.scripts, w.blob._repr_html_(), len(w.blob), bytes(w.blob)],
        "save": lambda w: w.blob.save(in_folder("a.v8snap")),
        "load": lambda w: (w.blob.save(in_folder("b.v8snap")), StartupData.load(in_folder("b.v8snap"))),
        "compare": lambda w: v8snap.compare(w.blob, bytes(w.blob)),
        "isolate": lambda w: Isolate(w.blob, external_references=["e"]).close(),
        "isolate without names": lambda w: Isolate(w.blob),
        "creator": lambda w: SnapshotCreator(existing_blob=w.blob, external_references=["e"])._discard(),
        "warm_up": lambda w: v8snap.warm_up(w.blob, "run()"),
    },
}
for noun, methods in METHODS.items():
    for name, use in COMMON.items():
        methods[name] = lambda w, noun=noun, use=use: use(getattr(w, noun))

# ---------------------------------------------------------------- states


def plainly(world, use):
    use(world)


def in_a_callback(world, use):
    world.calls.append(lambda: use(world))
    world.context.eval("e()")


def in_a_callback_of_the_creator(world, use):
    world.calls.append(lambda: use(world))
    world.creator_context.eval("e()")


def in_a_callback_of_another_context(world, use):
    world.calls.append(lambda: use(world))
    world.other_context.eval("[1].map(() => e())")


def in_a_nested_callback(world, use):
    world.calls.append(lambda: (world.calls.clear(), world.calls.append(lambda: use(world)), world.context.eval("e()")))
    world.context.eval("e()")


def in_a_getter_during_conversion(world, use):
    world.calls.append(lambda: use(world))
    world.context.eval("({get x() { return e() }, y: 1})").to_py()


def on_another_thread(world, use):
    raised = []

    def work():
        try:
            use(world)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def on_a_thread_with_a_small_stack(world, use):
    previous = threading.stack_size(256 * 1024)
    try:
        on_another_thread(world, use)
    finally:
        threading.stack_size(previous)


def while_another_thread_runs_javascript(world, use):
    stop = threading.Event()

    def work():
        while not stop.is_set():
            try:
                world.other_context.eval("let s = 0; for (let i = 0; i < 1e5; i++) s += i; s", timeout=0.5)
            except v8snap.V8SnapError:
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        use(world)
    finally:
        stop.set()
        thread.join()


def after_the_contexts_were_closed(world, use):
    world.context.close()
    world.creator_context.close()
    use(world)


def after_the_isolate_was_closed(world, use):
    world.isolate.close()
    world.creator._discard()
    use(world)


def after_the_blob(world, use):
    world.creator.create_blob()
    use(world)


def after_a_failed_blob(world, use):
    world.creator_context.eval("var f = new Intl.Collator()")
    world.creator.set_default_context(world.creator_context)
    try:
        world.creator.create_blob()
    except v8snap.UnserializableError:
        use(world)


def after_a_timeout(world, use):
    for context in (world.context, world.creator_context):
        with contextlib.suppress(v8snap.JSTimeoutError):
            context.eval("for (;;);", timeout=0.005)
    use(world)


def after_a_terminate_that_met_nothing(world, use):
    world.isolate.terminate()
    world.creator.isolate.terminate()
    use(world)


def terminated_in_a_callback(world, use):
    def call():
        world.isolate.terminate()
        use(world)

    world.calls.append(call)
    world.context.eval("e()")


def after_other_creators_ended_out_of_order(world, use):
    first, second = (SnapshotCreator(existing_blob=BLOB, external_references=["e"]) for _ in "12")
    first.create_blob()
    use(world)
    second._discard()


def after_what_holds_it_was_dropped(world, use):
    del world.isolate, world.context, world.creator_context
    gc.collect()
    use(world)


def made_without_init(world, use):
    for name in METHODS:
        thing = getattr(world, name)
        setattr(world, name, type(thing).__new__(type(thing)))
    try:
        use(world)
    except AttributeError as error:
        if error.name not in ("_header", "_layout"):  # a class in Python has nothing before its __init__
            raise


def an_isolate_that_was_only_allocated(world, use):
    world.isolate = Isolate.allocate()
    use(world)


def close_to_the_recursion_limit(world, use):
    def deeper(left):
        return deeper(left - 1) if left else use(world)

    deeper(sys.getrecursionlimit() - 120)


def in_a_signal_handler_while_javascript_runs(world, use):
    raised, seen = [], []

    def handle(*_):
        if seen:
            return
        seen.append(1)
        try:
            use(world)
        except BaseException as error:
            raised.append(error)

    previous = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        world.context.eval("const end = Date.now() + 70; while (Date.now() < end);", timeout=1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    if raised:
        raise raised[0]


def in_a_forked_child(world, use):
    pid = os.fork()
    if pid == 0:
        try:
            use(world)
        except EXPECTED:
            os._exit(0)
        except BaseException:
            os._exit(3)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == 0, status


def at_interpreter_exit(world, use):
    use(world)


STATES = {
    function.__name__: function
    for function in (
        plainly,
        in_a_callback,
        in_a_callback_of_the_creator,
        in_a_callback_of_another_context,
        in_a_nested_callback,
        in_a_getter_during_conversion,
        on_another_thread,
        on_a_thread_with_a_small_stack,
        while_another_thread_runs_javascript,
        after_the_contexts_were_closed,
        after_the_isolate_was_closed,
        after_the_blob,
        after_a_failed_blob,
        after_a_timeout,
        after_a_terminate_that_met_nothing,
        terminated_in_a_callback,
        after_other_creators_ended_out_of_order,
        after_what_holds_it_was_dropped,
        made_without_init,
        an_isolate_that_was_only_allocated,
        close_to_the_recursion_limit,
        in_a_signal_handler_while_javascript_runs,
        in_a_forked_child,
        at_interpreter_exit,
    )
}

# ---------------------------------------------------------------- cases


def cases_of(state):
    """Name and function of each case."""
    if state.startswith("arguments "):
        slots = list(SLOTS)[int(state.split()[1]) :: ARGUMENT_PARTS]
        for slot in slots:
            for odd in ODD:
                yield f"{slot} with {odd}", lambda w, slot=slot, odd=odd: SLOTS[slot](w, ODD[odd](w))
        return
    for noun, methods in METHODS.items():
        for name, use in methods.items():
            yield f"{noun}: {name}", lambda w, use=use: STATES[state](w, use)


ARGUMENT_PARTS = 3
ALL = [*STATES, *(f"arguments {part}" for part in range(ARGUMENT_PARTS))]


def run_case(name, case):
    """One case in a world of its own."""
    print(name, flush=True)
    world = World()
    try:
        with Expected(*EXPECTED):
            case(world)
    finally:
        world.close()
    assert not found, "\n".join(found)


def main(state):
    """Run all cases of a state."""
    warnings.simplefilter("ignore")  # forking with threads
    faulthandler.dump_traceback_later(100, exit=True)
    sys.setrecursionlimit(1000)

    def run_all():
        count = 0
        for name, case in cases_of(state):
            run_case(name, case)
            count += 1
        gc.collect()
        for name in os.listdir(tempfile.gettempdir()):
            if name.startswith(f"{os.getpid()}-"):
                os.unlink(in_folder(name.partition("-")[2]))
        print(count, flush=True)

    if state == "at_interpreter_exit":
        state_at_exit.append(run_all)
    else:
        run_all()


if __name__ == "__main__":
    main(sys.argv[1])
