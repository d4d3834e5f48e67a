// A compiled script, not tied to a context.
#pragma once

#include <Python.h>

namespace v8snap {

// The isolate must outlive it. The destructor may run on any thread.
class Script {
 public:
  virtual ~Script() = default;

  virtual bool closed() const = 0;
  // Whether V8 refused the code cache that the script was compiled with; false where none was given.
  virtual bool cache_rejected() const = 0;
  // V8's code cache as bytes. Needs the GIL; throws Error.
  virtual PyObject* code_cache() = 0;
};

}  // namespace v8snap
