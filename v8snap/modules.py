"""Where the sources of imported ES modules come from."""

from __future__ import annotations

import collections
import collections.abc
import os
import posixpath
from typing import TYPE_CHECKING, Any

from v8snap.errors import ModuleResolveError, add_note
from v8snap.module_folder import ES_MODULES, Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Resolve = Callable[[str, str | None], tuple[str, str] | str | None] | Mapping[str, str] | None

__all__ = ["Finder", "check", "in_folder"]


def in_folder(root: str | os.PathLike[str]) -> Callable[[str, str | None], tuple[str, str]]:
    """A ``resolve`` that finds ES modules in a folder as Node.js and bundlers do.

    Relative paths, where ``.js``, ``.mjs`` and ``.json`` may be left out; folders with an ``index.js``; packages in
    ``node_modules`` by their package.json: "exports" under the conditions "import", "module", "browser" and "default",
    else "module" and then "main". Names of modules are paths from the folder on. Nothing outside of it can be read,
    wherever symbolic links point. What isn't found, or is a ``.cjs``, is a `ModuleResolveError`.

    Parameters
    ----------
    root : path-like

    Returns
    -------
    callable
        For `Context.import_module`, `Context.resolve` and `SnapshotCreator.add_module`. A module that Python asks for
        is one that ``import`` would find in a file of that folder, or a path from the folder on.

    Raises
    ------
    OSError
        Where `root` is no folder.
    """
    folder = Folder(root, ES_MODULES)

    def resolve(specifier: str, importer: str | None) -> tuple[str, str]:
        if importer is not None and posixpath.isabs(importer):  # a script that is named by its path
            importer = os.path.relpath(importer, folder.path)
        name = folder.resolve(specifier, importer or "")
        return name, folder.read(name)

    return resolve


def check(resolve: Resolve) -> None:
    """Raise TypeError where that is nothing that finds modules."""
    if resolve is not None and not isinstance(resolve, collections.abc.Mapping) and not callable(resolve):
        raise TypeError(f"resolve is a function or a mapping of names to sources, not {type(resolve).__name__}")


class Finder:
    """``finder(specifier, importer) -> (name, source)`` from whatever a user may give as ``resolve``.

    Where that isn't a function, modules that the context has (`known`) are found as well. Calling it raises
    ModuleResolveError where a module isn't found. `look_at` is shown each source before V8 gets it; `keep` tells `note`
    what was found and is new.
    """

    def __init__(
        self,
        resolve: Resolve,
        known: Iterable[str],
        look_at: Callable[[str], object],
        note: Callable[[dict[str, str], Resolve], None],
    ) -> None:
        check(resolve)
        self.look_at = look_at
        self.resolve = resolve
        self.known = frozenset(known)
        self.note = note
        self.loaded: dict[str, str] = {}
        if callable(resolve) and not isinstance(resolve, collections.abc.Mapping):
            self._look_up: Callable[[str, str | None], Any] = resolve
        else:
            # The source of a module that is there isn't needed.
            self._look_up = _in_mapping({**dict.fromkeys(self.known, ""), **(resolve or {})}, self.loaded)

    def __call__(self, specifier: str, importer: str | None) -> tuple[str, str]:
        """Find one module."""
        try:
            found = self._look_up(specifier, importer)
        except ModuleResolveError:
            raise
        except Exception as error:
            add_note(error, f"It was asked for the module {specifier!r}, imported by {importer!r}.")
            raise
        if found is None:
            raise ModuleResolveError(specifier, importer)
        if isinstance(found, str):
            found = (specifier, found)
        elif not isinstance(found, tuple) or len(found) != 2 or not all(isinstance(part, str) for part in found):
            raise TypeError(f"resolve({specifier!r}, {importer!r}) must give a source as str, or (name, source)")
        name, source = found
        self.loaded.setdefault(name, source)
        self.look_at(source)
        return name, source

    def keep(self) -> None:
        """The modules are in the context now."""
        self.note({name: source for name, source in self.loaded.items() if name not in self.known}, self.resolve)


def _absolute(specifier: str, importer: str) -> str:
    """The name that a relative specifier stands for, among paths or URLs."""
    if not specifier.startswith(("./", "../")):
        return specifier
    if "://" in importer:
        from urllib.parse import urljoin

        return urljoin(importer, specifier)
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), specifier))


def _in_mapping(given: dict[str, str], loaded: dict[str, str]) -> Callable[[str, str | None], tuple[str, str] | None]:
    sources = collections.ChainMap(loaded, given)

    def look_up(specifier: str, importer: str | None) -> tuple[str, str] | None:
        name = specifier if importer is None else _absolute(specifier, importer)
        if importer is not None and importer.startswith("./") and name not in sources:
            name = f"./{name}"
        if name not in sources:
            raise ModuleResolveError(specifier, importer, name)
        return name, sources[name]

    return look_up
