// What host objects and CommonJS modules need of a context besides running scripts in it.
#pragma once

#include <Python.h>

#include "v8snap/context.hpp"

namespace v8snap {

// All of them need the GIL, release it while JavaScript runs, and throw Error or PythonError. The isolate must outlive
// the context.

// A new JavaScript function of a registered name, see IsolateOptions::externals; kExternalReference for any other name.
PyObject* external_function(Context& context, PyObject* name);

// A value that belongs to the context, of which JavaScript sees nothing, and that is in snapshots of it. Null without
// an error where there is none.
PyObject* hidden_value(Context& context, PyObject* name);
void set_hidden_value(Context& context, PyObject* name, PyObject* value);

// A function with parameters of these names (a list of str) whose body is `source`: lines and columns are the source's.
PyObject* compile_function(Context& context, PyObject* source, PyObject* name, PyObject* parameters);

// Takes an ArrayBuffer's memory away from it; false for what is none or can't be detached.
bool detach_buffer(Value& value);

}  // namespace v8snap
