"""A clean context for each request, all from one snapshot, in a pool of threads."""

from concurrent.futures import ThreadPoolExecutor

import v8snap

blob = v8snap.build({"app.js": "let visits = 0; function handle(name) { visits++; return `${name}: visit ${visits}` }"})

with v8snap.Isolate(blob) as iso:

    def handle(name: str) -> str:
        """Answer one request."""
        with iso.new_context() as ctx:  # nothing of one request reaches another
            return ctx.globals["handle"](name)

    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(handle, ["Ada", "Grace", "Barbara"]):
            print(answer)
