"""The magics of ``%load_ext v8snap``, in a shell of this process."""

import asyncio
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import v8snap
from v8snap.notebook import html, magics


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell with the extension; running a cell gives its result and keeps what it wrote."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell(config=config)
    shell.run_cell("%load_ext v8snap", store_history=True)
    yield shell
    shell.run_cell("%unload_ext v8snap")
    shell.reset()


@pytest.fixture
def run(shell, capsys):
    """Runs a cell that must go well; its value."""

    def run(cell):
        result = shell.run_cell(cell, store_history=True)
        run.said = capsys.readouterr()
        assert result.success, (run.said.out, run.said.err)
        return result.result

    return run


@pytest.fixture
def fail(shell, capsys):
    """Runs a cell that must fail; the lines it shows."""

    def fail(cell):
        result = shell.run_cell(cell, store_history=True)
        said = capsys.readouterr()
        assert not result.success, said.out
        fail.error = result.error_in_exec
        return (said.out + said.err).rstrip().splitlines()

    return fail


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("%%js\n1 + 1", 2),
        ("%%js\n'text';\n", "text"),
        ("%%js\n// nothing", None),
        ("%%js\nundefined", None),
        ("%%js\nconst x = 5; x * 2", 10),
        ("%js [1, 2].length", 2),
        ("%js '{x} ${y} $z \\'' + \"q\"", "{x} ${y} $z 'q"),
        ("%js --timeout 5 --context other 1 - 1", 0),
        ("%js await Promise.resolve(6)", 6),
        ("%%js\nconst later = await new Promise((done) => setTimeout(done, 5, 7));\nlater", 7),
        ("%%js\n'use strict'; let e; try { missing = 1 } catch (error) { e = error.name }; e", "ReferenceError"),
    ],
)
def test_the_last_value_is_the_cells(run, cell, value):
    assert run(cell) == value


def test_what_a_cell_declares_stays_and_may_be_declared_again(run, fail):
    for value in (1, 2):
        names = f"const a = {value}; let [b, {{c}}] = [a, {{c: a}}]; class K {{}}; "
        run(f"%%js\n{names}function f() {{ return a + b + c }}")
        assert run("%js f()") == 3 * value
    run("%js b = 10")
    assert run("%js f()") == 14
    assert fail("%js a = 1")[0] == "TypeError: Assignment to constant variable."
    run("%%js\nconst a = await 5")
    assert run("%js a") == 5


def test_a_line_goes_into_a_variable(run, shell):
    run("x = %js 'v' + 1")
    run("y = %js await Promise.resolve([1, 2])")
    assert shell.user_ns["x"] == "v1"
    assert shell.user_ns["y"].to_py() == [1, 2]


def test_await_in_a_python_block(run, shell):
    cell = "found = []\nfor i in range(3):\n    value = %js await new Promise((done) => setTimeout(done, 1, 4))\n"
    run(cell + "    found.append(value)")
    assert shell.user_ns["found"] == [4, 4, 4]


def test_without_ipythons_autoawait_javascript_still_awaits(run, shell):
    run("%autoawait False")
    assert run("%%js\nawait new Promise((done) => setTimeout(done, 1, 3))") == 3


def test_async_python_functions_run_on_the_loop_around(run, shell):
    run("import asyncio\nasync def fetch(n):\n    await asyncio.sleep(0.001)\n    return n * 2")
    assert run("%%js --push fetch\nconst all = await Promise.all([fetch(1), fetch(2)]); all.join()") == "2,4"


def test_python_that_only_looks_like_a_magic_is_left_alone(run, shell):
    cell = "text = \"get_ipython().run_line_magic('js', 'await 1')\"\nasync def f():\n    await asyncio.sleep(0)"
    run("import asyncio\n" + cell)
    assert shell.user_ns["text"] == "get_ipython().run_line_magic('js', 'await 1')"


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("get_ipython().run_cell_magic('js', '', 'await 1')\n", True),
        ("é = get_ipython().run_line_magic('js', 'await 1')\n", True),
        ("get_ipython().run_line_magic('js', '--timeout 3 await 1')\n", True),
        ("get_ipython().run_line_magic('js', \"'await'\")\n", False),
        ("get_ipython().run_cell_magic('js', '', 'async function f() { await 1 }')\n", False),
        ("get_ipython().run_cell_magic('js', '--no-such-option', 'await 1')\n", False),
        ("get_ipython().run_cell_magic('html', '', \"_magic('js', await\")\n", False),
        ("if True:\n    get_ipython().run_line_magic('js', 'await 1')\n", False),
        ("get_ipython().run_line_magic('js', 'await 1'\n", False),
    ],
)
def test_only_what_awaits_is_awaited(shell, code, changed):
    lines = shell.magics_manager.registry["V8SnapMagics"].put_await(code.splitlines(keepends=True))
    assert ("".join(lines) != code) == changed
    if changed:
        assert "".join(lines) == code.replace("get_ipython", "await get_ipython").replace("'js'", "'js_async'")


# ---------------------------------------------------------------- Python's side


def test_variables_go_in_and_results_come_out_as_copies(run, shell):
    run("rows = [{'n': 1}, {'n': 2}]\nfactor = 10")
    run("%%js --push rows,factor --pull total,byName\nvar total = 0; for (const row of rows) total += row.n * factor;"
        "const byName = new Map([['a', rows]])")  # fmt: skip
    assert shell.user_ns["total"] == 30
    assert shell.user_ns["byName"] == {"a": [{"n": 1}, {"n": 2}]}
    assert (
        run("%%js --push rows --pull doubled\nconst doubled = await Promise.all(rows.map((row) => row.n * 2))") is None
    )
    assert shell.user_ns["doubled"] == [2, 4]


@pytest.mark.parametrize(
    "cell",
    [
        "%%js --push missing\n1",
        "%%js --push a-b\n1",
        "%%js --pull class\n1",
        "%%js --push a, b\n1",
        "%%js --timeout 0\n1",
        "%%js --timeout soon\n1",
        "%%js --nonsense\n1",
        "%js",
        "%js --timeout 3",
        "%%snapshot\n1",
        "%%snapshot a.b\n1",
        "%%snapshot x --host nonsense\n1",
        "%%snapshot x --heap-limit many\n1",
        "%%snapshot x --script nowhere.js\n1",
        "%js_restore missing",
        "%js_restore --context german",
    ],
)
def test_wrong_usage_is_said_in_a_line(fail, cell):
    said = fail(cell)
    assert len(said) == 1
    assert said[0].startswith("UsageError: ")


def test_the_console_writes_to_the_cells_output(run):
    run("%%js\nconsole.log('one', {a: 1}); console.warn('two'); console.error('\\ud800')")
    assert run.said.out == "one { a: 1 }\n"
    assert run.said.err == "two\n?\n"


# ---------------------------------------------------------------- errors


def test_an_error_shows_the_line_a_caret_and_the_stack(fail):
    said = fail("%%js\nconst one = 1;\nfunction f() { throw new TypeError('no') }\n  f()")
    name = said[0].partition(":")[0]
    assert re.fullmatch(r"In\[\d+\]", name)
    assert said == [
        f"{name}:2:16",
        "function f() { throw new TypeError('no') }",
        "               ^",
        "TypeError: no",
        f"    at f ({name}:2:22)",
        f"    at {name}:3:3",
    ]
    assert isinstance(fail.error, v8snap.JSError)


@pytest.mark.parametrize(
    ("cell", "line", "at"),
    [
        ("%%js\nawait null; missing()", 1, "missing"),
        ("%%js\nawait null;   /* é😀 */ missing()", 1, "/*"),
        ("%%js\nawait null; ({}).a.missing", 1, "missing"),
        ("%%js\nawait null\nmissing()", 2, "missing"),
        ("%%js\nconst a = 1; a + missing", 1, "missing"),
        ("%%js\nconst a = 1\n\nif (a) { missing }", 3, "missing"),
        ("%%js\nlet 1", 1, "1"),
        ("%%js\nawait ]", 1, "]"),
    ],
)
def test_places_are_those_in_the_cell(fail, cell, line, at):
    said = fail(cell)
    column = cell.splitlines()[line].index(at) + 1
    assert re.fullmatch(rf"In\[\d+\]:{line}:{column}", said[0]), said
    assert said[1] == cell.splitlines()[line]
    assert said[2] == " " * (column - 1) + "^"


def test_errors_of_one_cells_scripts_are_told_apart(fail):
    said = fail("a = %js 1\nb = %js await missing()")
    assert re.fullmatch(r"In\[\d+\]\.2:1:1", said[0])
    assert said[1] == "await missing()"


def test_text_of_errors_can_not_move_a_terminals_cursor(fail):
    said = fail("%%js\nthrow new Error('a\\x1b[2J\\ud800')")
    assert said[-2].startswith("Error: a\\x1b[2J\\ud800")


def test_an_exception_of_python_keeps_pythons_traceback(fail, run):
    run("def boom():\n    raise KeyError('in Python')")
    said = "\n".join(fail("%%js --push boom\nboom()"))
    assert "Traceback" in said
    assert "raise KeyError('in Python')" in said
    assert "JavaScript stack:" in said
    assert isinstance(fail.error, KeyError)


@pytest.mark.parametrize("cell", ["for (;;);", "await null; for (;;);", "await new Promise(() => {})"])
def test_a_timeout_stops_a_cell(fail, run, cell):
    began = time.monotonic()
    said = fail("%%js --timeout 0.2\n" + cell)
    assert time.monotonic() - began < 5
    assert "timeout" in said[0]
    assert len(said) == 1
    assert run("%js 1") == 1


@pytest.mark.parametrize("cell", ["for (;;);", "await null; for (;;);", "await new Promise(() => {})"])
def test_ctrl_c_stops_a_cell(fail, run, cell):
    handler = signal.getsignal(signal.SIGINT)
    run("%%js\nawait 1")
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    said = fail("%%js --timeout 20\n" + cell)
    assert said == ["KeyboardInterrupt: JavaScript was stopped"]
    assert isinstance(fail.error, KeyboardInterrupt)
    assert run("%js 1") == 1
    assert signal.getsignal(signal.SIGINT) is handler


def test_ctrl_c_stops_a_build(fail, run):
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    assert fail("%%snapshot endless --timeout 30\nfor (;;);") == ["KeyboardInterrupt: JavaScript was stopped"]
    assert time.monotonic() - began < 10


def test_what_can_not_go_in_is_said_in_a_line(fail, run):
    run("thing = object()")
    said = fail("%%js --push thing\n1")
    assert len(said) == 1
    assert isinstance(fail.error, v8snap.ConversionError)


def test_a_rejection_nobody_handles_is_written(run):
    run("%%js\nconst a = 1;\nvoid Promise.reject(new Error('alone'))")
    assert "nobody handles it" in run.said.err
    assert "Error: alone" in run.said.err
    assert ":2:21\n" in run.said.err


# ---------------------------------------------------------------- contexts and snapshots


def test_contexts_are_apart(run):
    run("%%js\nvar here = 1")
    assert run("%js --context other typeof here") == "undefined"
    run("%%js --context other\nvar here = 2")
    assert run("%js here") == 1
    assert run("%js --context other here") == 2


def test_a_snapshot_is_built_restored_and_used(run, shell, tmp_path):
    run("library = 'const greet = (name) => `Hello, ${name}!`'")
    (tmp_path / "more.js").write_text("const twice = (text) => text + text")
    blob = run(
        "%%snapshot shop --script library --script more.js --warmup \"page({user: 'Ada'})\" --host console "
        "--save shop.v8snap\nfunction page(data) { return twice(greet(data.user)) }"
    )
    assert shell.user_ns["shop"] is blob
    assert [script["name"] for script in blob.scripts] == ["library.js", "more.js", "shop.js", "<warmup>"]
    assert bytes(v8snap.StartupData.load("shop.v8snap")) == bytes(blob)
    for name in ("shop", "shop.v8snap", "'shop.v8snap'"):
        run(f"%js_restore {name}")
        assert run("%js page({user: 'Grace'})") == "Hello, Grace!Hello, Grace!"
    run("%js_restore")
    assert run("%js typeof page") == "undefined"


def test_contexts_of_a_snapshot(run, shell, fail):
    shell.user_ns["blob"] = v8snap.build(
        {"a.js": "var name = 'default'"}, contexts={"german": {"b.js": "var name = 'deutsch'"}}
    )
    run("%js_restore blob")
    assert [run("%js name"), run("%js --context german name"), run("%js --context new name")] == [
        "default",
        "deutsch",
        "default",
    ]
    run("%js_restore blob --context german")
    assert run("%js name") == "deutsch"
    assert "no context named 'french'" in fail("%js_restore blob --context french")[0]
    assert run("%js name") == "deutsch"


def test_options_of_restoring(run, fail, shell):
    run("%js_restore --host url --timeout 0.2 --heap-limit 20")
    assert run("%js new URL('http://a/b').pathname") == "/b"
    assert "timeout" in fail("%js for(;;);")[0]
    assert isinstance(fail.error, v8snap.JSTimeoutError)
    fail("%%js --timeout 20\nvar all = []; for (;;) all.push(new Array(1000).fill(1))")
    assert isinstance(fail.error, v8snap.JSMemoryError)


def test_python_functions_of_a_snapshot_are_the_notebooks_at_each_call(run, fail):
    run("%%snapshot blob --external ask\nfunction go() { return ask(2) }")
    run("%js_restore blob")
    assert "define a Python function of that name" in fail("%js go()")[0]
    run("def ask(n): return n + 1")
    assert run("%js go()") == 3
    run("def ask(n): return n + 10")
    assert run("%js go()") == 12


def test_what_can_not_be_built_leaves_the_variable(run, fail, shell):
    run("%%snapshot blob\nvar a = 1")
    before = shell.user_ns["blob"]
    said = fail("%%snapshot blob\nvar a = 1;\n  oops()")
    assert said[:4] == ["blob.js:2:3", "  oops()", "  ^", "ReferenceError: oops is not defined"]
    said = fail("%%snapshot blob\nglobalThis.app = {fmt: new Intl.NumberFormat('en')}")
    assert "globalThis.app.fmt" in "\n".join(said)
    assert shell.user_ns["blob"] is before


def test_a_snapshot_that_does_not_fit_leaves_what_is_there(run, fail, shell):
    blob = run("%%snapshot blob\nvar a = 1")
    run("%%js\nvar kept = 1")
    other = v8snap.StartupData._make(bytes(blob), {**blob._header, "build_id": "another"})
    shell.user_ns["other"] = other
    assert "made by V8" in fail("%js_restore other")[0]
    assert run("%js kept") == 1


# ---------------------------------------------------------------- the extension


def test_values_of_what_was_closed_are_shown_as_that(run):
    value = run("%js [{a: 1}]")
    run("%js_restore")
    assert repr(value) == "<JSArray closed>"
    assert value._repr_html_() is None


def test_unloading_gives_back_ipythons_own_and_loading_twice_is_once(shell, run):
    ours = shell.magics_manager.magics["cell"]["js"]
    magics.load(shell)
    assert shell.magics_manager.magics["cell"]["js"] == ours
    run("%%js\n1")
    run("%unload_ext v8snap")
    assert "V8SnapMagics" not in repr(shell.magics_manager.magics["cell"]["js"])
    assert "js" not in shell.magics_manager.magics["line"]
    assert not {"snapshot", "js_restore", "js_async"} & {*shell.magics_manager.magics["cell"]}
    assert shell.input_transformers_post == []
    magics.unload(shell)
    run("%load_ext v8snap")
    assert run("%js 2") == 2
    run("%reload_ext v8snap")
    assert run("%js 3") == 3


def test_help_is_there(shell):
    for name in ("js", "snapshot", "js_restore"):
        found = shell.magics_manager.magics["cell"].get(name) or shell.magics_manager.magics["line"][name]
        assert "usage" in found.__doc__.lower() or "::" in found.__doc__


def test_beside_a_running_loop_timers_go_on_after_the_cell(shell, capsys):
    async def notebook():
        cell = (
            "%%js\nlet n = 0; const id = setInterval(() => { console.log(++n); if (n === 2) clearInterval(id) }, 1); n"
        )
        result = shell.run_cell(cell)
        assert result.result == 0
        for _ in range(200):
            await asyncio.sleep(0.01)
            if shell.run_cell("%js n").result == 2:
                return

    asyncio.run(notebook())
    assert "1\n2\n" in capsys.readouterr().out.replace("Out", "")


def test_the_page_about_it_is_so(run):
    page = (Path(__file__).parent.parent / "docs" / "how-to" / "jupyter.md").read_text()
    cells = re.findall(r"```ipython\n(.*?)```", page, re.S)
    assert len(cells) > 8
    for cell in cells:
        run(cell)
    for option in re.findall(r"`(--[a-z-]+)", page):
        assert any(option in magic.parser.format_help() for magic in (
            magics.V8SnapMagics.js, magics.V8SnapMagics.snapshot, magics.V8SnapMagics.js_restore
        )), option  # fmt: skip
    for figure in (html.MOST_PARTS, html.MOST_VALUES):
        assert f"{figure:,}" in page
