"""What keeping compiled functions costs and saves: size of the blob, and isolate + context + first call.

Blobs of each program, cold or warmed up, with their code kept or cleared, start in turn in one process; medians, as
ratios to the cold blob that keeps its code.

    python benchmarks/function_code.py [rounds]
"""

import statistics
import sys
import time

import v8snap
from v8snap.demo import PROGRAMS, program_files

KEEP, CLEAR = v8snap.FunctionCodeHandling.KEEP, v8snap.FunctionCodeHandling.CLEAR


def start_and_call(blob, program):
    """Seconds from nothing to the first result."""
    begin = time.perf_counter()
    with v8snap.Isolate(blob) as isolate, isolate.new_context() as context:
        result = context.eval(program.call)
        seconds = time.perf_counter() - begin
    assert result == program.expected
    return seconds


def main(rounds):
    print("| program | code | size | isolate, context and first call |")
    print("|---|---|---|---|")
    for program in PROGRAMS.values():
        files = program_files(program)
        blobs = {
            "`KEEP`": v8snap.build(files, function_code=KEEP),
            "`CLEAR`": v8snap.build(files, function_code=CLEAR),
            "`KEEP`, warmed up": v8snap.build(files, warmup=program.call, function_code=KEEP),
            "`CLEAR`, warmed up": v8snap.build(files, warmup=program.call, function_code=CLEAR),
        }
        times = {way: [] for way in blobs}
        for _ in range(rounds + 1):
            for way, blob in blobs.items():
                times[way].append(start_and_call(blob, program))
        base = next(iter(blobs))
        seconds = {way: statistics.median(values[1:]) for way, values in times.items()}
        for way, blob in blobs.items():
            size, duration = len(blob) / len(blobs[base]), seconds[way] / seconds[base]
            print(f"| {program.title} | {way} | {size:.2f} | {duration:.2f} |", flush=True)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
