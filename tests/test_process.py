"""What is of the process: flags, exit, fork, conflicts between snapshots, where v8snap is imported from."""

import shutil
from pathlib import Path

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator, _v8

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "alive",
    [
        "iso = v8snap.Isolate(); ctx = iso.new_context(); value = ctx.eval('({})')",
        "sc = v8snap.SnapshotCreator(); ctx = sc.context; value = ctx.eval('({})')",
        "sc = v8snap.SnapshotCreator(); sc.add_context(sc.new_context()); sc.add_data(1)",
        "iso = v8snap.Isolate.allocate()",
        "ctx = v8snap.Isolate().new_context(); ctx.globals['f'] = lambda: ctx",
    ],
)
def test_exit_with_things_alive(child, alive):
    done = child(f"import v8snap; {alive}; print('end')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_exit_while_a_daemon_thread_runs_javascript(child):
    code = """
        import threading, time, v8snap
        iso = v8snap.Isolate()
        ctx = iso.new_context()
        threading.Thread(target=lambda: ctx.eval("for (;;);"), daemon=True).start()
        time.sleep(0.2)
        print("end")
    """
    done = child(code)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr


def test_exit_from_a_callback(child):
    code = """
        import sys, v8snap
        iso = v8snap.Isolate()
        ctx = iso.new_context()
        ctx.globals["leave"] = lambda: sys.exit(3)
        ctx.eval("leave()")
    """
    assert child(code).returncode == 3


def test_flags_before_and_after_the_start(child_ok):
    code = """
        import v8snap
        v8snap.set_flags("--max-lazy", "--random-seed=42", "--no-opt")
        for bad in ("--no-such", "--harmony-struct", "--stack-size=9", "max-lazy", "--random-seed=x", "--opt --lazy"):
            try:
                v8snap.set_flags(bad)
            except ValueError:
                print("refused")
        config = v8snap.build_config()
        print(config["flags"])
        with v8snap.Isolate() as iso:
            print(iso.new_context().eval("1 + 1"))
        try:
            v8snap.set_flags("--jitless")
        except v8snap.FlagsFrozenError as error:
            print("frozen")
    """
    assert child_ok(code).split("\n")[:-1] == [
        *["refused"] * 6,
        "['--max-lazy', '--random-seed=42', '--no-opt']",
        "2",
        "frozen",
    ]


@pytest.mark.parametrize("flag", sorted([*_v8._SAFE_SWITCHES, *_v8._SAFE_NUMBERS]))
def test_every_safe_flag_is_safe(child, flag):
    code = """
        import sys, v8snap
        v8snap.set_flags(sys.argv[1])
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("function run() { return [3, 4].map((x) => x * 2).join() }; run()")
        with v8snap.Isolate(sc.blob, heap_limit=64 * 2**20) as iso:
            for _ in range(2):
                with iso.new_context() as ctx:
                    print(ctx.eval("let s = 0; for (let i = 0; i < 1e5; i++) s += run().length; s"))
    """
    for written in [f"--{flag}=1"] if flag in _v8._SAFE_NUMBERS else [f"--{flag}", f"--no-{flag}"]:
        done = child(code, written)  # V8 itself may warn, such as that jitless has no WebAssembly
        assert (done.returncode, done.stdout.split()) == (0, ["300000", "300000"]), (written, done.stderr)


def test_a_blob_made_under_other_flags_is_refused(child_ok, make_blob, tmp_path):
    make_blob().save(tmp_path / "a.v8snap")
    code = """
        import sys, v8snap
        v8snap.set_flags("--jitless")
        try:
            v8snap.Isolate(v8snap.StartupData.load(sys.argv[1]))
        except v8snap.SnapshotFlagsError:
            print("refused")
    """
    assert child_ok(code, tmp_path / "a.v8snap") == "refused\n"


def test_fork_after_v8_started(child_ok):
    code = """
        import os, warnings, v8snap
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about threads and fork
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("function run() { return 7 }")
        blob = sc.blob
        iso = v8snap.Isolate(blob)
        ctx = iso.new_context()
        value = ctx.eval("({})")
        script = ctx.compile("1")
        callback = ctx.to_js(lambda: 1)
        creator_pid = os.getpid()
        if os.fork() == 0:
            uses = [lambda: ctx.eval("1"), lambda: value["x"], iso.heap_statistics, iso.new_context, lambda: callback(),
                    lambda: v8snap.Isolate(blob), v8snap.SnapshotCreator, lambda: script.run(ctx), iso.terminate]
            ok = 0
            for use in uses:
                try:
                    use()
                except v8snap.ForkedIsolateError:
                    ok += 1
            print(ok == len(uses), len(blob) > 0, flush=True)
            ctx.close()
            iso.close()
            del ctx, value, script, callback, iso
            import gc; gc.collect()
            raise SystemExit(0)
        print(os.wait()[1], ctx.globals["run"]())
    """
    assert child_ok(code).split() == ["True", "True", "0", "7"]


def test_fork_with_a_creator_alive(child_ok):
    code = """
        import os, warnings, v8snap
        warnings.simplefilter("ignore", DeprecationWarning)
        sc = v8snap.SnapshotCreator(external_references={"f": print})
        ctx = sc.context
        sc.add_data(5)
        sc.external("f")
        pid = os.fork()
        if pid == 0:
            try:
                sc.create_blob()
            except v8snap.ForkedIsolateError:
                print("refused", flush=True)
            del sc, ctx
            raise SystemExit(0)
        print(os.waitpid(pid, 0)[1], len(sc.create_blob()) > 0)
    """
    assert child_ok(code).split() == ["refused", "0", "True"]


def test_prefork_workers_that_share_a_blob(child_ok, make_blob, tmp_path):
    make_blob().save(tmp_path / "a.v8snap")
    code = """
        import os, sys, v8snap
        blob = v8snap.StartupData.load(sys.argv[1])  # V8 is not started by that
        pids = []
        for _ in range(4):
            pid = os.fork()
            if pid == 0:
                with v8snap.Isolate(blob) as iso, iso.new_context() as ctx:
                    os._exit(ctx.globals["run"]())
            pids.append(pid)
        print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
    """
    assert child_ok(code, tmp_path / "a.v8snap") == "[7, 7, 7, 7]\n"


V8_MAJOR = int(v8snap.v8_version().split(".")[0])
SHARED_HEAP = V8_MAJOR < 12


def test_two_snapshots_in_one_process(make_blob):
    one, two = make_blob({"a.js": "var x = 1"}), make_blob({"a.js": "var x = 2; var y = {}"})
    with Isolate(one) as first, Isolate(one) as again:
        assert first.new_context().globals["x"] == again.new_context().globals["x"] == 1
        for other in (lambda: Isolate(two), Isolate, SnapshotCreator):
            if SHARED_HEAP:
                with pytest.raises(v8snap.SnapshotConflictError, match="close them first") as caught:
                    other()
                assert caught.value.live == 2
                assert str(caught.value).count("<Isolate from <StartupData") == 2
                assert "a.js" in str(caught.value)
            else:
                made = other()
                made.create_blob() if isinstance(made, SnapshotCreator) else made.close()
    with Isolate(two) as iso:
        assert iso.new_context().globals["x"] == 2


def test_snapshots_with_the_same_read_only_heap_live_together(child_ok):
    code = """
        import v8snap
        sources = [
            "var x = 1",
            "var x = {deep: [2]}; function f() { return 'text' + x }",
            "class A { #p = 3 }; var a = new A()",
        ]
        blobs = [v8snap.build({f"script{i}.js": source}, deterministic=True) for i, source in enumerate(sources)]
        assert len({bytes(blob) for blob in blobs}) == 3
        same = len({blob._heap_identity for blob in blobs}) == 1
        for _ in range(3):
            try:
                isolates = [v8snap.Isolate(blob) for blob in blobs + blobs]
            except v8snap.SnapshotConflictError:
                print(same, "refused")
                break
            for isolate in isolates:
                with isolate.new_context() as ctx:
                    script = "const o = {}; for (let i = 0; i < 5000; i++) o['key' + i] = [i]; o.key4999[0]"
                    assert ctx.eval(script) == 4999
                    assert ctx.eval("Object.getOwnPropertyNames(Array.prototype).length > 30")
                isolate.low_memory_notification()
            assert isolates[1].new_context().eval("f()") == "text[object Object]"
            for isolate in reversed(isolates):
                isolate.close()
        else:
            print(same, "together")
    """
    expected = {10: ("True together",), 11: ("False refused",)}.get(V8_MAJOR, ("True together", "False together"))
    assert child_ok(code).strip() in expected


def test_unreachable_isolates_are_no_conflict(make_blob):
    def leave_a_cycle():
        iso = Isolate()
        ctx = iso.new_context()
        ctx.globals["f"] = lambda: ctx

    blob = make_blob()
    leave_a_cycle()
    with Isolate(blob) as iso:
        assert iso.new_context().globals["run"]() == 7


def test_import_from_the_source_folder_says_what_to_do(child, tmp_path):
    shutil.copytree(ROOT / "v8snap", tmp_path / "v8snap", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    code = """
        import sys
        sys.meta_path = [finder for finder in sys.meta_path if "editable" not in type(finder).__module__.lower()]
        sys.path.insert(0, sys.argv[1])
        import v8snap
    """
    done = child(code, tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: this is v8snap's source folder")
    assert "During handling" not in done.stderr


def test_versions_agree():
    meson = (ROOT / "meson.build").read_text()
    assert f"version: '{v8snap.__version__}'" in meson
    config = v8snap.build_config()
    assert config["version"] == v8snap.__version__
    assert config["v8_version"] == config["v8_header_version"] == v8snap.v8_version()


def test_importing_starts_nothing(child_ok):
    assert child_ok("import v8snap, threading; from v8snap import _v8; print(_v8.v8_started())") == "False\n"


def test_v8_is_our_own_copy_where_it_is_carried():
    with Isolate(), Path("/proc/self/maps").open() as maps:
        libraries = {Path(line.split()[-1]) for line in maps if "libnode" in line}
    if "libv8.a" in v8snap.build_config()["libraries"]:  # in the module itself
        assert libraries == set()
        return
    assert len(libraries) == 1
    package = Path(v8snap._v8.__file__).parent
    inside = {"unpack": package / "_libs", "wheel": package.parent / "v8snap.libs"}
    source = v8snap.build_config()["v8_source"]
    if source in inside:
        assert libraries.pop().parent == inside[source]


def test_a_plain_isolate_beside_a_snapshots(child_ok):
    """Where V8 has one read-only heap, an empty snapshot of the same kind stands in for V8's own."""
    code = """
        import v8snap
        blobs = [v8snap.build({"a.js": f"var x = {n}"}) for n in range(2)]
        try:
            isolates = [v8snap.Isolate(blob) for blob in blobs] + [v8snap.Isolate() for _ in range(2)]
        except v8snap.SnapshotConflictError:
            print("refused")
        else:
            print([isolate.new_context().eval("typeof x") for isolate in isolates])
            assert repr(isolates[-1]) == "<Isolate>"
            try:
                isolates[-1].new_context(0)
            except v8snap.NotInSnapshotError as error:
                print(error)
            for isolate in isolates:
                isolate.low_memory_notification()
                isolate.close()
            print(v8snap.Isolate().new_context().eval("1 + 1"))
    """
    together = (
        "['number', 'number', 'undefined', 'undefined']\n"
        "there is no context 0: this isolate was not started from a snapshot\n2\n"
    )
    assert child_ok(code) == ("refused\n" if V8_MAJOR == 11 else together)


def test_a_heap_that_keeps_its_hash_seed_gets_one_that_nobody_knows(monkeypatch):
    jobs = []
    run_job = v8snap.helper.run_job
    monkeypatch.setattr(v8snap.helper, "run_job", lambda job, *rest: jobs.append(job) or run_job(job, *rest))
    with_module, again = (v8snap.build({}, modules={"m": "export const n = 1"}) for _ in "12")
    assert not with_module.can_be_rehashed
    assert v8snap.compare(with_module, again) is not None
    assert not any(job["one_hash_seed"] for job in jobs)
    jobs.clear()
    assert v8snap.build({"a": "1"}).can_be_rehashed
    assert [each["one_hash_seed"] for each in jobs] == [V8_MAJOR < 11]
    jobs.clear()
    # A heap that can't be rehashed though nothing told so is made a second time.
    job = {
        **{
            "do": "build",
            "scripts": [],
            "modules": ["m"],
            "contexts": [],
            "context_modules": [],
            "warmup": False,
            "function_code": "keep",
        },
        **{"external_references": [], "deterministic": False, "timeout": None, "heap_limit": None, "metadata": None},
        "rehash": True,
    }
    blob = v8snap.builder._make_in_helper(job, [b"export const n = 1"], rehashable=True)
    assert not blob.can_be_rehashed
    assert [each["one_hash_seed"] for each in jobs] == ([True, False] if V8_MAJOR < 11 else [False])


@pytest.mark.parametrize("flag", ["--hash_seed=7", "--no-rehash-snapshot"])
def test_a_hash_seed_of_ones_own_is_kept(child_ok, flag):
    code = f"""
        import v8snap
        v8snap.set_flags({flag!r})
        run_job, jobs = v8snap.helper.run_job, []
        v8snap.helper.run_job = lambda job, *rest: jobs.append(job) or run_job(job, *rest)
        with v8snap.Isolate(v8snap.build({{"a.js": "var x = 1"}})) as iso:
            print(iso.new_context().eval("x"), [job["one_hash_seed"] for job in jobs])
    """
    assert child_ok(code) == "1 [False]\n"


def test_a_plain_isolate_after_its_helper_failed_once(child_ok):
    code = """
        import sys, v8snap
        iso = v8snap.Isolate(v8snap.build({"a": "var a = 1"}))
        program, sys.executable = sys.executable, ""
        for _ in range(2):
            try:
                print(v8snap.Isolate().new_context().eval("1 + 1"), end=" ")
            except v8snap.SnapshotConflictError:
                print("refused", end=" ")
            sys.executable = program
    """
    assert child_ok(code) == {10: "refused 2 ", 11: "refused refused "}.get(V8_MAJOR, "2 2 ")


def test_v8_writes_nothing_to_standard_output(child_ok):
    """It would where nobody listens: warnings, and errors that no JavaScript can catch."""
    code = """
        import contextlib, sys, v8snap
        uncaught = []
        sys.unraisablehook = lambda args: uncaught.append(str(args.exc_value))
        # V8's own promise calls these functions, where no JavaScript runs.
        job = "function Told(settles) { settles(() => { throw 1 }, () => { throw 2 }) };"
        job += "{ const p = Promise.resolve(); p.constructor = {[Symbol.species]: Told}; p.then(() => 1) }"
        old = "import('a', {assert: {type: 'json'}}).catch(() => 0); eval('import(1, {assert: {}}).catch(() => 0)')"
        asm = "(function () { 'use asm'; function f() { return x.y } return f })()"
        v8snap.set_flags("--stack-trace-limit=5")
        with v8snap.SnapshotCreator() as sc:
            for source in (old, asm, job):
                with contextlib.suppress(v8snap.JSError):  # V8 knows "assert" for some releases only
                    sc.context.eval(source)
        with v8snap.Isolate(sc.blob) as isolate, isolate.new_context() as ctx:
            for source in (old, asm, job):
                with contextlib.suppress(v8snap.JSError):
                    ctx.eval(source)
        assert uncaught == ["Uncaught 2 (:0)"] * 2, uncaught
    """
    assert child_ok(code) == ""
