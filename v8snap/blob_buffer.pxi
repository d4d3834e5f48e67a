# The buffer behind StartupData: classes written in Python can't offer one before Python 3.12.


cdef class BlobBuffer:
    """Read-only bytes with the buffer protocol."""

    cdef const unsigned char[::1] _view
    cdef bint _filled

    def _set_buffer(self, const unsigned char[::1] view):
        # Isolates and memoryviews hold pointers into the bytes: they can't be exchanged.
        if self._filled:
            raise TypeError("a blob can't be initialised twice")
        self._view = view
        self._filled = True

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        if not self._filled:
            raise BufferError("this blob has no bytes")
        PyBuffer_FillInfo(buffer, self, <void*>&self._view[0], self._view.shape[0], 1, flags)
