"""CommonJS: modules are found where Node.js finds them, and nowhere outside of their folder."""

import json
import os
import tarfile
from pathlib import Path

import pytest

import v8snap
from v8snap import Isolate, ModuleResolveError, SnapshotCreator


@pytest.fixture
def tree(tmp_path):
    """Write files below a folder, `root`, with a secret beside it."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.js").write_text("module.exports = 'secret'")
    (tmp_path / "secret.json").write_text('"secret"')

    def write(files):
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return root

    return write


def test_one_file_without_a_root(ctx, tmp_path):
    path = tmp_path / "lib.js"
    path.write_text(
        "exports.a = 1; exports.same = this === module.exports; exports.names = [__filename, __dirname].join()"
    )
    exports = ctx.require(path)
    assert exports.to_py() == {"a": 1, "same": True, "names": f"{path},{tmp_path}"}
    assert ctx.require(str(path)) == exports
    (tmp_path / "data.json").write_text('\ufeff{"a": [1]}')
    assert ctx.require(tmp_path / "data.json").to_py() == {"a": [1]}
    (tmp_path / "more.js").write_text("require('./lib.js')")
    with pytest.raises(ModuleResolveError, match="root") as raised:
        ctx.require(tmp_path / "more.js")
    assert (raised.value.specifier, raised.value.importer) == ("./lib.js", str(tmp_path / "more.js"))
    with pytest.raises(ModuleResolveError):
        ctx.require(tmp_path / "missing.js")


def test_umd_files_find_an_export(ctx, tmp_path):
    umd = """#!/usr/bin/env node
        (function (root, factory) {
            if (typeof define === "function" && define.amd) define([], factory);
            else if (typeof module === "object" && module.exports) module.exports = factory();
            else root.lib = factory();
        })(typeof self !== "undefined" ? self : this, function () { return {answer: 42} });
        //# sourceMappingURL=lib.js.map"""
    (tmp_path / "lib.js").write_text(umd)
    assert ctx.require(tmp_path / "lib.js").answer == 42


def test_relative_paths_folders_and_packages(ctx, tree):
    root = tree(
        {
            "main.js": "module.exports = ['./lib', './lib/b.js', 'pkg', 'pkg/sub', './data'].map(require)",
            "lib/index.js": "module.exports = 'lib ' + require('..').name + require('../other').name",
            "lib/b.js": "module.exports = 'b ' + require('.').slice(0, 3)",
            "index.js": "exports.name = 'index'",
            "other.cjs": "exports.name = 'other'",
            "data.json": {"n": 1},
            "node_modules/pkg/package.json": {"main": "./dist/main"},
            "node_modules/pkg/dist/main.js": "module.exports = 'pkg ' + require('inner')",
            "node_modules/pkg/sub.js": "module.exports = 'sub ' + require('pkg') + __filename + __dirname",
            "node_modules/pkg/node_modules/inner/index.js": "module.exports = 'inner'",
            "node_modules/inner/index.js": "module.exports = 'outer'",
        }
    )
    expected = [
        "lib indexother",
        "b lib",
        "pkg inner",
        "sub pkg innernode_modules/pkg/sub.jsnode_modules/pkg",
        {"n": 1},
    ]
    assert ctx.require("./main", root=root).to_py() == expected
    assert ctx.require("main.js", root=root) == ctx.require(root / "main.js", root=str(root))
    assert ctx.require("inner", root=root) == "outer"
    with pytest.raises(ValueError):
        ctx.require("main", root=root.parent)
    with pytest.raises(OSError):
        ctx.isolate.new_context().require("main", root=root / "nothing")
    with pytest.raises(OSError):
        ctx.isolate.new_context().require("main", root=root / "main.js")


def test_exports_of_packages(ctx, tree):
    root = tree(
        {
            "node_modules/a/package.json": {
                "name": "a",
                "main": "wrong.js",
                "exports": {
                    ".": {"import": "./esm.mjs", "require": "./main.cjs"},
                    "./feature": [{"node": "./no.js"}, "./feature.js"],
                    "./lib/*": "./src/*.js",
                    "./lib/private/*": None,
                    "./deep": {"node": "./no.js", "browser": {"default": "./main.cjs"}},
                },
                "imports": {"#dep": "b", "#own": "./feature.js"},
            },
            "node_modules/a/main.cjs": "module.exports = 'main ' + ['#dep', '#own', 'a/feature'].map(require).join('')",
            "node_modules/a/feature.js": "module.exports = 'feature'",
            "node_modules/a/src/x.js": "module.exports = 'x'",
            "node_modules/a/src/private/y.js": "module.exports = 'y'",
            "node_modules/a/hidden.js": "module.exports = 'hidden'",
            "node_modules/b/package.json": {"exports": "./b.js"},
            "node_modules/b/b.js": "module.exports = 'b'",
            "node_modules/@scope/c/index.js": "module.exports = 'c'",
        }
    )
    found = [ctx.require(name, root=root) for name in ("a", "a/feature", "a/lib/x", "a/deep", "b", "@scope/c")]
    assert found == ["main bfeaturefeature", "feature", "x", "main bfeaturefeature", "b", "c"]
    for name in ("a/hidden", "a/hidden.js", "a/lib/private/y", "a/lib/nothing", "b/b.js", "@scope", "a/package.json"):
        with pytest.raises(ModuleResolveError):
            ctx.require(f"{name}", root=root)


OUT = """
    module.exports = (specifier) => {
        try {
            return require(specifier);
        } catch (error) {
            return `${error.code} ${error instanceof Error} ${error.message}`;
        }
    };
"""


def test_nothing_outside_of_the_folder_is_read(ctx, tree):
    root = tree({"main.js": OUT, "sub/x.js": "module.exports = 1", "node_modules/p/index.js": OUT})
    outside = root.parent
    (root / "link.js").symlink_to(outside / "secret.js")
    (root / "folder").symlink_to(outside, target_is_directory=True)
    (root / "node_modules" / "linked").symlink_to(outside, target_is_directory=True)
    (root / "inner.js").symlink_to(root / "sub" / "x.js")
    (root / "loop.js").symlink_to(root / "loop.js")
    specifiers = [
        "../secret.js",
        "./../secret",
        "./sub/../../secret.js",
        "./sub/%2e%2e/%2e%2e/secret.js",
        "./%2e%2e/secret.js",
        "..%2fsecret.js",
        "./sub/..\\..\\secret.js",
        str(outside / "secret.js"),
        f"{root}/../secret.js",
        f"file://{outside}/secret.js",
        "//" + str(outside / "secret.js"),
        "./link.js",
        "./link",
        "./folder/secret.js",
        "./folder/secret",
        "./folder",
        "linked/secret.js",
        "linked/secret.json",
        "linked",
        "p/../../../secret.js",
        "p/../../main.js/../../secret.js",
        "..",
        "../",
        "../root/../secret.js",
        "node_modules/../../secret.js",
        "./loop.js",
        "./secret.js\0",
        "./" + "a/" * 3000 + "x",
        "./" + "a" * 300,
        "",
        "/etc/passwd",
        "../" * 40 + "etc/passwd",
    ]
    for importer in ("main.js", "p"):
        attempt = ctx.require(importer, root=root)
        for specifier in specifiers:
            answer = attempt(specifier)
            assert isinstance(answer, str), specifier
            assert answer.startswith("MODULE_NOT_FOUND true module "), (specifier, answer)
            assert "secret'" not in answer.replace(repr(specifier), "")
    assert ctx.require("./inner", root=root) == 1
    for specifier in specifiers:
        with pytest.raises(ModuleResolveError):
            ctx.require(specifier, root=root)


def test_packages_can_not_lead_out(ctx, tree):
    bad = [
        "../../secret.js",
        "./../../../secret.js",
        "/etc/passwd",
        "./%2e%2e/x.js",
        "./a/../../../../secret.js",
        "./node_modules/q/x.js",
    ]
    files = {f"node_modules/p{i}/package.json": {"exports": target} for i, target in enumerate(bad)}
    files |= {f"node_modules/m{i}/package.json": {"main": target} for i, target in enumerate(bad)}
    files |= {
        "node_modules/star/package.json": {"exports": {"./*": "./lib/*"}},
        "node_modules/star/lib/a.js": "module.exports = 'a'",
        "node_modules/star/own.js": "module.exports = 'own'",
        "node_modules/own/package.json": {"imports": {"#out": "../../secret.js"}},
        "node_modules/own/index.js": OUT,
        "node_modules/broken/package.json": "{not json",
        "node_modules/deep/package.json": "[" * 10**5,
        "node_modules/list/package.json": "[]",
        "node_modules/odd/package.json": {"main": 5, "exports": 7},
    }
    root = tree(files)
    names = [Path(name).parts[1] for name in files if name.endswith("package.json")]
    for name in [*names, "star/../own.js", "star/a/../../own.js", "star/../../../../secret.js"]:
        if name not in ("own", "star"):
            with pytest.raises(ModuleResolveError):
                ctx.require(name, root=root)
    assert ctx.require("star/a.js", root=root) == "a"
    assert ctx.require("own", root=root)("#out").startswith("MODULE_NOT_FOUND")


@pytest.mark.parametrize("specifier", ["fs", "node:fs", "path", "fs/promises"])
def test_what_belongs_to_node_is_not_there(ctx, tree, specifier):
    with pytest.raises(ModuleResolveError, match="itself, which isn't here"):
        ctx.require(specifier, root=tree({}))


def test_a_package_may_have_the_name_of_a_part_of_node(ctx, tree):
    root = tree(
        {"node_modules/events/index.js": "module.exports = 'mine'", "main.js": "module.exports = require('events')"}
    )
    assert ctx.require("./main", root=root) == "mine"
    with pytest.raises(ModuleResolveError):
        ctx.require("node:events", root=root)


def test_other_kinds_of_files_are_refused(ctx, tree):
    root = tree({"a.mjs": "export default 1", "b.node": "x"})
    os.mkfifo(root / "pipe.js")
    with open(root / "huge.js", "wb") as file:
        file.truncate(2**29)
    for name, reason in {
        "a.mjs": "import_module",
        "b.node": "native",
        "pipe.js": "not found",
        "huge.js": "larger",
    }.items():
        with pytest.raises(ModuleResolveError, match=reason):
            ctx.require(f"./{name}", root=root)


def test_one_instance_of_a_module_and_cycles(ctx, tree):
    root = tree(
        {
            "count.js": "globalThis.count = (globalThis.count || 0) + 1; module.exports = {}",
            "twice.js": "module.exports = require('./count') === require('././count.js')",
            "a.js": "exports.early = 1; const b = require('./b'); exports.seen = b.seen; exports.late = 2",
            "b.js": "const a = require('./a'); exports.seen = JSON.stringify(a)",
        }
    )
    assert ctx.require("./twice", root=root) is True
    assert ctx.eval("count") == 1
    assert ctx.require("./a", root=root).to_py() == {"early": 1, "seen": '{"early":1}', "late": 2}
    other = ctx.isolate.new_context()
    other.require("./count", root=root)
    assert other.eval("count") == 1


def test_a_module_that_failed_is_loaded_anew(ctx, tree):
    root = tree(
        {"bad.js": "if (!globalThis.ready) throw new TypeError('not ready'); module.exports = 1", "j.json": "{oops"}
    )
    with pytest.raises(v8snap.JSError, match="not ready"):
        ctx.require("./bad", root=root)
    ctx.eval("ready = true")
    assert ctx.require("./bad", root=root) == 1
    with pytest.raises(v8snap.JSError, match=r"SyntaxError: j\.json"):
        ctx.require("./j", root=root)
    (root / "j.json").write_text("[]")
    assert ctx.require("./j", root=root).to_py() == []


def test_a_module_that_was_stopped_is_loaded_anew(ctx, tree):
    root = tree({"slow.js": "stop(); for (;;);"})
    ctx.globals["stop"] = ctx.isolate.terminate
    with pytest.raises(v8snap.JSTerminatedError):
        ctx.require("./slow", root=root)
    (root / "slow.js").write_text("module.exports = 1")
    assert ctx.require("./slow", root=root) == 1


def test_errors_say_where(ctx, tree):
    root = tree(
        {
            "lib/throws.js": "  throw new Error('here')",
            "lib/syntax.js": "\n\n  let = = 1",
            "lib/process.js": "const process = 1;\nnull.x",
        }
    )
    places = {}
    for name in ("throws", "syntax", "process"):
        with pytest.raises(v8snap.JSError) as raised:
            ctx.require(f"./lib/{name}", root=root)
        places[name] = (raised.value.script_name, raised.value.line, raised.value.column)
    assert places == {
        "throws": ("lib/throws.js", 1, 3),
        "syntax": ("lib/syntax.js", 3, 9),
        "process": ("lib/process.js", 2, 6),
    }


def test_process_is_what_packages_ask_for(ctx, tree):
    root = tree(
        {
            "a.js": "module.exports = () => process.env.NODE_ENV",
            "b.js": "process.env.X = 1; module.exports = Object.isFrozen(process)",
        }
    )
    assert ctx.require("./a", root=root)() == "production"
    assert ctx.require("./b", root=root) is True
    assert ctx.eval("typeof process") == "undefined"
    other = ctx.isolate.new_context()
    other.eval("process = {env: {NODE_ENV: 'test'}}")
    assert other.require("./a", root=root)() == "test"


def test_wrong_arguments(ctx, tree):
    root = tree({"a.js": "module.exports = (x) => require(x)", "r.js": "module.exports = require.resolve('./a')"})
    for wrong in (None, 5, b"a.js"):
        with pytest.raises(TypeError):
            ctx.require(wrong, root=root)
    with pytest.raises(TypeError):
        ctx.require("./a", root=5)
    for wrong in (None, 5, {}):
        with pytest.raises(v8snap.JSError, match="TypeError"):
            ctx.require("./a", root=root)(wrong)
    assert ctx.require("./r", root=root) == "a.js"
    ctx.close()
    with pytest.raises(v8snap.ClosedError):
        ctx.require("./a", root=root)


def test_the_loaders_insides_are_out_of_reach(ctx, tree):
    root = tree(
        {
            "a.js": """
                const found = [];
                for (const key of Reflect.ownKeys(globalThis)) {
                    if (/v8snap|native/i.test(String(key))) found.push(String(key));
                }
                const keys = [Object.keys(module).join(), Object.keys(require).join()];
                module.exports = [found.length, typeof native, typeof token, ...keys].join(" ");
            """
        }
    )
    assert ctx.require("./a", root=root) == "0 undefined undefined id,filename,exports,loaded,require resolve"


@pytest.mark.parametrize("function_code", list(v8snap.FunctionCodeHandling))
def test_modules_in_a_snapshot(tree, function_code):
    root = tree(
        {
            "main.js": "const dep = require('./dep'); exports.run = (x) => dep(x);"
            "exports.again = () => require('./dep')(1);"
            "exports.later = () => require('./later')",
            "dep.js": "module.exports = (x) => x * 2",
            "later.js": "module.exports = 'later'",
        }
    )
    with SnapshotCreator(function_code=function_code) as sc:
        sc.context.globals["lib"] = sc.context.require("./main", root=root)
        assert sc.context.eval("lib.run(2)") == 4
    assert sc.blob.external_references == ()
    assert str(root) not in bytes(sc.blob).decode("latin-1")
    with Isolate(sc.blob) as iso:
        context = iso.new_context()
        assert context.eval("lib.run(4) + lib.again()") == 10
        with pytest.raises(ModuleResolveError, match="root=FOLDER"):
            context.eval("lib.later()")
        assert context.require("./main", root=root) == context.globals["lib"]
        assert context.eval("lib.later()") == "later"
        assert iso.new_context().eval("try { lib.later() } catch (e) { e.code }") == "MODULE_NOT_FOUND"


@pytest.fixture
def packages(library, tmp_path):
    """A folder with packages of npm in its ``node_modules``."""

    def unpack(*names):
        for name in names:
            target = tmp_path / "node_modules" / name
            with tarfile.open(library.archive(name)) as files:
                files.extractall(target.parent, filter="data")
            (target.parent / "package").rename(target)
        return tmp_path

    return unpack


PROGRAMS = {
    "lodash": (["lodash"], "m.chunk([1, 2, 3], 2).length + m.template('<%= a %>')({a: 5})", "25"),
    "handlebars": (["handlebars"], "m.compile('Hi {{name}}!')({name: 'Ada'})", "Hi Ada!"),
    "marked": (["marked"], "m.parse('# Hi *you*')", "<h1>Hi <em>you</em></h1>\n"),
    "react-dom/server": (
        ["react-dom", "react", "scheduler"],
        "m.renderToString(react.createElement('h1', {className: 'x'}, 'Hello'))",
        '<h1 class="x">Hello</h1>',
    ),
}
#: What React's server looks for when it is loaded, out of timers.
CHANNEL = """
    globalThis.MessageChannel = class {
        constructor() {
            this.port1 = {onmessage: null};
            this.port2 = {postMessage: (data) => setImmediate(() => this.port1.onmessage?.({data}))};
        }
    };
"""
HOST = ("console", "timers", "encoding", "url", "structured-clone", "performance", "base64")


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_packages_of_npm(packages, name):
    needed, expression, expected = PROGRAMS[name]
    root = packages(*needed)
    react = "const react = require('react');" if "react" in needed else ""
    (root / "use.js").write_text(f"const m = require('{name}'); {react} module.exports = () => {expression}")
    with SnapshotCreator() as sc:
        context = sc.new_context(host=HOST)
        context.eval(CHANNEL)
        context.globals["use"] = context.require("./use", root=root)
        sc.set_default_context(context)
    with Isolate(sc.blob) as iso:
        assert iso.new_context().eval("use()") == expected
        context = iso.new_context(host=HOST)
        assert context.require("./use", root=root)() == expected  # the same instance as in the snapshot
