// Calls and properties, many in a row. The isolate is entered before, except where each call locks it.
#include "baseline.hpp"

namespace baseline {

namespace {

constexpr const char* kScript =
    "function f(a, b) { return a + b }\n"
    "function loop(n) { let done = 0; for (let i = 0; i < n; ++i) { cb(i); ++done } return done }\n"
    "var object = { value: 7 };";

void nothing(const v8::FunctionCallbackInfo<v8::Value>&) {}

// One for the life of this program: what it measures is warm after the first request.
struct Warm : Session {
  Warm() {
    v8::HandleScope handles(isolate.v8);
    v8::Local<v8::Context> local = context();
    v8::Context::Scope scope(local);
    v8::Local<v8::Function> cb = v8::Function::New(local, nothing).ToLocalChecked();
    local->Global()->Set(local, new_string(isolate.v8, "cb"), cb).Check();
    run(local, kScript, "calls.js");
    function.Reset(isolate.v8, run(local, "f", "f.js").As<v8::Function>());
    loop.Reset(isolate.v8, run(local, "loop", "loop.js").As<v8::Function>());
    object.Reset(isolate.v8, run(local, "object", "object.js").As<v8::Object>());
  }
  v8::Global<v8::Function> function, loop;
  v8::Global<v8::Object> object;
};

Warm& warm() {
  static Warm session;
  return session;
}

// What each of them is done in.
struct Visit {
  explicit Visit(Warm& session) : handles(session.isolate.v8), context(session.context()), scope(context) {}

  v8::HandleScope handles;
  v8::Local<v8::Context> context;
  v8::Context::Scope scope;
};

int call_once(Warm& session, int a, int b) {
  v8::Isolate* isolate = session.isolate.v8;
  const Visit visit(session);
  const v8::TryCatch caught(isolate);  // who calls has to know what was thrown
  v8::Local<v8::Value> arguments[] = {v8::Integer::New(isolate, a), v8::Integer::New(isolate, b)};
  v8::Local<v8::Value> result;
  if (!session.function.Get(isolate)->Call(visit.context, v8::Undefined(isolate), 2, arguments).ToLocal(&result))
    fail("f threw");
  return result->Int32Value(visit.context).FromJust();
}

template <class Function>
Answer timed(const Arguments& arguments, Function&& work) {
  const int count = arguments.number("count");
  int result = 0;
  Stopwatch watch;
  for (int i = 0; i < count; ++i) result = work();
  watch.note("all");
  return {watch.counts, std::to_string(result)};
}

}  // namespace

Answer call(const Arguments& arguments) {
  Warm& session = warm();
  return timed(arguments, [&] { return call_once(session, 1, 2); });
}

Answer locked_call(const Arguments& arguments) {
  Warm& session = warm();
  v8::Isolate* isolate = session.isolate.v8;
  static const bool left = (isolate->Exit(), true);  // from now on it is entered at each call
  (void)left;
  return timed(arguments, [&] {
    const v8::Locker locker(isolate);
    const v8::Isolate::Scope scope(isolate);
    return call_once(session, 1, 2);
  });
}

Answer callback(const Arguments& arguments) {
  Warm& session = warm();
  v8::Isolate* isolate = session.isolate.v8;
  const Visit visit(session);
  v8::Local<v8::Function> loop = session.loop.Get(isolate);
  v8::Local<v8::Value> count = v8::Integer::New(isolate, arguments.number("count"));
  Stopwatch watch;
  v8::MaybeLocal<v8::Value> result = loop->Call(visit.context, v8::Undefined(isolate), 1, &count);
  watch.note("all");
  if (result.IsEmpty()) fail("the loop threw");
  return {watch.counts, text_of(isolate, result.ToLocalChecked())};
}

// The name is made anew for each access: it comes from outside V8.
Answer get(const Arguments& arguments) {
  Warm& session = warm();
  v8::Isolate* isolate = session.isolate.v8;
  return timed(arguments, [&] {
    const Visit visit(session);
    v8::Local<v8::Value> value;
    if (!session.object.Get(isolate)->Get(visit.context, new_string(isolate, "value")).ToLocal(&value))
      fail("get threw");
    return value->Int32Value(visit.context).FromJust();
  });
}

Answer set(const Arguments& arguments) {
  Warm& session = warm();
  v8::Isolate* isolate = session.isolate.v8;
  return timed(arguments, [&] {
    const Visit visit(session);
    session.object.Get(isolate)->Set(visit.context, new_string(isolate, "value"), v8::Integer::New(isolate, 7)).Check();
    return 7;
  });
}

}  // namespace baseline
