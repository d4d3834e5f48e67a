// JavaScript values that Python holds: properties, calls, comparison.
#include "v8snap/value.hpp"

#include "internal.hpp"
#include "primitive.hpp"

namespace v8snap {

namespace {

// Those of a call, converted: a few without asking for memory.
class Arguments {
 public:
  Arguments(ContextImpl& context, PyObject** arguments, Py_ssize_t count) : count_(count) {
    if (count_ > kFew) many_.resize(static_cast<size_t>(count_));
    v8::Isolate* isolate = context.isolate().v8;
    for (Py_ssize_t i = 0; i < count_; ++i) {
      if (primitive_from_python(isolate, arguments[i], &data()[i])) continue;
      if (!scope_) scope_.emplace(context.local());
      data()[i] = from_python(context, arguments[i]);
    }
  }

  int count() const { return static_cast<int>(count_); }
  v8::Local<v8::Value>* data() { return count_ > kFew ? many_.data() : few_; }

 private:
  static constexpr Py_ssize_t kFew = 8;
  const Py_ssize_t count_;
  std::optional<v8::Context::Scope> scope_;  // V8 enters a function's own context by itself
  v8::Local<v8::Value> few_[kFew];
  std::vector<v8::Local<v8::Value>> many_;
};

void append_names(const Visit& visit, v8::Local<v8::Array> names, PyObject* list) {
  v8::Isolate* isolate = visit.context->GetIsolate();
  for (uint32_t i = 0; i < names->Length(); ++i) {
    v8::Local<v8::Value> name;
    if (!names->Get(visit.context, i).ToLocal(&name)) throw Error(ErrorCode::kInternal, "a property name was lost");
    PyRef text = checked(string_to_python(isolate, name.As<v8::String>()));
    checked(PyList_Append(list, text.get()));
  }
}

size_t length_of(v8::Local<v8::Value> value) {
  if (value->IsArray()) return value.As<v8::Array>()->Length();
  if (value->IsTypedArray()) return value.As<v8::TypedArray>()->Length();
  if (value->IsDataView()) return value.As<v8::DataView>()->ByteLength();
  if (value->IsSharedArrayBuffer()) return value.As<v8::SharedArrayBuffer>()->ByteLength();
  return value.As<v8::ArrayBuffer>()->ByteLength();
}

constexpr const char* kClosedValue = "this JavaScript value is closed: its context or isolate is";

}  // namespace

ValueImpl::ValueImpl(ContextImpl& context, v8::Local<v8::Value> value, int hash, PyObject* receiver)
    : context_(context),
      slot_(new Slot(context.isolate(), &context, LiveKind::kValue)),
      kind_(kind_of(value)),
      hash_(hash),
      receiver_(receiver) {
  slot_->value.Reset(context.isolate().v8, value);
}

ValueImpl::~ValueImpl() {
  auto [first, last] = isolate().proxies.equal_range(hash_);
  const auto known = std::find_if(first, last, [this](const auto& each) { return each.second == this; });
  if (known != last) isolate().proxies.erase(known);
  isolate().release(slot_);
}

void ValueImpl::set_proxy(PyObject* proxy) {
  proxy_ = proxy;
  isolate().proxies.emplace(hash_, this);
}

bool ValueImpl::is(const ContextImpl& context, v8::Local<v8::Value> value, PyObject* receiver) const {
  return &context == &context_ && receiver_ == receiver && !slot_->closed && slot_->value == value;
}

v8::Local<v8::Value> ValueImpl::local() const {
  if (slot_->closed) throw Error(ErrorCode::kClosed, kClosedValue);
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

PyObject* ValueImpl::get(PyObject* key, PyObject* receiver) {
  Visit visit(context_);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Value> name = property_key(key);
  v8::Local<v8::Value> value = run_js(context_, 0, [&] { return self->Get(visit.context, name); });
  if (value->IsUndefined() && !run_js(context_, 0, [&] { return Given<bool>{self->Has(visit.context, name)}; }))
    return nullptr;
  return to_python(context_, value, receiver);
}

void ValueImpl::set(PyObject* key, PyObject* value) {
  Visit visit(context_);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Value> name = property_key(key);
  v8::Local<v8::Value> converted = from_python(context_, value);
  // V8's own Set says nothing where a property refuses.
  v8::Local<v8::Value> arguments[] = {self, name, converted};
  v8::Local<v8::Function> set = context_.strict_set();
  run_js(context_, 0, [&] { return set->Call(visit.context, v8::Undefined(isolate().v8), 3, arguments); });
}

bool ValueImpl::remove(PyObject* key) {
  Visit visit(context_);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Value> name = property_key(key);
  if (!run_js(context_, 0, [&] { return Given<bool>{self->Has(visit.context, name)}; })) return false;
  if (!run_js(context_, 0, [&] { return Given<bool>{self->Delete(visit.context, name)}; })) {
    throw Error(ErrorCode::kConversion, "the property can't be deleted");
  }
  return true;
}

bool ValueImpl::has(PyObject* key) {
  Visit visit(context_);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Value> name = property_key(key);
  return run_js(context_, 0, [&] { return Given<bool>{self->Has(visit.context, name)}; });
}

PyObject* ValueImpl::keys() {
  Visit visit(context_);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Array> names = run_js(context_, 0, [&] {
    return self->GetOwnPropertyNames(visit.context,
                                     static_cast<v8::PropertyFilter>(v8::ONLY_ENUMERABLE | v8::SKIP_SYMBOLS),
                                     v8::KeyConversionMode::kConvertToString);
  });
  PyRef list = checked(PyList_New(0));
  append_names(visit, names, list.get());
  return list.release();
}

PyObject* ValueImpl::all_names() {
  Visit visit(context_);
  PyRef list = checked(PyList_New(0));
  v8::Local<v8::Object> holder = object();
  for (bool first = true;; first = false) {
    v8::Local<v8::Value> next = compat::prototype_of(holder);
    if (!next->IsObject() && !first) break;  // Object.prototype, or what stands in its place
    v8::Local<v8::Array> names = run_js(context_, 0, [&] {
      return holder->GetPropertyNames(visit.context, v8::KeyCollectionMode::kOwnOnly, v8::SKIP_SYMBOLS,
                                      v8::IndexFilter::kSkipIndices, v8::KeyConversionMode::kConvertToString);
    });
    append_names(visit, names, list.get());
    if (!next->IsObject()) break;
    holder = next.As<v8::Object>();
  }
  return checked(PySet_New(list.get())).release();
}

PyObject* ValueImpl::iterator_by(v8::Local<v8::Symbol> (*symbol)(v8::Isolate*)) {
  Visit visit(context_);
  v8::Local<v8::Object> self = object();
  v8::Local<v8::Value> method = run_js(context_, 0, [&] { return self->Get(visit.context, symbol(isolate().v8)); });
  if (!method->IsFunction()) return nullptr;
  return to_python(
      context_, run_js(context_, 0, [&] { return method.As<v8::Function>()->Call(visit.context, self, 0, nullptr); }));
}

Py_ssize_t ValueImpl::length() {
  if (kind_ == ValueKind::kArray || kind_ == ValueKind::kTypedArray || kind_ == ValueKind::kArrayBuffer) {
    Entry entry(isolate());
    if (!local()->IsProxy()) return static_cast<Py_ssize_t>(length_of(local()));
  }
  if (kind_ == ValueKind::kArray) {
    Visit visit(context_);
    return run_js(context_, 0, [&] { return Given<uint32_t>{array_length(visit.context, object())}; });
  }
  PyRef names(keys());
  return PyList_GET_SIZE(names.get());
}

PyObject* ValueImpl::call(Value* receiver, PyObject** arguments, Py_ssize_t count, double timeout) {
  Entry entry(isolate());
  v8::Local<v8::Context> context = context_.local();
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
  Arguments converted(context_, arguments, count);
  v8::Local<v8::Value> result =
      run_js(context_, timeout, [&] { return function->Call(context, self, converted.count(), converted.data()); });
  return to_python(context_, result);
}

PyObject* ValueImpl::construct(PyObject** arguments, Py_ssize_t count, double timeout) {
  Visit visit(context_);
  v8::Local<v8::Function> function = local().As<v8::Function>();
  Arguments converted(context_, arguments, count);
  v8::Local<v8::Object> result = run_js(
      context_, timeout, [&] { return function->NewInstance(visit.context, converted.count(), converted.data()); });
  return to_python(context_, result);
}

PyObject* ValueImpl::to_py() {
  Visit visit(context_);
  return to_python_deep(context_, local());
}

bool ValueImpl::strict_equals(Value& other) {
  auto& value = static_cast<ValueImpl&>(other);
  if (&value.isolate() != &isolate()) return false;
  Entry entry(isolate());
  return local()->StrictEquals(value.local());
}

int ValueImpl::identity_hash() {
  if (slot_->closed) throw Error(ErrorCode::kClosed, kClosedValue);
  return hash_;
}

int identity_hash_of(v8::Local<v8::Value> value) {
  return value->IsSymbol() ? value.As<v8::Symbol>()->GetIdentityHash() : value.As<v8::Object>()->GetIdentityHash();
}

}  // namespace v8snap
