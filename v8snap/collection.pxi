# JavaScript's Map and Set.

_MutableMapping = collections.abc.MutableMapping
_MutableSet = collections.abc.MutableSet
_Set = collections.abc.Set
_Iterable = collections.abc.Iterable

cdef size_t _ALL = <size_t>-1


cdef object _next_key(JSObject collection, list ahead):
    """A key that is there: the first one, where nothing but taking them away has happened to the collection.

    V8 finds the first key by copying all of them. So a sixteenth of them is kept in `ahead`, last one first, and what
    empties a collection takes time in proportion to its size.
    """
    filled = False
    while True:
        while ahead:
            key = ahead.pop()
            if engine.collection_has(dereference(collection._ptr()), key):
                return key
        size = engine.collection_size(dereference(collection._ptr()))
        if size == 0:
            raise KeyError("it is empty")
        if filled:
            raise KeyError(key)  # a Date, of which Python has a copy
        ahead[:] = engine.collection_keys(dereference(collection._ptr()), max(_AT_ONCE, size // 16))[::-1]
        filled = True


@cython.no_gc_clear
cdef class JSMap(JSObject):
    """A JavaScript Map: a ``collections.abc.MutableMapping``, in the order of insertion.

    Keys and values are converted as any value. Keys are the same if they are for JavaScript: ``1`` and ``true`` are
    two, and every dict is a new one. The Map's own methods are there as attributes where Python has none of the name.
    """

    cdef list _ahead  # see _next_key()

    def __cinit__(self):
        self._ahead = []

    def __len__(self):
        return engine.collection_size(dereference(self._ptr()))

    def __contains__(self, key):
        return engine.collection_has(dereference(self._ptr()), key)

    def __getitem__(self, key):
        cdef PyObject* found = engine.map_get(dereference(self._ptr()), key)
        if found == NULL:
            raise KeyError(key)
        return _take(found)

    def __setitem__(self, key, value):
        engine.map_set(dereference(self._ptr()), key, value)

    def __delitem__(self, key):
        if not engine.collection_remove(dereference(self._ptr()), key):
            raise KeyError(key)

    def __iter__(self):
        return iter(engine.collection_keys(dereference(self._ptr()), _ALL))

    def popitem(self):
        """Remove an entry and give it: ``(key, value)``. KeyError where there is none."""
        key = _next_key(self, self._ahead)
        return key, self.pop(key)

    def clear(self):
        """Remove all entries."""
        engine.collection_clear(dereference(self._ptr()))

    def _ipython_key_completions_(self):
        return [key for key in self if isinstance(key, str)]

    def __repr__(self):
        return f"<JSMap {self._label()}>"

    get = _MutableMapping.get
    items = _MutableMapping.items
    keys = _MutableMapping.keys
    pop = _MutableMapping.pop
    setdefault = _MutableMapping.setdefault
    update = _MutableMapping.update
    values = _MutableMapping.values


_MutableMapping.register(JSMap)


@cython.no_gc_clear
cdef class JSSet(JSObject):
    """A JavaScript Set: a ``collections.abc.MutableSet``, in the order of insertion.

    Elements are the same if they are for JavaScript. Operators such as ``|`` give Python sets. The Set's own methods
    are there as attributes where Python has none of the name.
    """

    cdef list _ahead  # see _next_key()

    def __cinit__(self):
        self._ahead = []

    def __len__(self):
        return engine.collection_size(dereference(self._ptr()))

    def __contains__(self, element):
        return engine.collection_has(dereference(self._ptr()), element)

    def __iter__(self):
        return iter(engine.collection_keys(dereference(self._ptr()), _ALL))

    def add(self, element):
        """Add an element."""
        engine.set_add(dereference(self._ptr()), element)

    def discard(self, element):
        """Remove an element, if it is there."""
        engine.collection_remove(dereference(self._ptr()), element)

    def pop(self):
        """Remove an element and give it. KeyError where there is none."""
        element = _next_key(self, self._ahead)
        self.discard(element)
        return element

    def clear(self):
        """Remove all elements."""
        engine.collection_clear(dereference(self._ptr()))

    def _ipython_key_completions_(self):
        return []

    def __repr__(self):
        return f"<JSSet {self._label()}>"

    def __and__(self, other):
        return set(self) & set(other) if isinstance(other, _Iterable) else NotImplemented

    def __or__(self, other):
        return set(self) | set(other) if isinstance(other, _Iterable) else NotImplemented

    def __sub__(self, other):
        return set(self) - set(other) if isinstance(other, _Iterable) else NotImplemented

    def __xor__(self, other):
        return set(self) ^ set(other) if isinstance(other, _Iterable) else NotImplemented

    def __rand__(self, other):
        return set(other) & set(self) if isinstance(other, _Iterable) else NotImplemented

    def __ror__(self, other):
        return set(other) | set(self) if isinstance(other, _Iterable) else NotImplemented

    def __rsub__(self, other):
        return set(other) - set(self) if isinstance(other, _Iterable) else NotImplemented

    def __rxor__(self, other):
        return set(other) ^ set(self) if isinstance(other, _Iterable) else NotImplemented

    def __eq__(self, other):
        return JSValue.__eq__(self, other)

    def __hash__(self):
        return JSValue.__hash__(self)

    def __le__(self, other):
        return set(self) <= set(other) if isinstance(other, _Set) else NotImplemented

    def __lt__(self, other):
        return set(self) < set(other) if isinstance(other, _Set) else NotImplemented

    def __ge__(self, other):
        return set(self) >= set(other) if isinstance(other, _Set) else NotImplemented

    def __gt__(self, other):
        return set(self) > set(other) if isinstance(other, _Set) else NotImplemented

    isdisjoint = _MutableSet.isdisjoint
    remove = _MutableSet.remove


_MutableSet.register(JSSet)
