"""ES modules of a folder: found as Node.js and bundlers find them, and nothing outside of the folder is read."""

import json
import os

import pytest

import v8snap
from v8snap import Isolate, ModuleResolveError, SnapshotCreator
from v8snap.modules import in_folder

WITH = "assert" if int(v8snap.v8_version().split(".")[0]) < 11 else "with"
FILES = {
    "main.js": "import {b} from './lib/b.js'; import p from 'exported'; import q from 'fielded';"
    " import r from '@s/old'; export default [b, p, q, r].join();"
    " export const url = import.meta.url; export const load = (x) => import(x);",
    "lib/b.js": "import {c} from '../c'; export const b = `b${c}`",
    "lib/data.js": f"import data from './data.json' {WITH} {{type: 'json'}}; export default data.x",
    "lib/data.json": '{"x": [1]}',
    "lib/index.js": "export default 'index'",
    "c.mjs": "export const c = 'c'",
    "old.cjs": "module.exports = 1",
    "native.node": "",
    "node_modules/exported/package.json": {
        "exports": {
            ".": {"require": "./no.cjs", "node": "./no.js", "import": "./yes.js", "default": "./no.js"},
            "./sub/*": "./deep/*.js",
            "./out": "../../main.js",
        },
        "imports": {"#inner": "./deep/inner.js"},
    },
    "node_modules/exported/yes.js": "import inner from '#inner'; import me from 'exported/sub/inner';"
    " export default `exported ${inner} ${inner === me}`",
    "node_modules/exported/deep/inner.js": "export default 'inner'",
    "node_modules/exported/hidden.js": "export default 1",
    "node_modules/fielded/package.json": {"main": "./no.js", "module": "es/"},
    "node_modules/fielded/es/index.js": "export default 'fielded'",
    "node_modules/@s/old/package.json": {"main": "./main"},
    "node_modules/@s/old/main.mjs": "export default 'old'",
}


@pytest.fixture
def tree(tmp_path):
    """A folder of modules, with a secret beside it."""
    (tmp_path / "secret.js").write_text("export default 'secret'")
    for name, content in FILES.items():
        path = tmp_path / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return tmp_path / "app"


def test_a_folder_as_easily_as_require(ctx, tree):
    main = ctx.import_module("./main.js", resolve=in_folder(tree))
    assert main.default == "bc,exported inner true,fielded,old"
    assert main.url == "main.js"
    assert main.load("./lib/data.js").result().default.to_py() == [1]
    assert main.load("./lib").result().default == "index"
    assert ctx.import_module("main", resolve=in_folder(str(tree))) == main
    ctx.resolve = in_folder(tree)
    assert ctx.eval("import('exported')").result().default == "exported inner true"
    for name in ("lib/script.js", tree / "lib" / "script.js"):
        assert ctx.eval("import('./b.js')", name=name).result().b == "bc"
    ctx.resolve = in_folder("/")
    with pytest.raises(ModuleResolveError):
        ctx.eval("import('no-such-package')", name="/no-such-folder/script.js").result()


def test_nothing_outside_of_the_folder_is_read(ctx, tree):
    os.symlink(tree.parent / "secret.js", tree / "link.js")
    os.symlink(tree.parent, tree / "up")
    os.symlink("lib", tree / "inside")
    os.symlink(tree.parent, tree / "node_modules" / "above")
    (tree / "json.js").write_text(f"import x from './link.json' {WITH} {{type: 'json'}}")
    os.symlink(tree.parent / "secret.js", tree / "link.json")
    resolve = in_folder(tree)
    for name in (
        "../secret.js", "./link.js", "link.js", "./up/secret.js", "above/secret.js", "./lib/../../secret.js",
        str(tree.parent / "secret.js"), "/etc/passwd", "exported/out", "./json.js", "file:///etc/passwd",
    ):  # fmt: skip
        with pytest.raises(ModuleResolveError):
            ctx.import_module(name, resolve=resolve)
    for importer in ("../x.js", "/etc/x.js", "up/x.js"):
        ctx.resolve = resolve
        with pytest.raises(ModuleResolveError):
            ctx.eval("import('./secret.js')", name=importer).result()
    assert ctx.import_module("./inside/b.js", resolve=resolve).b == "bc"
    assert ctx.import_module(str(tree / "lib" / "b.js"), resolve=resolve).b == "bc"


def test_a_file_that_becomes_a_link_meanwhile(ctx, tree, monkeypatch):
    resolve = in_folder(tree)
    real = os.path.isfile

    def swap(path):
        found = real(path)
        if str(path).endswith("b.js"):
            (tree / "lib" / "b.js").unlink(missing_ok=True)
            os.symlink(tree.parent / "secret.js", tree / "lib" / "b.js")
        return found

    monkeypatch.setattr(os.path, "isfile", swap)
    with pytest.raises(ModuleResolveError, match="out of the root folder"):
        ctx.import_module("./lib/b.js", resolve=resolve)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("./old.cjs", "CommonJS"),
        ("./native.node", "native code"),
        ("node:fs", "Node.js itself"),
        ("fs", "Node.js itself"),
        ("exported/hidden.js", "doesn't export"),
        ("./nowhere", "not found"),
        ("./a\0b", "not found"),
        ("", "not found"),
        ("./node_modules", "not found"),
    ],
)
def test_what_is_not_found_says_why(ctx, tree, name, reason):
    with pytest.raises(ModuleResolveError, match=reason):
        ctx.import_module(name, resolve=in_folder(tree))


def test_what_is_no_folder(tree):
    with pytest.raises(NotADirectoryError):
        in_folder(tree / "main.js")
    with pytest.raises(FileNotFoundError):
        in_folder(tree / "nowhere")


def test_in_a_snapshot(tree):
    with SnapshotCreator() as creator:
        creator.add_module("app", "import text from './main.js'; globalThis.text = text", resolve=in_folder(tree))
    with Isolate(creator.blob) as isolate, isolate.new_context() as context:
        assert context.eval("text") == "bc,exported inner true,fielded,old"
        context.resolve = in_folder(tree)
        assert context.eval("import('./lib/b.js')").result().b == "bc"
