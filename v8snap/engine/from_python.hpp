// Python objects on their way to V8.
#pragma once

#include "conversion.hpp"

namespace v8snap {

class JsonText;

// Converts one object after the other, containers with one question to V8 for each element: what anything can be
// converted with. The same container gives the same object each time.
class FromPython {
 public:
  explicit FromPython(ContextImpl& context);

  // May run Python code, which may change whatever contains it.
  v8::Local<v8::Value> convert(PyObject* object);

  // What is neither a primitive, a proxy nor a container: either a value, or another object to convert in its place.
  struct Other {
    PyRef source;
    v8::Local<v8::Value> value;
    PyRef instead;
  };
  // May run Python code.
  Other other(PyObject* object);
  // What other() is to give now, one after the other, for the same objects: it was converted already.
  void repeat(std::vector<Other> others) { repeated_ = std::move(others); }

  v8::Local<v8::Value> integer(PyObject* object) const;
  v8::Local<v8::Value> proxied(ValueImpl& value) const;
  static bool is_bigint(PyObject* object);
  static bool is_set(PyObject* object);
  // A dict's key as a string of Python's.
  static PyRef key(PyObject* object);
  // How many elements a container has; throws where they are more than V8 can hold.
  static Py_ssize_t checked_length(PyObject* container);
  // After each property that was defined: throws where it wasn't, or memory ran out.
  void put(v8::Maybe<bool> done) const;

  // Containers that it has made: asked before one is made here.
  void set_text(JsonText* text) { text_ = text; }

  ContextImpl& context() const { return context_; }
  v8::Isolate* isolate() const { return isolate_; }
  v8::Local<v8::Context> local() const { return local_; }

 private:
  struct Seen {
    v8::Local<v8::Object> object;
    PyRef source;  // its address is the key: nothing else may get it
  };

  void adapt(Other& other);
  v8::Local<v8::Value> container(PyObject* object, void (FromPython::*fill)(PyObject*, v8::Local<v8::Object>));
  void fill_array(PyObject* sequence, v8::Local<v8::Object> into);
  void fill_object(PyObject* dict, v8::Local<v8::Object> into);
  void fill_set(PyObject* set, v8::Local<v8::Object> into);

  ContextImpl& context_;
  v8::Isolate* isolate_;
  v8::Local<v8::Context> local_;
  std::unordered_map<PyObject*, Seen> seen_;
  std::vector<Other> repeated_;
  size_t next_repeated_ = 0;
  JsonText* text_ = nullptr;
  uint32_t values_ = 0;
};

}  // namespace v8snap
