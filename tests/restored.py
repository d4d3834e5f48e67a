"""Every case of ``v8_behaviours.py`` in one snapshot: made in one of several ways, and asked after the restore.

    python tests/restored.py WAY PLACEMENT [CASE]

What is done next is printed before it is done, so that the last line tells what killed the process; where that is the
making or the loading of the blob, each case can be tried alone. The very last line is how many cases were looked at.
"""

import faulthandler
import importlib.util
import sys
from pathlib import Path

import v8snap
from v8snap import FunctionCodeHandling, Isolate, SnapshotCreator

spec = importlib.util.spec_from_file_location("v8_behaviours", Path(__file__).parent / "v8_behaviours.py")
behaviours = importlib.util.module_from_spec(spec)
spec.loader.exec_module(behaviours)

VERSION = tuple(int(part) for part in v8snap.v8_version().split(".")[:2])
ALL = behaviours.cases(VERSION)
CLONE = behaviours.given_buffers("((buffer) => structuredClone(buffer, {transfer: [buffer]}))")


def with_eval(number, name, made, asked):
    """V8 keeps every variable, as a direct `eval` may ask for any."""
    functions = ", ".join(f"() => eval({question!r})" for question in asked)
    return f"cases[{name!r}] = (() => {{ {made}\n; return [{functions}] }})()"


def in_functions(number, name, made, asked):
    """V8 keeps what inner functions use, and compiles those only when they are called: some after the restore."""
    functions = ", ".join(f"() => ({question})" for question in asked)
    return f"function make{number}() {{ {made}\n; return [{functions}] }}\ncases[{name!r}] = make{number}()"


def in_blocks(number, name, made, asked):
    """As in functions, but there is no function around, with which V8 would compile them."""
    functions = ", ".join(f"() => ({question})" for question in asked)
    return f"{{ {made}\n; cases[{name!r}] = [{functions}] }}"


PLACEMENTS = {"with eval": with_eval, "in functions": in_functions, "in blocks": in_blocks}


def say(*words):
    print(*words, flush=True)


def evaluate_all(ctx, cases, place):
    ctx.eval("globalThis.cases ??= {}; 1")
    for number, (name, (made, *asked)) in enumerate(cases.items()):
        say("making:", name)
        ctx.eval(place(number, name, made, asked) + "\n; 1", f"{name}.js")


def from_nothing(cases, place, function_code, collect=False):
    with SnapshotCreator(function_code=function_code) as sc:
        evaluate_all(sc.context, cases, place)
        if collect:  # often enough for V8 to drop the bytecode of what it thinks to be old
            say("collecting")
            for _ in range(8):
                sc.isolate.low_memory_notification()
        say("the blob")
    return sc.blob


def in_layers(cases, place):
    """Three snapshots, each built upon the one before."""
    blob = None
    for layer in range(3):
        say(f"layer {layer}")
        with SnapshotCreator(existing_blob=blob) as sc:
            evaluate_all(sc.context, dict([*cases.items()][layer::3]), place)
            say("the blob")
        blob = sc.blob
    return blob


WAYS = {
    "code kept": lambda cases, place: from_nothing(cases, place, FunctionCodeHandling.KEEP),
    "code dropped": lambda cases, place: from_nothing(cases, place, FunctionCodeHandling.CLEAR),
    "code grown old": lambda cases, place: from_nothing(cases, place, FunctionCodeHandling.KEEP, collect=True),
    "in layers": in_layers,
}


def wrong(ctx, cases):
    """Names of the cases that aren't as they were, and what the last of their questions gave."""
    found = []
    for name in cases:
        say("asking:", name)
        for question in ctx.eval(f"cases[{name!r}]"):
            try:
                answer = question()
            except v8snap.JSError as error:
                answer = error
        if answer is not True:
            found.append((name, answer))
    return found


def look_in_two_isolates(way, place, cases):
    """In two contexts of each, so that what one of them changes no other sees."""
    blob = WAYS[way](cases, place)
    assert blob.can_be_rehashed
    for _ in range(2):
        say("loading")
        with Isolate(blob) as iso:
            for _ in range(2):
                with iso.new_context() as ctx:
                    assert (found := wrong(ctx, cases)) == [], found
                    iso.low_memory_notification()


def look_in_added_contexts(place, cases):
    parts = [dict([*cases.items()][number::3]) for number in range(3)]
    with SnapshotCreator() as sc:
        for number, part in enumerate(parts):
            ctx = sc.new_context()
            evaluate_all(ctx, part, place)
            sc.add_context(ctx, name=f"part{number}")
        say("the blob")
    with Isolate(sc.blob) as iso:
        for number in (2, 0, 1, 0):
            say("loading", number)
            with iso.new_context(f"part{number}") as ctx:
                assert (found := wrong(ctx, parts[number])) == [], found


def look_without_a_snapshot(place, cases):
    """The cases themselves."""
    with Isolate() as iso, iso.new_context() as ctx:
        evaluate_all(ctx, cases, place)
        assert (found := wrong(ctx, cases)) == [], found


def look_with_a_host(place, cases):
    """Where V8 itself can't give buffers away, the host's function does."""
    with SnapshotCreator() as sc:
        ctx = sc.new_context(host=["structured-clone"])
        evaluate_all(ctx, cases, place)
        sc.set_default_context(ctx)
        say("the blob")
    for _ in range(2):
        say("loading")
        with Isolate(sc.blob) as iso, iso.new_context() as ctx:
            assert (found := wrong(ctx, cases)) == [], found


OTHERS = {
    "in added contexts": look_in_added_contexts,
    "without a snapshot": look_without_a_snapshot,
    "with a host": look_with_a_host,
}


def main(way, placement, case=None):
    faulthandler.enable()
    cases, place = CLONE if way == "with a host" else ALL, PLACEMENTS[placement]
    if case is not None:
        cases = {case: cases[case]}
    if way in OTHERS:
        OTHERS[way](place, cases)
    else:
        look_in_two_isolates(way, place, cases)
    say(len(cases))


if __name__ == "__main__":
    main(*sys.argv[1:])
