"""The example of a web server, as it is run: gunicorn's workers, made by fork, under load."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
WORKERS, THREADS = 2, 4

# The example's app with a page that doesn't end, and one that says which worker it is.
SERVED = """
import os
from react_server import app, pool

@app.get("/spin")
def spin():
    with pool.context() as ctx:
        return ctx.eval("for (;;);", timeout=0.2)

@app.get("/worker")
def worker():
    return str(os.getpid())
"""


@pytest.fixture
def server(tmp_path):
    """The port of a server that runs."""
    (tmp_path / "served.py").write_text(SERVED)
    with socket.socket() as listener:  # the server's, so that nobody else gets the port
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        path = [str(tmp_path), str(EXAMPLES), *filter(None, sys.path)]
        options = ["--preload", f"--workers={WORKERS}", f"--threads={THREADS}", f"--bind=fd://{listener.fileno()}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "served:app"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield listener.getsockname()[1]
        finally:
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=60)[1]
    assert process.returncode == 0, said
    assert "Traceback" not in said, said


def get(port, path, timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def page(port, number):
    status, text = get(port, f"/?user=user{number}&item=a{number}&item=%3Cb%3E")
    wanted = f"<h1>Hello, user{number}!</h1><ul><li>a{number}</li><li>&lt;b&gt;</li></ul><small>visit 1</small>"
    return status == 200 and wanted in text


@pytest.mark.slow
def test_pages_of_many_clients_are_their_own(server):
    with ThreadPoolExecutor(12) as clients:
        assert all(clients.map(lambda number: page(server, number), range(3000)))
        # Pages that don't end are stopped and hold up nobody else.
        spinning = [clients.submit(get, server, "/spin") for _ in range(6)]
        assert all(clients.map(lambda number: page(server, number), range(200)))
        assert {each.result()[0] for each in spinning} == {503}
        assert all(clients.map(lambda number: page(server, number), range(200)))
    found = [json.loads(get(server, "/statistics")[1]) for _ in range(20)]
    assert all(each["isolates"] <= each["size"] for each in found)
    assert any(each["reused"] > 100 for each in found)
    assert any(each["replaced"].get("timeout", 0) > 0 for each in found)


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_by_one_that_works(server):
    workers = set()
    while len(workers) < WORKERS:
        workers.add(get(server, "/worker")[1])
    os.kill(int(workers.pop()), signal.SIGKILL)
    until = time.monotonic() + 60
    fresh = set()
    while not fresh:
        assert time.monotonic() < until
        try:
            fresh = {get(server, "/worker")[1]} - workers
        except OSError:  # the connection was the dead worker's
            continue
    with ThreadPoolExecutor(8) as clients:
        assert all(clients.map(lambda number: page(server, number), range(200)))
