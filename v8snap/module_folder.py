"""Where Node.js would find a module in a folder, and nothing outside of it."""

from __future__ import annotations

import json
import os
import posixpath
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from v8snap.errors import ModuleResolveError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["COMMONJS", "ES_MODULES", "Folder", "Kind", "read"]


@dataclass(frozen=True)
class Kind:
    """What differs between the two kinds of modules."""

    extensions: tuple[str, ...]  # that may be left out
    conditions: tuple[str, ...]  # in "exports"; there is nothing of Node.js here
    mains: tuple[str, ...]  # fields of a package without "exports"
    refused: Mapping[str, str]  # endings, and why


_NATIVE = "it is native code"
COMMONJS = Kind(
    extensions=("", ".js", ".json", ".cjs"),
    conditions=("require", "browser", "default"),
    mains=("main",),
    refused={".mjs": "it is an ES module, for Context.import_module", ".node": _NATIVE},
)
ES_MODULES = Kind(
    extensions=("", ".js", ".mjs", ".json"),
    conditions=("import", "module", "browser", "default"),
    mains=("module", "main"),
    refused={".cjs": "it is a CommonJS module, for Context.require", ".node": _NATIVE},
)

#: Bytes; V8's longest string is not much longer.
MOST_BYTES = 2**28
#: What Node.js has built in.
_BUILT_IN = """
    assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain
    events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl
    stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib
"""
BUILT_IN = frozenset(_BUILT_IN.split())


def read(path: str, name: str, kind: Kind) -> str:
    """A file's text; ModuleResolveError where there is none, or it is none for modules of that kind."""
    for ending, reason in kind.refused.items():
        if name.endswith(ending):
            raise ModuleResolveError(name, None, reason=reason)
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            raise ModuleResolveError(name, None, reason="it is no ordinary file")
        if facts.st_size > MOST_BYTES:
            raise ModuleResolveError(name, None, reason=f"it is larger than {MOST_BYTES:,} bytes")
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ModuleResolveError(name, None, reason="there is no such file") from error
    return content.decode("utf-8-sig", "replace")


class _Outside(Exception):
    """A path leads out of the folder."""


class Folder:
    """A folder in which modules are looked for as Node.js does, and out of which nothing leads.

    Paths are relative to it, with slashes, and those of real files: "" is the folder itself.
    """

    def __init__(self, path: str | os.PathLike[str], kind: Kind) -> None:
        self._kind = kind
        self.path = os.path.realpath(path, strict=True)
        if not os.path.isdir(self.path):
            raise NotADirectoryError(f"root is a folder, which {os.fspath(path)!r} isn't")
        self._descriptions: dict[str, dict[str, Any] | None] = {}

    def real(self, name: str) -> str:
        """The file of a name, absolute, that is inside the folder whatever links there are."""
        found = os.path.realpath(os.path.join(self.path, name))
        if os.path.commonpath([found, self.path]) != self.path:
            raise _Outside(name)
        return found

    def read(self, name: str) -> str:
        """A module's text. Raises ModuleResolveError."""
        try:
            return read(self.real(name), name, self._kind)
        except _Outside:  # it was changed meanwhile
            raise ModuleResolveError(name, None, reason="it leads out of the root folder") from None

    def resolve(self, specifier: str, importer: str) -> str:
        """A module's path. Raises ModuleResolveError."""
        try:
            found = self._find(specifier, importer)
        except _Outside:
            raise ModuleResolveError(specifier, importer or None, reason="it leads out of the root folder") from None
        except _BadPackage as error:
            raise ModuleResolveError(specifier, importer or None, reason=str(error)) from None
        except ValueError:  # a NUL
            found = None
        if found is None:
            bare = specifier.removeprefix("node:").partition("/")[0]
            is_built_in = specifier.startswith("node:") or bare in BUILT_IN
            reason = "it is a part of Node.js itself, which isn't here" if is_built_in else None
            raise ModuleResolveError(specifier, importer or None, reason=reason)
        return found

    def _find(self, specifier: str, importer: str) -> str | None:
        folder = posixpath.dirname(importer)
        if specifier.startswith("node:") or specifier == "":
            return None
        if posixpath.isabs(specifier):
            return self._file_or_folder(self._inside(os.path.relpath(specifier, self.path)))
        if specifier in (".", "..") or specifier.startswith(("./", "../")):
            return self._file_or_folder(
                self._inside(posixpath.join(folder, specifier)), specifier.endswith(("/", "..", "/."))
            )
        if specifier.startswith("#"):
            return self._imported(specifier, folder)
        found = self._package(specifier, folder)
        if found is None and importer == "":
            found = self._file_or_folder(self._inside(specifier))
        return found

    def _inside(self, path: str) -> str:
        path = posixpath.normpath(path)
        if path == ".." or path.startswith("../"):
            raise _Outside(path)
        return "" if path == "." else path

    # ------------------------------------------------------------ files

    def _name(self, path: str) -> str:
        """A path without links."""
        return os.path.relpath(self.real(path), self.path).replace(os.sep, "/")

    def _is_file(self, path: str) -> bool:
        return os.path.isfile(self.real(path))

    def _file(self, path: str) -> str | None:
        return next(
            (self._name(path + end) for end in self._kind.extensions if path and self._is_file(path + end)), None
        )

    def _file_or_folder(self, path: str, only_folder: bool = False) -> str | None:
        found = None if only_folder else self._file(path)
        if found is None and os.path.isdir(self.real(path)):
            description = self._description(path) or {}
            mains = [description.get(field) for field in self._kind.mains]
            main = next((each for each in mains if isinstance(each, str) and each), None)
            if main is not None:
                at = self._inside(posixpath.join(path, main))
                found = self._file(at) or self._file(posixpath.join(at, "index"))
            found = found or self._file(posixpath.join(path, "index"))
        return found

    def _description(self, folder: str) -> dict[str, Any] | None:
        """A folder's package.json; None where there is none."""
        if folder not in self._descriptions:
            path = posixpath.join(folder, "package.json")
            found = None
            if self._is_file(path):
                try:
                    found = json.loads(read(self.real(path), path, self._kind))
                except (ValueError, RecursionError) as error:
                    raise _BadPackage(f"{path} is no JSON: {error}") from None
            self._descriptions[folder] = found if isinstance(found, dict) else None
        return self._descriptions[folder]

    # ------------------------------------------------------------ packages

    def _upwards(self, folder: str) -> Iterator[str]:
        yield folder
        while folder:
            folder = posixpath.dirname(folder)
            yield folder

    def _package(self, specifier: str, folder: str) -> str | None:
        parts = specifier.split("/")
        size = 2 if specifier.startswith("@") else 1
        name, rest = "/".join(parts[:size]), "/".join(parts[size:])
        if "" in parts[:size] or any(part in (".", "..") for part in parts[:size]) or "\\" in name or "%" in name:
            return None
        for above in self._upwards(folder):
            if posixpath.basename(above) == "node_modules":
                continue
            package = posixpath.join(above, "node_modules", name)
            if not os.path.isdir(self.real(package)):
                found = self._file(package) if not rest else None
            elif (exports := (self._description(package) or {}).get("exports")) is not None:
                return self._exported(package, exports, "./" + rest if rest else ".", name)
            else:
                found = self._file_or_folder(self._inside(posixpath.join(package, rest)) if rest else package)
            if found is not None:
                return found
        return self._itself(name, rest, folder)

    def _itself(self, name: str, rest: str, folder: str) -> str | None:
        """A package may name itself where it has "exports"."""
        scope, description = self._scope(folder)
        exports = description.get("exports")
        if exports is None or description.get("name") != name:
            return None
        return self._exported(scope, exports, "./" + rest if rest else ".", name)

    def _scope(self, folder: str) -> tuple[str, dict[str, Any]]:
        """The nearest folder with a package.json."""
        for above in self._upwards(folder):
            if posixpath.basename(above) == "node_modules":
                break
            description = self._description(above)
            if description is not None:
                return above, description
        return folder, {}

    def _imported(self, specifier: str, folder: str) -> str | None:
        scope, description = self._scope(folder)
        imports = description.get("imports")
        if not isinstance(imports, dict):
            return None
        target, star = _match(imports, specifier)
        return self._target(scope, target, star, may_be_package=True)

    def _is_other_kind(self, name: str) -> bool:
        if self._kind is ES_MODULES:  # without "type" nobody knows what a .js is
            return name.endswith(".cjs")
        _, description = self._scope(posixpath.dirname(name))
        return name.endswith(".mjs") or (name.endswith(".js") and description.get("type") == "module")

    def _exported(self, package: str, exports: Any, subpath: str, name: str) -> str:
        if not isinstance(exports, dict) or not any(key.startswith(".") for key in exports):
            exports = {".": exports}
        target, star = _match(exports, subpath)
        found = self._target(package, target, star)
        if found is None:
            raise _BadPackage(f"package {name!r} doesn't export {subpath!r}")
        return found

    def _target(self, package: str, target: Any, star: str, *, may_be_package: bool = False) -> str | None:
        if isinstance(target, list):
            return next((found for each in target if (found := self._target(package, each, star)) is not None), None)
        if isinstance(target, dict):
            for condition, chosen in target.items():
                if condition in self._kind.conditions:
                    found = self._target(package, chosen, star, may_be_package=may_be_package)
                    # Bundlers, for whom "browser" is, take modules of both kinds.
                    if found is not None and not (condition == "browser" and self._is_other_kind(found)):
                        return found
            return None
        if not isinstance(target, str):
            return None
        if may_be_package and not target.startswith(("./", "../", "/")):
            return self._package(target.replace("*", star), package)
        if not target.startswith("./") or not _is_plain(target[2:]) or (star and not _is_plain(star)):
            raise _BadPackage(f"{package}/package.json leads to {target!r}, which is not inside of the package")
        path = posixpath.join(package, target[2:].replace("*", star))
        return self._name(path) if self._is_file(path) else None


class _BadPackage(Exception):
    """A package.json that says what it may not."""


def _is_plain(path: str) -> bool:
    """Whether it goes down only."""
    return not any(part in (".", "..", "node_modules") for part in path.replace("\\", "/").split("/"))


def _match(table: dict[str, Any], key: str) -> tuple[Any, str]:
    """The entry of "exports" or "imports" for a key, and what its ``*`` stands for."""
    if key in table and "*" not in key:
        return table[key], ""
    best, star = "", ""
    for pattern in table:
        before, has_star, after = pattern.partition("*")
        fits = has_star and key.startswith(before) and key.endswith(after) and len(key) > len(before) + len(after)
        if fits and len(before) >= len(best.partition("*")[0]):
            best, star = pattern, key[len(before) : len(key) - len(after)]
    return (table[best], star) if best else (None, "")
