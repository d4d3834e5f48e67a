// What host objects and CommonJS modules need of a context.
#include "v8snap/host.hpp"

#include "internal.hpp"

namespace v8snap {

namespace {

v8::Local<v8::Private> hidden_key(v8::Isolate* isolate, PyObject* name) {
  return v8::Private::ForApi(isolate, string_from_python(isolate, name));
}

std::vector<v8::Local<v8::String>> strings_from(v8::Isolate* isolate, PyObject* list) {
  std::vector<v8::Local<v8::String>> strings;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    strings.push_back(string_from_python(isolate, PyList_GET_ITEM(list, i)));
  }
  return strings;
}

}  // namespace

PyObject* external_function(Context& context, PyObject* name) {
  auto& impl = static_cast<ContextImpl&>(context);
  Entry entry(impl.isolate());
  v8::Context::Scope scope(impl.local());
  return to_python(impl, function_of_external(impl, name));
}

PyObject* hidden_value(Context& context, PyObject* name) {
  auto& impl = static_cast<ContextImpl&>(context);
  Entry entry(impl.isolate());
  v8::Local<v8::Context> local = impl.local();
  v8::Context::Scope scope(local);
  v8::Local<v8::Value> value;
  if (!local->Global()->GetPrivate(local, hidden_key(impl.isolate().v8, name)).ToLocal(&value)) {
    throw Error(ErrorCode::kTerminated, "JavaScript was terminated");
  }
  return value->IsUndefined() ? nullptr : to_python(impl, value);
}

void set_hidden_value(Context& context, PyObject* name, PyObject* value) {
  auto& impl = static_cast<ContextImpl&>(context);
  Entry entry(impl.isolate());
  v8::Local<v8::Context> local = impl.local();
  v8::Context::Scope scope(local);
  v8::Local<v8::Value> converted = from_python(impl, value);
  if (!local->Global()->SetPrivate(local, hidden_key(impl.isolate().v8, name), converted).FromMaybe(false)) {
    throw Error(ErrorCode::kTerminated, "JavaScript was terminated");
  }
}

PyObject* compile_function(Context& context, PyObject* source, PyObject* name, PyObject* parameters) {
  auto& impl = static_cast<ContextImpl&>(context);
  IsolateImpl& isolate = impl.isolate();
  Entry entry(isolate);
  v8::Local<v8::Context> local = impl.local();
  v8::Context::Scope scope(local);
  std::vector<v8::Local<v8::String>> names = strings_from(isolate.v8, parameters);
  v8::ScriptOrigin origin = compat::script_origin(isolate.v8, string_from_python(isolate.v8, name));
  v8::ScriptCompiler::Source text(isolate.source_from_python(source), origin);
  v8::Local<v8::Function> function =
      run_js(impl, 0, [&] { return v8::ScriptCompiler::CompileFunction(local, &text, names.size(), names.data()); });
  v8::Local<v8::UnboundScript> script;
  if (isolate.is_creator && compat::script_of(function).ToLocal(&script)) {
    isolate.scripts.emplace_back(isolate.v8, script);
  }
  return to_python(impl, function);
}

bool detach_buffer(Value& value) {
  auto& impl = static_cast<ValueImpl&>(value);
  Entry entry(impl.isolate());
  v8::Local<v8::Value> local = impl.local();
  if (!local->IsArrayBuffer() || !local.As<v8::ArrayBuffer>()->IsDetachable()) return false;
  v8::Context::Scope scope(impl.context().local());
  return compat::detach(local.As<v8::ArrayBuffer>());
}

}  // namespace v8snap
