"""Every public name has to be in the reference: the build warns of one that isn't, and ``-W`` makes that an error."""

from __future__ import annotations

import re
import types
from typing import TYPE_CHECKING, Any

import v8snap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

#: What else than `v8snap` itself the documents speak of.
ELSEWHERE = ("v8snap.modules.in_folder", "v8snap.heap_summary.heap_summary", "v8snap.pytest_plugin.js_context")

#: Members of Python's own that a class has because of what it is made of.
PYTHONS = (BaseException, tuple, int)


def public_names() -> set[str]:
    """Names of `v8snap` and of its classes' attributes, dotted."""
    names = set(ELSEWHERE)
    for name in v8snap.__all__:
        names.add(f"v8snap.{name}")
        thing = getattr(v8snap, name)
        if isinstance(thing, type):
            names.update(f"v8snap.{name}.{member}" for member in _members(thing))
    return names


def _members(cls: type) -> set[str]:
    pythons = {member for python in PYTHONS if issubclass(cls, python) for member in dir(python)}
    elsewhere = {base for other in cls.__mro__[1:] if other.__name__ in v8snap.__all__ for base in other.__mro__}
    own = {
        member: value
        for base in cls.__mro__
        if base.__module__.startswith("v8snap") and base not in elsewhere
        for member, value in vars(base).items()
    }
    return {
        member
        for member, value in own.items()
        if not member.startswith("_") and member not in pythons and not isinstance(value, types.ModuleType)
    }


def missing(documented: Iterable[str]) -> list[str]:
    """Public names that are not among those of the reference, in order."""
    return sorted(public_names() - set(documented) - _attributes_in_texts())


def _attributes_in_texts() -> set[str]:
    """What classes say of their attributes under that heading."""
    found = set()
    for name in v8snap.__all__:
        section = re.search(r"Attributes\n *-+\n(.*?)(\n\n|\Z)", getattr(v8snap, name).__doc__ or "", re.S)
        if section:
            margin = " " * (len(section[1]) - len(section[1].lstrip()))
            for line in re.findall(rf"^{margin}(\w.*)$", section[1], re.M):
                found.update(f"v8snap.{name}.{each}" for each in re.findall(r"\w+", line.partition(" :")[0]))
    return found


def _check(app: Sphinx, env: BuildEnvironment) -> None:
    from sphinx.util import logging

    for name in missing(env.get_domain("py").objects):
        logging.getLogger(__name__).warning("%s is public and not in the reference", name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's entry."""
    app.connect("env-check-consistency", _check)
    return {"parallel_read_safe": True}
