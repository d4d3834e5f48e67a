// Python data as JSON text for V8's parser, which makes objects several times as fast as the API does.
#pragma once

#include "from_python.hpp"

namespace v8snap {

// A buffer of characters that grows.
class TextBuffer {
 public:
  TextBuffer() = default;
  TextBuffer(const TextBuffer&) = delete;

  // Where so many bytes may be written; advance() says how many were.
  char* room(size_t bytes) {
    if (static_cast<size_t>(end_ - at_) < bytes) grow(bytes);
    return at_;
  }
  void advance(char* to) { at_ = to; }
  void put(char character) {
    *room(1) = character;
    ++at_;
  }
  template <size_t size>
  void put(const char (&text)[size]) {
    std::copy_n(text, size - 1, room(size - 1));
    at_ += size - 1;
  }
  const char* begin() const { return many_ ? many_.get() : few_; }
  size_t size() const { return static_cast<size_t>(at_ - begin()); }

 private:
  void grow(size_t bytes);

  char few_[1024];
  std::unique_ptr<char[]> many_;
  char* at_ = few_;
  char* end_ = few_ + sizeof few_;
};

// Where a value is in the data: element `index` or property `name` of a container, by its number.
struct Place {
  uint32_t container = 0;
  uint32_t index = 0;
  PyRef name;
};

// What JSON can't say is `null` in the text and put in its place afterwards: functions, dates, buffers, proxies and the
// like, and each further way to a container that was written already.
class JsonText {
 public:
  explicit JsonText(FromPython& one_by_one);
  ~JsonText();
  JsonText(const JsonText&) = delete;

  // Of a dict, list or tuple. Empty where it has to be converted in another way: too much text, too little room in the
  // heap.
  v8::MaybeLocal<v8::Value> convert(PyObject* container);
  // What was converted one by one, where the rest will have to be.
  std::vector<FromPython::Other> take_others() { return std::move(others_); }
  // What a container became that was written already.
  v8::MaybeLocal<v8::Object> find(PyObject* container);

 private:
  struct Container {
    PyRef source;  // its address is the key: nothing else may get it
    Place place;   // of the first one, the root, unused
    v8::Local<v8::Object> object;
  };
  struct Patch {
    Place place;
    v8::Local<v8::Value> value;  // empty: `source` is converted when it is put in
    PyRef source;
  };

  // Throws NoText.
  void value(PyObject* object);
  void string(PyObject* object);
  void number(double number);
  void integer(PyObject* object);
  void container(PyObject* object);
  void elements(PyObject* sequence, uint32_t number);
  static bool is_row(PyObject* sequence);
  v8::Local<v8::Object> row(PyObject* sequence);
  void properties(PyObject* dict, uint32_t number);
  void other(PyObject* object);
  void patch(v8::Local<v8::Value> value, PyObject* source);
  Place here() const;
  void look_at_room() const;

  // The container's number; the second is whether it is a new one.
  std::pair<uint32_t, bool> numbered(PyObject* object);
  size_t slot_of(PyObject* object) const;

  v8::MaybeLocal<v8::Value> parsed();
  v8::Local<v8::Object> object_of(uint32_t number);
  void apply(const Patch& patch);

  FromPython& one_by_one_;
  v8::Isolate* isolate_;
  TextBuffer text_;
  std::vector<Container> containers_;
  std::vector<uint32_t> slots_;  // numbers + 1 of containers, by address
  std::vector<Patch> patches_;
  std::vector<FromPython::Other> others_;
  std::vector<PyObject*> pairs_;  // owned: keys and values of the dicts that are being written
  size_t values_ = 0;
  // Where the value is that is being written.
  uint32_t container_ = 0;
  uint32_t index_ = 0;
  PyObject* name_ = nullptr;  // borrowed
};

}  // namespace v8snap
