// The memory of ArrayBuffers and of views on them.
#pragma once

#include <Python.h>

#include <memory>

#include "v8snap/value.hpp"

namespace v8snap {

// What a Py_buffer needs. The memory stays as it is while this exists, whatever becomes of the isolate.
class BufferView {
 public:
  virtual ~BufferView() = default;

  virtual void* data() const = 0;
  virtual Py_ssize_t byte_length() const = 0;
  virtual bool readonly() const = 0;       // a copy: of a resizable buffer, or while a snapshot is built
  virtual const char* format() const = 0;  // as in Python's struct, one letter; static
  virtual Py_ssize_t item_size() const = 0;
  // One number each.
  virtual Py_ssize_t* shape() = 0;
  virtual Py_ssize_t* strides() = 0;
};

// Of a Value of kind kArrayBuffer or kTypedArray. Needs the GIL. Throws Error; kConversion where it is detached.
std::unique_ptr<BufferView> view_buffer(Value& value);
bool buffer_detached(Value& value);

}  // namespace v8snap
