# Isolates.

@cython.no_gc_clear
cdef class Isolate:
    """Isolate(snapshot=None, *, external_references=None, heap_limit=None, timeout=None, console=None)
--

    An isolate: a JavaScript engine with a heap of its own.

    Any thread may use it; calls from several threads take turns. Use it in a ``with`` block, or call `close`. What
    JavaScript throws where nobody can catch it, in a job of V8's own, goes to `sys.unraisablehook`.

    See V8's ``include/v8-isolate.h``.

    Parameters
    ----------
    snapshot : StartupData | bytes-like, optional
        What to start from; V8's own bare snapshot if not given.
    external_references : mapping of str to callable, optional
        The Python callables that the snapshot refers to by name. More names than it needs do no harm.
    heap_limit : int, optional
        Bytes, those of buffers among them; if not given 1 GiB, and any number of buffers. JavaScript that reaches it is
        stopped with `JSMemoryError`. Texts of scripts that are in the snapshot beside the heap don't count.
    timeout : float, optional
        Seconds after which JavaScript is stopped with `JSTimeoutError`: for each call from Python that has no timeout
        of its own, together with all that it calls.
    console : callable, optional
        See the attribute.

    Raises
    ------
    SnapshotVersionError, SnapshotFlagsError, SnapshotCorruptError
        Where the snapshot isn't for this V8.
    ExternalReferenceError
        Where names that it needs are missing.
    SnapshotConflictError
        Where isolates from another snapshot are open, and this V8 can't have both.
    ForkedIsolateError
        Where V8 was started before this process was forked.
    ValueError
        For a `heap_limit` too small to start with; for external references whose names begin with ``v8snap:``.

    Examples
    --------
    >>> with v8snap.Isolate(heap_limit=64 * 2**20, timeout=1) as iso, iso.new_context() as ctx:
    ...     ctx.eval("[1, 2, 3].map((x) => x * x)")
    <JSArray [1, 4, 9]>
    """

    cdef unique_ptr[engine.Isolate] _impl
    cdef dict _callables     # Python functions and exceptions that JavaScript holds, where the collector sees them
    cdef dict _externals
    cdef object _natives     # what host objects call in Python, a v8snap.host.natives.Natives; made when it is needed
    cdef object _console
    cdef object _snapshot    # what the user gave
    cdef object _blob        # V8 reads from it as long as the isolate lives
    cdef bytes _heap_identity  # of its read-only heap
    cdef dict _data_contexts  # place -> the Context that data of the isolate is fetched in
    cdef bint _taken         # alive already, or a creator's
    cdef list _scripts       # in a creator: what ran, for the blob's header
    cdef frozenset _late_builtins  # in a creator
    cdef object _timeout
    #: callable(JSError), see `on_unhandled_rejection`
    cdef object _rejection_hook
    cdef bint _knows_frames  # errors know their frames' scripts, as some of those have source maps
    cdef object __weakref__

    def __init__(self, snapshot=None, *, external_references=None, heap_limit=None, timeout=None, console=None):
        if self._impl.get() != NULL:
            raise TypeError("an isolate can't be initialised twice")
        cdef engine.IsolateOptions options
        _checked_timeout(timeout)
        self.console = console
        self._fill_options(options, snapshot, external_references, heap_limit)
        conflict = self._start(options)
        if conflict is not None:
            # Isolates that nobody can reach any more may be all that is in the way.
            _collect_garbage()
            conflict = self._start(options)
        if conflict is not None and snapshot is None and engine.read_only_heaps_can_be_alike():
            # V8's own snapshot can't be beside those that are open, but an empty one of ours may.
            empty = _empty_snapshot()
            if empty is not None:
                self._set_blob(options, empty)
                conflict = self._start(options)
        if conflict is not None:
            _name_isolates_in_the_way(conflict)
            raise conflict
        self._taken = True
        self.timeout = timeout
        _open_isolates.add(self)
        if self._snapshot is not None and any(script.get("source_map") for script in self._snapshot.scripts):
            self._know_frames()

    cdef int _know_frames(self) except -1:
        if not self._knows_frames:
            self._ptr().capture_frames()
            self._knows_frames = True
        return 0

    cdef object _start(self, engine.IsolateOptions& options):
        """The SnapshotConflictError where there is one."""
        try:
            self._impl = engine.create_isolate(options)
        except errors.SnapshotConflictError as error:
            return error
        return None

    @staticmethod
    def allocate():
        """An isolate to give to ``SnapshotCreator(isolate=...)``, which initialises and finally closes it.

        Returns
        -------
        Isolate
            Nothing but `close` can be called on it before.
        """
        cdef Isolate self = Isolate.__new__(Isolate)
        self._callables = {}
        self._impl = engine.allocate_isolate()
        return self

    cdef int _fill_options(self, engine.IsolateOptions& options, snapshot, external_references, heap_limit) except -1:
        externals = _as_externals(external_references)
        snapshot = _as_startup_data(snapshot)
        if self._taken:  # while that ran code of the user's
            raise SnapshotError("this isolate was initialised meanwhile")
        self._callables = {}
        self._externals = externals
        self._snapshot = snapshot
        options.heap_limit = _checked_heap_limit(heap_limit, self._snapshot)
        options.callables = <PyObject*>self._callables
        options.externals = <PyObject*>self._externals
        options.on_rejection = <PyObject*>_report_rejection
        options.heap_identity = self._heap_identity = b"default"
        if self._snapshot is not None:
            self._snapshot._check_usable()
            self._snapshot._check_externals(self._externals)
            self._set_blob(options, self._snapshot)
            if self._snapshot._may_have_host_objects():
                self._host_natives()
        return 0

    cdef int _set_blob(self, engine.IsolateOptions& options, blob) except -1:
        cdef const unsigned char[::1] view = blob
        self._blob = blob
        options.blob = <const char*>&view[0]
        options.blob_size = blob._layout.v8_size
        options.texts.clear()
        for start, size, two_byte in blob._layout.texts:
            options.texts.push_back(engine.SourceText(<const char*>&view[0] + <size_t>start, size, two_byte))
        options.blob_rehashable = blob.can_be_rehashed
        options.heap_identity = self._heap_identity = blob._heap_identity
        return 0

    cdef engine.Isolate* _ptr(self) except NULL:
        if self._impl.get() == NULL:
            raise ClosedError("this isolate was never initialised")
        return self._impl.get()

    @property
    def closed(self):
        """Whether the isolate is closed: bool."""
        return self._is_closed()

    cdef bint _is_closed(self) noexcept:
        return self._impl.get() == NULL or self._impl.get().closed()

    def close(self):
        """Close the isolate, its contexts and every value got from it. Closing twice does nothing.

        Raises
        ------
        SnapshotError
            Where it belongs to a snapshot creator that is alive, or is running the JavaScript that called this.
        """
        if self._impl.get() != NULL:
            if not self.closed and self._taken and self._scripts is None:
                self._report_rejections()
            self._impl.get().close()
            if self._impl.get().closed():
                self._data_contexts = None
                self._snapshot = None
                self._blob = None
                if self._natives is not None:
                    self._natives.close()

    cdef _report_rejections(self):
        try:
            self._impl.get().report_rejections()
        except errors.V8SnapError:
            pass  # closing says what is in the way

    def _abandon(self):
        if self._impl.get() != NULL:
            self._impl.get().abandon()

    def __enter__(self):
        if self.closed:
            raise ClosedError("this isolate is closed")
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __reduce__(self):
        raise TypeError("an isolate lives in V8 and can't be copied or pickled: its snapshot can")

    def __dealloc__(self):
        if self._impl.get() != NULL:
            self._impl.get().abandon()
            self._impl.reset()

    def new_context(self, which=None, *, host=()):
        """Make a context.

        Parameters
        ----------
        which : int | str, optional
            An added context of the snapshot, by index or name. If not given: the snapshot's default context.
        host : sequence of str
            What JavaScript finds there besides the language itself, any of ``"console"``, ``"timers"``, ``"encoding"``,
            ``"url"``, ``"structured-clone"``, ``"performance"``, ``"base64"``. Those that a snapshot's context has
            already stay as they are.

        Returns
        -------
        Context
            A fresh copy each time: contexts share nothing but the isolate.

        Raises
        ------
        NotInSnapshotError
            Where the snapshot has no such context. It is an IndexError and a KeyError too.
        ValueError
            For a host object that isn't known.
        ImportError
            For ``"url"`` without the package ada-url (``pip install 'v8snap[host]'``).
        ClosedError
        """
        cdef engine.Isolate* impl = self._ptr()
        names = host_objects.check_names(host)
        if self.closed:
            raise ClosedError("this isolate is closed")
        if which is None:
            return self._with_host(Context._adopt(self, move(impl.new_context()), None), names)
        index = self._context_index(which)
        return self._with_host(Context._adopt(self, move(impl.context_from_snapshot(index)), index), names)

    def _with_host(self, Context context not None, names=()):
        """A new context, in which host objects live: these, and those that it has from a snapshot."""
        if names or self._natives is not None:
            try:
                self._host_natives().start(context, names)
            except BaseException:
                context.close()
                raise
        return context

    def _add_host(self, Context context not None, names):
        """Add host objects to a context that lives already."""
        for name in names:
            self._host_natives().of(context)
            self._natives.add(context, name)
        return context

    def _host_natives(self):
        if self._natives is None:
            from v8snap.host.natives import Natives
            natives = Natives(self)
            if self._natives is None:  # another thread may have made them meanwhile
                self._natives = natives
                self._externals.update(natives.functions)
        return self._natives

    @property
    def console(self):
        """Where the host object ``console`` writes: a callable, or None for `logging`'s ``v8snap.console``.

        It is called as ``console(level: str, message: str)`` with the levels ``debug``, ``log``, ``info``, ``trace``,
        ``warn`` and ``error``. What it raises, JavaScript can catch, as with any Python function. It can be set at any
        time.

        Raises
        ------
        TypeError
            When something else than a callable or None is set.
        """
        return self._console

    @console.setter
    def console(self, sink):
        if sink is not None and not callable(sink):
            raise TypeError(f"console is a callable or None, not {type(sink).__name__}")
        self._console = sink

    def _context_index(self, which):
        if self._snapshot is None:
            raise NotInSnapshotError(f"there is no context {which!r}: this isolate was not started from a snapshot")
        return self._snapshot._context_index(which)

    def data(self, which):
        """Fetch a value that was attached to the snapshot for the isolate (``add_data`` without a context).

        Parameters
        ----------
        which : int | str
            Index or name.

        Returns
        -------
        object
            The value, converted. Each can be fetched once, as V8 has it.

        Raises
        ------
        KeyError
            Where there is no such value, or it was fetched before (a `NotInSnapshotError`).
        ClosedError
        """
        cdef engine.Isolate* impl = self._ptr()
        if self.closed:
            raise ClosedError("this isolate is closed")
        if self._snapshot is None:
            raise NotInSnapshotError(f"there is no data {which!r}: this isolate was not started from a snapshot")
        place, at = self._snapshot._isolate_data_place(self._snapshot._data_index(which, "isolate"))
        cdef size_t index = at
        cdef Context where = self._data_context(place)
        cdef PyObject* value
        if place == _IN_ISOLATE:
            value = impl.data(dereference(where._ptr()), index)
        else:
            value = where._ptr().data(index)
        if value == NULL:
            raise NotInSnapshotError(f"the snapshot has no data {which!r} for the isolate, or it was fetched before")
        return _take(value)

    cdef Context _data_context(self, place):
        """The context that the isolate's data of one place lives in; kept, for V8 gives each value once a context."""
        if self._data_contexts is None:
            self._data_contexts = {}
        cdef Context where = self._data_contexts.get(place)
        if where is None or where.closed:
            if place >= 0:
                where = self._with_host(
                    Context._adopt(self, move(self._ptr().context_from_snapshot(place)), place))
            else:
                where = self._with_host(Context._adopt(self, move(self._ptr().new_context()), None))
            where = self._data_contexts.setdefault(place, where)  # another thread may have put its own in place
        return where

    @property
    def timeout(self):
        """Seconds after which JavaScript is stopped that was called without a timeout: float or None. Can be set."""
        return self._timeout

    @timeout.setter
    def timeout(self, seconds):
        self._ptr().set_timeout(_checked_timeout(seconds))
        self._timeout = seconds

    @property
    def on_unhandled_rejection(self):
        """What is told of promises that were rejected and nobody handles: ``callable(error)``, or None. Can be set.

        It is called once JavaScript's microtasks are done, unless Python has the promise: then when Python lets go of
        it unhandled, or when context or isolate are closed. `error` is a JSError, or the Python exception behind it.
        Where it is None, the exception handler of the running asyncio loop is told, or where there is none, the logger
        ``v8snap``.
        """
        return self._rejection_hook

    @on_unhandled_rejection.setter
    def on_unhandled_rejection(self, hook):
        if hook is not None and not callable(hook):
            raise TypeError(f"on_unhandled_rejection is a callable, or None, not {type(hook).__name__}")
        self._rejection_hook = hook

    def _terminate_thread(self, unsigned long number):
        """`terminate`, where the thread of that number runs it."""
        self._ptr().terminate_thread(number)

    def _visit(self):
        """Enter and leave it, which does what was put off until then."""
        self._ptr().has_open_context()

    @property
    def _is_creators(self):
        """Whether it belongs to a snapshot creator."""
        return self._scripts is not None

    @property
    def _stopped_by(self):
        """What stopped JavaScript last: ``"timeout"``, ``"memory"``, ``"terminated"``, ``"interrupted"``, or None."""
        cdef const char* reason = self._ptr().stopped_by()
        return None if reason == NULL else reason.decode()

    @property
    def _has_open_context(self):
        """Whether a context of it is open."""
        return self._ptr().has_open_context()

    @property
    def _busy(self):
        """Whether a thread is using it."""
        return self._ptr().busy()

    def heap_statistics(self):
        """V8's figures of the whole heap, which notebooks show as a table.

        Returns
        -------
        dict of str to int
            Sizes in bytes, and counts of contexts, by V8's names (``HeapStatistics`` in ``include/v8-statistics.h``):
            ``total_heap_size``, ``total_heap_size_executable``, ``total_physical_size``, ``total_available_size``,
            ``total_global_handles_size``, ``used_global_handles_size``, ``used_heap_size``, ``heap_size_limit``,
            ``malloced_memory``, ``external_memory``, ``peak_malloced_memory``, ``number_of_native_contexts``,
            ``number_of_detached_contexts``.

        Raises
        ------
        ClosedError, ForkedIsolateError, WrongThreadError
        """
        from v8snap.heap_figures import HeapStatistics
        return HeapStatistics(self._ptr().heap_statistics())

    def heap_space_statistics(self):
        """V8's figures of each part of the heap, which notebooks show as a bar.

        Returns
        -------
        list of dict
            ``space_name`` (str) and ``space_size``, ``space_used_size``, ``space_available_size``,
            ``physical_space_size`` (int, bytes), by V8's names (``HeapSpaceStatistics`` in
            ``include/v8-statistics.h``). Which spaces there are depends on V8's version.

        Raises
        ------
        ClosedError, ForkedIsolateError, WrongThreadError
        """
        from v8snap.heap_figures import HeapSpaceStatistics
        return HeapSpaceStatistics(self._ptr().heap_space_statistics())

    def write_heap_snapshot(self, file):
        """Write everything in the heap in V8's ``.heapsnapshot`` format, which Chrome DevTools opens.

        V8 collects garbage first, and needs about as much memory as the heap has. It is written piece by piece; Python
        runs meanwhile, other users of the isolate wait.

        See V8's ``HeapProfiler::TakeHeapSnapshot`` in ``include/v8-profiler.h``.

        Parameters
        ----------
        file : path-like or binary file
            For a path, the old file stays or the whole new one is there, whatever happens. A file needs ``write()``.

        Raises
        ------
        OSError
            Where it can't be written. Whatever else a file's ``write`` raises comes out as well.
        TypeError
            Where `file` is neither.
        ClosedError, ForkedIsolateError, WrongThreadError
        """
        cdef engine.Isolate* impl = self._ptr()
        if isinstance(file, str | os.PathLike):
            if self.closed:
                raise ClosedError("this isolate is closed")
            with file_format.replaced_file(file) as opened:
                impl.write_heap_snapshot(opened.write)
        elif callable(getattr(file, "write", None)):
            impl.write_heap_snapshot(_whole_writer(file))
        else:
            raise TypeError(f"file is a path or a binary file with write(), not {type(file).__name__}")

    def cpu_profile(self, *, sampling_interval=0.001):
        """A CPU profile of what runs in this isolate, to use in a ``with`` block.

        Profiles can be nested. While one runs, V8 has the signal SIGPROF for itself (``signal.setitimer`` with
        ``ITIMER_PROF`` doesn't reach Python then), and each call into the isolate from another thread than the main
        one takes a little longer.

        Parameters
        ----------
        sampling_interval : float
            Seconds from one sample to the next, from 0.00005 to 10.

        Returns
        -------
        CpuProfile
            Entering its block starts it and raises `ClosedError`, `ForkedIsolateError`, `JSMemoryError` where no thread
            can be made to sample with, `SnapshotError` for a snapshot creator's isolate (V8 can't sample it), or
            `V8SnapError` where too many profiles of this isolate are running.

        Raises
        ------
        ValueError
            For another interval.
        ClosedError
        """
        self._ptr()
        if self.closed:
            raise ClosedError("this isolate is closed")
        return CpuProfile._make(self, _checked_interval(sampling_interval))

    def run_pending_tasks(self, *, wait=None, timeout=None):
        """Run what V8 has queued for this isolate, and microtasks, until V8 isn't at work for it in the background.

        Promises of asynchronous WebAssembly (``WebAssembly.instantiate``) settle only here: V8 compiles on threads of
        its own. Finalizers of garbage (``FinalizationRegistry``) run here, too.

        See V8's ``Isolate::HasPendingBackgroundTasks`` in ``include/v8-isolate.h`` and
        ``include/libplatform/libplatform.h``.

        Parameters
        ----------
        wait : float, optional
            Seconds to wait for V8's background work at most; 0 runs only what is queued already. Without limit if not
            given: that work always ends.
        timeout : float, optional
            Seconds after which JavaScript that is run here is stopped.

        Returns
        -------
        bool
            Whether V8 is still at work in the background and will queue more.

        Raises
        ------
        JSTimeoutError, JSTerminatedError, JSMemoryError
            Where what it ran was stopped. What a task throws goes to `sys.unraisablehook`.
        ClosedError, ForkedIsolateError, WrongThreadError
        """
        cdef engine.Isolate* impl = self._ptr()
        cdef double seconds = _checked_timeout(timeout)
        cdef double most = float("inf") if wait is None else time_limit.checked(wait, "wait", may_be_zero=True)
        end = time.monotonic() + most
        cdef Context kept = None
        if not impl.has_open_context():
            kept = self.new_context()
        pause = _LEAST_PAUSE
        while impl.run_pending_tasks(seconds):
            left = end - time.monotonic()
            if left <= 0:
                return True
            time.sleep(min(pause, left))
            pause = min(2 * pause, _MOST_PAUSE)
        return False

    def low_memory_notification(self):
        """Collect garbage as thoroughly as V8 can, and run the finalizers of what it found (``FinalizationRegistry``).

        Those of contexts that are closed may run as well; Python functions raise an error there.

        Raises
        ------
        JSMemoryError, JSTerminatedError
            Where a finalizer was stopped. What one throws goes to `sys.unraisablehook`.
        ClosedError, WrongThreadError
        """
        cdef engine.Isolate* impl = self._ptr()
        cdef Context kept = None
        if not impl.has_open_context():
            kept = self.new_context()  # finalizers of contexts that are closed run as well
        impl.low_memory_notification()

    def terminate(self):
        """Stop the JavaScript that is running, from any thread: its caller gets `JSTerminatedError`.

        Nothing happens where none is running; the isolate stays usable.
        """
        self._ptr().terminate()

    def __repr__(self):
        if self.closed:
            return "<Isolate closed>"
        if self._scripts is not None:
            return "<Isolate of a SnapshotCreator>"
        return f"<Isolate from {self._snapshot!r}>" if self._snapshot is not None else "<Isolate>"


# Seconds between looks for the end of V8's background work.
_LEAST_PAUSE = 0.0001
_MOST_PAUSE = 0.01


_IN_ISOLATE = -2


cdef object _take(PyObject* owned):
    """The object behind a new reference."""
    cdef object result = <object>owned
    Py_XDECREF(owned)
    return result
