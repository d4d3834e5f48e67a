"""``v8snap completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["command"]


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a script that has a shell complete commands, options, files and names of contexts.

    Example: v8snap completion bash > ~/.local/share/bash-completion/completions/v8snap

    For zsh, a file _v8snap in a folder of $fpath; for fish, ~/.config/fish/completions/v8snap.fish.
    """
    from v8snap.cli import main

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "v8snap", "_V8SNAP_COMPLETE").source())
