"""``v8snap build``."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from v8snap import errors
from v8snap.cli import failures
from v8snap.cli.common import (
    FILE,
    WARM_UP,
    check_folder,
    counted,
    host_option,
    json_option,
    print_json,
    read_key,
    script_named,
    timeout_option,
)
from v8snap.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["command"]


def _contexts(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, list[Path]]:
    """NAME=FILE; a name that is given again gets one more file."""
    contexts: dict[str, list[Path]] = {}
    for value in values:
        name, equals, file = value.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{value!r} is not NAME=FILE", ctx, parameter)
        contexts.setdefault(name, []).append(FILE.convert(file, parameter, ctx))
    return contexts


@click.command("build")
@click.argument("scripts", nargs=-1, type=FILE)
@click.option(
    "--output", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write."
)
@click.option("--warmup", "-w", type=FILE, help="JavaScript with typical calls: the functions it uses are compiled.")
@click.option(
    "--context",
    "-c",
    "contexts",
    multiple=True,
    metavar="NAME=FILE",
    callback=_contexts,
    help="An added context and a script that runs in it; again with the same name for more scripts.",
)
@click.option("--module", "-m", "modules", multiple=True, type=FILE, help="An ES module; they may import one another.")
@click.option(
    "--context-module",
    "context_modules",
    multiple=True,
    metavar="NAME=FILE",
    callback=_contexts,
    help="An ES module of an added context.",
)
@host_option("A host object that the scripts find: console, timers, encoding, url, ...")
@click.option(
    "--external", multiple=True, metavar="NAME", help="A global function that whoever loads the snapshot brings along."
)
@click.option("--clear", is_flag=True, help="Drop compiled functions: a smaller file, a slower first call.")
@click.option("--deterministic", is_flag=True, help="The same bytes each time.")
@click.option("--no-rehash", is_flag=True, help="Keep the hash seed: a quicker start, no guard against hash flooding.")
@click.option("--sign-key-file", "key_file", type=FILE, help="Sign the file with these bytes, by HMAC-SHA256.")
@timeout_option
@click.option("--heap-limit", type=click.IntRange(1), metavar="MB", help="Stop JavaScript whose heap grows beyond.")
@json_option
def command(
    scripts: tuple[Path, ...],
    output: Path,
    warmup: Path | None,
    contexts: dict[str, list[Path]],
    modules: tuple[Path, ...],
    context_modules: dict[str, list[Path]],
    host: tuple[str, ...],
    external: tuple[str, ...],
    clear: bool,
    deterministic: bool,
    no_rehash: bool,
    key_file: Path | None,
    timeout: float | None,
    heap_limit: int | None,
    as_json: bool,
) -> None:
    """Run scripts in their order and keep what they leave in memory as a snapshot.

    It is built in a helper process, and loaded there before the file is written.

    Example: v8snap build lib.js app.js -o app.v8snap --warmup calls.js --host console
    """
    if not (scripts or modules or contexts or context_modules):
        raise click.UsageError("give scripts, --module or --context")
    key = read_key(key_file)
    check_folder(output)
    import v8snap
    from v8snap import builder

    code = v8snap.FunctionCodeHandling.CLEAR if clear else v8snap.FunctionCodeHandling.KEEP
    began = time.monotonic()
    files = len(scripts) + len(modules) + sum(map(len, (*contexts.values(), *context_modules.values())))
    with (
        script_named({WARM_UP: warmup}),
        _modules_named(),
        progress(files + 2 + (warmup is not None)) as on_phase,
    ):  # create, load
        blob = v8snap.build(
            scripts,
            warmup=None if warmup is None else builder.read_source(warmup),
            modules=modules,
            contexts=contexts,
            context_modules=context_modules,
            function_code=code,
            external_references=external,
            host=host,
            deterministic=deterministic,
            rehash=not no_rehash,
            timeout=timeout,
            heap_limit=None if heap_limit is None else heap_limit * 2**20,
            on_phase=on_phase,
        )
        blob.save(output, key=key)
    seconds = time.monotonic() - began
    facts = {
        "path": str(output),
        "bytes": len(blob),
        "v8_version": blob.v8_version,
        "contexts": list(blob.context_names),
        "scripts": list(blob.scripts),
        "external_references": list(blob.external_references),
        "signed": key is not None,
        "seconds": round(seconds, 3),
    }
    if as_json:
        print_json(facts)
    else:
        made_of = counted(len(blob.scripts), "script")
        click.echo(f"{failures.printable(str(output))}: {len(blob):,} bytes of {made_of} in {seconds:.1f} s", err=True)


@contextlib.contextmanager
def _modules_named() -> Iterator[None]:
    """Say how a module is given where one is missing."""
    try:
        yield
    except errors.ModuleResolveError as error:
        raise errors.V8SnapError(f"{error}; give each module by --module, or by --context-module") from error
