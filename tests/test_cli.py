"""``v8snap build`` and ``run``: what they print, how they end, and how errors look."""

import errno
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import v8snap
from v8snap import cli
from v8snap.cli import failures
from v8snap.interactive import error_lines

APP = """\
const greet = (name) => `Hello, ${name}!`
function fail() { throw new TypeError("no such page") }
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files into the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(**sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.js").write_text(source, encoding="utf-8")

    return write


def v8snap_(*arguments, code=0, **options):
    done = CliRunner().invoke(cli.main, [str(argument) for argument in arguments], **options)
    assert done.exit_code == code, (done.output, done.exception)
    assert "Traceback" not in done.output
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A snapshot's file, built once."""
    path = tmp_path_factory.mktemp("built") / "app.v8snap"
    v8snap.build({"app.js": APP}).save(path)
    return path


@pytest.fixture
def app(write, built):
    """It and its source, in the current folder."""
    write(app=APP)
    shutil.copy(built, "app.v8snap")
    return "app.v8snap"


def test_scripts_run_in_the_order_given(write):
    write(first="var order = ['first']", second="order.push('second')", warm="order.push('warm')")
    done = v8snap_("build", "first.js", "second.js", "-o", "app.v8snap", "-w", "warm.js", "--json")
    facts = json.loads(done.stdout)
    assert [script["name"] for script in facts["scripts"]] == ["first.js", "second.js", "<warmup>"]
    assert facts["bytes"] == len(v8snap.StartupData.load("app.v8snap"))
    assert v8snap_("run", "app.v8snap", "-e", "order.join()").stdout == "first,second\n"


def test_each_context_has_its_own_scripts_and_all_that_scripts_expect(write):
    write(main="var which = 'main'", de="var which = 'de'", more="which += typeof setTimeout + typeof ask")
    given = ("-c", "de=de.js", "-c", "de=more.js", "-c", "none=de.js", "--external", "ask", "--host", "timers")
    v8snap_("build", "main.js", "-o", "a.v8snap", *given)
    blob = v8snap.StartupData.load("a.v8snap")
    assert blob.context_names == ("de", "none")
    assert blob.external_references == ("ask",)
    assert v8snap_("run", "a.v8snap", "-e", "which").stdout == "main\n"
    assert v8snap_("run", "a.v8snap", "-c", "de", "-e", "which").stdout == "defunctionfunction\n"
    assert v8snap_("run", "a.v8snap", "-c", "none", "-e", "which").stdout == "de\n"
    assert "no context named 'fr'" in v8snap_("run", "a.v8snap", "-c", "fr", "-e", "1", code=1).stderr


def test_modules_are_in_the_snapshot(write, tmp_path):
    write(app="import {x} from './lib.js'; globalThis.got = x", lib="export const x = 7")
    v8snap_("build", "-m", "app.js", "-m", "lib.js", "-o", "m.v8snap")
    assert v8snap_("run", "m.v8snap", "-e", "got").stdout == "7\n"


def test_added_contexts_have_modules_of_their_own(write):
    write(main="var which = 'main'", de="globalThis.which = word", word="import {x} from './x.js'; globalThis.word = x")
    write(x="export const x = 'Hallo'")
    modules = ("--context-module", "de=word.js", "--context-module", "de=x.js", "--context-module", "bare=x.js")
    v8snap_("build", "main.js", "-o", "a.v8snap", *modules)
    assert v8snap.StartupData.load("a.v8snap").context_names == ("de", "bare")
    assert v8snap_("run", "a.v8snap", "-c", "de", "-e", "word").stdout == "Hallo\n"
    assert v8snap_("run", "a.v8snap", "-c", "bare", "-e", "typeof word").stdout == "undefined\n"
    missing = v8snap_("build", "main.js", "-o", "b.v8snap", "--context-module", "de=word.js", code=1)
    assert missing.stderr.startswith("module './x.js', imported by 'word.js', is not found")
    assert "--context-module" in missing.stderr


def test_a_deterministic_build_gives_the_same_bytes(write):
    write(app="var table = new Map([['a', Math.random()]])")
    for name in ("one", "two"):
        v8snap_("build", "app.js", "-o", name, "--deterministic")
    one, two = (v8snap.StartupData.load(name) for name in ("one", "two"))
    assert one == two


def test_clear_drops_compiled_functions(write):
    write(app="function f() { return [" + "1 + x()," * 3000 + "] }; var x = () => 1; f()")
    for name, options in {"kept": (), "cleared": ("--clear",)}.items():
        v8snap_("build", "app.js", "-o", name, *options)
    assert len(v8snap.StartupData.load("cleared")) < len(v8snap.StartupData.load("kept"))


def test_a_signed_file_is_run_with_its_key_only(write, tmp_path):
    write(app=APP)
    for name, key in {"key": b"secret\n", "other": b"other", "empty": b""}.items():
        (tmp_path / name).write_bytes(key)
    v8snap_("build", "app.js", "-o", "s.v8snap", "--sign-key-file", "key")
    assert v8snap_("run", "s.v8snap", "--sign-key-file", "key", "-e", "1").stdout == "1\n"
    assert (
        "not signed with this key" in v8snap_("run", "s.v8snap", "--sign-key-file", "other", "-e", "1", code=5).stderr
    )
    assert "empty is empty" in v8snap_("run", "s.v8snap", "--sign-key-file", "empty", "-e", "1", code=2).stderr


def test_a_failed_build_leaves_the_old_file(write, tmp_path):
    write(bad="var format = new Intl.NumberFormat('de')", endless="for (;;) {}")
    (tmp_path / "app.v8snap").write_text("old")
    assert "format" in v8snap_("build", "bad.js", "-o", "app.v8snap", code=1).stderr
    v8snap_("build", "endless.js", "-o", "app.v8snap", "--timeout", "0.2", code=1)
    assert (tmp_path / "app.v8snap").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["app.v8snap", "bad.js", "endless.js"]


def test_what_can_not_be_read_or_written_is_named_before_any_work(write, tmp_path):
    write(app="throw new Error('has run')")
    v8snap.build({"app.js": "1"}).save("app.v8snap")
    (tmp_path / "binary.js").write_bytes(b"\xff\xfe")
    for arguments in (
        ("build", "app.js", "-o", "none/app.v8snap"),
        ("inspect", "app.v8snap", "--html", "none/app.html"),
    ):
        assert v8snap_(*arguments, code=6).stderr == f"{tmp_path}/none: No such file or directory\n"
    for arguments in (
        ("build", "app.js", "binary.js", "-o", "x"),
        ("build", "app.js", "-w", "binary.js", "-o", "x"),
        ("build", "app.js", "-m", "binary.js", "-o", "x"),
        ("build", "app.js", "-c", "de=binary.js", "-o", "x"),
        ("run", "app.v8snap", "binary.js"),
        ("bench", "app.js", "-w", "binary.js"),
        ("bench", "binary.js"),
    ):
        complaint = v8snap_(*arguments, code=6).stderr
        assert complaint.startswith("'utf-8' codec can't decode byte 0xff")
        assert complaint.endswith("binary.js\n")


def test_a_full_disk_is_named_and_leaves_no_file(app, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    complaint = v8snap_("build", "app.js", "-o", "new.v8snap", code=6).stderr
    assert complaint == f"{tmp_path}/new.v8snap: No space left on device\n"
    assert sorted(os.listdir(tmp_path)) == ["app.js", "app.v8snap"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("build", "-o", "x"), "give scripts"),
        (("build", "app.js"), "--output"),
        (("build", "none.js", "-o", "x"), "none.js"),
        (("build", "app.js", "-o", "x", "-c", "name"), "NAME=FILE"),
        (("build", "app.js", "-o", "x", "-c", "name=none.js"), "none.js"),
        (("build", "app.js", "-o", "x", "--host", "nothing"), "nothing"),
        (("run", "app.v8snap"), "FILE or -e"),
        (("run", "app.v8snap", "app.js", "-e", "1"), "FILE or -e"),
        (("run", "app.v8snap", "app.js", "--json"), "--json"),
        (("run", "app.v8snap", "-e", "1", "--external", "a"), "NAME=MODULE:FUNCTION"),
        (("run", "app.v8snap", "-e", "1", "--external", "a=no_such_module:f"), "no_such_module"),
        (("nothing",), "No such command"),
    ],
)
def test_wrong_usage_is_code_2(app, arguments, text):
    assert text in v8snap_(*arguments, code=2).stderr


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("greet('Ada')", "Hello, Ada!\n"),
        ("({a: [1, 2n, new Date(0)]})", "{ a: [ 1, 2n, 1970-01-01T00:00:00.000Z ] }\n"),
        ("undefined", ""),
        ("null", "null\n"),
        ("-0", "-0\n"),
        ("new Promise((done) => setTimeout(done, 5, 'later'))", "later\n"),
        ("await 1; const {a, b: [c]} = await {a: 1, b: [2]} // x; y\na + c", "3\n"),
        ("'\\ud800'", "�\n"),
    ],
)
def test_values_are_printed_as_node_would(app, expression, shown):
    done = v8snap_("run", app, "--host", "timers", "-e", expression)
    assert done.stdout.replace("?", "�") == shown
    assert done.stderr == ""


def test_json_is_json(app):
    assert json.loads(v8snap_("run", app, "--json", "-e", "({a: [1, new Date(0)]})").stdout) == {
        "a": [1, "1970-01-01T00:00:00.000Z"]
    }
    assert v8snap_("run", app, "--json", "-e", "undefined").stdout == "null\n"
    assert "BigInt" in v8snap_("run", app, "--json", "-e", "1n", code=1).stderr


def test_the_console_writes_to_both_streams(app, write):
    write(say="console.log('%d', 1, {a: 1}); console.warn('two'); console.error('three')")
    done = v8snap_("run", app, "say.js")
    assert done.stdout == "1 { a: 1 }\n"
    assert done.stderr == "two\nthree\n"


def test_a_console_of_the_snapshots_own_stays(write):
    write(app="var said = []; globalThis.console = {log: (text) => said.push(text)}")
    v8snap_("build", "app.js", "-o", "app.v8snap")
    assert v8snap_("run", "app.v8snap", "-e", "console.log('x'); said.join()").stdout == "x\n"


@pytest.mark.parametrize("console", ["undefined", "{get log() { throw 1 }}", "new Proxy({}, {get() { throw 1 }})"])
def test_a_console_of_an_unusual_kind_does_no_harm(write, console):
    write(app=f"globalThis.console = {console}")
    v8snap_("build", "app.js", "-o", "app.v8snap")
    assert v8snap_("run", "app.v8snap", "-e", "1").stdout == "1\n"


def test_a_script_comes_from_standard_input(app):
    assert v8snap_("run", app, "-", input="console.log(greet('Ada'))").stdout == "Hello, Ada!\n"


def test_python_functions_are_brought_along(write, tmp_path):
    write(app="const page = (x) => ask(x)")
    (tmp_path / "functions_for_app.py").write_text("def ask(x):\n    return f'asked {x}'\n")
    v8snap_("build", "app.js", "-o", "app.v8snap", "--external", "ask")
    given = ("--external", "ask=functions_for_app:ask")
    assert v8snap_("run", "app.v8snap", "-e", "page(1)", *given).stdout == "asked 1\n"
    assert "--external ask=MODULE:FUNCTION" in v8snap_("run", "app.v8snap", "-e", "page(1)", code=1).stderr


def test_an_error_shows_its_line_with_a_caret(app):
    done = v8snap_("run", app, "-e", "fail()", code=1)
    assert done.stdout == ""
    assert done.stderr == (
        "app.js:2:19\n"
        'function fail() { throw new TypeError("no such page") }\n'
        "                  ^\n"
        "TypeError: no such page\n"
        "    at fail (app.js:2:25)\n"
        "    at <eval>:1:1\n"
    )


def test_an_error_while_building_shows_its_line_with_a_caret(write):
    write(bad="let x = 1;\nlet y = ;\n")
    done = v8snap_("build", "bad.js", "-o", "x.v8snap", code=1)
    assert done.stderr == "bad.js:2:9\nlet y = ;\n        ^\nSyntaxError: Unexpected token ';'\n"


@pytest.mark.parametrize(
    "expression", ["Promise.reject(new Error('x'))", "Promise.reject(new Error('x')); 1", "throw 5"]
)
def test_what_is_thrown_or_rejected_is_code_1(app, expression):
    v8snap_("run", app, "-e", expression, code=1)


def test_places_after_an_await_are_those_of_the_source(app):
    done = v8snap_("run", app, "-e", "await 1\nthrow new Error('late')", code=1)
    assert done.stderr.startswith("<eval>:2:7\nthrow new Error('late')\n      ^\nError: late\n    at <eval>:2:7")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("await 1;\nlet x = ;", ["<eval>:2:9", "let x = ;", "        ^", "SyntaxError: Unexpected token ';'"]),
        ("await 1;\nf(", ["<eval>:2:3", "f(", "  ^", "SyntaxError: Unexpected end of input"]),
        ("await", ["<eval>:1:1", "await", "^", "ReferenceError: await is not defined"]),
    ],
)
def test_what_is_wrong_beside_an_await_is_said(app, source, shown):
    assert v8snap_("run", app, "-e", source, code=1).stderr.splitlines()[:4] == shown


def test_errors_of_a_warm_up_are_in_its_file(app, write):
    write(warm="\nfail()", wrong="let = ;")
    shown = v8snap_("build", "app.js", "-w", "warm.js", "-o", "x", code=1).stderr.splitlines()
    assert shown[:3] == ["app.js:2:19", APP.splitlines()[1], " " * 18 + "^"]
    assert shown[-1] == "    at warm.js:2:1"
    assert v8snap_("build", "app.js", "-w", "wrong.js", "-o", "x", code=1).stderr.startswith("wrong.js:1:")


def test_scripts_of_the_commands_own_are_not_shown(app):
    shown = v8snap_("run", app, "--json", "-e", "const a = {}; a.a = a; a", code=1).stderr
    assert shown.startswith("TypeError: Converting circular structure to JSON\n")


def test_streams_that_are_closed_or_know_few_letters(app, monkeypatch):
    from v8snap import __main__ as program

    written = io.BytesIO()
    for stream in (io.TextIOWrapper(written, encoding="latin-1", write_through=True), None):
        monkeypatch.setattr(sys, "argv", ["v8snap", "run", app, "-e", "console.log('€ü'); 'ж'"])
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as ended:
            program.main()
        assert ended.value.code == 0
    assert written.getvalue() == b"?\xfc\n?\n"
    monkeypatch.setattr(sys, "argv", ["v8snap", "run", app, "-"])
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2


def test_causes_are_shown(app):
    done = v8snap_("run", app, "-e", "throw new Error('outer', {cause: new RangeError('inner')})", code=1)
    assert "caused by RangeError: inner" in done.stderr
    circle = "const e = new Error('x'); e.cause = e; throw e"
    assert v8snap_("run", app, "-e", circle, code=1).stderr.count("caused by") <= error_lines.MOST_CAUSES


def test_a_promise_that_never_settles_is_an_error(app):
    assert "never settles" in v8snap_("run", app, "-e", "new Promise(() => {})", code=1).stderr


def test_an_error_can_not_move_the_cursor(app):
    done = v8snap_("run", app, "-e", "throw new Error('\\x1b[2Jcleared')", code=1)
    assert "\x1b" not in done.stderr
    assert "\\x1b[2Jcleared" in done.stderr


@pytest.mark.parametrize(
    ("line", "column", "shown", "marked"),
    [
        ("  /*😀*/ throw 1", 10, "  /*😀*/ throw 1", "t"),
        ("\tthrow 1", 2, "\tthrow 1", "t"),
        ("x" * 500 + "throw" + "y" * 500, 501, None, "t"),
        ("x" * 500 + "t", 501, None, "t"),
        ("throw", 1, "throw", "t"),
        ("throw", 99, "throw", ""),
        ("", 1, "", ""),
    ],
)
def test_the_caret_is_below_the_column(line, column, shown, marked):
    from rich.cells import cell_len

    text, caret = error_lines.excerpt(line, column)
    assert shown is None or text == shown
    assert cell_len(text) <= error_lines.MOST_OF_A_LINE + 2
    assert caret.endswith("^")
    indent = caret[:-1]
    place = 0
    while cell_len(text[:place].replace("\t", " ")) < len(indent):
        place += 1
    assert text[place : place + 1] == marked
    assert indent.count("\t") == text[:place].count("\t")


def test_files_that_are_no_snapshot_are_code_3(app, tmp_path):
    content = (tmp_path / app).read_bytes()
    for name, damaged in {"text": b"var x", "empty": b"", "cut": content[:-1], "hit": content[:-9] + bytes(9)}.items():
        (tmp_path / name).write_bytes(damaged)
        v8snap_("run", name, "-e", "1", code=3)


def test_every_command_has_an_example():
    assert "Example:" in v8snap_("--help").stdout
    for name in cli.COMMANDS:
        assert f"Example: v8snap {name}" in v8snap_(name, "--help").stdout, name


def test_the_help_needs_no_v8(child_ok):
    code = """
        import sys
        from click.testing import CliRunner
        from v8snap import cli
        assert CliRunner().invoke(cli.main, ["--help"]).exit_code == 0
        assert CliRunner().invoke(cli.main, ["build", "--help"]).exit_code == 0
        print("v8snap._v8" in sys.modules)
    """
    assert child_ok(code) == "False\n"


def command(*arguments, **options):
    """The command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        [sys.executable, "-m", "v8snap", *arguments],
        env=environment, capture_output=True, text=True, timeout=60, check=False, **options,
    )  # fmt: skip


def test_a_real_process_prints_and_ends_as_it_should(app):
    done = command("run", app, "-e", "console.log('said'); console.error('complained'); greet('Ada')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "said\nHello, Ada!\n", "complained\n")
    done = command("run", app, "-e", "fail()")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_with_130(app):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "v8snap", "run", app, "-e", "console.log('begun'); for (;;);"],
        env={**environment, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in complaint


def test_a_reader_that_goes_away_is_no_traceback(app):
    program = f"{shlex.quote(sys.executable)} -m v8snap run {app} -e \"'x\\n'.repeat(1e6)\" | head -1"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(program, shell=True, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("x\n", "")


def test_the_document_names_what_is_there():
    text = (Path(__file__).parent.parent / "docs" / "reference" / "cli.md").read_text()
    commands = {name: cli.main.get_command(None, name) for name in cli.COMMANDS}
    assert set(re.findall(r"v8snap (\w+) ", text)) >= {
        "build",
        "run",
        "repl",
        "inspect",
        "diff",
        "verify",
        "completion",
    }
    options = {option for each in (*commands.values(), cli.main) for one in each.params for option in one.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text))
    assert len(named) > 10
    assert named - {"--help"} <= options
    table = dict(re.findall(r"^\| (\d+) \| (.*) \|$", text, re.M))
    codes = {code for _, code in failures.EXIT_CODES} | {0, 2, failures.INTERRUPTED}
    assert {int(code) for code in table} == codes
