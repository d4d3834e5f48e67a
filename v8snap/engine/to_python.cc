// Values of V8's for Python: primitives and dates by value, all else as a proxy.
#include <cmath>

#include "conversion.hpp"

namespace v8snap {

namespace {

ProxyHooks g_hooks{};

}  // namespace

void set_proxy_hooks(const ProxyHooks& hooks) { g_hooks = hooks; }
const ProxyHooks& proxy_hooks() { return g_hooks; }

PyObject* double_to_python(double number) {
  const bool is_integer = number == std::trunc(number) && std::abs(number) <= kMaxSafe;
  if (is_integer && !(number == 0 && std::signbit(number))) return PyLong_FromLongLong(static_cast<long long>(number));
  return PyFloat_FromDouble(number);
}

// An int outside the safe range, where it can't be mistaken for a number; v8snap.BigInt inside it.
PyObject* bigint_to_python(const uint64_t* words, int count, bool negative) {
  PyRef bytes = checked(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(words),
                                                  static_cast<Py_ssize_t>(count) * Py_ssize_t{sizeof(uint64_t)}));
  PyRef result = checked(
      PyObject_CallMethod(reinterpret_cast<PyObject*>(&PyLong_Type), "from_bytes", "Os", bytes.get(), "little"));
  if (negative) result = checked(PyNumber_Negative(result.get()));
  const bool safe = count == 0 || (count == 1 && words[0] <= static_cast<uint64_t>(kMaxSafe));
  if (!safe) return result.release();
  return checked(PyObject_CallOneArg(g_hooks.bigint_type, result.get())).release();
}

static PyObject* bigint_to_python(v8::Local<v8::BigInt> bigint) {
  int sign = 0;
  int count = bigint->WordCount();
  std::vector<uint64_t> words(static_cast<size_t>(count));
  bigint->ToWordsArray(&sign, &count, words.data());
  return bigint_to_python(words.data(), count, sign != 0);
}

PyObject* primitive_to_python(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value->IsUndefined()) return Py_NewRef(g_hooks.undefined);
  if (value->IsNull()) return Py_NewRef(Py_None);
  if (value->IsBoolean()) return PyBool_FromLong(value->IsTrue() ? 1 : 0);
  if (value->IsInt32()) return PyLong_FromLong(value.As<v8::Int32>()->Value());
  if (value->IsNumber()) return double_to_python(value.As<v8::Number>()->Value());
  if (value->IsString()) return string_to_python(isolate, value.As<v8::String>());
  if (!value->IsBigInt()) return Py_NewRef(g_hooks.undefined);  // see is_value()
  return bigint_to_python(value.As<v8::BigInt>());
}

PyRef date_to_python(double milliseconds) {
  if (std::isnan(milliseconds)) return PyRef();
  PyRef number = checked(PyFloat_FromDouble(milliseconds));
  PyRef made = checked(PyObject_CallOneArg(g_hooks.datetime_from_milliseconds, number.get()));
  return made.get() == Py_None ? PyRef() : std::move(made);
}

PyObject* data_to_python(ContextImpl& context, v8::MaybeLocal<v8::Data> data) {
  v8::Local<v8::Data> found;
  if (!data.ToLocal(&found) || !found->IsValue()) return nullptr;
  return to_python(context, found.As<v8::Value>());
}

PyObject* to_python(ContextImpl& context, v8::Local<v8::Value> value, PyObject* receiver) {
  if (value->IsInt32()) return checked(PyLong_FromLong(value.As<v8::Int32>()->Value())).release();
  if (is_primitive(value)) return checked(primitive_to_python(context.isolate().v8, value)).release();
  if (value->IsDate()) {
    if (PyRef date = date_to_python(value.As<v8::Date>()->ValueOf())) return date.release();
  }
  if (context.owner() == nullptr) throw Error(ErrorCode::kInternal, "a context without its Python object");
  if (!value->IsFunction()) receiver = nullptr;
  const int hash = identity_hash_of(value);
  PyObject* known = context.isolate().find_proxy(context, value, hash, receiver);
  if (known != nullptr) return Py_NewRef(known);
  return checked(g_hooks.make(context.owner(), new ValueImpl(context, value, hash, receiver), receiver)).release();
}

bool is_value(v8::Local<v8::Value> value) {
  return value->IsNullOrUndefined() || value->IsBoolean() || value->IsNumber() || value->IsName() ||
         value->IsBigInt() || value->IsObject();
}

ValueKind kind_of(v8::Local<v8::Value> value) {
  if (value->IsSymbol()) return ValueKind::kSymbol;
  if (value->IsFunction()) return ValueKind::kFunction;
  if (value->IsArray()) return ValueKind::kArray;
  if (value->IsMap()) return ValueKind::kMap;
  if (value->IsSet()) return ValueKind::kSet;
  if (value->IsPromise()) return ValueKind::kPromise;
  if (value->IsArrayBufferView()) return ValueKind::kTypedArray;
  if (value->IsArrayBuffer() || value->IsSharedArrayBuffer()) return ValueKind::kArrayBuffer;
  if (is_array(value)) return ValueKind::kArray;  // a Proxy of one
  return ValueKind::kObject;
}

PyObject* IsolateImpl::find_proxy(const ContextImpl& context, v8::Local<v8::Value> value, int hash,
                                  PyObject* receiver) const {
  auto [first, last] = proxies.equal_range(hash);
  for (; first != last; ++first) {
    PyObject* proxy = first->second->proxy();
    if (first->second->is(context, value, receiver) && Py_REFCNT(proxy) > 0) return proxy;  // 0: on its way out
  }
  return nullptr;
}

void take_breath(ContextImpl& context) {
  {
    GilRelease others_first;
  }
  const bool raised = PyErr_CheckSignals() < 0;
  end_forked_child(context.isolate());
  if (raised) throw PythonError();
}

void take_breath_in_run(ContextImpl& context) {
  take_breath(context);
  if (context.isolate().stop_reason != StopReason::kNone) throw Pending();
}

PyObject* to_python_deep(ContextImpl& context, v8::Local<v8::Value> value) {
  v8::TryCatch caught(context.isolate().v8);
  bool failed = false;
  std::exception_ptr error;
  PyRef result;
  {
    // The GIL is kept: building Python objects takes more of the time than any getter.
    RunScope scope(context, 0, Gil::kHold);
    try {
      result = quick_copy(context, value);
      if (!result) result = slow_copy(context, value);
    } catch (const Pending&) {
      failed = true;
    } catch (...) {
      error = std::current_exception();
    }
  }
  if (error != nullptr) {
    forget_stop(context);
    std::rethrow_exception(error);
  }
  check_run(context, caught, failed);
  return result.release();
}

}  // namespace v8snap
