// Python's strings for the names of properties, of which a copy needs the same few again and again.
#include <cstring>

#include "conversion.hpp"

namespace v8snap {

namespace {

// Python's strings for names that were read lately, in all isolates: under the GIL. A name is first looked for where
// the one after the last name was found the time before, as objects of one shape follow each other.
class RecentNames {
 public:
  // New reference.
  PyRef get(const uint8_t* bytes, size_t length) {
    uint16_t& guess = after_[last_];
    if (is(names_[guess], bytes, length)) {
      last_ = guess;
      return PyRef::borrow(names_[last_]);
    }
    if (length > kLongest) return made(bytes, length);
    guess = static_cast<uint16_t>(hash(bytes, length) % kCount);
    last_ = guess;
    PyObject*& name = names_[last_];
    if (!is(name, bytes, length)) {
      PyRef text = made(bytes, length);
      Py_XSETREF(name, PyRef::borrow(text.get()).release());
    }
    return PyRef::borrow(name);
  }

 private:
  static constexpr size_t kCount = 1024;
  static constexpr size_t kLongest = 64;

  static bool is(PyObject* name, const uint8_t* bytes, size_t length) {
    return name != nullptr && static_cast<size_t>(PyUnicode_GET_LENGTH(name)) == length &&
           std::memcmp(PyUnicode_1BYTE_DATA(name), bytes, length) == 0;
  }

  static PyRef made(const uint8_t* bytes, size_t length) {
    return checked(PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, bytes, static_cast<Py_ssize_t>(length)));
  }

  static size_t hash(const uint8_t* bytes, size_t length) {
    uint64_t sum = length;
    for (; length >= 8; bytes += 8, length -= 8) {
      uint64_t word;
      std::memcpy(&word, bytes, 8);
      sum = (sum ^ word) * 0x9E3779B97F4A7C15u;
      sum ^= sum >> 32;
    }
    uint64_t word = 0;
    std::memcpy(&word, bytes, length);
    sum = (sum ^ word) * 0x9E3779B97F4A7C15u;
    return static_cast<size_t>(sum >> 40);
  }

  PyObject* names_[kCount] = {};  // all of one byte a character
  uint16_t after_[kCount] = {};
  uint16_t last_ = 0;
};

RecentNames g_recent_names;

}  // namespace

PyRef recent_name(const uint8_t* bytes, size_t length) { return g_recent_names.get(bytes, length); }

PyRef recent_name(v8::Isolate* isolate, v8::Local<v8::String> name) {
  constexpr int kLongest = 64;
  const int length = name->Length();
  if (length > kLongest || !name->IsOneByte()) return checked(string_to_python(isolate, name));
  uint8_t bytes[kLongest];
  compat::write_one_byte(isolate, name, bytes, length);
  return recent_name(bytes, static_cast<size_t>(length));
}

}  // namespace v8snap
