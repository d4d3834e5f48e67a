// A C++ program that does what the benchmarks do, with the same V8, flags and snapshots, and nothing of Python.
#pragma once

#include <v8.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace baseline {

// What a request says: key=value, parted by tabs.
class Arguments {
 public:
  explicit Arguments(const std::string& line);
  const std::string& work() const { return work_; }
  const std::string& text(const std::string& key) const;  // ends the program where it is missing
  std::string text_or(const std::string& key, const std::string& other) const;
  int number(const std::string& key) const;

 private:
  std::string work_;
  std::map<std::string, std::string> values_;
};

// What goes back: nanoseconds (or other counts) by step, and the result as text.
struct Answer {
  std::vector<std::pair<std::string, int64_t>> counts;
  std::string result;
};

using Work = Answer (*)(const Arguments&);

// Notes how long each step took, in nanoseconds.
class Stopwatch {
 public:
  Stopwatch();
  void note(const char* step);
  std::vector<std::pair<std::string, int64_t>> counts;

 private:
  int64_t last_;
};

int64_t nanoseconds();

[[noreturn]] void fail(const std::string& what);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const char* data, size_t size);

// ---------------------------------------------------------------- V8

void start_v8();

// What a heap may refer to from outside of it.
class References {
 public:
  // As many entries as a blob of v8snap's may need: the functions behind them are never called here.
  References();
  // A script's text outside of the heap, which must outlive it; a string's resource.
  v8::String::ExternalStringResourceBase* add(const char* text, size_t size, bool two_byte);
  const intptr_t* table() const { return table_.data(); }

 private:
  std::vector<intptr_t> table_;
  std::vector<std::unique_ptr<v8::String::ExternalStringResourceBase>> texts_;
};

// Bytes of a snapshot, V8's own and the texts of long scripts behind them; read, or mapped from its file.
class Blob {
 public:
  Blob(const std::string& path, bool mapped);
  ~Blob();
  Blob(const Blob&) = delete;
  v8::StartupData* data() { return &data_; }
  const References& references() const { return references_; }

 private:
  void find_texts();

  v8::StartupData data_{};
  size_t size_ = 0;
  References references_;
  bool mapped_;
};

// A blob that is read once and then kept, by its path.
Blob* blob_in_memory(const std::string& path);

// An isolate with its allocator; nobody is in it.
class Isolate {
 public:
  explicit Isolate(Blob* blob = nullptr);  // null: V8's own; it is borrowed
  ~Isolate();
  Isolate(const Isolate&) = delete;
  v8::Isolate* v8 = nullptr;

 private:
  std::unique_ptr<v8::ArrayBuffer::Allocator> allocator_;
};

v8::Local<v8::Context> new_context(v8::Isolate* isolate);

v8::Local<v8::String> new_string(v8::Isolate* isolate, const std::string& utf8);

// Ends the program where JavaScript throws.
v8::Local<v8::Value> run(v8::Local<v8::Context> context, const std::string& source, const std::string& name);
v8::Local<v8::Value> run(v8::Local<v8::Context> context, v8::Local<v8::String> source, const std::string& name);

std::string text_of(v8::Isolate* isolate, v8::Local<v8::Value> value);

// An isolate in which this thread stays, with one context: for work that is measured within.
class Session {
 public:
  explicit Session(Blob* blob = nullptr);
  ~Session();
  v8::Local<v8::Context> context() { return context_.Get(isolate.v8); }
  Isolate isolate;

 private:
  v8::Global<v8::Context> context_;
};

// ---------------------------------------------------------------- the works

Answer start(const Arguments& arguments);
Answer fresh_context(const Arguments& arguments);
Answer build(const Arguments& arguments);

Answer call(const Arguments& arguments);
Answer locked_call(const Arguments& arguments);
Answer callback(const Arguments& arguments);
Answer get(const Arguments& arguments);
Answer set(const Arguments& arguments);

Answer string_in(const Arguments& arguments);
Answer string_out(const Arguments& arguments);
Answer array_out(const Arguments& arguments);
Answer array_in(const Arguments& arguments);

Answer memory(const Arguments& arguments);
Answer contexts(const Arguments& arguments);
Answer spin(const Arguments& arguments);

}  // namespace baseline
