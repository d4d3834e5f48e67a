// What an isolate's heap holds: figures, and the whole of it for DevTools.
#include <v8-profiler.h>

#include "internal.hpp"

namespace v8snap {

namespace {

void add_figure(const PyRef& figures, const char* name, size_t value) {
  checked(PyDict_SetItemString(figures.get(), name, checked(PyLong_FromSize_t(value)).get()));
}

// Gives what V8 writes to a Python callable. Used without the GIL; Python's exceptions wait until V8 is done.
class PythonStream final : public v8::OutputStream {
 public:
  explicit PythonStream(PyObject* write) : write_(write) {}

  void EndOfStream() override {}
  int GetChunkSize() override { return 1 << 18; }
  WriteResult WriteAsciiChunk(char* data, int size) override {
    GilHold gil;
    PyRef bytes(PyBytes_FromStringAndSize(data, size));
    PyRef result(bytes ? PyObject_CallOneArg(write_, bytes.get()) : nullptr);
    if (result) return kContinue;
    exception_ = take_python_exception();
    return kAbort;
  }

  // With the GIL.
  void raise_what_was_raised() {
    if (!exception_) return;
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception_.get())), exception_.get());
    throw PythonError();
  }

 private:
  PyObject* write_;
  PyRef exception_;
};

// V8 writes the line of each function, and counts it from the first one where the function's script has no table of
// lines.
void make_line_tables(v8::Isolate* isolate) {
  v8::HandleScope handles(isolate);
  for (const auto& [script, function] : compat::function_by_script(isolate)) (void)function->GetScriptLineNumber();
}

}  // namespace

PyObject* IsolateImpl::heap_statistics() {
  Entry entry(*this);
  v8::HeapStatistics now;
  v8->GetHeapStatistics(&now);
  PyRef figures = checked(PyDict_New());
  add_figure(figures, "total_heap_size", now.total_heap_size());
  add_figure(figures, "total_heap_size_executable", now.total_heap_size_executable());
  add_figure(figures, "total_physical_size", now.total_physical_size());
  add_figure(figures, "total_available_size", now.total_available_size());
  add_figure(figures, "total_global_handles_size", now.total_global_handles_size());
  add_figure(figures, "used_global_handles_size", now.used_global_handles_size());
  add_figure(figures, "used_heap_size", now.used_heap_size());
  add_figure(figures, "heap_size_limit", now.heap_size_limit());
  add_figure(figures, "malloced_memory", now.malloced_memory());
  add_figure(figures, "external_memory", now.external_memory());
  add_figure(figures, "peak_malloced_memory", now.peak_malloced_memory());
  add_figure(figures, "number_of_native_contexts", now.number_of_native_contexts());
  add_figure(figures, "number_of_detached_contexts", now.number_of_detached_contexts());
  return figures.release();
}

PyObject* IsolateImpl::heap_space_statistics() {
  Entry entry(*this);
  PyRef spaces = checked(PyList_New(0));
  for (size_t i = 0; i < v8->NumberOfHeapSpaces(); ++i) {
    v8::HeapSpaceStatistics now;
    if (!v8->GetHeapSpaceStatistics(&now, i)) continue;
    PyRef figures = checked(Py_BuildValue("{s:s}", "space_name", now.space_name()));
    add_figure(figures, "space_size", now.space_size());
    add_figure(figures, "space_used_size", now.space_used_size());
    add_figure(figures, "space_available_size", now.space_available_size());
    add_figure(figures, "physical_space_size", now.physical_space_size());
    checked(PyList_Append(spaces.get(), figures.get()));
  }
  return spaces.release();
}

void IsolateImpl::write_heap_snapshot(PyObject* write) {
  Entry entry(*this);
  check_limits();
  PythonStream stream(write);
  const std::vector<v8::Local<v8::Context>> contexts = open_contexts();
  {
    GilRelease nogil;
    if (!contexts.empty()) {
      v8::Context::Scope scope(contexts.front());
      make_line_tables(v8);
    }
    const v8::HeapSnapshot* snapshot = v8->GetHeapProfiler()->TakeHeapSnapshot();
    if (snapshot != nullptr) {
      snapshot->Serialize(&stream, v8::HeapSnapshot::kJSON);
      const_cast<v8::HeapSnapshot*>(snapshot)->Delete();
    }
  }
  stream.raise_what_was_raised();
}

}  // namespace v8snap
