// What can go wrong in the engine, and how it becomes a Python exception.
#pragma once

#include <Python.h>

#include <exception>
#include <string>

namespace v8snap {

// Each code has one exception class in v8snap/errors.py; the names are the same, in upper case there.
enum class ErrorCode : int {
  kInternal = 0,
  kClosed,
  kJs,
  kTimeout,
  kTerminated,
  kMemory,
  kConversion,
  kWrongIsolate,
  kForked,
  kWrongThread,
  kFlagsFrozen,
  kSnapshot,
  kSnapshotConflict,
  kExternalReference,
  kUnserializable,
  kNotInSnapshot,
  kPending,
};

// Thrown inside the engine, never through a frame of V8's.
// `details` (a dict or null) is owned; the last owner must hold the GIL.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message, PyObject* details = nullptr);
  Error(const Error& other);
  Error& operator=(const Error&) = delete;
  ~Error() override;

  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& message() const { return message_; }  // UTF-8, lone surrogates as they are
  ErrorCode code() const { return code_; }
  PyObject* details() const { return details_; }

 private:
  ErrorCode code_;
  std::string message_;
  PyObject* details_;
};

// Thrown when Python's own error indicator is set already.
class PythonError : public std::exception {};

// Takes `translator(code: int, message: str, details: dict | None) -> BaseException`; keeps a reference for good.
void set_error_translator(PyObject* translator);

// To be called inside a catch block, with the GIL: sets Python's error indicator from the exception in flight.
void raise_python_error() noexcept;

// Throws Error with that code: lets tests see each code come out as its class.
void throw_error(int code, const std::string& message);

}  // namespace v8snap
