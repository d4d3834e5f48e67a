// An isolate: a JavaScript engine with a heap of its own.
#pragma once

#include <Python.h>

#include <memory>
#include <string>
#include <vector>

#include "v8snap/context.hpp"

namespace v8snap {

// The text of a script that is in a blob beside V8's heap.
struct SourceText {
  const char* data = nullptr;
  size_t size = 0;        // bytes; 0: nothing refers to it
  bool two_byte = false;  // UTF-16 as this machine has it, or Latin-1
};

// Everything an isolate starts from. Pointers are borrowed and must outlive the isolate, not just the call.
struct IsolateOptions {
  const char* blob = nullptr;  // V8's raw blob, already checked; null: V8's own
  size_t blob_size = 0;
  std::vector<SourceText> texts;  // of the blob, in the order in which V8 refers to them
  bool blob_rehashable = true;
  std::string heap_identity;          // equal for blobs whose read-only heaps are known to be the same
  size_t heap_limit = 0;              // bytes; 0: V8's default
  PyObject* callables = nullptr;      // dict id -> callable: Python functions that JavaScript holds
  std::string prelude;                // creators: a script, UTF-8, for each new context; see SnapshotCreator
  PyObject* late_builtins = nullptr;  // creators: set of names that V8 adds only when the snapshot is loaded
  PyObject* externals = nullptr;      // dict name -> callable or None: the external references
  PyObject* on_rejection = nullptr;   // callable(context, exception): is told of promises that nobody handles
};

// Any thread may use a plain isolate: one at a time, the others wait with the GIL released.
// A creator's isolate belongs to the thread that made the creator.
class Isolate {
 public:
  virtual ~Isolate() = default;

  virtual bool closed() const = 0;
  // Idempotent; closes contexts, values and scripts first. Throws where the isolate is running JavaScript on this
  // thread or belongs to a snapshot creator.
  virtual void close() = 0;
  // Never throws and never waits: what the garbage collector and interpreter exit use. An isolate that another
  // thread is using, or that came through a fork, is left alone.
  virtual void abandon() noexcept = 0;

  // The default context of the blob, or V8's own.
  virtual std::unique_ptr<Context> new_context() = 0;
  // An added context by V8's index; kNotInSnapshot where the blob has none such.
  virtual std::unique_ptr<Context> context_from_snapshot(size_t index) = 0;
  // Isolate data of the blob, fetched in `context`; null without an error where there is none (any more).
  virtual PyObject* data(Context& context, size_t index) = 0;
  // V8's figures by V8's names: a dict, and a list of dicts.
  virtual PyObject* heap_statistics() = 0;
  virtual PyObject* heap_space_statistics() = 0;
  // Everything in the heap as V8's .heapsnapshot, in pieces of bytes to the callable `write`. What that raises ends it
  // and comes out.
  virtual void write_heap_snapshot(PyObject* write) = 0;
  // Runs what V8 queued for this isolate (the end of asynchronous WebAssembly compilation, finalizers) and microtasks,
  // in an open context; nothing runs where there is none. `timeout` in seconds is for the JavaScript that this runs.
  // Whether V8 is still at work in the background and will queue more.
  virtual bool run_pending_tasks(double timeout) = 0;
  // From now on errors know the scripts of all their frames, for source maps. Costs time at each error.
  virtual void capture_frames() = 0;
  // Finalizers run in an open context; they wait where there is none.
  virtual void low_memory_notification() = 0;
  virtual bool has_open_context() = 0;
  // Stops the JavaScript that is running, from any thread. Nothing happens where none runs.
  virtual void terminate() = 0;
  // The same only where the thread of that thread_number() runs it.
  virtual void terminate_thread(unsigned long number) = 0;
  // What stopped JavaScript in it last: "terminated", "timeout", "memory", "interrupted"; null: nothing ever did.
  virtual const char* stopped_by() const = 0;
  // Whether a thread is using it.
  virtual bool busy() const = 0;
  // Tells of every rejected promise that is not handled by now.
  virtual void report_rejections() = 0;
  // Seconds for each outermost run of JavaScript that has no timeout of its own; 0: none.
  virtual void set_timeout(double seconds) = 0;
};

// Starts V8 if need be. Throws kForked, kSnapshotConflict, kMemory.
std::unique_ptr<Isolate> create_isolate(const IsolateOptions& options);

// An isolate for a snapshot creator, which gives it its heap. V8 can't dispose of an isolate that never got one, so
// nothing of V8's exists before that.
std::unique_ptr<Isolate> allocate_isolate();

}  // namespace v8snap
