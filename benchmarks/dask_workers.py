"""What a Dask cluster of two workers saves over one process that renders pages by React: ``examples/dask_render.py``.

Both take turns, and every page is compared. The cluster's start isn't counted.

    python benchmarks/dask_workers.py [rounds] [pages]
"""

import statistics
import sys
import time
from pathlib import Path

from dask.distributed import Client, LocalCluster

import v8snap

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

import dask_render


def seconds(work):
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def main(rounds=9, pages=2000):
    blob = dask_render.build()
    ratios = []
    with (
        LocalCluster(n_workers=dask_render.WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        v8snap.IsolatePool(blob, 1) as pool,
    ):
        client.register_plugin(dask_render.Renderer(blob))
        for number in range(rounds + 1):
            there, theirs = seconds(lambda: dask_render.render_on(client, pages))
            here, ours = seconds(lambda: dask_render.render(pool, range(pages)))
            assert theirs == ours
            if number:  # the first round warms up
                ratios.append(here / there)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"{pages} pages, {rounds} rounds: {dask_render.WORKERS} workers are {middle:.2f} times as fast as one process"
    )
    print(f"the middle half: {low:.2f} to {high:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
