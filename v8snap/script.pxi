# Compiled scripts.

# V8 hardly checks a code cache: a damaged one would run as it is.
_CODE_CACHE_MAGIC = b"v8snap-cache2\0"


cdef bytes _code_cache_head(Isolate isolate, str source, bytes body):
    """What stands before V8's cache: V8 itself compares no more of the source than its length.

    A cache names objects of the read-only heap by their places there. Before V8 12 these depend on what the isolate was
    started from, and V8 would take whatever it finds at such a place for the object.
    """
    digest = hashlib.sha256(hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest())
    digest.update(build_id().encode() + b"\0")
    if engine.read_only_heaps_differ():
        digest.update(isolate._heap_identity)
    digest.update(b"\0" + body)
    return _CODE_CACHE_MAGIC + digest.digest()


cdef bytes _open_code_cache(Isolate isolate, str source, cached_data):
    """V8's cache out of ours, or None where it isn't what was made of this source for such isolates."""
    data = bytes(memoryview(cached_data))
    start = len(_CODE_CACHE_MAGIC) + hashlib.sha256().digest_size
    body = data[start:]
    return body if body and data[:start] == _code_cache_head(isolate, source, body) else None


@cython.no_gc_clear
cdef class Script:
    """A compiled script that can be run in every context of its isolate. Made by `Context.compile`.

    See V8's ``UnboundScript`` in ``include/v8-script.h``.
    """

    cdef unique_ptr[engine.Script] _impl
    cdef Isolate _isolate    # ensures that the isolate is not destroyed before this script
    cdef str _source
    cdef str _name
    cdef bint _had_cache
    cdef bint _damaged_cache

    def __init__(self):
        raise TypeError("scripts are made by Context.compile()")

    @staticmethod
    cdef Script _adopt(Isolate isolate, unique_ptr[engine.Script] impl, str source, str name):
        cdef Script self = Script.__new__(Script)
        self._isolate = isolate
        self._source = source
        self._name = name
        self._impl = move(impl)
        return self

    def __dealloc__(self):
        self._impl.reset()

    cdef engine.Script* _ptr(self) except NULL:
        if self._isolate is None:
            raise ClosedError("this script was never initialised")
        if self._isolate.closed or self._impl.get().closed():
            raise ClosedError("this script is closed: its isolate is")
        return self._impl.get()

    def run(self, Context ctx not None, *, timeout=None):
        """Run it.

        Parameters
        ----------
        ctx : Context
            Of the same isolate.
        timeout : float, optional
            Seconds after which it is stopped.

        Returns
        -------
        object
            The value of its last expression, converted.

        Raises
        ------
        WrongIsolateError
            For a context of another isolate.
        JSError, JSTimeoutError, JSTerminatedError, JSMemoryError, ClosedError
            As `Context.eval`.
        """
        cdef engine.Script* impl = self._ptr()
        cdef double seconds = _checked_timeout(timeout)
        result = ctx._ptr().run(dereference(impl), seconds)
        ctx._note_script(self._name, self._source)
        return result

    def create_code_cache(self):
        """V8's compiled code for this script as bytes, for ``Context.compile(..., cached_data=...)``.

        It has the functions that are compiled by now: those that V8 compiled at once, those that have run, all of them
        after ``compile(..., eager=True)``. It fits this build of V8 and these flags only, in any process, and isolates
        with the same read-only heap: those from the same snapshot, or those from none. Treat it as code.

        Returns
        -------
        bytes
            V8's cache (``ScriptCompiler::CreateCodeCache``, ``include/v8-script.h``) behind a digest of it and the
            source: V8 itself compares no more of the source than its length.

        Raises
        ------
        SnapshotError
            In a snapshot creator, where V8 makes none.
        ClosedError
        """
        body = self._ptr().code_cache()
        return _code_cache_head(self._isolate, self._source, body) + body

    @property
    def cache_rejected(self):
        """Whether the code cache it was compiled with was refused: bool, or None where none was given.

        It is refused where V8's build or flags are others, where the source is, where it was damaged, and where the
        isolate that made it has another read-only heap, being started from another snapshot.
        """
        if not self._had_cache:
            return None
        return self._damaged_cache or self._ptr().cache_rejected()

    @property
    def name(self):
        """The name it was compiled under: str."""
        return self._name

    def __repr__(self):
        return f"<Script {self._name!r}>"
