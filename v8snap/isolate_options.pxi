# What an isolate is given, checked.


cdef size_t _checked_heap_limit(heap_limit, blob) except? 0:
    if heap_limit is None:
        return 0
    if not isinstance(heap_limit, int):
        raise TypeError(f"heap_limit is an int, bytes, or None, not {type(heap_limit).__name__}")
    least = 8 * 2**20 if blob is None else 32 * 2**20 + 4 * blob._layout.v8_size
    if heap_limit < least:
        raise ValueError(f"heap_limit must be at least {least:,} bytes here: V8 dies of a heap too small to start with")
    return min(heap_limit, 2**46)


def _as_startup_data(snapshot):
    from v8snap.startup_data import StartupData
    if snapshot is None or isinstance(snapshot, StartupData):
        return snapshot
    return StartupData(snapshot)


def check_isolate_options(snapshot, external_references, heap_limit, timeout):
    """What `Isolate` would raise for these arguments, without starting V8.

    Returns
    -------
    tuple of (StartupData | None, dict of str to callable)
        The snapshot and the external references in the form that isolates keep.
    """
    snapshot = _as_startup_data(snapshot)
    externals = _as_externals(external_references)
    _checked_heap_limit(heap_limit, snapshot)
    _checked_timeout(timeout)
    if snapshot is not None:
        snapshot._check_usable()
        snapshot._check_externals(externals)
    return snapshot, externals


_empty = None


def _empty_snapshot():
    """A snapshot of nothing, made as all others are, once; None where that fails."""
    global _empty
    from v8snap.builder import build
    if _empty is None:
        try:
            _empty = build({})
        except (errors.V8SnapError, OSError):
            return None
    return _empty


def _as_externals(external_references):
    """Names to callables; a name alone stands for a callable that is not at hand."""
    if external_references is None:
        return {}
    if isinstance(external_references, str):
        raise TypeError("external_references is a mapping of names to callables, or an iterable of names")
    if not isinstance(external_references, collections.abc.Mapping):
        external_references = dict.fromkeys(external_references)
    for name, function in external_references.items():
        if isinstance(name, str) and name.startswith(host_objects.RESERVED):
            raise ValueError(f"names of external references that begin with {host_objects.RESERVED!r} are v8snap's own")
        if not isinstance(name, str) or (function is not None and not callable(function)):
            raise TypeError(f"external_references maps names to callables, not {name!r} to {function!r}")
    return dict(external_references)


def _whole_writer(file):
    """The file's ``write``, called until everything is written: raw files may take less."""
    def write(data):
        rest = memoryview(data)
        while len(rest):
            written = file.write(rest)
            if not isinstance(written, int) or written >= len(rest):
                return
            rest = rest[written:]
    return write
