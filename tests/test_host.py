"""Host objects as such: only where asked for, in snapshots, each context's own, nothing of Python's behind them."""

import pickle

import pytest

import v8snap
from v8snap import Isolate, SnapshotCreator
from v8snap.host import NAMES

GLOBALS = {
    "timers": "setTimeout clearTimeout setInterval clearInterval setImmediate clearImmediate queueMicrotask",
    "encoding": "TextEncoder TextDecoder",
    "url": "URL URLSearchParams",
    "structured-clone": "structuredClone DOMException",
    "performance": "performance Performance PerformanceEntry PerformanceMark PerformanceMeasure",
    "base64": "atob btoa DOMException",
    "console": "",
}
#: Uses each of them; what it gives is the same everywhere.
USE = """
    (() => {
        console.log("used");
        const url = new URL("../b?x=1", "http://host/a/c");
        url.searchParams.append("y", "ä");
        const copy = structuredClone({map: new Map([[1, new Uint8Array([1, 2])]])});
        performance.mark("m");
        const text = new TextDecoder().decode(new TextEncoder().encode("é"));
        return [url.href, copy.map.get(1).join(), atob(btoa("hi")), text, performance.now() >= 0,
            performance.getEntriesByName("m").length >= 1, typeof setTimeout].join(" ");
    })()
"""
USED = "http://host/b?x=1&y=%C3%A4 1,2 hi é true true function"


def new_globals(context):
    return set(context.eval("Object.getOwnPropertyNames(globalThis).join()").split(","))


def test_nothing_is_there_unless_asked_for():
    with Isolate() as iso:
        plain = new_globals(iso.new_context())
        for names in GLOBALS.values():
            assert not plain & set(names.split())
        for name, names in GLOBALS.items():
            context = iso.new_context(host=[name])
            assert new_globals(context) - plain == set(names.split()), name
            assert context.host == (name,)
        assert iso.new_context().host == ()


def test_unknown_names_list_those_that_are_known():
    with Isolate() as iso:
        for wrong in (["fetch"], ["console", "dom-exception"], ["commonjs"], [None]):
            with pytest.raises(ValueError, match="structured-clone"):
                iso.new_context(host=wrong)
        with pytest.raises(TypeError):
            iso.new_context(host="console")
        with pytest.raises(TypeError):
            iso.console = "stdout"
    with pytest.raises(ValueError):
        v8snap.build({}, host=["fetch"])


def test_reserved_names_of_external_references_are_refused():
    for make in (Isolate, SnapshotCreator):
        with pytest.raises(ValueError, match="v8snap's own"):
            make(external_references={"v8snap:console": print})


@pytest.mark.parametrize("function_code", list(v8snap.FunctionCodeHandling))
def test_all_work_when_built_and_when_restored(function_code):
    with SnapshotCreator(function_code=function_code) as sc:
        context = sc.new_context(host=NAMES)
        assert context.eval(USE) == USED
        sc.set_default_context(context)
        sc.add_context(sc.new_context(host=["console", "base64"]), name="other")
    assert sc.blob.external_references == ()
    for blob in (sc.blob, pickle.loads(pickle.dumps(sc.blob)), v8snap.StartupData(bytes(sc.blob))):
        messages = []
        with Isolate(blob, console=lambda *args, seen=messages: seen.append(args)) as iso:
            context = iso.new_context()
            assert (context.eval(USE), context.host) == (USED, NAMES)
            before = context.globals["structuredClone"]
            assert context.globals["structuredClone"] == before
            other = iso.new_context(0, host=["timers", "console"])
            assert other.host == ("console", "timers", "base64")
            other.eval("setTimeout(() => console.warn(btoa('x')), 1)")
            assert other.run_until_idle()
            assert iso.new_context(host=["encoding", *NAMES]).eval(USE) == USED
        assert messages == [("log", "used"), ("warn", "eA=="), ("log", "used")]


def test_asking_again_changes_nothing():
    with SnapshotCreator() as sc:
        context = sc.new_context(host=["console", "timers"])
        context.eval("var before = console; console.mine = 1; delete globalThis.setTimeout")
        sc.set_default_context(context)
    with Isolate(sc.blob) as iso:
        context = iso.new_context(host=["console", "timers"])
        assert context.eval("console === before && console.mine === 1 && typeof setTimeout") == "undefined"


def test_build_in_a_helper_process_and_layers():
    blob = v8snap.build({"use.js": f"var used = {USE}"}, host=NAMES, warmup=USE)
    warm = v8snap.warm_up(blob, USE)
    with SnapshotCreator(existing_blob=warm, external_references={"f": len}) as sc:
        assert sc.context.eval(USE) == USED
        sc.context.globals["f"] = len
    assert sc.blob.external_references == ("f",)
    for each in (blob, warm):
        with Isolate(each) as iso:
            assert iso.new_context().eval(f"used === {USE} && used") == USED
    with Isolate(sc.blob, external_references={"f": len}) as iso:
        assert iso.new_context().eval(f"f('abc') + {USE}") == "3" + USED


def test_builds_with_host_objects_can_be_deterministic():
    one, other = (v8snap.build({"a.js": "var a = 1"}, host=NAMES, deterministic=True) for _ in "12")
    assert v8snap.compare(one, other) is None


def test_cached_builds_know_their_host_objects(tmp_path):
    plain = v8snap.cached(tmp_path / "a.v8snap", {"a.js": "1"})
    hosted = v8snap.cached(tmp_path / "a.v8snap", {"a.js": "1"}, host=("base64",))
    assert plain != hosted
    assert v8snap.cached(tmp_path / "a.v8snap", {"a.js": "1"}, host=["base64"]) == hosted


def test_contexts_share_nothing():
    with Isolate() as iso:
        one, other = (iso.new_context(host=NAMES) for _ in "12")
        one.eval(
            "setTimeout(() => { globalThis.ran = true }, 0); performance.mark('m'); console.mine = 1; URL.mine = 1"
        )
        assert other.eval("performance.getEntries().length") == 0
        assert other.eval("typeof console.mine + typeof URL.mine") == "undefinedundefined"
        assert other.run_until_idle(timeout=0.05)
        assert one.eval("typeof ran") == "undefined"
        assert one.run_until_idle()
        assert (one.eval("ran"), other.eval("typeof ran")) == (True, "undefined")


def test_functions_look_native_enough():
    script = """
        const wrong = [];
        const refuses = (f) => { try { f() } catch (e) { return e instanceof TypeError } };
        const names = Object.getOwnPropertyNames(globalThis).filter((name) => !before.includes(name));
        for (const name of names) {
            const value = globalThis[name];
            if (typeof value !== "function") continue;
            if (value.name !== name) wrong.push("name " + name);
            const isClass = /^[A-Z]/.test(name);
            if (isClass) {
                if (!refuses(() => value())) wrong.push("call " + name);
                for (const key of Object.getOwnPropertyNames(value.prototype)) {
                    const {enumerable, value: method} = Object.getOwnPropertyDescriptor(value.prototype, key);
                    if (enumerable && method) wrong.push("enumerable " + name + "." + key);
                    if (method?.prototype && key !== "constructor") wrong.push("constructor " + key);
                }
                const tag = Object.prototype.toString.call(value.prototype);
                if (tag !== `[object ${name}]`) wrong.push(tag);
            } else {
                if (!refuses(() => new value("x"))) wrong.push("new " + name);
            }
        }
        if (setTimeout.length !== 1 || clearTimeout.length !== 0 || structuredClone.length !== 1) wrong.push("length");
        wrong.join()
    """
    with Isolate() as iso:
        before = sorted(new_globals(iso.new_context()))
        context = iso.new_context(host=NAMES)
        context.globals["before"] = before
        assert context.eval(script) == ""
        assert context.eval("Object.prototype.toString.call(console)") == "[object console]"


#: Replaces whatever a careless library would call.
HOSTILE = """
    const evil = () => { throw new TypeError("evil") };
    const caught = {__proto__: null, count: 0};
    {
        const {defineProperty, ownKeys, getPrototypeOf} = Reflect;
        const trap = {__proto__: null, configurable: true, get: () => evil, set: () => { caught.count++ }};
        const raise = {__proto__: null, configurable: true, get: evil, set: () => { caught.count++ }};
        const prototypes = [
            Array, Map, Set, String, Function, Promise, Date, RegExp, Number, ArrayBuffer, DataView, Symbol,
        ];
        const classes = [
            "Map", "Set", "Array", "Promise", "Date", "RegExp", "Uint8Array", "Reflect", "Object",
            "String", "JSON", "Symbol",
        ];
        const typed = getPrototypeOf(Uint8Array);
        const keys = [0, 1, 2, "value", "get", "set", "done", "next", "enumerable", "configurable", "writable", "name"];
        for (let i = 0; i <= prototypes.length; i++) {
            const {prototype} = i < prototypes.length ? prototypes[i] : typed;
            const names = ownKeys(prototype);
            for (let j = 0; j < names.length; j++) {
                if (names[j] !== "constructor" && names[j] !== "join_") defineProperty(prototype, names[j], trap);
            }
        }
        for (let i = 0; i < classes.length; i++) globalThis[classes[i]] = class { constructor() { evil() } };
        for (let i = 0; i < keys.length; i++) defineProperty(prototypes_of_objects, keys[i], raise);
    }
"""
SURVIVE = """
    (() => {
        let outcomes = "";
        const attempt = (f) => {
            try { outcomes += String_(f()) + "|" } catch (e) { outcomes += "threw " + e.stack + "|" }
        };
        attempt(() => console.log("%s %o", 1, {a: [1, new Map_()]}, [1, 2, 3]));
        attempt(() => { console.group(); console.table([{a: 1}]); console.groupEnd() });
        attempt(() => setTimeout(() => console.log("timer"), 0) > 0);
        attempt(() => queueMicrotask(() => console.log("microtask")));
        attempt(() => atob(btoa("x")));
        attempt(() => new TextDecoder().decode(new TextEncoder().encode("ä")));
        attempt(() => new URL("http://h/?a=b").searchParams.get("a"));
        attempt(() => new URLSearchParams("c=d").toString());
        attempt(() => structuredClone({a: [1, new Map_()]}).a.length);
        attempt(() => performance.mark("m").name);
        return outcomes;
    })()
"""


def test_what_the_user_replaced_afterwards_is_not_used():
    lines = []
    with Isolate(console=lambda level, message: lines.append(message)) as iso:
        context = iso.new_context(host=NAMES)
        context.eval("var Map_ = Map, String_ = String, prototypes_of_objects = Object.prototype")
        context.eval(HOSTILE)
        outcomes = context.eval(SURVIVE).split("|")
        assert context.run_until_idle(timeout=5)
        assert outcomes == ["undefined", "undefined", "true", "undefined", "x", "ä", "b", "c=d", "2", "m", ""]
        assert {"timer", "microtask"} <= set(lines)


def test_what_the_user_replaced_before_gives_errors_and_no_native():
    with Isolate() as iso:
        with SnapshotCreator() as sc:
            sc.context.eval(
                "var seen = []; const {apply} = Reflect;"
                "Reflect.apply = function (f, self, args) { seen.push(f, ...args); return apply(f, self, args) };"
                "Reflect.defineProperty = undefined"
            )
        assert iso.new_context().eval("1") == 1
    with Isolate(sc.blob) as iso:
        for name in NAMES:
            with pytest.raises(v8snap.JSError):
                iso.new_context(host=[name])
        assert iso.new_context().eval("1") == 1


def test_nothing_of_python_is_reachable_from_stacks():
    script = """
        Error.prepareStackTrace = (error, sites) => sites.map((site) => [site.getFunction(), site.getThis()]);
        const found = [];
        for (const run of [() => console.log(1), () => setTimeout(run, 1), () => new URL("x:y")]) {
            try { run() } catch (e) { for (const [f, self] of e.stack ?? []) found.push(f, self) }
        }
        found.filter((x) => x !== undefined && x !== globalThis).length
    """

    def fail(level, message):
        raise RuntimeError("no")

    with Isolate(console=fail) as iso:
        assert iso.new_context(host=NAMES).eval(script) <= 1  # the script's own function


def test_natives_refuse_what_only_a_forger_would_give():
    with Isolate() as iso:
        context = iso.new_context(host=["timers"])
        native = context._external("v8snap:timers")
        for arguments in (
            [],
            ["set"],
            ["set", "x", 1, 1],
            ["set", 10**6, 1, 1],
            ["set", {}, {}, {}],
            ["clear", None, None],
        ):
            with pytest.raises((v8snap.JSError, v8snap.ClosedError, TypeError, ValueError)):
                native(*arguments)


def test_a_callback_may_close_the_context():
    with Isolate() as iso:
        context = iso.new_context(host=NAMES)
        iso.console = lambda level, message: context.close()
        with pytest.raises(v8snap.ClosedError):
            context.eval("console.log(1); setTimeout(() => {}, 1)")
        assert context.closed
        assert iso.new_context(host=NAMES).eval("1 + 1") == 2


def test_url_without_its_package_says_what_to_install(child_ok):
    code = """
        import sys
        sys.modules["ada_url"] = None
        import v8snap
        with v8snap.Isolate() as iso:
            iso.new_context(host=[name for name in v8snap.host.NAMES if name != "url"])
            try:
                iso.new_context(host=["url"])
            except ImportError as error:
                print(error)
    """
    assert "v8snap[host]" in child_ok(code)
