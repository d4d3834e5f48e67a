"""The magics in Jupyter's own kernel, whose asyncio loop runs while a cell does; and the tutorials as notebooks."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import jupytext
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

TUTORIALS = [
    path
    for path in sorted((Path(__file__).parent.parent / "docs" / "tutorials").glob("*.md"))
    if "format_name: myst" in path.read_text()
]


class Kernel:
    """A kernel process and what cells gave there."""

    def __init__(self, cwd):
        self.manager = KernelManager(kernel_name="python3")
        paths = os.pathsep.join(path for path in sys.path if path)
        self.manager.start_kernel(
            cwd=str(cwd),
            env={**os.environ, "PYTHONPATH": paths, "IPYTHONDIR": str(cwd), "JUPYTER_RUNTIME_DIR": str(cwd)},
        )
        self.connect()

    def connect(self):
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, cell):
        """What it wrote, the data it showed, and the error with its lines."""
        self.out, self.data, self.error = "", {}, None

        def hook(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                self.out += content["text"]
            elif message["msg_type"] in ("execute_result", "display_data"):
                self.data = content["data"]
            elif message["msg_type"] == "error":
                self.error = (content["ename"], "\n".join(content["traceback"]))

        reply = self.client.execute_interactive(cell, output_hook=hook, timeout=60)
        assert (reply["content"]["status"] == "ok") == (self.error is None)
        return self

    def value(self, cell):
        """A cell that must go well: its value's text."""
        self.run(cell)
        assert self.error is None, self.error
        return self.data.get("text/plain")

    def close(self):
        self.client.stop_channels()
        if self.manager.is_alive():
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture
def kernel(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        assert kernel.value("import v8snap\n%load_ext v8snap") is None
        yield kernel
    finally:
        kernel.close()


def test_values_errors_and_output_reach_the_notebook(kernel):
    kernel.run("%%js\nconsole.log('out'); ({a: ['<b>']})")
    assert kernel.out == "out\n"
    assert kernel.data["text/plain"] == "<JSObject {a: ['<b>']}>"
    assert "<details>" in kernel.data["text/html"]
    assert "&lt;b&gt;" in kernel.data["text/html"]
    kernel.run("%%js\nthrow new TypeError('no')")
    name, lines = kernel.error
    assert name == "JSError"
    assert "TypeError: no" in lines
    assert "Traceback" not in lines
    assert kernel.value("%%js\n[Symbol('\\ud800'), '\\udfff']") == "<JSArray [Symbol(\\ud800), '\\udfff']>"


def test_awaiting_holds_up_no_task_of_the_kernels_loop(kernel):
    kernel.value(
        "import asyncio\nticks = []\n"
        "async def tick():\n    while True:\n        ticks.append(1)\n        await asyncio.sleep(0.01)\n"
        "task = asyncio.create_task(tick())\n"
        "async def fetch(n):\n    await asyncio.sleep(0.3)\n    return n + len(ticks)"
    )
    assert int(kernel.value("%%js --push fetch\nconst got = await fetch(1000); got")) > 1010
    assert int(kernel.value("len(ticks)")) > 10
    assert kernel.value("x = %js await fetch(-1e6)\nx < 0") == "True"
    assert kernel.value("%%js\nawait new Promise((done) => setTimeout(done, 5, 'timer'))") == "'timer'"
    assert kernel.value("task.cancel()") == "True"


def test_timers_go_on_after_their_cell(kernel):
    kernel.value("%%js\nlet n = 0; const id = setInterval(() => { if (++n === 3) clearInterval(id) }, 1)")
    for _ in range(100):
        if kernel.value("%js n") == "3":
            return
        time.sleep(0.05)
    raise AssertionError("the timers never ran")


@pytest.mark.parametrize("cell", ["for (;;);", "await null; for (;;);", "await new Promise(() => {})"])
def test_interrupting_stops_a_cell(kernel, cell):
    kernel.value("%%js\nvar kept = 1; await 1")
    # What the manager's interrupt_kernel() does, which would make an event loop for the timer's thread.
    threading.Timer(0.5, os.kill, (kernel.manager.provisioner.pid, signal.SIGINT)).start()
    kernel.run("%%js\n" + cell)
    name, lines = kernel.error
    assert name == "KeyboardInterrupt"
    assert "JavaScript was stopped" in lines
    assert "Traceback" not in lines
    assert kernel.value("%js kept") == "1"


def test_a_kernel_restarts_while_javascript_runs(kernel):
    kernel.client.execute("%%js\nfor (;;);")
    time.sleep(0.5)
    kernel.client.stop_channels()
    kernel.manager.restart_kernel(now=True)
    kernel.connect()
    kernel.value("import v8snap\n%load_ext v8snap")
    assert kernel.value("%js 1 + 1") == "2"


def test_a_kernel_shuts_down_at_once_with_timers_and_values_open(kernel):
    kernel.value("%%js\nsetInterval(() => {}, 1); globalThis.all = [{}]; all")
    began = time.monotonic()
    kernel.manager.shutdown_kernel(now=False)
    assert time.monotonic() - began < 4  # it is killed after 5 seconds
    assert not kernel.manager.is_alive()


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_run(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = jupytext.read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()  # raises at an error that its cell isn't tagged for
    tagged = [cell for cell in notebook.cells if "raises-exception" in cell.metadata.get("tags", ())]
    for cell in tagged:
        assert any(output.output_type == "error" for output in cell.outputs), cell.source
    assert any("text/html" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ()))


def test_there_are_three_tutorials():
    assert len(TUTORIALS) == 3
