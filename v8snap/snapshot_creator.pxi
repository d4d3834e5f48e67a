# SnapshotCreator.


class FunctionCodeHandling(enum.Enum):
    """What happens to compiled functions when a blob is made; V8's ``SnapshotCreator::FunctionCodeHandling``.

    Attributes
    ----------
    CLEAR
        They are dropped, and compiled again when they are first called: smaller blob, slower first call.
    KEEP
        Bytecode of what ran stays in the blob.
    """

    CLEAR = "clear"
    KEEP = "keep"


@cython.no_gc_clear
cdef class SnapshotCreator:
    """SnapshotCreator(*, existing_blob=None, isolate=None, external_references=None, function_code='keep', \
heap_limit=None, rehash=True)
--

    Makes a snapshot: a fresh isolate whose heap, once scripts have run in it, becomes a blob.

    Use it in a ``with`` block. Leaving the block makes the blob (`blob`), unless `create_blob` was called; leaving it
    by an exception makes none, and the exception goes on. It belongs to the thread that made it.

    While a snapshot is built V8 is a smaller engine: no WebAssembly, SharedArrayBuffer or Atomics, stand-ins for its
    newest library functions (`builtin_gap`), and errors have no ``stack`` (`JSError` has one all the same). The
    restored isolate has it all.

    See V8's ``include/v8-snapshot.h``.

    Parameters
    ----------
    existing_blob : StartupData | bytes-like, optional
        A snapshot to build upon. Contexts start as its default context; its added contexts are carried over under
        their indices and names; attached data is dropped, as V8 does, and may be added again.
    isolate : Isolate, optional
        One made by `Isolate.allocate`. It belongs to the creator from now on and is closed with it.
    external_references : mapping of str to callable, or iterable of str, optional
        Python callables that may be in the heap, bound by name. A name alone stands for a callable that is not at
        hand while building.
    function_code : FunctionCodeHandling
    heap_limit : int, optional
        Bytes; looked at after each garbage collection. JavaScript that is over it is stopped with `JSMemoryError`.
    rehash : bool
        Whether V8 makes a new random seed for the heap's hash tables at each load, its guard against strings that are
        chosen to collide. False: isolates start sooner, all with the seed that is in the blob, and can't be open
        together with those of other snapshots. See `StartupData.can_be_rehashed`.

    Raises
    ------
    SnapshotConflictError, SnapshotVersionError, SnapshotFlagsError, ExternalReferenceError, ForkedIsolateError
        As `Isolate`.
    SnapshotError
        For an isolate that wasn't made by `Isolate.allocate` or is used already.

    Examples
    --------
    >>> with v8snap.SnapshotCreator() as sc:
    ...     _ = sc.context.eval("var answer = 42", name="answer.js")
    >>> with v8snap.Isolate(sc.blob) as iso, iso.new_context() as ctx:
    ...     ctx.globals["answer"]
    42
    """

    cdef unique_ptr[engine.SnapshotCreator] _impl
    cdef Isolate _isolate            # ensures that the isolate is not destroyed before its creator
    cdef object _function_code
    cdef bint _rehash
    cdef object _blob
    cdef bint _making                # inside create_blob
    cdef Context _default
    cdef Context _scratch            # where Python data is converted before there is a default context
    cdef list _names                 # of the added contexts, by index
    cdef dict _base_contexts         # index -> Context
    cdef dict _isolate_data          # name -> index
    cdef list _context_data          # (Context, name, index)
    cdef list _places                # (Context, where it is in the blob: "default" or its index as str)
    cdef object __weakref__

    def __init__(self, *, existing_blob=None, isolate=None, external_references=None,
                 function_code=FunctionCodeHandling.KEEP, heap_limit=None, rehash=True):
        if self._impl.get() != NULL:
            raise TypeError("a creator can't be initialised twice")
        if isolate is not None and not isinstance(isolate, Isolate):
            raise TypeError("isolate is an Isolate made by Isolate.allocate()")
        externals = _as_externals(external_references)
        base = _as_startup_data(existing_blob)
        if self._impl.get() != NULL:  # while that ran code of the user's
            raise TypeError("a creator can't be initialised twice")
        self._function_code = FunctionCodeHandling(function_code)
        self._rehash = bool(rehash)
        self._isolate = Isolate.allocate() if isolate is None else isolate
        self._base_contexts = {}
        self._isolate_data = {}
        self._context_data = []
        self._places = []
        if self._isolate.closed:
            raise ClosedError("this isolate is closed")
        if self._isolate._taken:
            raise SnapshotError("a creator takes an isolate made by Isolate.allocate() and used by nobody yet")
        cdef engine.IsolateOptions options
        if base is not None:
            base._check_externals(externals)
        options.prelude = gap.prelude().encode()
        self._isolate._late_builtins = frozenset(gap.late_builtins())
        options.late_builtins = <PyObject*>self._isolate._late_builtins
        self._isolate._fill_options(options, base, externals, heap_limit)
        self._names = [] if base is None else list(base.context_names)
        try:
            self._impl = engine.create_snapshot_creator(
                dereference(self._isolate._ptr()), options, len(self._names))
        except errors.SnapshotConflictError:
            pass
        if self._impl.get() == NULL:
            _collect_garbage()
            try:
                self._impl = engine.create_snapshot_creator(
                    dereference(self._isolate._ptr()), options, len(self._names))
            except errors.SnapshotConflictError as error:
                _name_isolates_in_the_way(error)
                raise
        self._isolate._taken = True
        _open_isolates.add(self._isolate)
        self._isolate._scripts = [] if base is None else [dict(script) for script in base.scripts]

    def __dealloc__(self):
        self._impl.reset()

    cdef engine.SnapshotCreator* _ptr(self) except NULL:
        if self._impl.get() == NULL or self._isolate.closed:
            raise ClosedError("this snapshot creator is closed")
        if self._making:
            raise SnapshotError("the blob is being made: nothing more goes into it")
        return self._impl.get()

    @property
    def isolate(self):
        """The creator's isolate: Isolate. Closing it raises `SnapshotError`; it is closed with the creator."""
        return self._isolate

    @property
    def closed(self):
        """Whether the blob was made, or the creator given up: bool."""
        return self._impl.get() == NULL or self._isolate.closed

    @property
    def context(self):
        """The default context, made at first use: Context. The short way for snapshots with one context."""
        self._ptr()
        if self._default is None:
            self.set_default_context(self.new_context())
        return self._default

    def new_context(self, which=None, *, host=()):
        """Make a context in the creator's isolate.

        Parameters
        ----------
        which : int | str, optional
            An added context of ``existing_blob``, by index or name: it is in the new blob at the same place, with
            what is changed in it now.
        host : sequence of str
            Host objects, which are in the blob then: see `Isolate.new_context`. They work in what is started from it.

        Returns
        -------
        Context

        Raises
        ------
        NotInSnapshotError
            Where the base has no such context.
        ValueError, ImportError
            As `Isolate.new_context`.
        ClosedError, WrongThreadError
        """
        cdef engine.SnapshotCreator* impl = self._ptr()
        if which is None:
            return self._isolate.new_context(host=host)
        names = host_objects.check_names(host)
        cdef size_t index = self._isolate._context_index(which)
        if index not in self._base_contexts:
            self._base_contexts[index] = Context._adopt(self._isolate, move(impl.base_context(index)), index)
            self._places.append((self._base_contexts[index], str(index)))
            self._isolate._with_host(self._base_contexts[index])
        return self._isolate._add_host(self._base_contexts[index], names)

    def set_default_context(self, Context ctx not None):
        """Make `ctx` the blob's default context. Without this, or use of `context`, it is an empty one.

        Raises
        ------
        SnapshotError
            The second time.
        WrongIsolateError
            For a context of another isolate.
        ClosedError, WrongThreadError
        """
        self._ptr().set_default_context(dereference(ctx._ptr()))
        self._default = ctx
        self._places.append((ctx, "default"))

    def add_context(self, Context ctx not None, name=None):
        """Put one more context into the blob.

        Parameters
        ----------
        ctx : Context
        name : str, optional
            Not yet used in this blob.

        Returns
        -------
        int
            Its 0-based index for `Isolate.new_context`; the default context isn't counted.

        Raises
        ------
        SnapshotError
            For a name that is taken.
        WrongIsolateError, ClosedError, WrongThreadError
        """
        cdef engine.SnapshotCreator* impl = self._ptr()
        if name is not None and not isinstance(name, str):
            raise TypeError("a context's name is a str")
        if name is not None and name in self._names:
            raise SnapshotError(f"a context named {name!r} is in this snapshot already")
        index = impl.add_context(dereference(ctx._ptr()))
        self._names.append(name)
        self._places.append((ctx, str(index)))
        return index

    def add_data(self, value, *, Context context=None, name=None):
        """Attach a value to the blob, for `Isolate.data` or, with `context`, for `Context.data`.

        Parameters
        ----------
        value : object
            A JavaScript value of this creator, or Python data, which is converted.
        context : Context, optional
            The default context or an added one.
        name : str, optional
            Not yet used in that scope.

        Returns
        -------
        int
            Index within the isolate's data, or within that context's.

        Raises
        ------
        SnapshotError
            For a name that is taken; when the blob is made, for a context that isn't in it.
        ConversionError, WrongIsolateError, ClosedError, WrongThreadError
        """
        cdef engine.SnapshotCreator* impl = self._ptr()
        cdef Context maker = context if context is not None else self._maker()
        cdef engine.Context* scope = NULL
        if context is not None:
            scope = context._ptr()
        self._check_data_name(context, name)
        index = impl.add_data(scope, dereference(maker._ptr()), value)
        if context is None:
            if name is not None:
                self._isolate_data[name] = index
        else:
            self._context_data.append((context, name, index))
        return index

    def add_module(self, str name not None, str source not None, *, Context context=None, resolve=None, timeout=None):
        """Put an ES module into the blob: compiled, linked with what it imports, and evaluated.

        Its namespace is attached to the context as data of its name, so that ``ctx.data(name)["export"]`` works in
        whatever is started from the blob, without loading anything.

        A snapshot with modules in it can't be rehashed (`StartupData.can_be_rehashed`).

        Parameters
        ----------
        name : str
            Also its ``import.meta.url``. Other modules that import this name get this module.
        source : str
        context : Context, optional
            The default context (`context`) if not given.
        resolve : callable | mapping of str to str, optional
            Where its imports come from, see `Context.import_module`.
        timeout : float, optional
            Seconds after which its evaluation is stopped.

        Returns
        -------
        JSObject
            The module's namespace.

        Raises
        ------
        SnapshotError
            For a name that is taken; where it waits at its top level for something that can't come.
        ModuleResolveError, JSError, JSTimeoutError
            As `Context.import_module`.
        UnserializableError
            Where this build of V8 can't have modules in a snapshot.
        ClosedError, WrongThreadError
        """
        self._ptr()
        cdef Context where = self.context if context is None else context
        self._check_data_name(where, name)
        namespace = where._import(name, source, where._finder(resolve), timeout)
        self.add_data(namespace, context=where, name=name)
        return namespace

    cdef int _check_data_name(self, Context context, name) except -1:
        if name is not None and not isinstance(name, str):
            raise TypeError("the name of data is a str")
        taken = self._isolate_data if context is None else [
            other for owner, other, _ in self._context_data if owner is context]
        if name is not None and name in taken:
            raise SnapshotError(f"data named {name!r} is in this snapshot already")
        return 0

    cdef Context _maker(self):
        if self._default is not None and not self._default.closed:
            return self._default
        if self._scratch is None:
            self._scratch = self._isolate.new_context()
        return self._scratch

    def external(self, str name not None, *, Context context=None):
        """The JavaScript function of a registered name, to be put into the heap.

        While building it calls the registered callable; calling it raises where none is at hand.

        Parameters
        ----------
        name : str
            One of ``external_references``.
        context : Context, optional
            Where the function is made; the default context (`context`) if not given.

        Returns
        -------
        JSFunction

        Raises
        ------
        ExternalReferenceError
            For a name that isn't registered.
        ClosedError, WrongThreadError
        """
        cdef engine.SnapshotCreator* impl = self._ptr()
        cdef Context where = self.context if context is None else context
        return impl.external(dereference(where._ptr()), name)

    def check(self):
        """Look for what can't be in a snapshot, without making one: what `create_blob` would raise for.

        V8's heap profiler is asked, so closures, private fields and entries of maps are searched too; no JavaScript
        runs. On a large heap it takes seconds.

        Returns
        -------
        list of Obstacle
            Empty where nothing was found.

        Raises
        ------
        ClosedError, WrongThreadError
        """
        found = []
        for path, what, index in self._ptr().check():
            context = None if index < 0 else self._names[index] or index
            found.append(Obstacle.of(path, what, context))
        return found

    def create_blob(self, function_code=None, *, metadata=None):
        """Make the blob. It consumes the creator: its isolate, contexts and values are closed after it.

        Parameters
        ----------
        function_code : FunctionCodeHandling, optional
            Instead of the constructor's.
        metadata : JSON-like, optional
            Kept beside the blob, see `StartupData.metadata`.

        Returns
        -------
        StartupData
            Also at `blob`.

        Raises
        ------
        UnserializableError
            Where V8 would die of what is in the heap. The creator is consumed all the same.
        SnapshotError
            While JavaScript of this isolate is running; nothing is consumed then.
        TypeError
            For metadata that isn't JSON-like; nothing is consumed then.
        ClosedError, WrongThreadError
        """
        import json

        from v8snap.startup_data import StartupData

        code = self._function_code if function_code is None else FunctionCodeHandling(function_code)
        metadata = None if metadata is None else json.loads(json.dumps(metadata))
        cdef engine.SnapshotCreator* impl = self._ptr()
        if self._default is None and self._scratch is not None and not self._scratch.closed:
            self.set_default_context(self._scratch)  # an empty one, and what was attached needn't go elsewhere
        self._making = True
        try:
            raw = impl.create_blob(code is FunctionCodeHandling.KEEP, self._rehash)
        finally:
            self._making = False
        of_base = () if self._isolate._snapshot is None else self._isolate._snapshot._header["external_references"]
        header = {
            "start": raw[:file_format.UNCHECKED].hex(),
            "v8_version": v8_version(),
            "build_id": build_id(),
            "flags_hash": flags_hash(),
            "arch": file_format.MACHINE,
            "context_names": list(self._names),
            "isolate_data": dict(self._isolate_data),
            "isolate_data_places": impl.isolate_data_places(),
            "context_data": self._context_data_names(),
            "context_data_counts": self._context_data_counts(),
            "external_references": sorted(set(impl.used_externals()).union(of_base)),
            "metadata": metadata,
            "scripts": list(self._isolate._scripts),
        }
        self._forget()
        self._blob = StartupData._make(raw, header)
        return self._blob

    cdef dict _context_data_names(self):
        names = {}
        for owner, place in self._places:
            names[place] = {name: index for ctx, name, index in self._context_data if ctx is owner and name is not None}
        return names

    cdef dict _context_data_counts(self):
        return {place: sum(ctx is owner for ctx, _, _ in self._context_data) for owner, place in self._places}

    cdef _forget(self):
        self._default = None
        self._scratch = None
        self._base_contexts = {}
        self._context_data = []
        self._places = []
        self._isolate._snapshot = None
        self._isolate._blob = None
        if self._isolate._natives is not None:
            self._isolate._natives.close()

    @property
    def blob(self):
        """The finished snapshot: StartupData.

        Raises
        ------
        SnapshotError
            Before it is made, and where none was made.
        """
        if self._blob is None:
            raise SnapshotError("there is no blob: " + (
                "the creator ended without one" if self.closed else "it is made when the with block is left"))
        return self._blob

    def __enter__(self):
        self._ptr()
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        if self.closed:
            return
        if exc_type is None:
            self.create_blob()
        else:
            self._discard()

    def _discard(self):
        self._ptr().discard()
        self._forget()

    def __repr__(self):
        if self._blob is not None:
            return f"<SnapshotCreator finished: {self._blob!r}>"
        return "<SnapshotCreator closed>" if self.closed else "<SnapshotCreator>"
