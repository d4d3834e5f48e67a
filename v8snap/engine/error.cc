// Error codes and the one way they become Python exceptions.
#include "v8snap/error.hpp"

#include <cxxabi.h>
#include <unistd.h>

#include "internal.hpp"

namespace v8snap {

namespace {
PyObject* g_translator = nullptr;  // never freed: exceptions may come as late as interpreter exit

void set_translated(const Error& error) {
  PyRef details = PyRef::borrow(error.details() != nullptr ? error.details() : Py_None);
  PyRef code(PyLong_FromLong(static_cast<long>(error.code())));
  PyRef message(text_to_python(error.message()));
  if (!code || !message) return;
  PyRef exception(PyObject_CallFunctionObjArgs(g_translator, code.get(), message.get(), details.get(), nullptr));
  if (exception) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.get())), exception.get());
}
}  // namespace

Error::Error(ErrorCode code, std::string message, PyObject* details)
    : code_(code), message_(std::move(message)), details_(details) {}

Error::Error(const Error& other)
    : std::exception(other), code_(other.code_), message_(other.message_), details_(other.details_) {
  Py_XINCREF(details_);
}

Error::~Error() { give_back(details_); }

void set_error_translator(PyObject* translator) {
  Py_INCREF(translator);
  g_translator = translator;
}

void raise_python_error() noexcept {
  try {
    throw;
  } catch (abi::__forced_unwind&) {
    stop_thread();
  } catch (const PythonError&) {
  } catch (const Error& error) {
    set_translated(error);
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
}

void throw_error(int code, const std::string& message) { throw Error(static_cast<ErrorCode>(code), message); }

std::atomic<bool> g_exiting{false};

namespace {

std::atomic<int> g_left_behind{0};

// Whether this thread has no way back into Python. The main thread, which ends the interpreter, has.
bool is_left_behind() {
#if PY_VERSION_HEX >= 0x030D0000
  const bool ends = Py_IsFinalizing() != 0;
#else
  const bool ends = _Py_IsFinalizing() != 0;
#endif
  return (ends || g_exiting) && PyThread_get_thread_ident() != python_main_thread();
}

// PyGILState_Check() says yes to everybody once another package has made a subinterpreter, or Python has ended.
bool has_gil() {
  PyThreadState* own = PyGILState_GetThisThreadState();
#if PY_VERSION_HEX >= 0x030D0000
  return own != nullptr && PyThreadState_GetUnchecked() == own;
#else
  return own != nullptr && _PyThreadState_UncheckedGet() == own;
#endif
}

}  // namespace

void stop_thread() noexcept {
  ++g_left_behind;
  for (;;) pause();
}

void stop_if_unwound() noexcept {
  if (is_left_behind() && !has_gil()) stop_thread();
}

void leave_threads_behind() noexcept { g_exiting = true; }

int threads_left_behind() noexcept { return g_left_behind; }

void take_gil(PyThreadState* state) {
  if (is_left_behind()) stop_thread();
  try {
    PyEval_RestoreThread(state);
  } catch (abi::__forced_unwind&) {
    stop_thread();
  }
}

PyGILState_STATE take_gil() {
  if (is_left_behind()) stop_thread();
  try {
    return PyGILState_Ensure();
  } catch (abi::__forced_unwind&) {
    stop_thread();
  }
}

bool is_only_python_thread() {
  static PyInterpreterState* const interpreter = PyInterpreterState_Get();  // Cython's modules are of one only
  PyThreadState* newest = PyInterpreterState_ThreadHead(interpreter);
  return PyThreadState_Next(newest) == nullptr;
}

PyObject* text_to_python(const std::string& text) {
  const auto size = static_cast<Py_ssize_t>(text.size());
  PyObject* result = PyUnicode_DecodeUTF8(text.data(), size, "surrogatepass");
  if (result != nullptr || PyErr_ExceptionMatches(PyExc_UnicodeDecodeError) == 0) return result;
  PyErr_Clear();
  return PyUnicode_DecodeUTF8(text.data(), size, "replace");
}

PyRef checked(PyObject* owned) {
  if (owned == nullptr) throw PythonError();
  return PyRef(owned);
}

PyRef take_python_exception() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return PyRef(value);
}

int checked(int status) {
  if (status < 0) throw PythonError();
  return status;
}

}  // namespace v8snap
