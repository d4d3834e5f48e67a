"""Host objects: what JavaScript expects of a browser or of Node.js besides the language itself.

None is there unless it is asked for by name. Each has a JavaScript half, a file of this folder that runs in the context
and is in snapshots of it, and most have a Python half, a native function with a reserved name among the external
references. Natives take and give primitives only, and JavaScript sees them in closures of ours alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NAMES", "RESERVED", "check_names"]

#: What `host` arguments may name.
NAMES = ("console", "timers", "encoding", "url", "structured-clone", "performance", "base64")
#: How names of our own external references begin.
RESERVED = "v8snap:"
#: The one that a helper process must find a package for.
URL_NATIVE = RESERVED + "url"


def check_names(host: Iterable[str]) -> tuple[str, ...]:
    """The names, each once. Raises ValueError for one that isn't known, TypeError for a lone str."""
    if isinstance(host, str):
        raise TypeError(f"host is a sequence of names such as ('console', 'timers'), not the str {host!r}")
    names = tuple(dict.fromkeys(host))
    for name in names:
        if name not in NAMES:
            raise ValueError(f"there is no host object {name!r}, only {', '.join(NAMES)}")
    return names
