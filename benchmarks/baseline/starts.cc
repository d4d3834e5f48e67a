// From nothing to the first result; making what to start from.
#include <algorithm>
#include <sstream>

#include "baseline.hpp"
#include "v8_compat.hpp"

namespace baseline {

namespace compat = v8snap::compat;

namespace {

std::vector<std::string> split(const std::string& paths) {
  std::vector<std::string> parts;
  std::istringstream words(paths);
  std::string word;
  while (std::getline(words, word, ':')) parts.push_back(word);
  return parts;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

v8::Local<v8::UnboundScript> compile(v8::Isolate* isolate, const std::string& path, const std::string* cache) {
  v8::ScriptCompiler::CachedData* data = nullptr;
  if (cache != nullptr) {
    data = new v8::ScriptCompiler::CachedData(reinterpret_cast<const uint8_t*>(cache->data()),
                                              static_cast<int>(cache->size()));
  }
  v8::ScriptOrigin origin = compat::script_origin(isolate, new_string(isolate, file_name(path)));
  v8::ScriptCompiler::Source source(new_string(isolate, read_file(path)), origin, data);
  const auto options = data != nullptr ? v8::ScriptCompiler::kConsumeCodeCache : v8::ScriptCompiler::kNoCompileOptions;
  v8::Local<v8::UnboundScript> script;
  if (!v8::ScriptCompiler::CompileUnboundScript(isolate, &source, options).ToLocal(&script))
    fail("can't compile " + path);
  if (data != nullptr && data->rejected) fail("the code cache of " + path + " was rejected");
  return script;
}

// Runs scripts; from code caches beside them, PATH.cache, where wanted.
void run_files(v8::Local<v8::Context> context, const std::vector<std::string>& paths, bool cached) {
  v8::Context::Scope scope(context);
  for (const std::string& path : paths) {
    if (!cached) {
      run(context, read_file(path), file_name(path));
      continue;
    }
    const std::string cache = read_file(path + ".cache");
    v8::Local<v8::Script> script = compile(context->GetIsolate(), path, &cache)->BindToCurrentContext();
    if (script->Run(context).IsEmpty()) fail(path + " threw");
  }
}

// PATH.cache beside each script, made after the first call.
void make_caches(const std::vector<std::string>& paths, const std::string& call) {
  const Isolate isolate;
  v8::Isolate::Scope scope(isolate.v8);
  v8::HandleScope handles(isolate.v8);
  v8::Local<v8::Context> context = new_context(isolate.v8);
  v8::Context::Scope inside(context);
  std::vector<v8::Local<v8::UnboundScript>> scripts;
  for (const std::string& path : paths) {
    scripts.push_back(compile(isolate.v8, path, nullptr));
    if (scripts.back()->BindToCurrentContext()->Run(context).IsEmpty()) fail(path + " threw");
  }
  run(context, call, "call.js");
  for (size_t i = 0; i < paths.size(); ++i) {
    const std::unique_ptr<v8::ScriptCompiler::CachedData> cache(v8::ScriptCompiler::CreateCodeCache(scripts[i]));
    write_file(paths[i] + ".cache", reinterpret_cast<const char*>(cache->data), static_cast<size_t>(cache->length));
  }
}

// A script of a snapshot in the making.
struct Script {
  std::string name;
  std::string text;
  v8::String::ExternalStringResourceBase* outside = nullptr;  // its text outside of the heap; null: it goes in
};

// Long ones in ASCII stay outside of the heap, as v8snap has them.
std::vector<Script> read_scripts(const std::vector<std::string>& paths, References* references) {
  constexpr size_t kLong = size_t{16} << 10;
  std::vector<Script> scripts;
  for (const std::string& path : paths) scripts.push_back({file_name(path), read_file(path)});
  for (Script& script : scripts) {
    const bool is_ascii = std::all_of(script.text.begin(), script.text.end(), [](char c) { return c >= 0; });
    if (is_ascii && script.text.size() >= kLong) {
      script.outside = references->add(script.text.data(), script.text.size(), false);
    }
  }
  return scripts;
}

v8::Local<v8::String> outside_string(v8::Isolate* isolate, const Script& script) {
  auto* resource = static_cast<v8::String::ExternalOneByteStringResource*>(script.outside);
  return v8::String::NewExternalOneByte(isolate, resource).ToLocalChecked();
}

// All that is not measured is over before `watch` begins: the call's text is there.
Answer first_result(Stopwatch& watch, Blob* blob, const std::string& source, const Arguments& arguments) {
  const Isolate isolate(blob);
  watch.note("isolate");
  v8::Isolate::Scope scope(isolate.v8);
  v8::HandleScope handles(isolate.v8);
  v8::Local<v8::Context> context = new_context(isolate.v8);
  watch.note("context");
  const std::vector<std::string> files = split(arguments.text_or("scripts", ""));
  if (!files.empty()) {
    run_files(context, files, arguments.text("how") == "cache");
    watch.note("load");
  }
  const std::string result = text_of(isolate.v8, run(context, source, "call.js"));
  watch.note("call");
  return {watch.counts, result};
}

}  // namespace

// how: memory (the blob was read before), mapped, scripts, cache.
Answer start(const Arguments& arguments) {
  start_v8();
  const std::string source = read_file(arguments.text("call"));
  const std::string& how = arguments.text("how");
  if (how == "mapped") {
    Stopwatch watch;
    Blob blob(arguments.text("blob"), true);
    watch.note("load");
    return first_result(watch, &blob, source, arguments);
  }
  static bool cached = false;
  if (how == "cache" && !std::exchange(cached, true)) make_caches(split(arguments.text("scripts")), source);
  Blob* blob = how == "memory" ? blob_in_memory(arguments.text("blob")) : nullptr;
  Stopwatch watch;
  return first_result(watch, blob, source, arguments);
}

// A new context and its first call, in an isolate that has had some.
Answer fresh_context(const Arguments& arguments) {
  static Isolate isolate(blob_in_memory(arguments.text("blob")));
  static const std::string source = read_file(arguments.text("call"));
  v8::Isolate::Scope scope(isolate.v8);
  Answer answer;
  {
    v8::HandleScope handles(isolate.v8);
    Stopwatch watch;
    v8::Local<v8::Context> context = new_context(isolate.v8);
    watch.note("context");
    answer.result = text_of(isolate.v8, run(context, source, "call.js"));
    watch.note("call");
    answer.counts = watch.counts;
  }
  compat::context_disposed(isolate.v8);
  return answer;
}

// A snapshot of what scripts leave.
Answer build(const Arguments& arguments) {
  start_v8();
  std::unique_ptr<v8::ArrayBuffer::Allocator> allocator(v8::ArrayBuffer::Allocator::NewDefaultAllocator());
  Stopwatch watch;
  v8::Isolate* isolate = v8::Isolate::Allocate();
  v8::Isolate::CreateParams params;
  params.array_buffer_allocator = allocator.get();
  References references;
  const std::vector<Script> scripts = read_scripts(split(arguments.text("scripts")), &references);
  params.external_references = references.table();  // V8 keeps it
  compat::Creator creator(isolate, params);
  v8::Isolate::Scope scope(isolate);
  {
    v8::HandleScope handles(isolate);
    v8::Local<v8::Context> context = v8::Context::New(isolate);
    for (const Script& script : scripts) {
      run(context, script.outside != nullptr ? outside_string(isolate, script) : new_string(isolate, script.text),
          script.name);
    }
    creator->SetDefaultContext(context);
  }
  const v8::StartupData blob = creator->CreateBlob(v8::SnapshotCreator::FunctionCodeHandling::kKeep);
  watch.note("build");
  size_t bytes = static_cast<size_t>(blob.raw_size);
  for (const Script& script : scripts) bytes += script.outside != nullptr ? script.text.size() : 0;
  watch.counts.emplace_back("bytes", static_cast<int64_t>(bytes));
  delete[] blob.data;
  return {watch.counts, "made"};
}

}  // namespace baseline
