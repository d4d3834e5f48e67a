# ArrayBuffers and views on them: their memory is Python's too.


@cython.no_gc_clear
cdef class JSBuffer(JSObject):
    """What `JSArrayBuffer` and `JSTypedArray` have in common: the buffer protocol.

    ``memoryview(buffer)`` and ``numpy.asarray(buffer)`` share its memory with JavaScript and keep it, whatever becomes
    of the isolate. A read-only copy is given of a buffer that JavaScript can make smaller, and while a snapshot is
    built.

    Raises
    ------
    BufferError
        Where it is detached, or where writable memory is asked for and only a copy can be given.
    """

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        cdef unique_ptr[engine.BufferView] view
        try:
            view = engine.view_buffer(dereference(self._ptr()))
        except errors.ConversionError as error:
            raise BufferError(str(error)) from None
        if view.get().readonly() and flags & PyBUF_WRITABLE == PyBUF_WRITABLE:
            raise BufferError("only a copy of this buffer can be given, which isn't written to")
        buffer.buf = view.get().data()
        buffer.obj = self
        buffer.len = view.get().byte_length()
        buffer.itemsize = view.get().item_size()
        buffer.readonly = view.get().readonly()
        buffer.ndim = 1
        buffer.format = <char*>view.get().format() if flags & PyBUF_FORMAT == PyBUF_FORMAT else NULL
        buffer.shape = view.get().shape() if flags & PyBUF_ND == PyBUF_ND else NULL
        buffer.strides = view.get().strides() if flags & PyBUF_STRIDES == PyBUF_STRIDES else NULL
        buffer.suboffsets = NULL
        buffer.internal = view.release()

    def __releasebuffer__(self, Py_buffer* buffer):
        cdef unique_ptr[engine.BufferView] view
        view.reset(<engine.BufferView*>buffer.internal)

    @property
    def detached(self):
        """Whether its memory was taken away, by transferring it or growing a WebAssembly.Memory: bool."""
        return engine.buffer_detached(dereference(self._ptr()))

    def tolist(self):
        """Its elements: list of int or float."""
        view = memoryview(self)
        if view.format == "e":
            return list(struct.unpack(f"{len(view)}e", view.tobytes()))
        return view.tolist()

    def tobytes(self):
        """A copy of its memory: bytes."""
        return memoryview(self).tobytes()

    def __getitem__(self, key):
        if isinstance(key, slice):
            return self.tolist()[key]
        if not hasattr(key, "__index__"):
            return JSObject.__getitem__(self, key)
        view = memoryview(self)
        if view.format == "e":
            return self.tolist()[key]
        return view[key]

    def __setitem__(self, key, value):
        if isinstance(key, slice) or hasattr(key, "__index__"):
            memoryview(self)[key] = value
        else:
            JSObject.__setitem__(self, key, value)

    def __len__(self):
        return self._ptr().length()

    def __iter__(self):
        return iter(self.tolist())

    def __reversed__(self):
        return reversed(self.tolist())

    def __contains__(self, value):
        return value in self.tolist()

    def _ipython_key_completions_(self):
        return []

    count = collections.abc.Sequence.count
    index = collections.abc.Sequence.index


collections.abc.Sequence.register(JSBuffer)


@cython.no_gc_clear
cdef class JSArrayBuffer(JSBuffer):
    """A JavaScript ArrayBuffer or SharedArrayBuffer: a sequence of bytes with the buffer protocol, see `JSBuffer`."""

    def __repr__(self):
        return f"<JSArrayBuffer {self._label()}>"


@cython.no_gc_clear
cdef class JSTypedArray(JSBuffer):
    """A JavaScript typed array, or a DataView, which is a sequence of bytes: with the buffer protocol, see `JSBuffer`.

    Indices count from 0 or, negative, from the end; slices give lists. Assigning what its type can't hold raises
    ValueError or TypeError, where JavaScript would wrap it.
    """

    def __repr__(self):
        return f"<JSTypedArray {self._label()}>"
