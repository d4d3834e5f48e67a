"""What interrupts the running of timers, a signal handler or a finalizer, and uses them: nothing waits for itself."""

import collections

import pytest

from v8snap.host import timers

# Interrupts at the nth line that runs in timers.py, for every n: what a signal handler does at a time of its choosing.
EVERYWHERE = """
    import faulthandler, itertools, sys
    import v8snap
    from v8snap.host import timers

    faulthandler.dump_traceback_later(50, exit=True)
    what = sys.argv[1]
    isolate = v8snap.Isolate()

    def interrupt(ctx):
        if what == "close":
            ctx.close()
        elif what == "set":
            ctx.eval("setTimeout(note, 1, 'set'); setImmediate(note, 'at once')")
        elif what == "clear":
            ctx.eval("clearTimeout(unwanted)")
        else:
            ctx.run_until_idle(timeout=0.001)

    def run(number):
        ctx = isolate.new_context(host=["timers"])
        fired = []
        ctx.globals["note"] = fired.append
        ctx.eval("let left = 3; (function again() { note('own'); if (--left) setTimeout(again, left % 2) })()")
        ctx.eval("const never = setTimeout(note, 500, 'never'), unwanted = setTimeout(note, 2, 'unwanted')")
        ctx.eval("setTimeout(() => clearTimeout(never), 1)")
        lines, state = itertools.count(), "not reached"

        def trace(frame, event, argument):
            nonlocal state
            if frame.f_code.co_filename != timers.__file__:
                return None
            if event == "line" and state == "not reached" and next(lines) == number:
                state = "refused"
                try:
                    interrupt(ctx)
                    state = "done"
                except v8snap.V8SnapError:  # where JavaScript runs, or timers are being looked at
                    pass
            return trace

        sys.settrace(trace)
        try:
            ctx.run_until_idle(timeout=5)
        except v8snap.ClosedError:
            assert what == "close", number
        finally:
            sys.settrace(None)
        assert ctx.closed == (what == "close" and state == "done"), number
        if not ctx.closed:
            ctx.run_until_idle(timeout=5)
            assert fired.count("own") == 3 and "never" not in fired, (number, fired)
            if what == "set" and state == "done":
                assert fired.count("set") == fired.count("at once") == 1, (number, fired)
            if what != "clear":
                assert fired.count("unwanted") == 1, (number, fired)
        ctx.close()
        return state

    states = []
    while "not reached" not in states:
        states.append(run(len(states)))
    assert len(states) > 100 and states.count("done") > 50, states
    print("done")
"""

SIGNALS = """
    import faulthandler, signal, v8snap
    faulthandler.dump_traceback_later(50, exit=True)

    def handler(*_):
        try:
            ctx.close()
        except v8snap.V8SnapError:  # JavaScript is running: a moment later
            signal.setitimer(signal.ITIMER_REAL, 0.0003)

    signal.signal(signal.SIGALRM, handler)
    for _ in range(10):
        ctx = v8snap.Isolate().new_context(host=["timers"])
        ctx.eval("function again() { setTimeout(again, 0) } again()")
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        try:
            ctx.run_until_idle(timeout=20)
        except v8snap.ClosedError:
            continue
        raise AssertionError("it was not closed")
    print("done")
"""


@pytest.mark.parametrize(
    "what", ["close", "set", *(pytest.param(what, marks=pytest.mark.slow) for what in ("clear", "run"))]
)
def test_an_interruption_anywhere_neither_hangs_nor_loses_a_timer(child, what):
    done = child(EVERYWHERE, what)
    assert done.stdout == "done\n", done


def test_a_signal_handler_closes_the_context_whose_timers_run(child):
    done = child(SIGNALS)
    assert done.stdout == "done\n", done


def test_what_another_thread_does_first_is_not_missed():
    """Two that leave their sections at the same time both see what was deferred."""

    class TakenMeanwhile(collections.deque):
        def popleft(self):
            self.clear()
            return super().popleft()

    section = timers._Section()
    section._deferred = TakenMeanwhile([list])
    assert section.do(lambda: 5) == 5
