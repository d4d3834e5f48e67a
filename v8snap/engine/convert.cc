// Values between Python and V8.
#include <cmath>

#include "internal.hpp"

namespace v8snap {

namespace {

ProxyHooks g_hooks{};

constexpr double kMaxSafe = 9007199254740991.0;  // 2^53 - 1

[[noreturn]] void throw_conversion(const std::string& message) { throw Error(ErrorCode::kConversion, message); }

v8::Local<v8::String> made(v8::MaybeLocal<v8::String> string) {
  v8::Local<v8::String> result;
  if (!string.ToLocal(&result)) throw_conversion("the string is longer than V8 can hold");
  return result;
}

// ---------------------------------------------------------------- V8 to Python

PyObject* double_to_python(double number) {
  const bool is_integer = number == std::trunc(number) && std::abs(number) <= kMaxSafe;
  if (is_integer && !(number == 0 && std::signbit(number))) return PyLong_FromLongLong(static_cast<long long>(number));
  return PyFloat_FromDouble(number);
}

// An int outside the safe range, where it can't be mistaken for a number; v8snap.BigInt inside it.
PyObject* bigint_to_python(v8::Local<v8::BigInt> bigint) {
  int sign = 0;
  int count = bigint->WordCount();
  std::vector<uint64_t> words(static_cast<size_t>(count));
  bigint->ToWordsArray(&sign, &count, words.data());
  PyRef bytes = checked(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(words.data()),
                                                  static_cast<Py_ssize_t>(words.size() * sizeof(uint64_t))));
  PyRef result = checked(
      PyObject_CallMethod(reinterpret_cast<PyObject*>(&PyLong_Type), "from_bytes", "Os", bytes.get(), "little"));
  if (sign != 0) result = checked(PyNumber_Negative(result.get()));
  const bool safe = count == 0 || (count == 1 && words[0] <= static_cast<uint64_t>(kMaxSafe));
  if (!safe) return result.release();
  return checked(PyObject_CallOneArg(g_hooks.bigint_type, result.get())).release();
}

PyObject* primitive_to_python(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value->IsUndefined()) return Py_NewRef(g_hooks.undefined);
  if (value->IsNull()) return Py_NewRef(Py_None);
  if (value->IsBoolean()) return PyBool_FromLong(value->IsTrue() ? 1 : 0);
  if (value->IsInt32()) return PyLong_FromLong(value.As<v8::Int32>()->Value());
  if (value->IsNumber()) return double_to_python(value.As<v8::Number>()->Value());
  if (value->IsString()) return string_to_python(isolate, value.As<v8::String>());
  return bigint_to_python(value.As<v8::BigInt>());
}

bool is_primitive(v8::Local<v8::Value> value) { return !value->IsObject() && !value->IsSymbol(); }

// A datetime, or null without an error: for an invalid date and for one that datetime can't hold.
PyRef date_to_python(v8::Local<v8::Value> value) {
  const double milliseconds = value.As<v8::Date>()->ValueOf();
  if (std::isnan(milliseconds)) return PyRef();
  PyRef number = checked(PyFloat_FromDouble(milliseconds));
  PyRef made = checked(PyObject_CallOneArg(g_hooks.datetime_from_milliseconds, number.get()));
  return made.get() == Py_None ? PyRef() : std::move(made);
}

bool is_buffer(v8::Local<v8::Value> value) {
  return value->IsArrayBuffer() || value->IsArrayBufferView() || value->IsSharedArrayBuffer();
}

// Deep copies: arrays to lists, plain objects and class instances to dicts, Map to dict, Set to set, buffers to bytes
// or array.array; what has no Python data behind it (functions, promises, errors, ...) stays a proxy. Each object is
// copied once: cycles are kept.
class DeepCopy {
 public:
  explicit DeepCopy(ContextImpl& context)
      : context_(context), isolate_(context.isolate().v8), local_(context.local()) {}

  PyRef copy(v8::Local<v8::Value> value) {
    value = unwrapped(value);
    if (is_primitive(value)) return checked(primitive_to_python(isolate_, value));
    if (!has_data(value)) return checked(to_python(context_, value));
    check_native_stack();
    v8::Local<v8::Object> object = value.As<v8::Object>();
    std::vector<Seen>& bucket = seen_[object->GetIdentityHash()];
    for (const Seen& each : bucket) {
      if (each.object == object) return PyRef::borrow(each.copy.get());
    }
    if (is_buffer(value)) {
      PyRef bytes = checked(buffer_to_python(context_, value));
      bucket.push_back({object, PyRef::borrow(bytes.get())});
      return bytes;
    }
    const bool list = is_array(value);
    PyRef result = list ? checked(PyList_New(0)) : value->IsSet() ? checked(PySet_New(nullptr)) : checked(PyDict_New());
    bucket.push_back({object, PyRef::borrow(result.get())});
    if (list) {
      copy_array(object, result.get());
    } else if (value->IsMap() || value->IsSet()) {
      copy_collection(object, result.get());
    } else {
      copy_object(object, result.get());
    }
    return result;
  }

 private:
  static constexpr uint32_t kBreath = 1u << 16;

  struct Seen {
    v8::Local<v8::Object> object;
    PyRef copy;
  };

  static bool has_data(v8::Local<v8::Value> value) {
    if (value->IsArray() || value->IsMap() || value->IsSet()) return true;
    return value->IsObject() && !value->IsFunction() && !value->IsPromise() && !value->IsDate() && !value->IsRegExp() &&
           !value->IsNativeError() && !value->IsWeakMap() && !value->IsWeakSet() && !value->IsSymbolObject() &&
           !value->IsMapIterator() && !value->IsSetIterator() && !value->IsGeneratorObject();
  }

  // What `new Number(3)` and its like hold.
  v8::Local<v8::Value> unwrapped(v8::Local<v8::Value> value) const {
    if (value->IsNumberObject()) return v8::Number::New(isolate_, value.As<v8::NumberObject>()->ValueOf());
    if (value->IsStringObject()) return value.As<v8::StringObject>()->ValueOf();
    if (value->IsBooleanObject()) return v8::Boolean::New(isolate_, value.As<v8::BooleanObject>()->ValueOf());
    if (value->IsBigIntObject()) return value.As<v8::BigIntObject>()->ValueOf();
    return value;
  }

  v8::Local<v8::Value> get(v8::Local<v8::Object> object, v8::Local<v8::Value> key) {
    v8::Local<v8::Value> value;
    if (!object->Get(local_, key).ToLocal(&value)) throw Pending();
    return value;
  }

  uint32_t length_of(v8::Local<v8::Object> array) const {
    uint32_t length = 0;
    if (!array_length(local_, array).To(&length)) throw Pending();
    return length;
  }

  void copy_array(v8::Local<v8::Object> array, PyObject* into) {
    constexpr uint32_t kMostElements = 1u << 27;  // more than a dense array can have: a sparse one
    if (length_of(array) > kMostElements) throw_conversion("the array is too long for a list");
    // Asked anew each time: a getter may have shortened it.
    for (uint32_t i = 0; i < length_of(array); ++i) {
      if (i % kBreath == kBreath - 1) take_breath();
      v8::Local<v8::Value> element;
      if (!array->Get(local_, i).ToLocal(&element)) throw Pending();
      checked(PyList_Append(into, copy(element).get()));
    }
  }

  // In the middle of a long copy: other threads may have the GIL, Ctrl-C and terminate() are heard.
  void take_breath() {
    {
      GilRelease others_first;
    }
    if (PyErr_CheckSignals() < 0) throw PythonError();
    if (context_.isolate().stop_reason != StopReason::kNone) throw Pending();
  }

  void copy_object(v8::Local<v8::Object> object, PyObject* into) {
    v8::Local<v8::Array> keys;
    if (!object
             ->GetOwnPropertyNames(local_, static_cast<v8::PropertyFilter>(v8::ONLY_ENUMERABLE | v8::SKIP_SYMBOLS),
                                   v8::KeyConversionMode::kConvertToString)
             .ToLocal(&keys)) {
      throw Pending();
    }
    for (uint32_t i = 0; i < keys->Length(); ++i) {
      v8::Local<v8::Value> key;
      if (!keys->Get(local_, i).ToLocal(&key)) throw Pending();
      PyRef name = checked(string_to_python(isolate_, key.As<v8::String>()));
      checked(PyDict_SetItem(into, name.get(), copy(get(object, key)).get()));
    }
  }

  void copy_collection(v8::Local<v8::Object> object, PyObject* into) {
    const bool is_map = object->IsMap();
    v8::Local<v8::Array> entries = is_map ? object.As<v8::Map>()->AsArray() : object.As<v8::Set>()->AsArray();
    const uint32_t step = is_map ? 2 : 1;
    for (uint32_t i = 0; i < entries->Length(); i += step) {
      v8::Local<v8::Value> key, value;
      if (!entries->Get(local_, i).ToLocal(&key)) throw Pending();
      if (!is_map) {
        checked(PySet_Add(into, hashable(key).get()));
      } else {
        if (!entries->Get(local_, i + 1).ToLocal(&value)) throw Pending();
        checked(PyDict_SetItem(into, hashable(key).get(), copy(value).get()));
      }
      // 1 and true are two keys there and one here.
      if (PyObject_Size(into) != static_cast<Py_ssize_t>(i / step + 1)) {
        throw_conversion("two keys of a Map or Set are one key in Python");
      }
    }
  }

  // Lists and dicts can't be keys: such keys stay proxies.
  PyRef hashable(v8::Local<v8::Value> key) {
    return is_primitive(key) ? checked(primitive_to_python(isolate_, key)) : checked(to_python(context_, key));
  }

 public:
  // JavaScript threw: the TryCatch around the copy has it.
  class Pending {};

 private:
  ContextImpl& context_;
  v8::Isolate* isolate_;
  v8::Local<v8::Context> local_;
  std::unordered_map<int, std::vector<Seen>> seen_;
};

// ---------------------------------------------------------------- Python to V8

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

class FromPython {
 public:
  // Not the context's own handle: a callback may have closed the context that it was called in.
  explicit FromPython(ContextImpl& context)
      : context_(context), isolate_(context.isolate().v8), local_(isolate_->GetCurrentContext()) {}

  v8::Local<v8::Value> convert(PyObject* object) {
    if (object == Py_None) return v8::Null(isolate_);
    if (object == g_hooks.undefined) return v8::Undefined(isolate_);
    if (PyBool_Check(object)) return v8::Boolean::New(isolate_, object == Py_True);
    if (PyUnicode_Check(object)) return string_from_python(isolate_, object);
    if (PyFloat_Check(object)) return v8::Number::New(isolate_, PyFloat_AS_DOUBLE(object));
    if (PyLong_Check(object)) return int_to_v8(isolate_, local_, object, is_bigint(object));
    if (Value* value = g_hooks.find(object)) return proxied(static_cast<ValueImpl&>(*value));
    if (PyDict_Check(object)) return container(object, &FromPython::fill_object);
    if (PyList_Check(object) || PyTuple_Check(object)) return container(object, &FromPython::fill_array);
    if (PyObject_CheckBuffer(object) && !is_numpy_time(object)) return from_buffer(context_, object);
    if (PyCallable_Check(object)) return function_from_callable(context_, object);
    if (PyAnySet_Check(object)) return container(object, &FromPython::fill_set);
    if (PyIndex_Check(object)) {
      PyRef number(PyNumber_Index(object));
      end_forked_child(context_.isolate());
      if (!number) throw PythonError();
      return int_to_v8(isolate_, local_, number.get(), false);
    }
    return adapted(object);
  }

 private:
  // Their buffers are bytes without a meaning.
  static bool is_numpy_time(PyObject* object) {
    const std::string type = Py_TYPE(object)->tp_name;
    return type == "numpy.datetime64" || type == "numpy.timedelta64";
  }

  // What v8snap/conversion.py makes of it: milliseconds for a date, or something else to convert.
  v8::Local<v8::Value> adapted(PyObject* object) {
    check_native_stack();
    PyObject* owner = context_.owner() == nullptr ? Py_None : context_.owner();
    PyRef made(PyObject_CallFunctionObjArgs(g_hooks.adapt, owner, object, nullptr));
    end_forked_child(context_.isolate());
    if (!made) throw PythonError();
    const char* kind;
    PyObject* content;
    if (PyArg_ParseTuple(made.get(), "sO", &kind, &content) == 0) throw PythonError();
    const std::string is = kind;
    if (is == "date") {
      v8::Local<v8::Value> date;
      if (!v8::Date::New(local_, PyFloat_AsDouble(content)).ToLocal(&date)) throw_conversion("V8 made no Date");
      return date;
    }
    if (is == "value") return convert(content);
    throw_conversion(std::string("no JavaScript value for Python's ") + Py_TYPE(object)->tp_name);
  }

  static bool is_bigint(PyObject* object) {
    return PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject*>(g_hooks.bigint_type));
  }

  v8::Local<v8::Value> proxied(ValueImpl& value) const {
    if (&value.isolate() != &context_.isolate()) {
      throw Error(ErrorCode::kWrongIsolate, "this JavaScript value belongs to another isolate");
    }
    if (&value.context() != &context_) context_.isolate().contexts_mixed = true;
    return value.local();
  }

  v8::Local<v8::Value> container(PyObject* object, void (FromPython::*fill)(PyObject*, v8::Local<v8::Object>)) {
    check_native_stack();
    auto known = seen_.find(object);
    if (known != seen_.end()) return known->second.object;
    constexpr Py_ssize_t kMostElements = Py_ssize_t{1} << 26;  // V8 dies of the memory for more
    constexpr Py_ssize_t kMostReserved = Py_ssize_t{1} << 20;
    const Py_ssize_t length = PyDict_Check(object)     ? PyDict_GET_SIZE(object)
                              : PyAnySet_Check(object) ? PySet_GET_SIZE(object)
                                                       : PySequence_Fast_GET_SIZE(object);
    if (length > kMostElements) throw_conversion("too many elements for one JavaScript object");
    v8::Local<v8::Object> result;
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

  void fill_array(PyObject* sequence, v8::Local<v8::Object> into) {
    // Converting an element may run Python code that changes a list: it is asked anew each time.
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); ++i) {
      PyRef item = PyRef::borrow(PySequence_Fast_GET_ITEM(sequence, i));
      put(into->CreateDataProperty(local_, static_cast<uint32_t>(i), convert(item.get())));
    }
  }

  void fill_object(PyObject* dict, v8::Local<v8::Object> into) {
    PyRef items = checked(PyDict_Items(dict));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i) {
      PyObject* pair = PyList_GET_ITEM(items.get(), i);
      put(into->CreateDataProperty(local_, key(PyTuple_GET_ITEM(pair, 0)), convert(PyTuple_GET_ITEM(pair, 1))));
    }
  }

  void fill_set(PyObject* set, v8::Local<v8::Object> into) {
    PyRef elements = checked(PySequence_List(set));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(elements.get()); ++i) {
      v8::Local<v8::Value> element = convert(PyList_GET_ITEM(elements.get(), i));
      put(v8::Just(!into.As<v8::Set>()->Add(local_, element).IsEmpty()));
    }
  }

  void put(v8::Maybe<bool> done) const {
    if (std::exchange(context_.isolate().over_heap_limit, false)) {
      throw Error(ErrorCode::kMemory, "the converted data reached the heap limit");
    }
    if (!done.FromMaybe(false)) throw Error(ErrorCode::kInternal, "V8 refused a property of a new object");
  }

  v8::Local<v8::Name> key(PyObject* object) const {
    if (PyUnicode_Check(object)) return string_from_python(isolate_, object);
    if (PyLong_Check(object) && !PyBool_Check(object)) {
      PyRef text = checked(PyObject_Str(object));
      return string_from_python(isolate_, text.get());
    }
    throw_conversion(std::string("a dict key must be str or int to become a property, not ") +
                     Py_TYPE(object)->tp_name);
  }

  ContextImpl& context_;
  v8::Isolate* isolate_;
  v8::Local<v8::Context> local_;
  struct Seen {
    v8::Local<v8::Object> object;
    PyRef source;  // its address is the key: nothing else may get it
  };
  std::unordered_map<PyObject*, Seen> seen_;
};

bool is_high(uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low(uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

// Joins surrogate pairs; lone ones stay as they are, which Python allows too.
std::vector<Py_UCS4> join_surrogates(const std::vector<uint16_t>& units) {
  std::vector<Py_UCS4> points;
  points.reserve(units.size());
  for (size_t i = 0; i < units.size(); ++i) {
    if (is_high(units[i]) && i + 1 < units.size() && is_low(units[i + 1])) {
      points.push_back(0x10000u + ((units[i] - 0xD800u) << 10) + (units[i + 1] - 0xDC00u));
      ++i;
    } else {
      points.push_back(units[i]);
    }
  }
  return points;
}

std::vector<uint16_t> split_to_units(const Py_UCS4* points, size_t length) {
  std::vector<uint16_t> units;
  units.reserve(length + length / 2);
  for (size_t i = 0; i < length; ++i) {
    if (points[i] >= 0x10000) {
      units.push_back(static_cast<uint16_t>(0xD800 + ((points[i] - 0x10000) >> 10)));
      units.push_back(static_cast<uint16_t>(0xDC00 + ((points[i] - 0x10000) & 0x3FF)));
    } else {
      units.push_back(static_cast<uint16_t>(points[i]));
    }
  }
  return units;
}

}  // namespace

void set_proxy_hooks(const ProxyHooks& hooks) { g_hooks = hooks; }
const ProxyHooks& proxy_hooks() { return g_hooks; }

v8::Local<v8::String> literal(v8::Isolate* isolate, const char* text) {
  return v8::String::NewFromUtf8(isolate, text).ToLocalChecked();  // our own short strings only
}

PyObject* data_to_python(ContextImpl& context, v8::MaybeLocal<v8::Data> data) {
  v8::Local<v8::Data> found;
  if (!data.ToLocal(&found) || !found->IsValue()) return nullptr;
  return to_python(context, found.As<v8::Value>());
}

PyObject* string_to_python(v8::Isolate* isolate, v8::Local<v8::String> string) {
  const int length = string->Length();
  const auto size = static_cast<size_t>(length);
  if (string->IsOneByte()) {
    std::vector<uint8_t> bytes(size);
    compat::write_one_byte(isolate, string, bytes.data(), length);
    return PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, bytes.data(), length);
  }
  std::vector<uint16_t> units(size);
  compat::write_two_byte(isolate, string, units.data(), length);
  for (uint16_t unit : units) {
    if (!is_high(unit)) continue;
    const std::vector<Py_UCS4> points = join_surrogates(units);
    return PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, points.data(), static_cast<Py_ssize_t>(points.size()));
  }
  return PyUnicode_FromKindAndData(PyUnicode_2BYTE_KIND, units.data(), length);
}

std::string text_from(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value.IsEmpty() || !value->IsString()) return "";
  PyRef string = checked(string_to_python(isolate, value.As<v8::String>()));
  PyRef bytes = checked(PyUnicode_AsEncodedString(string.get(), "utf-8", "surrogatepass"));
  return {PyBytes_AS_STRING(bytes.get()), static_cast<size_t>(PyBytes_GET_SIZE(bytes.get()))};
}

v8::Local<v8::String> string_from_python(v8::Isolate* isolate, PyObject* string) {
  const Py_ssize_t length = PyUnicode_GET_LENGTH(string);
  if (length > v8::String::kMaxLength) throw_conversion("the string is longer than V8 can hold");
  const void* data = PyUnicode_DATA(string);
  const auto type = v8::NewStringType::kNormal;
  switch (PyUnicode_KIND(string)) {
    case PyUnicode_1BYTE_KIND:
      return made(
          v8::String::NewFromOneByte(isolate, static_cast<const uint8_t*>(data), type, static_cast<int>(length)));
    case PyUnicode_2BYTE_KIND:
      return made(
          v8::String::NewFromTwoByte(isolate, static_cast<const uint16_t*>(data), type, static_cast<int>(length)));
    default: {
      const std::vector<uint16_t> units =
          split_to_units(static_cast<const Py_UCS4*>(data), static_cast<size_t>(length));
      if (units.size() > static_cast<size_t>(v8::String::kMaxLength)) {
        throw_conversion("the string is longer than V8 can hold");
      }
      return made(v8::String::NewFromTwoByte(isolate, units.data(), type, static_cast<int>(units.size())));
    }
  }
}

PyObject* to_python(ContextImpl& context, v8::Local<v8::Value> value, PyObject* receiver) {
  if (is_primitive(value)) return checked(primitive_to_python(context.isolate().v8, value)).release();
  if (value->IsDate()) {
    if (PyRef date = date_to_python(value)) return date.release();
  }
  if (context.owner() == nullptr) throw Error(ErrorCode::kInternal, "a context without its Python object");
  if (!value->IsFunction()) receiver = nullptr;
  const int hash = identity_hash_of(value);
  PyObject* known = context.isolate().find_proxy(context, value, hash, receiver);
  if (known != nullptr) return Py_NewRef(known);
  return checked(g_hooks.make(context.owner(), new ValueImpl(context, value, hash, receiver), receiver)).release();
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

PyObject* to_python_deep(ContextImpl& context, v8::Local<v8::Value> value) {
  v8::TryCatch caught(context.isolate().v8);
  bool failed = false;
  std::exception_ptr error;
  PyRef result;
  {
    // The GIL is kept: building Python objects takes more of the time than any getter.
    RunScope scope(context, 0, false);
    try {
      result = DeepCopy(context).copy(value);
    } catch (const DeepCopy::Pending&) {
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

v8::Local<v8::Value> from_python(ContextImpl& context, PyObject* object) {
  context.isolate().over_heap_limit = false;
  return FromPython(context).convert(object);
}

}  // namespace v8snap
