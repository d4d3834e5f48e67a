"""No method in any state, and no argument, ends the process or gives anything but an exception that can be expected."""

import importlib.util
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "misuse.py"
spec = importlib.util.spec_from_file_location("misuse", PROGRAM)
misuse = importlib.util.module_from_spec(spec)
spec.loader.exec_module(misuse)

LEAST_CASES = 2000
#: Each takes seconds. Those that run all the same are the states that differ most from one another.
SLOW = {
    "in_a_signal_handler_while_javascript_runs",  # each case waits for the signal
    "in_a_callback_of_another_context",
    "in_a_nested_callback",
    "on_a_thread_with_a_small_stack",
    "after_the_contexts_were_closed",
    "after_the_blob",
    "after_a_failed_blob",
    "after_a_timeout",
    "after_a_terminate_that_met_nothing",
    "after_other_creators_ended_out_of_order",
    "after_what_holds_it_was_dropped",
    "arguments 1",
    "arguments 2",
}


@pytest.mark.parametrize(
    "state", [pytest.param(state, marks=[pytest.mark.slow] if state in SLOW else []) for state in misuse.ALL]
)
def test_every_method_lives_through(state, child):
    code = f"import runpy, sys; sys.argv = ['misuse', {state!r}]; runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    done = child(code, timeout=150)
    said = done.stdout.splitlines()
    assert done.returncode == 0, (done.returncode, said[-1:], done.stderr[-3000:])
    assert int(said[-1]) == len(list(misuse.cases_of(state)))


def test_there_are_enough_of_them():
    assert sum(len(list(misuse.cases_of(state))) for state in misuse.ALL if state not in SLOW) >= LEAST_CASES
