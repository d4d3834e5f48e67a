"""What contributors rely on: one version of each linter, forms that a code host can read."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
FORM_PARTS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def test_commit_hooks_have_the_linters_of_the_lint_extra():
    text = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    extras = {
        name: re.findall(r'"([^"]+)"', needs) for name, needs in re.findall(r"^(\w+) = \[(.*?)\]$", text, re.S | re.M)
    }
    hooks = [
        hook
        for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in repo["hooks"]
    ]
    assert all(hook["language"] == "python" for hook in hooks)
    pinned = {need for hook in hooks for need in hook["additional_dependencies"] if "==" in need}
    assert pinned == set(extras["lint"])
    lower_bounds = {need for needs in extras.values() for need in needs}
    for need in {need for hook in hooks for need in hook["additional_dependencies"]} - pinned:
        assert need in lower_bounds, need


def test_forms_for_issues_are_whole():
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert len(forms) == 4
    for path in forms:
        form = yaml.safe_load(path.read_text())
        if path.name == "config.yml":
            assert form == {"blank_issues_enabled": True}
            continue
        assert set(form) == {"name", "description", "labels", "body"}, path
        for part in form["body"]:
            assert part["type"] in FORM_PARTS, path
            assert part["type"] == "markdown" or re.fullmatch(r"[a-z]+", part["id"]), path
            assert part["attributes"].get("label") or part["attributes"].get("value"), path


def test_the_changelog_keeps_its_form():
    text = (ROOT / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## (.*)$", text, re.M)
    assert releases
    assert releases[0] == "[Unreleased]" or re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", releases[0])
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", release) for release in releases[1:])
    kinds = set(re.findall(r"^### (.*)$", text, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert kinds
