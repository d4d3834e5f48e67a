// Arrays and Proxies of arrays as Python's sequences: many elements in one visit, and edits that are whole or nothing.
#include "internal.hpp"

namespace v8snap {

namespace {

constexpr uint32_t kBreath = 1u << 16;

// Moves elements within an array, holes too. Inside a RunScope; accessors among the elements may run.
class Mover {
 public:
  // `set` throws where a property refuses, which V8's own call doesn't.
  Mover(IsolateImpl& isolate, v8::Local<v8::Context> context, v8::Local<v8::Object> array, v8::Local<v8::Function> set)
      : isolate_(isolate), context_(context), array_(array), set_(set) {}

  // False where JavaScript threw or is being stopped.
  bool move(uint32_t from, uint32_t to) {
    if (++moved_ % kBreath == 0 && isolate_.stop_reason != StopReason::kNone) return false;
    v8::HandleScope handles(isolate_.v8);
    bool has = false;
    v8::Local<v8::Value> value;
    if (!array_->HasOwnProperty(context_, from).To(&has)) return false;
    if (!has) return remove(to);
    return array_->Get(context_, from).ToLocal(&value) && put(to, value);
  }

  bool put(uint32_t index, v8::Local<v8::Value> value) {
    return put(v8::Integer::NewFromUnsigned(isolate_.v8, index), value);
  }

  bool set_length(uint32_t length) { return put(literal(isolate_.v8, "length"), v8::Number::New(isolate_.v8, length)); }

 private:
  bool put(v8::Local<v8::Value> key, v8::Local<v8::Value> value) {
    v8::Local<v8::Value> arguments[] = {array_, key, value};
    return !set_->Call(context_, v8::Undefined(isolate_.v8), 3, arguments).IsEmpty();
  }

  bool remove(uint32_t index) {
    bool removed = false;
    if (!array_->Delete(context_, index).To(&removed)) return false;
    if (!removed) {
      isolate_.v8->ThrowException(
          v8::Exception::TypeError(literal(isolate_.v8, "an element of the array can't be deleted")));
    }
    return removed;
  }

  IsolateImpl& isolate_;
  v8::Local<v8::Context> context_;
  v8::Local<v8::Object> array_;
  v8::Local<v8::Function> set_;
  uint32_t moved_ = 0;
};

}  // namespace

bool is_array(v8::Local<v8::Value> value) {
  while (value->IsProxy()) value = value.As<v8::Proxy>()->GetTarget();
  return value->IsArray();
}

v8::Maybe<uint32_t> array_length(v8::Local<v8::Context> context, v8::Local<v8::Object> array) {
  if (array->IsArray()) return v8::Just(array.As<v8::Array>()->Length());
  v8::Local<v8::Value> length;
  int64_t number = 0;
  if (!array->Get(context, literal(context->GetIsolate(), "length")).ToLocal(&length) ||
      !length->IntegerValue(context).To(&number)) {
    return v8::Nothing<uint32_t>();
  }
  return v8::Just(static_cast<uint32_t>(std::clamp<int64_t>(number, 0, UINT32_MAX)));
}

PyObject* ValueImpl::elements(Py_ssize_t start, Py_ssize_t stop) {
  Visit visit(context_);
  v8::Local<v8::Object> array = object();
  std::vector<v8::Local<v8::Value>> found;
  run_js(context_, 0, [&] {
    uint32_t length = 0;
    for (Py_ssize_t i = start; i < stop; ++i) {
      // Asked anew each time: an accessor may have shortened it.
      if (!array_length(visit.context, array).To(&length)) return v8::MaybeLocal<v8::Value>();
      if (i >= static_cast<Py_ssize_t>(length)) break;
      v8::Local<v8::Value> element;
      const bool stopped = i % kBreath == kBreath - 1 && isolate().stop_reason != StopReason::kNone;
      if (stopped || !array->Get(visit.context, static_cast<uint32_t>(i)).ToLocal(&element)) {
        return v8::MaybeLocal<v8::Value>();
      }
      found.push_back(element);
    }
    return v8::MaybeLocal<v8::Value>(v8::True(isolate().v8));
  });
  PyRef list = checked(PyList_New(0));
  for (v8::Local<v8::Value> element : found) {
    checked(PyList_Append(list.get(), checked(to_python(context_, element)).get()));
  }
  return list.release();
}

void ValueImpl::splice(Py_ssize_t start, Py_ssize_t removed, PyObject* values) {
  Visit visit(context_);
  v8::Local<v8::Object> array = object();
  const auto added = static_cast<uint32_t>(PyTuple_GET_SIZE(values));
  std::vector<v8::Local<v8::Value>> converted;
  for (uint32_t i = 0; i < added; ++i) converted.push_back(from_python(context_, PyTuple_GET_ITEM(values, i)));
  // After that, which may have run JavaScript.
  const uint32_t length = run_js(context_, 0, [&] { return Given<uint32_t>{array_length(visit.context, array)}; });
  const auto first = static_cast<uint32_t>(std::min<Py_ssize_t>(start, length));
  const auto gone = static_cast<uint32_t>(std::min<Py_ssize_t>(removed, length - first));
  if (size_t{length} - gone + added > UINT32_MAX) throw Error(ErrorCode::kConversion, "the array would be too long");
  const uint32_t rest = length - first - gone;
  v8::Local<v8::Function> set = context_.strict_set();
  run_js(context_, 0, [&] {
    Mover mover(isolate(), visit.context, array, set);
    bool done = true;
    if (added < gone) {
      for (uint32_t i = 0; done && i < rest; ++i) done = mover.move(first + gone + i, first + added + i);
    } else if (added > gone) {
      for (uint32_t i = rest; done && i > 0; --i) done = mover.move(first + gone + i - 1, first + added + i - 1);
    }
    for (uint32_t i = 0; done && i < added; ++i) {
      done = mover.put(first + i, converted[i]);
    }
    if (done && added < gone) done = mover.set_length(length - gone + added);
    return done ? v8::MaybeLocal<v8::Value>(v8::True(isolate().v8)) : v8::MaybeLocal<v8::Value>();
  });
}

}  // namespace v8snap
