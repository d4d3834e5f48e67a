# JavaScript's Map and Set.

_MutableMapping = collections.abc.MutableMapping
_MutableSet = collections.abc.MutableSet


@cython.no_gc_clear
cdef class JSMap(JSObject):
    """A JavaScript Map: a ``collections.abc.MutableMapping``, in the order of insertion.

    Keys and values are converted as any value. Keys are the same if they are for JavaScript: ``1`` and ``true`` are
    two, and every dict is a new one. The Map's own methods are there as attributes where Python has none of the name.
    """

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
        return iter(engine.collection_keys(dereference(self._ptr())))

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
    popitem = _MutableMapping.popitem
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

    def __len__(self):
        return engine.collection_size(dereference(self._ptr()))

    def __contains__(self, element):
        return engine.collection_has(dereference(self._ptr()), element)

    def __iter__(self):
        return iter(engine.collection_keys(dereference(self._ptr())))

    def add(self, element):
        """Add an element."""
        engine.set_add(dereference(self._ptr()), element)

    def discard(self, element):
        """Remove an element, if it is there."""
        engine.collection_remove(dereference(self._ptr()), element)

    def clear(self):
        """Remove all elements."""
        engine.collection_clear(dereference(self._ptr()))

    def _ipython_key_completions_(self):
        return []

    def __repr__(self):
        return f"<JSSet {self._label()}>"

    def __and__(self, other):
        return set(self) & set(other)

    def __or__(self, other):
        return set(self) | set(other)

    def __sub__(self, other):
        return set(self) - set(other)

    def __xor__(self, other):
        return set(self) ^ set(other)

    def __rand__(self, other):
        return set(other) & set(self)

    def __ror__(self, other):
        return set(other) | set(self)

    def __rsub__(self, other):
        return set(other) - set(self)

    def __rxor__(self, other):
        return set(other) ^ set(self)

    def __eq__(self, other):
        return JSValue.__eq__(self, other)

    def __hash__(self):
        return JSValue.__hash__(self)

    def __le__(self, other):
        return set(self) <= set(other)

    def __lt__(self, other):
        return set(self) < set(other)

    def __ge__(self, other):
        return set(self) >= set(other)

    def __gt__(self, other):
        return set(self) > set(other)

    isdisjoint = _MutableSet.isdisjoint
    pop = _MutableSet.pop
    remove = _MutableSet.remove


_MutableSet.register(JSSet)
