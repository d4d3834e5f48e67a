// V8 and its isolates, as plainly as C++ can have them.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "baseline.hpp"
#include "v8_compat.hpp"

namespace baseline {

namespace compat = v8snap::compat;

int64_t nanoseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

Stopwatch::Stopwatch() : last_(nanoseconds()) {}

void Stopwatch::note(const char* step) {
  const int64_t now = nanoseconds();
  counts.emplace_back(step, now - last_);
  last_ = nanoseconds();
}

void fail(const std::string& what) {
  std::cerr << what << std::endl;
  std::_Exit(1);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("can't read " + path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void write_file(const std::string& path, const char* data, size_t size) {
  std::ofstream file(path, std::ios::binary);
  if (!file.write(data, static_cast<std::streamsize>(size))) fail("can't write " + path);
}

void start_v8() {
  static const bool started = [] {
    for (const char* flag : compat::kFlags) v8::V8::SetFlagsFromString(flag, std::strlen(flag));
    v8::V8::InitializePlatform(v8::platform::NewDefaultPlatform(0, v8::platform::IdleTaskSupport::kDisabled,
                                                                v8::platform::InProcessStackDumping::kDisabled)
                                   .release());
    return v8::V8::Initialize();
  }();
  if (!started) fail("V8 did not start");
}

static void stand_in(const v8::FunctionCallbackInfo<v8::Value>&) {}

namespace {

// v8snap's functions have the places before this one.
constexpr size_t kFirstText = 16;

template <class Base, class Unit>
class Text final : public Base {
 public:
  Text(const char* text, size_t size) : text_(reinterpret_cast<const Unit*>(text)), length_(size / sizeof(Unit)) {}
  const Unit* data() const override { return text_; }
  size_t length() const override { return length_; }
  void Dispose() override {}

 private:
  const Unit* text_;
  size_t length_;
};

}  // namespace

References::References() : table_(kFirstText + 1, reinterpret_cast<intptr_t>(&stand_in)) { table_.back() = 0; }

v8::String::ExternalStringResourceBase* References::add(const char* text, size_t size, bool two_byte) {
  if (two_byte) {
    texts_.push_back(std::make_unique<Text<v8::String::ExternalStringResource, uint16_t>>(text, size));
  } else {
    texts_.push_back(std::make_unique<Text<v8::String::ExternalOneByteStringResource, char>>(text, size));
  }
  table_.back() = reinterpret_cast<intptr_t>(texts_.back().get());
  table_.push_back(0);
  return texts_.back().get();
}

Blob::Blob(const std::string& path, bool mapped) : mapped_(mapped) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts{};
  if (file < 0 || fstat(file, &facts) != 0) fail("can't read " + path);
  const auto size = static_cast<size_t>(facts.st_size);
  void* memory = nullptr;
  if (mapped) {
    memory = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) fail("can't map " + path);
  } else {
    memory = std::malloc(size);
    size_t done = 0;
    while (done < size) {
      const ssize_t got = read(file, static_cast<char*>(memory) + done, size - done);
      if (got <= 0) fail("can't read " + path);
      done += static_cast<size_t>(got);
    }
  }
  close(file);
  size_ = size;
  data_ = {static_cast<const char*>(memory), static_cast<int>(size)};
  find_texts();
}

// As v8snap/blob_layout.py has it.
void Blob::find_texts() {
  struct End {
    uint32_t number;
    uint32_t checksum;
    uint64_t v8_size;
    char magic[8];
  } end{};
  std::memcpy(&end, data_.data + size_ - sizeof end, sizeof end);
  if (std::memcmp(end.magic, "\x89texts\n", sizeof end.magic) != 0) return;
  const auto padded = [](size_t size) { return (size + 7) / 8 * 8; };
  size_t at = padded(end.v8_size);
  for (uint32_t i = 0; i < end.number; ++i) {
    uint32_t word = 0;
    std::memcpy(&word, data_.data + size_ - sizeof end - (end.number - i) * sizeof word, sizeof word);
    const uint32_t size = word & 0x7FFFFFFF;
    references_.add(data_.data + at, size, word != size);
    at += padded(size);
  }
  data_.raw_size = static_cast<int>(end.v8_size);
}

Blob::~Blob() {
  char* memory = const_cast<char*>(data_.data);
  if (mapped_) {
    munmap(memory, size_);
  } else {
    std::free(memory);
  }
}

Blob* blob_in_memory(const std::string& path) {
  static std::map<std::string, std::unique_ptr<Blob>> kept;
  auto& blob = kept[path];
  if (!blob) blob = std::make_unique<Blob>(path, false);
  return blob.get();
}

Isolate::Isolate(Blob* blob) : allocator_(v8::ArrayBuffer::Allocator::NewDefaultAllocator()) {
  start_v8();
  v8::Isolate::CreateParams params;
  params.array_buffer_allocator = allocator_.get();
  if (blob != nullptr) {
    params.external_references = blob->references().table();
    params.snapshot_blob = blob->data();
  }
  v8 = v8::Isolate::New(params);
}

Isolate::~Isolate() { v8->Dispose(); }

static void deserialize_internal_field(v8::Local<v8::Object>, int, v8::StartupData, void*) {}

v8::Local<v8::Context> new_context(v8::Isolate* isolate) {
  return v8::Context::New(isolate, nullptr, {}, {}, v8::DeserializeInternalFieldsCallback(deserialize_internal_field));
}

v8::Local<v8::String> new_string(v8::Isolate* isolate, const std::string& utf8) {
  return v8::String::NewFromUtf8(isolate, utf8.data(), v8::NewStringType::kNormal, static_cast<int>(utf8.size()))
      .ToLocalChecked();
}

v8::Local<v8::Value> run(v8::Local<v8::Context> context, const std::string& source, const std::string& name) {
  return run(context, new_string(context->GetIsolate(), source), name);
}

v8::Local<v8::Value> run(v8::Local<v8::Context> context, v8::Local<v8::String> source, const std::string& name) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::Context::Scope scope(context);
  v8::TryCatch caught(isolate);
  v8::ScriptOrigin origin = compat::script_origin(isolate, new_string(isolate, name));
  v8::ScriptCompiler::Source text(source, origin);
  v8::Local<v8::Script> script;
  v8::Local<v8::Value> result;
  if (!v8::ScriptCompiler::Compile(context, &text).ToLocal(&script) || !script->Run(context).ToLocal(&result)) {
    fail(name + ": " + text_of(isolate, caught.Exception()));
  }
  return result;
}

std::string text_of(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  const v8::String::Utf8Value text(isolate, value);
  return {*text, static_cast<size_t>(text.length())};
}

Session::Session(Blob* blob) : isolate(blob) {
  isolate.v8->Enter();
  v8::HandleScope handles(isolate.v8);
  context_.Reset(isolate.v8, new_context(isolate.v8));
}

Session::~Session() {
  context_.Reset();
  isolate.v8->Exit();
}

}  // namespace baseline
