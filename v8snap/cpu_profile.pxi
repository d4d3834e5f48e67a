# CPU profiles.


@cython.no_gc_clear
cdef class CpuProfile:
    """Where an isolate's JavaScript spends its time, sampled while a ``with`` block runs.

    Made by `Isolate.cpu_profile`.

    ::

        with iso.cpu_profile() as profile:
            ctx.eval("work()")
        profile.save("work.cpuprofile")  # opens in Chrome DevTools

    Whichever thread runs the isolate's JavaScript is sampled. Closing the isolate ends the profile and keeps what was
    collected.

    See V8's ``CpuProfiler`` in ``include/v8-profiler.h``.
    """

    cdef unique_ptr[engine.CpuProfile] _impl
    cdef Isolate _isolate    # ensures that the isolate is not destroyed before this profile
    cdef int _interval       # microseconds
    cdef dict _data

    def __init__(self):
        raise TypeError("CPU profiles are made by Isolate.cpu_profile()")

    @staticmethod
    cdef CpuProfile _make(Isolate isolate, int interval):
        cdef CpuProfile self = CpuProfile.__new__(CpuProfile)
        self._isolate = isolate
        self._interval = interval
        return self

    def __dealloc__(self):
        self._impl.reset()

    def __enter__(self):
        if self._isolate is None or self._impl.get() != NULL:
            raise ValueError("a CPU profile runs once: make another one with Isolate.cpu_profile()")
        self._impl = engine.start_cpu_profile(dereference(self._isolate._ptr()), self._interval)
        return self

    def __exit__(self, *exc_info):
        self._impl.get().stop()

    def __reduce__(self):
        raise TypeError("a CPU profile can't be copied or pickled: save it, or use to_dict()")

    @property
    def running(self):
        """Whether it is collecting samples: bool."""
        return self._impl.get() != NULL and self._impl.get().running()

    cdef dict _ended(self):
        if self._impl.get() == NULL or self._impl.get().running():
            raise ValueError("a CPU profile has its figures when the with block is over")
        if self._data is None:
            self._data = self._impl.get().data()
        return self._data

    @property
    def nodes(self):
        """The call tree: a list of dicts as `to_dict` has them, the root first.

        Raises
        ------
        ValueError
            Where it hasn't run, or is still running.
        """
        return self.to_dict()["nodes"]

    def to_dict(self):
        """The profile in the format of Chrome DevTools.

        Returns
        -------
        dict
            ``nodes``: list of dict with ``id``, ``callFrame`` (``functionName``, ``scriptId``, ``url``, ``lineNumber``
            and ``columnNumber`` from 0), ``hitCount``, and where they are any ``children`` (ids) and ``positionTicks``
            (``line`` from 1, ``ticks``). ``startTime``, ``endTime``: microseconds of the monotonic clock. ``samples``:
            ids, in order. ``timeDeltas``: microseconds from the sample before, or the start. ``(idle)`` stands for the
            time outside the isolate.

        Raises
        ------
        ValueError
            Where it hasn't run, or is still running.
        ForkedIsolateError
            In a child that was forked while it ran.
        """
        return copy.deepcopy(self._ended())

    def save(self, path):
        """Write a ``.cpuprofile`` file, which Chrome DevTools and editors open.

        Parameters
        ----------
        path : path-like
            The old file or the whole new one, whatever happens.

        Raises
        ------
        OSError
            Where it can't be written.
        ValueError
            Where it hasn't run, or is still running.
        """
        text = json.dumps(self._ended(), separators=(",", ":"))
        with file_format.replaced_file(path) as file:
            file.write(text.encode())

    def __repr__(self):
        if self._impl.get() == NULL:
            return "<CpuProfile, not started>"
        return "<CpuProfile, running>" if self.running else "<CpuProfile>"

    def _repr_html_(self):
        from v8snap.notebook import html
        return html.cpu_profile(self)


cdef int _checked_interval(sampling_interval) except -1:
    cdef double seconds = sampling_interval
    if not _LEAST_INTERVAL <= seconds <= _MOST_INTERVAL:
        raise ValueError(f"sampling_interval is a number of seconds from {_LEAST_INTERVAL:g} to {_MOST_INTERVAL:g}")
    return round(seconds * 1e6)


_LEAST_INTERVAL = 5e-5
_MOST_INTERVAL = 10.0
