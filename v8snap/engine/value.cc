// JavaScript values that Python holds: properties, calls, comparison.
#include "v8snap/value.hpp"

#include "internal.hpp"

namespace v8snap {

namespace {

// Gives Maybe<T> the face of MaybeLocal<T> for run_js.
template <class T>
struct Given {
  v8::Maybe<T> maybe;
  bool IsEmpty() const { return maybe.IsNothing(); }
  T ToLocalChecked() const { return maybe.FromJust(); }
};

std::vector<v8::Local<v8::Value>> arguments_from(ContextImpl& context, PyObject* arguments) {
  std::vector<v8::Local<v8::Value>> converted;
  const Py_ssize_t count = PyTuple_GET_SIZE(arguments);
  converted.reserve(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) converted.push_back(from_python(context, PyTuple_GET_ITEM(arguments, i)));
  return converted;
}

}  // namespace

ValueImpl::ValueImpl(ContextImpl& context, v8::Local<v8::Value> value, ValueKind kind)
    : context_(context), slot_(new Slot(context.isolate(), &context, LiveKind::kValue)), kind_(kind) {
  slot_->value.Reset(context.isolate().v8, value);
}

ValueImpl::~ValueImpl() { context_.isolate().release(slot_); }

v8::Local<v8::Value> ValueImpl::local() const {
  if (slot_->closed) throw Error(ErrorCode::kClosed, "this JavaScript value is closed: its context or isolate is");
  return slot_->value.Get(isolate().v8);
}

v8::Local<v8::Object> ValueImpl::object() const {
  v8::Local<v8::Value> value = local();
  if (!value->IsObject()) throw Error(ErrorCode::kConversion, "a symbol has no properties");
  return value.As<v8::Object>();
}

v8::Local<v8::Value> ValueImpl::property_key(PyObject* key) const {
  if (!PyUnicode_Check(key) && !PyIndex_Check(key) && proxy_hooks().find(key) == nullptr) {
    throw Error(ErrorCode::kConversion,
                std::string("a property key is str, int or JSSymbol, not ") + Py_TYPE(key)->tp_name);
  }
  return from_python(context_, key);
}

PyObject* ValueImpl::get(PyObject* key) {
  Entry entry(isolate());
  v8::Local<v8::Context> context = context_.local();
  v8::Context::Scope scope(context);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Value> name = property_key(key);
  v8::Local<v8::Value> value = run_js(context_, 0, [&] { return self->Get(context, name); });
  if (value->IsUndefined() && !run_js(context_, 0, [&] { return Given<bool>{self->Has(context, name)}; }))
    return nullptr;
  return to_python(context_, value);
}

void ValueImpl::set(PyObject* key, PyObject* value) {
  Entry entry(isolate());
  v8::Local<v8::Context> context = context_.local();
  v8::Context::Scope scope(context);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Value> name = property_key(key);
  v8::Local<v8::Value> converted = from_python(context_, value);
  // V8's own Set says nothing where a property refuses.
  v8::Local<v8::Value> arguments[] = {self, name, converted};
  v8::Local<v8::Function> set = context_.strict_set();
  run_js(context_, 0, [&] { return set->Call(context, v8::Undefined(isolate().v8), 3, arguments); });
}

bool ValueImpl::remove(PyObject* key) {
  Entry entry(isolate());
  v8::Local<v8::Context> context = context_.local();
  v8::Context::Scope scope(context);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Value> name = property_key(key);
  if (!run_js(context_, 0, [&] { return Given<bool>{self->Has(context, name)}; })) return false;
  if (!run_js(context_, 0, [&] { return Given<bool>{self->Delete(context, name)}; })) {
    throw Error(ErrorCode::kConversion, "the property can't be deleted");
  }
  return true;
}

bool ValueImpl::has(PyObject* key) {
  Entry entry(isolate());
  v8::Local<v8::Context> context = context_.local();
  v8::Context::Scope scope(context);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Value> name = property_key(key);
  return run_js(context_, 0, [&] { return Given<bool>{self->Has(context, name)}; });
}

PyObject* ValueImpl::keys() {
  Entry entry(isolate());
  v8::Local<v8::Context> context = context_.local();
  v8::Context::Scope scope(context);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Array> names = run_js(context_, 0, [&] {
    return self->GetOwnPropertyNames(context, static_cast<v8::PropertyFilter>(v8::ONLY_ENUMERABLE | v8::SKIP_SYMBOLS),
                                     v8::KeyConversionMode::kConvertToString);
  });
  PyRef list = checked(PyList_New(0));
  for (uint32_t i = 0; i < names->Length(); ++i) {
    v8::Local<v8::Value> name;
    if (!names->Get(context, i).ToLocal(&name)) throw Error(ErrorCode::kInternal, "a property name was lost");
    PyRef text = checked(string_to_python(isolate().v8, name.As<v8::String>()));
    checked(PyList_Append(list.get(), text.get()));
  }
  return list.release();
}

Py_ssize_t ValueImpl::length() {
  if (kind_ != ValueKind::kArray) {
    PyRef names(keys());
    return PyList_GET_SIZE(names.get());
  }
  Entry entry(isolate());
  return local().As<v8::Array>()->Length();
}

void ValueImpl::set_length(Py_ssize_t length) {
  PyRef name = checked(PyUnicode_FromString("length"));
  PyRef number = checked(PyLong_FromSsize_t(length));
  set(name.get(), number.get());
}

PyObject* ValueImpl::call(Value* receiver, PyObject* arguments) {
  Entry entry(isolate());
  v8::Local<v8::Context> context = context_.local();
  v8::Context::Scope scope(context);
  v8::Local<v8::Function> function = local().As<v8::Function>();
  v8::Local<v8::Value> self = v8::Undefined(isolate().v8);
  if (receiver != nullptr) {
    auto& value = static_cast<ValueImpl&>(*receiver);
    if (&value.isolate() != &isolate()) {
      throw Error(ErrorCode::kWrongIsolate, "this JavaScript value belongs to another isolate");
    }
    if (&value.context_ != &context_) isolate().contexts_mixed = true;
    self = value.local();
  }
  std::vector<v8::Local<v8::Value>> converted = arguments_from(context_, arguments);
  v8::Local<v8::Value> result = run_js(
      context_, 0, [&] { return function->Call(context, self, static_cast<int>(converted.size()), converted.data()); });
  return to_python(context_, result);
}

PyObject* ValueImpl::construct(PyObject* arguments) {
  Entry entry(isolate());
  v8::Local<v8::Context> context = context_.local();
  v8::Context::Scope scope(context);
  v8::Local<v8::Function> function = local().As<v8::Function>();
  std::vector<v8::Local<v8::Value>> converted = arguments_from(context_, arguments);
  v8::Local<v8::Object> result = run_js(context_, 0, [&] {
    return function->NewInstance(context, static_cast<int>(converted.size()), converted.data());
  });
  return to_python(context_, result);
}

PyObject* ValueImpl::to_py() {
  Entry entry(isolate());
  v8::Context::Scope scope(context_.local());
  return to_python_deep(context_, local());
}

PyObject* ValueImpl::describe() {
  Entry entry(isolate());
  v8::Context::Scope scope(context_.local());
  v8::Local<v8::Value> value = local();
  v8::Local<v8::Value> name;
  if (value->IsSymbol()) {
    name = value.As<v8::Symbol>()->Description(isolate().v8);
  } else if (value->IsFunction()) {
    name = value.As<v8::Function>()->GetDebugName();
  } else {
    name = value.As<v8::Object>()->GetConstructorName();
  }
  if (!name->IsString()) return checked(PyUnicode_FromString("")).release();
  return checked(string_to_python(isolate().v8, name.As<v8::String>())).release();
}

bool ValueImpl::strict_equals(Value& other) {
  auto& value = static_cast<ValueImpl&>(other);
  if (&value.isolate() != &isolate()) return false;
  Entry entry(isolate());
  return local()->StrictEquals(value.local());
}

int ValueImpl::identity_hash() {
  Entry entry(isolate());
  v8::Local<v8::Value> value = local();
  return value->IsSymbol() ? value.As<v8::Symbol>()->GetIdentityHash() : value.As<v8::Object>()->GetIdentityHash();
}

}  // namespace v8snap
