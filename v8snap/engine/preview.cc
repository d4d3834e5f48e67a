// What a proxy shows of its value to a person. Accessors, proxies and methods that JavaScript can replace aren't asked.
#include <cmath>
#include <cstdio>
#include <optional>

#include "conversion.hpp"

namespace v8snap {

namespace {

constexpr uint32_t kMostEntries = 8;
constexpr int kMostText = 60;  // UTF-16 units of one string
constexpr int kDeepest = 2;
constexpr int kMostWholeText = 2000;
constexpr int kMostName = 200;
constexpr int kMostBigIntWords = 8;  // V8 needs long for the digits of large ones
constexpr size_t kNoBudget = SIZE_MAX;
constexpr size_t kKeysBudget = kMostEntries;  // a Map's keys are shown as text

struct Part;

// A value that was looked at.
struct Seen {
  std::string closed;                // in a word; all there is to say where it has no parts
  std::optional<std::string> whole;  // more of a string than that
  std::string open;                  // what stands before its parts
  const char* brackets = nullptr;    // around them: two characters, or none
  bool has_parts = false;
  std::vector<Part> parts;
  size_t left_out = 0;
};

struct Part {
  std::string key;
  const char* separator;  // null where a text shows the value alone
  Seen value;
};

// In one line, without what a terminal takes for a command, and without lone surrogates, which can't be encoded.
PyRef readable(const std::string& text) {
  std::string shown;
  char escaped[8];
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte < 0x20 || byte == 0x7F) {
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      shown += escaped;
    } else if (byte == 0xC2 && next < 0xA0) {
      std::snprintf(escaped, sizeof escaped, "\\x%02x", next);
      shown += escaped;
      i += 1;
    } else if (byte == 0xED && next >= 0xA0) {
      const unsigned last = static_cast<unsigned char>(text[i + 2]) & 0x3Fu;
      std::snprintf(escaped, sizeof escaped, "\\u%04x", 0xD000u | ((next & 0x3Fu) << 6) | last);
      shown += escaped;
      i += 2;
    } else {
      shown += text[i];
    }
  }
  return checked(text_to_python(shown));
}

Seen word(std::string text) {
  Seen seen;
  seen.closed = std::move(text);
  return seen;
}

// How much of each value is looked at. Besides there is a budget: how many values may be within it in all.
struct Limits {
  uint32_t entries;
  int depth;
};

class Look {
 public:
  Look(v8::Local<v8::Context> context, Limits limits)
      : isolate_(context->GetIsolate()), context_(context), limits_(limits) {}

  Seen at(v8::Local<v8::Value> value, size_t budget, int depth = 0) {
    if (value->IsString()) return string(value.As<v8::String>());
    if (value->IsSymbol()) {
      return word("Symbol(" + name(value.As<v8::Symbol>()->Description(isolate_)) + ")");
    }
    if (!value->IsObject()) return word(primitive(value));
    v8::Local<v8::Object> object = value.As<v8::Object>();
    if (value->IsProxy()) return word("Proxy");
    if (value->IsFunction()) return word(function(value.As<v8::Function>()));
    if (value->IsArray()) return array(object, value.As<v8::Array>()->Length(), budget, depth);
    if (value->IsMap()) return collection(value.As<v8::Map>()->AsArray(), "Map", 2, budget, depth);
    if (value->IsSet()) return collection(value.As<v8::Set>()->AsArray(), "Set", 1, budget, depth);
    if (value->IsTypedArray()) return typed_array(value.As<v8::TypedArray>(), budget, depth);
    if (value->IsNativeError()) return word(error(object));
    if (value->IsRegExp()) return word(regexp(value.As<v8::RegExp>()));
    if (value->IsPromise()) return promise(value.As<v8::Promise>(), budget, depth);
    if (value->IsDate()) return word(date(value.As<v8::Date>()->ValueOf()));
    if (value->IsArrayBuffer() || value->IsSharedArrayBuffer() || value->IsDataView()) return word(buffer(object));
    return plain(object, budget, depth);
  }

 private:
  std::string primitive(v8::Local<v8::Value> value) {
    if (value->IsBigInt() && value.As<v8::BigInt>()->WordCount() > kMostBigIntWords) {
      return "BigInt(" + std::to_string(value.As<v8::BigInt>()->WordCount()) + " × 64 bits)";
    }
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

  Seen string(v8::Local<v8::String> string) {
    Seen seen = word(quoted(string, kMostText));
    if (string->Length() > kMostText) seen.whole = quoted(string, kMostWholeText);
    return seen;
  }

  std::string quoted(v8::Local<v8::String> string, int most) {
    PyRef shown = checked(PyObject_Repr(beginning(string, most).get()));
    return utf8(shown.get()) + (string->Length() <= most ? "" : "…");
  }

  // At most so many UTF-16 units of it, without half a pair at the end.
  PyRef beginning(v8::Local<v8::String> string, int most) {
    std::vector<uint16_t> units(static_cast<size_t>(std::min(string->Length(), most)));
    compat::write_two_byte(isolate_, string, units.data(), static_cast<int>(units.size()));
    if (string->Length() > most && (units.back() & 0xFC00) == 0xD800) units.pop_back();
    return checked(units_to_python(units.data(), units.size()));
  }

  // A name, or what stands for one; empty where it is no string.
  std::string name(v8::Local<v8::Value> value) {
    if (!value->IsString()) return "";
    v8::Local<v8::String> string = value.As<v8::String>();
    return utf8(beginning(string, kMostName).get()) + (string->Length() <= kMostName ? "" : "…");
  }

  static std::string utf8(PyObject* text) {
    PyRef bytes = checked(PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass"));
    return {PyBytes_AS_STRING(bytes.get()), static_cast<size_t>(PyBytes_GET_SIZE(bytes.get()))};
  }

  std::string function(v8::Local<v8::Function> function) {
    const std::string own = name(function->GetDebugName());
    return own.empty() ? "function" : "function " + own;
  }

  // The value of an own data property; "…" of an accessor, nothing where there is no such property.
  Seen property(v8::Local<v8::Object> object, v8::Local<v8::Name> name, size_t budget, int depth) {
    v8::Local<v8::Value> descriptor, value;
    if (!object->GetOwnPropertyDescriptor(context_, name).ToLocal(&descriptor) || !descriptor->IsObject()) return {};
    v8::Local<v8::String> key = literal(isolate_, "value");
    if (!descriptor.As<v8::Object>()->HasOwnProperty(context_, key).FromMaybe(false)) return word("…");
    if (!descriptor.As<v8::Object>()->Get(context_, key).ToLocal(&value)) return word("…");
    return at(value, budget, depth + 1);
  }

  // Whether the parts of `seen` are looked at, of which there are `length`. How many, and what each may show in turn.
  bool opens(Seen* seen, size_t length, size_t budget, int depth, uint32_t* shown, size_t* each) {
    if (depth >= limits_.depth || (budget == 0 && length != 0)) return false;
    *shown = static_cast<uint32_t>(std::min({length, static_cast<size_t>(limits_.entries), budget}));
    *each = budget == kNoBudget ? kNoBudget : (*shown == 0 ? 0 : (budget - *shown) / *shown);
    seen->has_parts = true;
    seen->left_out = length - *shown;
    return true;
  }

  Seen array(v8::Local<v8::Object> object, uint32_t length, size_t budget, int depth) {
    Seen seen = word("Array(" + std::to_string(length) + ")");
    seen.brackets = "[]";
    uint32_t shown;
    size_t each;
    if (!opens(&seen, length, budget, depth, &shown, &each)) return seen;
    for (uint32_t i = 0; i < shown; ++i) {
      v8::Local<v8::String> name;
      if (!v8::Integer::NewFromUnsigned(isolate_, i)->ToString(context_).ToLocal(&name)) return word("Array");
      Seen element = property(object, name, each, depth);
      seen.parts.push_back({std::to_string(i), nullptr, element.closed.empty() ? word("hole") : std::move(element)});
    }
    return seen;
  }

  Seen collection(v8::Local<v8::Array> entries, const char* kind, uint32_t step, size_t budget, int depth) {
    const uint32_t size = entries->Length() / step;
    Seen seen = word(std::string(kind) + "(" + std::to_string(size) + ")");
    seen.open = seen.closed + " ";
    seen.brackets = "{}";
    uint32_t shown;
    size_t each;
    if (!opens(&seen, size, budget, depth, &shown, &each)) return seen;
    for (uint32_t i = 0; i < shown; ++i) {
      v8::Local<v8::Value> key, value;
      if (!entries->Get(context_, i * step).ToLocal(&key)) return word(seen.closed);
      if (step == 1) {
        seen.parts.push_back({std::to_string(i), nullptr, at(key, each, depth + 1)});
      } else if (entries->Get(context_, i * step + 1).ToLocal(&value)) {
        const Seen shown_key = at(key, std::min(each, kKeysBudget), depth + 1);
        seen.parts.push_back({text(shown_key, depth + 1), " => ", at(value, each, depth + 1)});
      }
    }
    return seen;
  }

  Seen typed_array(v8::Local<v8::TypedArray> array, size_t budget, int depth) {
    const auto length = static_cast<uint32_t>(std::min<size_t>(array->Length(), UINT32_MAX));
    Seen seen = word(constructor_of(array) + "(" + std::to_string(length) + ")");
    seen.open = seen.closed + " ";
    seen.brackets = "[]";
    uint32_t shown;
    size_t each;
    if (!opens(&seen, length, budget, depth, &shown, &each)) return seen;
    for (uint32_t i = 0; i < shown; ++i) {
      v8::Local<v8::Value> element;
      if (!array->Get(context_, i).ToLocal(&element)) return word(seen.closed);
      seen.parts.push_back({std::to_string(i), nullptr, at(element, each, depth + 1)});
    }
    return seen;
  }

  std::string error(v8::Local<v8::Object> object) {
    const std::string message = property(object, literal(isolate_, "message"), 0, limits_.depth).closed;
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
    return "/" + name(regexp->GetSource()) + "/" + flags;
  }

  Seen promise(v8::Local<v8::Promise> promise, size_t budget, int depth) {
    if (promise->State() == v8::Promise::kPending) return word("Promise pending");
    const bool fulfilled = promise->State() == v8::Promise::kFulfilled;
    Seen result = at(promise->Result(), budget == kNoBudget || budget == 0 ? budget : budget - 1, depth + 1);
    Seen seen;
    seen.open = fulfilled ? "Promise fulfilled: " : "Promise rejected: ";
    seen.closed = seen.open + text(result, depth + 1);
    seen.has_parts = result.has_parts;
    seen.parts.push_back({fulfilled ? "fulfilled" : "rejected", nullptr, std::move(result)});
    return seen;
  }

  std::string buffer(v8::Local<v8::Object> object) {
    size_t length = 0;
    if (object->IsArrayBuffer()) length = object.As<v8::ArrayBuffer>()->ByteLength();
    if (object->IsSharedArrayBuffer()) length = object.As<v8::SharedArrayBuffer>()->ByteLength();
    if (object->IsDataView()) length = object.As<v8::DataView>()->ByteLength();
    return constructor_of(object) + "(" + std::to_string(length) + ")";
  }

  Seen plain(v8::Local<v8::Object> object, size_t budget, int depth) {
    const std::string constructor = constructor_of(object);
    Seen seen = word(constructor);
    seen.open = constructor == "Object" ? "" : constructor + " ";
    seen.brackets = "{}";
    if (depth >= limits_.depth) return seen;
    v8::Local<v8::Array> names;
    if (!object
             ->GetOwnPropertyNames(context_, static_cast<v8::PropertyFilter>(v8::ONLY_ENUMERABLE | v8::SKIP_SYMBOLS),
                                   v8::KeyConversionMode::kConvertToString)
             .ToLocal(&names)) {
      return word(constructor);
    }
    uint32_t shown;
    size_t each;
    if (!opens(&seen, names->Length(), budget, depth, &shown, &each)) return seen;
    for (uint32_t i = 0; i < shown; ++i) {
      v8::Local<v8::Value> key;
      if (!names->Get(context_, i).ToLocal(&key)) return word(constructor);
      seen.parts.push_back({key_text(key.As<v8::String>()), ": ", property(object, key.As<v8::Name>(), each, depth)});
    }
    return seen;
  }

  std::string key_text(v8::Local<v8::String> key) {
    PyRef text = beginning(key, kMostText);
    const bool bare = key->Length() <= kMostText && PyUnicode_IsIdentifier(text.get()) == 1;
    return bare ? utf8(text.get()) : quoted(key, kMostText);
  }

  std::string constructor_of(v8::Local<v8::Object> object) { return name(object->GetConstructorName()); }

 public:
  // In one line.
  static std::string text(const Seen& seen, int depth = 0) {
    if (!seen.has_parts) return seen.closed;
    if (seen.brackets == nullptr) return seen.open + text(seen.parts.front().value, depth + 1);
    if (depth >= kDeepest) return seen.closed;
    std::string inside;
    const size_t shown = std::min<size_t>(seen.parts.size(), kMostEntries);
    for (size_t i = 0; i < shown; ++i) {
      const Part& part = seen.parts[i];
      if (i != 0) inside += ", ";
      if (part.separator != nullptr) inside += part.key + part.separator;
      inside += text(part.value, depth + 1);
    }
    const size_t left_out = seen.left_out + seen.parts.size() - shown;
    if (left_out != 0) inside += (shown == 0 ? "… " : ", … ") + std::to_string(left_out) + " more";
    return seen.open + seen.brackets[0] + inside + seen.brackets[1];
  }

  // As tuples, see Value::outline().
  static PyRef outline(const Seen& seen) {
    PyRef shown = readable(seen.whole ? *seen.whole : text(seen));
    if (!seen.has_parts) return checked(Py_BuildValue("(OOi)", shown.get(), Py_None, 0));
    PyRef parts = checked(PyList_New(0));
    for (const Part& part : seen.parts) {
      PyRef key = readable(part.key);
      PyRef value = outline(part.value);
      PyRef pair = checked(PyTuple_Pack(2, key.get(), value.get()));
      checked(PyList_Append(parts.get(), pair.get()));
    }
    return checked(Py_BuildValue("(OOn)", shown.get(), parts.get(), static_cast<Py_ssize_t>(seen.left_out)));
  }

 private:
  v8::Isolate* isolate_;
  v8::Local<v8::Context> context_;
  Limits limits_;
};

}  // namespace

PyObject* ValueImpl::preview() {
  Visit visit(context_);
  v8::TryCatch ignored(isolate().v8);
  const Seen seen = Look(visit.context, {kMostEntries, kDeepest}).at(local(), kNoBudget);
  return readable(Look::text(seen)).release();
}

PyObject* ValueImpl::outline(uint32_t entries, int depth, size_t values) {
  Visit visit(context_);
  v8::TryCatch ignored(isolate().v8);
  return Look::outline(Look(visit.context, {entries, depth}).at(local(), values)).release();
}

}  // namespace v8snap
