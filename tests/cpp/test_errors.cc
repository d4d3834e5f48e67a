// What goes wrong is an error with its code, and the isolate goes on.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "host.hpp"

using host::failure;
using host::Ref;
using host::Room;
using host::shown;
using v8snap::ErrorCode;

TEST_CASE("each code comes out with its number and message") {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kPending); ++code) {
    const host::Outcome outcome = failure([&] { v8snap::throw_error(code, "what it says"); });
    CHECK(static_cast<int>(outcome.code) == code);
    CHECK(outcome.message == "what it says");
  }
}

TEST_CASE("what JavaScript throws, whatever that is") {
  const Room room(host::new_home());
  for (const auto& [source, message] : std::initializer_list<std::pair<const char*, const char*>>{
           {"throw new TypeError('no')", "TypeError: no"},
           {"let x = ;", "SyntaxError: Unexpected token ';'"},
           {"null.a", "TypeError: Cannot read properties of null (reading 'a')"},
           {"throw null", "null"},
           {"throw {a: 1}", "#<Object>"},
           {"throw Symbol('s')", "Symbol(s)"},
           {"throw new Error('outer', {cause: new RangeError('inner')})", "Error: outer"},
           {"throw Object.defineProperty(new Error('x'), 'message', {get() { throw 1 }})", "Error"}}) {
    CAPTURE(std::string(source));
    const host::Outcome outcome = failure([&] { room.eval(source); });
    CHECK(outcome.code == ErrorCode::kJs);
    CHECK_MESSAGE(outcome.message.find(message) != std::string::npos, outcome.message);
  }
  CHECK(failure([&] { room.eval("(function f() { f() })()"); }).message.find("RangeError") != std::string::npos);
  CHECK(shown(room.eval("6 * 7")) == "42");
}

TEST_CASE("an error that asks for ever about itself has its time, too") {
  const Room room(host::new_home());
  CHECK(failure([&] {
          room.eval("throw Object.defineProperty(new Error('x'), 'message', {get() { for (;;); }})");
        }).code == ErrorCode::kJs);
}

TEST_CASE("timeouts stop what runs, also inside callbacks and getters") {
  auto home = host::new_home();
  const Room room(home);
  CHECK(failure([&] { room.eval("for (;;);", 0.02); }).code == ErrorCode::kTimeout);
  CHECK(std::string(home->isolate->stopped_by()) == "timeout");
  CHECK(failure([&] { room.eval("try { for (;;); } finally { for (;;); }", 0.02); }).code == ErrorCode::kTimeout);
  CHECK(failure([&] { room.eval("'a'.repeat(40).match(/(a*)*b/)", 0.02); }).code == ErrorCode::kTimeout);
  home->isolate->set_timeout(0.02);
  CHECK(failure([&] { room.eval("(async () => { for (;;) await 1 })()"); }).code == ErrorCode::kTimeout);
  home->isolate->set_timeout(0);
  room.set_global("inner", host::callable([&](PyObject*) { return room.eval("for (;;);", 0.02).get(); }));
  CHECK(host::python_failure([&] { room.eval("inner()", 10); }).find("EngineError(3, ") == 0);
  CHECK(shown(room.eval("try { inner() } catch (e) { 'went on' }")) == "'went on'");
  for (int i = 0; i < 100; ++i) room.eval("1", 1);
  CHECK(shown(room.eval("6 * 7")) == "42");
}

TEST_CASE("a deadline of the thread's stops every run") {
  const Room room(host::new_home());
  v8snap::set_thread_deadline(0.02);
  CHECK(failure([&] { room.eval("for (;;);"); }).code == ErrorCode::kTimeout);
  CHECK(failure([&] { room.eval("for (;;);", 10); }).code == ErrorCode::kTimeout);
  v8snap::set_thread_deadline(0);
  CHECK(shown(room.eval("6 * 7")) == "42");
}

TEST_CASE("terminate() stops what runs, from another thread") {
  auto home = host::new_home();
  const Room room(home);
  home->isolate->terminate();  // nothing runs: nothing happens
  CHECK(shown(room.eval("6 * 7")) == "42");
  for (int i = 0; i < 20; ++i) {
    bool over = false;
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      const PyGILState_STATE gil = PyGILState_Ensure();
      if (!over) home->isolate->terminate();
      PyGILState_Release(gil);
    });
    CHECK(failure([&] { room.eval("for (;;);"); }).code == ErrorCode::kTerminated);
    over = true;
    PyThreadState* state = PyEval_SaveThread();
    killer.join();
    PyEval_RestoreThread(state);
  }
  CHECK(shown(room.eval("6 * 7")) == "42");
}

TEST_CASE("a heap limit stops what fills it") {
  auto home = host::new_home(24u << 20);
  const Room room(home);
  CHECK(failure([&] { room.eval("var all = []; for (;;) all.push({a: [1, 2, 3]})"); }).code == ErrorCode::kMemory);
  CHECK(std::string(home->isolate->stopped_by()) == "memory");
  room.eval("all = null");
  CHECK(failure([&] { room.eval("new ArrayBuffer(1e9)"); }).code == ErrorCode::kMemory);
  CHECK(shown(room.eval("6 * 7")) == "42");
}

TEST_CASE("errors know the frames of their scripts") {
  auto home = host::new_home();
  const Room room(home);
  home->isolate->capture_frames();
  CHECK(failure([&] { room.eval("function a() { throw new Error('deep') }\nfunction b() { a() }\nb()"); }).message ==
        "Error: deep");
}

TEST_CASE("a graph of modules, evaluated; and graphs that fail") {
  const host::Ending ending;
  const Room room(ending.home);
  const Ref resolve = host::python(
      "lambda specifier, importer: (specifier, {'./a.mjs': 'export let a = 20; export * from \"./b.mjs\"', "
      "'./b.mjs': 'export let b = 22; import \"./a.mjs\"', './bad.mjs': 'export let'}[specifier])");
  int number = 0;
  const auto load = [&](const char* source) {
    const Ref name = host::text("main" + std::to_string(++number) + ".mjs");
    return Ref(room->import_module(host::text(source).get(), name.get(), resolve.get(), 1));
  };
  const Ref space = load("import {a, b} from './a.mjs'; export default a + b; export {a}");
  const Ref key = host::text("default");
  CHECK(shown(Ref(host::value_of(space).get(key.get(), space.get()))) == "42");
  CHECK(shown(host::python("'./a.mjs' in value", Ref(room->module_names()))) == "True");
  CHECK(host::python_failure([&] { load("import './none.mjs'"); }) == "KeyError('./none.mjs')");
  CHECK(failure([&] { load("import './bad.mjs'"); }).code == ErrorCode::kJs);
  CHECK(failure([&] { load("for (;;);"); }).code == ErrorCode::kTimeout);
  CHECK(failure([&] { load("throw new Error('in it')"); }).message == "Error: in it");
}
