# Contexts.


cdef double _checked_timeout(timeout) except? -1:
    """Seconds for the engine, 0 for None."""
    return 0 if timeout is None else min(time_limit.checked(timeout), 1e9)  # infinity too


@cython.no_gc_clear
cdef class Context:
    """A context: one global object, with everything that JavaScript defines in it.

    Made by `Isolate.new_context` or `SnapshotCreator.new_context`. Use it in a ``with`` block, or call `close`.

    See V8's ``include/v8-context.h``.
    """

    cdef unique_ptr[engine.Context] _impl
    cdef Isolate _isolate    # ensures that the isolate is not destroyed before this context
    cdef object _index       # of the snapshot's added context it is; None: the default one
    cdef object _resolve     # where import() finds what no graph of modules knows
    cdef dict _resolvers     # of the graphs, by the names of their modules
    cdef public object _host  # a v8snap.host.natives.ContextHost, where it has host objects
    cdef object __weakref__

    def __init__(self):
        raise TypeError("contexts are made by Isolate.new_context() or SnapshotCreator.new_context()")

    @staticmethod
    cdef Context _adopt(Isolate isolate, unique_ptr[engine.Context] impl, index):
        cdef Context self = Context.__new__(Context)
        self._isolate = isolate
        self._index = index
        self._resolvers = {}
        self._impl = move(impl)
        self._impl.get().set_owner(<PyObject*>self)
        return self

    def __dealloc__(self):
        self._impl.reset()

    cdef engine.Context* _ptr(self) except NULL:
        if self._isolate is None:
            raise ClosedError("this context was never initialised")
        if self._isolate._is_closed():
            raise ClosedError("this context's isolate is closed" if self._isolate._scripts is None else
                              "this context's snapshot creator has ended, or nothing held it any more")
        if self._impl.get().closed():
            raise ClosedError("this context is closed")
        return self._impl.get()

    @property
    def isolate(self):
        """The isolate it belongs to: Isolate."""
        return self._isolate

    @property
    def closed(self):
        """Whether it or its isolate is closed: bool."""
        return self._isolate is None or self._isolate.closed or self._impl.get().closed()

    def close(self):
        """Close it and every value got from it. Closing twice does nothing."""
        if not self.closed:
            self._impl.get().close()
            if self._host is not None:
                self._host.close()

    def __enter__(self):
        self._ptr()
        return self

    def __reduce__(self):
        raise TypeError("a context lives in V8 and can't be copied or pickled")

    def __exit__(self, *exc_info):
        self.close()

    async def eval_async(self, str source not None, name="<eval>", *, timeout=None):
        """Run a classic script without holding up the asyncio loop, and await what it gives if that is a promise.

        The script runs in another thread, of the loop's default executor; in a snapshot creator, which belongs to its
        thread, in this one. Awaitables that Python functions give it become promises that settle on this loop.
        Cancelling it terminates the script if it still runs, and cancels the tasks of those awaitables, whose
        promises are rejected.

        Parameters
        ----------
        source, name : str
            As `eval`.
        timeout : float, optional
            Seconds for all of it.

        Returns
        -------
        object
            The value of its last expression, or of the promise that this is, converted.

        Raises
        ------
        asyncio.CancelledError
        JSError, JSTimeoutError, JSTerminatedError, JSMemoryError, ClosedError, WrongThreadError
            As `eval`.
        """
        from v8snap import promises
        return await promises.call_async(self, lambda: self.eval(source, name), timeout)

    def _new_promise(self):
        """A pending promise, for Python to settle."""
        return engine.new_promise(dereference(self._ptr()))

    def eval(self, str source not None, name="<eval>", *, timeout=None):
        """Run a classic script.

        Parameters
        ----------
        source : str
        name : str
            For stack traces.
        timeout : float, optional
            Seconds after which it is stopped.

        Returns
        -------
        object
            The value of its last expression, converted.

        Raises
        ------
        JSError
            What it threw; also for a syntax error.
        JSTimeoutError, JSTerminatedError, JSMemoryError
            Where it was stopped.
        ClosedError
        WrongThreadError
            In a creator's context on another thread.
        """
        cdef engine.Context* impl = self._ptr()
        cdef double seconds = _checked_timeout(timeout)
        self._know_frames_of(source)
        result = impl.eval(source, str(name), seconds)
        self._note_script(str(name), source)
        return result

    cdef _know_frames_of(self, source):
        """Have errors know all their frames' scripts where this one brings a source map."""
        if source_maps.has_inline_map(source):
            self._isolate._know_frames()

    cdef _note_script(self, name, source):
        if self._isolate._scripts is not None:
            encoded = source.encode("utf-8", "surrogatepass")
            digest = hashlib.sha256(encoded).hexdigest()
            script = {"name": name, "size": len(encoded), "sha256": digest}
            if source_maps.has_inline_map(source):
                script["source_map"] = True  # so that isolates know before anything is thrown
            self._isolate._scripts.append(script)

    @property
    def globals(self):
        """The global object: JSObject.

        As in JavaScript, ``let``, ``const`` and ``class`` at a script's top level don't make properties of it.
        """
        return self._ptr().globals()

    def compile(self, str source not None, name="<script>", *, cached_data=None, eager=False):
        """Compile a script without running it.

        Parameters
        ----------
        source : str
        name : str
            For stack traces.
        cached_data : bytes, optional
            What `Script.create_code_cache` gave for the same source. One that doesn't fit is not used
            (`Script.cache_rejected`).
        eager : bool
            Compile every function now (V8's ``kEagerCompile``, ``include/v8-script.h``), for a code cache that has all
            of them. Otherwise V8 compiles a function when it is first called. Without effect on a source that this
            isolate has compiled before, as long as V8 remembers it.

        Returns
        -------
        Script
            For every context of this isolate.

        Raises
        ------
        JSError
            For a syntax error.
        ValueError
            For `cached_data` together with `eager`: the cache says which functions are compiled.
        ClosedError
        """
        cdef engine.Context* impl = self._ptr()
        if eager and cached_data is not None:
            raise ValueError("cached_data says which functions are compiled: eager can't be given with it")
        self._know_frames_of(source)
        code = _open_code_cache(self._isolate, source, cached_data) if cached_data is not None else None
        cdef PyObject* given = NULL
        if code is not None:
            given = <PyObject*>code
        script = Script._adopt(self._isolate, move(impl.compile(source, str(name), given, eager)), source, str(name))
        (<Script>script)._damaged_cache = cached_data is not None and code is None
        (<Script>script)._had_cache = cached_data is not None
        return script

    def import_module(self, str name not None, *, resolve=None, timeout=None):
        """Load an ES module and everything it imports, and evaluate it.

        A context has one module of a name: importing it again gives the same one, unless it failed. Microtasks are
        run to their end, so what a module awaits at its top level has settled.

        Imports with the attribute ``type: "json"`` (``assert`` in V8 10, ``with`` from 11 on) get a module whose
        ``default`` is the parsed source.

        Parameters
        ----------
        name : str
            Given to `resolve`, with no importer. It is the module's ``import.meta.url``.
        resolve : callable | mapping of str to str
            ``resolve(specifier: str, importer: str | None)`` gives a module's source as str, or ``(name, source)``
            where its name is another than the specifier, or None where there is no such module. A mapping holds
            sources by name; ``./`` and ``../`` in a specifier are relative to the importer's name. If not given:
            the context's own (`resolve`). It serves ``import()`` in these modules, too.
        timeout : float, optional
            Seconds after which its evaluation is stopped.

        Returns
        -------
        JSObject
            The module's namespace: its exports.

        Raises
        ------
        ModuleResolveError
            Where a module isn't found.
        JSError
            What a module threw, or a syntax error, or an import of something that isn't exported.
        SnapshotError
            Where it waits at its top level for something that can't come.
        UnserializableError
            In a creator's context, where this build of V8 can't have modules in a snapshot.
        ClosedError
        """
        self._ptr()
        find = self._finder(resolve)
        root_name, source = find(name, None)
        return self._import(root_name, source, find, timeout)

    def _import(self, str name, str source, find, timeout):
        cdef engine.Context* impl = self._ptr()
        cdef double seconds = _checked_timeout(timeout)
        find.loaded[name] = source
        self._know_frames_of(source)
        namespace = impl.import_module(source, name, find, seconds)
        find.keep()
        return namespace

    def _finder(self, resolve):
        """What finds the modules of one graph; it notes those that are new."""
        resolve = self._resolve if resolve is None else resolve
        return modules.Finder(resolve, self._ptr().module_names(), self._know_frames_of, self._keep_modules)

    def _keep_modules(self, loaded, resolve):
        for name, source in loaded.items():
            self._note_script(name, source)
            self._resolvers[name] = resolve

    def _finder_for(self, importer):
        """For the engine: what finds what `importer` imports by ``import()``."""
        return self._finder(self._resolvers.get(importer))

    @property
    def resolve(self):
        """Where ``import()`` in scripts finds modules, and `import_module` without a ``resolve``. Can be set.

        A callable or mapping as `import_module` takes; None, as at first: nowhere.
        """
        return self._resolve

    @resolve.setter
    def resolve(self, resolve):
        modules.check(resolve)
        self._resolve = resolve

    def to_js(self, obj):
        """Convert Python data deeply: dicts and other mappings to objects, lists and tuples to arrays, sets to Sets.

        Callables become functions; datetimes Dates, to the millisecond, where a naive one is in local time and a date
        midnight in UTC; awaitables promises, where an asyncio loop runs; asynchronous iterables objects for ``for
        await``. Bytes-like objects and arrays become typed arrays with a copy of their elements: 64-bit integers are
        BigInts there, and an array of several dimensions an Array of its rows. An int beyond ±(2**53 - 1) becomes a
        BigInt. Cycles are kept. Lone surrogates survive.

        Returns
        -------
        object
            A proxy of the new object, or the primitive itself.

        Raises
        ------
        ConversionError
            For what has no counterpart.
        WrongIsolateError
            For a value of another isolate.
        """
        return self._ptr().to_js(obj)

    def data(self, which):
        """Fetch a value that was attached to this context in the snapshot (``add_data(..., context=...)``).

        Parameters
        ----------
        which : int | str
            Index or name.

        Returns
        -------
        object
            The value, converted. Each can be fetched once for a context, as V8 has it.

        Raises
        ------
        KeyError
            Where there is no such value, or it was fetched before (a `NotInSnapshotError`).
        ClosedError
        """
        self._ptr()
        snapshot = self._isolate._snapshot
        if snapshot is None:
            raise NotInSnapshotError(f"there is no data {which!r}: this isolate was not started from a snapshot")
        return self._data_at(snapshot._data_index(which, self._index), which)

    def _data_at(self, size_t index, which):
        cdef PyObject* value = self._ptr().data(index)
        if value == NULL:
            raise NotInSnapshotError(f"the snapshot has no data {which!r} for this context, or it was fetched before")
        return _take(value)

    # ------------------------------------------------------------ host objects and CommonJS modules

    @property
    def host(self):
        """The host objects that it has, see `Isolate.new_context`: tuple of str."""
        self._ptr()
        if self._host is None:
            return ()
        from v8snap.host.natives import public_names
        return public_names(self)

    def run_until_idle(self, timeout=None):
        """Run JavaScript's timers as they become due, microtasks, and what V8 queues, until nothing is left that waits.

        It sleeps in between, and then lets other threads use the isolate. Timers that were set while an asyncio loop
        ran are run by that loop; while this runs, by this.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which no further timer is run. One that is running then is stopped, but none within the
            tenth of a second after it began. What was stopped isn't run again.

        Returns
        -------
        bool
            True if nothing waits any more, False if the timeout came first.

        Raises
        ------
        JSError
            What a timer threw. The others still wait: call it again.
        JSTimeoutError, JSTerminatedError, JSMemoryError
            Where a timer or a microtask was stopped. The others still wait.
        ValueError
            For a negative timeout.
        ClosedError, WrongThreadError
        """
        self._ptr()
        from v8snap.host.timers import seconds_until
        timeout = time_limit.checked(timeout, may_be_zero=True)
        end = None if timeout is None else time.monotonic() + timeout
        pause = _LEAST_PAUSE
        while True:
            working = self._isolate.run_pending_tasks(wait=0, timeout=seconds_until(end, self._isolate))
            left = float("inf") if end is None else max(end - time.monotonic(), 0)
            most = min(left, pause) if working else left
            idle = self._run_timers(None if most == float("inf") else most, end)
            if idle and working:
                time.sleep(most)
            elif idle and not self._isolate.run_pending_tasks(wait=0, timeout=seconds_until(end, self._isolate)):
                return True
            if left <= 0:
                return False
            pause = min(2 * pause, _MOST_PAUSE)

    cdef bint _run_timers(self, most, end) except -1:
        """Whether there are none left."""
        return self._host is None or self._host.timers.run_until_idle(most, end)

    def require(self, path, *, root=None):
        """Load a CommonJS module, such as a bundle that npm has, and give what it exports.

        Without `root`, it is one file, which can require nothing else. With it, ``require`` finds what Node.js would
        find in that folder and below: relative paths, folders with an ``index.js`` or a ``package.json`` ("main", and
        "exports" under the conditions "require", "browser" and "default"), packages in ``node_modules``, JSON. Nothing
        outside of the folder can be read, wherever symbolic links point. Modules that belong to Node.js itself ("fs")
        are not there.

        A context has one instance of a module; one that failed is loaded anew the next time. Modules get a frozen
        ``process`` with ``env.NODE_ENV === "production"`` where there is no global one. ``__filename``, and the name in
        stack traces, is the path from `root` on.

        Parameters
        ----------
        path : path-like
            Without `root`: the file. With it: what would be given to ``require`` in a file of that folder, or a path
            from that folder on.
        root : path-like, optional
            A folder. It is remembered for calls of ``require`` that JavaScript makes later; those in a context out of a
            snapshot need it again, for modules that are not in the snapshot.

        Returns
        -------
        object
            ``module.exports``, converted.

        Raises
        ------
        ModuleResolveError
            Where a module isn't found, or isn't to be read. In JavaScript it is an Error whose ``code`` is
            ``"MODULE_NOT_FOUND"``.
        JSError
            What a module threw, or a syntax error.
        ValueError
            For another `root` than this context has.
        OSError
            Where `root` is no folder, or a file can't be read.
        ClosedError, WrongThreadError
        """
        self._ptr()
        from v8snap import commonjs
        return commonjs.require(self, path, root)

    def _call_host(self, name, *arguments, timeout=None):
        """Call a host object's control, see ``host/hub.js``."""
        return self._hidden("v8snap.host")("call", name, *arguments, timeout=timeout)

    def _run(self, str source, str name):
        """Run a script of our own, which doesn't count among those that built a snapshot."""
        return self._ptr().eval(source, name, 0)

    def _hidden(self, str name):
        """A value that JavaScript doesn't see, or None."""
        cdef PyObject* value = engine.hidden_value(dereference(self._ptr()), name)
        return None if value == NULL else _take(value)

    def _set_hidden(self, str name, value):
        engine.set_hidden_value(dereference(self._ptr()), name, value)

    def _external(self, str name):
        """The JavaScript function of one of the isolate's external references."""
        return engine.external_function(dereference(self._ptr()), name)

    def _compile_function(self, str source, str name, list parameters):
        return engine.compile_function(dereference(self._ptr()), source, name, parameters)

    def __repr__(self):
        return "<Context closed>" if self.closed else f"<Context of {self._isolate!r}>"
