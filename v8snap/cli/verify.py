"""``v8snap verify``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import v8snap
from v8snap import errors
from v8snap.cli import failures
from v8snap.cli.common import counted, json_option, key_option, load, print_json, snapshot_argument

__all__ = ["command"]


@click.command("verify")
@snapshot_argument
@click.option(
    "--timeout",
    default=120.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="For loading it.",
)
@key_option
@json_option
def command(snapshot: Path, timeout: float, key_file: Path | None, as_json: bool) -> None:
    """Check a snapshot's file, and load every context of it in a helper process.

    Exit codes: 3 where it is damaged or V8 dies of it, 4 where it is for another V8, 5 where it isn't signed with the
    key.

    Example: v8snap verify app.v8snap --sign-key-file app.key && echo good
    """
    try:
        with failures.console().status("loading"):
            blob = load(snapshot, key_file)
            _verify(blob, timeout)
    except (errors.SnapshotError, errors.JSMemoryError, errors.JSTimeoutError) as error:
        if not as_json:
            raise
        print_json({"path": str(snapshot), "ok": False, "error": type(error).__name__, "message": str(error)})
        sys.exit(failures.exit_code(error))
    if as_json:
        print_json({"path": str(snapshot), "ok": True, "contexts": blob.context_count, "v8_version": blob.v8_version})
    else:
        contexts = counted(blob.context_count, "context")
        click.echo(f"{failures.printable(str(snapshot))}: whole, and V8 {blob.v8_version} loads its {contexts}")


def _verify(blob: v8snap.StartupData, timeout: float) -> None:
    """What V8 dies of is a damaged snapshot."""
    try:
        blob.verify(timeout=timeout)
    except (errors.SnapshotBuildCrashed, errors.JSMemoryError) as error:
        raise errors.SnapshotCorruptError(f"V8 can't load it: {error}") from error
