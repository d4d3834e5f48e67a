"""The command line, ``v8snap``: click for the commands, rich for what they show. One module a command."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

__all__ = ["main"]

COMMANDS = ("build", "run", "repl", "inspect", "verify", "diff", "bench", "demo", "completion")


class Commands(click.Group):
    """Brings in a command's module when it is asked for: V8's library takes longer to load than a help page to show."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names: list of str."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"v8snap.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever goes wrong is shown as a user can read it, and becomes the exit code."""
        try:
            from v8snap.cli import failures

            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click has its own way with them
        except KeyboardInterrupt:
            sys.exit(130)
        except Exception as error:
            if ctx.params["traceback"]:
                raise
            failures.show(error)
            sys.exit(failures.exit_code(error))


def _show_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        import v8snap

        click.echo(f"v8snap {v8snap.__version__}, V8 {v8snap.v8_version()}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="And V8's.")
@click.option("--traceback", is_flag=True, expose_value=True, help="Show errors as Python does, for a report.")
def main(traceback: bool) -> None:
    """Build, keep, inspect and start from V8 startup snapshots.

    Exit codes: 0 all well; 1 JavaScript threw, the build failed, or snapshots differ; 2 wrong usage; 3 not a snapshot
    that V8 can load; 4 made by another V8 or under other flags; 5 not signed with the key; 6 a file can't be read or
    written; 130 Ctrl-C.

    Example: v8snap build app.js -o app.v8snap && v8snap run app.v8snap -e "greet('Ada')"
    """
