"""The example of a Dask cluster: blobs travel to workers by pickle, and what goes wrong there is an error here."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import v8snap

ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(tmp_path):
    """Runs a Python file in a process of its own, where warnings are errors; what it printed."""

    def run(path):
        paths = [str(ROOT / "examples"), *filter(None, sys.path)]
        done = subprocess.run(
            [sys.executable, "-W", "error", str(path)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.mark.slow
def test_pages_of_a_cluster_are_those_of_one_process(run):
    done = run(ROOT / "examples" / "dask_render.py")
    assert done.stdout.startswith("2000 pages of ")
    assert "the same both ways" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
def test_the_documents_program_works(run, tmp_path):
    (document,) = (ROOT / "docs").rglob("dask.md")
    code = "\n".join(re.findall(r"```python\n(.*?)```", document.read_text(), re.S))
    v8snap.build({"app.js": "function page({user}) { return `<h1>${user}</h1>` }"}).save(tmp_path / "app.v8snap")
    path = tmp_path / "program.py"
    path.write_text(
        f"{code}\n"
        "from dask.distributed import Client\n"
        "with Client(processes=False, n_workers=1, dashboard_address=None) as client:\n"
        "    parts = main(client, [f'user{n}' for n in range(60)])\n"
        "    print([len(part) for part in parts], parts[1][-1])\n"
    )
    assert run(path).stdout == "[50, 10] <h1>user59</h1>\n"


@pytest.mark.slow
def test_workers_that_die_or_have_another_v8(run, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    assert run(path).stdout == "all as it should be\n"


PROGRAM = """
    import os
    import struct

    import dask_render
    from dask.distributed import Client, LocalCluster

    import v8snap
    from v8snap import _v8


    def foreign(blob):
        '''One that says it is another V8's.'''
        version = blob.v8_version.encode()
        raw = bytes(blob).replace(version, version[:-1] + (b"1" if version[-1:] == b"9" else b"9"), 1)
        raw = raw[:8] + struct.pack("<I", _v8.fletcher32(raw[blob._layout.checksum_start :])) + raw[12:]
        return v8snap.StartupData._make(raw, {**blob._header, "start": None}, checked=False)


    def refused(use):
        try:
            use()
        except v8snap.SnapshotVersionError as error:
            return error.found != error.expected == v8snap.v8_version()


    def main():
        blob = v8snap.build({"app.js": "function render({user}) { return user }"})
        other = foreign(blob)
        with (
            LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            assert refused(lambda: client.register_plugin(dask_render.Renderer(other)))
            assert refused(lambda: dask_render.render_on(client, 1))
            assert client.submit(len, other).result() == len(other)
            client.unregister_worker_plugin("renderer")
            client.register_plugin(dask_render.Renderer(blob))
            wanted = [f"user{number}" for number in range(60)]
            assert dask_render.render_on(client, 60) == wanted
            (before,) = client.run(os.getpid).values()
            client.run(os._exit, 1, on_error="ignore")
            client.wait_for_workers(1, timeout=60)
            assert dask_render.render_on(client, 60) == wanted
            (after,) = client.run(os.getpid).values()
            assert after != before
        print("all as it should be")


    if __name__ == "__main__":
        main()
"""
