// Compiled scripts and their code caches.
#include "v8snap/script.hpp"

#include "internal.hpp"

namespace v8snap {

ScriptImpl::ScriptImpl(IsolateImpl& isolate, v8::Local<v8::UnboundScript> script, bool rejected)
    : isolate_(isolate), slot_(new Slot(isolate, nullptr, LiveKind::kScript)), rejected_(rejected) {
  slot_->script.Reset(isolate.v8, script);
}

ScriptImpl::~ScriptImpl() { isolate_.release(slot_); }

v8::Local<v8::UnboundScript> ScriptImpl::local() const {
  if (slot_->closed) throw Error(ErrorCode::kClosed, "this script is closed: its isolate is");
  return slot_->script.Get(isolate_.v8);
}

PyObject* ScriptImpl::code_cache() {
  Entry entry(isolate_);
  if (isolate_.is_creator) {  // later versions of V8 would die
    throw Error(ErrorCode::kSnapshot,
                "V8 makes no code caches while a snapshot is made: make it in a plain Isolate from the same snapshot");
  }
  std::unique_ptr<v8::ScriptCompiler::CachedData> cache(v8::ScriptCompiler::CreateCodeCache(local()));
  if (cache == nullptr) throw Error(ErrorCode::kInternal, "V8 made no code cache for this script");
  return checked(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(cache->data), cache->length)).release();
}

}  // namespace v8snap
