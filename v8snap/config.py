"""What this v8snap was built with."""

from __future__ import annotations

from typing import Any

from v8snap import _v8
from v8snap._build_config import CONFIG

__all__ = ["build_config"]


def build_config() -> dict[str, Any]:
    """How this v8snap and its V8 were built.

    Returns
    -------
    dict
        ``version`` (of v8snap), ``v8_version``, ``v8_build_id``, ``v8_source`` (system, prefix or unpack),
        ``v8_header_version``, ``compiler``, ``cpp_std``, ``cython``, ``flags`` (V8 flags of this process),
        ``flags_hash``. A blob is valid only where V8's version, build id and flags are the same.
    """
    return {
        "version": _v8.__version__,
        "v8_version": _v8.v8_version(),
        "v8_build_id": _v8.build_id(),
        **CONFIG,
        "flags": _v8.flags(),
        "flags_hash": _v8.flags_hash(),
    }
