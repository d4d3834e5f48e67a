// Evaluation of module graphs with top-level await. V8 dies of a stop, such as a timeout's, where it evaluates a module
// that waited for another one: so each is evaluated from here once all are done that it needs.
#include "module.hpp"

namespace v8snap {

namespace {

bool is_settled(v8::Isolate* isolate, const v8::Global<v8::Promise>& promise) {
  return !promise.IsEmpty() && promise.Get(isolate)->State() != v8::Promise::kPending;
}

bool can_begin(v8::Isolate* isolate, const Evaluation& evaluation, const Evaluation::Part& part) {
  return std::all_of(part.needs.begin(), part.needs.end(),
                     [&](size_t each) { return is_settled(isolate, evaluation.parts[each].promise); });
}

// Begins what can begin. Gives the promise that decides, one that was rejected or the root's; false where JavaScript
// was stopped.
bool begin_parts(v8::Local<v8::Context> context, Evaluation& evaluation, v8::Local<v8::Promise>* decides) {
  v8::Isolate* isolate = context->GetIsolate();
  for (Evaluation::Part& part : evaluation.parts) {
    if (part.promise.IsEmpty()) {
      if (!can_begin(isolate, evaluation, part)) continue;
      v8::Local<v8::Value> promise;
      if (!part.module.Get(isolate)->Evaluate(context).ToLocal(&promise)) return false;
      part.promise.Reset(isolate, promise.As<v8::Promise>());
    }
    *decides = part.promise.Get(isolate);
    if ((*decides)->State() == v8::Promise::kRejected) {
      (*decides)->MarkAsHandled();
      return true;
    }
  }
  if (evaluation.parts.back().promise.IsEmpty()) decides->Clear();
  return true;
}

bool settle(v8::Local<v8::Context> context, const Evaluation& evaluation, v8::Local<v8::Promise> decides) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::Local<v8::Promise::Resolver> result = evaluation.result.Get(isolate);
  if (decides->State() == v8::Promise::kFulfilled) return result->Resolve(context, v8::Undefined(isolate)).IsJust();
  v8::Local<v8::Value> reason = decides->Result();
  if (!is_value(reason)) reason = v8::Exception::Error(literal(isolate, "the module was stopped"));
  return result->Reject(context, reason).IsJust();
}

// Comes back when one of those is settled that go on.
bool wait(v8::Local<v8::Context> context, Evaluation& evaluation, int id) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::Local<v8::Function> go_on;
  if (!v8::Function::New(context, continue_evaluation, v8::Integer::New(isolate, id)).ToLocal(&go_on)) return false;
  for (Evaluation::Part& part : evaluation.parts) {
    if (part.promise.IsEmpty() || part.awaited || is_settled(isolate, part.promise)) continue;
    part.awaited = true;
    if (part.promise.Get(isolate)->Then(context, go_on, go_on).IsEmpty()) return false;
  }
  return true;
}

bool go_on(IsolateImpl& isolate, int id) {
  const auto known = isolate.evaluations.find(id);
  if (known == isolate.evaluations.end()) return true;
  const std::shared_ptr<Evaluation> kept = known->second;  // what runs may close its context
  Evaluation& evaluation = *kept;
  v8::Local<v8::Context> context = evaluation.context.Get(isolate.v8);
  v8::Context::Scope scope(context);
  v8::Local<v8::Promise> decides;
  if (!begin_parts(context, evaluation, &decides)) return false;
  if (decides.IsEmpty() || decides->State() == v8::Promise::kPending) return wait(context, evaluation, id);
  const bool settled = settle(context, evaluation, decides);
  isolate.evaluations.erase(id);
  return settled;
}

}  // namespace

v8::MaybeLocal<v8::Value> begin_evaluation(ContextImpl& context, std::vector<Evaluation::Part> parts) {
  IsolateImpl& isolate = context.isolate();
  v8::Local<v8::Context> local = isolate.v8->GetCurrentContext();
  v8::Local<v8::Promise::Resolver> result;
  if (!v8::Promise::Resolver::New(local).ToLocal(&result)) return {};
  const int id = isolate.next_evaluation++;
  isolate.evaluations[id] =
      std::make_shared<Evaluation>(Evaluation{&context, {isolate.v8, local}, {isolate.v8, result}, std::move(parts)});
  if (!go_on(isolate, id)) return {};
  return result->GetPromise();
}

void continue_evaluation(const v8::FunctionCallbackInfo<v8::Value>& info) {
  auto& isolate = *static_cast<IsolateImpl*>(info.GetIsolate()->GetData(0));
  if (info.Data()->IsInt32()) (void)go_on(isolate, info.Data().As<v8::Int32>()->Value());
}

}  // namespace v8snap
