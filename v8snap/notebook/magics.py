"""``%%js``, ``%js``, ``%%snapshot`` and ``%js_restore``."""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import keyword
import re
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

import v8snap
from v8snap.builder import read_source
from v8snap.host import NAMES
from v8snap.interactive.error_lines import lines_of
from v8snap.interactive.printable import printable
from v8snap.interactive.top_level_await import AWAIT
from v8snap.notebook.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from IPython.core.interactiveshell import InteractiveShell

    from v8snap.interactive.session import Session

__all__ = ["V8SnapMagics", "load", "unload"]

#: Styles of error lines, as a terminal's codes. Frames are plain: notebooks have no grey that is seen on their red.
CODES = {"bold": "1", "red": "31", "bold red": "1;31"}
#: How often the loop of a kernel is woken while a cell awaits.
WAKING_SECONDS = 0.1
#: Options at the beginning of a line that goes on with JavaScript, whose quotes are its own.
LINE_OPTIONS = re.compile(r"(?:\s*--(?:context|timeout|push|pull)(?:=|\s+)\S+)*")
JS_NAME = re.compile(r"[A-Za-z_$\u0080-\U0010ffff][\w$]*")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return seconds


def _megabytes(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no number of megabytes")
    return int(text) * 2**20


def _names(text: str) -> list[str]:
    """Names with commas between them, that are some in both languages."""
    names = text.split(",")
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name) or not JS_NAME.fullmatch(name):
            raise argparse.ArgumentTypeError(f"{name!r} is no name of a variable")
    return names


def _unquoted(text: str) -> str:
    """IPython leaves the quotes on."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _variable(text: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a variable")
    return text


context_option = argument("--context", metavar="NAME", help="A further context; one of the snapshot's starts as that.")
timeout_option = argument("--timeout", type=_seconds, metavar="S", help="Stop JavaScript that takes longer.")
host_option = argument(
    "--host", action="append", choices=NAMES, metavar="NAME", help="A host object; may be given again."
)
heap_option = argument("--heap-limit", type=_megabytes, metavar="MB", help="Stop JavaScript whose heap grows beyond.")


@magics_class
class V8SnapMagics(Magics):
    """The magics of one shell, and the JavaScript that they run."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self.sessions = Sessions(shell.user_ns)
        self._named: tuple[int, int] = (-1, 0)

    # ------------------------------------------------------------ %%js

    @no_var_expand
    @magic_arguments()
    @context_option
    @timeout_option
    @argument("--push", type=_names, default=[], metavar="A,B", help="Python variables that become JavaScript's.")
    @argument("--pull", type=_names, default=[], metavar="X,Y", help="JavaScript's that become Python's, as copies.")
    @line_cell_magic
    def js(self, line: str, cell: str | None = None) -> Any:
        """Run JavaScript. The value of the last expression is the result; ``await`` may stand at the top level.

        As ``%%js`` it runs a cell, as ``%js [options] EXPRESSION`` a line: also ``x = %js EXPRESSION``.
        """
        __tracebackhide__ = True
        options, source = self._read(line, cell)
        with _as_javascript(self._shell):
            session = self._begin(options)
            value = session.evaluate(source, self._name(), options.timeout)
            if session.awaits(source):
                value = session.settled(value, options.timeout)
            return self._end(session, options, value)

    @no_var_expand
    @line_cell_magic
    def js_async(self, line: str, cell: str | None = None) -> Any:
        """What ``%%js`` becomes where it awaits: the same as a coroutine."""
        return self._js_async(*self._read(line, cell))

    async def _js_async(self, options: argparse.Namespace, source: str) -> Any:
        __tracebackhide__ = True
        with _as_javascript(self._shell):
            async with _interruptible():
                session = self._begin(options)
                value = await session.evaluate_in_threads(source, self._name(), options.timeout)
                return self._end(session, options, value)

    def _read(self, line: str, cell: str | None) -> tuple[argparse.Namespace, str]:
        """Options and source."""
        if cell is None:
            found = LINE_OPTIONS.match(line)
            assert found is not None
            line, cell = found[0], line[found.end() :]
            if not cell.strip():
                raise UsageError("%js [options] EXPRESSION; a cell begins with %%js")
        return parse_argstring(self.js, line), cell

    def _begin(self, options: argparse.Namespace) -> Session:
        missing = [name for name in options.push if name not in self._shell.user_ns]
        if missing:
            raise UsageError(f"--push: there is no Python variable {', '.join(missing)}")
        session = self.sessions.get(options.context)
        for name in options.push:
            session.context.globals[name] = self._shell.user_ns[name]
        return session

    def _end(self, session: Session, options: argparse.Namespace, value: Any) -> Any:
        pulled = {name: v8snap.to_py(session.evaluate(name, self._name())) for name in options.pull}
        self._shell.user_ns.update(pulled)
        return None if value is v8snap.undefined else value

    def _name(self) -> str:
        """A script's name: that of its cell, and a number from the second one on."""
        count = self._shell.displayhook.prompt_count
        self._named = (count, self._named[1] + 1 if self._named[0] == count else 1)
        return f"In[{count}]" if self._named[1] == 1 else f"In[{count}].{self._named[1]}"

    # ------------------------------------------------------------ snapshots

    @no_var_expand
    @magic_arguments()
    @argument("name", type=_variable, help="The Python variable that the snapshot goes to.")
    @argument(
        "--script", action="append", default=[], metavar="X", help="A Python variable or file, run before the cell."
    )
    @argument("--warmup", type=_unquoted, metavar="JS", help="Typical calls, in quotes: what they use is compiled.")
    @host_option
    @argument("--external", action="append", default=[], metavar="NAME", help="A Python function that scripts call.")
    @argument("--clear", action="store_true", help="Drop compiled functions.")
    @argument("--deterministic", action="store_true", help="The same bytes each time.")
    @argument("--save", type=_unquoted, metavar="FILE", help="Write it to a file, too.")
    @timeout_option
    @heap_option
    @cell_magic
    def snapshot(self, line: str, cell: str) -> v8snap.StartupData:
        """Run a cell in a helper process and keep what it leaves in memory as a snapshot."""
        __tracebackhide__ = True
        options = parse_argstring(self.snapshot, line)
        code = v8snap.FunctionCodeHandling
        with _as_javascript(self._shell):
            blob = v8snap.build(
                [*(self._script(script) for script in options.script), (f"{options.name}.js", cell)],
                warmup=options.warmup,
                host=options.host or (),
                external_references=options.external,
                function_code=code.CLEAR if options.clear else code.KEEP,
                deterministic=options.deterministic,
                timeout=options.timeout,
                heap_limit=options.heap_limit,
            )
            if options.save is not None:
                blob.save(options.save)
        self._shell.user_ns[options.name] = blob
        return blob

    def _script(self, text: str) -> tuple[str, str]:
        """Name and source, from a Python variable or a file."""
        source = self._shell.user_ns.get(text)
        if isinstance(source, str):
            return f"{text}.js", source
        path = Path(_unquoted(text))
        if not path.is_file():
            raise UsageError(f"--script: {text} is neither a str variable nor a file")
        return path.name, read_source(path)

    @no_var_expand
    @magic_arguments()
    @argument("name", nargs="?", help="A Python variable with a snapshot, or a file; without one: V8 alone.")
    @argument("--context", metavar="NAME", help="The snapshot's context that %%%%js runs in from now on.")
    @host_option
    @timeout_option
    @heap_option
    @line_magic
    def js_restore(self, line: str) -> None:
        """Start JavaScript anew from a snapshot. What there was is closed."""
        __tracebackhide__ = True
        options = parse_argstring(self.js_restore, line)
        with _as_javascript(self._shell):
            blob = None if options.name is None else self._blob(options.name)
            if blob is None and options.context is not None:
                raise UsageError("--context needs a snapshot")
            self.sessions.restart(
                blob,
                main=options.context,
                host=options.host or (),
                timeout=options.timeout,
                heap_limit=options.heap_limit,
            )

    def _blob(self, text: str) -> v8snap.StartupData:
        found = self._shell.user_ns.get(text)
        if isinstance(found, v8snap.StartupData):
            return found
        path = Path(_unquoted(text))
        if not path.is_file():
            raise UsageError(f"{text} is neither a variable with a snapshot nor a file")
        return v8snap.StartupData.load(path)

    # ------------------------------------------------------------ await

    def put_await(self, lines: list[str]) -> list[str]:
        """Python code in which magics whose JavaScript awaits are awaited: for IPython's input transformers."""
        text = "".join(lines)
        if not self._shell.autoawait or "_magic('js'," not in text or not AWAIT.search(text):
            return lines
        try:
            calls = [call for statement in ast.parse(text).body if (call := _magic_call(statement)) is not None]
        except SyntaxError:
            return lines
        for call in reversed(calls):
            if self._awaits(call):
                lines = _with_await(lines, call)
        return lines

    def _awaits(self, call: ast.Call) -> bool:
        _, *arguments = (argument.value for argument in call.args if isinstance(argument, ast.Constant))
        try:
            _, source = self._read(str(arguments[0]), str(arguments[1]) if len(arguments) > 1 else None)
            return self.sessions.get().awaits(source)
        except (UsageError, v8snap.V8SnapError):
            return False  # said when it is run


def _magic_call(statement: ast.stmt) -> ast.Call | None:
    """``get_ipython().run_cell_magic('js', ...)`` where it is a whole statement, or what one assigns."""
    call = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
    if (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("run_cell_magic", "run_line_magic")
        and all(isinstance(argument, ast.Constant) for argument in call.args)
        and [argument.value for argument in call.args[:1] if isinstance(argument, ast.Constant)] == ["js"]
    ):
        return call
    return None


def _with_await(lines: list[str], call: ast.Call) -> list[str]:
    name = call.args[0]
    row, column = name.lineno - 1, name.col_offset
    assert (call.lineno - 1, name.end_lineno) == (row, name.lineno)
    line = lines[row].encode()
    at, end = call.col_offset, name.end_col_offset
    changed = line[:at] + b"await " + line[at:column] + b"'js_async'" + line[end:]
    return [*lines[:row], changed.decode(), *lines[row + 1 :]]


@contextlib.contextmanager
def _as_javascript(shell: InteractiveShell) -> Iterator[None]:
    """What goes wrong is shown with the place in JavaScript instead of Python's traceback."""
    __tracebackhide__ = True
    try:
        yield
    except (v8snap.V8SnapError, KeyboardInterrupt) as error:
        _show_as_javascript(error, shell)
        raise
    except asyncio.CancelledError:
        stopped = KeyboardInterrupt("JavaScript was stopped")
        _show_as_javascript(stopped, shell)
        raise stopped from None


def _show_as_javascript(error: BaseException, shell: InteractiveShell) -> None:
    if isinstance(error, KeyboardInterrupt):
        lines = [("KeyboardInterrupt: JavaScript was stopped", "red")]
    else:
        lines = list(lines_of(error))
    plain = str(shell.colors).lower() == "nocolor"
    rendered = [_coloured(printable(text), "" if plain else CODES.get(style, "")) for text, style in lines]
    error._render_traceback_ = lambda: rendered  # type: ignore[attr-defined]


def _coloured(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


@contextlib.asynccontextmanager
async def _interruptible() -> AsyncIterator[None]:
    """Ctrl-C and Jupyter's interrupt cancel this task."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # In a terminal. The loop would just end, and JavaScript go on in its thread.
        signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(task.cancel))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return
    # Jupyter's kernel has a handler that cancels, by a callback for which it doesn't wake its loop.
    awake = loop.create_task(_wake_often())
    try:
        yield
    finally:
        awake.cancel()


async def _wake_often() -> None:
    while True:
        await asyncio.sleep(WAKING_SECONDS)


#: For each shell: its magics, and what ``%%js`` was before.
_loaded: dict[InteractiveShell, tuple[V8SnapMagics, Callable[..., Any] | None]] = {}


def load(shell: InteractiveShell) -> None:
    """Register the magics."""
    if shell in _loaded:
        return
    before = shell.magics_manager.magics["cell"].get("js")
    magics = V8SnapMagics(shell)
    shell.register_magics(magics)
    shell.input_transformers_post.append(magics.put_await)
    _loaded[shell] = magics, before


def unload(shell: InteractiveShell) -> None:
    """Take them away, and close their isolate."""
    if shell not in _loaded:
        return
    magics, before = _loaded.pop(shell)
    shell.input_transformers_post.remove(magics.put_await)
    for kind, names in V8SnapMagics.magics.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)
    if before is not None:
        shell.magics_manager.register_function(before, "cell", "js")
    magics.sessions.close()
