// Contexts: running scripts in them.
#include "v8snap/context.hpp"

#include "internal.hpp"

namespace v8snap {

ContextImpl::ContextImpl(IsolateImpl& isolate, v8::Local<v8::Context> context)
    : isolate_(isolate), slot_(new Slot(isolate, this, LiveKind::kContext)), number_(isolate.next_context++) {
  slot_->context_handle.Reset(isolate.v8, context);
}

ContextImpl::~ContextImpl() {
  slot_->context = nullptr;  // it may stay linked for a while
  isolate_.release(slot_);
}

v8::Local<v8::Context> ContextImpl::local() const {
  if (slot_->closed) throw Error(ErrorCode::kClosed, "this context is closed");
  return slot_->context_handle.Get(isolate_.v8);
}

v8::Local<v8::Function> ContextImpl::strict_set() {
  v8::Isolate* isolate = isolate_.v8;
  if (slot_->strict_set.IsEmpty()) {
    v8::Local<v8::Context> context = local();
    v8::ScriptOrigin origin = compat::script_origin(isolate, literal(isolate, "v8snap:set"));
    v8::ScriptCompiler::Source source(
        literal(isolate, "(function () { 'use strict'; return (object, key, value) => { object[key] = value } })()"),
        origin);
    v8::Local<v8::Value> function = run_js(*this, 0, [&] {
      v8::Local<v8::Script> script;
      if (!v8::ScriptCompiler::Compile(context, &source).ToLocal(&script)) return v8::MaybeLocal<v8::Value>();
      return script->Run(context);
    });
    slot_->strict_set.Reset(isolate, function.As<v8::Function>());
  }
  return slot_->strict_set.Get(isolate);
}

void ContextImpl::notice_stop() {
  if (slot_->closed || slot_->strict_set.IsEmpty()) return;
  v8::Isolate* isolate = isolate_.v8;
  v8::Local<v8::Value> arguments[] = {v8::Object::New(isolate), v8::Null(isolate), v8::Null(isolate)};
  (void)slot_->strict_set.Get(isolate)
      ->Call(isolate->GetCurrentContext(), v8::Undefined(isolate), 3, arguments)
      .IsEmpty();
}

void ContextImpl::close() {
  if (slot_->closed || isolate_.closed()) return;
  if (isolate_.forked()) {
    slot_->closed = true;  // nothing of V8's may be touched here
    return;
  }
  Entry entry(isolate_);
  isolate_.report_rejections_now(true);
  if (slot_->closed) return;  // by what was told of them
  // What it has left to do is not for the time of other contexts: V8 drops the jobs of one that is detached. It also
  // notes it in the heap, which is not for a snapshot.
  if (!isolate_.is_creator) slot_->context_handle.Get(isolate_.v8)->DetachGlobal();
  isolate_.close_slots(this);
  // Half of what a context costs is collected only once V8 knows that it is gone.
  compat::context_disposed(isolate_.v8);
}

PyObject* ContextImpl::eval(PyObject* source, PyObject* name, double timeout) {
  Entry entry(isolate_);
  v8::Local<v8::Context> context = local();
  v8::Context::Scope scope(context);
  v8::ScriptOrigin origin = compat::script_origin(isolate_.v8, string_from_python(isolate_.v8, name));
  v8::ScriptCompiler::Source text(isolate_.source_from_python(source), origin);
  v8::Local<v8::Value> result = run_js(*this, timeout, [&] {
    v8::Local<v8::Script> script;
    if (!v8::ScriptCompiler::Compile(context, &text).ToLocal(&script)) return v8::MaybeLocal<v8::Value>();
    if (isolate_.is_creator) isolate_.scripts.emplace_back(isolate_.v8, script->GetUnboundScript());
    return script->Run(context);
  });
  return to_python(*this, result);
}

PyObject* ContextImpl::globals() {
  Entry entry(isolate_);
  v8::Local<v8::Context> context = local();
  v8::Context::Scope scope(context);
  return to_python(*this, context->Global());
}

std::unique_ptr<Script> ContextImpl::compile(PyObject* source, PyObject* name, PyObject* cached_data, bool eager) {
  Entry entry(isolate_);
  v8::Local<v8::Context> context = local();
  v8::Context::Scope scope(context);
  v8::ScriptOrigin origin = compat::script_origin(isolate_.v8, string_from_python(isolate_.v8, name));
  v8::ScriptCompiler::CachedData* cache = nullptr;
  if (cached_data != nullptr) {
    cache = new v8::ScriptCompiler::CachedData(reinterpret_cast<const uint8_t*>(PyBytes_AS_STRING(cached_data)),
                                               static_cast<int>(PyBytes_GET_SIZE(cached_data)));
  }
  v8::ScriptCompiler::Source text(isolate_.source_from_python(source), origin, cache);  // takes `cache`
  const auto options = cache != nullptr ? v8::ScriptCompiler::kConsumeCodeCache
                       : eager          ? v8::ScriptCompiler::kEagerCompile
                                        : v8::ScriptCompiler::kNoCompileOptions;
  v8::Local<v8::UnboundScript> script =
      run_js(*this, 0, [&] { return v8::ScriptCompiler::CompileUnboundScript(isolate_.v8, &text, options); });
  return std::make_unique<ScriptImpl>(isolate_, script, cache != nullptr && cache->rejected);
}

PyObject* ContextImpl::run(Script& script, double timeout) {
  auto& impl = static_cast<ScriptImpl&>(script);
  if (&impl.isolate() != &isolate_) throw Error(ErrorCode::kWrongIsolate, "this script belongs to another isolate");
  Entry entry(isolate_);
  v8::Local<v8::Context> context = local();
  v8::Context::Scope scope(context);
  v8::Local<v8::Script> bound = impl.local()->BindToCurrentContext();
  v8::Local<v8::Value> result = run_js(*this, timeout, [&] { return bound->Run(context); });
  return to_python(*this, result);
}

PyObject* ContextImpl::to_js(PyObject* object) {
  Entry entry(isolate_);
  v8::Context::Scope scope(local());
  return to_python(*this, from_python(*this, object));
}

PyObject* ContextImpl::data(size_t index) {
  Entry entry(isolate_);
  v8::Local<v8::Context> context = local();
  v8::Context::Scope scope(context);
  return data_to_python(*this, context->GetDataFromSnapshotOnce<v8::Data>(index));
}

}  // namespace v8snap
