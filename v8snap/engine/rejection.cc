// Rejected promises that nobody handles. JavaScript may handle one as long as its microtasks run, and Python as long as
// it has a proxy of the promise.
#include "internal.hpp"

namespace v8snap {

void IsolateImpl::note_rejection(v8::PromiseRejectMessage message) {
  v8::Local<v8::Promise> promise = message.GetPromise();
  v8::Isolate* isolate = promise->GetIsolate();
  auto& self = *static_cast<IsolateImpl*>(isolate->GetData(0));
  if (message.GetEvent() == v8::kPromiseRejectWithNoHandler) {
    v8::Local<v8::Context> context = promise->GetCreationContext().FromMaybe(isolate->GetCurrentContext());
    v8::Local<v8::Message> thrown = v8::Exception::CreateMessage(isolate, message.GetValue());
    self.rejections.push_back({{isolate, context}, {isolate, promise}, {isolate, thrown}});
  } else if (message.GetEvent() == v8::kPromiseHandlerAddedAfterReject) {
    const auto known = std::find_if(self.rejections.begin(), self.rejections.end(),
                                    [&](const Rejection& each) { return each.promise == promise; });
    if (known != self.rejections.end()) self.rejections.erase(known);
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
  for (Rejection& each : std::exchange(rejections, {})) {
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
  rejections.insert(rejections.end(), std::make_move_iterator(waiting.begin()), std::make_move_iterator(waiting.end()));
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
