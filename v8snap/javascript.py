"""The JavaScript files that are part of the package."""

from __future__ import annotations

import functools

__all__ = ["javascript"]


@functools.cache
def javascript(name: str) -> str:
    """A file's text, by its path within the package."""
    import importlib.resources  # it takes as long to load as half the package

    return (importlib.resources.files("v8snap") / name).read_text(encoding="utf-8")
