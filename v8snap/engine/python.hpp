// Python in the engine: owned references, errors, and the GIL.
#pragma once

#include <Python.h>

#include <atomic>
#include <string>
#include <utility>

namespace v8snap {

class IsolateImpl;

unsigned long python_main_thread();

// While the interpreter ends.
extern std::atomic<bool> g_exiting;
// Stops a thread that Python unwinds because it will never have the GIL again.
void stop_if_unwound() noexcept;
// What destructors give back. Some run while Python unwinds a thread: they must not touch an object, nor can the thread
// go on.
inline void give_back(PyObject* object) noexcept {
  if (g_exiting.load(std::memory_order_relaxed)) stop_if_unwound();
  Py_XDECREF(object);
}

// An owned reference. Destroyed with the GIL held.
class PyRef {
 public:
  PyRef() = default;
  explicit PyRef(PyObject* owned) : object_(owned) {}
  PyRef(PyRef&& other) noexcept : object_(other.release()) {}
  PyRef& operator=(PyRef&& other) noexcept {
    PyObject* old = object_;
    object_ = other.release();
    give_back(old);
    return *this;
  }
  ~PyRef() {
    if (object_ != nullptr) give_back(object_);
  }

  static PyRef borrow(PyObject* object) {
    Py_XINCREF(object);
    return PyRef(object);
  }
  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

// The result of a C-API call that gives a new reference, or PythonError.
PyRef checked(PyObject* owned);
// The same for calls that return -1 on failure.
int checked(int status);
// Whether no other thread of the interpreter's could want the GIL.
bool is_only_python_thread();
// From UTF-8 as V8 gives it, with lone surrogates. New reference, or null with an error set.
PyObject* text_to_python(const std::string& text);
// Python's current exception with its traceback; there is none afterwards.
PyRef take_python_exception();

// While the interpreter ends, a thread that asks for the GIL never gets it: these then stop the thread for good,
// because Python would unwind it through destructors and V8's frames.
void take_gil(PyThreadState* state);
// The same for Python code that was called: it asks for the GIL now and then. Where Python unwinds the thread by
// `abi::__forced_unwind`, this is what to do, before anything is destroyed.
[[noreturn]] void stop_thread() noexcept;
// From now on that goes for every other thread; how many are stopped so far.
void leave_threads_behind() noexcept;
int threads_left_behind() noexcept;
PyGILState_STATE take_gil();

// Changes in the child at each fork.
extern std::atomic<unsigned long> g_fork_generation;
inline unsigned long fork_generation() { return g_fork_generation.load(std::memory_order_relaxed); }
// In the child of a fork in the middle of V8's work: V8's frames are below, and V8's memory is not there.
[[noreturn]] void end_forked_child();
// The same where `isolate` was made before the fork.
void end_forked_child(const IsolateImpl& isolate);

class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() { take_gil(state_); }
  GilRelease(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

// For Python code in the middle of V8's: ends a child that was forked there.
class GilHold {
 public:
  // Unless it is known that this thread has the GIL.
  explicit GilHold(bool wanted = true) : wanted_(wanted), state_(wanted ? take_gil() : PyGILState_LOCKED) {}
  ~GilHold() {
    if (g_exiting.load(std::memory_order_relaxed)) stop_if_unwound();
    if (forks_ != fork_generation()) end_forked_child();
    if (wanted_) PyGILState_Release(state_);
  }
  GilHold(const GilHold&) = delete;

 private:
  const bool wanted_;
  const PyGILState_STATE state_;
  const unsigned long forks_ = fork_generation();
};

}  // namespace v8snap
