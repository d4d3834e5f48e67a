// A context: one global object in an isolate.
#pragma once

#include <Python.h>

#include <memory>
#include <string>

#include "v8snap/script.hpp"
#include "v8snap/value.hpp"

namespace v8snap {

// The isolate must outlive it. Methods need the GIL, release it while JavaScript runs, return new references and
// throw Error or PythonError.
class Context {
 public:
  virtual ~Context() = default;

  // The Python object that owns this one, borrowed: proxies keep it alive. Set once, right after creation.
  // Its `_finder_for(importer)` gives for an import() what import_module() gets as `resolve`, with a method `keep()`
  // that is called when the modules are linked.
  virtual void set_owner(PyObject* owner) = 0;
  virtual bool closed() const = 0;
  // Idempotent. Values got from it are closed too; JavaScript that is running in it may finish.
  virtual void close() = 0;

  // Compiles and runs a classic script. `timeout` in seconds; 0 or less means none.
  virtual PyObject* eval(PyObject* source, PyObject* name, double timeout) = 0;
  virtual PyObject* globals() = 0;
  // `cached_data` is what Script::code_cache() gave, or null; `eager` compiles all functions, and needs it to be null.
  virtual std::unique_ptr<Script> compile(PyObject* source, PyObject* name, PyObject* cached_data, bool eager) = 0;
  virtual PyObject* run(Script& script, double timeout) = 0;
  // An ES module graph, evaluated; its namespace object. `resolve(specifier, importer)` gives each import's source.
  virtual PyObject* import_module(PyObject* source, PyObject* name, PyObject* resolve, double timeout) = 0;
  // Names of the ES modules that it has, a list of str; those of JSON modules aren't among them.
  virtual PyObject* module_names() = 0;
  // Deep conversion of Python data to JavaScript, as a proxy or primitive.
  virtual PyObject* to_js(PyObject* object) = 0;
  // Data attached to this context in the snapshot; null without an error where there is none (any more).
  virtual PyObject* data(size_t index) = 0;
};

}  // namespace v8snap
