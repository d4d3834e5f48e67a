"""CommonJS modules: where ``require`` looks, and what it may read."""

from __future__ import annotations

import contextlib
import os
import posixpath
from typing import TYPE_CHECKING, Any

from v8snap.errors import JSError, ModuleResolveError
from v8snap.module_folder import COMMONJS, Folder, read

if TYPE_CHECKING:
    from v8snap._v8 import Context
    from v8snap.host.natives import Natives

__all__ = ["Modules", "call", "require"]

#: How keys of modules begin: paths from the root on, and files without one as they were given.
ROOT, FILE = "root:", "file:"
PARAMETERS = ["exports", "require", "module", "__filename", "__dirname"]


def require(context: Context, path: str | os.PathLike[str], root: str | os.PathLike[str] | None) -> Any:
    """What `v8snap.Context.require` does."""
    specifier = os.fspath(path)
    if not isinstance(specifier, str):
        raise TypeError("path is a str or a path-like of one")
    natives = context.isolate._host_natives()
    host = natives.of(context)
    natives.add(context, "commonjs")
    if host.modules is None:
        host.modules = Modules(context)
    if root is not None:
        host.modules.set_root(root)
    try:
        return context._call_host("commonjs", "require", specifier, "" if root is None else ROOT)
    except JSError:
        raise
    except BaseException:
        with contextlib.suppress(Exception):
            context._call_host("commonjs", "forget")
        raise


def call(natives: Natives, operation: str, token: int, *arguments: str) -> Any:
    """What commonjs.js calls: ``resolve(specifier, importer)`` for a key, ``load(key)`` for a function or JSON text."""
    host = natives.context(token)
    if host.modules is None:
        context = host.context()
        assert context is not None  # it is running
        host.modules = Modules(context)
    return host.modules.resolve(*arguments) if operation == "resolve" else host.modules.load(*arguments)


class Modules:
    """Where one context's modules come from."""

    def __init__(self, context: Context) -> None:
        self._natives = context.isolate._host_natives()
        self._token = context._host.token
        self._folder: Folder | None = None
        self._files: dict[str, str] = {}  # by real path: the name that a file was given first

    def set_root(self, root: str | os.PathLike[str]) -> None:
        """Remember the folder. Raises ValueError where there is another one, OSError where it is no folder."""
        folder = Folder(root, COMMONJS)
        if self._folder is not None and self._folder.path != folder.path:
            raise ValueError(f"this context's modules come from {self._folder.path!r}: a context has one root")
        self._folder = folder

    def resolve(self, specifier: str, importer: str) -> str:
        """The key of a module. `importer` is a key; ROOT alone where Python asks, "" where it asks for one file."""
        if importer == "":
            return FILE + self._files.setdefault(os.path.realpath(specifier), posixpath.normpath(specifier))
        name = importer[len(ROOT) :]
        if importer.startswith(FILE):
            raise ModuleResolveError(specifier, name, reason="a single file can require nothing without a root folder")
        if self._folder is None:
            reason = "the folder isn't known here: call Context.require(..., root=FOLDER) once before"
            raise ModuleResolveError(specifier, name or None, reason=reason)
        return ROOT + self._folder.resolve(specifier, name)

    def load(self, key: str) -> Any:
        """A compiled module, or the text of a JSON file."""
        name = key[len(ROOT) :]
        if key.startswith(FILE):
            source = read(os.path.realpath(name), name, COMMONJS)
        elif self._folder is None:
            raise ModuleResolveError(name, None, reason="the folder isn't known here")
        else:
            source = self._folder.read(name)
        return source if name.endswith(".json") else self._compile(source, name)

    def _compile(self, source: str, name: str) -> Any:
        context = self._natives.context(self._token).context()
        try:
            return context._compile_function(source, name, [*PARAMETERS, "process"])
        except JSError:
            # A module may declare a `process` of its own, which can't be where a parameter has that name.
            return context._compile_function(source, name, PARAMETERS)
