"""One start of v8snap in a new process, with as little else as can be."""

import json
import sys

import v8snap

words = dict(word.split("=", 1) for word in sys.stdin.readline().rstrip("\n").split("\t")[1:])


def read_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def run_script(context, path):
    name = path.rpartition("/")[2]
    if words["how"] == "scripts":
        context.eval(read_text(path), name)
        return
    with open(f"{path}.{v8snap.v8_version()}-cache", "rb") as file:
        script = context.compile(read_text(path), name, cached_data=file.read())
    if script.cache_rejected:
        raise RuntimeError("the code cache was rejected")
    script.run(context)


blob = v8snap.StartupData.load(words["blob"]) if words["how"] == "mapped" else None
with v8snap.Isolate(blob) as isolate, isolate.new_context() as context:
    for path in [] if blob is not None else words["scripts"].split(":"):
        run_script(context, path)
    result = context.eval(read_text(words["call"]), "call.js")
print(json.dumps({"result": result}))
