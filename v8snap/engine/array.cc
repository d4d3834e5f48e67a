// Arrays as Python's sequences: many elements in one visit, and edits that are whole or nothing.
#include "internal.hpp"

namespace v8snap {

namespace {

constexpr uint32_t kBreath = 1u << 16;

// Moves elements within an array, holes too. Inside a RunScope; accessors among the elements may run.
class Mover {
 public:
  Mover(IsolateImpl& isolate, v8::Local<v8::Context> context, v8::Local<v8::Array> array)
      : isolate_(isolate), context_(context), array_(array) {}

  // False where JavaScript threw or is being stopped.
  bool move(uint32_t from, uint32_t to) {
    if (++moved_ % kBreath == 0 && isolate_.stop_reason != StopReason::kNone) return false;
    v8::HandleScope handles(isolate_.v8);
    bool has = false;
    v8::Local<v8::Value> value;
    if (!array_->HasRealIndexedProperty(context_, from).To(&has)) return false;
    if (!has) return array_->Delete(context_, to).FromMaybe(false);
    return array_->Get(context_, from).ToLocal(&value) && array_->Set(context_, to, value).FromMaybe(false);
  }

  bool set_length(uint32_t length) {
    v8::Local<v8::String> name = literal(isolate_.v8, "length");
    return array_->Set(context_, name, v8::Number::New(isolate_.v8, length)).FromMaybe(false);
  }

 private:
  IsolateImpl& isolate_;
  v8::Local<v8::Context> context_;
  v8::Local<v8::Array> array_;
  uint32_t moved_ = 0;
};

}  // namespace

PyObject* ValueImpl::elements(Py_ssize_t start, Py_ssize_t stop) {
  Visit visit(context_);
  v8::Local<v8::Array> array = local().As<v8::Array>();
  PyRef list = checked(PyList_New(0));
  for (Py_ssize_t i = start; i < stop && i < static_cast<Py_ssize_t>(array->Length()); ++i) {
    v8::HandleScope handles(isolate().v8);
    if (i % kBreath == kBreath - 1 && PyErr_CheckSignals() < 0) throw PythonError();
    v8::Local<v8::Value> element;
    {
      v8::TryCatch caught(isolate().v8);
      bool has = false;
      // A data element needs no run of its own.
      if (array->HasRealIndexedProperty(visit.context, static_cast<uint32_t>(i)).To(&has) && !has) {
        element = v8::Undefined(isolate().v8);
      }
    }
    if (element.IsEmpty()) {
      element = run_js(context_, 0, [&] { return array->Get(visit.context, static_cast<uint32_t>(i)); });
    }
    PyRef converted = checked(to_python(context_, element));
    checked(PyList_Append(list.get(), converted.get()));
  }
  return list.release();
}

void ValueImpl::splice(Py_ssize_t start, Py_ssize_t removed, PyObject* values) {
  Visit visit(context_);
  v8::Local<v8::Array> array = local().As<v8::Array>();
  const auto added = static_cast<uint32_t>(PyTuple_GET_SIZE(values));
  std::vector<v8::Local<v8::Value>> converted;
  for (uint32_t i = 0; i < added; ++i) converted.push_back(from_python(context_, PyTuple_GET_ITEM(values, i)));
  const uint32_t length = array->Length();  // after that, which may have run JavaScript
  const auto first = static_cast<uint32_t>(std::min<Py_ssize_t>(start, length));
  const auto gone = static_cast<uint32_t>(std::min<Py_ssize_t>(removed, length - first));
  if (size_t{length} - gone + added > UINT32_MAX) throw Error(ErrorCode::kConversion, "the array would be too long");
  const uint32_t rest = length - first - gone;
  run_js(context_, 0, [&] {
    Mover mover(isolate(), visit.context, array);
    bool done = true;
    if (added < gone) {
      for (uint32_t i = 0; done && i < rest; ++i) done = mover.move(first + gone + i, first + added + i);
    } else if (added > gone) {
      for (uint32_t i = rest; done && i > 0; --i) done = mover.move(first + gone + i - 1, first + added + i - 1);
    }
    for (uint32_t i = 0; done && i < added; ++i) {
      done = array->Set(visit.context, first + i, converted[i]).FromMaybe(false);
    }
    if (done && added < gone) done = mover.set_length(length - gone + added);
    return done ? v8::MaybeLocal<v8::Value>(v8::True(isolate().v8)) : v8::MaybeLocal<v8::Value>();
  });
}

}  // namespace v8snap
