"""Programs that people render pages, compile and draw with give, from a snapshot, what they give in Node.js."""

import json
import subprocess
from pathlib import Path

import pytest

import v8snap

pytestmark = pytest.mark.slow

HERE = Path(__file__).with_name("programs")
TIMES = 3  # a context is used as often as this

LIBRARIES = {
    "react": [
        ("react", "umd/react.production.min.js"),
        ("react-dom", "umd/react-dom-server-legacy.browser.production.min.js"),
    ],
    "typescript": [("typescript", "lib/typescript.js")],
    "babel": [("@babel/standalone", "babel.js")],
    "katex": [("katex", "dist/katex.js")],
    "vega": [("vega", "build/vega.js")],
    "marked": [("marked", "marked.min.js")],
    "handlebars": [("handlebars", "dist/handlebars.js")],
    "lodash": [("lodash", "lodash.js")],
}
GLOBALS = "var self = globalThis;"  # React's scripts take it from browsers; V8 alone has none
LANGUAGE = ["core", "collection", "generator", "iterable", "promise", "proxy", "reflect", "symbol", "symbol.wellknown"]
DECLARATIONS = [f"lib.{name}.d.ts" for name in ["es5", "decorators", "decorators.legacy", "es2015"]] + [
    f"lib.es2015.{name}.d.ts" for name in LANGUAGE
]

# Each context of the snapshot runs main() several times; a promise has settled when eval() comes back.
RUN = """
    import json, sys, v8snap
    path, times = sys.argv[1], int(sys.argv[2])
    kept = "Promise.resolve(main()).then((text) => { globalThis.result = text })"
    contexts = []
    with v8snap.Isolate(v8snap.StartupData.load(path)) as iso:
        for _ in range(2):
            ctx = iso.new_context()
            results = []
            for _ in range(times):
                ctx.eval(kept)
                results.append(ctx.eval("result"))
            contexts.append(results)
    print(json.dumps(contexts))
"""


def inputs(program, library):
    """What the program reads, by name."""
    folder = HERE / program
    files = {path.name: path.read_text() for path in sorted(folder.iterdir())} if folder.is_dir() else {}
    if program == "typescript":
        files |= {name: library("typescript", f"lib/{name}") for name in DECLARATIONS}
    return files


def in_node(paths):
    """What main() gives there, each time."""
    command = ["node", HERE / "run_in_node.js", str(TIMES), *paths]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("program", LIBRARIES)
def test_a_program_of_a_snapshot_gives_what_node_gives(program, library, child_ok, tmp_path):
    sources = {"globals.js": GLOBALS}
    sources |= {path.replace("/", "-"): library(name, path) for name, path in LIBRARIES[program]}
    sources["inputs.js"] = f"const files = {json.dumps(inputs(program, library))};"
    sources["program.js"] = (HERE / f"{program}.js").read_text()
    for name, source in sources.items():
        (tmp_path / name).write_text(source)
    expected = in_node([tmp_path / name for name in sources])
    v8snap.build(sources, warmup="main()").save(tmp_path / "program.v8snap")
    contexts = json.loads(child_ok(RUN, tmp_path / "program.v8snap", TIMES, timeout=120))
    assert len(expected[0]) > 4000
    assert contexts == [expected, expected]
