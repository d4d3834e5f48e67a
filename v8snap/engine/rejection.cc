// Rejected promises that nobody handles. JavaScript may handle one as long as its microtasks run, and Python as long as
// it has a proxy of the promise.
#include "internal.hpp"

namespace v8snap {

void IsolateImpl::note_rejection(v8::PromiseRejectMessage message) {
  v8::Local<v8::Promise> promise = message.GetPromise();
  v8::Isolate* isolate = promise->GetIsolate();
  auto& self = *static_cast<IsolateImpl*>(isolate->GetData(0));
  const int hash = promise->GetIdentityHash();
  if (message.GetEvent() == v8::kPromiseRejectWithNoHandler && !is_value(message.GetValue())) {
    compat::forget_reason(isolate, promise, message.GetValue());
    isolate->TerminateExecution();  // V8 took the stop for an error
  } else if (message.GetEvent() == v8::kPromiseRejectWithNoHandler) {
    v8::Local<v8::Context> context = promise->GetCreationContext().FromMaybe(isolate->GetCurrentContext());
    v8::Local<v8::Message> thrown = v8::Exception::CreateMessage(isolate, message.GetValue());
    self.rejections_by_hash.emplace(hash, self.rejections.size());
    self.rejections.push_back({{isolate, context}, {isolate, promise}, {isolate, thrown}});
  } else if (message.GetEvent() == v8::kPromiseHandlerAddedAfterReject) {
    auto [first, last] = self.rejections_by_hash.equal_range(hash);
    const auto known =
        std::find_if(first, last, [&](const auto& each) { return self.rejections[each.second].promise == promise; });
    if (known == last) return;
    self.rejections[known->second] = {};
    self.rejections_by_hash.erase(known);
  }
}

void IsolateImpl::report_rejections() {
  Entry entry(*this);
  report_rejections_now(true);
}

void IsolateImpl::report_rejections_now(bool all) noexcept {
  if (rejections.empty() || depth != 1 || run_level != 0) return;
  PyObject *type, *value, *traceback;  // this may be in the middle of an exception's way out
  PyErr_Fetch(&type, &value, &traceback);
  std::vector<Rejection> waiting;
  rejections_by_hash.clear();
  for (Rejection& each : std::exchange(rejections, {})) {
    if (each.promise.IsEmpty()) continue;
    v8::HandleScope handles(v8);
    ContextImpl* context = context_of(each.context.Get(v8));
    if (context == nullptr || context->owner() == nullptr || Py_REFCNT(context->owner()) == 0) continue;
    v8::Local<v8::Promise> promise = each.promise.Get(v8);
    if (promise->HasHandler()) continue;
    if (!all && find_proxy(*context, promise, promise->GetIdentityHash(), nullptr) != nullptr) {
      waiting.push_back(std::move(each));
      continue;
    }
    report(*context, promise, each.message.Get(v8));
  }
  for (Rejection& each : waiting) {
    v8::HandleScope handles(v8);
    rejections_by_hash.emplace(each.promise.Get(v8)->GetIdentityHash(), rejections.size());
    rejections.push_back(std::move(each));
  }
  PyErr_Restore(type, value, traceback);
}

void IsolateImpl::report(ContextImpl& context, v8::Local<v8::Promise> promise, v8::Local<v8::Message> message) {
  const PyRef owner = PyRef::borrow(context.owner());
  promise->MarkAsHandled();
  try {
    v8::Context::Scope scope(context.local());
    v8::TryCatch caught(v8);
    throw_thrown(context, promise->Result(), message);
  } catch (...) {
    raise_python_error();
  }
  const PyRef exception = take_python_exception();
  PyRef done(PyObject_CallFunctionObjArgs(options.on_rejection, owner.get(), exception.get(), nullptr));
  end_forked_child(*this);
  if (!done) PyErr_WriteUnraisable(nullptr);
}

}  // namespace v8snap
