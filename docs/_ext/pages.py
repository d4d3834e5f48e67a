"""What our pages need of Sphinx: a table of errors, code side by side, links."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

from v8snap import errors

#: Pages on which one block of code stands beside the next.
SIDE_BY_SIDE = ("how-to/moving",)

#: Pages that are documents of the project's top folder.
PROJECT = re.compile(r"\]\((?:\.\./)+(ARCHITECTURE|CHANGELOG|CONTRIBUTING)\.md")


def _link_to_pages(_: Sphinx, __: str, source: list[str]) -> None:
    """Links that lead out of this folder on a code host, and to a page on the site."""
    source[0] = PROJECT.sub(lambda match: f"](/{match[1].lower()}.md", source[0])


class ErrorsTable(SphinxDirective):
    """All exceptions: name, what else each is, and the first sentence of its text."""

    def run(self) -> list[nodes.Node]:
        """A table, as reStructuredText."""
        lines = [".. list-table::", "   :header-rows: 1", "", "   * - error", "     - also a", "     - when"]
        for name in errors.__all__:
            cls = getattr(errors, name)
            bases = [base.__name__ for base in cls.__bases__ if base is not errors.V8SnapError]
            roles = [f":class:`~v8snap.{base}`" if hasattr(errors, base) else f"``{base}``" for base in bases]
            lines += [f"   * - :class:`~v8snap.{name}`", f"     - {', '.join(roles)}", f"     - {_sentence(cls)}"]
        return self.parse_text_to_nodes("\n".join(lines))


class ErrorsOneByOne(SphinxDirective):
    """Each exception with its text and facts."""

    def run(self) -> list[nodes.Node]:
        """What autodoc makes of them."""
        lines = [f".. autoexception:: v8snap.{name}\n   :members:\n" for name in errors.__all__]
        return self.parse_text_to_nodes("\n".join(lines))


def _sentence(cls: type) -> str:
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split())


class SideBySide(SphinxTransform):
    """Puts two blocks of code that follow one another into one box, which CSS lays out in two columns."""

    default_priority = 700

    def apply(self, **_: Any) -> None:
        """Change the page, if it is one of those."""
        if self.env.docname not in SIDE_BY_SIDE:
            return
        for first in list(self.document.findall(nodes.literal_block)):
            parent = first.parent
            place = parent.index(first)
            if place + 1 < len(parent) and isinstance(parent[place + 1], nodes.literal_block):
                second = parent[place + 1]
                box = nodes.container(classes=["side-by-side"])
                parent.remove(second)
                parent[place] = box
                box += [first, second]


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry."""
    app.add_directive("errors-table", ErrorsTable)
    app.add_directive("errors-one-by-one", ErrorsOneByOne)
    app.add_transform(SideBySide)
    app.connect("source-read", _link_to_pages)
    return {"parallel_read_safe": True}
