// Values cross both ways as they are.
#include <doctest/doctest.h>

#include "host.hpp"
#include "v8snap/buffer.hpp"
#include "v8snap/collection.hpp"
#include "v8snap/host.hpp"

using host::failure;
using host::Ref;
using host::Room;
using host::shown;
using host::value_of;
using v8snap::ErrorCode;
using v8snap::ValueKind;

namespace {

// To JavaScript and back, deeply.
std::string round_trip(const Room& room, const std::string& expression) {
  const Ref there(room->to_js(host::python(expression).get()));
  if (PyCapsule_CheckExact(there.get()) == 0) return shown(there);
  return shown(Ref(value_of(there).to_py()));
}

Ref member(const Ref& object, const char* key) {
  const Ref name = host::text(key);
  return Ref(value_of(object).get(name.get(), object.get()));
}

}  // namespace

TEST_CASE("primitives are the same after a round trip") {
  const Room room(host::new_home());
  for (const char* each : {"None",
                           "undefined",
                           "True",
                           "False",
                           "0",
                           "-1",
                           "2**53 - 1",
                           "-(2**53 - 1)",
                           "2**53",
                           "-(2**80)",
                           "3**2000",
                           "1.5",
                           "-0.0",
                           "float('inf')",
                           "float('nan')",
                           "''",
                           "'plain'",
                           "'\\xe4\\xff'",
                           "'\\u20ac\\U0001f600'",
                           "'\\ud800 alone \\udc00'",
                           "'\\x00 in it'",
                           "'long ' * 100000",
                           "'\\u20ac' * 100000"}) {
    CAPTURE(std::string(each));
    const bool is_same = round_trip(room, each) == shown(host::python(each));
    CHECK(is_same);
  }
  CHECK(shown(room.eval("5n")) == "5n");
}

TEST_CASE("containers are the same after a round trip") {
  const Room room(host::new_home());
  for (const char* each : {"[]", "{}", "[1, 'two', None, 3.5]", "{'a': [{'b': {'c': True}}], 'd': 'e'}",
                           "[[i, str(i), {'n': i}] for i in range(5000)]", "{f'key {i}': i for i in range(5000)}",
                           "[(i + 0.5) / 7 for i in range(20000)]", "['n%d' % i for i in range(20000)]",
                           "{'10': 'index', 'name': 'name'}", "[undefined, -0.0, 2**70]", "['\\ud800', '\\u20ac']"}) {
    CAPTURE(std::string(each));
    const bool is_same = round_trip(room, each) == shown(host::python(each));
    CHECK(is_same);
  }
}

TEST_CASE("cycles and shared objects stay what they are") {
  const Room room(host::new_home());
  const Ref looped = room.eval("var a = {name: 'a', list: []}; a.self = a; a.list.push(a.list, a); a");
  const Ref copy(value_of(looped).to_py());
  CHECK(shown(host::python("value['self'] is value and value['list'][0] is value['list'] and "
                           "value['list'][1] is value",
                           copy)) == "True");
  room.set_global("back", Ref(room->to_js(copy.get())));
  CHECK(shown(room.eval("back.self === back && back.list[0] === back.list")) == "True");
}

TEST_CASE("deep copies that V8's quick way gives up at are made one by one") {
  const Room room(host::new_home());
  for (const auto& [source, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"({get a() { return [1] }, b: 2})", "{'a': [1], 'b': 2}"},
           {"[1, , 3]", "[1, undefined, 3]"},
           {"new Proxy({a: 1}, {})", "{'a': 1}"},
           {"new Map([[1, new Set([2])], ['x', {y: null}]])", "{1: {2}, 'x': {'y': None}}"},
           {"[new Date(5)]", "[('date', 5.0)]"},
           {"[new Uint8Array([1, 2]), new Float64Array([0.5]), new Uint8Array([7]).buffer]",
            "[b'\\x01\\x02', array('d', [0.5]), b'\\x07']"}}) {
    CAPTURE(std::string(source));
    CHECK(shown(Ref(value_of(room.eval(source)).to_py())) == expected);
  }
  const Ref deep = room.eval("let d = {}; for (let i = 0; i < 1e6; i++) d = {d}; d");
  CHECK(host::python_failure([&] { Ref(value_of(deep).to_py()); }).find("RecursionError") == 0);
  const Ref cruel = room.eval("[{get a() { throw new Error('not this one') }}]");
  CHECK(failure([&] { Ref(value_of(cruel).to_py()); }).message == "Error: not this one");
}

TEST_CASE("Python data that has no rule is adapted, or refused") {
  const Room room(host::new_home());
  room.set_global("date", host::python("complex(86400000)"));
  CHECK(shown(room.eval("date.toISOString()")) == "'1970-01-02T00:00:00.000Z'");
  const std::string refused = host::python_failure([&] { Ref(room->to_js(host::python("[object()]").get())); });
  CHECK(refused == "TypeError('nothing for object')");
}

TEST_CASE("properties are read, set, deleted and listed") {
  const Room room(host::new_home());
  const Ref object = room.eval("var o = {a: 1, 2: 'two', f() { return this === o }}; o");
  v8snap::Value& value = value_of(object);
  CHECK(value.kind() == ValueKind::kObject);
  CHECK(shown(Ref(value.keys())) == "['2', 'a', 'f']");
  CHECK(value.length() == 3);
  const Ref a = host::text("a"), missing = host::text("missing"), two = host::python("2");
  CHECK(shown(Ref(value.get(two.get(), object.get()))) == "'two'");
  CHECK(value.get(missing.get(), object.get()) == nullptr);
  CHECK(PyErr_Occurred() == nullptr);
  value.set(a.get(), host::python("{'deep': [1]}").get());
  CHECK(shown(room.eval("o.a.deep[0]")) == "1");
  CHECK(value.remove(a.get()));
  CHECK_FALSE(value.has(a.get()));
  CHECK_FALSE(value.remove(a.get()));
  const Ref function = member(object, "f");
  CHECK(value_of(function).kind() == ValueKind::kFunction);
  CHECK(shown(Ref(value_of(function).call(&value, nullptr, 0, 0))) == "True");
  CHECK(shown(host::python("len(value) == 3 and len(value[1]) == 2", Ref(value.outline(5, 2, 100)))) == "True");
  CHECK(shown(Ref(value.preview())) == "\"{'2': 'two', f: function f}\"");
  const Ref same = room.eval("o"), symbol = room.eval("Symbol('s')");
  CHECK(same.get() == object.get());  // the proxy is found again
  value.set(symbol.get(), host::python("3").get());
  CHECK(shown(Ref(value.get(symbol.get(), object.get()))) == "3");
  CHECK(PySet_Contains(Ref(value.all_names()).get(), host::text("f").get()) == 1);
  const Ref fixed = room.eval("Object.freeze({a: 1})");
  CHECK(failure([&] { value_of(fixed).set(a.get(), two.get()); }).code == ErrorCode::kJs);
  CHECK(failure([&] { value_of(fixed).remove(a.get()); }).code == ErrorCode::kConversion);
}

TEST_CASE("arrays are changed in the middle, also by what lies about itself") {
  const Room room(host::new_home());
  const Ref array = room.eval("var list = [1, 2, 3, 4]; list");
  v8snap::Value& value = value_of(array);
  CHECK(value.kind() == ValueKind::kArray);
  value.splice(1, 2, host::python("('x', ['y'], None)").get());
  CHECK(shown(room.eval("JSON.stringify(list)")) == "'[1,\"x\",[\"y\"],null,4]'");
  CHECK(shown(Ref(value.elements(3, 100))) == "[None, 4]");
  CHECK(shown(Ref(value.elements(100, 200))) == "[]");
  const Ref strange = room.eval("new Proxy([], {get: (t, k) => k === 'length' ? 2 ** 32 - 1 : Reflect.get(t, k)})");
  CHECK(shown(Ref(value_of(strange).elements(0, 2))) == "[undefined, undefined]");
}

TEST_CASE("Maps and Sets are asked by V8's own methods") {
  const Room room(host::new_home());
  const Ref map = room.eval("Map.prototype.get = () => { throw 1 }; new Map([['a', 1], [2, {b: 3}]])");
  const Ref set = room.eval("new Set(['x', 5])"), a = host::text("a"), five = host::python("5");
  CHECK(v8snap::collection_size(value_of(map)) == 2);
  CHECK(shown(Ref(v8snap::map_get(value_of(map), a.get()))) == "1");
  CHECK(v8snap::map_get(value_of(map), five.get()) == nullptr);
  v8snap::map_set(value_of(map), five.get(), host::python("[1]").get());
  CHECK(shown(Ref(v8snap::collection_keys(value_of(map), 10))) == "['a', 2, 5]");
  CHECK(v8snap::collection_remove(value_of(map), a.get()));
  v8snap::set_add(value_of(set), a.get());
  CHECK(v8snap::collection_has(value_of(set), five.get()));
  CHECK(shown(Ref(v8snap::collection_keys(value_of(set), 2))) == "['x', 5]");
  v8snap::collection_clear(value_of(set));
  CHECK(v8snap::collection_size(value_of(set)) == 0);
}

TEST_CASE("iterators are JavaScript's") {
  const Room room(host::new_home());
  const Ref generator = room.eval("(function* () { yield 1 })()"), plain = room.eval("({})");
  const Ref iterator(value_of(generator).iterator());
  const Ref next = member(iterator, "next");
  const Ref step(value_of(next).call(&value_of(iterator), nullptr, 0, 0));
  CHECK(shown(Ref(value_of(step).to_py())) == "{'value': 1, 'done': False}");
  CHECK(value_of(plain).iterator() == nullptr);
  CHECK(value_of(plain).async_iterator() == nullptr);
}

TEST_CASE("buffers are shared with Python, and taken away") {
  const Room room(host::new_home());
  const Ref buffer = room.eval("var b = new ArrayBuffer(8); b");
  const auto view = v8snap::view_buffer(value_of(buffer));
  static_cast<unsigned char*>(view->data())[3] = 200;
  CHECK(shown(room.eval("new Uint8Array(b)[3]")) == "200");
  CHECK_FALSE(v8snap::buffer_detached(value_of(buffer)));
  CHECK(v8snap::detach_buffer(value_of(buffer)));
  CHECK(v8snap::buffer_detached(value_of(buffer)));
  CHECK(failure([&] { v8snap::view_buffer(value_of(buffer)); }).code == ErrorCode::kConversion);
  CHECK(static_cast<unsigned char*>(view->data())[3] == 200);
  room.set_global("bytes", host::python("bytearray(b'abc')"));
  CHECK(shown(room.eval("bytes[2] + bytes.length")) == "102");
  for (int i = 0; i < 200; ++i) {
    const Ref each = room.eval("new Float32Array(100)");
    v8snap::view_buffer(value_of(each))->shape();
  }
}

TEST_CASE("values of another isolate are refused") {
  const Room one(host::new_home()), other(host::new_home());
  const Ref foreign = one.eval("({})");
  CHECK(failure([&] { other.set_global("x", foreign); }).code == ErrorCode::kWrongIsolate);
  const Ref mine = other.eval("({})");
  CHECK_FALSE(value_of(mine).strict_equals(value_of(foreign)));
}

TEST_CASE("values that only the host sees, and functions of a text") {
  const Room room(host::new_home());
  const Ref name = host::text("secret"), parameters = host::python("['a', 'b']"), file = host::text("f.js");
  CHECK(v8snap::hidden_value(*room, name.get()) == nullptr);
  v8snap::set_hidden_value(*room, name.get(), host::python("41").get());
  CHECK(shown(Ref(v8snap::hidden_value(*room, name.get()))) == "41");
  const Ref sum(v8snap::compile_function(*room, host::text("return a + b").get(), file.get(), parameters.get()));
  PyObject* arguments[] = {file.get(), name.get()};
  CHECK(shown(Ref(value_of(sum).call(nullptr, arguments, 2, 0))) == "'f.jssecret'");
}

TEST_CASE("code caches are taken, and refused where they are of another script") {
  auto home = host::new_home();
  const Room room(home);
  const Ref source = host::text("(() => 6 * 7)()"), file = host::text("s.js"), other = host::text("1 + 1");
  const auto script = room->compile(source.get(), file.get(), nullptr, true);
  const Ref cache(script->code_cache());
  CHECK_FALSE(room->compile(source.get(), file.get(), cache.get(), false)->cache_rejected());
  CHECK(room->compile(other.get(), file.get(), cache.get(), false)->cache_rejected());
  CHECK(shown(Ref(room->run(*script, 0))) == "42");
  CHECK(shown(host::python("value['used_heap_size'] > 0", Ref(home->isolate->heap_statistics()))) == "True");
  CHECK(shown(host::python("len(value) > 3", Ref(home->isolate->heap_space_statistics()))) == "True");
}
