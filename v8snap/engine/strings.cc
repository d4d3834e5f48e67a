// Strings between Python and V8: UTF-16 with lone surrogates on one side, code points on the other.
#include <cstring>

#include "conversion.hpp"

namespace v8snap {

namespace {

bool is_high(uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low(uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

[[noreturn]] void throw_too_long() { throw Error(ErrorCode::kConversion, "the string is longer than V8 can hold"); }

v8::Local<v8::String> made(v8::MaybeLocal<v8::String> string) {
  v8::Local<v8::String> result;
  if (!string.ToLocal(&result)) throw_too_long();
  return result;
}

// Joins surrogate pairs; lone ones stay as they are, which Python allows too. Null with an error set on failure.
PyObject* join_surrogates(const uint16_t* units, size_t length) {
  constexpr Py_UCS4 kMost = 0x10FFFF;
  size_t pairs = 0;
  for (size_t i = 1; i < length; ++i) pairs += (is_high(units[i - 1]) && is_low(units[i])) ? 1 : 0;
  if (pairs == 0) return PyUnicode_FromKindAndData(PyUnicode_2BYTE_KIND, units, static_cast<Py_ssize_t>(length));
  PyObject* text = PyUnicode_New(static_cast<Py_ssize_t>(length - pairs), kMost);
  if (text == nullptr) return nullptr;
  Py_UCS4* point = PyUnicode_4BYTE_DATA(text);
  for (size_t i = 0; i < length; ++i) {
    if (is_high(units[i]) && i + 1 < length && is_low(units[i + 1])) {
      *point++ = 0x10000u + ((units[i] - 0xD800u) << 10) + (units[i + 1] - 0xDC00u);
      ++i;
    } else {
      *point++ = units[i];
    }
  }
  return text;
}

std::vector<uint16_t> split_to_units(const Py_UCS4* points, size_t length) {
  const auto pairs =
      static_cast<size_t>(std::count_if(points, points + length, [](Py_UCS4 point) { return point >= 0x10000; }));
  std::vector<uint16_t> units(length + pairs);
  uint16_t* unit = units.data();
  for (size_t i = 0; i < length; ++i) {
    if (points[i] >= 0x10000) {
      *unit++ = static_cast<uint16_t>(0xD800 + ((points[i] - 0x10000) >> 10));
      *unit++ = static_cast<uint16_t>(0xDC00 + ((points[i] - 0x10000) & 0x3FF));
    } else {
      *unit++ = static_cast<uint16_t>(points[i]);
    }
  }
  return units;
}

bool is_ascii(const uint8_t* bytes, size_t length) {
  uint8_t all = 0;
  for (size_t i = 0; i < length; ++i) all |= bytes[i];
  return all < 0x80;
}

enum class Units { kNarrow, kWide, kSurrogates };  // all of them Latin-1, some not, some surrogates

Units kind_of_units(const uint16_t* units, size_t length) {
  uint16_t all = 0;
  bool surrogates = false;
  for (size_t i = 0; i < length; ++i) {
    all |= units[i];
    surrogates |= (units[i] & 0xF800) == 0xD800;
  }
  return surrogates ? Units::kSurrogates : all < 0x100 ? Units::kNarrow : Units::kWide;
}

// Long strings: V8 writes them where most of them can stay.
PyObject* long_one_byte_to_python(v8::Isolate* isolate, v8::Local<v8::String> string, int length) {
  constexpr Py_UCS4 kMostAscii = 0x7F, kMostLatin1 = 0xFF;
  PyRef text = checked(PyUnicode_New(length, kMostAscii));
  uint8_t* bytes = PyUnicode_1BYTE_DATA(text.get());
  compat::write_one_byte(isolate, string, bytes, length);
  if (is_ascii(bytes, static_cast<size_t>(length))) return text.release();
  PyRef latin1 = checked(PyUnicode_New(length, kMostLatin1));
  std::memcpy(PyUnicode_1BYTE_DATA(latin1.get()), bytes, static_cast<size_t>(length));
  return latin1.release();
}

PyObject* long_two_byte_to_python(v8::Isolate* isolate, v8::Local<v8::String> string, int length) {
  constexpr Py_UCS4 kMost = 0xFFFF;
  PyRef text = checked(PyUnicode_New(length, kMost));
  uint16_t* units = PyUnicode_2BYTE_DATA(text.get());
  compat::write_two_byte(isolate, string, units, length);
  const Units kind = kind_of_units(units, static_cast<size_t>(length));
  return kind == Units::kWide ? text.release() : units_to_python(units, static_cast<size_t>(length));
}

}  // namespace

PyObject* units_to_python(const uint16_t* units, size_t length) {
  if (kind_of_units(units, length) == Units::kSurrogates) return join_surrogates(units, length);
  return PyUnicode_FromKindAndData(PyUnicode_2BYTE_KIND, units, static_cast<Py_ssize_t>(length));
}

PyObject* string_to_python(v8::Isolate* isolate, v8::Local<v8::String> string) {
  constexpr int kShort = 512;
  const int length = string->Length();
  if (string->IsOneByte()) {
    if (length > kShort) return long_one_byte_to_python(isolate, string, length);
    uint8_t bytes[kShort];
    compat::write_one_byte(isolate, string, bytes, length);
    return PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, bytes, length);
  }
  if (length > kShort) return long_two_byte_to_python(isolate, string, length);
  uint16_t units[kShort];
  compat::write_two_byte(isolate, string, units, length);
  return units_to_python(units, static_cast<size_t>(length));
}

std::string text_from(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value.IsEmpty() || !value->IsString()) return "";
  PyRef string = checked(string_to_python(isolate, value.As<v8::String>()));
  PyRef bytes = checked(PyUnicode_AsEncodedString(string.get(), "utf-8", "surrogatepass"));
  return {PyBytes_AS_STRING(bytes.get()), static_cast<size_t>(PyBytes_GET_SIZE(bytes.get()))};
}

v8::Local<v8::String> string_from_python(v8::Isolate* isolate, PyObject* string) {
  const Py_ssize_t length = PyUnicode_GET_LENGTH(string);
  if (length > v8::String::kMaxLength) throw_too_long();
  check_room_for(static_cast<size_t>(length) * (PyUnicode_KIND(string) == PyUnicode_1BYTE_KIND ? 1 : 2));
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
      if (units.size() > static_cast<size_t>(v8::String::kMaxLength)) throw_too_long();
      return made(v8::String::NewFromTwoByte(isolate, units.data(), type, static_cast<int>(units.size())));
    }
  }
}

v8::Local<v8::String> literal(v8::Isolate* isolate, const char* text) {
  return v8::String::NewFromUtf8(isolate, text).ToLocalChecked();  // our own short strings only
}

}  // namespace v8snap
