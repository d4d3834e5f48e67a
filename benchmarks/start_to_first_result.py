"""The README's table: from start to first result in a new process, as ratios to running the scripts there.

All ways are measured in turn in one run, with the code of ``v8snap demo``; medians.

    python benchmarks/start_to_first_result.py [rounds]
"""

import sys

from v8snap.demo import PROGRAMS, WAYS, run_demo

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15

for result in run_demo(list(PROGRAMS), rounds, lambda text: None):
    cells = [f"{result['ways'][way]['ratio']:.1f}× faster" for way in WAYS[1:]]
    print(f"| {result['title']} | 1 | {' | '.join(cells)} |", flush=True)
