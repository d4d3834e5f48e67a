"""How notebooks show objects: nothing of it runs JavaScript, escapes its place, or grows without bounds."""

import html.parser
import json
import re

import pytest
from IPython.core.formatters import DisplayFormatter

import v8snap

HOSTILE = "</summary></details><script>alert(1)</script><img src=x onerror='alert(\"2\")'>&amp;\ud800\x1b[2J"


OUR_TAGS = {"style", "div", "span", "b", "ul", "li", "details", "summary", "table", "tr", "td", "th"}


class Page(html.parser.HTMLParser):
    """What a browser would see."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == [], "each element is closed"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data


def check_harmless(text):
    """It can be sent, and has nothing in it but our own elements."""
    page = Page(text)
    assert set(page.tags) <= OUR_TAGS
    assert {name for name, _ in page.attributes} <= {"class", "style", "title"}
    text.encode("utf-8")
    assert "\x1b" not in text
    return page


@pytest.mark.parametrize(
    "source",
    [
        "({[text]: 1})",
        "({a: text})",
        "[text]",
        "[[text]]",
        "new Map([[text, text], [{[text]: text}, 1]])",
        "new Set([text])",
        "[Symbol(text)]",
        "[new Error(text)]",
        "[Object.defineProperty(() => {}, 'name', {value: text})]",
        "Object.create({constructor: Object.defineProperty(function() {}, 'name', {value: text})}, {a: {value: 1}})",
        "new (class { static name = text; constructor() { this.a = 1 } })",
        "[new RegExp(text.replace(/[^<>a-z/]/g, ''))]",
        "Promise.resolve({[text]: text})",
        "({[Symbol.toStringTag]: text, a: {[Symbol.toStringTag]: text}})",
        "Object.assign(() => {}, {[text]: text})",
    ],
)
def test_hostile_text_stays_text(ctx, source):
    ctx.globals["text"] = HOSTILE
    value = ctx.eval(source)
    page = value._repr_html_()
    if page is not None:
        check_harmless(page)
    data, _ = DisplayFormatter().format(value)
    json.dumps(data, ensure_ascii=False).encode("utf-8")
    assert "\x1b" not in data["text/plain"]


def test_an_object_is_shown_with_all_its_parts(ctx):
    value = ctx.eval(
        "({list: [1, 'two', , null], map: new Map([['k', {deep: true}]]), set: new Set([5]), f() {}, "
        "bytes: new Uint8Array([7]), when: new Date(0), big: 12n, long: 'x'.repeat(100)})"
    )
    text = check_harmless(value._repr_html_()).text
    for part in (
        "list: [1, 'two', hole, null]", "1: 'two'", "2: hole", "map: Map(1) {'k' => {deep: true}}", "deep: true",
        "set: Set(1) {5}", "f: function f", "bytes: Uint8Array(1) [7]", "0: 7", "when: Date(0)", "big: 12n",
        "long: '" + "x" * 100 + "'",
    ):  # fmt: skip
        assert part in text, (part, text)


TRAPS = """
var ran = [];
const trap = new Proxy({}, {get(_, name) { return () => { ran.push(name) } }});
const handler = new Proxy({}, {get(_, name) { ran.push(`handler ${String(name)}`) }});
class Sly extends Array { static get [Symbol.species]() { ran.push('species') } get length2() { ran.push('length2') } }
"""


@pytest.mark.parametrize(
    "source",
    [
        "new Proxy({a: 1}, handler)",
        "new Proxy([1], handler)",
        "new Proxy(() => 1, handler)",
        "[new Proxy({}, handler)]",
        "({get a() { ran.push('a') }, set b(x) {}})",
        "({nested: {get a() { ran.push('a') }}})",
        "Object.defineProperty([1, 2], 0, {get() { ran.push(0) }, enumerable: true})",
        "Object.setPrototypeOf({a: 1}, new Proxy({}, handler))",
        "Object.setPrototypeOf([1], new Proxy([], handler))",
        "({get constructor() { ran.push('constructor') }, a: 1})",
        "({get [Symbol.toStringTag]() { ran.push('tag') }, a: 1})",
        "({toString() { ran.push('string') }, valueOf() { ran.push('value') }, toJSON() { ran.push('json') }, a: 1})",
        "Object.assign(new Map([[1, 2]]), {entries() { ran.push('entries') }, forEach() { ran.push('each') }})",
        "Sly.from([1, {a: 2}])",
        "[Object.defineProperty(new Error('x'), 'message', {get() { ran.push('message') }})]",
        "Object.defineProperty(Promise.resolve([1]), 'then', {get() { ran.push('then') }})",
        "({get _repr_html_() { ran.push('html') }, get _ipython_display_() { ran.push('display') }, a: 1})",
        "({_repr_html_() { ran.push('html'); return '<script>' }, _repr_javascript_() { ran.push('js') }, a: 1})",
        "({_ipython_display_() { ran.push('display') }, _repr_mimebundle_() { ran.push('bundle') }, a: 1})",
        "globalThis",
    ],
)
def test_showing_an_object_runs_none_of_its_code(ctx, source):
    ctx.eval(TRAPS)
    value = ctx.eval(source)
    data, _ = DisplayFormatter().format(value)
    assert "text/plain" in data
    assert "text/javascript" not in data
    assert "<script>" not in data.get("text/html", "")
    if "text/html" in data:
        check_harmless(data["text/html"])
    assert ctx.eval("ran.map(String).join()") == ""


def test_notebooks_protocols_are_no_properties_but_keys(ctx):
    value = ctx.eval("({_repr_html_: 1, _repr_: 2, _private: 3, _ipython_display_: 4})")
    assert value["_repr_html_"] == 1
    assert value._private == 3
    for name in ("_repr_png_", "_ipython_display_", "_ipython_canary_method_should_not_exist_", "_repr_"):
        with pytest.raises(AttributeError):
            getattr(value, name)


@pytest.mark.parametrize(
    "source",
    [
        "Array.from({length: 1e6}, (_, i) => i)",
        "Array.from({length: 300}, () => Array.from({length: 300}, () => ({a: [1, 2, 3]})))",
        "new Array(4e9)",
        "Object.fromEntries(Array.from({length: 1e5}, (_, i) => [`k${i}`, {v: i}]))",
        "new Map(Array.from({length: 5000}, (_, i) => [{i, deep: Array(100).fill([i])}, {v: [i]}]))",
        "new Set(Array.from({length: 1e5}, (_, i) => [i]))",
        "new Float64Array(1e7)",
        "(() => { let o = {}; for (let i = 0; i < 1e5; ++i) o = {o}; return o })()",
        "(() => { const o = {}; o.o = o; o.list = [o, o]; return o })()",
        "['x'.repeat(2 ** 28), {['k'.repeat(1e6)]: 1}, Symbol('s'.repeat(1e6)), 1n << 1000000n]",
        "[Object.defineProperty(() => {}, 'name', {value: 'n'.repeat(1e6)}), new RegExp('r'.repeat(1e6))]",
        "(() => { let p = {a: 1}; for (let i = 0; i < 50; ++i) p = Promise.resolve({p}); return p })()",
    ],
)
def test_what_is_shown_has_bounds(ctx, source):
    value = ctx.eval(source)
    page = value._repr_html_()
    assert len(page) < 400_000
    assert len(repr(value)) < 10_000
    check_harmless(page)


def test_what_is_left_out_is_said(ctx):
    text = check_harmless(ctx.eval("Array.from({length: 250}, (_, i) => i)")._repr_html_()).text
    assert "99: 99" in text
    assert "100: 100" not in text
    assert "… 150 more" in text


def test_parts_share_the_room(ctx):
    rows = ctx.eval("Array.from({length: 100}, (_, i) => ({first: i, list: [i]}))")
    text = check_harmless(rows._repr_html_()).text
    assert "99: {first: 99, list: [99]}" in text
    assert "first: 99" in text.split("99: {first: 99, list: [99]}")[1]


@pytest.mark.parametrize(
    "source", ["(() => 1)", "new Promise(() => {})", "/x/", "new Error('x')", "new ArrayBuffer(3)"]
)
def test_what_has_no_parts_is_plain_text(ctx, source):
    value = ctx.eval(source)
    assert value._repr_html_() is None
    data, _ = DisplayFormatter().format(value)
    assert list(data) == ["text/plain"]


def test_a_snapshot_has_a_bar_of_its_sections(make_blob):
    blob = make_blob()
    page = check_harmless(blob._repr_html_())
    parts = [value for name, value in page.attributes if name == "style" and value.startswith("flex")]
    assert len(parts) == sum(size > 0 for size in blob.sections.values())
    assert sum(float(re.search(r"flex: ([\d.]+)", part)[1]) for part in parts) == pytest.approx(1, abs=0.001)
    for name, size in blob.sections.items():
        assert (f"{name}{size:,} bytes" in page.text) == (size > 0)
    assert "main.js" in page.text
    assert blob.v8_version in page.text


def test_hostile_text_in_a_snapshot_stays_text():
    with v8snap.SnapshotCreator(external_references={"<script>": print}) as sc:
        sc.context.eval("1", HOSTILE)
        for _ in range(100):
            sc.context.eval("1", "again")
        sc.add_context(sc.new_context(), name="<script>")
        for number in range(30):
            sc.add_context(sc.new_context(), name=f"c{number}")
        sc.create_blob(metadata={"<script>": HOSTILE * 1000})
    page = check_harmless(sc.blob._repr_html_())
    assert len(page.text) < 10_000
    assert "102 scripts" in page.text or "101 scripts" in page.text
    assert "others" in page.text


def test_figures_of_the_heap(ctx):
    figures = ctx.isolate.heap_statistics()
    assert isinstance(figures, dict)
    assert json.loads(json.dumps(figures)) == figures
    page = check_harmless(figures._repr_html_())
    assert f"used{figures['used_heap_size']:,} bytes" in page.text
    assert all(name in page.text for name in figures)
    spaces = ctx.isolate.heap_space_statistics()
    assert isinstance(spaces, list)
    page = check_harmless(spaces._repr_html_())
    assert "old_space" in page.text


def test_figures_of_a_pool(make_blob):
    with v8snap.IsolatePool(make_blob(), 3, max_uses=1) as pool:
        for _ in range(2):
            with pool.context():
                pass
        with pool.context():
            page = check_harmless(pool.statistics()._repr_html_())
    assert "requests3" in page.text
    assert "in use1" in page.text
    assert "max uses: 2" in page.text


def test_a_cpu_profile_shows_where_the_time_went(ctx):
    ctx.eval("const end = Date.now() + 60; function busy() { while (Date.now() < end); }", "<busy>.js")
    profile = ctx.isolate.cpu_profile()
    assert profile._repr_html_() is None
    with profile:
        assert profile._repr_html_() is None
        ctx.eval("busy()")
    text = check_harmless(profile._repr_html_()).text
    assert "busy<busy>.js:1" in text


def test_without_ipython_objects_are_shown_as_well(child_ok):
    code = """
        import sys
        import v8snap
        sys.modules["IPython"] = sys.modules["rich"] = None
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            print(len(ctx.eval("[1]")._repr_html_()) > 10, len(iso.heap_statistics()._repr_html_()) > 10)
        try:
            v8snap.load_ipython_extension(None)
        except ImportError as error:
            print("IPython" in str(error))
    """
    assert child_ok(code) == "True True\nTrue\n"
