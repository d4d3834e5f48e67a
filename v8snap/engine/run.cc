// Running JavaScript: nesting, stopping, and what comes out when it fails.
#include "internal.hpp"

namespace v8snap {

namespace {

// Reading an error may run its getters.
constexpr double kDescribeSeconds = 0.5;

PyRef text_or_none(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value.IsEmpty() || !value->IsString()) return PyRef::borrow(Py_None);
  return checked(string_to_python(isolate, value.As<v8::String>()));
}

// "    at function (file:1:2)" lines, as V8 writes them itself where errors have a stack.
std::string format_trace(v8::Isolate* isolate, v8::Local<v8::StackTrace> trace) {
  std::string text;
  for (int i = 0; i < trace->GetFrameCount(); ++i) {
    v8::Local<v8::StackFrame> frame = trace->GetFrame(isolate, static_cast<uint32_t>(i));
    const std::string function = text_from(isolate, frame->GetFunctionName());
    const std::string script = text_from(isolate, frame->GetScriptName());
    const std::string place = (script.empty() ? "<anonymous>" : script) + ":" + std::to_string(frame->GetLineNumber()) +
                              ":" + std::to_string(frame->GetColumn());
    text += "\n    at " + (function.empty() ? place : function + " (" + place + ")");
  }
  return text;
}

struct Stop {
  StopReason reason;
  bool over;  // it was for the run that just ended, or one inside it: running goes on around it
};

Stop take_stop(IsolateImpl& isolate) {
  if (!isolate.stop_pending) return {StopReason::kNone, false};
  std::lock_guard<std::mutex> lock(isolate.stop_mutex);
  const Stop stop{isolate.stop_reason, isolate.run_level < isolate.stop_level};
  if (stop.reason != StopReason::kNone && stop.over) {
    isolate.stop_reason = StopReason::kNone;
    isolate.stop_pending = false;
    isolate.v8->CancelTerminateExecution();
  }
  return stop;
}

[[noreturn]] void throw_stopped(IsolateImpl& isolate, const Stop& stop) {
  if (stop.reason == StopReason::kPython && isolate.pending_exception != nullptr) {
    PyRef exception = PyRef::borrow(isolate.pending_exception);
    if (stop.over) Py_CLEAR(isolate.pending_exception);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.get())), exception.get());
    throw PythonError();
  }
  switch (stop.reason) {
    case StopReason::kTimeout:
      throw Error(ErrorCode::kTimeout, "JavaScript ran longer than its timeout");
    case StopReason::kMemory:
      // What was allocated is garbage now, or once this call is over; the next run would be stopped for it.
      if (stop.over) {
        isolate.must_collect = true;
        GilRelease nogil;
        isolate.v8->LowMemoryNotification();
      }
      throw Error(ErrorCode::kMemory, "JavaScript reached the heap limit, or that of the process's memory");
    default:
      throw Error(ErrorCode::kTerminated, "JavaScript was terminated");
  }
}

// Asking V8 for a part of an error may run JavaScript, for good if nothing stops it.
template <class Function>
auto ask(ContextImpl& context, Function&& function) {
  v8::TryCatch ignored(context.isolate().v8);
  auto answer = [&] {
    RunScope scope(context, kDescribeSeconds);
    return function();
  }();
  // Its own time limit is no matter; whatever else stopped it was meant for more than this question.
  const Stop stop = take_stop(context.isolate());
  if (stop.reason != StopReason::kNone && !(stop.over && stop.reason == StopReason::kTimeout)) {
    if (!stop.over) context.isolate().v8->TerminateExecution();
    throw_stopped(context.isolate(), stop);
  }
  return answer;
}

v8::Local<v8::Value> property(ContextImpl& context, v8::Local<v8::Object> object, const char* name) {
  return ask(context, [&] {
    return object->Get(context.local(), literal(context.isolate().v8, name)).FromMaybe(v8::Local<v8::Value>());
  });
}

struct Described {
  std::string summary;
  PyRef facts;  // dict
};

void add_fact(const Described& described, const char* name, const PyRef& value) {
  checked(PyDict_SetItemString(described.facts.get(), name, value.get()));
}

// Where V8 knows no place, its stack trace does: of what a module's top level threw.
v8::Local<v8::StackFrame> top_frame(v8::Isolate* isolate, v8::Local<v8::Message> message) {
  v8::Local<v8::StackTrace> trace = message->GetStackTrace();
  return trace.IsEmpty() || trace->GetFrameCount() == 0 ? v8::Local<v8::StackFrame>() : trace->GetFrame(isolate, 0);
}

PyRef line_of(const PyRef& source, int number) {
  PyRef lines = checked(PyObject_CallMethod(source.get(), "split", "s", "\n"));
  if (number < 1 || number > PyList_GET_SIZE(lines.get())) return checked(PyUnicode_FromString(""));
  return PyRef::borrow(PyList_GET_ITEM(lines.get(), number - 1));
}

// Lines and columns count from 1, as in V8's own stack traces.
void add_place(const Described& described, v8::Isolate* isolate, v8::Local<v8::Context> context,
               v8::Local<v8::Message> message) {
  int line = message->GetLineNumber(context).FromMaybe(0);
  int column = message->GetStartColumn(context).FromMaybe(-1) + 1;
  v8::Local<v8::Value> name = message->GetScriptResourceName();
  v8::Local<v8::String> text;
  if (!message->GetSourceLine(context).ToLocal(&text)) text = v8::String::Empty(isolate);
  PyRef source_line = text_or_none(isolate, text);
  const v8::Local<v8::StackFrame> frame = top_frame(isolate, message);
  if (line == 0 && !frame.IsEmpty()) {
    line = frame->GetLineNumber();
    column = frame->GetColumn();
    name = frame->GetScriptName();
    PyRef source = text_or_none(isolate, frame->GetScriptSource());
    if (source.get() != Py_None) source_line = line_of(source, line);
  }
  add_fact(described, "script_name", text_or_none(isolate, name));
  add_fact(described, "line", checked(PyLong_FromLong(line)));
  add_fact(described, "column", checked(PyLong_FromLong(column)));
  add_fact(described, "source_line", source_line);
}

// A script's source map URL as a Python string where the map itself is in it, else None.
PyRef source_map_of(IsolateImpl& isolate, int script, v8::Local<v8::Value> url) {
  constexpr char16_t kStart[] = u"data:";
  constexpr int kStartLength = 5;
  constexpr size_t kMostKept = 16;
  if (url.IsEmpty() || !url->IsString()) return PyRef::borrow(Py_None);
  v8::Local<v8::String> text = url.As<v8::String>();
  if (text->Length() <= kStartLength) return PyRef::borrow(Py_None);
  uint16_t start[kStartLength];
  compat::write_two_byte(isolate.v8, text, start, kStartLength);
  if (!std::equal(start, start + kStartLength, kStart)) return PyRef::borrow(Py_None);
  const auto known = isolate.source_maps.find(script);
  if (known != isolate.source_maps.end()) return PyRef::borrow(known->second.get());
  PyRef made = checked(string_to_python(isolate.v8, text));
  if (isolate.source_maps.size() >= kMostKept) isolate.source_maps.clear();
  isolate.source_maps[script] = PyRef::borrow(made.get());
  return made;
}

void add_source_map(const PyRef& maps, IsolateImpl& isolate, int script, v8::Local<v8::Value> name,
                    v8::Local<v8::Value> url) {
  PyRef key = text_or_none(isolate.v8, name);
  PyRef map = source_map_of(isolate, script, url);
  if (key.get() != Py_None && map.get() != Py_None) PyDict_SetDefault(maps.get(), key.get(), map.get());
}

// The inline source maps of the scripts in which it was thrown, by the scripts' names. V8 knows of frames beyond the
// top one only where it was told to capture them.
void add_source_maps(const Described& described, IsolateImpl& isolate, v8::Local<v8::Message> message) {
  PyRef maps = checked(PyDict_New());
  const v8::ScriptOrigin origin = message->GetScriptOrigin();
  add_source_map(maps, isolate, origin.ScriptId(), origin.ResourceName(), origin.SourceMapUrl());
  v8::Local<v8::StackTrace> trace = message->GetStackTrace();
  for (int i = 0; !trace.IsEmpty() && i < trace->GetFrameCount(); ++i) {
    v8::Local<v8::StackFrame> frame = trace->GetFrame(isolate.v8, static_cast<uint32_t>(i));
    add_source_map(maps, isolate, frame->GetScriptId(), frame->GetScriptName(), frame->GetScriptSourceMappingURL());
  }
  if (PyDict_GET_SIZE(maps.get()) > 0) add_fact(described, "source_maps", maps);
}

Described describe_thrown(ContextImpl& context, v8::Local<v8::Value> thrown, v8::Local<v8::Message> message, int depth);

PyRef describe_cause(ContextImpl& context, v8::Local<v8::Value> cause, int depth) {
  constexpr int kDeepest = 16;
  if (cause.IsEmpty() || cause->IsUndefined() || depth > kDeepest) return PyRef::borrow(Py_None);
  if (PyRef exception = exception_behind(context.isolate(), cause)) return exception;
  if (!cause->IsNativeError())
    return context.owner() == nullptr ? PyRef::borrow(Py_None) : checked(to_python(context, cause));
  Described described = describe_thrown(context, cause, v8::Local<v8::Message>(), depth);
  PyRef summary = checked(text_to_python(described.summary));
  return checked(Py_BuildValue("{s:O,s:O}", "summary", summary.get(), "facts", described.facts.get()));
}

Described describe_thrown(ContextImpl& context, v8::Local<v8::Value> thrown, v8::Local<v8::Message> message,
                          int depth = 0) {
  v8::Isolate* isolate = context.isolate().v8;
  v8::Local<v8::Context> local = context.local();
  Described described{"", checked(PyDict_New())};
  PyRef name = PyRef::borrow(Py_None), text = PyRef::borrow(Py_None), stack = PyRef::borrow(Py_None);
  if (message.IsEmpty()) message = ask(context, [&] { return v8::Exception::CreateMessage(isolate, thrown); });
  if (thrown->IsNativeError()) {
    v8::Local<v8::Object> error = thrown.As<v8::Object>();
    name = text_or_none(isolate, property(context, error, "name"));
    text = text_or_none(isolate, property(context, error, "message"));
    stack = text_or_none(isolate, property(context, error, "stack"));
    add_fact(described, "cause", describe_cause(context, property(context, error, "cause"), depth + 1));
  }
  described.summary = text_from(isolate, ask(context, [&] { return message->Get(); }));
  constexpr const char* kPrefix = "Uncaught ";
  if (described.summary.rfind(kPrefix, 0) == 0) described.summary.erase(0, std::string(kPrefix).size());
  if (stack.get() == Py_None && !message->GetStackTrace().IsEmpty()) {
    const std::string trace = described.summary + format_trace(isolate, message->GetStackTrace());
    stack = checked(text_to_python(trace));
  }
  add_fact(described, "name", name);
  add_fact(described, "message", text);
  add_fact(described, "stack", stack);
  add_place(described, isolate, local, message);
  add_source_maps(described, context.isolate(), message);
  // A context that is still being made has no Python object that a proxy could belong to.
  add_fact(described, "value",
           context.owner() == nullptr ? PyRef::borrow(Py_None) : checked(to_python(context, thrown)));
  return described;
}

// While a snapshot is built: where JavaScript missed a built-in that V8 adds later, text that says so.
std::string hint_for(IsolateImpl& isolate, const Described& described) {
  PyRef message = PyRef::borrow(PyDict_GetItemString(described.facts.get(), "message"));
  const char* text = message && PyUnicode_Check(message.get()) ? PyUnicode_AsUTF8(message.get()) : nullptr;
  if (text == nullptr || isolate.options.late_builtins == nullptr) {
    PyErr_Clear();
    return "";
  }
  const std::string said = text;
  for (const char* ending : {" is not defined", " is not a function", " is not a constructor"}) {
    const size_t at = said.rfind(ending);
    if (at == std::string::npos || at + std::string(ending).size() != said.size()) continue;
    const std::string name = said.substr(0, at);
    PyRef key = checked(PyUnicode_DecodeUTF8(name.data(), static_cast<Py_ssize_t>(name.size()), "replace"));
    if (checked(PySet_Contains(isolate.options.late_builtins, key.get())) == 1) {
      return ": V8 adds " + name + " only when the snapshot is loaded, see builtin_gap()";
    }
  }
  return "";
}

// V8's RangeError where the allocator gave no memory.
bool is_refused_buffer(const Described& described) {
  PyObject* name = PyDict_GetItemString(described.facts.get(), "name");
  return name != nullptr && PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "RangeError") == 0 &&
         described.summary.find("allocation failed") != std::string::npos;
}

// Where in JavaScript a Python exception passed by, as a note of the exception's. Python 3.10 has no add_note().
void note_javascript_stack(ContextImpl& context, PyObject* exception, v8::Local<v8::Value> error) {
  if (!error->IsNativeError() || PyObject_IsInstance(exception, proxy_hooks().js_error) == 1) return;
  const std::string stack = text_from(context.isolate().v8, property(context, error.As<v8::Object>(), "stack"));
  const size_t frames = stack.find("\n    at ");
  if (frames == std::string::npos) return;
  PyRef note = checked(text_to_python("JavaScript stack:" + stack.substr(frames)));
  PyRef notes(PyObject_GetAttrString(exception, "__notes__"));
  if (notes && PySequence_Check(notes.get()) && PySequence_Contains(notes.get(), note.get()) == 1) return;
  PyErr_Clear();
  if (!notes) {
    notes = checked(PyList_New(0));
    PyObject_SetAttrString(exception, "__notes__", notes.get());
  }
  if (PyList_Check(notes.get())) PyList_Append(notes.get(), note.get());
  PyErr_Clear();
}

}  // namespace

void IsolateImpl::request_stop(StopReason reason, int level, unsigned long thread) {
  std::lock_guard<std::mutex> lock(stop_mutex);
  stop_pending = true;
  // From here on a run that is on stays on: its end waits for the lock.
  const auto is_meant = [&] { return thread == 0 || turn.owner() == thread; };
  // Asked on both sides of the level, which is then that of the thread's own run.
  if (!is_meant() || run_level == 0 || !is_meant()) {
    stop_pending = stop_reason != StopReason::kNone;
    return;
  }
  // The first reason stands, unless a later one reaches further out.
  if (stop_reason == StopReason::kNone || level < stop_level) {
    stop_reason = reason;
    stop_level = level;
    last_stop = reason;
  }
  v8->TerminateExecution();
}

const char* IsolateImpl::stopped_by() const {
  switch (last_stop) {
    case StopReason::kNone:
      return nullptr;
    case StopReason::kUser:
      return "terminated";
    case StopReason::kTimeout:
      return "timeout";
    case StopReason::kMemory:
      return "memory";
    case StopReason::kPython:
      return "interrupted";
  }
  return nullptr;
}

void IsolateImpl::stash_python_exception() {
  Py_XSETREF(pending_exception, take_python_exception().release());
  request_stop(StopReason::kPython, 1);
}

static std::atomic<bool> g_any_thread_deadline{false};  // since the process began: a look that costs nothing
static thread_local double g_thread_deadline = 0;

void set_thread_deadline(double seconds) noexcept {
  g_any_thread_deadline = true;
  g_thread_deadline = seconds > 0 ? steady_seconds() + seconds : 0;
}

RunScope::RunScope(ContextImpl& context, double timeout, Gil gil)
    : isolate_(context.isolate()), outer_context_(isolate_.current), outer_(isolate_.innermost), gil_(gil) {
  const int level = isolate_.run_level.load(std::memory_order_relaxed) + 1;
  if (timeout <= 0 && level == 1) timeout = isolate_.timeout;
  if (g_any_thread_deadline && level == 1 && g_thread_deadline > 0) {
    const double left = std::max(g_thread_deadline - steady_seconds(), 1e-6);
    timeout = timeout > 0 ? std::min(timeout, left) : left;
  }
  isolate_.run_level.store(level, std::memory_order_release);
  isolate_.current = &context;
  isolate_.innermost = this;
  const bool keep_gil = gil == Gil::kHold || is_only_python_thread();
  if ((keep_gil || PyThread_get_thread_ident() == python_main_thread()) && isolate_.watched == 0) {
    watched_here_ = true;
    isolate_.watched.store(++isolate_.last_watched, std::memory_order_release);
    watchdog_wake();
  }
  if (timeout > 0) {
    deadline_.isolate = &isolate_;
    deadline_.level = level;
    deadline_.seconds = steady_seconds() + timeout;
    watchdog_add(&deadline_);
  }
  if (!keep_gil) nogil_.emplace();
}

RunScope::~RunScope() {
  nogil_.reset();
  if (deadline_.isolate != nullptr) watchdog_remove(&deadline_);
  if (watched_here_) isolate_.watched.store(0, std::memory_order_release);
  isolate_.current = outer_context_;
  isolate_.innermost = outer_;
  isolate_.run_level = isolate_.run_level.load(std::memory_order_relaxed) - 1;
}

void RunScope::let_go_of_gil() {
  if (gil_ == Gil::kLetGo && !nogil_) nogil_.emplace();
}

void forget_stop(ContextImpl& context) { take_stop(context.isolate()); }

void check_run(ContextImpl& context, v8::TryCatch& caught, bool failed) {
  IsolateImpl& isolate = context.isolate();
  const Stop stop = take_stop(isolate);
  if (stop.reason != StopReason::kNone) {
    // Also where there is a result: what was stopped may have been a microtask after it.
    if (!stop.over) isolate.v8->TerminateExecution();  // the JavaScript around this run has to stop as well
    throw_stopped(isolate, stop);
  }
  if (caught.HasTerminated()) {
    isolate.v8->CancelTerminateExecution();
    throw_stopped(isolate, {StopReason::kUser, true});
  }
  if (!failed) return;
  if (!caught.HasCaught()) throw Error(ErrorCode::kInternal, "V8 gave neither a result nor an exception");
  v8::Local<v8::Value> thrown = caught.Exception();
  v8::Local<v8::Message> message = caught.Message();
  caught.Reset();
  throw_thrown(context, thrown, message);
}

void throw_thrown(ContextImpl& context, v8::Local<v8::Value> thrown, v8::Local<v8::Message> message) {
  IsolateImpl& isolate = context.isolate();
  if (PyRef exception = exception_behind(isolate, thrown)) {
    note_javascript_stack(context, exception.get(), thrown);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.get())), exception.get());
    throw PythonError();
  }
  Described described = describe_thrown(context, thrown, message);
  if (isolate.allocator->refused() && is_refused_buffer(described)) {
    throw Error(ErrorCode::kMemory, "JavaScript's buffers reached the heap limit");
  }
  if (isolate.is_creator) described.summary += hint_for(isolate, described);
  throw Error(ErrorCode::kJs, described.summary, described.facts.release());
}

}  // namespace v8snap
