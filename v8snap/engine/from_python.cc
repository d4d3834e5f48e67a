// Python objects for V8.
#include "from_python.hpp"

#include "json_text.hpp"
#include "primitive.hpp"

namespace v8snap {

namespace {

v8::Local<v8::Value> int_to_v8(v8::Isolate* isolate, v8::Local<v8::Context> context, PyObject* object, bool as_bigint) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (number == -1 && PyErr_Occurred() != nullptr) throw PythonError();
  if (overflow == 0) {
    const bool safe = number >= -static_cast<long long>(kMaxSafe) && number <= static_cast<long long>(kMaxSafe);
    if (as_bigint || !safe) return v8::BigInt::New(isolate, number);
    return v8::Number::New(isolate, static_cast<double>(number));
  }
  // int's own, which gives an int of no other class, whose methods could be anything.
  PyRef magnitude = checked(PyLong_Type.tp_as_number->nb_absolute(object));
  PyRef bits = checked(PyObject_CallMethod(magnitude.get(), "bit_length", nullptr));
  const size_t words = (PyLong_AsSize_t(bits.get()) + 63) / 64;
  constexpr size_t kMostWords = (size_t{1} << 30) / 64;  // V8's longest BigInt, and ToWordsArray's int
  if (words > kMostWords) throw_conversion("the int is longer than a BigInt can be");
  PyRef bytes =
      checked(PyObject_CallMethod(magnitude.get(), "to_bytes", "ns", static_cast<Py_ssize_t>(words * 8), "little"));
  v8::Local<v8::BigInt> result;
  v8::TryCatch caught(isolate);
  std::vector<uint64_t> aligned(words);
  std::copy_n(PyBytes_AS_STRING(bytes.get()), words * 8, reinterpret_cast<char*>(aligned.data()));
  if (!v8::BigInt::NewFromWords(context, overflow < 0 ? 1 : 0, static_cast<int>(words), aligned.data())
           .ToLocal(&result)) {
    throw_conversion("the int is longer than a BigInt can be");
  }
  return result;
}

// Their buffers are bytes without a meaning.
bool is_numpy_time(PyObject* object) {
  const std::string type = Py_TYPE(object)->tp_name;
  return type == "numpy.datetime64" || type == "numpy.timedelta64";
}

bool is_buffer(PyObject* object) { return PyObject_CheckBuffer(object) && !is_numpy_time(object); }

}  // namespace

// Not the context's own handle: a callback may have closed the context that it was called in.
FromPython::FromPython(ContextImpl& context)
    : context_(context), isolate_(context.isolate().v8), local_(isolate_->GetCurrentContext()) {}

v8::Local<v8::Value> FromPython::convert(PyObject* object) {
  if (++values_ % kBreath == 0) take_breath(context_);
  if (object == Py_None) return v8::Null(isolate_);
  if (object == proxy_hooks().undefined) return v8::Undefined(isolate_);
  if (PyBool_Check(object)) return v8::Boolean::New(isolate_, object == Py_True);
  if (PyUnicode_Check(object)) return string_from_python(isolate_, object);
  if (PyFloat_Check(object)) return v8::Number::New(isolate_, PyFloat_AS_DOUBLE(object));
  if (PyLong_Check(object)) return integer(object);
  if (Value* value = proxy_hooks().find(object)) return proxied(static_cast<ValueImpl&>(*value));
  if (PyDict_Check(object)) return container(object, &FromPython::fill_object);
  if (PyList_Check(object) || PyTuple_Check(object)) return container(object, &FromPython::fill_array);
  if (is_set(object)) return container(object, &FromPython::fill_set);
  const Other made = other(object);
  return made.instead ? convert(made.instead.get()) : made.value;
}

v8::Local<v8::Value> FromPython::integer(PyObject* object) const {
  return int_to_v8(isolate_, local_, object, is_bigint(object));
}

bool FromPython::is_set(PyObject* object) {
  return PyAnySet_Check(object) && !PyObject_CheckBuffer(object) && PyCallable_Check(object) == 0;
}

FromPython::Other FromPython::other(PyObject* object) {
  if (next_repeated_ < repeated_.size() && repeated_[next_repeated_].source.get() == object) {
    return std::move(repeated_[next_repeated_++]);
  }
  Other made{PyRef::borrow(object), {}, PyRef()};
  if (is_buffer(object)) {
    made.value = from_buffer(context_, object);
  } else if (PyCallable_Check(object) != 0) {
    made.value = function_from_callable(context_, object);
  } else if (PyIndex_Check(object)) {
    made.instead = PyRef(PyNumber_Index(object));
    end_forked_child(context_.isolate());
    if (!made.instead) throw PythonError();
  } else {
    adapt(made);
  }
  return made;
}

// What v8snap/conversion.py makes of it: milliseconds for a date, or something else to convert.
void FromPython::adapt(Other& other) {
  check_native_stack();
  PyObject* owner = context_.owner() == nullptr ? Py_None : context_.owner();
  PyRef made(PyObject_CallFunctionObjArgs(proxy_hooks().adapt, owner, other.source.get(), nullptr));
  end_forked_child(context_.isolate());
  if (!made) throw PythonError();
  const char* kind;
  PyObject* content;
  if (PyArg_ParseTuple(made.get(), "sO", &kind, &content) == 0) throw PythonError();
  const std::string is = kind;
  if (is == "date") {
    if (!v8::Date::New(local_, PyFloat_AsDouble(content)).ToLocal(&other.value)) throw_conversion("V8 made no Date");
  } else if (is == "value") {
    other.instead = PyRef::borrow(content);
  } else {
    throw_conversion(std::string("no JavaScript value for Python's ") + Py_TYPE(other.source.get())->tp_name);
  }
}

bool FromPython::is_bigint(PyObject* object) {
  return PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject*>(proxy_hooks().bigint_type));
}

v8::Local<v8::Value> FromPython::proxied(ValueImpl& value) const {
  if (&value.isolate() != &context_.isolate()) {
    throw Error(ErrorCode::kWrongIsolate, "this JavaScript value belongs to another isolate");
  }
  if (&value.context() != &context_) context_.isolate().contexts_mixed = true;
  return value.local();
}

Py_ssize_t FromPython::checked_length(PyObject* container) {
  constexpr Py_ssize_t kMostElements = Py_ssize_t{1} << 26;  // V8 dies of the memory for more
  const Py_ssize_t length = PyDict_Check(container)     ? PyDict_GET_SIZE(container)
                            : PyAnySet_Check(container) ? PySet_GET_SIZE(container)
                                                        : PySequence_Fast_GET_SIZE(container);
  if (length > kMostElements) throw_conversion("too many elements for one JavaScript object");
  return length;
}

v8::Local<v8::Value> FromPython::container(PyObject* object,
                                           void (FromPython::*fill)(PyObject*, v8::Local<v8::Object>)) {
  check_native_stack();
  auto known = seen_.find(object);
  if (known != seen_.end()) return known->second.object;
  v8::Local<v8::Object> result;
  if (text_ != nullptr && text_->find(object).ToLocal(&result)) return result;
  constexpr Py_ssize_t kMostReserved = Py_ssize_t{1} << 20;
  const Py_ssize_t length = checked_length(object);
  if (PyDict_Check(object)) {
    result = v8::Object::New(isolate_);
  } else if (PyAnySet_Check(object)) {
    result = v8::Set::New(isolate_);
  } else {
    result = v8::Array::New(isolate_, static_cast<int>(std::min(length, kMostReserved)));
  }
  seen_.emplace(object, Seen{result, PyRef::borrow(object)});
  (this->*fill)(object, result);
  return result;
}

void FromPython::fill_array(PyObject* sequence, v8::Local<v8::Object> into) {
  // Converting an element may run Python code that changes a list: it is asked anew each time.
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); ++i) {
    PyRef item = PyRef::borrow(PySequence_Fast_GET_ITEM(sequence, i));
    put(into->CreateDataProperty(local_, static_cast<uint32_t>(i), convert(item.get())));
  }
}

void FromPython::fill_object(PyObject* dict, v8::Local<v8::Object> into) {
  PyRef items = checked(PyDict_Items(dict));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i) {
    PyObject* pair = PyList_GET_ITEM(items.get(), i);
    v8::Local<v8::Name> name = string_from_python(isolate_, key(PyTuple_GET_ITEM(pair, 0)).get());
    put(into->CreateDataProperty(local_, name, convert(PyTuple_GET_ITEM(pair, 1))));
  }
}

void FromPython::fill_set(PyObject* set, v8::Local<v8::Object> into) {
  PyRef elements = checked(PySequence_List(set));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(elements.get()); ++i) {
    v8::Local<v8::Value> element = convert(PyList_GET_ITEM(elements.get(), i));
    put(v8::Just(!into.As<v8::Set>()->Add(local_, element).IsEmpty()));
  }
}

void FromPython::put(v8::Maybe<bool> done) const {
  if (std::exchange(context_.isolate().over_heap_limit, false)) {
    throw Error(ErrorCode::kMemory, "the converted data reached the heap limit");
  }
  if (!done.FromMaybe(false)) throw Error(ErrorCode::kInternal, "V8 refused a property of a new object");
}

PyRef FromPython::key(PyObject* object) {
  if (PyUnicode_Check(object)) return PyRef::borrow(object);
  if (PyLong_Check(object) && !PyBool_Check(object)) return checked(PyObject_Str(object));
  throw_conversion(std::string("a dict key must be str or int to become a property, not ") + Py_TYPE(object)->tp_name);
}

v8::Local<v8::Value> from_python(ContextImpl& context, PyObject* object) {
  v8::Local<v8::Value> primitive;
  if (primitive_from_python(context.isolate().v8, object, &primitive)) return primitive;
  if (context.isolate().short_of_memory) context.isolate().check_limits();
  context.isolate().over_heap_limit = false;
  FromPython one_by_one(context);
  if (PyDict_Check(object) || PyList_Check(object) || PyTuple_Check(object)) {
    v8::Local<v8::Value> result;
    JsonText text(one_by_one);
    if (text.convert(object).ToLocal(&result)) return result;
    one_by_one.repeat(text.take_others());
  }
  return one_by_one.convert(object);
}

}  // namespace v8snap
