// Maps and Sets of JavaScript, as what they hold.
#pragma once

#include <Python.h>

#include "v8snap/value.hpp"

namespace v8snap {

// Of a Value of kind kMap or kSet. V8 is asked, never a method that JavaScript may have replaced. New references;
// they throw Error or PythonError.
Py_ssize_t collection_size(Value& collection);
bool collection_has(Value& collection, PyObject* key);
// Null without an error where a Map has no such key.
PyObject* map_get(Value& map, PyObject* key);
void map_set(Value& map, PyObject* key, PyObject* value);
void set_add(Value& set, PyObject* element);
// False where there was nothing to delete.
bool collection_remove(Value& collection, PyObject* key);
void collection_clear(Value& collection);
// A Map's keys, or a Set's elements, in their order: list. At most so many.
PyObject* collection_keys(Value& collection, size_t most);

}  // namespace v8snap
