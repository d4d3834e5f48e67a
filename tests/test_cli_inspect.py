"""``v8snap inspect``, ``verify`` and ``diff``: what they say of a snapshot is so."""

import html.parser
import itertools
import json
import os
import re
import struct

import pytest
from click.testing import CliRunner

import v8snap
from v8snap import _v8, cli
from v8snap.cli import heap_page
from v8snap.heap_summary import heap_summary

APP = """
class Page { constructor(i) { this.title = 'page' + i; this.links = [i] } }
var pages = Array.from({length: 1000}, (_, i) => new Page(i));
const long = 'a long text '.repeat(5000) + pages.length;
long.charCodeAt(0);
globalThis['<script>alert(1)</script>\\x1b'] = 1;
class Evil {}; Object.defineProperty(Evil, 'name', {value: '<img src=x>'});
"""


def build(scripts, metadata=None):
    return v8snap.build(scripts, contexts={"de": {"de.js": "var word = 'Hallo'"}}, metadata=metadata)


@pytest.fixture(scope="module")
def blob_of_app():
    """Built once."""
    return build({"app.js": APP})


@pytest.fixture
def save(tmp_path, monkeypatch, blob_of_app):
    """Saves a snapshot of scripts in the current folder; its file's name."""
    monkeypatch.chdir(tmp_path)

    def save(name="app.v8snap", *, key=None, change=None, metadata=None, **scripts):
        sources = {f"{script}.js": source for script, source in scripts.items()}
        blob = build(sources, metadata) if sources else blob_of_app
        if change:
            blob = v8snap.StartupData._make(bytes(blob), {**blob._header, **change})
        blob.save(name, key=key)
        return name

    return save


def v8snap_(*arguments, code=0):
    done = CliRunner().invoke(cli.main, [str(argument) for argument in arguments])
    assert done.exit_code == code, (done.output, done.exception)
    assert "Traceback" not in done.output
    return done


def test_facts_are_those_of_the_file(save):
    save(app=APP, metadata={"made": "here"})
    facts = json.loads(v8snap_("inspect", "app.v8snap", "--json", "--no-heap").stdout)
    blob = v8snap.StartupData.load("app.v8snap")
    assert facts["heap"] is None
    assert facts["bytes"] == len(blob)
    assert facts["sections"] == blob.sections
    assert facts["contexts"] == ["de"]
    assert facts["metadata"] == {"made": "here"}
    assert facts["scripts"] == list(blob.scripts)
    shown = v8snap_("inspect", "app.v8snap").stdout
    for text in (
        f"{len(blob):,} bytes",
        blob.v8_version,
        "default, de",
        "app.js",
        "read_only",
        "'made': 'here'",
        "Page",
    ):
        assert text in shown, text


def test_whether_the_hash_seed_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.js").write_text("var x = 1")
    for name, options, shown in (("a", (), "yes"), ("b", ("--no-rehash",), "no")):
        v8snap_("build", "app.js", "-o", name, *options)
        facts = json.loads(v8snap_("inspect", name, "--json", "--no-heap").stdout)
        assert facts["can_be_rehashed"] is (shown == "yes")
        assert re.search(rf"can be rehashed\W+{shown}\b", v8snap_("inspect", name, "--no-heap").stdout)


def test_objects_are_counted_by_constructor(save):
    save()
    heap = json.loads(v8snap_("inspect", "app.v8snap", "--json").stdout)["heap"]
    kinds = {kind["kind"]: kind for kind in heap["kinds"]}
    objects = {entry["name"]: entry for entry in kinds["objects"]["names"]}
    assert objects["Page"]["count"] >= 1000
    assert objects["Page"]["bytes"] >= 1000 * 16
    strings = [entry for entry in kinds["strings"]["names"] if (entry["name"] or "").startswith("a long text")]
    assert max(entry["bytes"] for entry in strings) >= 60000
    for kind in heap["kinds"]:
        assert kind["bytes"] == sum(entry["bytes"] for entry in kind["names"])
        assert kind["count"] == sum(entry["count"] for entry in kind["names"])
    assert heap["bytes"] == sum(kind["bytes"] for kind in heap["kinds"])


def test_a_summary_agrees_with_a_count_over_all_nodes(save, tmp_path):
    """Cut out of the file or read as a whole, it is the same."""
    from v8snap import heap_summary as module

    save()
    with v8snap.Isolate(v8snap.StartupData.load("app.v8snap")) as iso, iso.new_context() as ctx:
        ctx.eval("""var tricky = ['"edges":[', ',"strings":[', '],"nodes":[', '\\\\"strings":["']""")
        iso.write_heap_snapshot("heap")
        content = (tmp_path / "heap").read_bytes()
    whole = json.loads(content)
    fields = whole["snapshot"]["meta"]["node_fields"]
    sizes = whole["nodes"][fields.index("self_size") :: len(fields)]
    nodes = list(module._nodes(content))
    assert sum(size for *_, size in nodes) == sum(sizes)
    assert len(nodes) == sum(size > 0 for size in sizes)
    assert {"Page"} <= {name for _, name, _ in nodes}


class Page(html.parser.HTMLParser):
    """Tags, their attributes and the texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def test_a_page_is_whole_by_itself_and_names_are_only_text(save, tmp_path):
    save(app=APP, **{"<b>bold": "var evil = Array.from({length: 99}, () => new Evil())"})
    v8snap_("inspect", "app.v8snap", "--html", "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "link", "iframe", "b bold"}
    assert not [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert "url(" not in text
    assert "<b>bold.js" in page.texts
    assert any("Page" in (attributes.get("title") or "") for _, attributes in page.tags)
    assert "prefers-color-scheme: dark" in text
    assert sorted(os.listdir(tmp_path)) == ["app.v8snap", "page.html"]


def test_a_page_without_a_heap(save, tmp_path):
    save(change={"build_id": "other"})
    done = v8snap_("inspect", "app.v8snap", "--html", "page.html")
    assert "build other" in done.stderr
    assert "app.js" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    "sizes", [[1], [5, 1], [100, 50, 25, 5, 5, 5, 1], [10] * 60, [10**9, 1], list(range(99, 0, -1))]
)
@pytest.mark.parametrize("shape", [1, 16 / 9, 0.3])
def test_areas_of_a_treemap_are_as_the_sizes_and_do_not_overlap(sizes, shape):
    places = heap_page.treemap(sizes, shape)
    assert len(places) == len(sizes)
    for size, (left, top, width, height) in zip(sizes, places, strict=True):
        assert width * height == pytest.approx(size / sum(sizes))
        assert left >= -1e-9
        assert top >= -1e-9
        assert left + width <= 1 + 1e-9
        assert top + height <= 1 + 1e-9
    for (left, top, width, height), (left2, top2, width2, height2) in itertools.combinations(places, 2):
        wide = min(left + width, left2 + width2) - max(left, left2)
        high = min(top + height, top2 + height2) - max(top, top2)
        assert wide < 1e-9 or high < 1e-9


def test_control_characters_of_names_do_not_reach_the_terminal(save):
    save(**{"evil\x1b[2J": "1"})
    assert "\x1b" not in v8snap_("inspect", "app.v8snap", "--no-heap").stdout


@pytest.mark.parametrize("command", [("inspect", "--no-heap"), ("verify",), ("run", "-e", "1")])
def test_codes_of_files_that_can_not_be_used(save, tmp_path, command):
    name, *options = command
    save("signed", key=b"secret")
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "damaged").write_bytes((tmp_path / "signed").read_bytes()[:-1])
    v8snap_(name, "damaged", *options, code=3)
    v8snap_(name, "signed", "--sign-key-file", "other", *options, code=5)
    save("foreign", change={"build_id": "other"})
    v8snap_(name, "foreign", *options, code=0 if name == "inspect" else 4)
    v8snap_(name, "none", *options, code=2)


def test_verify_says_what_it_saw(save):
    save()
    assert "loads its 2 contexts" in v8snap_("verify", "app.v8snap").stdout
    assert json.loads(v8snap_("verify", "app.v8snap", "--json").stdout)["ok"] is True
    save("foreign", change={"build_id": "other"})
    answer = json.loads(v8snap_("verify", "foreign", "--json", code=4).stdout)
    assert (answer["ok"], answer["error"]) == (False, "SnapshotVersionError")


def test_what_v8_dies_of_is_a_damaged_snapshot(save):
    save()
    blob = v8snap.StartupData.load("app.v8snap")
    raw = bytearray(blob)
    start, size = blob._layout.sections["startup"]
    raw[start + 64 : start + size] = bytes(size - 64)
    raw[8:12] = struct.pack("<I", _v8.fletcher32(raw[blob._layout.checksum_start :]))
    v8snap.StartupData._make(bytes(raw), {**blob._header, "start": None}, checked=False).save("broken")
    assert "V8 can't load it" in v8snap_("verify", "broken", code=3).stderr


def test_a_snapshot_is_no_different_from_itself(save):
    save()
    assert v8snap_("diff", "app.v8snap", "app.v8snap").stdout == "the same\n"
    answer = json.loads(v8snap_("diff", "app.v8snap", "app.v8snap", "--json", "--heap").stdout)
    assert answer == {"same": True, "facts": {}, "scripts": [], "sections": {}, "heap": []}


def test_differences_are_named(save):
    save("a", app=APP, old="1", metadata=[1])
    save("b", app=APP + "var more = Array.from({length: 500}, (_, i) => new Page(i))", new="1", metadata=[2])
    answer = json.loads(v8snap_("diff", "a", "b", "--json", "--heap", code=1).stdout)
    assert answer["same"] is False
    assert [(script["name"], script["change"]) for script in answer["scripts"]] == [
        ("app.js", "changed"),
        ("old.js", "removed"),
        ("new.js", "added"),
    ]
    assert answer["facts"]["metadata"] == [[1], [2]]
    assert {"header", "startup", "default_context"} >= set(answer["sections"]) - {
        "shared_heap",
        "read_only",
        "context_0",
    }
    pages = next(entry for entry in answer["heap"] if entry["name"] == "Page")
    assert pages["count"][1] - pages["count"][0] == 500
    shown = v8snap_("diff", "a", "b", "--heap", code=1).stdout
    for text in ("app.js: changed", "old.js: removed", "new.js: added", "objects Page", "startup", "metadata"):
        assert text in shown, text
    assert re.search(r"objects Page .*\+\d", shown)


def test_scripts_in_another_order_differ(save):
    save("a", one="1", two="2")
    save("b", two="2", one="1")
    (script,) = json.loads(v8snap_("diff", "a", "b", "--json", code=1).stdout)["scripts"]
    assert script["change"] == "in another order"


def test_a_heap_is_not_waited_for_without_end(make_blob, monkeypatch):
    blob = make_blob()
    assert heap_summary(blob, timeout=60)["count"] > 1000
    monkeypatch.setattr(v8snap.helper, "GRACE", 0.0)
    with pytest.raises(v8snap.JSTimeoutError):
        heap_summary(blob, timeout=0.001)
