// Error codes and the one way they become Python exceptions.
#include "v8snap/error.hpp"

#include "internal.hpp"

namespace v8snap {

namespace {
PyObject* g_translator = nullptr;  // never freed: exceptions may come as late as interpreter exit

void set_translated(const Error& error) {
  PyRef details = PyRef::borrow(error.details() != nullptr ? error.details() : Py_None);
  PyRef exception(
      PyObject_CallFunction(g_translator, "isO", static_cast<int>(error.code()), error.what(), details.get()));
  if (exception) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.get())), exception.get());
}
}  // namespace

Error::Error(ErrorCode code, std::string message, PyObject* details)
    : code_(code), message_(std::move(message)), details_(details) {}

Error::Error(const Error& other)
    : std::exception(other), code_(other.code_), message_(other.message_), details_(other.details_) {
  Py_XINCREF(details_);
}

Error::~Error() { Py_XDECREF(details_); }

void set_error_translator(PyObject* translator) {
  Py_INCREF(translator);
  g_translator = translator;
}

void raise_python_error() noexcept {
  try {
    throw;
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

PyRef checked(PyObject* owned) {
  if (owned == nullptr) throw PythonError();
  return PyRef(owned);
}

int checked(int status) {
  if (status < 0) throw PythonError();
  return status;
}

}  // namespace v8snap
