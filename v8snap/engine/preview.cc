// What a proxy shows of its value to a person. Accessors, proxies and methods that JavaScript can replace aren't asked.
#include <cmath>

#include "internal.hpp"

namespace v8snap {

namespace {

constexpr uint32_t kMostEntries = 8;
constexpr int kMostText = 60;  // UTF-16 units of one string
constexpr int kDeepest = 2;

class Preview {
 public:
  explicit Preview(v8::Local<v8::Context> context) : isolate_(context->GetIsolate()), context_(context) {}

  std::string show(v8::Local<v8::Value> value, int depth = 0) {
    if (value->IsString()) return quoted(value.As<v8::String>());
    if (value->IsSymbol()) return "Symbol(" + text_from(isolate_, value.As<v8::Symbol>()->Description(isolate_)) + ")";
    if (!value->IsObject()) return primitive(value);
    v8::Local<v8::Object> object = value.As<v8::Object>();
    if (value->IsProxy()) return "Proxy";
    if (value->IsFunction()) return function(value.As<v8::Function>());
    if (value->IsArray()) return array(object, value.As<v8::Array>()->Length(), depth);
    if (value->IsMap()) return collection(value.As<v8::Map>()->AsArray(), "Map", 2, depth);
    if (value->IsSet()) return collection(value.As<v8::Set>()->AsArray(), "Set", 1, depth);
    if (value->IsTypedArray()) return typed_array(value.As<v8::TypedArray>(), depth);
    if (value->IsNativeError()) return error(object);
    if (value->IsRegExp()) return regexp(value.As<v8::RegExp>());
    if (value->IsPromise()) return promise(value.As<v8::Promise>(), depth);
    if (value->IsDate()) return date(value.As<v8::Date>()->ValueOf());
    if (value->IsArrayBuffer() || value->IsSharedArrayBuffer() || value->IsDataView()) return buffer(object);
    return plain(object, depth);
  }

 private:
  std::string primitive(v8::Local<v8::Value> value) {
    return text_from(isolate_, to_string(value)) + (value->IsBigInt() ? "n" : "");
  }

  static std::string date(double milliseconds) {
    return std::isnan(milliseconds) ? "Invalid Date"
                                    : "Date(" + std::to_string(static_cast<long long>(milliseconds)) + ")";
  }

  // Of a primitive, for which V8 calls no JavaScript.
  v8::Local<v8::Value> to_string(v8::Local<v8::Value> value) {
    return value->ToDetailString(context_).FromMaybe(v8::String::Empty(isolate_)).As<v8::Value>();
  }

  std::string quoted(v8::Local<v8::String> string) {
    PyRef text = checked(string_to_python(isolate_, string));
    const bool whole = PyUnicode_GET_LENGTH(text.get()) <= kMostText;
    if (!whole) text = checked(PyUnicode_Substring(text.get(), 0, kMostText));
    PyRef shown = checked(PyObject_Repr(text.get()));
    return utf8(shown.get()) + (whole ? "" : "…");
  }

  static std::string utf8(PyObject* text) {
    PyRef bytes = checked(PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass"));
    return {PyBytes_AS_STRING(bytes.get()), static_cast<size_t>(PyBytes_GET_SIZE(bytes.get()))};
  }

  std::string function(v8::Local<v8::Function> function) {
    const std::string name = text_from(isolate_, function->GetDebugName());
    return name.empty() ? "function" : "function " + name;
  }

  // The value of an own data property; "…" of an accessor.
  std::string property(v8::Local<v8::Object> object, v8::Local<v8::Name> name, int depth) {
    v8::Local<v8::Value> descriptor, value;
    if (!object->GetOwnPropertyDescriptor(context_, name).ToLocal(&descriptor) || !descriptor->IsObject()) return "";
    v8::Local<v8::String> key = literal(isolate_, "value");
    if (!descriptor.As<v8::Object>()->HasOwnProperty(context_, key).FromMaybe(false)) return "…";
    if (!descriptor.As<v8::Object>()->Get(context_, key).ToLocal(&value)) return "…";
    return show(value, depth + 1);
  }

  std::string array(v8::Local<v8::Object> object, uint32_t length, int depth) {
    if (depth >= kDeepest) return "Array(" + std::to_string(length) + ")";
    std::string text;
    const uint32_t shown = std::min(length, kMostEntries);
    for (uint32_t i = 0; i < shown; ++i) {
      v8::Local<v8::String> name;
      if (!v8::Integer::NewFromUnsigned(isolate_, i)->ToString(context_).ToLocal(&name)) return "Array";
      const std::string element = property(object, name, depth);
      join(&text, element.empty() ? "hole" : element);
    }
    return "[" + text + rest(length, shown) + "]";
  }

  std::string collection(v8::Local<v8::Array> entries, const char* kind, uint32_t step, int depth) {
    const uint32_t size = entries->Length() / step;
    std::string text = std::string(kind) + "(" + std::to_string(size) + ")";
    if (depth >= kDeepest) return text;
    std::string inside;
    const uint32_t shown = std::min(size, kMostEntries);
    for (uint32_t i = 0; i < shown; ++i) {
      v8::Local<v8::Value> key, value;
      if (!entries->Get(context_, i * step).ToLocal(&key)) return text;
      std::string entry = show(key, depth + 1);
      if (step == 2 && entries->Get(context_, i * step + 1).ToLocal(&value)) entry += " => " + show(value, depth + 1);
      join(&inside, entry);
    }
    return text + " {" + inside + rest(size, shown) + "}";
  }

  std::string typed_array(v8::Local<v8::TypedArray> array, int depth) {
    const auto length = static_cast<uint32_t>(std::min<size_t>(array->Length(), UINT32_MAX));
    std::string text = constructor_of(array) + "(" + std::to_string(length) + ")";
    if (depth >= kDeepest) return text;
    std::string inside;
    const uint32_t shown = std::min(length, kMostEntries);
    for (uint32_t i = 0; i < shown; ++i) {
      v8::Local<v8::Value> element;
      if (!array->Get(context_, i).ToLocal(&element)) return text;
      join(&inside, show(element, depth + 1));
    }
    return text + " [" + inside + rest(length, shown) + "]";
  }

  std::string error(v8::Local<v8::Object> object) {
    const std::string message = property(object, literal(isolate_, "message"), kDeepest);
    return constructor_of(object) + (message.empty() ? "" : ": " + message);
  }

  std::string regexp(v8::Local<v8::RegExp> regexp) {
    constexpr const char* kFlags = "gimyusd";
    std::string flags;
    constexpr int kBits[] = {v8::RegExp::kGlobal,  v8::RegExp::kIgnoreCase, v8::RegExp::kMultiline, v8::RegExp::kSticky,
                             v8::RegExp::kUnicode, v8::RegExp::kDotAll,     v8::RegExp::kHasIndices};
    for (size_t i = 0; i < std::size(kBits); ++i) {
      if ((regexp->GetFlags() & kBits[i]) != 0) flags += kFlags[i];
    }
    return "/" + text_from(isolate_, regexp->GetSource()) + "/" + flags;
  }

  std::string promise(v8::Local<v8::Promise> promise, int depth) {
    if (promise->State() == v8::Promise::kPending) return "Promise pending";
    const char* state = promise->State() == v8::Promise::kFulfilled ? "Promise fulfilled: " : "Promise rejected: ";
    return state + show(promise->Result(), depth + 1);
  }

  std::string buffer(v8::Local<v8::Object> object) {
    size_t length = 0;
    if (object->IsArrayBuffer()) length = object.As<v8::ArrayBuffer>()->ByteLength();
    if (object->IsSharedArrayBuffer()) length = object.As<v8::SharedArrayBuffer>()->ByteLength();
    if (object->IsDataView()) length = object.As<v8::DataView>()->ByteLength();
    return constructor_of(object) + "(" + std::to_string(length) + ")";
  }

  std::string plain(v8::Local<v8::Object> object, int depth) {
    const std::string constructor = constructor_of(object);
    const std::string prefix = constructor == "Object" ? "" : constructor + " ";
    if (depth >= kDeepest) return constructor;
    v8::Local<v8::Array> names;
    if (!object
             ->GetOwnPropertyNames(context_, static_cast<v8::PropertyFilter>(v8::ONLY_ENUMERABLE | v8::SKIP_SYMBOLS),
                                   v8::KeyConversionMode::kConvertToString)
             .ToLocal(&names)) {
      return constructor;
    }
    std::string text;
    const uint32_t shown = std::min(names->Length(), kMostEntries);
    for (uint32_t i = 0; i < shown; ++i) {
      v8::Local<v8::Value> name;
      if (!names->Get(context_, i).ToLocal(&name)) return constructor;
      PyRef key = checked(string_to_python(isolate_, name.As<v8::String>()));
      const bool bare = PyUnicode_IsIdentifier(key.get()) == 1;
      const std::string shown_key = bare ? utf8(key.get()) : quoted(name.As<v8::String>());
      join(&text, shown_key + ": " + property(object, name.As<v8::Name>(), depth));
    }
    return prefix + "{" + text + rest(names->Length(), shown) + "}";
  }

  std::string constructor_of(v8::Local<v8::Object> object) { return text_from(isolate_, object->GetConstructorName()); }

  static void join(std::string* text, const std::string& part) {
    if (!text->empty()) *text += ", ";
    *text += part;
  }

  static std::string rest(uint32_t length, uint32_t shown) {
    return length == shown ? "" : (shown == 0 ? "" : ", ") + ("… " + std::to_string(length - shown) + " more");
  }

  v8::Isolate* isolate_;
  v8::Local<v8::Context> context_;
};

}  // namespace

PyObject* ValueImpl::preview() {
  Visit visit(context_);
  v8::TryCatch ignored(isolate().v8);
  return checked(text_to_python(Preview(visit.context).show(local()))).release();
}

}  // namespace v8snap
