"""import() and JSON modules: found by whoever loaded the importer, in microtasks, in snapshots too."""

import pytest

import v8snap
from v8snap import Isolate

WITH = "assert" if int(v8snap.v8_version().split(".")[0]) < 11 else "with"
MODULES = {
    "main.js": "export const x = 1; export const load = (name) => import(name)",
    "lib/b.js": "import {x} from '../main.js'; export const y = x + 1; export const next = () => import('./c.js')",
    "lib/c.js": "await null; export default 'c'",
    "data.json": '{"list": [1, {"__proto__": 5}]}',
    "json.js": f"import data from './data.json' {WITH} {{type: 'json'}}; export default data",
    "bad.json": "{nope",
    "bad.js": f"import data from './bad.json' {WITH} {{type: 'json'}}",
    "css.js": f"import data from './data.json' {WITH} {{type: 'css'}}",
    "throws.js": "throw new TypeError('at top')",
    "syntax.js": "let let = 1",
    "missing.js": "import './nowhere.js'",
    "self.js": "export const me = await import('./self2.js')",
    "self2.js": "import './self.js'; export const two = 2",
}


@pytest.fixture
def load(ctx):
    return ctx.import_module("main.js", resolve=MODULES).load


def test_import_finds_what_the_importers_graph_can(ctx, load):
    module = load("./lib/b.js").result()
    assert module.y == 2
    assert module.next().result().default == "c"
    assert load("./lib/b.js").result() == module
    assert ctx.import_module("lib/b.js", resolve=MODULES) == module


def test_import_in_scripts_needs_the_contexts_resolve(ctx):
    with pytest.raises(v8snap.ModuleResolveError) as caught:
        ctx.eval("import('main.js')", name="script.js").result()
    assert (caught.value.specifier, caught.value.importer) == ("main.js", "script.js")
    ctx.resolve = MODULES
    assert ctx.resolve is MODULES
    assert ctx.eval("import('main.js')").result().x == 1
    assert ctx.eval("eval(\"import('lib/b.js')\")").result().y == 2
    assert ctx.import_module("lib/c.js").default == "c"
    with pytest.raises(TypeError):
        ctx.resolve = 5


def test_javascript_can_catch_what_is_missing(ctx, load):
    ctx.globals["load"] = load
    text = ctx.eval("load('no').catch((e) => `${e.name}: ${e.message}`)").result()
    assert text.startswith("ModuleResolveError: module 'no', imported by 'main.js', is not found")


def test_json_modules(ctx, load):
    data = ctx.import_module("json.js", resolve=MODULES).default
    assert data.list[0] == 1
    assert ctx.eval("(o) => Object.hasOwn(o, '__proto__')")(data.list[1]) is True
    ctx.resolve = MODULES
    again = ctx.eval(f"import('data.json', {{{WITH}: {{type: 'json'}}}})").result()
    assert again.default == data
    ctx.eval("JSON.parse = () => 'replaced'")
    ctx.resolve = {"other.json": "[7]"}
    assert ctx.eval(f"import('other.json', {{{WITH}: {{type: 'json'}}}})").result().default.to_py() == [7]


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("bad.js", v8snap.JSError, "in the JSON module bad.json: "),
        ("css.js", v8snap.SnapshotError, "attribute other than"),
        ("throws.js", v8snap.JSError, "at top"),
        ("syntax.js", v8snap.JSError, "SyntaxError"),
        ("missing.js", v8snap.ModuleResolveError, "nowhere.js"),
    ],
)
def test_what_fails_says_so_and_can_be_tried_again(ctx, load, name, kind, text):
    for _ in range(2):
        with pytest.raises(kind, match=text):
            load(name).result()
        with pytest.raises(kind, match=text):
            ctx.import_module(name, resolve=MODULES)
    assert load("./lib/b.js").result().y == 2


def test_what_failed_is_found_anew(ctx):
    sources = {"a.js": "throw new Error('first')"}
    ctx.resolve = sources
    with pytest.raises(v8snap.JSError, match="first"):
        ctx.eval("import('a.js')").result()
    sources["a.js"] = "export default 2"
    assert ctx.eval("import('a.js')").result().default == 2


def test_cycles_through_import(ctx):
    ctx.resolve = MODULES
    promise = ctx.eval("import('self.js')")
    assert promise.state in ("pending", "fulfilled")  # each awaits the other: a deadlock by the language's own rules
    assert ctx.eval("1") == 1


def test_resolve_functions_and_their_exceptions(ctx):
    asked = []

    def resolve(specifier, importer):
        asked.append((specifier, importer))
        if specifier == "fails":
            raise ValueError("mine")
        return {"a": "export const a = () => import('b')", "b": "export default 1"}.get(specifier)

    assert ctx.import_module("a", resolve=resolve).a().result().default == 1
    assert asked == [("a", None), ("b", "a")]
    ctx.resolve = resolve
    with pytest.raises(ValueError, match="mine") as caught:
        ctx.eval("import('fails')", name="who.js").result()
    assert "'fails', imported by 'who.js'" in caught.value.__notes__[0]


def test_import_happens_in_a_microtask(ctx):
    ctx.resolve = {"a.js": "log('module')"}
    log = []
    ctx.globals["log"] = log.append
    ctx.eval("import('a.js'); log('script')")
    assert log == ["script", "module"]


def test_a_resolve_that_closes_the_context():
    with Isolate() as iso:
        ctx = iso.new_context()

        def resolve(specifier, importer):
            ctx.close()
            return ""

        ctx.resolve = resolve
        ctx.eval("import('a'); 1")
        assert ctx.closed
        assert iso.new_context().eval("2") == 2


def test_stopped_in_the_middle(ctx):
    ctx.resolve = {"loop.js": "for (;;);", "a.js": "export default 1"}
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.eval("import('loop.js'); import('a.js'); 1", timeout=0.05)
    assert ctx.eval("import('a.js')").result().default == 1

    def interrupt(specifier, importer):
        raise KeyboardInterrupt

    ctx.resolve = interrupt
    with pytest.raises(KeyboardInterrupt):
        ctx.eval("import('b.js'); 1")
    assert ctx.eval("1 + 1") == 2


def test_top_level_await_of_what_python_settles(ctx):
    ctx.resolve = {"waits.js": "export default await new Promise((resolve) => { globalThis.go = resolve })"}
    promise = ctx.eval("import('waits.js')")
    assert promise.state == "pending"
    ctx.globals["go"](5)
    assert promise.result().default == 5


def test_in_snapshots():
    with v8snap.SnapshotCreator() as sc:
        sc.add_module("main.js", MODULES["main.js"], resolve=MODULES)
        sc.add_module("json.js", MODULES["json.js"], resolve=MODULES)
        sc.context.resolve = MODULES
        sc.context.eval("globalThis.load = (n) => import(n); load('lib/b.js').then((m) => { globalThis.y = m.y })")
    with Isolate(sc.blob) as iso:
        with iso.new_context() as ctx:
            assert ctx.eval("y") == 2
            assert ctx.data("json.js").default.list[0] == 1
            with pytest.raises(v8snap.ModuleResolveError):
                ctx.eval("load('lib/c.js')").result()
            ctx.resolve = MODULES
            assert ctx.eval("load('lib/c.js')").result().default == "c"
            assert ctx.data("main.js").load("./lib/c.js").result().default == "c"
        iso.low_memory_notification()


def test_in_a_helper():
    blob = v8snap.build(
        {"a.js": "import('m.js').then((m) => { globalThis.m = m.v })"}, modules={"m.js": "export const v = 3"}
    )
    with Isolate(blob) as iso:
        assert iso.new_context().globals["m"] == 3


# ---------------------------------------------------------------- top-level await: V8 dies of what comes between


STOPS = {
    "a slow callback": "load()",
    "a slow built-in": "'a'.repeat(2 ** 24).replace(/a/g, 'b')",
    "a loop": "for (;;);",
}


@pytest.mark.parametrize(
    "dependency",
    [pytest.param(STOPS[what], id=what, marks=pytest.mark.slow if "built-in" in what else []) for what in STOPS],
)
def test_a_stop_before_a_module_that_awaits(child_ok, dependency):
    code = """
        import sys, time, v8snap
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            ctx.globals["load"] = lambda: time.sleep(0.3)
            sources = {"a": 'import "b"; export default await 1', "b": sys.argv[1]}
            try:
                ctx.import_module("a", resolve=sources, timeout=0.1)
            except v8snap.JSTimeoutError:
                print("stopped")
            sources["b"] = ""
            print(ctx.import_module("a", resolve=sources).default)
    """
    assert child_ok(code, dependency).split() == ["stopped", "1"]


def test_an_interrupt_before_a_module_that_awaits(child_ok):
    code = """
        import v8snap
        def load():
            raise KeyboardInterrupt
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            ctx.globals["load"] = load
            try:
                ctx.import_module("a", resolve={"a": 'import "b"; await 1', "b": "load()"})
            except KeyboardInterrupt:
                print("interrupted")
            print(ctx.eval("1 + 1"))
    """
    assert child_ok(code).split() == ["interrupted", "2"]


@pytest.mark.parametrize(
    "change",
    [
        "Promise.prototype.constructor = null",
        "Promise.prototype.constructor = class { }",
        "Object.defineProperty(Promise.prototype, 'constructor', {get() { throw 1 }})",
        "Object.defineProperty(Promise, Symbol.species, {get() { throw 1 }})",
        "Promise[Symbol('Symbol.species')] = 1",
    ],
)
def test_promises_that_top_level_await_would_die_of(child_ok, change):
    code = """
        import sys, v8snap
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            ctx.eval(sys.argv[1])
            ctx.resolve = {"a": "await 1", "b": "export default 2"}
            for load in (lambda: ctx.import_module("a"), lambda: ctx.eval("import('a')").result()):
                try:
                    load()
                except v8snap.SnapshotError as error:
                    print("top-level await" in str(error))
            print(ctx.import_module("b").default)
    """
    assert child_ok(code, change).split() == ["True", "True", "2"]


def test_the_order_of_evaluation_is_the_languages(ctx):
    log = []
    ctx.globals["log"] = log.append
    sources = {
        "root": "import './slow.js'; import './sync.js'; import './last.js'; log('root')",
        "slow.js": "log('slow starts'); await null; log('slow ends')",
        "sync.js": "log('sync')",
        "last.js": "import './slow.js'; log('last')",
    }
    ctx.import_module("root", resolve=sources)
    assert log == ["slow starts", "sync", "slow ends", "last", "root"]


def test_json_and_javascript_of_one_name_are_two_modules(ctx):
    sources = {
        "one": "export * as m from './d'",
        "two": f"import * as m from './d' {WITH} {{type: 'json'}}; export {{m}}",
        "d": "7",
    }
    assert list(ctx.import_module("one", resolve=sources).m) == []
    assert ctx.import_module("two", resolve=sources).m.default == 7
