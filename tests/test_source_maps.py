"""Errors of generated scripts lead to where those were generated from, and no map breaks an error."""

import base64
import json
import pickle
import sys

import pytest

import v8snap
from v8snap import Isolate
from v8snap.source_maps import OriginalPlace, SourceMap, has_inline_map

# Column 4 of the second line comes from line 3, column 2 of the source.
MAP = {
    "version": 3,
    "sources": ["app.ts"],
    "names": [],
    "mappings": "AAAA;IAEE",
    "sourcesContent": ["function fail(): never {\n  // why\n  throw new TypeError('mapped')\n}\n"],
}
PLACE = OriginalPlace("app.ts", 3, 3, "  throw new TypeError('mapped')")


def as_url(content):
    return "data:application/json;base64," + base64.b64encode(content.encode()).decode()


def with_map(source, mapping=MAP):
    url = mapping if isinstance(mapping, str) else as_url(json.dumps(mapping))
    return f"{source}\n//# sourceMappingURL={url}\n"


SCRIPT = with_map("function fail() {\n    throw new TypeError('mapped')\n}")
CALLER = with_map("function call() {\n    fail()\n}", {**MAP, "sources": ["caller.ts"]})


def error_of(ctx, source, name="<eval>"):
    with pytest.raises(v8snap.JSError) as caught:
        ctx.eval(source, name)
    return caught.value


def test_the_place_and_the_stack_are_mapped(ctx):
    ctx.eval(SCRIPT, "app.js")
    error = error_of(ctx, "\nfail()", "main.js")
    assert error.original == PLACE
    assert error.original.source_line == PLACE.source_line
    assert (error.script_name, error.line) == ("app.js", 2)
    assert error.mapped_stack == "TypeError: mapped\n    at fail (app.ts:3:3)\n    at main.js:2:1"
    assert "app.js:2:11" in error.stack  # V8's stays what it is


def test_frames_of_other_scripts_are_mapped_too(ctx):
    ctx.eval(SCRIPT, "app.js")
    ctx.eval(CALLER, "caller.js")
    error = error_of(ctx, "call()", "main.js")
    assert error.mapped_stack.split("\n")[1:] == [
        "    at fail (app.ts:3:3)",
        "    at call (caller.ts:3:3)",
        "    at main.js:1:1",
    ]


def test_maps_of_a_snapshot_are_known_when_the_first_error_comes(make_blob):
    blob = make_blob({"app.js": SCRIPT, "caller.js": CALLER})
    with Isolate(blob) as iso, iso.new_context() as ctx:
        error = error_of(ctx, "call()")
        assert error.original == PLACE
        assert "app.ts:3:3" in error.mapped_stack
        assert "caller.ts:3:3" in error.mapped_stack
    with v8snap.SnapshotCreator(existing_blob=blob) as sc:
        sc.context.eval("var more = 1")
    with Isolate(sc.blob) as iso, iso.new_context() as ctx:
        assert "caller.ts:3:3" in error_of(ctx, "call()").mapped_stack


def test_errors_of_a_creator_are_mapped():
    with pytest.raises(v8snap.JSError) as caught, v8snap.SnapshotCreator() as sc:
        sc.context.eval(SCRIPT, "app.js")
        sc.context.eval("fail()")
    assert caught.value.original == PLACE
    assert "    at fail (app.ts:3:3)" in caught.value.mapped_stack


def test_errors_from_a_helper_process_bring_their_maps():
    with pytest.raises(v8snap.JSError) as caught:
        v8snap.build({"app.js": SCRIPT, "main.js": "fail()"})
    assert caught.value.original == PLACE
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.original == PLACE
    assert again.mapped_stack == caught.value.mapped_stack


def test_compiled_scripts_cached_code_and_modules_are_mapped(ctx):
    cache = ctx.compile(SCRIPT, "app.js").create_code_cache()
    with Isolate() as iso, iso.new_context() as other:
        other.compile(SCRIPT, "app.js", cached_data=cache).run(other)
        assert error_of(other, "fail()").original == PLACE
    source = SCRIPT.replace("function fail", "export function fail")
    with pytest.raises(v8snap.JSError) as caught:
        ctx.import_module("main", resolve={"main": "import { fail } from 'app'; fail()", "app": source})
    assert caught.value.original == PLACE


def test_causes_are_mapped(ctx):
    ctx.eval(SCRIPT, "app.js")
    error = error_of(ctx, "try { fail() } catch (cause) { throw new Error('outer', { cause }) }")
    assert error.original is None
    assert error.cause.original == PLACE


def test_what_is_no_error_has_a_place_all_the_same(ctx):
    ctx.eval(with_map("function fail() {\n    throw 'text'\n}"), "app.js")
    assert error_of(ctx, "fail()").original == PLACE


def test_the_map_lives_on_when_the_isolate_is_closed():
    with Isolate() as iso, iso.new_context() as ctx:
        ctx.eval(SCRIPT, "app.js")
        error = error_of(ctx, "fail()")
    assert error.original == PLACE


def test_more_scripts_with_maps_than_are_kept(ctx):
    for number in range(40):
        mapping = {**MAP, "sources": [f"{number}.ts"]}
        error = error_of(ctx, with_map("function fail() {\n    throw 1\n}\nfail()", mapping), f"{number}.js")
        assert error.original.script_name == f"{number}.ts"


@pytest.mark.parametrize("source", ["throw Error('x')", "throw Error('x') //# sourceMappingURL=app.js.map", "{"])
def test_without_an_inline_map_nothing_changes(ctx, source):
    error = error_of(ctx, source)
    assert error.original is None
    assert error.mapped_stack == error.stack


BAD_MAPS = {
    "not base64": "data:application/json;base64,!!!!",
    "half a character": "data:application/json;base64,A",
    "no comma": "data:application/json;base64",
    "no JSON": as_url("{"),
    "a list": as_url("[]"),
    "no UTF-8": "data:application/json;base64,//79",
    "empty": as_url("{}"),
    "nothing": "data:,",
    "bad mappings": as_url(json.dumps({**MAP, "mappings": "!!;??"})),
    "no such source": as_url(json.dumps({**MAP, "sources": []})),
    "null source": as_url(json.dumps({**MAP, "sources": [None], "sourcesContent": [None]})),
    "numbers": as_url(json.dumps({**MAP, "mappings": 7, "sources": 8})),
    "huge numbers": as_url(json.dumps({**MAP, "mappings": "AAAA;" + "g" * 30 + "AEE"})),
    "before the beginning": as_url(json.dumps({**MAP, "mappings": "AADF;AADFF"})),
    "surrogates": as_url('{"version":3,"sources":["\\ud800"],"names":[],"mappings":"AAAA;IAEE"}'),
    "deep": as_url("[" * 100_000),
    "another version": as_url(json.dumps({**MAP, "version": 99})),
}


@pytest.mark.parametrize("kind", BAD_MAPS)
def test_a_damaged_map_never_raises(ctx, kind):
    error = error_of(
        ctx, with_map("function fail() {\n    throw new TypeError('x')\n}\nfail()", BAD_MAPS[kind]), "a.js"
    )
    assert error.message == "x"
    assert error.original is None or isinstance(error.original, OriginalPlace)
    assert error.mapped_stack.startswith("TypeError: x\n    at fail (")


def test_a_map_without_base64_or_sources_serves(ctx):
    plain = {key: value for key, value in MAP.items() if key != "sourcesContent"}
    url = "data:application/json;charset=utf-8," + json.dumps(plain).replace(" ", "").replace('"', "%22")
    error = error_of(ctx, with_map("function fail() {\n    throw 1\n}\nfail()", url), "a.js")
    assert error.original == PLACE._replace(source_line="")


def test_without_the_library_nothing_is_mapped(ctx, monkeypatch):
    monkeypatch.setitem(sys.modules, "symbolic.sourcemap", None)
    ctx.eval(SCRIPT, "app.js")
    error = error_of(ctx, "fail()")
    assert error.original is None
    assert error.mapped_stack == error.stack


def test_odd_script_names_and_messages_are_left_alone(ctx):
    ctx.eval(SCRIPT.replace("'mapped'", r"'(a+(b)/[x]?.js:2:11)\n    not at (a+(b)/[x]?.js:2:11)'"), "a+(b)/[x]?.js")
    lines = error_of(ctx, "fail()").mapped_stack.split("\n")
    assert lines[:3] == [
        "TypeError: (a+(b)/[x]?.js:2:11)",
        "    not at (a+(b)/[x]?.js:2:11)",
        "    at fail (app.ts:3:3)",
    ]


def test_places_outside_a_map_have_no_counterpart():
    known = SourceMap(as_url(json.dumps(MAP)))
    assert known.place(2, 5) == PLACE
    for line, column in [(0, 0), (2, 0), (9, 1), (-1, 5), (2**31, 1)]:
        assert known.place(line, column) is None
    assert has_inline_map(SCRIPT)
    assert not has_inline_map("//# sourceMappingURL=app.js.map")


@pytest.mark.slow
def test_typescript_is_mapped_to_its_source():
    from v8snap.demo import PROGRAMS, program_files

    source = "interface P { x: number }\n\n\nfunction area(p: P): number {\n  throw new RangeError(`bad ${p.x}`);\n}\n"
    with v8snap.SnapshotCreator() as sc:
        for path in program_files(PROGRAMS["typescript"]):
            sc.context.eval(path.read_text(encoding="utf-8"), path.name)
    with Isolate(sc.blob) as iso, iso.new_context() as ctx:
        ctx.globals["source"] = source
        output = ctx.eval(
            "ts.transpileModule(source, { fileName: 'area.ts', compilerOptions: { inlineSourceMap: true, "
            "inlineSources: true } }).outputText"
        )
    with v8snap.SnapshotCreator() as sc:
        sc.context.eval(output, "area.js")
    with Isolate(sc.blob) as iso, iso.new_context() as ctx:
        error = error_of(ctx, "area({ x: 1 })")
    assert error.line == 2
    assert error.original == ("area.ts", 5, 3, "  throw new RangeError(`bad ${p.x}`);")
    assert "    at area (area.ts:5:9)" in error.mapped_stack
