"""What several commands have in common: their options, and how they open a snapshot."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from v8snap import errors, file_format
from v8snap.host import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.shell_completion import CompletionItem

    from v8snap.startup_data import StartupData

__all__ = [
    "FILE",
    "WARM_UP",
    "check_folder",
    "context_option",
    "counted",
    "echo",
    "host_option",
    "json_option",
    "key_option",
    "load",
    "print_json",
    "script_named",
    "snapshot_argument",
    "timeout_option",
]

Command = TypeVar("Command", bound="Callable[..., Any]")

#: What `v8snap.build` calls a warm-up.
WARM_UP = "<warmup>"

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _context_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For the shell: names of the contexts of the snapshot that the line has already."""
    from click.shell_completion import CompletionItem

    path = ctx.params.get("snapshot") or next(iter(ctx.args), "")  # click hasn't taken it from an unfinished line
    try:
        header, _blob = file_format.read_file(path, None, map_file=True)
    except Exception:  # a line that isn't finished is no error
        return []
    return [CompletionItem(name) for name in header["context_names"] or () if name and name.startswith(incomplete)]


snapshot_argument = click.argument("snapshot", type=FILE, metavar="SNAPSHOT")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
key_option = click.option(
    "--sign-key-file", "key_file", type=FILE, help="The snapshot's file is signed with these bytes, by HMAC-SHA256."
)
context_option = click.option(
    "--context", "-c", metavar="NAME", shell_complete=_context_names, help="An added context instead of the default."
)
timeout_option = click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Stop JavaScript that takes longer."
)


def host_option(text: str) -> Callable[[Command], Command]:
    """``--host NAME``, once for each host object."""
    return click.option("--host", multiple=True, type=click.Choice(NAMES), metavar="NAME", help=text)


def read_key(path: Path | None) -> bytes | None:
    """A key file's bytes, all of them. An empty one is wrong usage."""
    key = None if path is None else path.read_bytes()
    if key == b"":
        raise click.BadParameter(f"{path} is empty", param_hint="--sign-key-file")
    return key


@contextlib.contextmanager
def script_named(files: dict[str, Path | None]) -> Iterator[None]:
    """Have errors say the file of a script that runs under another name; None where there is no such script."""
    try:
        yield
    except errors.JSError as error:
        for name, path in files.items():
            if path is None:
                continue
            if error.script_name == name:
                error.script_name = path.name
            error.stack = error.stack.replace(f"{name}:", f"{path.name}:")
            if name in error._map_urls:
                error._map_urls[path.name] = error._map_urls.pop(name)
        raise


def check_folder(path: Path) -> None:
    """Raise OSError where a file can't be written to `path`: before the work, not after it."""
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        problem = errno.ENOENT
    elif os.access(folder, os.W_OK | os.X_OK):
        return
    else:
        problem = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
    raise OSError(problem, os.strerror(problem), str(folder))


def counted(number: int, noun: str) -> str:
    """A number and what it counts."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def load(path: Path, key_file: Path | None) -> StartupData:
    """A snapshot's file, checked; raises as `StartupData.load`."""
    from v8snap.startup_data import StartupData

    return StartupData.load(path, key=read_key(key_file))


def echo(text: str, *, error: bool = False) -> None:
    """Write a line of JavaScript's: lone surrogates, which no encoding has, as replacement characters."""
    stream = sys.stderr if error else sys.stdout
    if stream is None:  # closed by whoever started this
        return
    encoding = stream.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding), file=stream)


def print_json(data: Any) -> None:
    """Write JSON to standard output."""
    click.echo(json.dumps(data, indent=2))
