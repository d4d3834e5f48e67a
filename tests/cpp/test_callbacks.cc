// Python functions in JavaScript's hands, and what is thrown through both.
#include <doctest/doctest.h>

#include "host.hpp"
#include "v8snap/host.hpp"

using host::failure;
using host::Ref;
using host::Room;
using host::shown;
using v8snap::ErrorCode;

TEST_CASE("arguments and results cross, few and many") {
  const Room room(host::new_home());
  room.set_global("count", host::python("lambda *arguments: [len(arguments), list(map(str, arguments[:3]))]"));
  CHECK(shown(room.eval("JSON.stringify([count(), count(1, 'b', null, 4, 5, 6, 7, 8, 9)])")) ==
        R"('[[0,[]],[9,["1","b","None"]]]')");
  CHECK(shown(room.eval("count.name")) == "'<lambda>'");
}

TEST_CASE("calls nest through both languages") {
  const Room room(host::new_home());
  room.set_global("again", host::callable([&](PyObject* arguments) -> PyObject* {
                    const long depth = PyLong_AsLong(PyTuple_GetItem(arguments, 0));
                    const Ref result = room.eval("again ? " + std::to_string(depth) + " > 0 ? 1 + again(" +
                                                 std::to_string(depth - 1) + ") : 0 : 0");
                    Py_INCREF(result.get());
                    return result.get();
                  }));
  CHECK(shown(room.eval("again(20)")) == "20");
}

TEST_CASE("an endless recursion through both languages is an error in both") {
  const host::Ending ending;
  const Room room(ending.home);
  room.set_global("again", host::callable([&](PyObject*) -> PyObject* {
                    Py_XINCREF(room.eval("again()").get());
                    Py_RETURN_NONE;
                  }));
  CHECK(host::python_failure([&] { room.eval("again()"); }).find("RecursionError") == 0);
  CHECK(shown(room.eval("6 * 7")) == "42");
}

TEST_CASE("Python's exceptions are errors there, and themselves again here") {
  const Room room(host::new_home());
  room.set_global("fail", host::python("lambda: {}['missing']"));
  CHECK(shown(room.eval("try { fail() } catch (e) { e.name + ' ' + e.message }")) == "\"KeyError 'missing'\"");
  CHECK(host::python_failure([&] { room.eval("fail()"); }) == "KeyError('missing')");
  room.set_global("leave", host::python("lambda: (_ for _ in ()).throw(SystemExit(3))"));
  CHECK(host::python_failure([&] { room.eval("try { leave() } catch { 'caught' }"); }) == "SystemExit(3)");
}

TEST_CASE("what JavaScript threw passes through Python as the same object") {
  const host::Ending ending;
  const Room room(ending.home);
  room.eval("var thrown; function fail() { thrown = new RangeError('r'); throw thrown }");
  room.set_global("through", host::callable([&](PyObject*) { return room.eval("fail()").get(); }));
  CHECK(shown(room.eval("try { through() } catch (e) { e.message }")) == "'r'");
}

TEST_CASE("what can't be converted is an error of the call's") {
  const host::Ending ending;
  const Room room(ending.home);
  room.set_global("strange", host::python("lambda: object()"));
  room.set_global("good", host::python("lambda: [print, {'f': len}]"));
  CHECK(shown(room.eval("try { strange(); 'went' } catch (e) { e.name }")) == "'TypeError'");
  CHECK(shown(room.eval("typeof good()[0] + good()[1].f.name")) == "'functionlen'");
}

TEST_CASE("functions go with the JavaScript that had them") {
  auto home = host::new_home();
  const Room room(home);
  for (int i = 0; i < 300; ++i) {
    room.set_global("f", host::callable([](PyObject*) { return PyLong_FromLong(7); }));
    CHECK(shown(room.eval("f()")) == "7");
  }
  room.eval("f = null");
  for (int i = 0; i < 3; ++i) {
    home->isolate->low_memory_notification();
    room.eval("1");
  }
  CHECK(PyDict_Size(home->callables.get()) < 5);
}

TEST_CASE("this is what a function was called on") {
  const Room room(host::new_home());
  room.set_global("self", host::callable([](PyObject*) { return v8snap::current_this(); }));
  CHECK(shown(room.eval("var o = {self, n: 5}; o.self() === o && o.self().n")) == "5");
  CHECK(failure([] { v8snap::current_this(); }).code == ErrorCode::kInternal);
}

TEST_CASE("external references are called by name") {
  auto home = host::new_home();
  PyDict_SetItemString(home->externals.get(), "log", host::python("lambda x: x * 2").get());
  const Room room(home);
  room.set_global("log", Ref(v8snap::external_function(*room, host::text("log").get())));
  CHECK(shown(room.eval("log(21)")) == "42");
  CHECK(failure([&] { v8snap::external_function(*room, host::text("none").get()); }).code ==
        ErrorCode::kExternalReference);
  PyDict_SetItemString(home->externals.get(), "log", Py_None);
  CHECK(failure([&] { room.eval("log(1)"); }).code == ErrorCode::kJs);
}

TEST_CASE("getters, proxies and finalizers that call Python") {
  auto home = host::new_home();
  const Room room(home);
  long calls = 0;
  room.set_global("note", host::callable([&](PyObject*) {
                    ++calls;
                    Py_RETURN_NONE;
                  }));
  const Ref object = room.eval("({get a() { note(); return 1 }})"), key = host::text("a");
  CHECK(shown(Ref(host::value_of(object).get(key.get(), object.get()))) == "1");
  room.eval("var r = new FinalizationRegistry(note); (() => { r.register({}, 1) })()");
  home->isolate->low_memory_notification();
  home->isolate->run_pending_tasks(1);
  CHECK(calls == 2);
}
