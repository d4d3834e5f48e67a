// What the engine's headers need of Python, in a C++ program: an interpreter, and proxies that are capsules.
#pragma once

#include <Python.h>
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "v8snap/context.hpp"
#include "v8snap/error.hpp"
#include "v8snap/isolate.hpp"
#include "v8snap/process.hpp"
#include "v8snap/snapshot_creator.hpp"
#include "v8snap/value.hpp"

namespace host {

// Starts Python and gives the engine its hooks; the GIL is held afterwards. Once.
void start();
// Ends it: everything that tests made has to be gone. Whether Python ended well.
bool end();

// Owns a Python reference, or none. With the GIL.
class Ref {
 public:
  Ref() = default;
  explicit Ref(PyObject* owned) : object_(owned) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref(const Ref& other) : object_(other.object_) { Py_XINCREF(object_); }
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

// Anything that fails in Python here ends the program: it would be a mistake of a test's.
Ref text(const std::string& utf8);
// A Python expression's value. Expressions share a namespace, in which `name` stands for `value` if one is given.
Ref python(const std::string& expression);
Ref python(const std::string& expression, const Ref& value);
std::string shown(const Ref& object);  // its repr()
// A Python function that calls `function` with a tuple of its arguments and gives what that returns: a new reference.
Ref callable(std::function<PyObject*(PyObject*)> function);

// The Value behind a proxy. Ends the program where there is none.
v8snap::Value& value_of(const Ref& proxy);

struct Outcome {
  v8snap::ErrorCode code;
  std::string message;
};
// How `function` fails: by an Error of the engine's. Where it doesn't, std::logic_error is thrown.
Outcome failure(const std::function<void()>& function);
// How it fails by an exception of Python's: its repr().
std::string python_failure(const std::function<void()>& function);

// An isolate with what its options point at.
struct Home {
  explicit Home(const std::string& blob = "", size_t heap_limit = 0);
  // Its isolate belongs to a creator.
  struct ForCreator {};
  explicit Home(ForCreator, const std::string& base = "");

  std::string blob;
  Ref callables, externals, rejections;
  v8snap::IsolateOptions options;
  std::unique_ptr<v8snap::Isolate> isolate;

 private:
  void fill(size_t heap_limit);
};

// A context, which its proxies keep alive, and which keeps its isolate.
class Room {
 public:
  explicit Room(std::shared_ptr<Home> home);
  Room(std::shared_ptr<Home> home, std::unique_ptr<v8snap::Context> context);

  v8snap::Context* operator->() const { return context_; }
  v8snap::Context& operator*() const { return *context_; }
  Ref eval(const std::string& source, double timeout = 0) const;
  // The function `name` of the global object, called.
  Ref call(const char* name, const std::vector<Ref>& arguments = {}) const;
  Ref global(const char* name) const;
  void set_global(const char* name, const Ref& value) const;

 private:
  Ref owner_;
  v8snap::Context* context_;
};

// Closes an isolate in the end: the traceback and value of an exception that JavaScript holds lead back to the isolate,
// and Python's collector, which would see that cycle in v8snap's classes, doesn't see into capsules.
struct Ending {
  ~Ending() { home->isolate->close(); }
  std::shared_ptr<Home> home = std::make_shared<Home>();
};

inline std::shared_ptr<Home> new_home(size_t heap_limit = 0) { return std::make_shared<Home>("", heap_limit); }

// Runs `function` in another thread, with the GIL there, and waits for it without.
void in_thread(const std::function<void()>& function);

// What is alive in the engine, such as "contexts 1, values 3".
std::string alive();

// Around every test: what it leaves alive fails it, and no other. (doctest's listeners hear of an end too late for
// that.)
struct NothingStays {
  ~NothingStays() { CHECK(alive() == before); }
  const std::string before = alive();
};

}  // namespace host

#undef TEST_CASE
#define TEST_CASE(name) TEST_CASE_FIXTURE(host::NothingStays, name)
