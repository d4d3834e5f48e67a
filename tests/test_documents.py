"""What the documents show works: their examples run, their links lead somewhere, nothing public is left out."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import v8snap

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
PROJECT = [ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CHANGELOG", "CONTRIBUTING", "SECURITY")]
DOCUMENTS = [*PROJECT, *PAGES]
EXAMPLES = [ROOT / "README.md", *PAGES]

#: Languages of blocks, and what becomes of them.
RUN = {"python", "sh", "ipython"}  # the last in tests/test_notebook.py
SHOWN = {
    "py": "other packages",
    "js": "other packages",
    "go": "other packages",
    "console": "commands for a system",
    "text": "output",
    "ini": "settings",
    "": "output",
}
DIRECTIVE = re.compile(r"\{[\w-]+\}")

#: What the reference of the command line takes for given.
WORKSHOP = {
    "lib.js": "const greet = (name) => `Hello, ${name}!`",
    "app.js": "function render({user}) { return `<h1>${typeof greet == 'function' ? greet(user) : user}</h1>` }",
    "calls.js": "render({user: 'Ada'})",
    "page.js": "render({user: 'Grace'})",
}


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.S | re.M)


def is_notebook(path):
    """Those are run when the site is built, and by a test of their own."""
    return path.read_text().startswith("---") and "kernelspec" in path.read_text().split("---")[1]


def with_blocks(language):
    return [path for path in EXAMPLES if blocks(path, language) and not is_notebook(path)]


def title(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", with_blocks("python"), ids=title)
def test_examples_in_python_run(child, tmp_path, path):
    done = child("\n".join(blocks(path, "python")), cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    if path.name == "README.md":
        assert done.stdout == "<h1>Hello, Ada!</h1>\n<h1>Hello, Grace!</h1>\n"


@pytest.mark.parametrize("path", with_blocks("ipython"), ids=title)
def test_examples_of_cells_run(child, tmp_path, path):
    code = """
        import sys
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        for cell in sys.argv[1:]:
            shell.run_cell(cell).raise_error()
    """
    done = child(code, *blocks(path, "ipython"), cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in with_blocks("sh") if path.parent != ROOT], ids=title)
def test_examples_of_the_command_line_run(tmp_path, path):
    for name, source in WORKSHOP.items():
        (tmp_path / name).write_text(source)
    v8snap.build([tmp_path / "lib.js"]).save(tmp_path / "old.v8snap")
    for folder in (".local/share/bash-completion/completions", ".config/fish/completions"):
        (tmp_path / folder).mkdir(parents=True)
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "LANG": "C.UTF-8"}
    environment = {**home, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    (tmp_path / "page.sh").write_text("set -euo pipefail\n" + "\n".join(blocks(path, "sh")))
    done = subprocess.run(
        ["bash", "page.sh"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for output in blocks(path, "text"):
        assert output in done.stdout


def test_no_example_is_of_a_kind_that_nobody_runs():
    languages = {
        language
        for path in EXAMPLES
        for language in re.findall(r"^```(.*)\n(?:[^`].*\n|\n)*?```$", path.read_text(), re.M)
    }
    assert languages >= RUN
    assert {language for language in languages - RUN - set(SHOWN) if not DIRECTIVE.match(language)} == set()


def prose(path):
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.S | re.M)


def headings(path):
    """As code hosts make anchors of them."""
    lines = re.findall(r"^#+ (.*)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def test_links_lead_somewhere():
    count = 0
    for path in DOCUMENTS:
        for link, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", prose(path)):
            target = path.parent / link if link else path
            assert target.exists(), (title(path), link)
            assert not anchor or anchor in headings(target), (title(path), link, anchor)
            count += 1
    assert count > 50


def test_every_page_is_in_the_list():
    listed = re.findall(r"\]\(([^)#:]+)\)", (DOCS / "README.md").read_text())
    assert len(listed) == len(set(listed))
    pages = {path.relative_to(DOCS).as_posix() for path in PAGES if path.parent != DOCS}
    assert pages - set(listed) == set()


def test_a_public_name_that_the_reference_lacks_is_found():
    spec = importlib.util.spec_from_file_location("public_names", DOCS / "_ext" / "public_names.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = module.public_names()
    assert names >= {f"v8snap.{name}" for name in v8snap.__all__}
    assert names >= {
        "v8snap.Isolate.new_context",
        "v8snap.StartupData.load",
        "v8snap.JSObject.closed",
        "v8snap.JSError.original",
    }
    assert module.missing(names) == []
    assert module.missing(names - {"v8snap.Context.eval", "v8snap.build"}) == ["v8snap.Context.eval", "v8snap.build"]


def test_every_option_of_build_is_in_its_table():
    from v8snap.cli.build import command

    table = (DOCS / "reference" / "cli.md").read_text().partition("## build")[2].partition("## run")[0]
    options = {
        next(name for name in option.opts if name.startswith("--"))
        for option in command.params
        if isinstance(option, click.Option)
    }
    assert len(options) > 10
    assert {
        name for name in options - {"--json", "--help"} if f"`{name} " not in table and f"`{name}`" not in table
    } == set()


def test_every_environment_variable_is_explained():
    explained = (DOCS / "reference" / "environment.md").read_text()
    files = [path for folder in ("v8snap", "tests") for path in (ROOT / folder).rglob("*.py")]
    read = {name for path in files for name in re.findall(r"environ(?:\.get)?[(\[]\"(\w+)\"", path.read_text())}
    assert {"XDG_STATE_HOME", "V8SNAP_TEST262"} <= read
    for name in read - {"PATH", "HOME"}:
        assert f"`{name}`" in explained, name


def test_every_flag_that_can_be_set_is_explained():
    explained = (DOCS / "reference" / "environment.md").read_text()
    with pytest.raises(ValueError, match="known to be safe") as raised:
        v8snap.set_flags("--no-such-flag")
    flags = re.findall(r"--(?:\[no-\])?([\w-]+)(?:=N)?(?=,|$)", str(raised.value).partition("safe: ")[2])
    assert len(flags) > 10
    for flag in flags:
        assert re.search(rf"`--(no-)?{flag}(=N)?`", explained), flag
