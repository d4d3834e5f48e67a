"""In one process with other packages that bring a V8 of their own: whichever comes first, and all in use together."""

import importlib.metadata
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

# mini-racer has one wheel for every Python; the others have none for some.
PACKAGES = {"mini-racer": "py_mini_racer", "stpyv8": "STPyV8", "jsrun": "jsrun"}

PROGRAM = """
    import sys, threading

    def start_mini_racer():
        from py_mini_racer import MiniRacer
        return MiniRacer().eval

    def start_stpyv8():
        import STPyV8

        def run(source):
            with STPyV8.JSIsolate(), STPyV8.JSContext() as context:
                return context.eval(source)
        return run

    def start_jsrun():
        import jsrun
        local = threading.local()  # its runtimes belong to their threads

        def run(source):
            if not hasattr(local, "runtime"):
                local.runtime = jsrun.Runtime()
            return local.runtime.eval(source)
        return run

    def start_v8snap():
        import v8snap
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("const base = 40")
        context = v8snap.Isolate(sc.blob).new_context()
        assert context.eval("base + 2") == 42
        return context.eval

    start = {"mini-racer": start_mini_racer, "stpyv8": start_stpyv8, "jsrun": start_jsrun, "v8snap": start_v8snap}
    names = sys.argv[2:]
    sys.path.insert(0, sys.argv[1])
    engines = {}
    for name in names:
        engines[name] = start[name]()
        assert engines[name]("6 * 7") == 42, name

    WORK = "let s = 0; for (let i = 0; i < 1e5; i++) s += i % 7; [s, [3, 1, 2].sort().join(), typeof Map].join()"
    EXPECTED = "299995,1,2,3,function"

    def use_all():
        for name in names:
            assert engines[name]("{" + WORK + "}") == EXPECTED, name
"""
END = """
    for _ in range(3):
        use_all()
    print("end")
"""
# mini-racer 0.14, also by itself, waits for good in one or two of a hundred processes where Python ends and drops it.
# Where it is in use, what is registered for the end still runs, v8snap's too, but Python isn't taken down; without it,
# processes end as Python does.
LEAVE = """
    import atexit, os
    sys.stdout.flush()
    if "mini-racer" in sys.argv:
        atexit._run_exitfuncs()
        os._exit(0)
"""
TOGETHER = """
    failed = []

    def work(name):
        try:
            for _ in range(10):
                assert engines[name]("{" + WORK + "}") == EXPECTED, name
        except BaseException as error:
            failed.append((name, error))

    # STPyV8 is used in the thread that brought it in.
    threads = [threading.Thread(target=work, args=(name,)) for name in names if name != "stpyv8" for _ in range(2)]
    for thread in threads:
        thread.start()
    if "stpyv8" in names:
        work("stpyv8")
    for thread in threads:
        thread.join()
    print(failed or "end")
"""


#: Those that have to be there: they have wheels for this Python.
WITH_WHEELS = {"mini-racer"} | ({"stpyv8", "jsrun"} if (3, 10) <= sys.version_info[:2] <= (3, 13) else set())


@pytest.fixture(scope="session")
def others(pytestconfig):
    """The folder that the packages are in, and their names: those that have a wheel for this Python."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(os.environ.get("V8SNAP_TEST_OTHERS") or pytestconfig.cache.mkdir(f"other-v8s-{version}"))
    for package, module in PACKAGES.items():
        if not any(folder.glob(f"{module}*")):
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--only-binary=:all:",
                "--target",
                folder,
                package,
            ]
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
            no_wheel = "No matching distribution" in done.stderr or "no matching distribution" in done.stderr
            # Any other failure isn't one of the package's: it would be left out without a word.
            assert done.returncode == 0 or (no_wheel and package not in WITH_WHEELS), done.stderr
    found = [package for package, module in PACKAGES.items() if any(folder.glob(f"{module}*"))]
    assert set(found) >= WITH_WHEELS
    return folder, found


@pytest.fixture(autouse=True)
def versions(others, request):
    """Those that a test is about, in what it printed and in JUnit's report."""
    folder, found = others
    names = {
        each.name.lower().replace("_", "-"): each.version for each in importlib.metadata.distributions(path=[folder])
    }
    for package in found:
        print(package, names[package])
        request.node.user_properties.append((package, names[package]))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_any_order_of_imports(child, others):
    folder, names = others
    without = [name for name in ["v8snap", *names] if name != "mini-racer"]  # these end as Python does
    for order in [*itertools.permutations(["v8snap", *names]), *itertools.permutations(without)]:
        done = child(PROGRAM + END + LEAVE, folder, *order)
        assert (done.returncode, done.stdout) == (0, "end\n"), (order, done.stderr[-2000:])


@pytest.mark.slow
@pytest.mark.parametrize("first", ["v8snap", "mini-racer"])
def test_in_use_together_by_threads(child, others, first):
    folder, names = others
    order = sorted(["v8snap", *names], key=lambda name: name != first)
    for _ in range(3):
        done = child(PROGRAM + TOGETHER + LEAVE, folder, *order)
        assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr[-2000:]


@pytest.mark.slow
def test_snapshots_are_built_beside_another_v8(child, others):
    """Also in the helper process, and loaded here while the other one is at work."""
    folder, _ = others
    code = """
    import sys
    sys.path.insert(0, sys.argv[1])
    from py_mini_racer import MiniRacer
    other = MiniRacer()
    assert other.eval("1 + 1") == 2
    import v8snap
    if __name__ == "__main__":
        blob = v8snap.build({"a.js": "function run() { return 7 }"}, warmup="run()")
        with v8snap.IsolatePool(blob, 1) as pool:
            for _ in range(3):
                with pool.context() as ctx:
                    print(ctx.globals["run"](), other.eval("3 + 4"))
    """
    done = child(code + LEAVE, folder, "mini-racer")
    assert (done.returncode, done.stdout) == (0, "7 7\n" * 3), done.stderr[-2000:]
