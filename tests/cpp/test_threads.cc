// Threads: one isolate of several, several isolates, and those who stay in one.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "host.hpp"

using host::failure;
using host::Ref;
using host::Room;
using host::shown;
using v8snap::ErrorCode;

namespace {

// Runs `work(number)` in that many threads at once, each with the GIL.
void at_once(int threads, const std::function<void(int)>& work) {
  std::vector<std::thread> all;
  PyThreadState* state = PyEval_SaveThread();
  for (int number = 0; number < threads; ++number) {
    all.emplace_back([&work, number] {
      const PyGILState_STATE gil = PyGILState_Ensure();
      work(number);
      PyGILState_Release(gil);
    });
  }
  for (std::thread& each : all) each.join();
  PyEval_RestoreThread(state);
}

}  // namespace

TEST_CASE("threads share an isolate") {
  const Room room(host::new_home());
  room.eval("var total = 0; function add(n) { for (let i = 0; i < 1000; i++) total += n; return {n} }");
  room.set_global("give", host::python("lambda n: [n, {'n': n}]"));
  std::atomic<int> wrong{0};
  at_once(4, [&](int number) {
    for (int i = 0; i < 50; ++i) {
      const Ref made = room.call("add", {Ref(PyLong_FromLong(number))});
      if (shown(Ref(host::value_of(made).to_py())) != "{'n': " + std::to_string(number) + "}") ++wrong;
      if (shown(room.eval("give(" + std::to_string(i) + ")[1].n")) != std::to_string(i)) ++wrong;
    }
  });
  CHECK(wrong == 0);
  CHECK(shown(room.eval("total")) == std::to_string((0 + 1 + 2 + 3) * 50 * 1000));
}

TEST_CASE("threads have isolates of their own, made and ended at once") {
  std::atomic<int> wrong{0};
  at_once(4, [&](int number) {
    for (int i = 0; i < 5; ++i) {
      const Room room(host::new_home());
      if (shown(room.eval(std::to_string(number) + " * 2")) != std::to_string(number * 2)) ++wrong;
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE("an isolate is closed by another thread than the one that stays in it") {
  auto home = host::new_home();
  auto other = host::new_home();
  {
    const Room room(home), second(other);
    room.eval("1");
    host::in_thread([&] {
      second.eval("var seen = 1");
      home->isolate->close();
    });
    CHECK(failure([&] { room.eval("1"); }).code == ErrorCode::kClosed);
    CHECK(shown(second.eval("seen")) == "1");
    host::in_thread([&] { other->isolate->close(); });
  }
  const Room third(host::new_home());
  CHECK(shown(third.eval("6 * 7")) == "42");
}

TEST_CASE("a thread that stayed in an isolate ends, and others use it") {
  auto home = host::new_home();
  std::unique_ptr<Room> room;
  host::in_thread([&] {
    room = std::make_unique<Room>(home);
    room->eval("var n = 0");
  });
  for (int i = 0; i < 5; ++i) host::in_thread([&] { room->eval("n++"); });
  CHECK(shown(room->eval("n")) == "5");
  room.reset();
  host::in_thread([&] { home->isolate->close(); });
}

TEST_CASE("threads end their JavaScript by timeouts while others wait for the isolate") {
  auto home = host::new_home();
  const Room room(home);
  std::atomic<int> timeouts{0}, served{0};
  at_once(4, [&](int number) {
    for (int i = 0; i < 5; ++i) {
      if (number == 0) {
        if (failure([&] { room.eval("for (;;);", 0.01); }).code == ErrorCode::kTimeout) ++timeouts;
      } else if (shown(room.eval("6 * 7")) == "42") {
        ++served;
      }
    }
  });
  CHECK(timeouts == 5);
  CHECK(served == 15);
}

TEST_CASE("what is dropped while another thread runs is handed back later") {
  auto home = host::new_home();
  const Room room(home);
  at_once(3, [&](int number) {
    for (int i = 0; i < 100; ++i) {
      const Ref made = room.eval("({a: " + std::to_string(number) + "})");
      if (number == 0) home->isolate->low_memory_notification();
    }
  });
  CHECK(v8snap::live_counts().values == 0);
}
