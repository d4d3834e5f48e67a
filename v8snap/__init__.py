"""Build, keep, inspect and start from V8 startup snapshots.

Run JavaScript once, keep the heap as bytes, and start every isolate with it ready::

    with v8snap.SnapshotCreator() as sc:
        sc.context.eval("function run() { return 3 + 4 }", name="main.js")

    with v8snap.Isolate(sc.blob) as iso, iso.new_context() as ctx:
        ctx.globals["run"]()  # 7
"""

from importlib import import_module as _import_module
from importlib.util import find_spec as _find_spec

if _find_spec("v8snap._v8") is None:
    raise ImportError(
        "this is v8snap's source folder, which has no compiled module: run Python from another folder, "
        "or make an editable install (see CONTRIBUTING.md)"
    )


def _check_interpreter() -> None:
    """Before the compiled module, which would have the first interpreter that loads it for its own."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        if _find_spec(name) is not None:
            module = _import_module(name)
            if module.get_current() != module.get_main():
                raise ImportError("v8snap works in the main interpreter only, and this is a subinterpreter")
            return


_check_interpreter()

TYPE_CHECKING = False  # typing takes as long to load as all of this
if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from v8snap._v8 import (
        Context,
        CpuProfile,
        FunctionCodeHandling,
        Isolate,
        JSArray,
        JSArrayBuffer,
        JSFunction,
        JSMap,
        JSObject,
        JSPromise,
        JSSet,
        JSSymbol,
        JSTypedArray,
        Script,
        SnapshotCreator,
        __version__,
        set_flags,
        this,
        to_py,
        v8_version,
    )
    from v8snap.builder import build, warm_up
    from v8snap.cache import cached
    from v8snap.comparison import compare
    from v8snap.config import build_config, get_include
    from v8snap.errors import (
        ClosedError,
        ConversionError,
        ExternalReferenceError,
        FlagsFrozenError,
        ForkedIsolateError,
        JSError,
        JSMemoryError,
        JSTerminatedError,
        JSTimeoutError,
        ModuleResolveError,
        NotInSnapshotError,
        PoolTimeoutError,
        PromisePendingError,
        SnapshotBuildCrashed,
        SnapshotConflictError,
        SnapshotCorruptError,
        SnapshotError,
        SnapshotFlagsError,
        SnapshotSignatureError,
        SnapshotVersionError,
        UnserializableError,
        V8SnapError,
        WrongIsolateError,
        WrongThreadError,
    )
    from v8snap.gap import builtin_gap
    from v8snap.obstacle import Obstacle
    from v8snap.pool import IsolatePool, PoolStatistics
    from v8snap.startup_data import StartupData
    from v8snap.values import BigInt, undefined

__all__ = [
    "BigInt",
    "ClosedError",
    "Context",
    "ConversionError",
    "CpuProfile",
    "ExternalReferenceError",
    "FlagsFrozenError",
    "ForkedIsolateError",
    "FunctionCodeHandling",
    "Isolate",
    "IsolatePool",
    "JSArray",
    "JSArrayBuffer",
    "JSError",
    "JSFunction",
    "JSMap",
    "JSMemoryError",
    "JSObject",
    "JSPromise",
    "JSSet",
    "JSSymbol",
    "JSTerminatedError",
    "JSTimeoutError",
    "JSTypedArray",
    "ModuleResolveError",
    "NotInSnapshotError",
    "Obstacle",
    "PoolStatistics",
    "PoolTimeoutError",
    "PromisePendingError",
    "Script",
    "SnapshotBuildCrashed",
    "SnapshotConflictError",
    "SnapshotCorruptError",
    "SnapshotCreator",
    "SnapshotError",
    "SnapshotFlagsError",
    "SnapshotSignatureError",
    "SnapshotVersionError",
    "StartupData",
    "UnserializableError",
    "V8SnapError",
    "WrongIsolateError",
    "WrongThreadError",
    "__version__",
    "build",
    "build_config",
    "builtin_gap",
    "cached",
    "compare",
    "get_include",
    "set_flags",
    "this",
    "to_py",
    "undefined",
    "v8_version",
    "warm_up",
]


# Where each name is. A module is brought in when the first of its names is used: V8's library alone takes longer
# to load than many a program takes to run that may not come to use it.
_PLACES = {
    name: place
    for place, names in {
        "v8snap._v8": """
            Context CpuProfile FunctionCodeHandling Isolate JSArray JSArrayBuffer JSFunction JSMap JSObject
            JSPromise JSSet JSSymbol JSTypedArray Script SnapshotCreator __version__ set_flags this to_py
            v8_version
        """,
        "v8snap.builder": "build warm_up",
        "v8snap.cache": "cached",
        "v8snap.comparison": "compare",
        "v8snap.config": "build_config get_include",
        "v8snap.errors": """
            ClosedError ConversionError ExternalReferenceError FlagsFrozenError ForkedIsolateError JSError
            JSMemoryError JSTerminatedError JSTimeoutError ModuleResolveError NotInSnapshotError
            PoolTimeoutError PromisePendingError SnapshotBuildCrashed SnapshotConflictError SnapshotCorruptError
            SnapshotError SnapshotFlagsError SnapshotSignatureError SnapshotVersionError UnserializableError V8SnapError
            WrongIsolateError WrongThreadError
        """,
        "v8snap.gap": "builtin_gap",
        "v8snap.obstacle": "Obstacle",
        "v8snap.pool": "IsolatePool PoolStatistics",
        "v8snap.startup_data": "StartupData",
        "v8snap.values": "BigInt undefined",
    }.items()
    for name in names.split()
}


def load_ipython_extension(ipython: "InteractiveShell") -> None:
    """For ``%load_ext v8snap``: the magics ``%%js``, ``%js``, ``%%snapshot`` and ``%js_restore``.

    It needs ``v8snap[notebook]``.
    """
    from v8snap.notebook import magics

    magics.load(ipython)


def unload_ipython_extension(ipython: "InteractiveShell") -> None:
    """For ``%unload_ext v8snap``: take the magics away and close their isolate."""
    from v8snap.notebook import magics

    magics.unload(ipython)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            if _find_spec(f"v8snap.{name}") is None:
                raise AttributeError(f"module 'v8snap' has no attribute {name!r}")
            return _import_module(f"v8snap.{name}")
        value = globals()[name] = getattr(_import_module(_PLACES[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
