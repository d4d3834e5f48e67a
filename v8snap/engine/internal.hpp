// What the engine's files share. Only files of this folder include it: it has V8's types.
#pragma once

#include <Python.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cpu_profile.hpp"
#include "handles.hpp"
#include "live_counts.hpp"
#include "memory.hpp"
#include "python.hpp"
#include "source_texts.hpp"
#include "turn.hpp"
#include "v8_compat.hpp"
#include "v8snap/buffer.hpp"
#include "v8snap/collection.hpp"
#include "v8snap/context.hpp"
#include "v8snap/cpu_profile.hpp"
#include "v8snap/error.hpp"
#include "v8snap/isolate.hpp"
#include "v8snap/process.hpp"
#include "v8snap/promise.hpp"
#include "v8snap/script.hpp"
#include "v8snap/snapshot_creator.hpp"
#include "v8snap/value.hpp"
#include "watchdog.hpp"

namespace v8snap {

class IsolateImpl;
class ContextImpl;
class ValueImpl;
class RunScope;
class StackMark;

// ---------------------------------------------------------------- process

// Starts V8 if it isn't; kForked where it was started before a fork.
void start_v8();
// Throws kMemory where V8 would find no room for an isolate, as under a limit of the address space.
void check_address_space();
v8::Platform* v8_platform();

// The one table of native addresses that a heap may hold: append only, 0-terminated, the same on every path. Behind the
// first kFirstText an isolate with texts has those, see SourceTexts.
const intptr_t* external_reference_table();

// Isolates that are alive, by what must be the same in all of them. add() throws kSnapshotConflict.
struct HeapRegistry {
  static void add(const IsolateOptions& options);
  static void remove(const IsolateOptions& options) noexcept;
};

// ---------------------------------------------------------------- stack

// Tells V8 how much of this thread's stack JavaScript may use, and what is called by it.
void set_stack_limits(v8::Isolate* isolate) noexcept;
// Throws kInternal (RecursionError) where little of this thread's stack is left.
void check_native_stack();

// ---------------------------------------------------------------- isolate

class IsolateImpl final : public Isolate {
 public:
  ~IsolateImpl() override;

  bool closed() const override { return closed_; }
  void close() override;
  void abandon() noexcept override;
  std::unique_ptr<Context> new_context() override;
  std::unique_ptr<Context> context_from_snapshot(size_t index) override;
  PyObject* data(Context& context, size_t index) override;
  PyObject* heap_statistics() override;
  PyObject* heap_space_statistics() override;
  void write_heap_snapshot(PyObject* write) override;
  bool run_pending_tasks(double timeout) override;
  void capture_frames() override;
  void low_memory_notification() override;
  bool has_open_context() override;
  void terminate() override;
  void terminate_thread(unsigned long number) override;
  const char* stopped_by() const override;
  bool busy() const override { return !turn.is_free(); }
  void report_rejections() override;
  void set_timeout(double seconds) override { timeout = seconds; }

  // Brings the V8 isolate to life: a plain one, or a creator's (`creator` is then filled).
  void start(const IsolateOptions& options);
  void start_as_creator(const IsolateOptions& options);
  // A thread that has its turn begins to use it. Whether V8 wants its own lock: once a second thread has used the
  // isolate, where V8 has one for each.
  bool arrive(unsigned long thread);
  // Takes the place of the thread that stays in it.
  void evict();
  // Lets go of every handle of ours; inside the isolate.
  void reset_handles();
  // Ends what start() began, after reset_handles(), with nothing of it running.
  void dispose() noexcept;
  // Throws kClosed or kForked.
  void check_usable() const;
  // Throws kWrongThread where what is in the middle of this isolate isn't on the stack now.
  void check_greenlet() const;
  bool forked() const { return fork_generation_ != fork_generation(); }

  void link(Slot* slot);
  // Hands a handle back, from any thread.
  void release(Slot* slot) noexcept;
  void close_slots(ContextImpl* of_context);
  std::vector<v8::Local<v8::Context>> open_contexts() const;
  ContextImpl* some_context() const;  // an open one that Python has, or null
  void drain() noexcept;

  // Runs the tasks that a collection of garbage posted; how many calls of JavaScript they made (finalizers). Without
  // the GIL.
  int run_tasks();
  // Whether drain() has something to do.
  bool has_leftovers() const {
    return any_released_.load(std::memory_order_acquire) || !dead_functions.empty() || !thrown.empty() || must_collect;
  }
  // Puts a callable or exception where Python's garbage collector sees it; forget() takes it away.
  void keep(long id, PyObject* object);
  // Borrowed; null without an error where there is none.
  PyObject* callable_of(long id);
  // A script's text; a creator's stays outside of V8's heap where that is worth it. Inside the isolate.
  v8::Local<v8::String> source_from_python(PyObject* source);
  void forget(long id);

  // For `thread` only, a thread_number(), where it isn't 0.
  void request_stop(StopReason reason, int level, unsigned long thread = 0);
  // The outermost run, as the heap or the process's memory is at its limit.
  void stop_for_memory();
  void stop_listening();  // to V8's messages: no listener may be there when a blob is made
  void stash_python_exception();

  // The open context of ours that `local` is, or null.
  ContextImpl* context_of(v8::Local<v8::Context> local) const;
  // The proxy that Python has of an object as got from `context`, with `receiver` as its `this`; or null.
  PyObject* find_proxy(const ContextImpl& context, v8::Local<v8::Value> value, int hash, PyObject* receiver) const;
  // V8's promise reject callback, see rejection.cc.
  static void note_rejection(v8::PromiseRejectMessage message);
  // At the end of the outermost Entry: tells Python of rejections that neither JavaScript nor, unless `all`, a proxy of
  // Python's can handle any more.
  void report_rejections_now(bool all) noexcept;

  v8::Isolate* v8 = nullptr;
  std::unique_ptr<compat::Creator> creator;
  bool over_heap_limit = false;  // noticed by the collector since it was last asked for
  bool short_of_memory = false;  // as of the last look
  size_t large_objects = 0;      // bytes, as of the last look
  bool must_collect = false;     // before anything else runs: what JavaScript was stopped for may be garbage
  bool look_at_limits();         // whether the process's limits leave what the heap may want before the next look
  void check_limits();           // throws kMemory where they don't
  bool contexts_mixed = false;   // a creator's: one context may hold objects of another
  CpuProfiles cpu_profiles;
  std::map<int, PyRef> source_maps;  // URLs with the map in them, by script id: of scripts that threw
  int task_calls = 0;                // JavaScript functions that tasks of V8's have called
  IsolateOptions options;
  double timeout = 0;  // seconds, of each outermost run that has none of its own; 0: none
  std::shared_ptr<BufferAllocator> allocator;
  std::unique_ptr<SourceTexts> texts;                       // of scripts; null where it has none outside of V8's heap
  std::unordered_multimap<int, ValueImpl*> proxies;         // those of Python, by identity hash; changed under the GIL
  std::vector<Rejection> rejections;                        // those that were handled after all are empty
  std::unordered_multimap<int, size_t> rejections_by_hash;  // places, by the promise's identity hash
  std::vector<std::unique_ptr<DynamicImport>> imports;
  std::map<int, std::shared_ptr<Evaluation>> evaluations;  // that go on
  int next_evaluation = 1;
  void forget_evaluations() noexcept;
  // Of a creator: promises of modules when they began to wait, by the context's number.
  std::vector<std::pair<long, v8::Global<v8::Promise>>> unsettled_modules;
  bool allocated = false;  // waits for a creator
  bool is_creator = false;
  unsigned long creator_thread = 0;
  // What a creator that was dropped while its JavaScript ran left behind: the last Entry ends it.
  std::unique_ptr<CreatorParts> orphaned;

  Turn turn;
  unsigned long home = 0;             // the thread that alone has used the isolate so far, 0: several have
  unsigned long stayer = 0;           // the thread that stays in it, see stay.cc
  unsigned long limit_of = 0;         // the thread whose stack V8 knows the limit of
  bool javascript_forbidden = false;  // a copy is made that must not be seen
  bool in_interrupt = false;          // a signal handler runs in the middle of JavaScript: V8 can't be entered
  int depth = 0;                      // entries by the owner
  ContextImpl* current = nullptr;
  RunScope* innermost = nullptr;    // null while it is calling Python
  const StackMark* mark = nullptr;  // the innermost

  // Nested runs of JavaScript: changed by the thread whose turn it is.
  std::atomic<int> run_level{0};
  // For the watchdog: the number of a run that it has to look at if it lasts, 0: none.
  std::atomic<unsigned long> watched{0};
  unsigned long last_watched = 0;
  // The watchdog's own.
  struct {
    unsigned long seen = 0;
    double next_look = 0;
    IsolateImpl* previous = nullptr;
    IsolateImpl* next = nullptr;
  } watch;

  // Set before run_level is read to stop it, and read after run_level is lowered: so that no run ends in the middle of
  // being stopped, at the cost of no lock where nobody stops it.
  std::atomic<bool> stop_pending{false};
  std::mutex stop_mutex;
  StopReason stop_reason = StopReason::kNone;
  int stop_level = 0;
  std::atomic<StopReason> last_stop{StopReason::kNone};
  PyObject* pending_exception = nullptr;  // owned; e.g. KeyboardInterrupt on its way out

  std::unordered_map<FunctionKey, std::unique_ptr<PythonFunction>, FunctionKeyHash> functions;
  // Some of `callables`, borrowed, each in the place that its id gives.
  struct KnownCallable {
    long id = 0;
    PyObject* callable = nullptr;
  };
  std::array<KnownCallable, 16> known_callables;
  std::vector<PythonFunction*> dead_functions;
  std::vector<std::unique_ptr<ThrownException>> thrown;
  long next_id = 1;
  long next_context = 1;
  // A creator's, see find_heap_obstacles().
  std::vector<v8::Global<v8::UnboundScript>> scripts;
  // Names of external references that went into a creator's heap.
  PyObject* used_externals = nullptr;  // set of str, owned

 private:
  void start_common();
  void report(ContextImpl& context, v8::Local<v8::Promise> promise, v8::Local<v8::Message> message);
  std::unique_ptr<Context> adopt_context(const std::function<v8::Local<v8::Context>()>& make);

  bool closed_ = false;
  unsigned long fork_generation_ = 0;
  v8::StartupData startup_data_{};
  Slot* slots_ = nullptr;
  std::mutex release_mutex_;
  std::vector<Slot*> released_;
  std::atomic<bool> any_released_{false};
};

// Before this thread enters an isolate, makes or ends one: it leaves the one that it stayed in.
void leave_idle_isolate();

// One visit of this thread to an isolate: lock, entered isolate, handle scope. Made and destroyed with the GIL held.
class Entry {
 public:
  explicit Entry(IsolateImpl& isolate);
  ~Entry();
  Entry(const Entry&) = delete;

 private:
  void enter(unsigned long thread);

  IsolateImpl& isolate_;
  TurnHold turn_;
  bool entered_ = false;
  std::optional<v8::Locker> locker_;
  std::optional<v8::HandleScope> handles_;
};

// ---------------------------------------------------------------- context

class ContextImpl final : public Context {
 public:
  ContextImpl(IsolateImpl& isolate, v8::Local<v8::Context> context);
  ~ContextImpl() override;

  void set_owner(PyObject* owner) override { owner_ = owner; }
  bool closed() const override { return slot_->closed; }
  void close() override;
  PyObject* eval(PyObject* source, PyObject* name, double timeout) override;
  PyObject* globals() override;
  std::unique_ptr<Script> compile(PyObject* source, PyObject* name, PyObject* cached_data, bool eager) override;
  PyObject* run(Script& script, double timeout) override;
  PyObject* import_module(PyObject* source, PyObject* name, PyObject* resolve, double timeout) override;
  PyObject* module_names() override;
  PyObject* to_js(PyObject* object) override;
  PyObject* data(size_t index) override;

  IsolateImpl& isolate() const { return isolate_; }
  PyObject* owner() const { return owner_; }
  // Inside an Entry. Throws kClosed.
  v8::Local<v8::Context> local() const;
  bool is(v8::Local<v8::Context> other) const { return slot_->context_handle == other; }
  // Of no other context of its isolate, now or later.
  long number() const { return number_; }
  // (object, key, value) => { object[key] = value }, in strict mode.
  v8::Local<v8::Function> strict_set();
  // Calls JavaScript that does nothing, so that V8 looks whether it is to stop. It dies of a stop that comes between
  // modules with top-level await.
  void notice_stop();
  // Its ES modules by name, all linked.
  std::map<std::u16string, v8::Global<v8::Module>>& modules() { return slot_->modules; }
  std::map<std::u16string, std::vector<std::u16string>>& imports() { return slot_->imports; }

 private:
  IsolateImpl& isolate_;
  PyObject* owner_ = nullptr;
  Slot* slot_;
  const long number_;
};

// One visit of this thread to a context: its isolate entered, its scope open.
struct Visit {
  explicit Visit(const ContextImpl& context)
      : entry(context.isolate()), context(context.local()), scope(this->context) {}

  Entry entry;
  v8::Local<v8::Context> context;
  v8::Context::Scope scope;
};

class ScriptImpl final : public Script {
 public:
  ScriptImpl(IsolateImpl& isolate, v8::Local<v8::UnboundScript> script, bool rejected);
  ~ScriptImpl() override;

  bool closed() const override { return slot_->closed; }
  bool cache_rejected() const override { return rejected_; }
  PyObject* code_cache() override;

  IsolateImpl& isolate() const { return isolate_; }
  v8::Local<v8::UnboundScript> local() const;

 private:
  IsolateImpl& isolate_;
  Slot* slot_;
  bool rejected_;
};

class ValueImpl final : public Value {
 public:
  // `receiver`: see Value::get(); borrowed, the proxy to come holds it.
  ValueImpl(ContextImpl& context, v8::Local<v8::Value> value, int hash, PyObject* receiver);
  ~ValueImpl() override;

  ValueKind kind() const override { return kind_; }
  bool closed() const override { return slot_->closed; }
  void set_proxy(PyObject* proxy) override;
  PyObject* get(PyObject* key, PyObject* receiver) override;
  void set(PyObject* key, PyObject* value) override;
  bool remove(PyObject* key) override;
  bool has(PyObject* key) override;
  PyObject* keys() override;
  Py_ssize_t length() override;
  PyObject* elements(Py_ssize_t start, Py_ssize_t stop) override;
  void splice(Py_ssize_t start, Py_ssize_t removed, PyObject* values) override;
  PyObject* all_names() override;
  PyObject* iterator() override { return iterator_by(v8::Symbol::GetIterator); }
  PyObject* async_iterator() override { return iterator_by(v8::Symbol::GetAsyncIterator); }
  PyObject* call(Value* receiver, PyObject** arguments, Py_ssize_t count, double timeout) override;
  PyObject* construct(PyObject** arguments, Py_ssize_t count, double timeout) override;
  PyObject* to_py() override;
  PyObject* preview() override;
  PyObject* outline(uint32_t entries, int depth, size_t values) override;
  bool strict_equals(Value& other) override;
  int identity_hash() override;

  IsolateImpl& isolate() const { return context_.isolate(); }
  ContextImpl& context() const { return context_; }
  // Inside an Entry of the same isolate. Throws kClosed.
  v8::Local<v8::Value> local() const;
  // Whether it is that object, as a proxy with that receiver.
  bool is(const ContextImpl& context, v8::Local<v8::Value> value, PyObject* receiver) const;
  PyObject* proxy() const { return proxy_; }

 private:
  v8::Local<v8::Object> object() const;
  v8::Local<v8::Value> property_key(PyObject* key) const;
  PyObject* iterator_by(v8::Local<v8::Symbol> (*symbol)(v8::Isolate*));

  ContextImpl& context_;
  Slot* slot_;
  ValueKind kind_;
  int hash_;
  PyObject* receiver_;
  PyObject* proxy_ = nullptr;
};

// ---------------------------------------------------------------- running

// What becomes of the GIL while JavaScript runs.
enum class Gil {
  kLetGo,  // as soon as another thread of Python's could want it
  kHold    // the run makes Python objects
};

// Around each stretch in which JavaScript may run: nesting, stopping, the watchdog, and the GIL if it is let go.
class RunScope {
 public:
  RunScope(ContextImpl& context, double timeout, Gil gil = Gil::kLetGo);
  ~RunScope();
  RunScope(const RunScope&) = delete;

  // On its own thread, in the middle of its JavaScript, where it still has the GIL.
  void let_go_of_gil();
  void take_gil() { nogil_.reset(); }
  bool has_gil() const { return !nogil_; }

 private:
  IsolateImpl& isolate_;
  ContextImpl* const outer_context_;
  RunScope* const outer_;
  const Gil gil_;
  bool watched_here_ = false;
  Deadline deadline_;
  std::optional<GilRelease> nogil_;
};

// Where on the stack Python code was called in the middle of a visit.
class StackMark {
 public:
  explicit StackMark(IsolateImpl& isolate) : isolate_(isolate), outer_(std::exchange(isolate.mark, this)) {}
  ~StackMark() { isolate_.mark = outer_; }
  StackMark(const StackMark&) = delete;
  // Whether the calling function's frame lies below it: not where a greenlet was switched away from.
  bool is_around() const { return self_ == this && __builtin_frame_address(0) < static_cast<const void*>(this); }

 private:
  const StackMark* self_ = this;  // another greenlet's frames would lie over it
  IsolateImpl& isolate_;
  const StackMark* const outer_;
};

// Around Python code that JavaScript calls.
class PythonScope {
 public:
  explicit PythonScope(IsolateImpl& isolate)
      : isolate_(isolate),
        run_(std::exchange(isolate.innermost, nullptr)),
        gil_(run_ == nullptr),
        had_gil_(run_ == nullptr || run_->has_gil()),
        mark_(isolate) {
    if (!had_gil_) run_->take_gil();
  }
  ~PythonScope() {
    end_forked_child(isolate_);
    isolate_.innermost = run_;
    if (!had_gil_ && !is_only_python_thread()) run_->let_go_of_gil();  // else until the watchdog's next look
  }
  PythonScope(const PythonScope&) = delete;

 private:
  IsolateImpl& isolate_;
  RunScope* const run_;
  const GilHold gil_;
  const bool had_gil_;
  const StackMark mark_;
};

// After a run: throws what JavaScript threw, or why it was stopped; returns where all went well.
void check_run(ContextImpl& context, v8::TryCatch& caught, bool failed);
// Throws what JavaScript threw. `message` may be empty.
[[noreturn]] void throw_thrown(ContextImpl& context, v8::Local<v8::Value> thrown, v8::Local<v8::Message> message);
// After a run that ended by an exception of the engine's or Python's: a stop that was for it is over.
void forget_stop(ContextImpl& context);

// Runs `function() -> Maybe-like` with the GIL released and gives its value, or throws.
// V8 13 dies of an exception where it was entered beyond the end of its stack.
template <class Function>
auto run_js(ContextImpl& context, double timeout, Function&& function) {
  check_native_stack();
  if (context.isolate().short_of_memory) context.isolate().check_limits();
  v8::TryCatch caught(context.isolate().v8);
  auto maybe = [&] {
    RunScope scope(context, timeout);
    return function();
  }();
  check_run(context, caught, maybe.IsEmpty());
  return maybe.ToLocalChecked();
}

// The same for what gives no value, such as V8's queues of JavaScript to run.
template <class Function>
void run_queued_js(ContextImpl& context, Function&& function, double timeout = 0) {
  check_native_stack();
  if (context.isolate().short_of_memory) context.isolate().check_limits();
  v8::TryCatch caught(context.isolate().v8);
  {
    RunScope scope(context, timeout);
    function();
  }
  check_run(context, caught, false);
}

// ---------------------------------------------------------------- conversion

// V8 to Python: primitives and dates by value, all else as a proxy, the same one as long as Python has it. A function
// gets `receiver` as its `this`. New reference.
PyObject* to_python(ContextImpl& context, v8::Local<v8::Value> value, PyObject* receiver = nullptr);
ValueKind kind_of(v8::Local<v8::Value> value);
// False for what stands for a stop, with which V8 10 and 11 reject some promises: see compat::forget_reason().
bool is_value(v8::Local<v8::Value> value);
// As Array.isArray, also of a Proxy of an array; but false where that is revoked. Runs no JavaScript.
bool is_array(v8::Local<v8::Value> value);
// Of such a one. A Proxy's JavaScript may run, inside a RunScope; at most what an array can have.
v8::Maybe<uint32_t> array_length(v8::Local<v8::Context> context, v8::Local<v8::Object> array);
int identity_hash_of(v8::Local<v8::Value> value);  // of an object or symbol
// What was attached to a snapshot; null where there is nothing (any more), or what is no value, such as a template.
PyObject* data_to_python(ContextImpl& context, v8::MaybeLocal<v8::Data> data);
PyObject* string_to_python(v8::Isolate* isolate, v8::Local<v8::String> string);
// A string as UTF-8, with lone surrogates as they are; "" for anything else. The way back is text_to_python().
std::string text_from(v8::Isolate* isolate, v8::Local<v8::Value> value);
// The same, going down into arrays and objects. JavaScript getters may run: inside a RunScope.
PyObject* to_python_deep(ContextImpl& context, v8::Local<v8::Value> value);
// Python to V8, in `context`; containers are copied deeply. Throws Error or PythonError.
v8::Local<v8::Value> from_python(ContextImpl& context, PyObject* object);
v8::Local<v8::String> string_from_python(v8::Isolate* isolate, PyObject* string);
v8::Local<v8::String> literal(v8::Isolate* isolate, const char* text);

// A new ArrayBuffer or typed array with what a Python object with the buffer protocol holds now, or an array of such
// for each of several dimensions.
v8::Local<v8::Value> from_buffer(ContextImpl& context, PyObject* object);
// A buffer of V8's that Python is to have a copy of.
struct HeldBuffer {
  std::unique_ptr<BufferView> view;
  bool is_array;  // a typed array that isn't one of bytes
};
// Runs no JavaScript and doesn't need the GIL. Throws kConversion for one that is detached.
HeldBuffer hold_buffer(const IsolateImpl& isolate, v8::Local<v8::Value> value);
// The bytes of an ArrayBuffer, Uint8Array or DataView as bytes, those of another typed array as array.array.
PyObject* held_buffer_to_python(const HeldBuffer& held);

const ProxyHooks& proxy_hooks();

// Gives Maybe<T> the face of MaybeLocal<T> for run_js.
template <class T>
struct Given {
  v8::Maybe<T> maybe;
  bool IsEmpty() const { return maybe.IsNothing(); }
  T ToLocalChecked() const { return maybe.FromJust(); }
};

// ---------------------------------------------------------------- callbacks

void python_callback(const v8::FunctionCallbackInfo<v8::Value>& info);
// A JavaScript function for a Python callable; in a creator only for a registered one.
v8::Local<v8::Function> function_from_callable(ContextImpl& context, PyObject* callable);
v8::Local<v8::Function> function_of_external(ContextImpl& context, PyObject* name);
// The Python exception behind a JavaScript error, or null.
PyRef exception_behind(IsolateImpl& isolate, v8::Local<v8::Value> error);
// The error that a Python exception is to JavaScript: the same one that it came from, if it did.
v8::Local<v8::Value> error_for_exception(ContextImpl& context, PyObject* exception);

// ---------------------------------------------------------------- creators

// Throws kUnserializable; `paths` is a list of str.
[[noreturn]] void throw_unserializable(const std::string& message, PyRef paths);
PyRef no_paths();
// Before user code runs in a creator's context: what has to be undone by finish_creator_context().
void prepare_creator_context(ContextImpl& context);
// Paths for which finish_creator_context() would throw.
std::vector<std::string> look_at_creator_context(ContextImpl& context);
// Undoes it; throws kUnserializable where what JavaScript did to the context would kill V8 when it is loaded.
void finish_creator_context(ContextImpl& context);
// In a context out of a snapshot: Error.stackTraceLimit is again what it was when the snapshot was made.
void restore_stack_trace_limit(v8::Local<v8::Context> context);

// Where a search for what can't be in a snapshot starts.
struct HeapRoot {
  std::string label;  // what JavaScript paths from it begin with
  int context;        // of the blob: -1 for the default one
  v8::Local<v8::Value> value;
};
struct HeapObstacle {
  std::string path;  // "" where none of the roots leads to it
  std::string what;  // its constructor's name
  int context;       // the root's
};
// Inside a context; they run no JavaScript. Without the GIL. `scripts` are those whose functions are many.
bool has_large_buffers(v8::Isolate* isolate);
std::vector<HeapObstacle> find_heap_obstacles(v8::Isolate* isolate, const std::vector<HeapRoot>& roots,
                                              const std::vector<v8::Local<v8::UnboundScript>>& scripts);

// What leads from one context of the blob into another: V8 writes that one's built-ins a second time and forgets to
// bring the copy to life, and dies when it writes an ArrayBuffer's memory again. The first root of each context is its
// global object.
std::vector<HeapObstacle> find_foreign_objects(v8::Isolate* isolate, const std::vector<HeapRoot>& roots,
                                               const std::vector<v8::Local<v8::UnboundScript>>& scripts);
// What stands for a constructor's name in obstacles that are none of the object's own.
constexpr const char* kFrozen = "[[frozen]]";
constexpr const char* kForeign = "[[foreign]]";
constexpr const char* kShared = "[[shared]]";

void deserialize_internal_field(v8::Local<v8::Object> holder, int index, v8::StartupData payload, void* data);
v8::StartupData serialize_internal_field(v8::Local<v8::Object> holder, int index, void* data);

}  // namespace v8snap
