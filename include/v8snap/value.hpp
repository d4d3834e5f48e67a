// A JavaScript object, function or symbol that Python holds.
#pragma once

#include <Python.h>

#include <memory>

namespace v8snap {

enum class ValueKind : int { kObject = 0, kArray, kFunction, kSymbol };

// All methods need the GIL, may run JavaScript (the GIL is released meanwhile), return new references and throw
// Error or PythonError. An object belongs to the Context it was got from, which must outlive it.
// The destructor may run on any thread: the handle is handed back to V8 at the isolate's next use.
class Value {
 public:
  virtual ~Value() = default;

  virtual ValueKind kind() const = 0;
  virtual bool closed() const = 0;

  // Property `key` (str, int or a symbol's proxy). Null without an error where there is no such property.
  virtual PyObject* get(PyObject* key) = 0;
  virtual void set(PyObject* key, PyObject* value) = 0;
  // False where there was nothing to delete. A property that can't be deleted throws kJs (TypeError).
  virtual bool remove(PyObject* key) = 0;
  virtual bool has(PyObject* key) = 0;
  // Own enumerable keys with string names, as a list of str; an array's indices are among them.
  virtual PyObject* keys() = 0;
  // Array length, or the number of keys().
  virtual Py_ssize_t length() = 0;
  virtual void set_length(Py_ssize_t length) = 0;

  // `receiver` may be null: `this` is then undefined. `arguments` is a tuple.
  virtual PyObject* call(Value* receiver, PyObject* arguments) = 0;
  virtual PyObject* construct(PyObject* arguments) = 0;

  // A deep copy as Python objects; see convert.cc for the rules.
  virtual PyObject* to_py() = 0;
  // What it is in a word, without running JavaScript: constructor's or function's name, a symbol's description.
  virtual PyObject* describe() = 0;
  virtual bool strict_equals(Value& other) = 0;
  virtual int identity_hash() = 0;
};

// How the engine makes and recognises Python's proxies; both are given once by the Cython module.
// make: takes ownership of `value`; `context` is the Python Context it belongs to. Null with an error set on failure.
// find: the Value behind a proxy, or null where `object` is none (no error is set).
struct ProxyHooks {
  PyObject* (*make)(PyObject* context, Value* value);
  Value* (*find)(PyObject* object);
  PyObject* undefined;    // the `undefined` singleton, borrowed for good
  PyObject* bigint_type;  // v8snap.BigInt, borrowed for good
  PyObject* js_error;     // v8snap.JSError, borrowed for good
};
void set_proxy_hooks(const ProxyHooks& hooks);

}  // namespace v8snap
