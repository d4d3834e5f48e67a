// Strings and arrays across V8's border.
#include <cstring>

#include "baseline.hpp"
#include "v8_compat.hpp"

namespace baseline {

namespace compat = v8snap::compat;

namespace {

Session& session() {
  static Session kept;
  return kept;
}

using Call = std::function<v8::Local<v8::Value>(v8::Local<v8::Value>)>;

// `work` is done `count` times; it gets a function of JavaScript's, and gives a length.
template <class Work>
Answer timed(const Arguments& arguments, const std::string& source, Work&& work) {
  v8::Isolate* isolate = session().isolate.v8;
  v8::HandleScope handles(isolate);
  v8::Local<v8::Context> context = session().context();
  v8::Context::Scope scope(context);
  v8::Local<v8::Function> function = run(context, source, "values.js").template As<v8::Function>();
  const Call call = [&](v8::Local<v8::Value> argument) {
    return function->Call(context, v8::Undefined(isolate), 1, &argument).ToLocalChecked();
  };
  const int count = arguments.number("count");
  size_t length = 0;
  Stopwatch watch;
  for (int i = 0; i < count; ++i) {
    v8::HandleScope inner(isolate);
    length = work(isolate, call);
  }
  watch.note("all");
  return {watch.counts, std::to_string(length)};
}

// Kept, so that making the text is no part of what is measured.
const std::string& letters(size_t size) {
  static std::map<size_t, std::string> kept;
  std::string& text = kept[size];
  if (text.size() != size) text.assign(size, 'x');
  return text;
}

}  // namespace

// Bytes of C++ become a string of V8, an argument of a function, `count` times.
Answer string_in(const Arguments& arguments) {
  const std::string& text = letters(static_cast<size_t>(arguments.number("size")));
  return timed(arguments, "(text) => text.length", [&](v8::Isolate* isolate, const Call& length) {
    v8::Local<v8::Value> string = v8::String::NewFromOneByte(isolate, reinterpret_cast<const uint8_t*>(text.data()),
                                                             v8::NewStringType::kNormal, static_cast<int>(text.size()))
                                      .ToLocalChecked();
    return static_cast<size_t>(length(string).As<v8::Integer>()->Value());
  });
}

// A flat string of V8, which a function gives, is copied out, `count` times.
Answer string_out(const Arguments& arguments) {
  const std::string source =
      "{ const text = 'x'.repeat(" + arguments.text("size") + "); text.indexOf('y'); () => text }";
  return timed(arguments, source, [](v8::Isolate* isolate, const Call& make) {
    v8::Local<v8::String> text = make(v8::Undefined(isolate)).As<v8::String>();
    std::string copy(static_cast<size_t>(text->Length()), '\0');
    compat::write_one_byte(isolate, text, reinterpret_cast<uint8_t*>(copy.data()), text->Length());
    return copy.size();
  });
}

// A view of a typed array's memory, no copy.
Answer array_out(const Arguments& arguments) {
  v8::Isolate* isolate = session().isolate.v8;
  v8::HandleScope handles(isolate);
  v8::Context::Scope scope(session().context());
  const auto size = static_cast<size_t>(arguments.number("size"));
  v8::Local<v8::Uint8Array> array = v8::Uint8Array::New(v8::ArrayBuffer::New(isolate, size), 0, size);
  const int count = arguments.number("count");
  size_t length = 0;
  Stopwatch watch;
  for (int i = 0; i < count; ++i) {
    v8::HandleScope inner(isolate);
    const std::shared_ptr<v8::BackingStore> store = array->Buffer()->GetBackingStore();
    if (store->Data() != nullptr) length = store->ByteLength();
  }
  watch.note("all");
  return {watch.counts, std::to_string(length)};
}

// Memory of C++ is copied into a new typed array, an argument of a function.
Answer array_in(const Arguments& arguments) {
  const std::string& bytes = letters(static_cast<size_t>(arguments.number("size")));
  return timed(arguments, "(array) => array.byteLength", [&](v8::Isolate* isolate, const Call& length) {
    v8::Local<v8::ArrayBuffer> buffer = v8::ArrayBuffer::New(isolate, bytes.size());
    std::memcpy(buffer->GetBackingStore()->Data(), bytes.data(), bytes.size());
    return static_cast<size_t>(length(v8::Uint8Array::New(buffer, 0, bytes.size())).As<v8::Integer>()->Value());
  });
}

}  // namespace baseline
