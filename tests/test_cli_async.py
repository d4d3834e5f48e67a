"""``v8snap run`` waits for all that it should, and for nothing else: promises, timers, Python's async functions."""

import asyncio
import sys
import types

import pytest
from click.testing import CliRunner

import v8snap
from v8snap import cli

APP = """
const asked = async (x) => `${await ask(x)}!`;
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs JavaScript in a snapshot that calls Python's ``ask``; what came of it."""
    monkeypatch.chdir(tmp_path)
    functions = types.ModuleType("functions_of_python")
    monkeypatch.setitem(sys.modules, functions.__name__, functions)

    async def ask(x):
        await asyncio.sleep(0.02)
        if x == "wrong":
            raise LookupError("no answer")
        return f"asked {x}"

    functions.ask = ask
    with v8snap.SnapshotCreator(external_references=["ask"]) as sc:
        sc.context.globals["ask"] = sc.external("ask")
        sc.context.eval(APP, "app.js")
    sc.blob.save("app.v8snap")

    def run(source, code=0, **options):
        given = ("--external", "ask=functions_of_python:ask", "-e", source)
        done = CliRunner().invoke(cli.main, ["run", "app.v8snap", *given], **options)
        assert done.exit_code == code, (done.output, done.exception)
        assert "Traceback" not in done.output
        return done

    return run


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("await asked(1)", "asked 1!\n"),
        ("asked(1)", "asked 1!\n"),
        ("await new Promise((done) => setTimeout(done, 5, 'later'))", "later\n"),
        ("setTimeout(() => console.log('later'), 5); 'value'", "later\nvalue\n"),
        ("void asked(1).then(console.log)", "asked 1!\n"),
        ("void asked(1).then(() => setTimeout(() => asked(2).then(console.log), 5))", "asked 2!\n"),
        ("for await (const x of [asked(1), asked(2)]) console.log(x)", "asked 1!\nasked 2!\n"),
        # An async function goes on while a timer waits that would never end by itself.
        (
            "const id = setInterval(() => {}, 3); setTimeout(() => asked(1).then((x) => "
            "{ console.log(x); clearInterval(id) }), 1); void 0",
            "asked 1!\n",
        ),
    ],
)
def test_what_waits_is_waited_for(run, source, printed):
    done = run(source)
    assert (done.stdout, done.stderr) == (printed, "")


def test_what_never_settles_is_not_waited_for(run):
    assert "never settles" in run("await asked(1); await new Promise(() => {})", code=1).stderr


def test_errors_of_async_functions_say_what_they_are(run):
    assert run("await asked('wrong')", code=1).stderr == "LookupError: no answer\n"
    assert run("try { await asked('wrong') } catch (error) { error.message }").stderr == ""


def test_an_error_in_a_timer_ends_it(run):
    done = run("setTimeout(() => { throw new Error('first') }, 1); setTimeout(() => console.log('no'), 500); 1", code=1)
    assert done.stdout == ""
    assert done.stderr.splitlines()[:4] == [
        "<eval>:1:20",
        "setTimeout(() => { throw new Error('first') }, 1); setTimeout(() => console.log('no'), 500); 1",
        " " * 19 + "^",
        "Error: first",
    ]


def test_a_rejection_that_nobody_handles_ends_it(run):
    done = run("setInterval(() => {}, 5); void asked('wrong')", code=1)
    assert done.stderr == "LookupError: no answer\n"


def test_timers_of_the_snapshots_own_stay(run, make_blob):
    make_blob({"app.js": "var setTimeout = () => 'mine'"}).save("app.v8snap")
    assert run("setTimeout()").stdout == "mine\n"


def test_timers_that_wait_in_the_snapshot_run(run):
    v8snap.build({"app.js": "setTimeout(() => console.log('from the snapshot'), 5)"}, host=["timers"]).save(
        "app.v8snap"
    )
    assert run("1").stdout == "from the snapshot\n1\n"
