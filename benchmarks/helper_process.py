"""What the helper process of `build` costs: an empty build there, as a ratio to a Python process that does nothing.

Both in turn in one run; medians.

    python benchmarks/helper_process.py [rounds]
"""

import statistics
import subprocess
import sys
import time

import v8snap


def seconds(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def main(rounds):
    ways = {
        "python -c pass": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        "build() in a helper process": lambda: v8snap.build({"a.js": "var a = 1"}),
        "build(isolated=False)": lambda: v8snap.build({"a.js": "var a = 1"}, isolated=False),
        "verify()": v8snap.build({"a.js": "var a = 1"}).verify,
    }
    times = {way: [] for way in ways}
    for _ in range(rounds):
        for way, function in ways.items():
            times[way].append(seconds(function))
    base = statistics.median(times["python -c pass"])
    for way, values in times.items():
        print(f"{way:30} {statistics.median(values) / base:5.2f}")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 21)
