// Promises: their state, what comes of them, and promises that Python settles.
#pragma once

#include <Python.h>

#include "v8snap/context.hpp"
#include "v8snap/value.hpp"

namespace v8snap {

enum class PromiseState : int { kPending = 0, kFulfilled, kRejected };

// Of a Value of kind kPromise. New references; they throw Error or PythonError.
PromiseState promise_state(Value& promise);
// The value of a fulfilled promise; of a rejected one, throws what it was rejected with.
PyObject* promise_result(Value& promise);
// Calls `done()`, a Python callable, in a microtask once the promise is settled. It counts as handled then.
void promise_when_settled(Value& promise, PyObject* done);

// A pending promise, as a proxy.
PyObject* new_promise(Context& context);
// Settle one made by new_promise(). Nothing happens where it is settled already.
void resolve_promise(Value& promise, PyObject* value);
// `exception` is a Python exception, which is an Error to JavaScript.
void reject_promise(Value& promise, PyObject* exception);

}  // namespace v8snap
