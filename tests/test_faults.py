"""Faults of the machine and the process around: killed helpers, missing libraries, signals, reloading."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

import v8snap
from v8snap import _v8

# ---------------------------------------------------------------- the package by itself


def copied_package(folder):
    """The package with its compiled module in one folder, as an installed one is; the module's file."""
    package, module = folder / "v8snap", Path(_v8.__file__)
    shutil.copytree(
        Path(v8snap.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "_libs", "*.so")
    )
    for generated in (module, *module.parent.glob("_build_config.py")):
        shutil.copyfile(generated, package / generated.name)
    # Beside the module, or where a wheel has them.
    for libraries in (module.parent / "_libs", module.parents[1] / "v8snap.libs"):
        if libraries.exists():
            own = folder / libraries.relative_to(module.parents[1])
            own.mkdir()
            for library in libraries.glob("*.so*"):
                (own / library.name).symlink_to(library)
    return package / module.name


def run_alone(folder, code):
    """A process that finds nothing else than what is in the folder: no hook of an editable install that would build."""
    whole = f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"
    command = [sys.executable, "-I", "-S", "-c", whole]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


# ---------------------------------------------------------------- the helper process


def children_of_this_process():
    return [child.pid for child in psutil.Process().children()]


def kill_first_child(after):
    """`after` seconds from when there is one."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for pid in filter(is_running, children_of_this_process()):
            time.sleep(after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.001)


def is_running(pid):
    """Not one that has ended and that nobody has asked for yet, such as an earlier test's."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("rounds", [10, pytest.param(150, marks=pytest.mark.slow)])
def test_a_helper_killed_at_any_moment_is_an_exception(rounds, tmp_path):
    rng = random.Random(1)
    begin = time.monotonic()
    whole = v8snap.build({"a.js": "var a = 'x'.repeat(1e6)"})
    takes = time.monotonic() - begin
    files, outcomes = len(os.listdir("/proc/self/fd")), set()
    for _ in range(rounds):
        thread = threading.Thread(target=kill_first_child, args=(rng.random() * takes,))
        thread.start()
        try:
            assert len(v8snap.build({"a.js": "var a = 'x'.repeat(1e6)"})) > len(whole) / 2
            outcomes.add("built")
        except (v8snap.SnapshotBuildCrashed, v8snap.JSMemoryError) as error:  # as the system does where memory is out
            outcomes.add("crashed" if str(error) else "said nothing")
        thread.join()
    assert outcomes in ({"crashed"}, {"crashed", "built"})
    assert children_of_this_process() == []
    assert len(os.listdir("/proc/self/fd")) == files


def test_a_cache_whose_helper_is_killed_has_no_file(tmp_path):
    path = tmp_path / "app.v8snap"
    thread = threading.Thread(target=kill_first_child, args=(0.02,))
    thread.start()
    with pytest.raises((v8snap.SnapshotBuildCrashed, v8snap.JSMemoryError)):
        v8snap.cached(path, {"a.js": "const end = Date.now() + 5000; while (Date.now() < end);"})
    thread.join()
    assert not path.exists()
    with v8snap.Isolate(v8snap.cached(path, {"a.js": "var a = 2"})) as iso:
        assert iso.new_context().eval("a") == 2


# ---------------------------------------------------------------- libraries


def without_v8(content):
    """The module wants a library of V8's that is nowhere."""
    damaged = re.sub(rb"libnode([-\w]*\.so)", rb"libnone\1", content)
    assert damaged != content
    return damaged


USE = "import v8snap; print(v8snap.Isolate().new_context().eval('1 + 1'))"
DAMAGE = {
    "another architecture": lambda content: content[:18] + (243).to_bytes(2, "little") + content[20:],
    "another word size": lambda content: content[:4] + b"\x01" + content[5:],
    "empty": lambda content: b"",
    # Of one that is cut short further on, the system's loader dies (SIGBUS) before anything of v8snap runs.
    "only its beginning": lambda content: content[:100],
    "no library": lambda content: b"x" * 5000,
}


def check_damage(folder, library, damage, words):
    """Importing with that library, damaged, is an error that has one of the words; and the library is whole again."""
    aside = library.rename(folder / "aside")
    for name, damaged in damage.items():
        library.write_bytes(damaged(aside.read_bytes()))
        done = run_alone(folder, USE)
        status, said = done.returncode, done.stderr.strip().splitlines()[-1:]
        assert (status, said[0].partition(": ")[0] if said else "") == (1, "ImportError"), (library, name, done)
        assert any(word in said[0] for word in words), (library, name, said)
    aside.replace(library)


def test_a_library_that_is_missing_or_wrong_is_an_import_error(tmp_path):
    module = copied_package(tmp_path)
    assert run_alone(tmp_path, USE).stdout == "2\n"
    config = v8snap.build_config()
    inside = "libv8.a" in config["libraries"]  # so that there is no library to be without
    carried = [] if inside else [*tmp_path.glob("v8snap/_libs"), *tmp_path.glob("v8snap.libs")]
    assert carried or config["v8_source"] != "unpack"
    for libraries in carried:
        aside = libraries.rename(tmp_path / "aside")
        done = run_alone(tmp_path, USE)
        assert (done.returncode, "ImportError: lib" in done.stderr) == (1, True), done.stderr
        aside.rename(libraries)
        found = list(libraries.glob("libnode*"))
        assert len(found) == 1
        check_damage(tmp_path, found[0], DAMAGE, [found[0].name])
    check_damage(tmp_path, module, DAMAGE if inside else {"no V8": without_v8, **DAMAGE}, ["libnone", module.name])
    assert run_alone(tmp_path, USE).stdout == "2\n"
    module.unlink()
    assert "no compiled module" in run_alone(tmp_path, USE).stderr


# ---------------------------------------------------------------- signals

STORM = """
    import gc, os, psutil, random, signal, threading, time
    from pathlib import Path
    import v8snap
    from v8snap import _v8

    rng = random.Random(2)
    over, seen, done = False, 0, 0
    end = time.monotonic() + {seconds}

    def storm():
        while not over:
            time.sleep(rng.random() * {pause})
            os.kill(os.getpid(), signal.SIGINT)

    def create():
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("var a = []; for (let i = 0; i < 1e4; i++) a.push({{i}})")
        assert len(sc.blob) > 0

    def run():
        with v8snap.Isolate(timeout=5) as iso, iso.new_context() as ctx:
            ctx.globals["f"] = lambda x: x
            for _ in range(50):
                ctx.eval("{{ let s = 0; for (let i = 0; i < 200; i++) s += f(1) }}")

    def copy():
        with v8snap.Isolate(timeout=5) as iso, iso.new_context() as ctx:
            for _ in range(5):
                assert len(ctx.to_js([{{"a": i}} for i in range(3000)]).to_py()) == 3000

    def pool():
        with v8snap.IsolatePool(None, 1) as made:
            for _ in range(5):
                with made.context() as ctx:
                    assert ctx.eval("Promise.resolve(1).then((x) => x + 1)").result() == 2

    def build():
        assert len(v8snap.build({{"a.js": "var a = 1"}})) > 0

    def work():
        global seen, done
        while time.monotonic() < end:
            try:
                {work}()
                done += 1
            except KeyboardInterrupt:
                seen += 1

    thread = threading.Thread(target=storm)
    while not over:
        try:
            if thread.ident is None:
                thread.start()
            work()
            over = True
            thread.join()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        except KeyboardInterrupt:
            pass
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    assert not any(_v8._live_counts().values()), _v8._live_counts()
    {work}()
    gc.collect()
    assert not any(_v8._live_counts().values()), _v8._live_counts()


    def running_children():
        return [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]

    end = time.monotonic() + 20  # one that was started in the moment of an interrupt ends by itself
    while running_children() and time.monotonic() < end:
        time.sleep(0.1)
    print(seen > 0 and not running_children())
"""


@pytest.mark.parametrize("seconds", [1, pytest.param(15, marks=pytest.mark.slow)])
@pytest.mark.parametrize("work", ["create", "run", "copy", "pool"])
def test_storms_of_ctrl_c(child, work, seconds):
    done = child(STORM.format(work=work, seconds=seconds, pause=0.004), timeout=100)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr[-3000:]


@pytest.mark.slow
def test_a_storm_of_ctrl_c_over_helper_processes(child):
    done = child(STORM.format(work="build", seconds=10, pause=0.3), timeout=100)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr[-3000:]


# ---------------------------------------------------------------- memory


def test_isolates_where_the_address_space_is_short(child_ok):
    """At every limit one can be made and works, or there is an exception; and without the limit again."""
    code = """
        import resource, v8snap
        v8snap.Isolate().close()
        outcomes = set()
        for more in range(0, 1280, 64):
            size = int(open("/proc/self/statm").read().split()[0]) * 4096
            resource.setrlimit(resource.RLIMIT_AS, (size + more * 2**20, resource.RLIM_INFINITY))
            try:
                with v8snap.Isolate() as iso, iso.new_context() as ctx:
                    outcomes.add(ctx.eval("1 + 1"))
            except (v8snap.JSMemoryError, RuntimeError) as error:
                outcomes.add(type(error).__name__)
            finally:
                resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(*sorted(map(str, outcomes)), v8snap.Isolate().new_context().eval("40 + 2"))
    """
    assert child_ok(code).split() == ["2", "JSMemoryError", "42"]


#: What takes memory, each of it several ways.
HUNGRY = """
    import gc, os, resource, threading
    import v8snap

    with v8snap.SnapshotCreator() as sc:
        sc.context.eval("var old = 1")
    blob = sc.blob
    blob.save("a.v8snap")
    v8snap.Isolate(blob).close()
    page = resource.getpagesize()

    def limit(mib):
        used = int(open("/proc/self/statm").read().split()[0]) * page
        resource.setrlimit(resource.RLIMIT_AS, (used + mib * 2**20, resource.RLIM_INFINITY))

    if BEFORE:
        limit(MIB)
    isolate = v8snap.Isolate(blob)
    ctx = isolate.new_context()
    ctx.eval("var keep = []; 1")
    if not BEFORE:
        limit(MIB)

    def in_thread():
        thread = threading.Thread(target=lambda: attempt(lambda: ctx.eval("[1, 2].map(String)")))
        thread.start()
        thread.join()

    def attempt(deed):
        try:
            deed()
        except (MemoryError, v8snap.V8SnapError, OSError, RuntimeError) as error:
            return type(error).__name__
        return "works"

    deeds = [
        lambda: ctx.to_js([{"a": i} for i in range(200_000)]),
        lambda: ctx.to_js("x" * 10**8),
        lambda: ctx.to_js(bytes(10**8)),
        lambda: ctx.eval("new Uint8Array(2 ** 28)"),
        lambda: ctx.eval("for (;;) keep.push(new Uint8Array(2 ** 20))"),
        lambda: ctx.eval("keep = []; for (;;) keep.push({a: 1})"),
        lambda: ctx.eval("keep = []; 1"),
        lambda: ctx.eval("Array.from({length: 1e6}, (_, i) => ({i}))").to_py(),
        lambda: v8snap.Isolate(blob).new_context().eval("old"),
        lambda: v8snap.IsolatePool(blob, 4).close(),
        lambda: v8snap.StartupData.load("a.v8snap"),
        lambda: v8snap.build({"a.js": "var a = 1"}),
        lambda: v8snap.SnapshotCreator(existing_blob=blob).create_blob(),
        lambda: isolate.write_heap_snapshot("a.heapsnapshot"),
        lambda: ctx.eval("JSON.stringify(Array.from({length: 1e6}, (_, i) => ({i})))"),
        lambda: ctx.eval("'a'.repeat(1e6).replace(/a/g, 'bb').length"),
        in_thread,
        lambda: ctx.eval("new WebAssembly.Memory({initial: 1})"),
    ]
    outcomes = []
    for deed in deeds:
        outcomes.append(attempt(deed))
        gc.collect()
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(*sorted({*outcomes}), ctx.eval("40 + 2"))
"""


@pytest.mark.parametrize(
    ("mib", "before"),
    [
        (5, False),
        (40, False),
        (70, False),
        (150, False),
        pytest.param(600, False, marks=pytest.mark.slow),
        pytest.param(900, True, marks=pytest.mark.slow),
    ],
)
def test_whatever_takes_memory_where_the_address_space_is_short(child_ok, mib, before):
    """It works, or there is an exception; without the limit all is as it was."""
    *outcomes, last = child_ok(HUNGRY.replace("MIB", str(mib)).replace("BEFORE", str(before))).split()
    assert last == "42"
    assert "JSMemoryError" in outcomes
    allowed = {"works", "MemoryError", "JSMemoryError", "JSError", "OSError", "RuntimeError", "SnapshotBuildCrashed"}
    assert set(outcomes) <= allowed


def test_isolates_where_the_kernel_allows_few_more_mappings(child_ok):
    """V8 dies where it gets none."""
    code = """
        import ctypes, mmap, v8snap
        def number_of_mappings():
            with open("/proc/self/maps") as file:
                return sum(1 for _ in file)
        with open("/proc/sys/vm/max_map_count") as file:
            most = int(file.read())
        isolates = [v8snap.Isolate() for _ in range(256)]
        wanted = int(most * 0.92) - number_of_mappings()
        pages = mmap.mmap(-1, wanted * mmap.PAGESIZE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
        mprotect = ctypes.CDLL(None).mprotect
        for page in range(0, wanted, 2):  # each is a mapping then, and so is the one beside it
            assert mprotect(ctypes.c_void_p(start + page * mmap.PAGESIZE), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
        try:
            v8snap.Isolate()
        except v8snap.JSMemoryError as error:
            print("max_map_count" in str(error))
        assert mprotect(ctypes.c_void_p(start), ctypes.c_size_t(wanted * mmap.PAGESIZE), 3) == 0
        print(v8snap.Isolate().new_context().eval("40 + 2"), isolates[-1].new_context().eval("1"))
    """
    assert child_ok(code).split() == ["True", "42", "1"]


MAPPING_BOMBS = {
    "memories of WebAssembly": "for (;;) kept.push(new WebAssembly.Memory({initial: 1}))",
    "modules of WebAssembly": """
        for (let n = 0;; n++) {
          const code = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0,
                        10, 8, 1, 6, 0, 65, 128 | n & 127, 128 | n >> 7 & 127, n >> 14 & 63, 11]
          const instance = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(code)))
          instance.exports.f()
          kept.push(instance)
        }
    """,
}


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=[pytest.mark.slow] if "modules" in what else []) for what in MAPPING_BOMBS]
)
def test_javascript_that_uses_up_the_mappings_of_the_kernel_is_stopped(child_ok, what):
    """Each takes one or two, and hardly any memory: V8 dies where it gets none."""
    code = """
        import sys, v8snap
        isolate = v8snap.Isolate()
        try:
            isolate.new_context().eval("const kept = [];" + sys.argv[1])
        except v8snap.JSMemoryError:
            print("stopped")
        except v8snap.JSError as error:  # where there is no address space for so many
            print("stopped" if "could not allocate memory" in str(error) else error)
        print(isolate.new_context().eval("new WebAssembly.Memory({initial: 1}).buffer.byteLength"))
    """
    assert child_ok(code, MAPPING_BOMBS[what], timeout=200).split() == ["stopped", "65536"]


# ---------------------------------------------------------------- importing again


def test_reloading_modules_of_the_package(child_ok):
    """What is open works on, and what is made anew works."""
    code = """
        import importlib, v8snap
        from v8snap import _v8, pool
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("var a = 5")
        iso = v8snap.Isolate(sc.blob)
        ctx = iso.new_context()
        for module in (v8snap, pool, _v8, v8snap):
            importlib.reload(module)
            print(ctx.eval("a"), end=" ")
            with v8snap.IsolatePool(sc.blob, 1) as made, made.context() as other:
                print(other.eval("a"), end=" ")
            try:
                ctx.eval("throw new TypeError('x')")
            except v8snap.JSError:
                print("raised", end=" ")
    """
    assert child_ok(code).split() == ["5", "5", "raised"] * 4


def test_importing_the_package_again_from_nothing(child_ok):
    """Its compiled module stays, as V8 does: the new package and the old one use it both."""
    code = """
        import sys, v8snap
        old, ctx = v8snap, v8snap.Isolate().new_context()
        ctx.eval("var a = 5")
        for name in [name for name in sys.modules if name.split(".")[0] == "v8snap"]:
            del sys.modules[name]
        import v8snap
        assert v8snap is not old
        for context in (ctx, v8snap.Isolate().new_context(), old.Isolate().new_context()):
            try:
                context.eval("null.x")
            except Exception as error:
                print(type(error).__name__, context.eval("1 + 1"), end=" ")
        print(ctx.eval("a"), len(v8snap.build({"a.js": "1"})) > 0)
    """
    assert child_ok(code).split() == ["JSError", "2"] * 3 + ["5", "True"]


SUBINTERPRETER = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

SOURCE = f'''
import sys
sys.path[:] = {sys.path!r}
try:
    import v8snap
    v8snap.Isolate()
except ImportError as error:
    print("refused" if str(error) else "", flush=True)
'''

def try_it():
    made = interpreters.create()
    interpreters.run_string(made, SOURCE)
    interpreters.destroy(made)

"""


def test_subinterpreters_are_refused(tmp_path):
    code = """
import v8snap
ctx = v8snap.Isolate().new_context()
for _ in range(3):
    try_it()
    print(ctx.eval("1 + 1"), flush=True)
"""
    copied_package(tmp_path)
    done = run_alone(tmp_path, SUBINTERPRETER + code)
    assert done.stdout.split() == ["refused", "2"] * 3, done.stderr


def test_a_subinterpreter_that_comes_first(tmp_path):
    """The main one still has the module for its own."""
    code = """
try_it()
import v8snap
print(v8snap.Isolate().new_context().eval("1 + 1"))
"""
    copied_package(tmp_path)
    done = run_alone(tmp_path, SUBINTERPRETER + code)
    assert done.stdout.split() == ["refused", "2"], done.stderr
