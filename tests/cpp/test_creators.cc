// Snapshot creators: their blobs, and every way of ending without one.
#include <doctest/doctest.h>

#include "host.hpp"

using host::failure;
using host::Home;
using host::Ref;
using host::Room;
using host::shown;
using v8snap::ErrorCode;

namespace {

// A creator with its isolate; it ends before that.
struct Building {
  explicit Building(const std::string& base = "", size_t contexts = 0)
      : home(std::make_shared<Home>(Home::ForCreator{}, base)),
        creator(v8snap::create_snapshot_creator(*home->isolate, home->options, contexts)) {}

  std::string blob(bool keep = true) {
    const Ref bytes(creator->create_blob(keep, true));
    return {PyBytes_AsString(bytes.get()), static_cast<size_t>(PyBytes_Size(bytes.get()))};
  }

  std::shared_ptr<Home> home;
  std::unique_ptr<v8snap::SnapshotCreator> creator;
};

std::string simple_blob(const char* source) {
  Building building;
  const Room room(building.home);
  room.eval(source);
  building.creator->set_default_context(*room);
  return building.blob();
}

}  // namespace

TEST_CASE("isolates start from what a creator's context had") {
  const std::string blob =
      simple_blob("const data = new Map([['a', [1, 2]]]); function run(x) { return data.get('a')[1] * x }");
  for (int i = 0; i < 3; ++i) {
    const Room room(std::make_shared<Home>(blob));
    CHECK(shown(room.call("run", {host::python("21")})) == "42");
  }
}

TEST_CASE("several contexts, data of both kinds, and external references") {
  std::string blob;
  {
    Building building;
    PyDict_SetItemString(building.home->externals.get(), "twice", Py_None);
    const Room first(building.home), second(building.home);
    first.eval("var which = 'first'");
    second.eval("var which = 'second'");
    second.set_global("twice", Ref(building.creator->external(*second, host::text("twice").get())));
    building.creator->set_default_context(*first);
    CHECK(building.creator->add_context(*second) == 0);
    CHECK(building.creator->add_data(nullptr, *first, host::python("[1, {'a': 2}]").get()) == 0);
    CHECK(building.creator->add_data(&*second, *second, second.eval("({mine: which})").get()) == 0);
    CHECK(failure([&] { building.creator->set_default_context(*second); }).code == ErrorCode::kSnapshot);
    CHECK(PyList_Size(Ref(building.creator->check()).get()) == 0);
    blob = building.blob();
    CHECK(shown(Ref(building.creator->used_externals())) == "['twice']");
    CHECK(PyList_Size(Ref(building.creator->isolate_data_places()).get()) == 1);
    CHECK(failure([&] { first.eval("1"); }).code == ErrorCode::kClosed);
  }
  auto home = std::make_shared<Home>(blob);
  PyDict_SetItemString(home->externals.get(), "twice", host::python("lambda x: 2 * x").get());
  const Room first(home), second(home, home->isolate->context_from_snapshot(0));
  CHECK(shown(first.eval("which")) == "'first'");
  CHECK(shown(second.eval("which + twice(4)")) == "'second8'");
  CHECK(shown(Ref(host::value_of(Ref(second->data(0))).to_py())) == "{'mine': 'second'}");
  CHECK(second->data(0) == nullptr);
  CHECK(failure([&] { home->isolate->context_from_snapshot(7); }).code == ErrorCode::kNotInSnapshot);
}

TEST_CASE("snapshots upon snapshots") {
  std::string blob = simple_blob("var steps = ['base']");
  for (int layer = 0; layer < 3; ++layer) {
    Building building(blob);
    const Room room(building.home);
    room.eval("steps.push(steps.length)");
    building.creator->set_default_context(*room);
    blob = building.blob(layer % 2 == 0);
  }
  const Room room(std::make_shared<Home>(blob));
  CHECK(shown(room.eval("steps.join()")) == "'base,1,2,3'");
}

TEST_CASE("creators end without a blob: discarded, dropped, on another thread, after an error") {
  auto building = std::make_unique<Building>();
  const Room room(building->home);
  const Ref object = room.eval("({})");
  SUBCASE("discarded, twice") {
    building->creator->discard();
    building->creator->discard();
    CHECK(failure([&] { room.eval("1"); }).code == ErrorCode::kClosed);
  }
  SUBCASE("dropped") {}
  SUBCASE("dropped on another thread") {
    host::in_thread([&] { building.reset(); });
    building = nullptr;
  }
  SUBCASE("after JavaScript failed") {
    failure([&] { room.eval("throw 1"); });
  }
}

TEST_CASE("what V8 would die of is an error, and the creator is consumed") {
  Building building;
  const Room room(building.home);
  room.eval("globalThis.app = {fmt: new Intl.Collator()}");
  building.creator->set_default_context(*room);
  CHECK(PyList_Size(Ref(building.creator->check()).get()) == 1);
  CHECK(failure([&] { building.blob(); }).code == ErrorCode::kUnserializable);
  CHECK(failure([&] { building.blob(); }).code == ErrorCode::kClosed);
}

TEST_CASE("a creator belongs to its thread") {
  Building building;
  const Room room(building.home);
  host::in_thread([&] {
    CHECK(failure([&] { room.eval("1"); }).code == ErrorCode::kWrongThread);
    CHECK(failure([&] { building.blob(); }).code == ErrorCode::kWrongThread);
  });
  CHECK(failure([&] { building.home->isolate->close(); }).code == ErrorCode::kSnapshot);
}

TEST_CASE("a blob isn't made by the JavaScript that would be in it") {
  Building building;
  const Room room(building.home);
  PyDict_SetItemString(building.home->externals.get(), "make",
                       host::callable([&](PyObject*) -> PyObject* {
                         CHECK(failure([&] { building.blob(); }).code == ErrorCode::kSnapshot);
                         Py_RETURN_NONE;
                       }).get());
  room.set_global("make", Ref(building.creator->external(*room, host::text("make").get())));
  room.eval("make()");
  building.creator->set_default_context(*room);
  CHECK(building.blob().size() > 10000);
  PyDict_Clear(building.home->externals.get());
}

TEST_CASE("an isolate that was only allocated") {
  Home home{Home::ForCreator{}};
  CHECK(failure([&] { home.isolate->new_context(); }).code == ErrorCode::kSnapshot);
  home.isolate->close();
  CHECK(home.isolate->closed());
}

TEST_CASE("creators of one thread end in any order") {
  std::vector<std::unique_ptr<Building>> all;
  for (int i = 0; i < 3; ++i) all.push_back(std::make_unique<Building>());
  for (const size_t i : {1u, 0u, 2u}) {
    {
      const Room room(all[i]->home);
      room.eval("var n = " + std::to_string(i));
      all[i]->creator->set_default_context(*room);
      CHECK(all[i]->blob().size() > 10000);
    }
    all[i].reset();
  }
}
