// Evaluation of module graphs with top-level await. V8 dies of a stop, such as a timeout's, where it evaluates a module
// that waited for another one: so each is evaluated from here once all are done that it needs.
#include "module.hpp"

namespace v8snap {

namespace {

using Part = Evaluation::Part;

bool is_in(v8::Isolate* isolate, const Part& part, v8::Promise::PromiseState state) {
  return !part.promise.IsEmpty() && part.promise.Get(isolate)->State() == state;
}

bool has_failed(v8::Isolate* isolate, const Part& part) {
  return part.has_no_chance || is_in(isolate, part, v8::Promise::kRejected);
}

bool begin(v8::Local<v8::Context> context, Part& part) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::Local<v8::Value> promise;
  if (!part.module.Get(isolate)->Evaluate(context).ToLocal(&promise)) return false;
  promise.As<v8::Promise>()->MarkAsHandled();  // the graph's own says it
  part.promise.Reset(isolate, promise.As<v8::Promise>());
  return true;
}

// Begins what can begin; false where JavaScript was stopped.
bool begin_parts(v8::Local<v8::Context> context, Evaluation& evaluation) {
  v8::Isolate* isolate = context->GetIsolate();
  for (Part& part : evaluation.parts) {
    if (evaluation.is_over) return true;
    if (!part.promise.IsEmpty() || part.has_no_chance) continue;
    const auto all_needs = [&](auto&& are) {
      return std::all_of(part.needs.begin(), part.needs.end(),
                         [&](size_t each) { return are(evaluation.parts[each]); });
    };
    part.has_no_chance = !all_needs([&](const Part& each) { return !has_failed(isolate, each); });
    if (!all_needs([&](const Part& each) { return is_in(isolate, each, v8::Promise::kFulfilled); })) continue;
    if (!begin(context, part)) return false;
    // As in the language: one that waits for nothing ends all when it fails.
    evaluation.is_over = has_failed(isolate, part) && !part.module.Get(isolate)->IsGraphAsync();
  }
  return true;
}

// Settles the graph's promise once it is known what it is to be; false where JavaScript was stopped.
bool settle(v8::Local<v8::Context> context, Evaluation& evaluation) {
  v8::Isolate* isolate = context->GetIsolate();
  const auto failed = std::find_if(evaluation.parts.begin(), evaluation.parts.end(),
                                   [&](const Part& each) { return is_in(isolate, each, v8::Promise::kRejected); });
  const bool fulfilled = is_in(isolate, evaluation.parts.back(), v8::Promise::kFulfilled);
  if (evaluation.is_settled || (failed == evaluation.parts.end() && !fulfilled)) return true;
  evaluation.is_settled = true;
  v8::Local<v8::Promise::Resolver> result = evaluation.result.Get(isolate);
  if (failed == evaluation.parts.end()) return result->Resolve(context, v8::Undefined(isolate)).IsJust();
  v8::Local<v8::Value> reason = failed->promise.Get(isolate)->Result();
  if (!is_value(reason)) reason = v8::Exception::Error(literal(isolate, "the module was stopped"));
  return result->Reject(context, reason).IsJust();
}

bool goes_on(v8::Isolate* isolate, const Evaluation& evaluation) {
  return !evaluation.is_over && std::any_of(evaluation.parts.begin(), evaluation.parts.end(), [&](const Part& each) {
    return is_in(isolate, each, v8::Promise::kPending);
  });
}

// Comes back when one of those is settled that go on.
bool wait(v8::Local<v8::Context> context, Evaluation& evaluation, int id) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::Local<v8::Function> go_on;
  if (!v8::Function::New(context, continue_evaluation, v8::Integer::New(isolate, id)).ToLocal(&go_on)) return false;
  for (Part& part : evaluation.parts) {
    if (part.awaited || !is_in(isolate, part, v8::Promise::kPending)) continue;
    part.awaited = true;
    if (part.promise.Get(isolate)->Then(context, go_on, go_on).IsEmpty()) return false;
  }
  return true;
}

bool go_on(IsolateImpl& isolate, int id) {
  const auto known = isolate.evaluations.find(id);
  if (known == isolate.evaluations.end()) return true;
  const std::shared_ptr<Evaluation> kept = known->second;  // what runs may come back here
  v8::Local<v8::Context> context = kept->context.Get(isolate.v8);
  if (isolate.context_of(context) == nullptr) return true;  // closed: forgotten when the run ends
  v8::Context::Scope scope(context);
  const bool went_well = begin_parts(context, *kept) && settle(context, *kept);
  const bool waits = went_well && goes_on(isolate.v8, *kept) && wait(context, *kept, id);
  if (!waits) isolate.evaluations.erase(id);
  return went_well;
}

}  // namespace

v8::MaybeLocal<v8::Value> begin_evaluation(ContextImpl& context, std::vector<Evaluation::Part> parts) {
  IsolateImpl& isolate = context.isolate();
  v8::Local<v8::Context> local = isolate.v8->GetCurrentContext();
  v8::Local<v8::Promise::Resolver> result;
  if (!v8::Promise::Resolver::New(local).ToLocal(&result)) return {};
  const int id = isolate.next_evaluation++;
  isolate.evaluations[id] =
      std::make_shared<Evaluation>(Evaluation{{isolate.v8, local}, {isolate.v8, result}, std::move(parts)});
  if (!go_on(isolate, id)) return {};
  return result->GetPromise();
}

// What a stop left behind, and what belongs to a context that nobody has any more.
void IsolateImpl::forget_evaluations() noexcept {
  for (auto each = evaluations.begin(); each != evaluations.end();) {
    const bool is_of_use = goes_on(v8, *each->second) && context_of(each->second->context.Get(v8)) != nullptr;
    each = is_of_use ? std::next(each) : evaluations.erase(each);
  }
}

void continue_evaluation(const v8::FunctionCallbackInfo<v8::Value>& info) {
  auto& isolate = *static_cast<IsolateImpl*>(info.GetIsolate()->GetData(0));
  if (info.Data()->IsInt32()) (void)go_on(isolate, info.Data().As<v8::Int32>()->Value());
}

}  // namespace v8snap
