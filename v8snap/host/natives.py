"""The Python half of host objects in an isolate, and how they get into a context."""

from __future__ import annotations

import functools
import posixpath
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from v8snap import commonjs
from v8snap.errors import ClosedError
from v8snap.host import NAMES, RESERVED, console, performance, structured_clone, timers, url
from v8snap.javascript import javascript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from v8snap._v8 import Context, Isolate

__all__ = ["ContextHost", "Natives"]

#: The context's hidden value that has its host objects, see hub.js.
HUB = "v8snap.host"


@dataclass(frozen=True)
class Part:
    """One JavaScript file, the native that it gets, and the parts that have to be there before."""

    script: str
    native: Callable[..., Any] | None = None
    needs: tuple[str, ...] = ()
    check: Callable[[], object] = lambda: None


PARTS = {
    "console": Part("host/console.js", console.call, ("inspect",)),
    "timers": Part("host/timers.js", timers.call),
    "encoding": Part("host/encoding.js", needs=("utf8",)),
    "url": Part("host/url.js", url.call, ("utf8",), url.check),
    "structured-clone": Part("host/structured_clone.js", structured_clone.call, ("dom-exception",)),
    "performance": Part("host/performance.js", performance.call),
    "base64": Part("host/base64.js", needs=("dom-exception",)),
    # Not to be asked for by name:
    "inspect": Part("host/inspect.js"),
    "dom-exception": Part("host/dom_exception.js"),
    "utf8": Part("host/utf8.js"),
    "commonjs": Part("commonjs.js", commonjs.call),
}


class ContextHost:
    """What the natives know of one context."""

    def __init__(self, context: Context, token: int) -> None:
        self.context = weakref.ref(context)
        self.token = token
        self.timers = timers.Timers(self.context)
        self.origin = time.monotonic()
        self.origin_seconds = time.time()  # since 1970
        self.modules: commonjs.Modules | None = None

    def close(self) -> None:
        """Nothing that waits runs any more."""
        self.timers.close()


class Natives:
    """The natives of an isolate; `functions` are its external references of reserved names."""

    def __init__(self, isolate: Isolate) -> None:
        self.isolate = weakref.ref(isolate)
        self._contexts: weakref.WeakValueDictionary[int, ContextHost] = weakref.WeakValueDictionary()
        self._last_token = 0
        self.functions = {
            RESERVED + name: functools.partial(part.native, self) for name, part in PARTS.items() if part.native
        }

    def context(self, token: object) -> ContextHost:
        """The one that JavaScript calls from."""
        found = self._contexts.get(token) if isinstance(token, int) else None
        if found is None:
            raise ClosedError("this context is closed")
        return found

    def start(self, context: Context, names: Iterable[str]) -> None:
        """Add host objects to a new context, and bring to life those that it has from a snapshot."""
        if not names and context._hidden(HUB) is None:
            return
        self.of(context)
        for name in names:
            self.add(context, name)

    def of(self, context: Context) -> ContextHost:
        """What is known of a context; from now on it has a hub."""
        if context._host is not None:
            return cast("ContextHost", context._host)
        hub = context._hidden(HUB)
        if hub is None:
            hub = context._run(javascript("host/hub.js"), "v8snap:hub.js")
            context._set_hidden(HUB, hub)
        self._last_token += 1
        found = ContextHost(context, self._last_token)
        self._contexts[found.token] = found
        context._host = found
        hub("resume", found.token)
        return found

    def add(self, context: Context, name: str) -> None:
        """Add one, if the context has it not yet, and before it what it needs."""
        if name in self.names(context):
            return
        part = PARTS[name]
        part.check()
        for needed in part.needs:
            self.add(context, needed)
        factory = context._run(javascript(part.script), f"v8snap:{posixpath.basename(part.script)}")
        native = None if part.native is None else context._external(RESERVED + name)
        context._hidden(HUB)("add", name, factory, native)

    @staticmethod
    def names(context: Context) -> list[str]:
        """All parts that it has."""
        hub = context._hidden(HUB)
        return [] if hub is None else str(hub("names")).split()

    def close(self) -> None:
        """The isolate is closed."""
        for each in list(self._contexts.values()):
            each.close()


def public_names(context: Context) -> tuple[str, ...]:
    """The host objects of a context that can be asked for."""
    found = Natives.names(context)
    return tuple(name for name in NAMES if name in found)
