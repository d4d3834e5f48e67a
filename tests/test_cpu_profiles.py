"""CPU profiles: their format, and everything that may go on while one runs."""

import gc
import json
import threading
import time

import pytest

import v8snap
from v8snap import Isolate

# By work, not by the clock: on a busy machine time passes without any.
BUSY = """
function inner(n) { let sum = 0; for (let i = 0; i < n; ++i) sum = (sum * 31 + i) % 1000003; return sum }
function busy(milliseconds) { return inner(milliseconds * 2e5) > 0 }
"""


@pytest.fixture
def busy():
    """A context with a function ``busy(milliseconds)``."""
    with Isolate() as iso, iso.new_context() as ctx:
        ctx.eval(BUSY, "busy.js")
        yield ctx


def functions(profile):
    """Hits by name."""
    hits = {}
    for node in profile.nodes:
        name = node["callFrame"]["functionName"]
        hits[name] = hits.get(name, 0) + node["hitCount"]
    return hits


def time_in_busy(profile):
    """Hits of ``busy()``, into which V8 may inline the other function."""
    hits = functions(profile)
    return hits.get("busy", 0) + hits.get("inner", 0)


def check_format(data):
    nodes = {node["id"]: node for node in data["nodes"]}
    assert len(nodes) == len(data["nodes"])
    assert data["nodes"][0]["callFrame"]["functionName"] == "(root)"
    children = [child for node in data["nodes"] for child in node.get("children", [])]
    assert sorted(children) == sorted(set(nodes) - {data["nodes"][0]["id"]})
    for node in data["nodes"]:
        frame = node["callFrame"]
        assert set(frame) == {"functionName", "scriptId", "url", "lineNumber", "columnNumber"}
        assert isinstance(frame["scriptId"], str)
        assert all(tick["line"] >= 1 and tick["ticks"] >= 1 for tick in node.get("positionTicks", []))
    assert len(data["samples"]) == len(data["timeDeltas"])
    assert set(data["samples"]) <= set(nodes)
    assert all(delta >= 0 for delta in data["timeDeltas"][1:])
    assert data["startTime"] + sum(data["timeDeltas"]) <= data["endTime"]


def test_time_is_found_where_it_is_spent(busy, tmp_path):
    with busy.isolate.cpu_profile() as profile:
        assert profile.running
        began = time.monotonic()
        busy.eval("busy(150)", "call.js")
        spent = time.monotonic() - began
    assert not profile.running
    assert time_in_busy(profile) > 5
    node = next(node for node in profile.nodes if node["callFrame"]["functionName"] == "busy")
    assert node["callFrame"]["url"] == "busy.js"
    assert (node["callFrame"]["lineNumber"], node["callFrame"]["columnNumber"]) == (2, 13)
    assert all(tick["line"] in (2, 3) for node in profile.nodes for tick in node.get("positionTicks", []))
    data = profile.to_dict()
    check_format(data)
    assert spent <= (data["endTime"] - data["startTime"]) / 1e6 < spent + 5
    profile.save(tmp_path / "x.cpuprofile")
    assert json.loads((tmp_path / "x.cpuprofile").read_text()) == data
    assert repr(profile) == "<CpuProfile>"


def test_the_interval_is_kept(busy):
    counts = []
    for interval in (0.02, 0.001):
        with busy.isolate.cpu_profile(sampling_interval=interval) as profile:
            busy.eval("busy(200)")
        counts.append(time_in_busy(profile))
    assert counts[1] > counts[0]


@pytest.mark.parametrize("interval", [0, -1, 1e-6, 11, float("nan"), float("inf")])
def test_odd_intervals_are_refused(ctx, interval):
    with pytest.raises(ValueError, match="sampling_interval"):
        ctx.isolate.cpu_profile(sampling_interval=interval)


def test_a_profile_runs_once_and_is_read_afterwards(ctx, tmp_path):
    profile = ctx.isolate.cpu_profile()
    readings = (lambda: profile.nodes, profile.to_dict, lambda: profile.save(tmp_path / "x"))
    for read in readings:
        with pytest.raises(ValueError, match="with block"):
            read()
    with profile:
        for read in readings:
            with pytest.raises(ValueError, match="with block"):
                read()
    with pytest.raises(ValueError, match="once"):
        profile.__enter__()
    check_format(profile.to_dict())
    assert list(tmp_path.iterdir()) == []


def test_time_outside_the_isolate_is_idle(busy):
    with busy.isolate.cpu_profile() as profile:
        busy.eval("busy(30)")
        time.sleep(0.3)
        busy.eval("busy(30)")
    data = profile.to_dict()
    check_format(data)
    names = {node["id"]: node["callFrame"]["functionName"] for node in data["nodes"]}
    spent = dict.fromkeys(names.values(), 0)
    for sample, until in zip(data["samples"], [*data["timeDeltas"][1:], 0], strict=True):
        spent[names[sample]] += until
    assert spent["(idle)"] > 200_000


def test_nested_profiles_are_each_whole(busy):
    with busy.isolate.cpu_profile() as outer:
        busy.eval("busy(40)")
        with busy.isolate.cpu_profile(sampling_interval=0.0005) as inner:
            busy.eval("(function within() { busy(60) })()")
        busy.eval("busy(40)")
    assert time_in_busy(inner) > 0
    assert time_in_busy(outer) > 0
    assert "within" in functions(inner)
    assert "within" in functions(outer)


def test_profiles_may_end_in_another_order(busy):
    first, second = busy.isolate.cpu_profile(), busy.isolate.cpu_profile()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    busy.eval("busy(30)")
    second.__exit__(None, None, None)
    assert time_in_busy(second) > 0
    assert time_in_busy(first) == 0


def test_too_many_at_once_are_refused(ctx):
    running = []
    with pytest.raises(v8snap.V8SnapError, match="running already"):
        running.extend(ctx.isolate.cpu_profile().__enter__() for _ in range(100))
    for profile in running:
        profile.__exit__(None, None, None)
    with ctx.isolate.cpu_profile():
        pass


def test_an_exception_ends_it(busy):
    profile = busy.isolate.cpu_profile()
    with pytest.raises(v8snap.JSError), profile:
        busy.eval("busy(30); throw Error('x')")
    assert time_in_busy(profile) > 0


@pytest.mark.parametrize("stop", ["timeout", "terminate", "memory"])
def test_javascript_is_stopped_as_ever(busy, stop):
    iso = busy.isolate
    with iso.cpu_profile() as profile:
        if stop == "timeout":
            with pytest.raises(v8snap.JSTimeoutError):
                busy.eval("busy(1e12)", timeout=0.05)
        elif stop == "terminate":
            timer = threading.Timer(0.05, iso.terminate)
            timer.start()
            with pytest.raises(v8snap.JSTerminatedError):
                busy.eval("busy(1e12)")
            timer.join()
        else:
            fill = "(function fill() { const all = []; for (;;) all.push({}) })()"
            with (
                Isolate(heap_limit=2**25) as small,
                small.new_context() as ctx,
                small.cpu_profile() as of_small,
                pytest.raises(v8snap.JSMemoryError),
            ):
                ctx.eval(fill)
            assert functions(of_small)["fill"] > 0
        busy.eval("busy(20)")
    assert time_in_busy(profile) > 0


def test_closing_the_isolate_ends_it_and_keeps_what_there_is():
    iso = Isolate()
    ctx = iso.new_context()
    ctx.eval(BUSY)
    with iso.cpu_profile() as profile:
        ctx.eval("busy(50)")
        iso.close()
        assert not profile.running
        assert time_in_busy(profile) > 0
    check_format(profile.to_dict())
    with pytest.raises(v8snap.ClosedError):
        iso.cpu_profile()


def test_closed_before_it_began():
    iso = Isolate()
    profile = iso.cpu_profile()
    iso.close()
    with pytest.raises(v8snap.ClosedError):
        profile.__enter__()


def test_the_thread_that_runs_javascript_is_sampled_whichever_it_is(busy):
    def work():
        for _ in range(3):
            busy.eval("(function elsewhere() { busy(20) })()")

    with busy.isolate.cpu_profile() as profile:
        for _ in range(3):
            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            busy.eval("(function here() { busy(20) })()")
            for thread in threads:
                thread.join()  # the threads that were sampled are gone
            busy.eval("busy(5)")
    data = profile.to_dict()
    check_format(data)
    within = {node["callFrame"]["functionName"]: node for node in data["nodes"]}
    assert {"elsewhere", "here"} <= set(within)
    assert time_in_busy(profile) > 10


def test_it_may_begin_and_end_on_different_threads(busy):
    profile = busy.isolate.cpu_profile()
    thread = threading.Thread(target=profile.__enter__)
    thread.start()
    thread.join()
    busy.eval("busy(40)")
    thread = threading.Thread(target=profile.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    assert time_in_busy(profile) > 0


def test_it_begins_after_what_another_thread_runs_and_ends_after_it(busy):
    thread = threading.Thread(target=lambda: busy.eval("busy(60)"))
    thread.start()
    with busy.isolate.cpu_profile() as profile:
        second = threading.Thread(target=lambda: busy.eval("busy(60)"))
        second.start()
        time.sleep(0.02)
    thread.join()
    second.join()
    check_format(profile.to_dict())


def test_a_callback_may_begin_and_end_profiles(busy):
    profile = busy.isolate.cpu_profile()
    busy.globals["begin"] = lambda: profile.__enter__() and None
    busy.globals["end"] = lambda: profile.__exit__(None, None, None)
    busy.eval("busy(30); begin(); (function watched() { busy(40) })(); end(); busy(30)")
    assert time_in_busy(profile) > 0
    assert "watched" in functions(profile)


def test_a_forgotten_profile_ends_by_itself(busy):
    busy.isolate.cpu_profile().__enter__()
    gc.collect()
    for _ in range(20):  # as many as there may be at once, and more
        busy.isolate.cpu_profile().__enter__()
    busy.eval("busy(20)")


def test_a_forgotten_profile_of_a_forgotten_isolate_is_no_leak():
    iso = Isolate()
    iso.cpu_profile().__enter__()
    del iso
    gc.collect()


def test_isolates_are_profiled_apart(make_blob):
    blob = make_blob({"busy.js": BUSY})
    results = {}

    def work(number):
        with Isolate(blob) as iso, iso.new_context() as ctx, iso.cpu_profile() as profile:
            for _ in range(5):
                ctx.eval(f"(function of{number}() {{ busy(15) }})()")
        results[number] = set(functions(profile))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, names in results.items():
        assert names & {f"of{other}" for other in range(4)} == {f"of{number}"}


def test_a_creators_isolate_is_refused_and_makes_its_blob():
    with v8snap.SnapshotCreator() as sc:
        with pytest.raises(v8snap.SnapshotError, match="plain Isolate"):
            sc.isolate.cpu_profile().__enter__()
        sc.context.eval("var a = 1")
    assert len(sc.blob) > 1000


def test_signals_of_pythons_own_profiling_timer_do_no_harm(child_ok):
    out = child_ok("""
        import faulthandler, signal, time, v8snap
        faulthandler.enable()
        seen = []
        def work(ctx):
            ctx.eval("const until = Date.now() + 60; while (Date.now() < until);".replace("until", f"u{len(seen)}_"))
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            # The default action would end the process: no signal that comes late may find it.
            for _ in range(30):
                with iso.cpu_profile(sampling_interval=0.00005):
                    ctx.eval("1")
            signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
            with iso.cpu_profile():
                ctx.eval("{ const u = Date.now() + 60; while (Date.now() < u); }")
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, lambda *_: seen.append(1))
            with iso.cpu_profile():
                ctx.eval("{ const u = Date.now() + 20; while (Date.now() < u); }")
            signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
            end = time.monotonic() + 5
            while not seen and time.monotonic() < end:
                pass
            signal.setitimer(signal.ITIMER_PROF, 0)
            print(bool(seen), signal.getsignal(signal.SIGPROF).__name__)
    """)
    assert out == "True <lambda>\n"


def test_a_child_forked_while_it_runs(child_ok):
    out = child_ok("""
        import os, v8snap, warnings
        warnings.simplefilter("ignore")
        iso = v8snap.Isolate()
        ctx = iso.new_context()
        with iso.cpu_profile() as profile:
            ctx.eval("1")
            pid = os.fork()
        if pid == 0:
            code = 1
            try:
                assert not profile.running
                profile.to_dict()
            except v8snap.ForkedIsolateError:
                code = 0
            try:
                iso.cpu_profile().__enter__()
                code = 2
            except v8snap.ForkedIsolateError:
                pass
            del profile, ctx, iso
            os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), len(profile.nodes) > 0)
        iso.close()
    """)
    assert out == "0 True\n"


@pytest.mark.parametrize("where", ["main", "thread"])
def test_the_process_ends_while_one_runs(child_ok, where):
    out = child_ok(
        """
        import sys, threading, time, v8snap
        iso = v8snap.Isolate()
        ctx = iso.new_context()
        profile = iso.cpu_profile(sampling_interval=0.0001)
        if sys.argv[1] == "main":
            profile.__enter__()
            ctx.eval("{ const u = Date.now() + 20; while (Date.now() < u); }")
        else:
            def work():
                with profile:
                    ctx.eval("for (;;);")
            threading.Thread(target=work, daemon=True).start()
            time.sleep(0.1)
        print("end")
        """,
        where,
    )
    assert out == "end\n"


def test_no_thread_to_sample_with_is_an_error(child_ok):
    out = child_ok("""
        import resource, v8snap
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            ctx.eval("1")
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
            resource.setrlimit(resource.RLIMIT_AS, (1, resource.RLIM_INFINITY))
            try:
                with iso.cpu_profile() as profile:
                    ctx.eval("1")
                print("profiled")
            except v8snap.JSMemoryError:
                print("refused")
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
            ctx.eval("2")
    """)
    assert out == "refused\n"
