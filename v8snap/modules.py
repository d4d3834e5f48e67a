"""Where the sources of imported ES modules come from."""

from __future__ import annotations

import collections.abc
import posixpath
from typing import TYPE_CHECKING, Any

from v8snap.errors import ModuleResolveError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Resolve = Callable[[str, str | None], tuple[str, str] | str | None] | Mapping[str, str] | None

__all__ = ["resolver"]


def resolver(resolve: Resolve, known: Mapping[str, str]) -> Callable[[str, str | None], tuple[str, str]]:
    """One function ``(specifier, importer) -> (name, source)`` from whatever a user may give as ``resolve``.

    Where that isn't a function, modules of `known` are found as well. The function raises ModuleResolveError where a
    module isn't found.
    """
    look_up: Callable[[str, str | None], Any]
    if resolve is None:
        look_up = _in_mapping(known)
    elif isinstance(resolve, collections.abc.Mapping):
        look_up = _in_mapping({**resolve, **known})
    elif callable(resolve):
        look_up = resolve
    else:
        raise TypeError(f"resolve is a function or a mapping of names to sources, not {type(resolve).__name__}")

    def find(specifier: str, importer: str | None) -> tuple[str, str]:
        found = look_up(specifier, importer)
        if found is None:
            raise ModuleResolveError(specifier, importer)
        if isinstance(found, str):
            return specifier, found
        if not isinstance(found, tuple) or len(found) != 2 or not all(isinstance(part, str) for part in found):
            raise TypeError(f"resolve({specifier!r}, {importer!r}) must give a source as str, or (name, source)")
        return found

    return find


def _absolute(specifier: str, importer: str) -> str:
    """The name that a relative specifier stands for, among paths or URLs."""
    if not specifier.startswith(("./", "../")):
        return specifier
    if "://" in importer:
        from urllib.parse import urljoin

        return urljoin(importer, specifier)
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), specifier))


def _in_mapping(sources: Mapping[str, str]) -> Callable[[str, str | None], tuple[str, str] | None]:
    def look_up(specifier: str, importer: str | None) -> tuple[str, str] | None:
        name = specifier if importer is None else _absolute(specifier, importer)
        if importer is not None and importer.startswith("./") and name not in sources:
            name = f"./{name}"
        if name not in sources:
            raise ModuleResolveError(specifier, importer, name)
        return name, sources[name]

    return look_up
