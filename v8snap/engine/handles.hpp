// V8's handles that outlive a visit, and what goes with them.
#pragma once

#include <Python.h>

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "live_counts.hpp"
#include "v8_compat.hpp"

namespace v8snap {

class ContextImpl;
class IsolateImpl;

// A native handle of something Python holds. Linked into its isolate, changed only under the isolate's lock.
struct Slot {
  Slot(IsolateImpl& isolate, ContextImpl* context, LiveKind kind);

  v8::Global<v8::Value> value;
  v8::Global<v8::Context> context_handle;
  v8::Global<v8::UnboundScript> script;
  v8::Global<v8::Function> strict_set;                            // a context's helper, see ValueImpl::set
  std::map<std::u16string, v8::Global<v8::Module>> modules;       // a context's, by name
  std::map<std::u16string, std::vector<std::u16string>> imports;  // of each of them, in order
  ContextImpl* context;                                           // the context a value belongs to; closed with it
  LiveKind kind;
  bool closed = false;
  std::atomic<bool> counted{true};  // among the live ones: until it is closed or handed back
  Slot* previous = nullptr;
  Slot* next = nullptr;

  void reset();
};

// What JavaScript function a Python callable is: each context has its own, or one could change what another calls.
struct FunctionKey {
  PyObject* callable;
  long context;  // its number
  bool operator==(const FunctionKey& other) const { return callable == other.callable && context == other.context; }
};
struct FunctionKeyHash {
  size_t operator()(const FunctionKey& key) const {
    return std::hash<PyObject*>()(key.callable) ^ (static_cast<size_t>(key.context) << 1);
  }
};

// A Python function in JavaScript's hands: the id finds the callable, the weak handle the function.
struct PythonFunction {
  IsolateImpl* isolate;
  long id;
  FunctionKey key;  // its callable is borrowed: the isolate's `callables` owns it, under `id`
  v8::Global<v8::Function> function;
  Counted<LiveKind::kFunction> counted{};
};

// A Python exception that went into JavaScript as an Error. `callables` owns it, under `id`: there the garbage
// collector sees the cycle of exception, traceback, frame and isolate.
struct ThrownException {
  long id;
  v8::Global<v8::Value> error;
  Counted<LiveKind::kException> counted{};
};

// Counts the memory of ArrayBuffers, which V8's own limit leaves out, and gives none beyond a limit.
class BufferAllocator final : public v8::ArrayBuffer::Allocator {
 public:
  explicit BufferAllocator(size_t limit) : limit_(limit) {}

  void* Allocate(size_t length) override;
  void* AllocateUninitialized(size_t length) override;
  void Free(void* data, size_t length) override;
  // Whether that many bytes are within the limit.
  bool has_room(size_t length) const { return limit_ == 0 || used_ + length <= limit_; }
  // Whether memory was refused since this was last asked.
  bool refused() { return refused_.exchange(false); }

 private:
  bool take(size_t length);

  const size_t limit_;  // bytes; 0: none
  std::atomic<size_t> used_{0};
  std::atomic<bool> refused_{false};
};

// A promise that was rejected while nobody handled it.
struct Rejection {
  v8::Global<v8::Context> context;
  v8::Global<v8::Promise> promise;
  v8::Global<v8::Message> message;
  Counted<LiveKind::kRejection> counted{};
};

enum class ImportAttributes { kNone, kJson, kUnknown };

// An import() that waits for its microtask.
struct DynamicImport {
  IsolateImpl* isolate;
  ImportAttributes attributes;
  v8::Global<v8::Context> context;
  v8::Global<v8::Promise::Resolver> resolver;
  v8::Global<v8::Value> referrer;
  v8::Global<v8::String> specifier;
  Counted<LiveKind::kImport> counted{};
};

// A module graph that is evaluated part by part.
struct Evaluation {
  struct Part {
    v8::Global<v8::Module> module;
    std::vector<size_t> needs;        // places of other parts
    v8::Global<v8::Promise> promise;  // empty until it begins
    bool awaited = false;
    bool has_no_chance = false;  // one that it needs has failed
  };

  v8::Global<v8::Context> context;
  v8::Global<v8::Promise::Resolver> result;
  std::vector<Part> parts;  // in the language's order: the root comes last
  bool is_settled = false;  // the promise
  bool is_over = false;     // nothing begins any more
  Counted<LiveKind::kImport> counted{};
};

// The handles that a snapshot creator keeps until the blob is made.
struct CreatorParts {
  struct Datum {
    v8::Global<v8::Context> context;  // empty: the isolate's
    v8::Global<v8::Value> value;
  };

  v8::Global<v8::Context> standard;
  std::vector<v8::Global<v8::Context>> added;
  std::vector<Datum> data;
};

}  // namespace v8snap
