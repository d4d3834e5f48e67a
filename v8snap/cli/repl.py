"""``v8snap repl``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.shortcuts import CompleteStyle
from pygments.lexers.javascript import JavascriptLexer

from v8snap.cli import failures
from v8snap.cli.common import context_option, echo, host_option, key_option, load, snapshot_argument
from v8snap.cli.event_loop import EventLoop, event_loop
from v8snap.cli.repl_input import JavaScriptCompleter, is_complete
from v8snap.cli.start import externals_option, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.key_binding import KeyPressEvent

    from v8snap.interactive.session import Session

__all__ = ["command", "history_path", "interact"]

HELP = """\
Enter runs what is complete, else it begins a new line. Tab completes names. await may stand at the top level; timers
run while you type. Up and down go through earlier input, Ctrl-R searches it. Ctrl-C stops what runs or drops what is
typed. .exit or Ctrl-D leaves."""


@click.command("repl")
@snapshot_argument
@context_option
@host_option("A host object that is not in the snapshot, besides the console and timers, which are always there.")
@externals_option
@key_option
def command(
    snapshot: Path,
    context: str | None,
    host: tuple[str, ...],
    externals: dict[str, Callable[..., Any]],
    key_file: Path | None,
) -> None:
    """Type JavaScript into a context of a snapshot.

    With history, completion of what is there by Tab, input of several lines, and await at the top level.

    Example: v8snap repl app.v8snap --context de
    """
    if not sys.stdin.isatty():
        raise click.UsageError("standard input is no terminal; to run a script from it: v8snap run SNAPSHOT -")
    blob = load(snapshot, key_file)
    click.echo(f"{snapshot}, V8 {blob.v8_version}; .help for help")
    with event_loop() as loop, opened(loop, blob, context=context, host=host, externals=externals) as session:
        interact(session, _history(), loop)


def history_path() -> Path:
    """Where input is kept, by the XDG base directories."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "v8snap" / "history"


def _history() -> History:
    """Kept in a file, if that can be written."""
    path = history_path()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.open("ab").close()
        return FileHistory(path)
    return InMemoryHistory()


def interact(session: Session, history: History, loop: EventLoop) -> None:
    """Read, run and print until the input ends."""
    loop.tell(failures.show)
    _Repl(session, history, loop).run()


class _Repl:
    def __init__(self, session: Session, history: History, loop: EventLoop) -> None:
        self.session = session
        self.loop = loop
        self.completer = JavaScriptCompleter(session.context)
        self.prompt: PromptSession[str] = PromptSession(
            "> ",
            multiline=True,
            prompt_continuation="… ",
            history=history,
            completer=self.completer,
            complete_style=CompleteStyle.READLINE_LIKE,
            lexer=PygmentsLexer(JavascriptLexer),
            key_bindings=self._keys(),
        )
        self.inputs = 0
        session.context.isolate.on_unhandled_rejection = lambda error: failures.show(session.as_typed(error))

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            text = buffer.text.strip()
            if text.startswith(".") or is_complete(self.session.context, buffer.text):
                buffer.validate_and_handle()
            else:
                buffer.newline()

        return keys

    def run(self) -> None:
        """Until the end of the input."""
        while True:
            try:
                with patch_stdout(raw=True):  # timers may write while something is typed
                    source = self.loop.run(self.prompt.prompt_async())
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if source.strip() == ".exit":
                return
            if source.strip() == ".help":
                echo(HELP)
            elif source.strip():
                self._run_input(source)

    def _run_input(self, source: str) -> None:
        self.inputs += 1
        task = self.loop.start(self._evaluate(source, f"<repl:{self.inputs}>"))
        try:
            self.loop.wait(task)
        except KeyboardInterrupt:
            if task.cancel():  # else it came out of the task, and a loop never ends for such a one
                with contextlib.suppress(asyncio.CancelledError):
                    self.loop.wait(task)
            failures.console().print("interrupted", style="red")

    async def _evaluate(self, source: str, name: str) -> None:
        """Run it in the loop, which runs its timers from then on, too."""
        try:
            value = await self.session.evaluate_async(source, name)
            self.completer.declared(source)
            echo(self.session.shown(value))
            del value
            self.session.context.isolate.run_pending_tasks(wait=0)  # a rejected promise that was only shown
        except Exception as error:
            failures.show(error)
