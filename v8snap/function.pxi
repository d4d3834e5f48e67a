# JavaScript functions, and how Python calls them.

cdef extern from "Python.h":
    ctypedef PyObject* (*vectorcallfunc)(PyObject*, PyObject**, size_t, PyObject*)
    ctypedef struct PyTupleObject:
        PyObject** ob_item
    ctypedef struct PyTypeObject:
        Py_ssize_t tp_vectorcall_offset
        unsigned long tp_flags
    const unsigned long Py_TPFLAGS_HAVE_VECTORCALL
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf) noexcept
    void PyType_Modified(PyTypeObject* type) noexcept


@cython.no_gc_clear
cdef class JSFunction(JSObject):
    """A JavaScript function: callable, and an object with properties.

    ``f(*args)`` calls it, with ``this`` the object it was got from, or undefined. Arguments are converted as by
    `Context.to_js`, the result as any value. JavaScript has no keyword arguments; ``timeout=`` is the seconds
    after which the call is stopped.

    Raises
    ------
    JSError
        What it threw. Where that is an exception of a Python callable that JavaScript let through, the exception
        itself.
    JSTimeoutError, JSTerminatedError, JSMemoryError
        Where it was stopped.
    """

    cdef JSObject _receiver
    cdef vectorcallfunc _vectorcall

    def __call__(self, *args, timeout=None):
        return self._call_with(_items(args), len(args), _checked_timeout(timeout))

    cdef _call_with(self, PyObject** args, Py_ssize_t count, double timeout):
        cdef engine.Value* receiver = NULL
        if self._receiver is not None:
            receiver = self._receiver._ptr()
        return self._ptr().call(receiver, args, count, timeout)

    async def call_async(self, *args, timeout=None):
        """Call it without holding up the asyncio loop, and await what it gives if that is a promise.

        As `Context.eval_async`; `timeout` in seconds.
        """
        from v8snap import promises
        return await promises.call_async(self._context, lambda: self(*args), timeout)

    def call(self, this, *args, timeout=None):
        """Call it with `this`: a proxy, or None for undefined; `timeout` in seconds.

        Raises
        ------
        TypeError
            For a `this` that is neither.
        """
        if this is not None and this is not undefined and not isinstance(this, JSValue):
            raise TypeError("this is a JavaScript object, or None")
        cdef engine.Value* receiver = NULL
        if isinstance(this, JSValue):
            receiver = (<JSValue>this)._ptr()
        return self._ptr().call(receiver, _items(args), len(args), _checked_timeout(timeout))

    def new(self, *args, timeout=None):
        """Construct an object with it: JavaScript's ``new``; `timeout` in seconds."""
        return self._ptr().construct(_items(args), len(args), _checked_timeout(timeout))

    def __repr__(self):
        label = self._label()
        return f"<JSFunction {'(anonymous)' if label == 'function' else label.removeprefix('function ')}>"


cdef PyObject** _items(tuple arguments) noexcept:
    return (<PyTupleObject*>arguments).ob_item


cdef object _call_function(JSFunction function, PyObject** args, size_t nargsf, PyObject* kwnames):
    """Python's vectorcall: a call without a tuple of its arguments."""
    cdef Py_ssize_t count = PyVectorcall_NARGS(nargsf)
    if kwnames == NULL:
        return function._call_with(args, count, 0)
    names = <tuple>kwnames
    keywords = {names[i]: <object>args[count + i] for i in range(len(names))}
    return function.__call__(*[<object>args[i] for i in range(count)], **keywords)


cdef _use_vectorcall():
    """Cython has no word for it: tell Python where in a JSFunction that function is."""
    cdef JSFunction example = JSFunction.__new__(JSFunction)
    cdef PyTypeObject* type = <PyTypeObject*>JSFunction
    type.tp_vectorcall_offset = <char*>&example._vectorcall - <char*><PyObject*>example
    type.tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL
    PyType_Modified(type)


_use_vectorcall()


def this():
    """JavaScript's ``this`` in the Python function that it is calling, converted.

    Returns
    -------
    object
        The object that the function was called on; the global object where there was none, as for functions that
        aren't strict.

    Raises
    ------
    V8SnapError
        Where JavaScript isn't calling, on this thread.
    """
    return engine.current_this()
