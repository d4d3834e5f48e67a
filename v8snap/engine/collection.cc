// Maps and Sets: asked by V8's own functions, which JavaScript can't replace.
#include "v8snap/collection.hpp"

#include "internal.hpp"

namespace v8snap {

namespace {

v8::Local<v8::Map> map_of(const ValueImpl& value) { return value.local().As<v8::Map>(); }
v8::Local<v8::Set> set_of(const ValueImpl& value) { return value.local().As<v8::Set>(); }
bool is_map(const ValueImpl& value) { return value.kind() == ValueKind::kMap; }

}  // namespace

Py_ssize_t collection_size(Value& collection) {
  auto& self = static_cast<ValueImpl&>(collection);
  Visit visit(self.context());
  return static_cast<Py_ssize_t>(is_map(self) ? map_of(self)->Size() : set_of(self)->Size());
}

bool collection_has(Value& collection, PyObject* key) {
  auto& self = static_cast<ValueImpl&>(collection);
  Visit visit(self.context());
  v8::Local<v8::Value> wanted = from_python(self.context(), key);
  return run_js(self.context(), 0, [&] {
    return Given<bool>{is_map(self) ? map_of(self)->Has(visit.context, wanted)
                                    : set_of(self)->Has(visit.context, wanted)};
  });
}

PyObject* map_get(Value& map, PyObject* key) {
  auto& self = static_cast<ValueImpl&>(map);
  Visit visit(self.context());
  v8::Local<v8::Value> wanted = from_python(self.context(), key);
  v8::Local<v8::Value> value = run_js(self.context(), 0, [&] { return map_of(self)->Get(visit.context, wanted); });
  if (value->IsUndefined() &&
      !run_js(self.context(), 0, [&] { return Given<bool>{map_of(self)->Has(visit.context, wanted)}; })) {
    return nullptr;
  }
  return to_python(self.context(), value);
}

void map_set(Value& map, PyObject* key, PyObject* value) {
  auto& self = static_cast<ValueImpl&>(map);
  Visit visit(self.context());
  v8::Local<v8::Value> name = from_python(self.context(), key);
  v8::Local<v8::Value> converted = from_python(self.context(), value);
  run_js(self.context(), 0, [&] { return map_of(self)->Set(visit.context, name, converted); });
}

void set_add(Value& set, PyObject* element) {
  auto& self = static_cast<ValueImpl&>(set);
  Visit visit(self.context());
  v8::Local<v8::Value> converted = from_python(self.context(), element);
  run_js(self.context(), 0, [&] { return set_of(self)->Add(visit.context, converted); });
}

bool collection_remove(Value& collection, PyObject* key) {
  auto& self = static_cast<ValueImpl&>(collection);
  Visit visit(self.context());
  v8::Local<v8::Value> wanted = from_python(self.context(), key);
  return run_js(self.context(), 0, [&] {
    return Given<bool>{is_map(self) ? map_of(self)->Delete(visit.context, wanted)
                                    : set_of(self)->Delete(visit.context, wanted)};
  });
}

void collection_clear(Value& collection) {
  auto& self = static_cast<ValueImpl&>(collection);
  Visit visit(self.context());
  is_map(self) ? map_of(self)->Clear() : set_of(self)->Clear();
}

PyObject* collection_keys(Value& collection, size_t most) {
  auto& self = static_cast<ValueImpl&>(collection);
  Visit visit(self.context());
  v8::Local<v8::Array> entries = is_map(self) ? map_of(self)->AsArray() : set_of(self)->AsArray();
  const uint32_t step = is_map(self) ? 2 : 1;
  const auto end = static_cast<uint32_t>(std::min<size_t>(most, entries->Length() / step)) * step;
  PyRef list = checked(PyList_New(0));
  for (uint32_t i = 0; i < end; i += step) {
    v8::Local<v8::Value> key;
    if (!entries->Get(visit.context, i).ToLocal(&key)) throw Error(ErrorCode::kInternal, "a key was lost");
    PyRef converted = checked(to_python(self.context(), key));
    checked(PyList_Append(list.get(), converted.get()));
  }
  return list.release();
}

}  // namespace v8snap
