"""ES modules: linked, evaluated, once in a context, and in snapshots."""

import gc
import re
import time

import pytest

import v8snap
from v8snap import Isolate, ModuleResolveError, SnapshotCreator, _v8

MODULES = {
    "main": "import {double} from './lib.js'; import def, * as all from 'lib';"
    " export const answer = double(21); export default [def, Object.keys(all).join()]; export {answer as again}",
    "lib": "import {answer} from 'main'; export const double = (x) => x * 2; export default 'default';"
    " export const late = () => answer",
}


def resolve(specifier, importer):
    name = {"./lib.js": "lib"}.get(specifier, specifier)
    return name, MODULES[name]


def test_modules_import_each_other(ctx):
    namespace = ctx.import_module("main", resolve=resolve)
    assert (namespace.answer, namespace.again, namespace["default"].to_py()) == (
        42,
        42,
        ["default", "default,double,late"],
    )
    assert ctx.import_module("m", resolve=lambda *_: "export default await Promise.resolve(5)")["default"] == 5


def test_modules_that_fail(ctx):
    with pytest.raises(v8snap.JSError, match="SyntaxError"):
        ctx.import_module("m", resolve=lambda *_: "export {")
    with pytest.raises(v8snap.JSError, match="does not provide an export"):
        ctx.import_module("m", resolve=lambda name, _: "import {x} from 'n'" if name == "m" else "export {}")
    with pytest.raises(v8snap.JSError, match="thrown") as caught:
        ctx.import_module("m", resolve=lambda *_: "\nthrow new Error('thrown')")
    assert (caught.value.script_name, caught.value.line) == ("m", 2)
    with pytest.raises(KeyError):
        ctx.import_module("m", resolve=lambda name, _: {"m": "import 'n'"}[name])
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.import_module("m", resolve=lambda *_: "for (;;);", timeout=0.05)
    with pytest.raises(v8snap.SnapshotError, match=re.escape("""eval_async("import('m')")""")):
        ctx.import_module("m", resolve=lambda *_: "await new Promise(() => {})")
    with pytest.raises(TypeError):
        ctx.import_module("m", resolve=lambda *_: 5)
    # A failed one can be tried again.
    assert ctx.import_module("m", resolve=lambda *_: "export default 1")["default"] == 1


def test_a_name_is_one_module(ctx):
    count = "globalThis.count = (globalThis.count ?? 0) + 1; export const n = count"
    first = ctx.import_module("m", resolve={"m": count})
    again = ctx.import_module("user", resolve={"user": "export * as m from 'm'", "m": "never read"})
    assert (first.n, again.m.n, ctx.globals["count"]) == (1, 1, 1)
    assert ctx.import_module("m").n == 1
    with ctx.isolate.new_context() as other:
        assert other.import_module("m", resolve={"m": count}).n == 1


def test_specifiers_are_relative_to_the_importer(ctx):
    sources = {
        "app/main.js": "import {x} from './lib/a.js'; export {x}",
        "app/lib/a.js": "import {y} from '../b.js'; export const x = [y, import.meta.url].join()",
        "app/b.js": "export const y = import.meta.url",
    }
    assert ctx.import_module("app/main.js", resolve=sources).x == "app/b.js,app/lib/a.js"
    with pytest.raises(ModuleResolveError) as caught:
        ctx.import_module("app/c.js", resolve={"app/c.js": "import './nothing.js'"})
    assert (caught.value.specifier, caught.value.importer) == ("./nothing.js", "app/c.js")
    with pytest.raises(ModuleResolveError):
        ctx.import_module("nowhere")
    with pytest.raises(ImportError, match="nowhere"):
        ctx.import_module("nowhere", resolve=lambda *_: None)
    for wrong in (5, "source"):
        with pytest.raises(TypeError):
            ctx.import_module("m", resolve=wrong)


def test_a_module_that_imports_itself_while_it_runs(child_ok):
    code = """
        import v8snap
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            def again():
                try:
                    ctx.import_module("m")
                except v8snap.SnapshotError as error:
                    return str(error)
                except v8snap.ModuleResolveError:
                    return "not yet there"
            ctx.globals["again"] = again
            print(ctx.import_module("m", resolve={"m": "export const said = again()"}).said)
            sources = {"a": "import 'b'; export const a = 1", "b": "import 'a'; export const said = again()"}
            def again():
                return ctx.import_module("a", resolve=sources).a
            ctx.globals["again"] = again
            try:
                ctx.import_module("a", resolve=sources)
            except v8snap.V8SnapError as error:
                print(type(error).__name__)
    """
    answer = child_ok(code).splitlines()
    assert len(answer) == 2, answer


SOURCES = {
    "lib/util.js": "export const twice = (x) => x + x; export const url = import.meta.url; import './main.js'",
    "lib/main.js": """import {twice, url} from './util.js';
        export let calls = 0;
        export function render(x) { calls += 1; return [twice(x), url, import.meta.url].join() }
        export const late = await Promise.resolve(5);
        export default class A { static n = 1 }""",
}


def module_blob(**options):
    with SnapshotCreator(**options) as sc:
        namespace = sc.add_module("lib/main.js", SOURCES["lib/main.js"], resolve=SOURCES)
        assert (namespace["render"]("a"), namespace.late) == ("aa,lib/util.js,lib/main.js", 5)
        sc.add_module("lib/util.js", SOURCES["lib/util.js"])
    return sc.blob


def test_modules_in_a_snapshot_need_no_loading(tmp_path, child_ok):
    module_blob().save(tmp_path / "modules.v8snap")
    code = """
        import v8snap
        blob = v8snap.StartupData.load("modules.v8snap")
        with v8snap.Isolate(blob) as iso, iso.new_context() as ctx:
            lib = ctx.data("lib/main.js")
            print(lib["render"]("b"), lib.calls, lib.late, lib["default"].n, *lib)
            print(ctx.data("lib/util.js").twice(4))
    """
    assert child_ok(code).splitlines() == ["bb,lib/util.js,lib/main.js 2 5 1 calls default late render", "8"]


@pytest.mark.parametrize("code", v8snap.FunctionCodeHandling)
def test_a_snapshot_with_modules_can_be_built_upon_and_verified(code):
    blob = module_blob(function_code=code)
    assert not blob.can_be_rehashed
    assert [script["name"] for script in blob.scripts] == ["lib/main.js", "lib/util.js"]
    blob.verify()
    with SnapshotCreator(existing_blob=blob) as sc:
        sc.add_module("more", "export const more = import.meta.url")
        added = sc.new_context()
        sc.add_module("other", "export let n = 2", context=added)
        sc.add_context(added, name="second")
    with Isolate(sc.blob) as iso, iso.new_context() as ctx, iso.new_context("second") as second:
        assert ctx.data("more").more == "more"
        assert second.data("other").n == 2
        with pytest.raises(KeyError):
            ctx.data("lib/main.js")


def test_isolates_of_one_snapshot_with_modules_live_together_and_with_no_other(child_ok):
    code = '''
        import sys, v8snap
        with v8snap.SnapshotCreator() as sc:
            sc.add_module("m", """
                export const o = {}; export const get = (k) => o[k];
                for (let i = 0; i < 9999; i++) o['k' + i] = i""")
        script = "const m = new Map(); for (let i = 0; i < 9999; i++) m.set('x' + i, i); m.get('x9')"
        for _ in range(3):
            isolates = [v8snap.Isolate(sc.blob) for _ in range(4)]
            for isolate in isolates:
                with isolate.new_context() as ctx:
                    module = ctx.data("m")
                    assert [module["get"](f"k{i}") for i in (0, 77, 9998)] == [0, 77, 9998]
                    assert ctx.eval(script) == 9
            try:
                v8snap.Isolate()
            except v8snap.SnapshotConflictError as error:
                print(error.live)
            for isolate in isolates:
                isolate.close()
        v8snap.Isolate().close()
    '''
    assert child_ok(code).split() == ["4"] * 3


def test_modules_that_cannot_go_into_a_snapshot():
    with SnapshotCreator() as sc:
        with pytest.raises(ModuleResolveError):
            sc.add_module("m", "import 'nothing'")
        with pytest.raises(v8snap.JSError, match="thrown"):
            sc.add_module("m", "throw new Error('thrown')")
        with pytest.raises(v8snap.SnapshotError, match="can't come while a snapshot is built"):
            sc.add_module("m", "await new Promise(() => {})")
        with pytest.raises(v8snap.JSTimeoutError):
            sc.add_module("m", "for (;;);", timeout=0.05)
        assert sc.add_module("m", "export const n = 1").n == 1
        with pytest.raises(v8snap.SnapshotError, match="already"):
            sc.add_module("m", "export const n = 2")
    with Isolate(sc.blob) as iso:
        assert iso.new_context().data("m").n == 1


@pytest.mark.parametrize("source", ["throw new TypeError('boo')", "missing.thing", "null.x"])
def test_the_place_of_an_error_at_the_top_level(source):
    with pytest.raises(v8snap.JSError) as raised, SnapshotCreator() as sc:
        sc.add_module("m.js", f"let x = 1;\n{source}")
    error = raised.value
    assert (error.script_name, error.line, error.source_line) == ("m.js", 2, source)
    assert error.column > 0


def test_names_that_are_urls(ctx):
    sources = {"https://x.y/lib/b.js": "export default 5", "https://x.y/c.js": "export default 6"}
    main = "import b from './lib/b.js'; import c from '../c.js'; export default b * c"
    assert ctx.import_module("https://x.y/main.js", resolve={**sources, "https://x.y/main.js": main}).default == 30
    with pytest.raises(v8snap.ModuleResolveError, match=r"https://x\.y/nowhere\.js") as raised:
        ctx.import_module("https://x.y/other.js", resolve={"https://x.y/other.js": "import './nowhere.js'"})
    assert raised.value.looked_for == "https://x.y/nowhere.js"


def test_files_are_named_from_their_common_folder(tmp_path):
    texts = {
        "a.mjs": "import {x} from './x/a.mjs'; export const a = x + 1",
        "x/a.mjs": "import {b} from '../b.mjs'; export const x = b + 1",
        "b.mjs": "export const b = 1",
    }
    for name, text in texts.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    blob = v8snap.build([], modules=[tmp_path / "src" / name for name in texts])
    assert sorted(script["name"] for script in blob.scripts) == sorted(texts)
    with Isolate(blob) as iso:
        assert iso.new_context().data("a.mjs").a == 3
    for twice in ([tmp_path / "src/a.mjs"] * 2, [("m", "1"), ("m", "2")]):
        with pytest.raises(v8snap.SnapshotError, match="two modules named"):
            v8snap.build([], modules=twice)


@pytest.mark.parametrize("kind", ["Isolate", "SnapshotCreator"])
def test_a_context_that_its_resolve_function_closes(child_ok, kind):
    code = f"""
        import v8snap
        maker = v8snap.{kind}()
        ctx = maker.new_context()
        def resolve(specifier, importer):
            if specifier == "b":
                ctx.close()
            return "import 'b'" if specifier == "a" else "export {{}}"
        for _ in range(2):
            try:
                ctx.import_module("a", resolve=resolve)
            except v8snap.ClosedError:
                print("closed", end=" ")
        maker.create_blob().verify() if hasattr(maker, "create_blob") else maker.close()
        print("end")
    """
    assert child_ok(code) == "closed closed end\n"


@pytest.mark.parametrize(
    "modules",
    [
        {"m": "await 0; for (;;);"},
        {"m": "import 'waits'; for (;;);", "waits": "await 0"},
        {"m": "import 'a'; import 'b'; for (;;);", "a": "await 0", "b": "let n = 0; while (n < 1e7) n++"},
    ],
)
@pytest.mark.parametrize("creator", [False, True])
def test_a_timeout_is_for_all_of_a_module_graph(modules, creator):
    """Also for what goes on after its first top-level await."""
    begun = time.monotonic()
    with v8snap.SnapshotCreator() if creator else Isolate() as owner, pytest.raises(v8snap.JSTimeoutError):
        if creator:
            owner.add_module("m", modules["m"], resolve=modules, timeout=0.4)
        else:
            owner.new_context().import_module("m", resolve=modules, timeout=0.4)
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize(
    "modules",
    [
        {"m": "import 't'; await 0", "t": "await 0; Promise.prototype.constructor = 5"},
        {"m": "import 'evil'; import 't'", "t": "await 0", "evil": "delete Promise[Symbol.species]"},
        {
            "m": "import 'evil'; import 't'",
            "t": "await 0",
            "evil": "Object.defineProperty(Promise.prototype, 'constructor', {get() { throw 1 }})",
        },
    ],
)
@pytest.mark.parametrize("dynamic", [False, True])
def test_promises_can_not_be_replaced_in_the_middle_of_top_level_await(ctx, modules, dynamic):
    """V8 dies of it."""
    ctx.resolve = modules
    if dynamic:
        promise = ctx.eval("import('m')")
        assert promise.state == "rejected"
        with pytest.raises(v8snap.JSError, match="TypeError"):
            promise.result()
    else:
        with pytest.raises(v8snap.JSError, match="TypeError"):
            ctx.import_module("m")
    assert ctx.eval("Promise.resolve(1).constructor === Promise")


def test_a_module_that_still_waits_is_not_in_a_snapshot():
    """V8 would forget what continues it."""
    source = "await new Promise(resolve => { globalThis.go = resolve }); globalThis.after = 1"
    for settled in (False, True):
        creator = SnapshotCreator()
        creator.context.resolve = {"m": source}
        creator.context.eval("globalThis.p = import('m'); 1")
        if settled:
            creator.context.eval("go()")
            with Isolate(creator.create_blob()) as isolate:
                assert isolate.new_context().eval("after") == 1
        else:
            with pytest.raises(v8snap.SnapshotError, match="still waits at its top level"):
                creator.create_blob()


@pytest.mark.parametrize("what", ["ctx.close", "os.fork", "ctx.isolate.terminate", "gc.collect"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_what_a_module_does_to_its_context_while_others_wait_for_it(child_ok, what, dynamic):
    code = f"""
        import gc, os, warnings, v8snap
        warnings.simplefilter("ignore")  # Python's of forks
        isolate = v8snap.Isolate()
        ctx = isolate.new_context()
        def act():
            if {what}() == 0 and "fork" in {what!r}:
                os._exit(0)
        ctx.globals["act"] = act
        ctx.resolve = {{
            "m": "import 'b'; act(); await 0; act()",
            "b": "import 'a'; act(); await 0; act()",
            "a": "await 0; act()",
        }}
        try:
            print("module", ctx.eval("import('m')") if {dynamic} else ctx.import_module("m"))
        except v8snap.V8SnapError as error:
            print("error", type(error).__name__)
        gc.collect()
        isolate.low_memory_notification()
        print(isolate.new_context().eval("40 + 2"))
        isolate.close()
        gc.collect()
        assert not any(v8snap._v8._live_counts().values()), v8snap._v8._live_counts()
    """
    assert child_ok(code).split()[-1] == "42"


SHARED = {
    "s": "await new Promise(resolve => { globalThis.go = resolve })",
    "x": "import 's'",
    "y": "import 's'; for (;;);",
    "z": "import 'y'; import 'x'; await 0",
}


@pytest.mark.parametrize("imports", [["x", "y"], ["y", "y"], ["x", "z"], ["z", "y"], ["s", "y"], ["x", "s", "z", "z"]])
def test_a_stop_in_a_module_whose_dependency_several_imports_wait_for(child_ok, imports):
    """V8 13 dies where it evaluates such a module itself."""
    code = f"""
        import v8snap
        isolate = v8snap.Isolate(timeout=0.2)
        ctx = isolate.new_context()
        ctx.resolve = {SHARED!r}
        for name in {imports!r}:
            ctx.eval(f"import('{{name}}').catch(() => 0); 1")
        try:
            ctx.eval("go(); 1")
        except v8snap.JSTimeoutError:
            print("stopped")
        print(ctx.eval("40 + 2"))
    """
    assert child_ok(code).split() == ["stopped", "42"]


def test_a_graph_is_not_imported_from_inside_itself(ctx):
    log = []
    ctx.globals["log"] = log.append
    ctx.resolve = {
        "r": "import {v} from 'a'; log('r'); export const w = v",
        "a": "import 't'; log('a begins'); again(); log('a ends'); export const v = 1",
        "t": "await 0",
    }
    failures = []

    def again():
        with pytest.raises(v8snap.SnapshotError, match="from inside itself") as caught:
            ctx.import_module("r")
        failures.append(caught.value)

    ctx.globals["again"] = again
    assert ctx.import_module("r").w == 1
    assert (log, len(failures)) == (["a begins", "a ends", "r"], 1)


ORDERS = {
    "siblings of one that fails later": (
        {
            "m": "import 'p'; import 'b'",
            "p": "import 'a'; log('p')",
            "a": "await 0; await 0; log('a')",
            "b": "await 0; throw 1",
        },
        ["a", "p"],
    ),
    "what comes after one that fails at once": (
        {"m": "import 'a'; import 'b'; import 'c'", "a": "await 0; log('a')", "b": "throw 1", "c": "log('c')"},
        ["a"],
    ),
    "what needs one that fails": (
        {"m": "import 'a'; import 'b'", "a": "import 'f'; log('a')", "f": "await 0; throw 1", "b": "log('b')"},
        ["b"],
    ),
    "two that wait": (
        {"m": "import 'a'; import 'b'; throw log('m')", "a": "log(1); await 0; log(3)", "b": "log(2); await 0; log(4)"},
        [1, 2, 3, 4, "m"],
    ),
}


@pytest.mark.parametrize("what", ORDERS)
def test_modules_are_evaluated_in_the_languages_order(ctx, what):
    modules, expected = ORDERS[what]
    log, reports = [], []
    ctx.isolate.on_unhandled_rejection = reports.append
    ctx.globals["log"] = log.append
    ctx.resolve = modules
    assert ctx.eval("import('m')").state == "rejected"
    assert log == expected
    gc.collect()
    ctx.eval("1")
    assert len(reports) == 1  # the promise of import()


def test_evaluations_that_were_stopped_or_dropped_leave_nothing(ctx):
    before = _v8._live_counts()["imports"]
    for _ in range(5):
        with pytest.raises(v8snap.JSTimeoutError):
            ctx.import_module("m", resolve={"m": "import 'a'; for (;;);", "a": "await 0"}, timeout=0.05)
    assert _v8._live_counts()["imports"] == before
    for _ in range(5):
        other = ctx.isolate.new_context()
        other.resolve = {"m": "import 'a'", "a": "await new Promise(() => 0)"}
        other.eval("import('m'); 1")
        del other
    gc.collect()
    ctx.eval("1")
    ctx.isolate.low_memory_notification()
    assert _v8._live_counts()["imports"] == before
    assert ctx.isolate.heap_statistics()["number_of_native_contexts"] <= 2


def test_a_closed_context_may_have_had_a_module_that_waits(make_blob):
    creator = SnapshotCreator()
    with creator.new_context() as other:
        other.resolve = {"m": "await new Promise(() => 0)"}
        other.eval("import('m'); 1")
    assert Isolate(creator.create_blob()).new_context().eval("1") == 1
