#include "host.hpp"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace host {

namespace {

constexpr const char* kProxy = "v8snap.tests.proxy";
constexpr const char* kOwner = "v8snap.tests.owner";

PyObject* g_names = nullptr;  // the namespace of all expressions

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  if (PyErr_Occurred() != nullptr) PyErr_Print();
  std::abort();
}

Ref sure(PyObject* owned) {
  if (owned == nullptr) give_up("Python failed");
  return Ref(owned);
}

// Order matters: the value goes before what it belongs to.
struct Proxy {
  Ref context, receiver;
  std::unique_ptr<v8snap::Value> value;
};

struct Owner {
  std::shared_ptr<Home> home;
  std::unique_ptr<v8snap::Context> context;
};

template <class T>
PyObject* capsule(std::unique_ptr<T> content, const char* name) {
  PyObject* made = PyCapsule_New(content.get(), name, [](PyObject* self) {
    delete static_cast<T*>(PyCapsule_GetPointer(self, PyCapsule_GetName(self)));
  });
  if (made != nullptr) (void)content.release();
  return made;
}

PyObject* make_proxy(PyObject* context, v8snap::Value* value, PyObject* receiver) {
  auto proxy = std::make_unique<Proxy>();
  proxy->value.reset(value);
  Py_INCREF(context);
  proxy->context = Ref(context);
  Py_XINCREF(receiver);
  proxy->receiver = Ref(receiver);
  PyObject* made = capsule(std::move(proxy), kProxy);
  if (made != nullptr) value->set_proxy(made);
  return made;
}

v8snap::Value* find_value(PyObject* object) {
  if (PyCapsule_IsValid(object, kProxy) == 0) return nullptr;
  return static_cast<Proxy*>(PyCapsule_GetPointer(object, kProxy))->value.get();
}

PyObject* call_function(PyObject* self, PyObject* arguments) {
  auto& function = *static_cast<std::function<PyObject*(PyObject*)>*>(PyCapsule_GetPointer(self, nullptr));
  try {
    return function(arguments);
  } catch (...) {
    v8snap::raise_python_error();
    return nullptr;
  }
}

constexpr const char* kPreparation = R"(
import array

class Undefined:
    def __repr__(self):
        return "undefined"

class BigInt(int):
    def __repr__(self):
        return f"{int(self)}n"

class JSError(Exception):
    value = None

class EngineError(Exception):
    pass

undefined = Undefined()

def milliseconds(number):
    return ("date", number)

def translate(code, message, details):
    error = (JSError if code == 2 else EngineError)(code, message)
    if details:
        error.__dict__.update(details)
    return error

def array_from_bytes(format, data):
    return array.array(format, data)

def adapt(context, thing):
    if isinstance(thing, complex):
        return "date", thing.real
    raise TypeError(f"nothing for {type(thing).__name__}")
)";

PyObject* name(const char* wanted) {
  PyObject* found = PyDict_GetItemString(g_names, wanted);
  if (found == nullptr) give_up(wanted);
  return found;
}

}  // namespace

void start() {
  Py_InitializeEx(0);
  v8snap::set_python_main_thread(PyThread_get_thread_ident());
  g_names = PyDict_New();  // for good
  if (g_names == nullptr || PyDict_SetItemString(g_names, "__builtins__", PyEval_GetBuiltins()) < 0)
    give_up("no builtins");
  sure(PyRun_String(kPreparation, Py_file_input, g_names, g_names));
  v8snap::ProxyHooks hooks{};
  hooks.make = make_proxy;
  hooks.find = find_value;
  hooks.undefined = name("undefined");
  hooks.bigint_type = name("BigInt");
  hooks.js_error = name("JSError");
  hooks.datetime_from_milliseconds = name("milliseconds");
  hooks.array_from_bytes = name("array_from_bytes");
  hooks.adapt = name("adapt");
  v8snap::set_proxy_hooks(hooks);
  v8snap::set_error_translator(name("translate"));
}

bool end() {
  v8snap::stop_javascript_at_exit();
  return Py_FinalizeEx() == 0;
}

Ref text(const std::string& utf8) {
  return sure(PyUnicode_DecodeUTF8(utf8.data(), static_cast<Py_ssize_t>(utf8.size()), "surrogatepass"));
}

Ref python(const std::string& expression) {
  return sure(PyRun_String(expression.c_str(), Py_eval_input, g_names, g_names));
}

Ref python(const std::string& expression, const Ref& value) {
  const Ref locals = sure(PyDict_New());
  if (PyDict_SetItemString(locals.get(), "value", value.get()) < 0) give_up("no name");
  return sure(PyRun_String(expression.c_str(), Py_eval_input, g_names, locals.get()));
}

std::string shown(const Ref& object) {
  const Ref repr = sure(PyObject_ASCII(object.get()));
  return PyUnicode_AsUTF8(repr.get());
}

Ref callable(std::function<PyObject*(PyObject*)> function) {
  static PyMethodDef method = {"callable", call_function, METH_VARARGS, nullptr};
  auto content = std::make_unique<std::function<PyObject*(PyObject*)>>(std::move(function));
  const Ref self = sure(capsule(std::move(content), nullptr));
  return sure(PyCFunction_New(&method, self.get()));
}

v8snap::Value& value_of(const Ref& proxy) {
  v8snap::Value* found = proxy ? find_value(proxy.get()) : nullptr;
  if (found == nullptr) give_up(proxy ? shown(proxy).c_str() : "no object");
  return *found;
}

Outcome failure(const std::function<void()>& function) {
  try {
    function();
  } catch (const v8snap::Error& error) {
    return {error.code(), error.message()};
  } catch (const v8snap::PythonError&) {
    PyErr_Print();
    throw std::logic_error("Python's exception instead of the engine's");
  }
  throw std::logic_error("nothing failed");
}

std::string python_failure(const std::function<void()>& function) {
  try {
    function();
  } catch (const v8snap::PythonError&) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    const Ref owned_type(type), owned_value(value), owned_traceback(traceback);
    return shown(owned_value);
  } catch (const v8snap::Error& error) {
    throw std::logic_error(error.message());
  }
  throw std::logic_error("nothing failed");
}

// ---------------------------------------------------------------- isolates and contexts

void Home::fill(size_t heap_limit) {
  callables = sure(PyDict_New());
  externals = sure(PyDict_New());
  rejections = sure(PyList_New(0));
  // The isolate only borrows its options: the list outlives it with them.
  options.callables = callables.get();
  options.externals = externals.get();
  options.heap_limit = heap_limit;
  if (blob.empty()) return;
  options.blob = blob.data();
  options.blob_size = blob.size();
  options.heap_identity = "a blob of the tests";
}

Home::Home(const std::string& snapshot, size_t heap_limit) : blob(snapshot) {
  fill(heap_limit);
  isolate = v8snap::create_isolate(options);
}

Home::Home(ForCreator, const std::string& base) : blob(base) {
  fill(0);
  isolate = v8snap::allocate_isolate();
}

Room::Room(std::shared_ptr<Home> home, std::unique_ptr<v8snap::Context> context) : context_(context.get()) {
  auto owner = std::make_unique<Owner>();
  owner->home = std::move(home);
  owner->context = std::move(context);
  owner_ = sure(capsule(std::move(owner), kOwner));
  context_->set_owner(owner_.get());
}

Room::Room(std::shared_ptr<Home> home) : Room(home, home->isolate->new_context()) {}

Ref Room::eval(const std::string& source, double timeout) const {
  const Ref code = text(source), file = text("test.js");
  return Ref(context_->eval(code.get(), file.get(), timeout));
}

Ref Room::global(const char* name) const {
  const Ref globals(context_->globals()), key = text(name);
  return Ref(value_of(globals).get(key.get(), globals.get()));
}

void Room::set_global(const char* name, const Ref& value) const {
  const Ref globals(context_->globals()), key = text(name);
  value_of(globals).set(key.get(), value.get());
}

Ref Room::call(const char* name, const std::vector<Ref>& arguments) const {
  std::vector<PyObject*> borrowed;
  for (const Ref& each : arguments) borrowed.push_back(each.get());
  const Ref function = global(name);
  return Ref(value_of(function).call(nullptr, borrowed.data(), static_cast<Py_ssize_t>(borrowed.size()), 0));
}

void in_thread(const std::function<void()>& function) {
  std::thread thread([&function] {
    const PyGILState_STATE gil = PyGILState_Ensure();
    function();
    PyGILState_Release(gil);
  });
  PyThreadState* state = PyEval_SaveThread();
  thread.join();
  PyEval_RestoreThread(state);
}

std::string alive() {
  const v8snap::LiveCounts live = v8snap::live_counts();
  const std::pair<const char*, long> counts[] = {
      {"isolates", live.isolates},   {"creators", live.creators},     {"contexts", live.contexts},
      {"values", live.values},       {"scripts", live.scripts},       {"views", live.views},
      {"functions", live.functions}, {"exceptions", live.exceptions}, {"rejections", live.rejections},
      {"imports", live.imports},     {"profiles", live.profiles},
  };
  static_assert(sizeof(live) == sizeof(counts) / sizeof(counts[0]) * sizeof(long), "each kind");
  std::string found;
  for (const auto& [kind, count] : counts) {
    if (count != 0) found += (found.empty() ? "" : ", ") + (kind + (" " + std::to_string(count)));
  }
  return found;
}

}  // namespace host
