# JavaScript values that stay in V8, behind proxies.


@cython.no_gc_clear
cdef class JSValue:
    """What all proxies have in common: a handle of a value in V8, closed with its context."""

    cdef unique_ptr[engine.Value] _impl
    cdef Context _context    # ensures that context and isolate are not destroyed before this handle
    cdef object __weakref__

    def __init__(self):
        raise TypeError("JavaScript values are made by JavaScript, or by Context.to_js()")

    def __dealloc__(self):
        self._impl.reset()

    cdef engine.Value* _ptr(self) except NULL:
        if self._context is None:
            raise ClosedError("this JavaScript value was never initialised")
        if self._impl.get().closed():
            raise ClosedError("this JavaScript value was closed with its context or isolate; to_py() copies")
        return self._impl.get()

    def __reduce__(self):
        raise TypeError("a JavaScript value lives in V8 and can't be copied or pickled: to_py() gives Python data")

    cdef str _label(self):
        """What a repr shows; a repr never raises."""
        try:
            return self._ptr().preview()
        except errors.V8SnapError:
            return "closed"

    def __eq__(self, other):
        if self is other:
            return True
        if not isinstance(other, JSValue):
            return NotImplemented
        return self._ptr().strict_equals(dereference((<JSValue>other)._ptr()))

    def __hash__(self):
        return self._ptr().identity_hash()

    @property
    def closed(self):
        """Whether it, its context or its isolate is closed: bool."""
        return self._context is None or self._context._isolate.closed or self._impl.get().closed()


@cython.no_gc_clear
cdef class JSSymbol(JSValue):
    """A JavaScript symbol, usable as a property key."""

    def __repr__(self):
        return f"<JSSymbol {self._label().removeprefix('Symbol(').removesuffix(')')}>"


@cython.no_gc_clear
cdef class JSObject(JSValue):
    """A JavaScript object.

    ``obj["key"]`` and ``obj.key`` read a property, and both can be assigned and deleted; a missing one raises
    KeyError or AttributeError. Keys are str, int or JSSymbol. ``in`` looks at inherited properties too, as JavaScript's
    does; ``len`` counts the object's own enumerable string keys. Iteration is JavaScript's ``for ... of`` where the
    object has that, as generators have, and over its own keys elsewhere; ``async for`` is JavaScript's
    ``for await ... of``. A function got from an object is called with the object as ``this``.

    The same object is the same proxy as long as Python has that; proxies got from different contexts are equal.

    Reading a property may run JavaScript: whatever it throws is raised as `JSError`.
    """

    cdef _get(self, key):
        """The property, or NULL-like `_MISSING`."""
        cdef PyObject* found = self._ptr().get(key, <PyObject*>self)
        return _MISSING if found == NULL else _take(found)

    def __getitem__(self, key):
        value = self._get(key)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def __setitem__(self, key, value):
        self._ptr().set(key, value)

    def __delitem__(self, key):
        if not self._ptr().remove(key):
            raise KeyError(key)

    def __getattr__(self, name):
        # Python's own protocols, and notebooks, ask for such names. What JavaScript has of them isn't given: a notebook
        # would call it to show the object.
        if _is_protocols(name):
            raise AttributeError(name)
        value = self._get(name)
        if value is _MISSING:
            raise AttributeError(f"the JavaScript object has no property {name!r}", name=name, obj=self)
        return value

    def __setattr__(self, name, value):
        self._ptr().set(name, value)

    def __delattr__(self, name):
        if not self._ptr().remove(name):
            raise AttributeError(f"the JavaScript object has no property {name!r}", name=name, obj=self)

    def __contains__(self, key):
        return self._ptr().has(key)

    def __len__(self):
        return self._ptr().length()

    def __iter__(self):
        cdef PyObject* iterator = self._ptr().iterator()
        return iter(self._ptr().keys()) if iterator == NULL else _iterate(_take(iterator))

    def __aiter__(self):
        from v8snap import async_iteration
        self._ptr()  # or it is closed
        return async_iteration.iterate(self._context, self._async_iterator)

    def _async_iterator(self):
        """Its iterator, and whether that is an async one: (JSObject, bool)."""
        cdef PyObject* iterator = self._ptr().async_iterator()
        if iterator != NULL:
            return _take(iterator), True
        iterator = self._ptr().iterator()
        if iterator == NULL:
            raise TypeError(f"{self!r} has neither an async iterator nor a plain one")
        return _take(iterator), False

    def __bool__(self):
        return True

    def __dir__(self):
        try:
            names = self._ptr().all_names()
        except errors.V8SnapError:
            names = set()
        return sorted({*object.__dir__(self), *[name for name in names if name.isidentifier() and name[:2] != "__"]})

    def _ipython_key_completions_(self):
        return self._ptr().keys()

    def to_py(self):
        """Copy deeply into Python objects.

        Arrays become lists, Maps dicts, Sets sets, Dates datetimes, ArrayBuffers, Uint8Arrays and DataViews bytes,
        other typed arrays ``array.array``, other objects dicts of their own enumerable string keys. What has no
        data (functions, promises, errors, regular expressions) stays a proxy. Cycles are kept.

        Returns
        -------
        object

        Raises
        ------
        JSError
            What a getter threw.
        RecursionError
            Where it is nested deeper than this thread's stack allows.
        ClosedError
        """
        return self._ptr().to_py()

    def __repr__(self):
        return f"<JSObject {self._label()}>"

    def _repr_html_(self):
        from v8snap.notebook import html
        return html.value(self)

    def _outline(self, entries, depth, values):
        """What it is made of, without running JavaScript: (text, list of (key, such a tuple) or None, left out)."""
        return self._ptr().outline(entries, depth, values)


cdef bint _is_protocols(str name):
    return name.startswith("_") and name.endswith("_") and name.startswith(("__", "_repr_", "_ipython_"))


def _call_next(iterator):
    """What an iterator's ``next()`` gives; TypeError where it has none."""
    method = iterator["next"] if "next" in iterator else undefined
    if not callable(method):
        raise TypeError(f"an iterable gave {iterator!r}, whose next is {method!r}, in place of an iterator")
    return method()


def _call_return(iterator):
    """What its ``return()`` gives; undefined where it has none."""
    method = iterator["return"] if "return" in iterator else undefined
    return method() if callable(method) else undefined


def _iterate(iterator):
    """What a JavaScript iterator gives, closing it where Python stops early."""
    if not isinstance(iterator, JSObject):
        raise TypeError(f"an iterable gave {iterator!r} in place of an iterator")
    ended = waiting = False
    try:
        while True:
            waiting = True
            step = _call_next(iterator)
            if not isinstance(step, JSObject):
                raise TypeError(f"an iterator gave {step!r} in place of an object with done and value")
            if "done" in step and step["done"]:
                ended = True
                return
            value = step["value"] if "value" in step else undefined
            waiting = False
            yield value
    except (errors.V8SnapError, TypeError):
        ended = waiting  # the iterator's own: it is broken
        raise
    finally:
        # Not where another thread has the isolate: the garbage collector may be what ends this.
        if not ended and not iterator.closed and not (<JSObject>iterator)._context._isolate._busy:
            try:
                _call_return(iterator)
            except errors.V8SnapError:
                pass


_MISSING = object()
_Sequence = collections.abc.MutableSequence


@cython.collection_type("sequence")
@cython.no_gc_clear
cdef class JSArray(JSObject):
    """A JavaScript array, or a Proxy of one: a ``collections.abc.MutableSequence``.

    Indices count from 0 or, negative, from the end; slices give lists. Holes read as ``undefined``. Other properties
    are reached as attributes.
    """

    cdef Py_ssize_t _index(self, key) except -1:
        cdef Py_ssize_t length = self._ptr().length()
        index = operator.index(key)
        if index < 0:
            index += length
        if not 0 <= index < length:
            raise IndexError(f"the JavaScript array has {length} elements, and none at {key}")
        return index

    def __getitem__(self, key):
        if isinstance(key, slice):
            start, stop, step = key.indices(self._ptr().length())
            return self._ptr().elements(start, stop) if step == 1 else [self[i] for i in range(start, stop, step)]
        if not hasattr(key, "__index__"):
            raise TypeError(f"an array's index is an int or a slice, not {type(key).__name__}")
        value = self._get(self._index(key))
        return undefined if value is _MISSING else value

    def __setitem__(self, key, value):
        if not isinstance(key, slice):
            self._ptr().set(self._index(key), value)
            return
        start, stop, step = key.indices(self._ptr().length())
        if step == 1:
            self._ptr().splice(start, max(stop - start, 0), tuple(value))
        else:
            copy = list(self)
            copy[key] = value
            self._ptr().splice(0, self._ptr().length(), tuple(copy))

    def __delitem__(self, key):
        if not isinstance(key, slice):
            self._ptr().splice(self._index(key), 1, ())
            return
        places = range(*key.indices(self._ptr().length()))
        for place in reversed(places) if places.step > 0 else places:
            self._ptr().splice(place, 1, ())

    def insert(self, index, value):
        """Insert before `index`, as ``list.insert``."""
        cdef Py_ssize_t length = self._ptr().length()
        start, _, _ = slice(index, None).indices(length)
        self._ptr().splice(start, 0, (value,))

    def append(self, value):
        """Append an element."""
        self._ptr().splice(self._ptr().length(), 0, (value,))

    def __iter__(self):
        # The length is asked anew each time, as for a list that grows.
        index = 0
        while index < self._ptr().length():
            for element in self._ptr().elements(index, index + _AT_ONCE):
                yield element
                index += 1

    def __reversed__(self):
        return reversed(self[:])

    def __iadd__(self, values):
        self.extend(values)
        return self

    def __contains__(self, value):
        return any(element is value or element == value for element in self)

    def __repr__(self):
        return f"<JSArray {self._label()}>"

    def clear(self):
        """Remove all elements."""
        self._ptr().splice(0, self._ptr().length(), ())

    def extend(self, values):
        """Append each of `values`, which may be this array itself; none, where one can't be converted."""
        self._ptr().splice(self._ptr().length(), 0, tuple(values))

    def reverse(self):
        """Reverse it in place."""
        self[:] = self[::-1]

    count = _Sequence.count
    index = _Sequence.index
    pop = _Sequence.pop
    remove = _Sequence.remove


_AT_ONCE = 64
_Sequence.register(JSArray)


def to_py(value):
    """Copy a JavaScript value deeply, see `JSObject.to_py`; anything else is given back as it is."""
    return (<JSObject>value).to_py() if isinstance(value, JSObject) else value


cdef PyObject* _make_proxy(PyObject* context, engine.Value* impl, PyObject* receiver) noexcept:
    """For the engine: a proxy that owns `impl`; NULL with an exception set on failure."""
    cdef unique_ptr[engine.Value] owned
    owned.reset(impl)
    try:
        return _new_proxy(<Context>context, move(owned), None if receiver == NULL else <object>receiver)
    except BaseException as error:
        _restore_error(error)
        return NULL


cdef PyObject* _new_proxy(Context context, unique_ptr[engine.Value] impl, JSObject receiver) except NULL:
    cdef engine.ValueKind kind = impl.get().kind()
    cdef JSValue self
    if kind == engine.ValueKind.kFunction:
        self = JSFunction.__new__(JSFunction)
        (<JSFunction>self)._receiver = receiver
        (<JSFunction>self)._vectorcall = <vectorcallfunc>_call_function
    elif kind == engine.ValueKind.kArray:
        self = JSArray.__new__(JSArray)
    elif kind == engine.ValueKind.kSymbol:
        self = JSSymbol.__new__(JSSymbol)
    elif kind == engine.ValueKind.kMap:
        self = JSMap.__new__(JSMap)
    elif kind == engine.ValueKind.kSet:
        self = JSSet.__new__(JSSet)
    elif kind == engine.ValueKind.kPromise:
        self = JSPromise.__new__(JSPromise)
    elif kind == engine.ValueKind.kArrayBuffer:
        self = JSArrayBuffer.__new__(JSArrayBuffer)
    elif kind == engine.ValueKind.kTypedArray:
        self = JSTypedArray.__new__(JSTypedArray)
    else:
        self = JSObject.__new__(JSObject)
    self._context = context
    self._impl = move(impl)
    self._impl.get().set_proxy(<PyObject*>self)
    Py_INCREF(self)
    return <PyObject*>self


cdef extern from "Python.h":
    void PyErr_SetObject(object type, object value) noexcept


cdef void _restore_error(error) noexcept:
    PyErr_SetObject(type(error), error)


cdef engine.Value* _find_value(PyObject* obj) noexcept:
    """For the engine: the value behind a proxy, or NULL."""
    return (<JSValue>obj)._impl.get() if isinstance(<object>obj, JSValue) else NULL


def _detach_buffer(JSValue value not None):
    """Take an ArrayBuffer's memory away from it; whether that could be done."""
    return engine.detach_buffer(dereference(value._ptr()))
