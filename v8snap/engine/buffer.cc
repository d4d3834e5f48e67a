// ArrayBuffers and views on them: their memory for Python, and Python's memory for them.
#include "v8snap/buffer.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "internal.hpp"

namespace v8snap {

// ---------------------------------------------------------------- memory

bool BufferAllocator::take(size_t length) {
  const size_t before = used_.fetch_add(length);
  // V8 dies where a small typed array that it kept in its own heap gets no memory.
  constexpr size_t kAlwaysGiven = 4096;
  constexpr size_t kLarge = 65536;  // many smaller ones are seen by the collector
  const bool fits = limit_ == 0 || before + length <= limit_;
  const bool has_room = length < kLarge || address_space_left() > length + kSpareAddressSpace;
  if ((fits && has_room) || length <= kAlwaysGiven) return true;
  used_ -= length;
  refused_ = true;
  return false;
}

void* BufferAllocator::Allocate(size_t length) {
  if (!take(length)) return nullptr;
  void* data = std::calloc(std::max<size_t>(length, 1), 1);
  if (data == nullptr) used_ -= length;
  return data;
}

void* BufferAllocator::AllocateUninitialized(size_t length) {
  if (!take(length)) return nullptr;
  void* data = std::malloc(std::max<size_t>(length, 1));
  if (data == nullptr) used_ -= length;
  return data;
}

void BufferAllocator::Free(void* data, size_t length) {
  used_ -= length;
  std::free(data);
}

// ---------------------------------------------------------------- V8 to Python

namespace {

struct ItemType {
  const char* format;  // of Python's struct
  Py_ssize_t size;
};

ItemType item_type(v8::Local<v8::Value> value) {
  if (value->IsInt8Array()) return {"b", 1};
  if (value->IsInt16Array()) return {"h", 2};
  if (value->IsUint16Array()) return {"H", 2};
  if (value->IsInt32Array()) return {"i", 4};
  if (value->IsUint32Array()) return {"I", 4};
  if (value->IsFloat32Array()) return {"f", 4};
  if (value->IsFloat64Array()) return {"d", 8};
  if (value->IsBigInt64Array()) return {"q", 8};
  if (value->IsBigUint64Array()) return {"Q", 8};
  if (compat::is_float16_array(value)) return {"e", 2};
  return {"B", 1};
}

// A part of a backing store, or a copy of one.
class BufferViewImpl final : public BufferView {
 public:
  BufferViewImpl(std::shared_ptr<v8::BackingStore> store, size_t offset, size_t length, ItemType type)
      : store_(std::move(store)),
        offset_(offset),
        length_(length),
        type_(type),
        shape_(static_cast<Py_ssize_t>(length) / type.size),
        strides_(type.size) {}

  void copy() {
    copy_.resize(std::max<size_t>(length_, 1));
    if (length_ > 0) std::memcpy(copy_.data(), data(), length_);
    store_.reset();
  }

  void* data() const override {
    if (store_ == nullptr) return const_cast<char*>(copy_.data());
    static char nothing;
    return store_->Data() == nullptr ? &nothing : static_cast<char*>(store_->Data()) + offset_;
  }
  Py_ssize_t byte_length() const override { return static_cast<Py_ssize_t>(length_); }
  bool readonly() const override { return store_ == nullptr; }
  const char* format() const override { return type_.format; }
  Py_ssize_t item_size() const override { return type_.size; }
  Py_ssize_t* shape() override { return &shape_; }
  Py_ssize_t* strides() override { return &strides_; }

 private:
  std::shared_ptr<v8::BackingStore> store_;
  size_t offset_;
  size_t length_;
  ItemType type_;
  Py_ssize_t shape_;
  Py_ssize_t strides_;
  std::vector<char> copy_;
  Counted<LiveKind::kView> counted_;
};

[[noreturn]] void throw_detached() { throw Error(ErrorCode::kConversion, "the ArrayBuffer is detached"); }

// The buffer of a view, or what is one itself. V8 gives a view's shared buffer under the other class.
v8::Local<v8::Value> buffer_of(v8::Local<v8::Value> value) {
  return value->IsArrayBufferView() ? value.As<v8::ArrayBufferView>()->Buffer().As<v8::Value>() : value;
}

bool is_detached(v8::Local<v8::Value> buffer) {
  return !buffer->IsSharedArrayBuffer() && buffer.As<v8::ArrayBuffer>()->WasDetached();
}

size_t byte_length_of(v8::Local<v8::Value> buffer) {
  return buffer->IsSharedArrayBuffer() ? buffer.As<v8::SharedArrayBuffer>()->ByteLength()
                                       : buffer.As<v8::ArrayBuffer>()->ByteLength();
}

std::shared_ptr<v8::BackingStore> memory_of(v8::Local<v8::Value> buffer) {
  return buffer->IsSharedArrayBuffer() ? buffer.As<v8::SharedArrayBuffer>()->GetBackingStore()
                                       : buffer.As<v8::ArrayBuffer>()->GetBackingStore();
}

std::unique_ptr<BufferViewImpl> view_of(const IsolateImpl& isolate, v8::Local<v8::Value> value) {
  const v8::Local<v8::Value> buffer = buffer_of(value);
  if (is_detached(buffer)) throw_detached();
  std::shared_ptr<v8::BackingStore> memory = memory_of(buffer);
  size_t offset = 0, length = byte_length_of(buffer);
  if (value->IsArrayBufferView()) {
    offset = value.As<v8::ArrayBufferView>()->ByteOffset();
    length = value.As<v8::ArrayBufferView>()->ByteLength();
  }
  auto view = std::make_unique<BufferViewImpl>(std::move(memory), offset, length, item_type(value));
  // What JavaScript makes smaller is no memory any more; a creator's memory goes with it.
  const bool may_shrink = !buffer->IsSharedArrayBuffer() && compat::can_shrink(buffer.As<v8::ArrayBuffer>());
  if (isolate.is_creator || may_shrink) view->copy();
  return view;
}

// V8 keeps a WebAssembly memory out of children made by fork; what Python sees should be there.
void take_along_to_forks(const BufferView& view) {
  constexpr uintptr_t kPage = 4096;
  const auto start = reinterpret_cast<uintptr_t>(view.data());
  const auto length = static_cast<size_t>(view.byte_length());
  if (start % kPage == 0 && length > 0 && length % kPage == 0) madvise(view.data(), length, MADV_DOFORK);
}

}  // namespace

std::unique_ptr<BufferView> view_buffer(Value& value) {
  auto& self = static_cast<ValueImpl&>(value);
  Visit visit(self.context());
  auto view = view_of(self.isolate(), self.local());
  take_along_to_forks(*view);
  return view;
}

bool buffer_detached(Value& value) {
  auto& self = static_cast<ValueImpl&>(value);
  Visit visit(self.context());
  return is_detached(buffer_of(self.local()));
}

HeldBuffer hold_buffer(const IsolateImpl& isolate, v8::Local<v8::Value> value) {
  return {view_of(isolate, value), value->IsTypedArray() && !value->IsUint8Array()};
}

PyObject* held_buffer_to_python(const HeldBuffer& held) {
  const BufferView& view = *held.view;
  PyRef bytes = checked(PyBytes_FromStringAndSize(static_cast<const char*>(view.data()), view.byte_length()));
  if (!held.is_array) return bytes.release();
  PyRef format = checked(PyUnicode_FromString(view.format()));
  return checked(PyObject_CallFunctionObjArgs(proxy_hooks().array_from_bytes, format.get(), bytes.get(), nullptr))
      .release();
}

// ---------------------------------------------------------------- Python to V8

namespace {

class BorrowedBuffer {
 public:
  explicit BorrowedBuffer(PyObject* object) { checked(PyObject_GetBuffer(object, &view, PyBUF_FULL_RO)); }
  ~BorrowedBuffer() { PyBuffer_Release(&view); }
  BorrowedBuffer(const BorrowedBuffer&) = delete;

  Py_buffer view{};
};

[[noreturn]] void throw_format(const std::string& format) {
  throw Error(ErrorCode::kConversion, "no typed array for the buffer format '" + format + "'");
}

// What a format of Python's struct stands for: 'i' signed and 'u' unsigned integers, 'f' floats.
char kind_of_format(const Py_buffer& view) {
  std::string format = view.format == nullptr ? "B" : view.format;
  const std::string given = format;
  if (!format.empty() && (format[0] == '@' || format[0] == '=' || format[0] == '<')) format.erase(0, 1);
  if (format.size() != 1) throw_format(given);
  const std::string signed_ints = "bhilqn", unsigned_ints = "B?cHILQNP", floats = "fde";
  if (signed_ints.find(format) != std::string::npos) return 'i';
  if (unsigned_ints.find(format) != std::string::npos) return 'u';
  if (floats.find(format) != std::string::npos && (format != "e" || compat::kHasFloat16Arrays)) return 'f';
  throw_format(given);
}

v8::Local<v8::Value> new_typed_array(v8::Local<v8::ArrayBuffer> buffer, char kind, Py_ssize_t item, size_t length) {
  const bool is_signed = kind == 'i';
  if (kind == 'f' && item == 2) return compat::new_float16_array(buffer, length);
  if (kind == 'f' && item == 4) return v8::Float32Array::New(buffer, 0, length);
  if (kind == 'f') return v8::Float64Array::New(buffer, 0, length);
  switch (item) {
    case 1:
      return is_signed ? v8::Local<v8::Value>(v8::Int8Array::New(buffer, 0, length))
                       : v8::Local<v8::Value>(v8::Uint8Array::New(buffer, 0, length));
    case 2:
      return is_signed ? v8::Local<v8::Value>(v8::Int16Array::New(buffer, 0, length))
                       : v8::Local<v8::Value>(v8::Uint16Array::New(buffer, 0, length));
    case 4:
      return is_signed ? v8::Local<v8::Value>(v8::Int32Array::New(buffer, 0, length))
                       : v8::Local<v8::Value>(v8::Uint32Array::New(buffer, 0, length));
    default:
      return is_signed ? v8::Local<v8::Value>(v8::BigInt64Array::New(buffer, 0, length))
                       : v8::Local<v8::Value>(v8::BigUint64Array::New(buffer, 0, length));
  }
}

[[noreturn]] void throw_no_memory() {
  throw Error(ErrorCode::kMemory, "there is no memory for the buffer within the heap limit");
}

// V8's own way of making memory ends the process where there is none.
v8::Local<v8::ArrayBuffer> new_buffer(IsolateImpl& isolate, const char* data, size_t size) {
  using Owner = std::shared_ptr<BufferAllocator>;  // the memory may outlive the isolate
  void* memory = isolate.allocator->AllocateUninitialized(size);
  if (memory == nullptr) {
    isolate.allocator->refused();
    throw_no_memory();
  }
  if (size > 0) std::memcpy(memory, data, size);
  auto free_memory = [](void* held, size_t length, void* taken) {
    const std::unique_ptr<Owner> owner(static_cast<Owner*>(taken));
    (*owner)->Free(held, length);
  };
  std::unique_ptr<v8::BackingStore> store =
      v8::ArrayBuffer::NewBackingStore(memory, size, free_memory, new Owner(isolate.allocator));
  return v8::ArrayBuffer::New(isolate.v8, std::move(store));
}

class FromBuffer {
 public:
  FromBuffer(ContextImpl& context, const Py_buffer& view)
      : context_(context), view_(view), kind_(kind_of_format(view)) {
    if (static_cast<size_t>(view.len) > compat::kMostTypedArrayBytes) {
      throw Error(ErrorCode::kConversion, "the buffer is longer than a typed array can be");
    }
    constexpr Py_ssize_t kMostRows = Py_ssize_t{1} << 22;
    Py_ssize_t rows = 1;
    for (int i = 0; i + 1 < view.ndim; ++i) {
      rows = view.shape[i] > kMostRows ? kMostRows + 1 : rows * view.shape[i];
      if (rows > kMostRows) throw Error(ErrorCode::kConversion, "the buffer has too many rows, each an array");
    }
    if (!context.isolate().allocator->has_room(static_cast<size_t>(view.len))) {
      throw_no_memory();
    }
    bytes_.resize(static_cast<size_t>(view.len));
    if (view.len > 0) checked(PyBuffer_ToContiguous(bytes_.data(), const_cast<Py_buffer*>(&view), view.len, 'C'));
  }

  v8::Local<v8::Value> convert(int dimension = 0, size_t offset = 0) {
    const auto length = static_cast<size_t>(view_.shape[dimension]);
    size_t size = static_cast<size_t>(view_.itemsize);
    for (int i = dimension; i < view_.ndim; ++i) size *= static_cast<size_t>(view_.shape[i]);
    if (dimension == view_.ndim - 1) {
      return new_typed_array(new_buffer(context_.isolate(), bytes_.data() + offset, size), kind_, view_.itemsize,
                             length);
    }
    v8::Isolate* isolate = context_.isolate().v8;
    v8::Local<v8::Context> local = isolate->GetCurrentContext();
    v8::Local<v8::Array> rows = v8::Array::New(isolate);
    for (size_t i = 0; i < length; ++i) {
      v8::HandleScope handles(isolate);
      count_row();
      const bool done = rows->CreateDataProperty(local, static_cast<uint32_t>(i),
                                                 convert(dimension + 1, offset + i * (size / length)))
                            .FromMaybe(false);
      if (!done) throw Error(ErrorCode::kInternal, "V8 refused an element of a new array");
    }
    return rows;
  }

 private:
  void count_row() {
    constexpr size_t kBreath = size_t{1} << 14;
    if (++rows_ % kBreath != 0) return;
    if (PyErr_CheckSignals() < 0) throw PythonError();
    if (std::exchange(context_.isolate().over_heap_limit, false)) {
      throw Error(ErrorCode::kMemory, "the converted data reached the heap limit");
    }
  }

  ContextImpl& context_;
  const Py_buffer& view_;
  size_t rows_ = 0;
  char kind_;
  std::vector<char> bytes_;
};

}  // namespace

v8::Local<v8::Value> from_buffer(ContextImpl& context, PyObject* object) {
  BorrowedBuffer held(object);
  end_forked_child(context.isolate());
  if (held.view.ndim == 0) {
    PyRef view = checked(PyMemoryView_FromObject(object));
    PyRef value(PyObject_CallMethod(view.get(), "tolist", nullptr));
    if (!value && PyErr_ExceptionMatches(PyExc_NotImplementedError) != 0) {
      PyErr_Clear();
      const std::string format = held.view.format == nullptr ? "" : held.view.format;
      if (format != "e") throw_format(format);
      value = PyRef(PyNumber_Float(object));  // memoryview knows these from Python 3.12 on
      end_forked_child(context.isolate());
    }
    return from_python(context, checked(value.release()).get());
  }
  return FromBuffer(context, held.view).convert();
}

}  // namespace v8snap
