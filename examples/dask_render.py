"""Renders pages with React on the workers of a Dask cluster, all from one snapshot.

pip install 'v8snap[examples]', then: python dask_render.py [pages]

The snapshot travels to each worker by pickle, once; there a pool keeps isolates that have started from it. Each page is
rendered in a clean context. The pages are then rendered once more in this process alone, and compared.
"""

import sys
import time
from collections.abc import Iterator

from dask.distributed import Client, LocalCluster, Worker, WorkerPlugin, get_worker

import v8snap
from v8snap.demo import PROGRAMS, program_files

PAGE = """
const e = React.createElement;
const Row = ({ item, price }) => e("tr", null, e("td", null, item), e("td", null, price.toFixed(2)));
const Page = ({ user, rows }) => e("html", null, e("body", null,
  e("h1", null, `Hello, ${user}!`),
  e("table", null, e("tbody", null, rows.map((row) => e(Row, { key: row.item, ...row }))))));
function render(data) { return "<!DOCTYPE html>" + ReactDOMServer.renderToStaticMarkup(e(Page, data)); }
"""
WARM_UP = 'render({ user: "Ada", rows: [{ item: "one", price: 1 }] })'
WORKERS = 2
IN_A_TASK = 50  # Dask's own work with a task would be more than V8's with one page


def build() -> v8snap.StartupData:
    """The snapshot, built in a helper process."""
    scripts = {path.name: path.read_text() for path in program_files(PROGRAMS["react"])}
    return v8snap.build({**scripts, "page.js": PAGE}, warmup=WARM_UP)


def page_data(number: int) -> dict:
    """What page `number` shows."""
    rows = [{"item": f"item {number}-{row}", "price": row * 1.25} for row in range(20)]
    return {"user": f"user{number}", "rows": rows}


def render(pool: v8snap.IsolatePool, numbers: range) -> list[str]:
    """Pages, each from a context of its own."""
    pages = []
    for number in numbers:
        with pool.context() as ctx:
            pages.append(ctx.globals["render"](page_data(number)))
    return pages


class Renderer(WorkerPlugin):
    """Gives each worker a pool, also those that are started later or again."""

    name = "renderer"

    def __init__(self, blob: v8snap.StartupData) -> None:
        self.blob = blob  # what is pickled
        self._pool: v8snap.IsolatePool | None = None

    def setup(self, worker: Worker) -> None:
        """In a worker, before its first task; what it raises comes out of ``register_plugin``."""
        self.threads = worker.state.nthreads
        _ = self.pool

    @property
    def pool(self) -> v8snap.IsolatePool:
        """The worker's. Raises SnapshotVersionError where it has another V8 than the snapshot's."""
        if self._pool is None:
            self._pool = v8snap.IsolatePool(self.blob, self.threads, timeout=5, heap_limit=256 * 2**20)
        return self._pool

    def teardown(self, worker: Worker) -> None:
        """When the worker ends."""
        if self._pool is not None:
            self._pool.close()


def render_there(numbers: range) -> list[str]:
    """A task: runs in a worker."""
    return render(get_worker().plugins[Renderer.name].pool, numbers)


def tasks(pages: int) -> Iterator[range]:
    """The numbers of each task's pages."""
    for first in range(0, pages, IN_A_TASK):
        yield range(first, min(first + IN_A_TASK, pages))


def render_on(client: Client, pages: int) -> list[str]:
    """All pages, by the workers."""
    parts = client.gather(client.map(render_there, list(tasks(pages)), pure=False))
    return [page for part in parts for page in part]


def main(pages: int = 2000) -> None:
    """Render on a cluster and here, compare, and say how long each took."""
    blob = build()
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(Renderer(blob))
        render_on(client, IN_A_TASK * WORKERS)  # isolates are made when they are first needed
        began = time.perf_counter()
        theirs = render_on(client, pages)
        there = time.perf_counter() - began
    with v8snap.IsolatePool(blob, 1) as pool:
        render(pool, range(IN_A_TASK))
        began = time.perf_counter()
        ours = render(pool, range(pages))
        here = time.perf_counter() - began
    assert theirs == ours
    print(f"{pages} pages of {sum(map(len, ours)) // pages} characters, the same both ways")
    print(f"{WORKERS} Dask workers: {there:.2f} s; this process alone: {here:.2f} s, {here / there:.2f} times as long")


if __name__ == "__main__":  # Dask's processes import this file again
    main(*map(int, sys.argv[1:]))
