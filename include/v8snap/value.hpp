// A JavaScript object, function or symbol that Python holds.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace v8snap {

// kTypedArray: DataViews too. kArrayBuffer: shared ones too.
enum class ValueKind : int {
  kObject = 0,
  kArray,
  kFunction,
  kSymbol,
  kMap,
  kSet,
  kPromise,
  kArrayBuffer,
  kTypedArray,
};

// All methods need the GIL, may run JavaScript (the GIL is released meanwhile), return new references and throw
// Error or PythonError. An object belongs to the Context it was got from, which must outlive it.
// The destructor may run on any thread: the handle is handed back to V8 at the isolate's next use.
class Value {
 public:
  virtual ~Value() = default;

  virtual ValueKind kind() const = 0;
  virtual bool closed() const = 0;
  // The proxy that owns it, borrowed: it is found again for the same JavaScript object. Set once, right after creation.
  virtual void set_proxy(PyObject* proxy) = 0;

  // Property `key` (str, int or a symbol's proxy). Null without an error where there is no such property. A function
  // is given with `receiver`, the proxy it was got from, as its `this`.
  virtual PyObject* get(PyObject* key, PyObject* receiver) = 0;
  virtual void set(PyObject* key, PyObject* value) = 0;
  // False where there was nothing to delete. A property that can't be deleted throws kConversion.
  virtual bool remove(PyObject* key) = 0;
  virtual bool has(PyObject* key) = 0;
  // Own enumerable keys with string names, as a list of str; an array's indices are among them.
  virtual PyObject* keys() = 0;
  // Array length, or the number of keys().
  virtual Py_ssize_t length() = 0;
  // An array's elements from `start` to `stop`, converted: list. Holes are undefined.
  virtual PyObject* elements(Py_ssize_t start, Py_ssize_t stop) = 0;
  // Puts `values` (a tuple), all converted before anything changes, in the place of `removed` elements of an array.
  virtual void splice(Py_ssize_t start, Py_ssize_t removed, PyObject* values) = 0;
  // Own keys and inherited ones up to Object.prototype that are Python identifiers or not, enumerable or not: set of
  // str.
  virtual PyObject* all_names() = 0;
  // What it gives when it is asked for its iterator (`Symbol.iterator`); null without an error where it isn't iterable.
  virtual PyObject* iterator() = 0;
  // The same with `Symbol.asyncIterator`.
  virtual PyObject* async_iterator() = 0;

  // `receiver` may be null: `this` is then undefined. `timeout` in seconds; 0: the isolate's.
  virtual PyObject* call(Value* receiver, PyObject** arguments, Py_ssize_t count, double timeout) = 0;
  virtual PyObject* construct(PyObject** arguments, Py_ssize_t count, double timeout) = 0;

  // A deep copy as Python objects; see slow_copy.cc for the rules.
  virtual PyObject* to_py() = 0;
  // Its beginning for a person to read, in one line that can be written anywhere. Accessors and proxies aren't asked.
  virtual PyObject* preview() = 0;
  // The same with its parts: (text, parts, left_out), where parts is None, or a list of (key, such a tuple) for the
  // first `entries` of them, down to `depth` levels and `values` tuples in all.
  virtual PyObject* outline(uint32_t entries, int depth, size_t values) = 0;
  virtual bool strict_equals(Value& other) = 0;
  virtual int identity_hash() = 0;
};

// How the engine makes and recognises Python's proxies; both are given once by the Cython module.
// make: takes ownership of `value`; `context` is the Python Context it belongs to, `receiver` a function's `this` or
// null. Null with an error set on failure.
// find: the Value behind a proxy, or null where `object` is none (no error is set).
struct ProxyHooks {
  PyObject* (*make)(PyObject* context, Value* value, PyObject* receiver);
  Value* (*find)(PyObject* object);
  PyObject* undefined;    // the `undefined` singleton, borrowed for good
  PyObject* bigint_type;  // v8snap.BigInt, borrowed for good
  PyObject* js_error;     // v8snap.JSError, borrowed for good
  // Functions of v8snap/conversion.py, borrowed for good.
  PyObject* datetime_from_milliseconds;
  PyObject* array_from_bytes;
  PyObject* adapt;
};
void set_proxy_hooks(const ProxyHooks& hooks);

// `this` of the innermost call of Python by JavaScript on this thread; throws kInternal where there is none.
PyObject* current_this();

}  // namespace v8snap
