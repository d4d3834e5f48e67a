"""Errors that v8snap's Python code runs into rather than raises: whatever a caller did, they are a bug of v8snap.

``TypeError`` and its like are what wrong arguments deserve, so random tests have to expect them. One that comes out of
a line of v8snap's own that raises nothing was not meant for the caller.
"""

import dis
import linecache
import os
import traceback

import v8snap

FOLDER = os.path.join(os.path.dirname(v8snap.__file__), "")
MISTAKES = (AttributeError, KeyError, IndexError, TypeError, NameError)  # UnboundLocalError is a NameError

#: Calls whose TypeError is about an argument that the caller gave, and says so.
CHECKS = ("operator.index(", "os.fspath(", "memoryview(", "float(seconds)", "dict.fromkeys(host)", "self._look_up(")

#: What was found, as text: errors are also raised where JavaScript catches them.
found = []


def is_one(error):
    """Whether it arose in v8snap's Python code without a ``raise``: bool."""
    trace = error.__traceback__
    if trace is None or not isinstance(error, MISTAKES):
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    if not (code.co_filename.startswith(FOLDER) and code.co_filename.endswith(".py")):
        return False
    line = linecache.getline(code.co_filename, trace.tb_lineno)
    if isinstance(error, TypeError) and any(each in line for each in CHECKS):
        return False
    at = [each.opname for each in dis.get_instructions(code) if each.offset == trace.tb_lasti]
    return at != ["RAISE_VARARGS"]


class Expected:
    """``with Expected(*errors):`` lets these pass, as ``contextlib.suppress`` does, and keeps v8snap's own mistakes."""

    def __init__(self, *errors):
        self.errors = errors

    def __enter__(self):
        return self

    def __exit__(self, error_class, error, trace):
        if error is not None and is_one(error):
            found.append("".join(traceback.format_exception(error)))
        return error is not None and isinstance(error, self.errors)
