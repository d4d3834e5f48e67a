// Promises, what settles them, rejections that nobody handles, and import().
#include <doctest/doctest.h>

#include "host.hpp"
#include "v8snap/promise.hpp"

using host::failure;
using host::Ref;
using host::Room;
using host::shown;
using host::value_of;
using v8snap::ErrorCode;
using v8snap::PromiseState;

TEST_CASE("promises are pending, fulfilled or rejected") {
  const Room room(host::new_home());
  const Ref pending = room.eval("var go; var p = new Promise(r => go = r); p");
  CHECK(v8snap::promise_state(value_of(pending)) == PromiseState::kPending);
  CHECK(failure([&] { v8snap::promise_result(value_of(pending)); }).code == ErrorCode::kPending);
  room.eval("go({a: 1})");
  CHECK(v8snap::promise_state(value_of(pending)) == PromiseState::kFulfilled);
  CHECK(shown(Ref(value_of(Ref(v8snap::promise_result(value_of(pending)))).to_py())) == "{'a': 1}");
  const Ref rejected = room.eval("Promise.reject(new RangeError('r'))");
  CHECK(failure([&] { v8snap::promise_result(value_of(rejected)); }).message == "RangeError: r");
}

TEST_CASE("Python settles promises and is told when they are settled") {
  const host::Ending ending;
  const Room room(ending.home);
  const Ref good(v8snap::new_promise(*room)), bad(v8snap::new_promise(*room));
  room.set_global("good", good);
  room.set_global("bad", bad);
  room.eval("var seen = []; good.then(v => seen.push(v)); bad.catch(e => seen.push(e.message))");
  long told = 0;
  const Ref tell = host::callable([&](PyObject*) {
    ++told;
    Py_RETURN_NONE;
  });
  v8snap::promise_when_settled(value_of(good), tell.get());
  v8snap::promise_when_settled(value_of(bad), tell.get());
  v8snap::resolve_promise(value_of(good), host::python("'done'").get());
  v8snap::reject_promise(value_of(bad), host::python("ValueError('broken')").get());
  v8snap::resolve_promise(value_of(good), host::python("'again'").get());
  CHECK(shown(room.eval("seen.join()")) == "'done,broken'");
  CHECK(told == 2);
  CHECK(host::python_failure([&] { v8snap::promise_result(value_of(bad)); }) == "ValueError('broken')");
}

TEST_CASE("a promise that is never settled goes with its isolate") {
  const Room room(host::new_home());
  const Ref promise(v8snap::new_promise(*room));
  v8snap::promise_when_settled(value_of(promise), host::python("print").get());
}

TEST_CASE("rejections that nobody handles are told") {
  auto home = std::make_shared<host::Home>(host::Home::ForCreator{});
  const Ref told =
      host::python("(lambda seen: lambda context, error: seen.append(str(error)))(value)", home->rejections);
  home->options.on_rejection = told.get();
  home->isolate = v8snap::create_isolate(home->options);
  const Room room(home);
  room.eval("Promise.reject(new Error('nobody')); Promise.reject(1).catch(() => 0); 0");
  CHECK(PyList_Size(home->rejections.get()) == 1);
  {
    const Ref held = room.eval("Promise.reject(new Error('held'))");
    CHECK(PyList_Size(home->rejections.get()) == 1);
  }
  home->isolate->report_rejections();
  CHECK(PyList_Size(home->rejections.get()) == 2);
}

TEST_CASE("import() gives a rejected promise where nothing finds modules") {
  const host::Ending ending;
  const Room room(ending.home);
  const Ref promise = room.eval("import('./none.mjs')");
  CHECK(v8snap::promise_state(value_of(promise)) == PromiseState::kRejected);
  CHECK(v8snap::promise_state(value_of(room.eval("import('./x.json', {assert: {type: 'json'}}).catch(() => 1)"))) ==
        PromiseState::kFulfilled);
}
