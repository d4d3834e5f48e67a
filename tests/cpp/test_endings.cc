// Isolates, contexts, values and scripts end in any order, twice, on any thread, and in the middle of a call.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "host.hpp"
#include "v8snap/buffer.hpp"
#include "v8snap/cpu_profile.hpp"

using host::failure;
using host::new_home;
using host::Ref;
using host::Room;
using v8snap::ErrorCode;

TEST_CASE("things are closed or dropped in any order") {
  std::array<int, 4> order = {0, 1, 2, 3};
  do {
    auto home = new_home();
    auto room = std::make_unique<Room>(home);
    Ref object = room->eval("({f() { return 1 }})");
    const Ref source = host::text("1"), file = host::text("one.js");
    std::unique_ptr<v8snap::Script> script = (*room)->compile(source.get(), file.get(), nullptr, false);
    for (const int each : order) {
      if (each == 0) home->isolate->close();
      if (each == 1) room.reset();
      if (each == 2) object = Ref();
      if (each == 3) script.reset();
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("what is closed says so, and closing twice is nothing") {
  auto home = new_home();
  Room room(home);
  const Ref object = room.eval("({a: 1})"), key = host::text("a");
  SUBCASE("the context") {
    room->close();
    room->close();
  }
  SUBCASE("the isolate") {
    home->isolate->close();
    home->isolate->close();
    CHECK(home->isolate->closed());
    CHECK(failure([&] { home->isolate->new_context(); }).code == ErrorCode::kClosed);
  }
  SUBCASE("by the garbage collector") { home->isolate->abandon(); }
  CHECK(host::value_of(object).closed());
  CHECK(failure([&] { room.eval("1"); }).code == ErrorCode::kClosed);
  CHECK(failure([&] { host::value_of(object).get(key.get(), nullptr); }).code == ErrorCode::kClosed);
  CHECK(failure([&] { Ref(host::value_of(object).to_py()); }).code == ErrorCode::kClosed);
}

TEST_CASE("a value keeps its context and isolate") {
  const Ref object = Room(new_home()).eval("({a: {b: [1, 2]}})");
  CHECK(host::shown(Ref(host::value_of(object).to_py())) == "{'a': {'b': [1, 2]}}");
}

TEST_CASE("values are dropped on a thread that never was in the isolate") {
  auto home = new_home();
  Room room(home);
  std::vector<Ref> many;
  for (int i = 0; i < 100; ++i) many.push_back(room.eval("({})"));
  host::in_thread([&] { many.clear(); });
  CHECK(v8snap::live_counts().values == 0);
  room.eval("1");  // hands the handles back to V8
}

TEST_CASE("an isolate can't be closed by the JavaScript that runs in it, but its context can") {
  auto home = new_home();
  Room room(home);
  room.set_global("end", host::callable([&](PyObject*) {
                    CHECK(failure([&] { home->isolate->close(); }).code == ErrorCode::kSnapshot);
                    room->close();
                    Py_RETURN_NONE;
                  }));
  CHECK(host::shown(room.eval("end(); 6 * 7")) == "42");
  CHECK(room->closed());
}

TEST_CASE("isolates of one thread are used in turns and end in any order") {
  std::vector<std::shared_ptr<host::Home>> homes;
  std::vector<Room> rooms;
  for (int i = 0; i < 4; ++i) rooms.emplace_back(homes.emplace_back(new_home()));
  for (int turn = 0; turn < 3; ++turn) {
    for (const Room& room : rooms) room.eval("globalThis.n = (globalThis.n ?? 0) + 1");
  }
  for (const int i : {2, 0, 3, 1}) {
    CHECK(host::shown(rooms[static_cast<size_t>(i)].eval("n")) == "3");
    homes[static_cast<size_t>(i)]->isolate->close();
  }
}

TEST_CASE("a view of a buffer outlives buffer, context and isolate") {
  std::unique_ptr<v8snap::BufferView> view;
  {
    Room room(new_home());
    const Ref buffer = room.eval("new Uint16Array([1, 2, 515])");
    view = v8snap::view_buffer(host::value_of(buffer));
  }
  CHECK(v8snap::live_counts().isolates == 0);
  CHECK(view->byte_length() == 6);
  CHECK(std::string(view->format()) == "H");
  CHECK(static_cast<const uint16_t*>(view->data())[2] == 515);
}

TEST_CASE("a CPU profile outlives its isolate") {
  std::unique_ptr<v8snap::CpuProfile> profile;
  auto home = new_home();
  Room room(home);
  profile = v8snap::start_cpu_profile(*home->isolate, 1000);
  room.eval("for (let i = 0; i < 1e5; i++) Math.sqrt(i)");
  home->isolate->close();
  CHECK_FALSE(profile->running());
  CHECK(PyDict_Check(Ref(profile->data()).get()));
}

TEST_CASE("a heap snapshot comes in pieces, and can be broken off") {
  auto home = new_home();
  Room room(home);
  size_t size = 0;
  home->isolate->write_heap_snapshot(host::callable([&](PyObject* arguments) {
                                       size += static_cast<size_t>(PyBytes_Size(PyTuple_GetItem(arguments, 0)));
                                       Py_RETURN_NONE;
                                     }).get());
  CHECK(size > 100000);
  const std::string said = host::python_failure([&] {
    home->isolate->write_heap_snapshot(host::callable([](PyObject*) -> PyObject* {
                                         PyErr_SetString(PyExc_OSError, "full");
                                         return nullptr;
                                       }).get());
  });
  CHECK(said == "OSError('full')");
}

TEST_CASE("a child made by fork knows that V8's heap did not come along") {
  auto home = new_home();
  Room room(home);
  const Ref object = room.eval("({})");
  const pid_t child = fork();
  if (child == 0) {
    PyOS_AfterFork_Child();
    const bool refused = failure([&] { room.eval("1"); }).code == ErrorCode::kForked;
    home->isolate->close();
    _exit(refused && home->isolate->closed() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(host::shown(room.eval("6 * 7")) == "42");
}
