"""URLs by ada-url, the parser of Node.js, which keeps to https://url.spec.whatwg.org."""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from v8snap.host.natives import Natives

__all__ = ["call", "check"]

#: The parts of a URL that JavaScript gets, in this order, after its href.
PARTS = ("origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash")
#: Those that can be set, and the href.
SETTABLE = {*PARTS, "href"} - {"origin"}
SEPARATOR = "\n"  # is in no part of a URL


def check() -> None:
    """Raise ImportError where ada-url is missing."""
    if importlib.util.find_spec("ada_url") is None:
        _ada()


@functools.cache
def _ada() -> ModuleType:
    try:
        import ada_url
    except ImportError as error:
        raise ImportError("the host object 'url' needs ada-url: pip install 'v8snap[host]'") from error
    return ada_url


def call(natives: Natives, operation: str, *arguments: str) -> str | None:
    """What url.js calls, with strings: ``parse(url[, base])`` and ``set(href, part, value)``.

    Both give href and `PARTS`, one on a line, or null for what is no URL.
    """
    ada = _ada()
    if operation == "set":
        return _set(ada, *arguments)
    parsed = _parsed(ada, arguments)
    return None if parsed is None else _shown(parsed)


def _parsed(ada: ModuleType, texts: Sequence[str]) -> Any:
    try:
        return ada.URL(*texts[:2])
    except ValueError:
        return None


def _set(ada: ModuleType, href: str, part: str, value: str) -> str | None:
    url = _parsed(ada, [href])
    if url is None or part not in SETTABLE:
        return None
    try:
        setattr(url, part, value)
    except ValueError:
        return None  # as it was
    return _shown(url)


def _shown(url: Any) -> str:
    return SEPARATOR.join([url.href, *(getattr(url, part) for part in PARTS)])
