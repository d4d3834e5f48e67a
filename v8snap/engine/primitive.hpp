// Python's None, bool, int, float and str to V8, where they are just that: most arguments and results are.
#pragma once

#include "internal.hpp"

namespace v8snap {

// False: it is something else, or an int that a number doesn't hold. Needs no context; throws where the string is too
// long.
inline bool primitive_from_python(v8::Isolate* isolate, PyObject* object, v8::Local<v8::Value>* made) {
  PyTypeObject* const type = Py_TYPE(object);
  if (type == &PyLong_Type) {
    constexpr long long kMaxSafe = (1LL << 53) - 1;
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0 || number > kMaxSafe || number < -kMaxSafe) return false;
    const auto small = static_cast<int32_t>(number);
    *made = small == number ? v8::Local<v8::Value>(v8::Integer::New(isolate, small))
                            : v8::Local<v8::Value>(v8::Number::New(isolate, static_cast<double>(number)));
    return true;
  }
  if (type == &PyUnicode_Type) {
    *made = string_from_python(isolate, object);
  } else if (type == &PyFloat_Type) {
    *made = v8::Number::New(isolate, PyFloat_AS_DOUBLE(object));
  } else if (object == Py_None) {
    *made = v8::Null(isolate);
  } else if (type == &PyBool_Type) {
    *made = v8::Boolean::New(isolate, object == Py_True);
  } else {
    return false;
  }
  return true;
}

}  // namespace v8snap
