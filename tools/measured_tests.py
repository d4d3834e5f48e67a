"""A plugin of pytest's, for `-p`, where coverage.py counts what the tests run."""

from xdist.workermanage import NodeManager

from v8snap import helper

# Workers have the time to write down what they ran; xdist would kill them.
NodeManager.EXIT_TIMEOUT = 300  # seconds after its last test

_command = helper._command


def _measured(lifeline: int) -> list[str]:
    """As the helper's own, but with what starts coverage.py in it: `site`, and the path with its plugin."""
    command = _command(lifeline)
    return [command[0], "-P", *command[command.index("-c") :]]


helper._command = _measured
