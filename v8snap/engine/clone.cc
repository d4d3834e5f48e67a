// Deep copies by way of V8's serialised form, what structured clones are made of: V8 writes a graph of objects in one
// go, several times as fast as it answers one question for each property. ARCHITECTURE.md says when that will not do.
#include <cstring>

#include "conversion.hpp"

namespace v8snap {

namespace {

// The form has no place for it, or it is not what the slow way would give.
class NotThisWay {};

constexpr size_t kMostBytes = size_t{1} << 27;    // beyond it the slow way, which can be stopped in the middle
constexpr size_t kLetOthersIn = size_t{1} << 19;  // a copy of so many bytes is worth giving the GIL away

// ---------------------------------------------------------------- writing

// Nothing of Python's is touched here: the GIL may be away.
class CloneWriter final : public v8::ValueSerializer::Delegate {
 public:
  explicit CloneWriter(ContextImpl& context)
      : isolate_(context.isolate()), local_(context.local()), serializer_(isolate_.v8, this) {
    serializer_.SetTreatArrayBufferViewsAsHostObjects(true);
  }

  ~CloneWriter() override { std::free(bytes_); }

  // False where V8 can't, or would have to run JavaScript for it.
  bool write(v8::Local<v8::Value> value) {
    using NoJavaScript = v8::Isolate::DisallowJavascriptExecutionScope;
    v8::TryCatch caught(isolate_.v8);
    // Natives of ours that are getters are called nevertheless, and refuse by this.
    const bool before = std::exchange(isolate_.javascript_forbidden, true);
    bool written = false;
    {
      v8::Isolate::SuppressMicrotaskExecutionScope no_microtasks(isolate_.v8);
      NoJavaScript no_javascript(isolate_.v8, NoJavaScript::THROW_ON_FAILURE);
      serializer_.WriteHeader();
      written = serializer_.WriteValue(local_, value).FromMaybe(false);
    }
    isolate_.javascript_forbidden = before;
    nogil_.reset();
    std::tie(bytes_, size_) = serializer_.Release();
    return written;
  }

  const uint8_t* begin() const { return bytes_; }
  const uint8_t* end() const { return bytes_ + size_; }
  const std::vector<HeldBuffer>& buffers() const { return buffers_; }

 private:
  void ThrowDataCloneError(v8::Local<v8::String>) override { refuse(); }

  // V8 would leave it out without a word.
  v8::Maybe<uint32_t> GetWasmModuleTransferId(v8::Isolate*, v8::Local<v8::WasmModuleObject>) override {
    refuse();
    return v8::Nothing<uint32_t>();
  }

  v8::Maybe<bool> WriteHostObject(v8::Isolate*, v8::Local<v8::Object> object) override {
    try {
      if (object->IsArrayBufferView()) {
        serializer_.WriteUint32(static_cast<uint32_t>(buffers_.size()));
        buffers_.push_back(hold_buffer(isolate_, object));
        return v8::Just(true);
      }
    } catch (...) {
      // Detached, or no memory: the slow way says so. Nothing may be thrown through V8's frames.
    }
    refuse();
    return v8::Nothing<bool>();
  }

  void refuse() { isolate_.v8->ThrowException(v8::Null(isolate_.v8)); }

  void* ReallocateBufferMemory(void* old, size_t size, size_t* actual) override {
    if (size > kMostBytes || isolate_.stop_reason != StopReason::kNone) return nullptr;
    if (size > kLetOthersIn && !nogil_) nogil_.emplace();
    // Much more than asked for: memory that isn't written to costs nothing, moving it does.
    constexpr size_t kLeast = 4096, kFactor = 4;
    *actual = std::clamp(kFactor * size, kLeast, kMostBytes);
    return std::realloc(old, *actual);
  }

  void FreeBufferMemory(void* buffer) override { std::free(buffer); }

  IsolateImpl& isolate_;
  v8::Local<v8::Context> local_;
  v8::ValueSerializer serializer_;
  std::vector<HeldBuffer> buffers_;
  std::optional<GilRelease> nogil_;
  uint8_t* bytes_ = nullptr;
  size_t size_ = 0;
};

// ---------------------------------------------------------------- reading

// Tags of V8's src/objects/value-serializer.cc, versions 13 to 15 of the form.
enum Tag : uint8_t {
  kPadding = '\0',
  kHole = '-',
  kUndefined = '_',
  kNull = '0',
  kTrue = 'T',
  kFalse = 'F',
  kInt32 = 'I',
  kUint32 = 'U',
  kDouble = 'N',
  kBigInt = 'Z',
  kOneByteString = '"',
  kTwoByteString = 'c',
  kReference = '^',
  kObject = 'o',
  kObjectEnd = '{',
  kSparseArray = 'a',
  kSparseArrayEnd = '@',
  kDenseArray = 'A',
  kDenseArrayEnd = '$',
  kDate = 'D',
  kTrueObject = 'y',
  kFalseObject = 'x',
  kNumberObject = 'n',
  kBigIntObject = 'z',
  kStringObject = 's',
  kMap = ';',
  kMapEnd = ':',
  kSet = '\'',
  kSetEnd = ',',
  kArrayBuffer = 'B',
  kHostObject = '\\',
  kVersion = 0xFF,
};

// Python's garbage collector looks at what is new as often as many objects were made, and in a copy all of them are in
// use.
class NoCollections {
 public:
  NoCollections() : was_on_(PyGC_Disable() != 0) {}
  ~NoCollections() {
    if (was_on_) PyGC_Enable();
  }
  NoCollections(const NoCollections&) = delete;

 private:
  bool was_on_;
};

class CloneReader {
 public:
  CloneReader(ContextImpl& context, const CloneWriter& clone)
      : context_(context), at_(clone.begin()), end_(clone.end()), buffers_(clone.buffers()) {}

  PyRef read() {
    constexpr uint32_t kOldest = 13, kNewest = 15;
    if (byte() != kVersion) throw NotThisWay();
    const uint32_t version = varint();
    if (version < kOldest || version > kNewest) throw NotThisWay();
    PyRef result = value();
    if (at_ != end_) throw NotThisWay();
    return result;
  }

 private:
  // ---------------------------------------------------------------- bytes

  void need(size_t bytes) const {
    if (static_cast<size_t>(end_ - at_) < bytes) throw NotThisWay();
  }

  uint8_t byte() {
    need(1);
    return *at_++;
  }

  uint8_t peek_tag() {
    while (at_ != end_ && *at_ == kPadding) ++at_;
    need(1);
    return *at_;
  }

  uint8_t tag() {
    const uint8_t tag = peek_tag();
    ++at_;
    return tag;
  }

  uint32_t varint() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;  // nearly all of them
    uint32_t result = 0;
    for (unsigned shift = 0; shift < 32; shift += 7) {
      const uint8_t next = byte();
      result |= static_cast<uint32_t>(next & 0x7F) << shift;
      if (next < 0x80) return result;
    }
    throw NotThisWay();
  }

  const uint8_t* raw(size_t bytes) {
    need(bytes);
    const uint8_t* start = at_;
    at_ += bytes;
    return start;
  }

  // ---------------------------------------------------------------- values without parts

  PyObject* int32() {
    const uint32_t zigzag = varint();
    return PyLong_FromLong(static_cast<int32_t>((zigzag >> 1) ^ (0u - (zigzag & 1))));
  }

  double number() {
    double result;
    std::memcpy(&result, raw(sizeof result), sizeof result);
    return result;
  }

  PyObject* bigint() {
    const uint32_t bits = varint();
    const size_t bytes = bits >> 1;
    if (bytes % sizeof(uint64_t) != 0) throw NotThisWay();
    std::vector<uint64_t> words(bytes / sizeof(uint64_t));
    if (bytes > 0) std::memcpy(words.data(), raw(bytes), bytes);
    return bigint_to_python(words.data(), static_cast<int>(words.size()), (bits & 1) != 0);
  }

  PyObject* one_byte_string() {
    const uint32_t length = varint();
    return PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, raw(length), static_cast<Py_ssize_t>(length));
  }

  PyObject* two_byte_string() {
    const uint32_t bytes = varint();
    const uint8_t* units = raw(bytes);
    if (bytes % sizeof(uint16_t) != 0 || reinterpret_cast<uintptr_t>(units) % alignof(uint16_t) != 0)
      throw NotThisWay();
    return units_to_python(reinterpret_cast<const uint16_t*>(units), bytes / sizeof(uint16_t));
  }

  PyRef date() {
    PyRef made = date_to_python(number());
    if (!made) throw NotThisWay();  // it stays an object
    return made;
  }

  PyRef array_buffer() {
    const uint32_t bytes = varint();
    const auto* data = reinterpret_cast<const char*>(raw(bytes));
    return checked(PyBytes_FromStringAndSize(data, static_cast<Py_ssize_t>(bytes)));
  }

  PyRef buffer_view() {
    const uint32_t index = varint();
    if (index >= buffers_.size()) throw NotThisWay();
    return checked(held_buffer_to_python(buffers_[index]));
  }

  // ---------------------------------------------------------------- all of them

  static bool is_primitive(uint8_t tag) {
    switch (tag) {
      case kUndefined:
      case kNull:
      case kTrue:
      case kFalse:
      case kInt32:
      case kUint32:
      case kDouble:
      case kBigInt:
      case kOneByteString:
      case kTwoByteString:
        return true;
      default:
        return false;
    }
  }

  PyRef primitive(uint8_t tag) {
    switch (tag) {
      case kUndefined:
        return PyRef::borrow(proxy_hooks().undefined);
      case kNull:
        return PyRef::borrow(Py_None);
      case kTrue:
        return PyRef::borrow(Py_True);
      case kFalse:
        return PyRef::borrow(Py_False);
      case kInt32:
        return checked(int32());
      case kUint32:
        return checked(PyLong_FromUnsignedLong(varint()));
      case kDouble:
        return checked(double_to_python(number()));
      case kBigInt:
        return checked(bigint());
      case kOneByteString:
        return checked(one_byte_string());
      case kTwoByteString:
        return checked(two_byte_string());
      default:
        throw NotThisWay();
    }
  }

  // What `new Number(3)` and its like hold.
  PyRef wrapped(uint8_t tag) {
    switch (tag) {
      case kTrueObject:
        return PyRef::borrow(Py_True);
      case kFalseObject:
        return PyRef::borrow(Py_False);
      case kNumberObject:
        return checked(double_to_python(number()));
      case kBigIntObject:
        return checked(bigint());
      default:
        return primitive(this->tag());  // kStringObject: a string follows
    }
  }

  PyRef value() {
    if (++values_ % kBreath == 0) breathe();
    const uint8_t tag = this->tag();
    if (is_primitive(tag)) return primitive(tag);
    switch (tag) {
      case kReference:
        return known(varint());
      case kObject:
        return object();
      case kDenseArray:
        return dense_array();
      case kSparseArray:
        return sparse_array();
      case kMap:
        return map();
      case kSet:
        return set();
      case kDate:
        return remembered(date());
      case kTrueObject:
      case kFalseObject:
      case kNumberObject:
      case kBigIntObject:
      case kStringObject:
        return remembered(wrapped(tag));
      case kArrayBuffer:
        return remembered(array_buffer());
      case kHostObject:
        return remembered(buffer_view());
      default:
        throw NotThisWay();
    }
  }

  // ---------------------------------------------------------------- objects by number

  // Others see the garbage collector as they left it.
  void breathe() {
    no_collections_.reset();
    take_breath_in_run(context_);
    no_collections_.emplace();
  }

  // V8 numbers objects in the order in which it meets them.
  PyRef remembered(PyRef object) {
    objects_.push_back(PyRef::borrow(object.get()));
    return object;
  }

  PyRef known(uint32_t number) const {
    if (number >= objects_.size()) throw NotThisWay();
    return PyRef::borrow(objects_[number].get());
  }

  // ---------------------------------------------------------------- values with parts

  PyRef name() {
    const uint8_t tag = this->tag();
    if (tag == kOneByteString) {
      const uint32_t length = varint();
      return recent_name(raw(length), length);
    }
    if (tag != kTwoByteString && tag != kInt32 && tag != kUint32 && tag != kDouble) throw NotThisWay();
    PyRef key = primitive(tag);
    return tag == kTwoByteString ? std::move(key) : checked(PyObject_Str(key.get()));
  }

  void end(uint8_t expected_tag, uint32_t expected_count) {
    if (tag() != expected_tag || varint() != expected_count) throw NotThisWay();
  }

  // Pairs up to the tag that ends them, their first halves by `read_key`: how many.
  template <PyRef (CloneReader::*read_key)()>
  uint32_t pairs(PyObject* dict, uint8_t end_tag) {
    uint32_t count = 0;
    for (; peek_tag() != end_tag; ++count) {
      PyRef key = (this->*read_key)();
      PyRef item = value();
      checked(PyDict_SetItem(dict, key.get(), item.get()));
    }
    return count;
  }

  PyRef object() {
    check_native_stack();
    PyRef dict = remembered(checked(PyDict_New()));
    end(kObjectEnd, pairs<&CloneReader::name>(dict.get(), kObjectEnd));
    return dict;
  }

  // An empty list with room for `length` elements.
  static PyRef list_with_room(size_t length) {
    PyRef list = checked(PyList_New(static_cast<Py_ssize_t>(length)));
    Py_SET_SIZE(list.get(), 0);
    return list;
  }

  static void append(PyObject* list, PyRef item) {
    const Py_ssize_t size = PyList_GET_SIZE(list);
    if (size >= reinterpret_cast<PyListObject*>(list)->allocated) {
      checked(PyList_Append(list, item.get()));
      return;
    }
    PyList_SET_ITEM(list, size, item.release());
    Py_SET_SIZE(list, size + 1);
  }

  PyRef dense_array() {
    check_native_stack();
    const uint32_t length = varint();
    need(length);  // each takes a byte at least
    PyRef list = remembered(list_with_room(length));
    for (uint32_t i = 0; i < length; ++i) {
      if (peek_tag() == kHole) throw NotThisWay();
      append(list.get(), value());
    }
    other_properties(kDenseArrayEnd, 0, length);
    return list;
  }

  // One that may have holes, with its elements as properties. Where one isn't there, the array's prototype is asked, or
  // the element is there but not enumerable: that is for the slow way.
  PyRef sparse_array() {
    check_native_stack();
    const uint32_t length = varint();
    need(length);
    PyRef list = remembered(list_with_room(length));
    for (uint32_t i = 0; i < length; ++i) {
      if (!is_index(i)) throw NotThisWay();
      append(list.get(), value());
    }
    other_properties(kSparseArrayEnd, length, length);
    return list;
  }

  bool is_index(uint32_t expected) {
    switch (tag()) {
      case kInt32:
        return varint() == expected << 1;
      case kUint32:
        return varint() == expected;
      case kDouble:
        return number() == expected;
      default:
        return false;
    }
  }

  // Those of an array have no place in a list. They are read for the numbers of their objects.
  void other_properties(uint8_t expected_tag, uint32_t count, uint32_t length) {
    for (; peek_tag() != expected_tag; ++count) {
      (void)name();
      (void)value();
    }
    end(expected_tag, count);
    if (varint() != length) throw NotThisWay();
  }

  // Lists and dicts can't be keys, and two keys of JavaScript's may be one in Python: both for the slow way.
  PyRef key() {
    ++values_;
    const uint8_t tag = this->tag();
    if (!is_primitive(tag)) throw NotThisWay();
    return primitive(tag);
  }

  PyRef map() {
    check_native_stack();
    PyRef dict = remembered(checked(PyDict_New()));
    const uint32_t count = pairs<&CloneReader::key>(dict.get(), kMapEnd);
    end(kMapEnd, 2 * count);
    if (PyDict_GET_SIZE(dict.get()) != static_cast<Py_ssize_t>(count)) throw NotThisWay();
    return dict;
  }

  PyRef set() {
    PyRef set = remembered(checked(PySet_New(nullptr)));
    uint32_t count = 0;
    for (; peek_tag() != kSetEnd; ++count) checked(PySet_Add(set.get(), key().get()));
    end(kSetEnd, count);
    if (PySet_GET_SIZE(set.get()) != static_cast<Py_ssize_t>(count)) throw NotThisWay();
    return set;
  }

  ContextImpl& context_;
  const uint8_t* at_;
  const uint8_t* end_;
  const std::vector<HeldBuffer>& buffers_;
  std::vector<PyRef> objects_;
  std::optional<NoCollections> no_collections_{std::in_place};
  uint32_t values_ = 0;
};

}  // namespace

PyRef quick_copy(ContextImpl& context, v8::Local<v8::Value> value) {
  CloneWriter clone(context);
  if (!clone.write(value)) return PyRef();
  try {
    return CloneReader(context, clone).read();
  } catch (const NotThisWay&) {
    return PyRef();
  }
}

}  // namespace v8snap
