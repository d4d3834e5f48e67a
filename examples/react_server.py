"""A web server that renders React pages, each in a clean context.

pip install 'v8snap[examples]', then in this folder:

    gunicorn --preload --workers 2 --threads 4 react_server:app

The server loads the snapshot once and forks its workers, which share its pages; V8 starts in each of them.
"""

import dataclasses

from flask import Flask, request

import v8snap
from v8snap.demo import PROGRAMS, program_files

PAGE = """
const e = React.createElement;
let visits = 0;  // of one request: the next one has a fresh copy of all this

function Page({ user, items }) {
  visits++;
  return e("html", null, e("body", null,
    e("h1", null, `Hello, ${user}!`),
    e("ul", null, items.map((item, i) => e("li", { key: i }, item))),
    e("small", null, `visit ${visits}`)));
}

function render(data) {
  return "<!DOCTYPE html>" + ReactDOMServer.renderToStaticMarkup(e(Page, data));
}
"""

# Built in a helper process when it is missing or out of date: V8 is not started here, before the fork.
blob = v8snap.cached(
    "react_server.v8snap",
    {**{path.name: path.read_text() for path in program_files(PROGRAMS["react"])}, "page.js": PAGE},
    warmup='render({ user: "Ada", items: ["one", "two"] })',
)
pool = v8snap.IsolatePool(blob, 4, timeout=2, heap_limit=256 * 2**20, wait=10)

app = Flask(__name__)


@app.get("/")
def page() -> str:
    """The page of ``?user=Ada&item=one&item=two``."""
    with pool.context() as ctx:
        return ctx.globals["render"]({"user": request.args.get("user", "you"), "items": request.args.getlist("item")})


@app.get("/statistics")
def statistics() -> dict:
    """What this worker's pool has done."""
    return dataclasses.asdict(pool.statistics())


@app.errorhandler(TimeoutError)
def too_busy(error: TimeoutError) -> tuple[str, int]:
    """JavaScript that took too long, or no isolate that came free in time."""
    return str(error), 503
