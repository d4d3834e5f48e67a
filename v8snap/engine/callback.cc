// Python functions that JavaScript calls. A function made here holds as its data either a number, the id of a callable
// that its isolate knows, or a string, the name of an external reference: only the latter can be in a snapshot.
#include <cxxabi.h>
#include <unistd.h>

#include <cstdio>

#include "internal.hpp"

namespace v8snap {

namespace {

// Null with no error set where there is none.
PyRef callable_for(IsolateImpl& isolate, v8::Local<v8::Value> data) {
  if (data->IsNumber()) return PyRef::borrow(isolate.callable_of(static_cast<long>(data.As<v8::Number>()->Value())));
  if (!data->IsString() || isolate.options.externals == nullptr) return PyRef();
  PyRef name = checked(string_to_python(isolate.v8, data.As<v8::String>()));
  PyObject* found = PyDict_GetItemWithError(isolate.options.externals, name.get());
  if (found == nullptr && PyErr_Occurred() != nullptr) throw PythonError();
  return found == Py_None ? PyRef() : PyRef::borrow(found);
}

// Empty where V8 can't hold it.
v8::Local<v8::String> message_from(v8::Isolate* isolate, const std::string& text) {
  return v8::String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kNormal, static_cast<int>(text.size()))
      .FromMaybe(v8::String::Empty(isolate));
}

// What an exception says, never failing.
std::string text_of(PyObject* exception) {
  PyRef said(exception == nullptr ? nullptr : PyObject_Str(exception));
  Py_ssize_t size = 0;
  const char* utf8 = said ? PyUnicode_AsUTF8AndSize(said.get(), &size) : nullptr;
  if (utf8 != nullptr) return {utf8, static_cast<size_t>(size)};
  PyErr_Clear();
  return "";
}

void forget_error(const v8::WeakCallbackInfo<ThrownException>& info) { info.GetParameter()->error.Reset(); }

// What JavaScript threw, where that is what passes through Python now: it stays the same object. Not in another
// context, which would get at what belongs to this one.
v8::Local<v8::Value> thrown_before(ContextImpl& context, PyObject* exception) {
  IsolateImpl& isolate = context.isolate();
  if (PyObject_IsInstance(exception, proxy_hooks().js_error) != 1) return {};
  PyRef value(PyObject_GetAttrString(exception, "value"));
  Value* found = value ? proxy_hooks().find(value.get()) : nullptr;
  PyErr_Clear();
  auto* impl = static_cast<ValueImpl*>(found);
  if (impl == nullptr || &impl->isolate() != &isolate || impl->closed() || &impl->context() != &context) return {};
  return impl->local();
}

// Its type is the error's name, so that JavaScript sees "ValueError: what it says"; nothing else of Python's goes
// there.
v8::Local<v8::Value> new_error(ContextImpl& context, PyObject* exception) {
  v8::Isolate* isolate = context.isolate().v8;
  std::string name_text = Py_TYPE(exception)->tp_name;
  std::string text;
  if (PyObject_IsInstance(exception, proxy_hooks().js_error) == 1) {  // of another context or isolate
    name_text = text_of(PyRef(PyObject_GetAttrString(exception, "name")).get());
    text = text_of(PyRef(PyObject_GetAttrString(exception, "message")).get());
  } else {
    text = text_of(exception);
  }
  PyErr_Clear();
  end_forked_child(context.isolate());
  v8::Local<v8::Value> error = v8::Exception::Error(message_from(isolate, text));
  v8::Local<v8::String> name = message_from(isolate, name_text);
  v8::TryCatch ignored(isolate);
  (void)error.As<v8::Object>()
      ->DefineOwnProperty(isolate->GetCurrentContext(), literal(isolate, "name"), name, v8::DontEnum)
      .FromMaybe(false);
  return error;
}

// Turns Python's current exception into one of JavaScript's; whether V8 has one now.
bool pass_on_exception(IsolateImpl& isolate) {
  if (PyErr_ExceptionMatches(PyExc_Exception) == 0) {
    isolate.stash_python_exception();  // KeyboardInterrupt and SystemExit are not for JavaScript to catch
    return false;
  }
  if (isolate.stop_reason != StopReason::kNone) {
    PyErr_Clear();  // V8 is unwinding already, and the outermost call says why
    return false;
  }
  const PyRef exception = take_python_exception();
  isolate.v8->ThrowException(error_for_exception(*isolate.current, exception.get()));
  return true;
}

bool pass_on_exception_safely(IsolateImpl& isolate) noexcept {
  try {
    return pass_on_exception(isolate);
  } catch (...) {
    PyErr_Clear();
    isolate.request_stop(StopReason::kMemory, 1);  // nothing but memory can lack there
    return false;
  }
}

}  // namespace

void end_forked_child() {
  if (PyErr_Occurred() != nullptr) PyErr_Print();  // exits as it says, for SystemExit
  std::fputs("v8snap: a child forked in a JavaScript callback can't return from it: end it with os._exit()\n", stderr);
  std::fflush(nullptr);
  _exit(1);
}

void end_forked_child(const IsolateImpl& isolate) {
  if (isolate.forked()) end_forked_child();
}

namespace {

// What current_this() finds, on this thread.
class ThisScope {
 public:
  ThisScope(ContextImpl& context, v8::Local<v8::Object> object)
      : context_(context), object_(object), place_(g_innermost), outer_(std::exchange(place_, this)) {}
  ~ThisScope() { place_ = outer_; }
  ThisScope(const ThisScope&) = delete;

  static const ThisScope* innermost() { return g_innermost; }
  PyObject* to_python() const { return v8snap::to_python(context_, object_); }
  IsolateImpl& isolate() const { return context_.isolate(); }

 private:
  static thread_local const ThisScope* g_innermost;
  ContextImpl& context_;
  v8::Local<v8::Object> object_;
  const ThisScope*& place_;  // g_innermost, found once
  const ThisScope* const outer_;
};

thread_local const ThisScope* ThisScope::g_innermost = nullptr;

// Those that JavaScript gives, converted: a few without asking for memory.
class PythonArguments {
 public:
  PythonArguments(ContextImpl& context, const v8::FunctionCallbackInfo<v8::Value>& info) : PythonArguments() {
    // It is destroyed also where this throws, as another constructor has ended.
    const auto count = static_cast<size_t>(info.Length());
    if (count > kFew) many_.resize(count + 1);
    for (; count_ < count; ++count_) data()[count_] = to_python(context, info[static_cast<int>(count_)]);
  }
  ~PythonArguments() {
    while (count_ > 0) give_back(data()[--count_]);
  }
  PythonArguments(const PythonArguments&) = delete;

  // Python may use the place before the first.
  PyRef call(PyObject* callable) {
    try {
      return PyRef(PyObject_Vectorcall(callable, data(), count_ | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
    } catch (abi::__forced_unwind&) {
      stop_thread();
    }
  }

 private:
  PythonArguments() = default;

  PyObject** data() { return (many_.empty() ? few_ : many_.data()) + 1; }

  static constexpr size_t kFew = 6;
  size_t count_ = 0;
  PyObject* few_[kFew + 1];
  std::vector<PyObject*> many_;
};

// The context of the function that is called, as the isolate's current one. It may be another than the run's: that of a
// microtask, or of a function that was handed over. What is made for one must not be of the other.
class OwnContext {
 public:
  explicit OwnContext(IsolateImpl& isolate) : isolate_(isolate), outer_(isolate.current) {
    if (outer_ == nullptr) return;
    v8::Local<v8::Context> own = isolate.v8->GetCurrentContext();
    if (outer_->is(own)) return;
    ContextImpl* found = isolate.context_of(own);
    PyObject* owner = found == nullptr ? nullptr : found->owner();
    const bool alive = owner != nullptr && Py_REFCNT(owner) > 0;  // not one that is being deallocated
    if (alive) kept_ = PyRef::borrow(owner);
    isolate.current = alive ? found : nullptr;
  }
  ~OwnContext() { isolate_.current = outer_; }
  OwnContext(const OwnContext&) = delete;

 private:
  IsolateImpl& isolate_;
  ContextImpl* const outer_;
  PyRef kept_;
};

void call_python(IsolateImpl& isolate, const v8::FunctionCallbackInfo<v8::Value>& info) {
  if (isolate.current == nullptr) {
    isolate.v8->ThrowException(v8::Exception::Error(
        message_from(isolate.v8, "Python functions can't be called from here, or their context is closed")));
    return;
  }
  ContextImpl& context = *isolate.current;
  PyRef callable = callable_for(isolate, info.Data());
  if (!callable) {
    isolate.v8->ThrowException(v8::Exception::ReferenceError(message_from(
        isolate.v8,
        "no Python callable stands behind the external reference '" + text_from(isolate.v8, info.Data()) + "' here")));
    return;
  }
  check_native_stack();
  PythonArguments arguments(context, info);
  PyRef result = [&] {
    const ThisScope scope(context, info.This());
    return arguments.call(callable.get());
  }();
  end_forked_child(isolate);
  if (!result) throw PythonError();
  if (result.get() == Py_None) {
    info.GetReturnValue().SetNull();
  } else {
    info.GetReturnValue().Set(from_python(context, result.get()));
  }
}

void forget_function(const v8::WeakCallbackInfo<PythonFunction>& info) {
  // The garbage collector is running, without the GIL: only note it.
  PythonFunction* function = info.GetParameter();
  function->function.Reset();
  function->isolate->dead_functions.push_back(function);
}

// May run Python code.
v8::Local<v8::String> name_of(ContextImpl& context, PyObject* callable) {
  v8::Isolate* isolate = context.isolate().v8;
  PyRef name(PyObject_GetAttrString(callable, "__name__"));
  end_forked_child(context.isolate());
  if (name && PyUnicode_Check(name.get())) return string_from_python(isolate, name.get());
  if (!name && PyErr_ExceptionMatches(PyExc_Exception) == 0) throw PythonError();  // KeyboardInterrupt
  PyErr_Clear();
  return v8::String::Empty(isolate);
}

v8::Local<v8::Function> new_function(ContextImpl& context, v8::Local<v8::Value> data, v8::Local<v8::String> name) {
  v8::Local<v8::Function> function;
  if (!v8::Function::New(context.local(), python_callback, data, 0, v8::ConstructorBehavior::kThrow)
           .ToLocal(&function)) {
    throw Error(ErrorCode::kInternal, "V8 made no function");
  }
  function->SetName(name);
  return function;
}

v8::Local<v8::Function> registered_function(ContextImpl& context, PyObject* callable) {
  PyObject *name, *registered;
  Py_ssize_t position = 0;
  PyObject* externals = context.isolate().options.externals;
  while (externals != nullptr && PyDict_Next(externals, &position, &name, &registered) != 0) {
    if (registered == callable) return function_of_external(context, name);
  }
  PyRef shown = checked(PyObject_ASCII(callable));
  const char* text = PyUnicode_AsUTF8(shown.get());
  throw Error(ErrorCode::kSnapshot, std::string("a Python callable goes into a snapshot by name only: give ") + text +
                                        " to the creator as external_references={name: callable}");
}

}  // namespace

void python_callback(const v8::FunctionCallbackInfo<v8::Value>& info) {
  auto& isolate = *static_cast<IsolateImpl*>(info.GetIsolate()->GetData(0));
  if (isolate.javascript_forbidden) {
    isolate.v8->ThrowException(v8::Null(isolate.v8));
    return;
  }
  PythonScope python(isolate);
  const OwnContext own(isolate);
  bool thrown = false;
  // V8's frames are below: nothing may be thrown through them.
  try {
    try {
      call_python(isolate, info);
    } catch (const PythonError&) {
      throw;
    } catch (...) {
      raise_python_error();
      throw PythonError();
    }
  } catch (...) {
    thrown = pass_on_exception_safely(isolate);
  }
  if (!thrown && isolate.stop_reason != StopReason::kNone && isolate.current != nullptr) isolate.current->notice_stop();
}

v8::Local<v8::Function> function_from_callable(ContextImpl& context, PyObject* callable) {
  IsolateImpl& isolate = context.isolate();
  if (isolate.is_creator) return registered_function(context, callable);
  const auto is_there = [&isolate](auto record) {
    return record != isolate.functions.end() && !record->second->function.IsEmpty();
  };
  const FunctionKey key{callable, context.number()};
  auto known = isolate.functions.find(key);
  if (is_there(known)) return known->second->function.Get(isolate.v8);
  v8::Local<v8::String> name = name_of(context, callable);
  known = isolate.functions.find(key);  // asking for its name may have made it
  if (is_there(known)) return known->second->function.Get(isolate.v8);
  if (known != isolate.functions.end()) {
    // The function was collected a moment ago and is yet to be drained: its record serves again.
    auto& dead = isolate.dead_functions;
    dead.erase(std::remove(dead.begin(), dead.end(), known->second.get()), dead.end());
  } else {
    auto record = std::make_unique<PythonFunction>();
    record->isolate = &isolate;
    record->id = isolate.next_id++;
    record->key = key;
    isolate.keep(record->id, callable);
    known = isolate.functions.emplace(key, std::move(record)).first;
  }
  PythonFunction* record = known->second.get();
  if (!context.closed()) context.strict_set();  // for notice_stop()
  v8::Local<v8::Function> function =
      new_function(context, v8::Number::New(isolate.v8, static_cast<double>(record->id)), name);
  record->function.Reset(isolate.v8, function);
  record->function.SetWeak(record, forget_function, v8::WeakCallbackType::kParameter);
  return function;
}

v8::Local<v8::Function> function_of_external(ContextImpl& context, PyObject* name) {
  IsolateImpl& isolate = context.isolate();
  PyObject* callable = PyDict_GetItemWithError(isolate.options.externals, name);
  if (callable == nullptr) {
    if (PyErr_Occurred() != nullptr) throw PythonError();
    PyRef shown = checked(PyObject_ASCII(name));
    PyRef details = checked(Py_BuildValue("{s:[O]}", "missing", name));
    throw Error(ErrorCode::kExternalReference,
                std::string("no external reference is registered as ") + PyUnicode_AsUTF8(shown.get()),
                details.release());
  }
  checked(PySet_Add(isolate.used_externals, name));
  v8::Local<v8::String> text = string_from_python(isolate.v8, name);
  return new_function(context, text, text);
}

PyObject* current_this() {
  const ThisScope* innermost = ThisScope::innermost();
  if (innermost == nullptr) {
    throw Error(ErrorCode::kInternal, "this() is for Python functions that JavaScript is calling");
  }
  Entry entry(innermost->isolate());
  return innermost->to_python();
}

v8::Local<v8::Value> error_for_exception(ContextImpl& context, PyObject* exception) {
  IsolateImpl& isolate = context.isolate();
  v8::Local<v8::Value> error = thrown_before(context, exception);
  if (error.IsEmpty()) error = new_error(context, exception);
  auto record = std::make_unique<ThrownException>();
  record->id = isolate.next_id++;
  isolate.keep(record->id, exception);
  record->error.Reset(isolate.v8, error);
  record->error.SetWeak(record.get(), forget_error, v8::WeakCallbackType::kParameter);
  isolate.thrown.push_back(std::move(record));
  return error;
}

PyRef exception_behind(IsolateImpl& isolate, v8::Local<v8::Value> error) {
  for (auto each = isolate.thrown.rbegin(); each != isolate.thrown.rend(); ++each) {
    if (!((*each)->error == error)) continue;
    PyRef id = checked(PyLong_FromLong((*each)->id));
    return PyRef::borrow(PyDict_GetItem(isolate.options.callables, id.get()));
  }
  return PyRef();
}

}  // namespace v8snap
