// Promises. V8's own functions are asked, never a `then` that JavaScript may have replaced.
#include "v8snap/promise.hpp"

#include "internal.hpp"

namespace v8snap {

namespace {

v8::Local<v8::Promise> promise_of(const ValueImpl& value) { return value.local().As<v8::Promise>(); }

// V8 makes no difference between a promise and what resolves it.
v8::Local<v8::Promise::Resolver> resolver_of(const ValueImpl& value) {
  return value.local().As<v8::Promise::Resolver>();
}

template <class Function>
void settle(ValueImpl& self, Function&& function) {
  run_js(self.context(), 0, [&] { return Given<bool>{function()}; });
}

}  // namespace

PromiseState promise_state(Value& promise) {
  auto& self = static_cast<ValueImpl&>(promise);
  Visit visit(self.context());
  switch (promise_of(self)->State()) {
    case v8::Promise::kPending:
      return PromiseState::kPending;
    case v8::Promise::kFulfilled:
      return PromiseState::kFulfilled;
    default:
      return PromiseState::kRejected;
  }
}

PyObject* promise_result(Value& promise) {
  auto& self = static_cast<ValueImpl&>(promise);
  Visit visit(self.context());
  v8::Local<v8::Promise> local = promise_of(self);
  if (local->State() == v8::Promise::kPending) throw Error(ErrorCode::kPending, "the promise is pending");
  if (local->State() == v8::Promise::kFulfilled) return to_python(self.context(), local->Result());
  local->MarkAsHandled();
  v8::TryCatch caught(self.isolate().v8);
  throw_thrown(self.context(), local->Result(), {});
}

void promise_when_settled(Value& promise, PyObject* done) {
  auto& self = static_cast<ValueImpl&>(promise);
  Visit visit(self.context());
  if (self.isolate().is_creator) {
    throw Error(ErrorCode::kSnapshot, "Python can't wait for a promise while a snapshot is built: it would be in it");
  }
  v8::Local<v8::Function> function = function_from_callable(self.context(), done);
  run_js(self.context(), 0, [&] { return promise_of(self)->Then(visit.context, function, function); });
}

PyObject* new_promise(Context& context) {
  auto& self = static_cast<ContextImpl&>(context);
  Visit visit(self);
  v8::Local<v8::Promise::Resolver> resolver =
      run_js(self, 0, [&] { return v8::Promise::Resolver::New(visit.context); });
  return to_python(self, resolver->GetPromise());
}

void resolve_promise(Value& promise, PyObject* value) {
  auto& self = static_cast<ValueImpl&>(promise);
  Visit visit(self.context());
  v8::Local<v8::Value> converted = from_python(self.context(), value);
  settle(self, [&] { return resolver_of(self)->Resolve(visit.context, converted); });
}

void reject_promise(Value& promise, PyObject* exception) {
  auto& self = static_cast<ValueImpl&>(promise);
  Visit visit(self.context());
  v8::Local<v8::Value> error = error_for_exception(self.context(), exception);
  settle(self, [&] { return resolver_of(self)->Reject(visit.context, error); });
}

}  // namespace v8snap
