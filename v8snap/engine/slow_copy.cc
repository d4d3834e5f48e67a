// Deep copies of JavaScript values, one question to V8 for each property: what anything can be copied with.
#include "conversion.hpp"

namespace v8snap {

namespace {

bool is_buffer(v8::Local<v8::Value> value) {
  return value->IsArrayBuffer() || value->IsArrayBufferView() || value->IsSharedArrayBuffer();
}

// What objects were copied to.
class CopiesByObject {
 public:
  PyObject* find(v8::Local<v8::Object> object, int hash) const {
    if (slots_.empty()) return nullptr;
    for (size_t slot = first_slot(hash); slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
      const Copied& each = copied_[slots_[slot] - 1];
      if (each.hash == hash && each.object == object) return each.copy.get();
    }
    return nullptr;
  }

  void add(v8::Local<v8::Object> object, int hash, PyObject* copy) {
    copied_.push_back({object, PyRef::borrow(copy), hash});
    if (2 * copied_.size() > slots_.size()) {
      slots_.assign(std::max<size_t>(16, 2 * slots_.size()), 0);
      for (uint32_t number = 1; number < copied_.size(); ++number) place(number);
    }
    place(static_cast<uint32_t>(copied_.size()));
  }

 private:
  struct Copied {
    v8::Local<v8::Object> object;
    PyRef copy;
    int hash;
  };

  // V8's hashes have 20 bits: spread over all of a larger table.
  size_t first_slot(int hash) const {
    return ((static_cast<uint64_t>(hash) * 0x9E3779B97F4A7C15u) >> 32) & (slots_.size() - 1);
  }

  void place(uint32_t number) {
    size_t slot = first_slot(copied_[number - 1].hash);
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = number;
  }

  std::vector<Copied> copied_;
  std::vector<uint32_t> slots_;  // places in copied_, from 1; a power of two of them, at most half in use
};

// Deep copies: arrays to lists, plain objects and class instances to dicts, Map to dict, Set to set, buffers to bytes
// or array.array; what has no Python data behind it (functions, promises, errors, ...) stays a proxy. Each object is
// copied once: cycles are kept.
class DeepCopy {
 public:
  explicit DeepCopy(ContextImpl& context)
      : context_(context), isolate_(context.isolate().v8), local_(context.local()) {}

  PyRef copy(v8::Local<v8::Value> value) {
    if (!is_primitive(value)) value = unwrapped(value);
    if (is_primitive(value)) return checked(primitive_to_python(isolate_, value));
    if (!has_data(value)) return checked(to_python(context_, value));
    check_native_stack();
    v8::Local<v8::Object> object = value.As<v8::Object>();
    const int hash = object->GetIdentityHash();
    if (PyObject* known = copies_.find(object, hash)) return PyRef::borrow(known);
    if (is_buffer(value)) {
      PyRef bytes = checked(held_buffer_to_python(hold_buffer(context_.isolate(), value)));
      copies_.add(object, hash, bytes.get());
      return bytes;
    }
    const bool list = is_array(value);
    PyRef result = list ? checked(PyList_New(0)) : value->IsSet() ? checked(PySet_New(nullptr)) : checked(PyDict_New());
    copies_.add(object, hash, result.get());
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
      if (i % kBreath == kBreath - 1) take_breath_in_run(context_);
      v8::Local<v8::Value> element;
      if (!array->Get(local_, i).ToLocal(&element)) throw Pending();
      checked(PyList_Append(into, copy(element).get()));
    }
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
      PyRef name = recent_name(isolate_, key.As<v8::String>());
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

  ContextImpl& context_;
  v8::Isolate* isolate_;
  v8::Local<v8::Context> local_;
  CopiesByObject copies_;
};

}  // namespace

PyRef slow_copy(ContextImpl& context, v8::Local<v8::Value> value) { return DeepCopy(context).copy(value); }

}  // namespace v8snap
