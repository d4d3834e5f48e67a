# Promises.


@cython.no_gc_clear
cdef class JSPromise(JSObject):
    """A JavaScript promise. ``await promise`` on an asyncio loop gives its value, or raises what it was rejected with.

    See V8's ``include/v8-promise.h``.
    """

    @property
    def state(self):
        """``"pending"``, ``"fulfilled"`` or ``"rejected"``: str."""
        cdef engine.PromiseState state = engine.promise_state(dereference(self._ptr()))
        if state == engine.PromiseState.kPending:
            return "pending"
        return "fulfilled" if state == engine.PromiseState.kFulfilled else "rejected"

    def result(self):
        """Its value, where it is fulfilled.

        Returns
        -------
        object
            Converted.

        Raises
        ------
        PromisePendingError
            Where it is neither fulfilled nor rejected yet.
        JSError
            What it was rejected with. Where that is an exception of a Python callable, the exception itself.
        ClosedError
        """
        return engine.promise_result(dereference(self._ptr()))

    def __await__(self):
        from v8snap import promises
        return promises.wait(self).__await__()

    @property
    def _home(self):
        """Its context."""
        return self._context

    @property
    def _isolate(self):
        return self._context._isolate

    def _when_settled(self, done):
        engine.promise_when_settled(dereference(self._ptr()), done)

    def _resolve(self, value):
        engine.resolve_promise(dereference(self._ptr()), value)

    def _reject(self, exception):
        engine.reject_promise(dereference(self._ptr()), exception)

    def __repr__(self):
        return f"<JSPromise {self._label().removeprefix('Promise ')}>"


def _report_rejection(Context context, error):
    """For the engine."""
    hook = context._isolate._rejection_hook
    if hook is None:
        from v8snap.promises import report_rejection as hook
    hook(error)
