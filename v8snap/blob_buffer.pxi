# The buffer behind StartupData: classes written in Python can't offer one before Python 3.12.


cdef class BlobBuffer:
    """Read-only bytes with the buffer protocol."""

    cdef const unsigned char[::1] _view

    def _set_buffer(self, const unsigned char[::1] view):
        self._view = view

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        if self._view is None:
            raise BufferError("this blob has no bytes")
        PyBuffer_FillInfo(buffer, self, <void*>&self._view[0], self._view.shape[0], 1, flags)
