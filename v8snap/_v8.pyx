"""The compiled layer: classes that own V8's objects.

Lifetime, closed-checks and docstrings are here; everything that touches V8 is in the engine. Use the names from
``v8snap`` itself.
"""
# One module in parts, a noun each, so that V8 is linked once.

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_FillInfo,
)
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cython.operator cimport dereference
from libc.stddef cimport size_t
from libcpp.memory cimport unique_ptr
from libcpp.utility cimport move

cimport cython

cimport v8snap._engine as engine

import atexit
import collections.abc
import copy
import enum
import hashlib
import json
import operator
import os
import struct
import sys
import threading
import time
import weakref

from v8snap import conversion, errors, file_format, gap, modules, source_maps, time_limit
from v8snap import host as host_objects
from v8snap.errors import ClosedError, NotInSnapshotError, SnapshotError
from v8snap.obstacle import Obstacle
from v8snap.values import BigInt, undefined

if not getattr(sys, "_is_gil_enabled", lambda: True)():
    raise ImportError(
        "v8snap needs Python's global interpreter lock, which guards its isolates: run without PYTHON_GIL=0")

cdef extern from *:
    """
    #define V8SNAP_VERSION_STRING V8SNAP_VERSION
    """
    const char* V8SNAP_VERSION_STRING

__version__ = V8SNAP_VERSION_STRING.decode()


include "process.pxi"
include "blob_buffer.pxi"
include "isolate_options.pxi"
include "open_isolates.pxi"
include "isolate.pxi"
include "context.pxi"
include "script.pxi"
include "cpu_profile.pxi"
include "value.pxi"
include "function.pxi"
include "collection.pxi"
include "buffer.pxi"
include "promise.pxi"
include "snapshot_creator.pxi"


cdef engine.ProxyHooks _hooks
_hooks.make = _make_proxy
_hooks.find = _find_value
_hooks.undefined = <PyObject*>undefined
_hooks.bigint_type = <PyObject*>BigInt
_hooks.js_error = <PyObject*>errors.JSError
_hooks.datetime_from_milliseconds = <PyObject*>conversion.datetime_from_milliseconds
_hooks.array_from_bytes = <PyObject*>conversion.array_from_bytes
_hooks.adapt = <PyObject*>conversion.adapt
engine.set_proxy_hooks(_hooks)
