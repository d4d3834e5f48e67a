"""What a code cache saves: compile TypeScript's compiler and call it, plain, with a lazy cache, with an eager one.

Each round starts every way in turn, each in an isolate of its own; medians, as ratios to the plain way of the same
round. The lazy cache was made after compilation alone, the warm one after the first call.

    python benchmarks/code_cache.py [rounds]
"""

import itertools
import statistics
import sys
import time

import v8snap
from v8snap.demo import PROGRAMS, program_files

PROGRAM = PROGRAMS["typescript"]
STEPS = ("compile", "run", "first call")


def make_cache(source, *, eager=False, called=False):
    with v8snap.Isolate() as isolate, isolate.new_context() as context:
        script = context.compile(source, PROGRAM.files[0], eager=eager)
        if called:
            script.run(context)
            context.eval(PROGRAM.call)
        return script.create_code_cache()


def start(source, cache):
    """Seconds by step."""
    with v8snap.Isolate() as isolate, isolate.new_context() as context:
        times = [time.perf_counter()]
        script = context.compile(source, PROGRAM.files[0], cached_data=cache)
        times.append(time.perf_counter())
        script.run(context)
        times.append(time.perf_counter())
        result = context.eval(PROGRAM.call)
        times.append(time.perf_counter())
        assert not script.cache_rejected
    assert result == PROGRAM.expected
    return [after - before for before, after in itertools.pairwise(times)]


def main(rounds):
    source = program_files(PROGRAM)[0].read_text(encoding="utf-8")
    caches = {
        "no cache": None,
        "lazy cache": make_cache(source),
        "warm cache": make_cache(source, called=True),
        "eager cache": make_cache(source, eager=True),
    }
    times = {way: [] for way in caches}
    for _ in range(rounds + 1):
        for way, cache in caches.items():
            times[way].append(start(source, cache))
    plain = times["no cache"][1:]
    print(f"| {PROGRAM.title} | bytes | {' | '.join(STEPS)} | all |")
    print(f"|---|---|{'---|' * (len(STEPS) + 1)}")
    for way, cache in caches.items():
        pairs = list(zip(times[way][1:], plain, strict=True))
        ratios = [statistics.median(own[i] / base[i] for own, base in pairs) for i in range(len(STEPS))]
        whole = statistics.median(sum(own) / sum(base) for own, base in pairs)
        figures = " | ".join(f"{ratio:.2f}" for ratio in [*ratios, whole])
        print(f"| {way} | {len(cache) if cache else 0:,} | {figures} |", flush=True)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
