"""Disks that are full, and those that nobody may write to: an exception, the old file, and nothing else."""

import ctypes
import os

import pytest

# ---------------------------------------------------------------- small disks

#: Where `folder` is a small file system that only this process and its children see. Where the kernel refuses that, as
#: in a container without the rights, files that may not grow stand in for it: writing fails then, too.
SMALL_DISK = """
    import ctypes, errno, os, resource, sys
    from pathlib import Path

    kind, folder = sys.argv[1], Path(sys.argv[2])
    libc = ctypes.CDLL(None, use_errno=True)
    NEW_MOUNTS, NEW_USER, PRIVATE, RECURSIVE, READ_ONLY, REMOUNT = 0x20000, 0x10000000, 0x40000, 0x4000, 1, 32

    def has_own_mounts():
        if libc.unshare(NEW_MOUNTS) != 0:  # not root, or not with all rights
            user, group = os.geteuid(), os.getegid()
            if libc.unshare(NEW_USER | NEW_MOUNTS) != 0:
                return False
            for name, line in ("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1"):
                try:
                    Path("/proc/self", name).write_text(line)
                except OSError:
                    return False
        libc.mount(None, b"/", None, RECURSIVE | PRIVATE, None)  # refused in a chroot: see the fixture
        return True

    def mount(flags, options):
        return libc.mount(b"small", bytes(folder), b"tmpfs", flags, options.encode()) == 0

    own = has_own_mounts()  # while there is one thread
    import v8snap
    with v8snap.SnapshotCreator() as sc:
        sc.context.eval("var old = 1")
    own = own and mount(0, f"size={len(sc.blob) * 3 // 2},mode=777")
    print("mounted" if own else "limited")
    path = folder / "app.v8snap"
    sc.blob.save(path)
    old = path.read_bytes()

    def exhaust():
        '''The number of the error that is to come from now on.'''
        if not own:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
            return errno.EFBIG
        if kind == "nobody may write":
            assert mount(REMOUNT | READ_ONLY, "")
            return errno.EROFS
        if kind == "no other file":
            assert mount(REMOUNT, "nr_inodes=2")  # the folder and the old file
        if kind == "no other byte":
            with open(folder / "filler", "wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError as error:
                    assert error.errno == errno.ENOSPC
        return errno.ENOSPC

    def relieve():
        if own:
            assert mount(REMOUNT, "size=64m,nr_inodes=1000")
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
KINDS = ["no room for both", "no other byte", "no other file", "nobody may write"]


@pytest.fixture
def on_disk(child_ok, tmp_path, request):
    """Runs code behind `SMALL_DISK`; what it printed."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def run(code, kind):
        try:
            disk, _, printed = child_ok(SMALL_DISK + code, kind, folder).partition("\n")
        finally:
            while os.path.ismount(folder):  # where it couldn't be private, it is everybody's
                assert ctypes.CDLL(None).umount2(bytes(folder), 2) == 0
        assert disk in ("mounted", "limited")
        request.node.user_properties.append(("disk", disk))  # for JUnit's report
        return printed

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_saving_where_the_disk_is_full(on_disk, kind):
    code = """
    iso = v8snap.Isolate(sc.blob)
    ctx = iso.new_context()
    with iso.cpu_profile() as profile:
        ctx.eval("for (let i = 0; i < 1e5; i++) String(i)")
    saves = [
        (path, lambda to: sc.blob.save(to)),
        (path, lambda to: sc.blob.save(to, key=b"key")),
        (folder / "new.v8snap", lambda to: sc.blob.save(to)),
        (folder / "app.heapsnapshot", iso.write_heap_snapshot),
        (folder / "app.cpuprofile", profile.save),
    ]
    if kind == "no room for both":
        saves.pop()  # there is room for one
    wanted = exhaust()
    before = sorted(os.listdir(folder))
    for to, save in saves:
        try:
            save(to)
        except OSError as error:
            assert (error.errno, error.filename) == (wanted, os.path.realpath(to)), repr(error)
        else:
            raise AssertionError(to)
        assert sorted(os.listdir(folder)) == before
    assert path.read_bytes() == old
    assert v8snap.StartupData.load(path) == sc.blob
    assert ctx.eval("old") == 1
    relieve()
    for to, save in saves:
        save(to)
    print(v8snap.StartupData.load(path, key=b"key") == sc.blob)
    """
    assert on_disk(code, kind) == "True\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_where_the_disk_is_full(on_disk, kind):
    """It gives what was built, and writes the file once there is room."""
    code = """
    scripts = {"a.js": "var a = 5"}
    exhaust()
    # The lock is an empty file: there is room for it as long as there may be another one.
    wanted = {*os.listdir(folder)} | (set() if own and kind[-4:] in ("file", "rite") else {".app.v8snap.lock"})
    with v8snap.Isolate(v8snap.cached(path, scripts)) as iso:
        print(iso.new_context().eval("a"), end=" ")
    assert path.read_bytes() == old
    assert {*os.listdir(folder)} == wanted
    relieve()
    v8snap.cached(path, scripts)
    assert path.read_bytes() != old
    v8snap.builder.build = None
    with v8snap.Isolate(v8snap.cached(path, scripts)) as iso:
        print(iso.new_context().eval("a"))
    """
    assert on_disk(code, kind) == "5 5\n"


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_line_where_the_disk_is_full(on_disk, kind):
    code = """
    import subprocess
    Path("a.js").write_text("var a = 5")
    wanted = exhaust()
    before = sorted(os.listdir(folder))
    command = [sys.executable, "-m", "v8snap", "build", "a.js", "-o", path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (6, ""), done
    assert os.strerror(wanted) in done.stderr and str(folder) in done.stderr, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    print(sorted(os.listdir(folder)) == before, path.read_bytes() == old)
    """
    assert on_disk(code, kind) == "True True\n"


# ---------------------------------------------------------------- a limit for files, and folders without permission

FULL = """
    import os, resource, signal, sys
    import v8snap
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with v8snap.SnapshotCreator() as sc:
        sc.context.eval("var old = 1")
    sc.blob.save("app.v8snap", key=None)
    old = open("app.v8snap", "rb").read()
    iso = v8snap.Isolate(sc.blob)
    ctx = iso.new_context()
    ctx.eval("1")
    with iso.cpu_profile() as profile:
        ctx.eval("for (let i = 0; i < 1e5; i++) String(i)")
    before = sorted(os.listdir("."))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
    saves = [
        lambda: sc.blob.save("app.v8snap"),
        lambda: sc.blob.save("app.v8snap", key=b"key"),
        lambda: sc.blob.save("new.v8snap"),
        lambda: iso.write_heap_snapshot("app.heapsnapshot"),
        lambda: profile.save("app.cpuprofile"),
    ]
    for save in saves[:int(sys.argv[2])]:
        try:
            save()
        except OSError as error:
            print(error.errno, end=" ")
    assert sorted(os.listdir(".")) == before
    assert open("app.v8snap", "rb").read() == old
    assert v8snap.StartupData.load("app.v8snap") == sc.blob
    assert ctx.eval("old") == 1
    print("end")
"""


@pytest.mark.parametrize("room", [0, 100])
def test_a_full_disk_leaves_the_old_file_and_no_other(child_ok, room):
    assert child_ok(FULL, room, 5).split() == ["27"] * 5 + ["end"]


@pytest.mark.parametrize("room", [5000, 200_000])
def test_a_disk_that_is_full_in_the_middle_of_a_snapshot(child_ok, room):
    """Behind its header, where V8's data begin, and far into them."""
    assert child_ok(FULL, room, 3).split() == ["27"] * 3 + ["end"]


def test_a_cache_on_a_full_disk_gives_what_was_built(child_ok):
    code = """
        import os, resource, signal
        import v8snap
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
        blob = v8snap.cached("app.v8snap", {"a.js": "var a = 5"})
        with v8snap.Isolate(blob) as iso:
            print(iso.new_context().eval("a"), os.path.exists("app.v8snap"), os.listdir("."))
    """
    assert child_ok(code) == "5 False ['.app.v8snap.lock']\n"


def test_a_folder_that_is_read_only(child_ok, tmp_path):
    """Nobody may write there: saving raises, and what is in memory works."""
    code = """
        import os, v8snap
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("var a = 5")
        iso = v8snap.Isolate(sc.blob)
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        for save in (lambda: sc.blob.save("x.v8snap"), lambda: iso.write_heap_snapshot("x.heapsnapshot")):
            try:
                save()
            except PermissionError:
                print("refused", end=" ")
        print(iso.new_context().eval("a"), os.listdir("."))
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o555)
    assert child_ok(code, cwd=folder) == "refused refused 5 []\n"
