#include "json_text.hpp"

#include <charconv>
#include <cmath>
#include <cstring>

namespace v8snap {

namespace {

class NoText {};

constexpr size_t kMostText = size_t{1} << 26;     // bytes: V8 can't be stopped while it parses
constexpr size_t kLetOthersIn = size_t{1} << 20;  // bytes that are worth giving the GIL away
constexpr size_t kLongString = 1u << 14;          // characters: those are better copied once
constexpr size_t kLongWideString = 128;           // those too, as each character would be six in the text

bool needs_escape(uint32_t character) { return character < 0x20 || character == '"' || character == '\\'; }

bool has_escapes(const uint8_t* bytes, size_t length) {
  bool found = false;
  for (size_t i = 0; i < length; ++i) found |= needs_escape(bytes[i]);
  return found;
}

char* write_unit(char* out, uint32_t unit) {
  constexpr char kDigits[] = "0123456789abcdef";
  *out++ = '\\';
  *out++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4) *out++ = kDigits[(unit >> shift) & 0xF];
  return out;
}

constexpr size_t kMostForCharacter = 12;

// The text is of one byte a character, Latin-1.
char* write_character(char* out, uint32_t character) {
  if (needs_escape(character) || (character >= 0x100 && character < 0x10000)) return write_unit(out, character);
  if (character < 0x100) {
    *out++ = static_cast<char>(character);
    return out;
  }
  out = write_unit(out, 0xD800 + ((character - 0x10000) >> 10));
  return write_unit(out, 0xDC00 + ((character - 0x10000) & 0x3FF));
}

template <class Character>
void write_string(TextBuffer& text, const Character* characters, size_t length) {
  char* out = text.room(length * kMostForCharacter + 2);
  *out++ = '"';
  for (size_t i = 0; i < length; ++i) out = write_character(out, characters[i]);
  *out++ = '"';
  text.advance(out);
}

void write_one_byte_string(TextBuffer& text, const uint8_t* bytes, size_t length) {
  if (has_escapes(bytes, length)) return write_string(text, bytes, length);
  char* out = text.room(length + 2);
  *out++ = '"';
  std::memcpy(out, bytes, length);
  out[length] = '"';
  text.advance(out + length + 1);
}

void write_python_string(TextBuffer& text, PyObject* string) {
  const auto length = static_cast<size_t>(PyUnicode_GET_LENGTH(string));
  switch (PyUnicode_KIND(string)) {
    case PyUnicode_1BYTE_KIND:
      return write_one_byte_string(text, PyUnicode_1BYTE_DATA(string), length);
    case PyUnicode_2BYTE_KIND:
      return write_string(text, PyUnicode_2BYTE_DATA(string), length);
    default:
      return write_string(text, PyUnicode_4BYTE_DATA(string), length);
  }
}

// A pair of them would be one character in the text.
bool has_surrogates(PyObject* string) {
  if (PyUnicode_KIND(string) == PyUnicode_1BYTE_KIND) return false;
  for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(string); ++i) {
    if (Py_UNICODE_IS_SURROGATE(PyUnicode_READ_CHAR(string, i))) return true;
  }
  return false;
}

}  // namespace

void TextBuffer::grow(size_t bytes) {
  const size_t used = size();
  const size_t capacity = std::max(2 * used, used + bytes) + 4096;
  if (capacity > 2 * kMostText) throw NoText();
  std::unique_ptr<char[]> larger(new char[capacity]);
  std::memcpy(larger.get(), begin(), used);
  many_ = std::move(larger);
  at_ = many_.get() + used;
  end_ = many_.get() + capacity;
}

JsonText::JsonText(FromPython& one_by_one) : one_by_one_(one_by_one), isolate_(one_by_one.isolate()) {
  constexpr size_t kFew = 16;  // enough for what most calls pass
  containers_.reserve(kFew);
  pairs_.reserve(2 * kFew);
}

JsonText::~JsonText() {
  for (PyObject* object : pairs_) give_back(object);
}

v8::MaybeLocal<v8::Value> JsonText::convert(PyObject* object) {
  if (!PyDict_Check(object) && is_row(object)) return row(object);
  try {
    container(object);
    look_at_room();
  } catch (const NoText&) {
    return {};
  }
  v8::Local<v8::Value> root;
  if (!parsed().ToLocal(&root)) return {};
  one_by_one_.put(v8::Just(true));
  containers_[0].object = root.As<v8::Object>();
  one_by_one_.set_text(this);
  for (const Patch& each : patches_) apply(each);
  one_by_one_.set_text(nullptr);
  return root;
}

// ---------------------------------------------------------------- writing

void JsonText::value(PyObject* object) {
  if (++values_ % kBreath == 0) {
    look_at_room();
    take_breath(one_by_one_.context());
  }
  if (PyUnicode_Check(object)) return string(object);
  if (object == Py_None) return text_.put("null");
  if (object == Py_True) return text_.put("true");
  if (object == Py_False) return text_.put("false");
  if (PyFloat_Check(object)) return number(PyFloat_AS_DOUBLE(object));
  if (PyLong_Check(object)) return integer(object);
  if (PyDict_CheckExact(object) || PyList_CheckExact(object) || PyTuple_CheckExact(object)) return container(object);
  other(object);
}

void JsonText::string(PyObject* object) {
  const size_t longest = PyUnicode_KIND(object) == PyUnicode_1BYTE_KIND ? kLongString : kLongWideString;
  if (static_cast<size_t>(PyUnicode_GET_LENGTH(object)) > longest) {
    return patch(string_from_python(isolate_, object), nullptr);
  }
  write_python_string(text_, object);
}

void JsonText::number(double number) {
  constexpr size_t kMostDigits = 32;
  if (std::isnan(number)) return patch(v8::Number::New(isolate_, number), nullptr);
  if (std::isinf(number)) return number > 0 ? text_.put("1e999") : text_.put("-1e999");
  char* out = text_.room(kMostDigits);
  text_.advance(std::to_chars(out, out + kMostDigits, number).ptr);
}

void JsonText::integer(PyObject* object) {
  constexpr size_t kMostDigits = 32;
  constexpr auto kMost = static_cast<long long>(kMaxSafe);
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
  const bool is_plain = PyLong_CheckExact(object) || !FromPython::is_bigint(object);
  if (overflow != 0 || number > kMost || number < -kMost || !is_plain) {
    return patch(one_by_one_.integer(object), nullptr);
  }
  char* out = text_.room(kMostDigits);
  text_.advance(std::to_chars(out, out + kMostDigits, number).ptr);
}

void JsonText::container(PyObject* object) {
  check_native_stack();
  const auto [number, is_new] = numbered(object);
  if (!is_new) return patch({}, object);
  FromPython::checked_length(object);
  if (PyDict_Check(object)) return properties(object, number);
  if (number > 0 && is_row(object)) {
    containers_[number].object = row(object);
    return patch(containers_[number].object, nullptr);
  }
  elements(object, number);
}

// A long row of strings, or of numbers that are mostly floats: V8's keeping of one copy of each short string, and the
// digits of floats, cost more than a question for each element. Exact types, of which none runs Python code.
bool JsonText::is_row(PyObject* sequence) {
  constexpr Py_ssize_t kLong = 32;
  const Py_ssize_t length = PySequence_Fast_GET_SIZE(sequence);
  if (length < kLong) return false;
  PyObject** items = PySequence_Fast_ITEMS(sequence);
  const auto count = [items, length](PyTypeObject* type) {
    return std::count_if(items, items + length, [type](PyObject* item) { return Py_TYPE(item) == type; });
  };
  const Py_ssize_t floats = count(&PyFloat_Type);
  return floats > length / 2 ? floats + count(&PyLong_Type) == length : count(&PyUnicode_Type) == length;
}

v8::Local<v8::Object> JsonText::row(PyObject* sequence) {
  constexpr Py_ssize_t kMostHandles = Py_ssize_t{1} << 20;
  const Py_ssize_t length = FromPython::checked_length(sequence);
  PyObject** items = PySequence_Fast_ITEMS(sequence);
  if (PyUnicode_CheckExact(items[0]) && length <= kMostHandles) {
    std::vector<v8::Local<v8::Value>> strings;
    strings.reserve(static_cast<size_t>(length));
    for (Py_ssize_t i = 0; i < length; ++i) {
      strings.push_back(string_from_python(isolate_, items[i]));
      one_by_one_.put(v8::Just(true));
    }
    return v8::Array::New(isolate_, strings.data(), strings.size());
  }
  v8::Local<v8::Array> array = v8::Array::New(isolate_, static_cast<int>(std::min(length, kMostHandles)));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); ++i) {
    v8::HandleScope handles(isolate_);
    PyRef item = PyRef::borrow(PySequence_Fast_GET_ITEM(sequence, i));
    one_by_one_.put(
        array->CreateDataProperty(one_by_one_.local(), static_cast<uint32_t>(i), one_by_one_.convert(item.get())));
  }
  return array;
}

void JsonText::elements(PyObject* sequence, uint32_t number) {
  text_.put('[');
  // Converting an element may run Python code that changes a list: it is asked anew each time.
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); ++i) {
    if (i > 0) text_.put(',');
    PyRef item = PyRef::borrow(PySequence_Fast_GET_ITEM(sequence, i));
    container_ = number;
    index_ = static_cast<uint32_t>(i);
    name_ = nullptr;
    value(item.get());
  }
  text_.put(']');
}

void JsonText::properties(PyObject* dict, uint32_t number) {
  const size_t first = pairs_.size();
  PyObject *key, *item;
  Py_ssize_t position = 0, texts = 0, ints = 0;
  while (PyDict_Next(dict, &position, &key, &item) != 0) {
    pairs_.push_back(Py_NewRef(key));
    pairs_.push_back(Py_NewRef(item));
    texts += PyUnicode_CheckExact(key) && !has_surrogates(key) ? 1 : 0;
    ints += PyLong_CheckExact(key) ? 1 : 0;
  }
  // 1 and "1" would be one name in the text, and a place must have one value; so would a character and its surrogates.
  const Py_ssize_t count = PyDict_GET_SIZE(dict);
  if (texts != count && ints != count) throw NoText();
  const size_t last = pairs_.size();
  text_.put('{');
  for (size_t i = first; i < last; i += 2) {
    if (i > first) text_.put(',');
    if (!PyUnicode_Check(pairs_[i])) Py_SETREF(pairs_[i], FromPython::key(pairs_[i]).release());
    write_python_string(text_, pairs_[i]);
    text_.put(':');
    container_ = number;
    name_ = pairs_[i];
    value(pairs_[i + 1]);
  }
  text_.put('}');
  for (; pairs_.size() > first; pairs_.pop_back()) Py_DECREF(pairs_.back());
}

void JsonText::other(PyObject* object) {
  if (object == proxy_hooks().undefined) return patch(v8::Undefined(isolate_), nullptr);
  if (Value* found = proxy_hooks().find(object)) {
    return patch(one_by_one_.proxied(static_cast<ValueImpl&>(*found)), nullptr);
  }
  if (PyDict_Check(object) || PyList_Check(object) || PyTuple_Check(object)) return container(object);
  if (FromPython::is_set(object)) return patch({}, object);
  const Place place = here();
  others_.push_back(one_by_one_.other(object));
  if (!others_.back().instead) return patch(others_.back().value, nullptr);
  PyRef instead = PyRef::borrow(others_.back().instead.get());
  container_ = place.container;
  index_ = place.index;
  name_ = place.name.get();
  value(instead.get());
}

Place JsonText::here() const { return {container_, index_, PyRef::borrow(name_)}; }

void JsonText::patch(v8::Local<v8::Value> value, PyObject* source) {
  text_.put("null");
  patches_.push_back({here(), value, PyRef::borrow(source)});
}

// What V8 makes of the text, by a generous estimate, has to fit in its heap: it can't be stopped on its way.
void JsonText::look_at_room() const {
  constexpr size_t kContainer = 72, kValue = 24;  // bytes
  if (text_.size() < kLetOthersIn) return;
  if (text_.size() > kMostText) throw NoText();
  v8::HeapStatistics heap;
  isolate_->GetHeapStatistics(&heap);
  const size_t limit_of_ours = one_by_one_.context().isolate().options.heap_limit;
  const size_t limit = limit_of_ours > 0 ? std::min(limit_of_ours, heap.heap_size_limit()) : heap.heap_size_limit();
  const size_t used = heap.used_heap_size() + heap.external_memory();
  const size_t wanted = containers_.size() * kContainer + values_ * kValue + 2 * text_.size();
  if (used + wanted > limit || address_space_left() < used + 2 * wanted + kSpareAddressSpace) throw NoText();
}

// ---------------------------------------------------------------- containers by number

size_t JsonText::slot_of(PyObject* object) const {
  const size_t mask = slots_.size() - 1;
  auto hash = reinterpret_cast<uintptr_t>(object) * 0x9E3779B97F4A7C15u;
  size_t slot = (hash >> 32) & mask;
  while (slots_[slot] != 0 && containers_[slots_[slot] - 1].source.get() != object) slot = (slot + 1) & mask;
  return slot;
}

std::pair<uint32_t, bool> JsonText::numbered(PyObject* object) {
  if (slots_.size() < 2 * (containers_.size() + 1)) {
    slots_.assign(std::max<size_t>(16, 2 * slots_.size()), 0);
    for (uint32_t i = 0; i < containers_.size(); ++i) slots_[slot_of(containers_[i].source.get())] = i + 1;
  }
  const size_t slot = slot_of(object);
  if (slots_[slot] != 0) return {slots_[slot] - 1, false};
  containers_.push_back({PyRef::borrow(object), here(), {}});
  slots_[slot] = static_cast<uint32_t>(containers_.size());
  return {static_cast<uint32_t>(containers_.size() - 1), true};
}

// ---------------------------------------------------------------- what V8 made

v8::MaybeLocal<v8::Value> JsonText::parsed() {
  v8::TryCatch caught(isolate_);
  v8::Isolate::SuppressMicrotaskExecutionScope no_microtasks(isolate_);
  std::optional<GilRelease> nogil;
  if (text_.size() > kLetOthersIn) nogil.emplace();
  v8::Local<v8::String> text;
  if (!v8::String::NewFromOneByte(isolate_, reinterpret_cast<const uint8_t*>(text_.begin()), v8::NewStringType::kNormal,
                                  static_cast<int>(text_.size()))
           .ToLocal(&text)) {
    return {};
  }
  return v8::JSON::Parse(one_by_one_.local(), text);
}

v8::MaybeLocal<v8::Object> JsonText::find(PyObject* container) {
  const uint32_t found = slots_[slot_of(container)];
  if (found == 0) return {};
  return object_of(found - 1);
}

// On the way down from the nearest container whose object is known. They are as they were parsed, without accessors.
v8::Local<v8::Object> JsonText::object_of(uint32_t number) {
  std::vector<uint32_t> way;
  for (; containers_[number].object.IsEmpty(); number = containers_[number].place.container) way.push_back(number);
  v8::Local<v8::Object> object = containers_[number].object;
  v8::Local<v8::Context> context = one_by_one_.local();
  for (; !way.empty(); way.pop_back()) {
    Container& next = containers_[way.back()];
    v8::Local<v8::Value> found;
    const bool done = next.place.name
                          ? object->Get(context, string_from_python(isolate_, next.place.name.get())).ToLocal(&found)
                          : object->Get(context, next.place.index).ToLocal(&found);
    if (!done || !found->IsObject()) throw Error(ErrorCode::kInternal, "a converted object was lost");
    next.object = object = found.As<v8::Object>();
  }
  return object;
}

void JsonText::apply(const Patch& patch) {
  v8::Local<v8::Value> value = patch.value.IsEmpty() ? one_by_one_.convert(patch.source.get()) : patch.value;
  v8::Local<v8::Object> object = object_of(patch.place.container);
  v8::Local<v8::Context> context = one_by_one_.local();
  one_by_one_.put(patch.place.name
                      ? object->CreateDataProperty(context, string_from_python(isolate_, patch.place.name.get()), value)
                      : object->CreateDataProperty(context, patch.place.index, value));
}

}  // namespace v8snap
