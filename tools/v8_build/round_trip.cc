// Creates a snapshot and starts from it, from inside a shared library, as an extension module does. Returns the number
// of the step that failed, or 0; what it has to say, and a digest of the snapshot, it writes to the standard output.
#include <libplatform/libplatform.h>
#include <v8.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>

namespace {

bool Run(v8::Isolate* isolate, v8::Local<v8::Context> context, const char* code, const char* expected) {
  v8::TryCatch caught(isolate);
  v8::Local<v8::String> source = v8::String::NewFromUtf8(isolate, code).ToLocalChecked();
  v8::Local<v8::Script> script;
  v8::Local<v8::Value> result;
  bool ran = v8::Script::Compile(context, source).ToLocal(&script) && script->Run(context).ToLocal(&result);
  v8::String::Utf8Value text(isolate, ran ? result : caught.Exception());
  if (ran && *text != nullptr && std::strcmp(*text, expected) == 0) {
    return true;
  }
  std::printf("%s gave %s instead of %s\n", code, *text != nullptr ? *text : "nothing", expected);
  return false;
}

v8::StartupData Create() {
  v8::Isolate::CreateParams params;
  std::shared_ptr<v8::ArrayBuffer::Allocator> allocator(v8::ArrayBuffer::Allocator::NewDefaultAllocator());
  params.array_buffer_allocator_shared = allocator;
  v8::SnapshotCreator creator(params);
  v8::Isolate* isolate = creator.GetIsolate();
  {
    v8::HandleScope scope(isolate);
    v8::Local<v8::Context> context = v8::Context::New(isolate);
    v8::Context::Scope entered(context);
    const char* code =
        "globalThis.table = new Map([['a', [1, 2, 3]]]); globalThis.sum = (key) => table.get(key).reduce((x, y) => x + "
        "y); String(sum('a'))";
    if (!Run(isolate, context, code, "6")) {
      return {nullptr, 0};
    }
    creator.SetDefaultContext(context);
  }
  return creator.CreateBlob(v8::SnapshotCreator::FunctionCodeHandling::kKeep);
}

bool Start(const v8::StartupData* blob, bool intl) {
  v8::Isolate::CreateParams params;
  std::shared_ptr<v8::ArrayBuffer::Allocator> allocator(v8::ArrayBuffer::Allocator::NewDefaultAllocator());
  params.array_buffer_allocator_shared = allocator;
  params.snapshot_blob = blob;
  v8::Isolate* isolate = v8::Isolate::New(params);
  bool good = false;
  {
    v8::Isolate::Scope entered(isolate);
    v8::HandleScope scope(isolate);
    v8::Local<v8::Context> context = v8::Context::New(isolate);
    v8::Context::Scope inside(context);
    // The loop is long enough for code to be optimised.
    good = Run(isolate, context, "table.get('a').push(4); String(sum('a'))", "10") &&
           Run(isolate, context, "let t = 0; for (let i = 0; i < 1e6; i++) t = (t + i * sum('a')) % 65537; String(t)",
               "57952") &&
           Run(isolate, context, "typeof WebAssembly", "object") &&
           Run(isolate, context, "typeof Intl", intl ? "object" : "undefined") &&
           (!intl || Run(isolate, context, "new Intl.NumberFormat('de').format(1234.5)", "1.234,5"));
  }
  isolate->Dispose();
  return good;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int round_trip(int intl) {
  const char* flags = "--hash-seed=1 --random-seed=1";  // without them no two runs make the same snapshot
  v8::V8::SetFlagsFromString(flags, std::strlen(flags));
  std::unique_ptr<v8::Platform> platform = v8::platform::NewDefaultPlatform();
  v8::V8::InitializePlatform(platform.release());  // V8 has it for as long as the process lives
  v8::V8::Initialize();
  v8::StartupData blob = Create();
  if (blob.data == nullptr) {
    return 1;
  }
  if (!Start(&blob, intl != 0)) {
    return 2;
  }
  uint64_t digest = 14695981039346656037u;  // FNV-1a
  for (int i = 0; i < blob.raw_size; ++i) {
    digest = (digest ^ static_cast<unsigned char>(blob.data[i])) * 1099511628211u;
  }
  std::printf("V8 %s, a snapshot of %d bytes, %016" PRIx64 "\n", v8::V8::GetVersion(), blob.raw_size, digest);
  std::fflush(stdout);
  return 0;
}
