"""What this v8snap was built with, and where its headers are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from v8snap import _v8
from v8snap._build_config import CONFIG

__all__ = ["build_config", "get_include"]

#: Written where the package carries V8: by Meson's ``unpack``, or by the tool that makes wheels.
_CARRIED = Path(_v8.__file__).with_name("_carried.json")


def build_config() -> dict[str, Any]:
    """How this v8snap and its V8 were built, and what is inside.

    A blob is valid only where ``v8_version``, ``v8_build_id`` and ``flags`` are the same.

    Returns
    -------
    dict
        ``version`` : str
            Of v8snap.
        ``v8_version`` : str
            Of the V8 library, with its embedder's suffix: ``"10.2.154.26-node.37"``.
        ``v8_build_id`` : str
            The library's own hexadecimal build id; ``""`` where it has none.
        ``v8_source`` : str
            ``"system"``, ``"prefix"``: the library is where it was when v8snap was built. ``"unpack"``,
            ``"build"``, ``"wheel"``: the package has it inside, as libraries or in its compiled module.
        ``libraries`` : dict of str to str
            The libraries inside the package, by file name: name and version of the distribution's package that each
            came from (``"libnode108 18.20.4+dfsg-1~deb12u1"``), or ``""`` where no package is known; of a V8 that is
            in the compiled module (``"libv8.a"``), what it was made of. Empty where V8 isn't inside.
        ``libraries_from`` : str
            The distribution they came from (``"Debian GNU/Linux 12 (bookworm)"``), or the compiler they were made
            with; ``""`` where there are none.
        ``v8_options`` : dict of str to int or str
            What a V8 that ``tools/build_v8`` made was configured with (``"v8_enable_webassembly": 1``); empty for
            others.
        ``v8_header_version`` : str
            What it was compiled with; the same V8.
        ``v8_defines`` : list of str
            V8's build switches that its headers were compiled with (``"V8_COMPRESS_POINTERS"``).
        ``python``, ``machine``, ``compiler``, ``cpp_std``, ``cython``, ``meson`` : str
            What it was built for and with: ``"3.11"``, ``"linux x86_64"``, ``"gcc 12.2.0"``, ``"c++17"``, versions.
        ``options`` : dict
            Of the build: ``v8`` (what was asked for), ``buildtype``, ``optimization``; ``assertions`` is a bool,
            whether the engine's own assertions are compiled in.
        ``flags`` : list of str
            V8 flags of this process; ``flags_hash`` is a hexadecimal digest of them.
    """
    carried = json.loads(_CARRIED.read_text(encoding="utf-8")) if _CARRIED.is_file() else {}
    return {
        "version": _v8.__version__,
        "v8_version": _v8.v8_version(),
        "v8_build_id": _v8.build_id(),
        "libraries": {},
        "libraries_from": "",
        "v8_options": {},
        **CONFIG,
        **carried,
        "flags": _v8.flags(),
        "flags_hash": _v8.flags_hash(),
    }


def get_include() -> str:
    """The folder to give to a C++ compiler (``-I``) for ``#include <v8snap/isolate.hpp>`` and the other headers.

    They declare the engine below the Python classes: who owns what, on which thread, for how long, and what is thrown.
    No type of V8's is in them. They need Python's own headers and C++17. An extension compiles with them, but can't be
    linked: the compiled module exports none of these functions, and they may change with each version.

    Native code that JavaScript shall call needs no header: a function of any extension module is a Python callable, and
    so it can be an external reference or a global.

    Returns
    -------
    str
        An absolute path; in an editable install, the one in the source folder.
    """
    package = Path(__file__).absolute().parent
    installed = package / "include"
    return str(installed if installed.is_dir() else package.parent / "include")
