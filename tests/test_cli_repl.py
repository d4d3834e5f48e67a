"""``v8snap repl``: what is typed is run, completed, kept, and can be interrupted."""

import contextlib
import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.plain_text import PlainTextOutput

import v8snap
from v8snap import cli
from v8snap.cli import repl, start
from v8snap.cli.event_loop import event_loop
from v8snap.cli.repl_input import JavaScriptCompleter, is_complete
from v8snap.interactive import top_level_await

APP = """
const greet = (name) => `Hello, ${name}!`;
let counter = 41, absent;
class Page { render() { return 'page' } }
var shop = { items: { first: 1, second: 2 }, get trap() { counter = 0; return {} } };
"""


@pytest.fixture
def blob(make_blob):
    return make_blob({"app.js": APP})


@pytest.fixture
def type_in(blob, capsys):
    """Types text into a REPL; what it writes to both streams, and what the terminal shows besides."""

    def type_in(text, history=None, **options):
        screen = io.StringIO()
        with (
            create_pipe_input() as pipe,
            create_app_session(input=pipe, output=PlainTextOutput(screen)),
            event_loop() as loop,
            start.opened(loop, blob, **options) as opened,
        ):
            pipe.send_text(text + "\x04")
            repl.interact(opened, history or InMemoryHistory(), loop)
        said = capsys.readouterr()
        return said.out, said.err, screen.getvalue()

    return type_in


def test_values_and_errors_are_shown_and_it_goes_on(type_in):
    out, err, _ = type_in("greet('Ada')\r[1, {a: 2}]\rundefined\rmissing()\r'after'\r")
    assert out.splitlines() == ["'Hello, Ada!'", "[ 1, { a: 2 } ]", "undefined", "'after'"]
    assert err.splitlines()[:4] == ["<repl:4>:1:1", "missing()", "^", "ReferenceError: missing is not defined"]


def test_declarations_last(type_in):
    out, err, _ = type_in("const x = 1\rlet y = 2\rclass A {}\rfunction f() { return x + y }\ry = 5\rf()\r")
    assert out.splitlines()[-1] == "6"
    assert err == ""


def test_input_of_several_lines(type_in):
    out, err, _ = type_in("function f() {\rreturn [\r1,\r2\r]\r}\rf()\r`a\rb`\r/* a\rcomment */ 3\r")
    assert out.splitlines() == ["undefined", "[ 1, 2 ]", r"'a\nb'", "3"]
    assert err == ""


def test_await_at_the_top_level(type_in):
    out, err, _ = type_in(
        "const later = (x) => new Promise((done) => setTimeout(done, 10, x))\r"
        "const {a, b: [c, ...d]} = await later({a: 1, b: [2, 3]})\r"
        "[a, c, d]\r"
        "let n = await later(5); const bump = () => ++n\r"
        "bump(); n\r"
        "n = 10\r"
        "bump()\r"
        "if (await later(true)) {\rvar seen = 'yes'\r}\r"
        "seen\r"
        "a = 2\r"
        "await Promise.reject(new RangeError('rejected'))\r"
    )
    assert out.splitlines()[2::2][:1] == ["[ 1, 2, [ 3 ] ]"]
    assert out.splitlines()[4:] == ["6", "10", "11", "undefined", "'yes'"]
    assert "TypeError: Assignment to constant variable" in err
    assert "RangeError: rejected" in err


def test_a_name_that_is_taken_is_refused_and_stays(type_in):
    out, err, _ = type_in("let n = 1\rconst n = await 2\rn\rlet m = await 3\rlet m = await 4\rm\r")
    assert "SyntaxError: Identifier 'n' has already been declared" in err
    assert "eval)" not in err
    assert out.splitlines() == ["undefined", "1", "undefined", "undefined", "4"]


def test_the_console_and_timers_write_while_something_is_typed(blob, capsys):
    screen = io.StringIO()
    with (
        create_pipe_input() as pipe,
        create_app_session(input=pipe, output=PlainTextOutput(screen)),
        event_loop() as loop,
        start.opened(loop, blob) as opened,
    ):
        opened.context.globals["done"] = lambda: pipe.send_text("\x04")
        pipe.send_text("setTimeout(() => { console.log('ticked'); done() }, 50); console.log('at once')\r")
        repl.interact(opened, InMemoryHistory(), loop)
    assert capsys.readouterr().out.splitlines()[0] == "at once"
    assert "ticked" in screen.getvalue()


def test_a_rejection_nobody_handles_is_shown(type_in):
    _, err, _ = type_in("void Promise.reject(new Error('alone'))\rPromise.reject(new Error('shown'))\r1\r")
    assert "Error: alone" in err
    assert "Error: shown" in err


def test_errors_in_what_awaits_have_the_lines_that_were_typed(type_in):
    _, err, _ = type_in("await 1; function thrower() { throw new Error('x') }\rthrower()\r")
    assert err.splitlines()[0].startswith("<repl:1>:1:")
    assert "at thrower (<repl:1>:1:" in err


def test_commands(type_in):
    out, _, _ = type_in(".help\r   \r.exit\r'not run'\r")
    assert "Tab completes" in out
    assert "not run" not in out


def test_history_is_kept_and_comes_back(type_in, tmp_path):
    path = tmp_path / "history"
    type_in("counter\r", FileHistory(path))
    out, _, _ = type_in("\x1b[A + 1\r", FileHistory(path))
    assert out == "42\n"


def test_history_goes_where_it_can_be_written(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert repl.history_path() == tmp_path / "state" / "v8snap" / "history"
    assert isinstance(repl._history(), FileHistory)
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    assert isinstance(repl._history(), InMemoryHistory)


def test_tab_completes(type_in):
    out, _, _ = type_in("gree\t('Tab')\rshop.items.fir\t\r")
    assert out.splitlines() == ["'Hello, Tab!'", "1"]


@pytest.fixture
def complete(blob):
    with event_loop() as loop, start.opened(loop, blob) as opened:
        completer = JavaScriptCompleter(opened.context)

        def complete(text):
            found = completer.get_completions(Document(text), CompleteEvent(completion_requested=True))
            return [completion.text for completion in found]

        complete.session, complete.completer = opened, completer
        yield complete


def test_globals_of_every_kind_are_completed(complete):
    assert complete("1 + gre") == ["greet"]
    assert complete("coun") == ["counter"]
    assert complete("abs") == ["absent"]
    assert complete("Pag") == ["Page"]
    assert "shop" in complete("sho")
    assert "Array" in complete("Arr")
    assert len(complete("")) > 50


def test_properties_are_completed_without_running_getters(complete):
    assert {"first", "second", "hasOwnProperty"} <= set(complete("shop.items."))
    assert "items" in complete("x = shop.it")
    assert complete("shop.trap.") == []
    assert complete("Page.prototype.ren") == ["render"]
    assert "toFixed" in complete("counter.toF")
    assert complete("missing.") == []
    assert complete("null_.") == []
    assert complete("shop.items.first.second.x.") == []
    assert complete("f().") == []
    assert complete("'text'.") == []
    assert complete("1.5") == []
    assert complete.session.context.eval("counter") == 41


def test_what_was_typed_is_completed(complete):
    complete("x")
    complete.session.evaluate("const typed_first = 1; function typed_second() {}", "<repl:1>")
    complete.completer.declared("const typed_first = 1; function typed_second() {}")
    assert complete("typed_") == ["typed_first", "typed_second"]


def test_completion_of_what_hangs_gives_up(complete):
    complete.session.context.eval("var slow = new Proxy({}, {ownKeys() { for (;;); }})")
    assert complete("slow.") == []


@pytest.mark.parametrize(
    ("source", "complete"),
    [
        ("1", True),
        ("f(1", False),
        ("f(1 2", True),
        ("f(1 2)", True),
        ("[g(f(1", False),
        ("f(1 // one", False),
        ("await f(1", False),
        ("await f(1 2", True),
        ("function f() {", False),
        ("function f() {}", True),
        ("`a", False),
        ("`a${", False),
        ("'a", True),
        ("/* a", False),
        ("/* a */ 1", True),
        ("[1,", False),
        ("let x =", False),
        ("let x = ;", True),
        ("}", True),
        ("await f(", False),
        ("await f()", True),
        ("if (await f()) {", False),
        ("await `a", False),
        ("await }", True),
        ("const {a} = await f()", True),
        ("async function g() { await 1", False),
        ("async function g() { await 1 }", True),
        ("// await", True),
        ("if (x)", False),
        ("x => {", False),
        ("", True),
    ],
)
def test_enter_runs_what_is_complete_or_wrong(ctx, source, complete):
    assert is_complete(ctx, source) == complete


@pytest.mark.parametrize(
    ("source", "names", "result"),
    [
        ("await 1", [], 1),
        ("await 1; 2", [], 2),
        ("const x = await 1; x + 1", ["x"], 2),
        ("let {p, q: {r}, ...s} = await {p: 1, q: {r: 2}, t: 3}; [p, r, s.t].join()", ["p", "r", "s"], "1,2,3"),
        ("for (const i of [1]) { let z = await i; var kept = z }", ["kept"], None),
        ("class C { m() { return 1 } }; await new C().m()", ["C"], 1),
        ("await 1 // ; 2", [], 1),
        ("await 1\n/* ; */", [], None),
        ("const s = await 'a;b'; s.length;", ["s"], 3),
        ("for await (const x of [1, 2]) { var last = x }", ["last"], None),
        ("const t = `${await 1};${2}`; t", ["t"], "1;2"),
        ("await (async () => { let hidden = await 1; return hidden })()", [], 1),
        ("await 1; ({a: 5}).a", [], 5),
        ("await 1;;", [], 1),
        ("[await 1, await 2].length", [], 2),
    ],
)
def test_top_level_await(ctx, source, names, result):
    assert top_level_await.is_used(ctx, source)
    assert top_level_await.declared_names(ctx, source) == names
    value = ctx.eval(top_level_await.Wrapped(ctx, source).script, "t.js")
    assert value.state == "fulfilled" or ctx.run_until_idle()
    if result is not None:
        assert value.result() == result
    for name in names:
        assert ctx.eval(f"typeof {name}") != "undefined"


def test_what_an_async_function_can_not_hold_declares_nothing(ctx):
    assert top_level_await.declared_names(ctx, "var await = 1, other = 2") == []


@pytest.mark.parametrize(
    "source",
    [
        "1",
        "async function f() { await 1 }",
        "const f = async () => { await 1 }",
        "'await'",
        "// await",
        "let x = ; await 1",
        "var o = { await: 1 }",
    ],
)
def test_await_elsewhere_is_left_alone(ctx, source):
    assert not top_level_await.is_used(ctx, source)


def test_without_a_terminal_it_says_what_to_use(tmp_path, blob):
    path = tmp_path / "app.v8snap"
    blob.save(path)
    done = CliRunner().invoke(cli.main, ["repl", str(path)])
    assert done.exit_code == 2
    assert "v8snap run SNAPSHOT -" in done.stderr


#: What comes with a prompt (bracketed paste is turned on): from then on keys are taken one by one.
PROMPT = r"\x1b\[\?2004h"


class Terminal:
    """A process of the command line with a terminal of its own."""

    def __init__(self, *arguments, home):
        ours, theirs = pty.openpty()
        paths = os.pathsep.join(path for path in sys.path if path)
        self.terminal = ours
        self.process = subprocess.Popen(
            [sys.executable, "-m", "v8snap", *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            cwd=home,  # not where the package's source is
            env={
                **os.environ,
                "PYTHONPATH": paths,
                "XDG_STATE_HOME": str(home),
                "TERM": "xterm",
                "PROMPT_TOOLKIT_NO_CPR": "1",
            },
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, pattern, timeout=30):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.seen):
            assert time.monotonic() < end, self.seen
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.seen += os.read(self.terminal, 4096).decode(errors="replace")
        self.seen = re.split(pattern, self.seen, maxsplit=1)[-1]

    def exit_code(self, timeout=30):
        """Reads what is written on the way: the end of a terminal waits for that."""
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < end, self.seen
            if select.select([self.terminal], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):  # its other end is closed
                    self.seen += os.read(self.terminal, 4096).decode(errors="replace")
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


def test_ctrl_c_stops_what_runs_and_ctrl_d_leaves(tmp_path, blob):
    path = tmp_path / "app.v8snap"
    blob.save(path)
    with Terminal("repl", str(path), home=tmp_path) as terminal:
        terminal.wait_for(PROMPT)
        for endless in (
            "console.log('be' + 'gun'); for (;;);",
            "console.log('be' + 'gun'); await new Promise(() => {})",
        ):
            terminal.type(f"{endless}\r")
            terminal.wait_for("begun")
            time.sleep(0.3)
            os.kill(terminal.process.pid, signal.SIGINT)
            terminal.wait_for("interrupted")
        terminal.wait_for(PROMPT)
        terminal.type("counter + 1\r")
        terminal.wait_for("42")
        terminal.wait_for(PROMPT)
        terminal.type("\x04")
        assert terminal.exit_code() == 0
    assert "counter + 1" in (tmp_path / "v8snap" / "history").read_text()


def test_completion_scripts_are_those_of_the_shells():
    for shell, text in {"bash": "complete -o nosort", "zsh": "#compdef v8snap", "fish": "complete --no-files"}.items():
        done = CliRunner().invoke(cli.main, ["completion", shell])
        assert done.exit_code == 0
        assert text in done.stdout
        assert "_V8SNAP_COMPLETE" in done.stdout


def test_a_shell_completes_commands_and_names_of_contexts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    v8snap.build({}, contexts={"german": {}, "french": {}}).save("app.v8snap")

    def ask(line, number):
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "_V8SNAP_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(number),
        }
        done = subprocess.run(
            [sys.executable, "-m", "v8snap"], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.split()

    assert ask("v8snap in", 1) == ["plain,inspect"]
    assert ask("v8snap run app.v8snap --context ", 4) == ["plain,german", "plain,french"]
    assert ask("v8snap run app.v8snap --context g", 4) == ["plain,german"]
    assert ask("v8snap run none.v8snap --context g", 4) == []
