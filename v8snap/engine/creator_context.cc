// Contexts of a snapshot creator: what is done before scripts run in one, and undone before the blob is made. The
// JavaScript half is in gap.js.
#include <sstream>

#include "internal.hpp"

namespace v8snap {

namespace {

v8::Local<v8::Private> begin_key(v8::Isolate* isolate) {
  return v8::Private::ForApi(isolate, literal(isolate, "v8snap.begin"));
}

v8::Local<v8::Private> finish_key(v8::Isolate* isolate) {
  return v8::Private::ForApi(isolate, literal(isolate, "v8snap.finish"));
}

// {error, value, deleted}: what scripts made of Error.stackTraceLimit, of which V8 makes 10 again when it loads the
// context.
v8::Local<v8::Private> stack_trace_limit_key(v8::Isolate* isolate) {
  return v8::Private::ForApi(isolate, literal(isolate, "v8snap.stackTraceLimit"));
}

void set_private(v8::Local<v8::Context> context, v8::Local<v8::Private> key, v8::Local<v8::Value> value) {
  if (!context->Global()->SetPrivate(context, key, value).FromMaybe(false)) {
    throw Error(ErrorCode::kInternal, "the creator's context can't be prepared");
  }
}

}  // namespace

// Where the heap would kill V8: which objects.
void throw_unserializable(const std::string& message, PyRef paths) {
  PyRef details = checked(Py_BuildValue("{s:O}", "paths", paths.get()));
  throw Error(ErrorCode::kUnserializable, message, details.release());
}

PyRef no_paths() { return checked(PyList_New(0)); }

// Runs options.prelude, or finds what it gave in the snapshot that is built upon.
static v8::Local<v8::Function> find_begin(ContextImpl& context) {
  v8::Isolate* isolate = context.isolate().v8;
  v8::Local<v8::Context> local = context.local();
  v8::Local<v8::Value> begin;
  if (local->Global()->GetPrivate(local, begin_key(isolate)).ToLocal(&begin) && begin->IsFunction()) {
    return begin.As<v8::Function>();
  }
  v8::ScriptOrigin origin = compat::script_origin(isolate, literal(isolate, "v8snap:prelude"));
  v8::Local<v8::String> text;
  if (!v8::String::NewFromUtf8(isolate, context.isolate().options.prelude.c_str()).ToLocal(&text)) {
    throw Error(ErrorCode::kInternal, "the creator's prelude is no string for V8");
  }
  v8::ScriptCompiler::Source source(text, origin);
  begin = run_js(context, 0, [&] {
    v8::Local<v8::Script> script;
    if (!v8::ScriptCompiler::Compile(local, &source).ToLocal(&script)) return v8::MaybeLocal<v8::Value>();
    return script->Run(local);
  });
  set_private(local, begin_key(isolate), begin);
  return begin.As<v8::Function>();
}

void prepare_creator_context(ContextImpl& context) {
  if (context.isolate().options.prelude.empty()) return;
  v8::Isolate* isolate = context.isolate().v8;
  v8::Local<v8::Context> local = context.local();
  v8::Context::Scope scope(local);
  v8::Local<v8::Object> global = local->Global();
  v8::Local<v8::Function> begin = find_begin(context);
  v8::Local<v8::Value> remembered =
      global->GetPrivate(local, stack_trace_limit_key(isolate)).FromMaybe(v8::Undefined(isolate).As<v8::Value>());
  set_private(local, finish_key(isolate),
              run_js(context, 0, [&] { return begin->Call(local, global, 1, &remembered); }));
}

static v8::Local<v8::Object> call_finish(ContextImpl& context, bool only_look) {
  v8::Isolate* isolate = context.isolate().v8;
  v8::Local<v8::Context> local = context.local();
  v8::Local<v8::Object> global = local->Global();
  v8::Local<v8::Value> finish;
  if (!global->GetPrivate(local, finish_key(isolate)).ToLocal(&finish) || !finish->IsFunction()) return {};
  v8::Local<v8::Value> argument = v8::Boolean::New(isolate, only_look);
  return run_js(context, 0, [&] { return finish.As<v8::Function>()->Call(local, global, 1, &argument); })
      .As<v8::Object>();
}

static std::string problems_in(v8::Local<v8::Context> context, v8::Local<v8::Object> result) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::Local<v8::Value> problems;
  if (!result->Get(context, literal(isolate, "problems")).ToLocal(&problems)) return "";
  return *v8::String::Utf8Value(isolate, problems);
}

std::vector<std::string> look_at_creator_context(ContextImpl& context) {
  v8::Context::Scope scope(context.local());
  v8::Local<v8::Object> result = call_finish(context, true);
  std::vector<std::string> paths;
  if (result.IsEmpty()) return paths;
  std::istringstream words(problems_in(context.local(), result));
  for (std::string path; words >> path;) paths.push_back(path);
  return paths;
}

void finish_creator_context(ContextImpl& context) {
  v8::Isolate* isolate = context.isolate().v8;
  v8::Local<v8::Context> local = context.local();
  v8::Context::Scope scope(local);
  v8::Local<v8::Object> global = local->Global();
  v8::Local<v8::Object> result = call_finish(context, false);
  if (result.IsEmpty()) return;
  const std::string problems = problems_in(local, result);
  if (!problems.empty()) {
    PyRef paths = checked(PyObject_CallMethod(checked(text_to_python(problems)).get(), "split", nullptr));
    PyRef listed = checked(PyUnicode_Join(checked(text_to_python(", ")).get(), paths.get()));
    throw_unserializable(
        "V8 adds its newest built-ins when it loads a snapshot, and would die of what is frozen, fixed "
        "or missing there: " +
            std::string(PyUnicode_AsUTF8(listed.get())),
        std::move(paths));
  }
  (void)global->DeletePrivate(local, finish_key(isolate));
  v8::Local<v8::Value> limit;
  if (!result->Get(local, literal(isolate, "stackTraceLimit")).ToLocal(&limit)) return;
  v8::Local<v8::Private> key = stack_trace_limit_key(isolate);
  (void)(limit->IsObject() ? global->SetPrivate(local, key, limit) : global->DeletePrivate(local, key));
}

void restore_stack_trace_limit(v8::Local<v8::Context> context) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::Context::Scope scope(context);
  v8::Local<v8::Value> limit, error, value, deleted;
  if (!context->Global()->GetPrivate(context, stack_trace_limit_key(isolate)).ToLocal(&limit) || !limit->IsObject()) {
    return;
  }
  auto fact = [&](const char* name, v8::Local<v8::Value>* out) {
    return limit.As<v8::Object>()->Get(context, literal(isolate, name)).ToLocal(out);
  };
  if (!fact("error", &error) || !fact("value", &value) || !fact("deleted", &deleted) || !error->IsObject()) return;
  v8::Local<v8::String> name = literal(isolate, "stackTraceLimit");
  (void)(deleted->IsTrue() ? error.As<v8::Object>()->Delete(context, name)
                           : error.As<v8::Object>()->CreateDataProperty(context, name, value));
}

}  // namespace v8snap
