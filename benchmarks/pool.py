"""What a pool saves: requests that render a page with React, each in a context of its own.

Ways, in turn in each round: a pool's context; a new isolate for each request; a new context in one isolate that all
threads share (without a pool). Requests a second, as ratios to the new isolate of the same round; medians and the
range of the middle half.

    python benchmarks/pool.py [rounds] [requests] [threads]
"""

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import v8snap
from v8snap.demo import PROGRAMS, program_files

PROGRAM = PROGRAMS["react"]


def answer(context):
    assert context.eval(PROGRAM.call) == PROGRAM.expected


def requests_per_second(request, executor, requests):
    begin = time.perf_counter()
    for _ in executor.map(lambda _: request(), range(requests)):
        pass
    return requests / (time.perf_counter() - begin)


def main(rounds, requests, threads):
    blob = v8snap.build(program_files(PROGRAM), warmup=PROGRAM.call)
    with (
        v8snap.IsolatePool(blob, threads) as pool,
        v8snap.Isolate(blob) as shared,
        ThreadPoolExecutor(threads) as executor,
    ):

        def pooled():
            with pool.context() as context:
                answer(context)

        def new_isolate():
            with v8snap.Isolate(blob) as isolate, isolate.new_context() as context:
                answer(context)

        def shared_isolate():
            with shared.new_context() as context:
                answer(context)

        ways = {"IsolatePool": pooled, "a new isolate each": new_isolate, "one isolate for all": shared_isolate}
        rates = {way: [] for way in ways}
        for number in range(rounds + 1):
            for way, request in ways.items():
                rate = requests_per_second(request, executor, requests)
                if number:  # the first round warms up
                    rates[way].append(rate)
        assert pool.statistics().made <= threads
    print(f"{threads} thread(s), {rounds} rounds of {requests} requests")
    for way, own in rates.items():
        ratios = [rate / base for rate, base in zip(own, rates["a new isolate each"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"{way:20} {middle:5.2f}  ({low:.2f} to {high:.2f})")


main(*(int(given) for given in (*sys.argv[1:], *("15", "60", "2")[len(sys.argv) - 1 :])))
