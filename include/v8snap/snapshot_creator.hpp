// V8's SnapshotCreator: an isolate whose heap becomes a blob.
#pragma once

#include <Python.h>

#include <memory>
#include <string>

#include "v8snap/isolate.hpp"

namespace v8snap {

// All methods belong to the thread that made it (kWrongThread) and need the GIL. The isolate must outlive it.
// The destructor may run on any thread; without a blob made, it destroys V8's creator and isolate in V8's order.
class SnapshotCreator {
 public:
  virtual ~SnapshotCreator() = default;

  // Once; `context` stays usable until the blob is made.
  virtual void set_default_context(Context& context) = 0;
  // Its 0-based index in the blob.
  virtual size_t add_context(Context& context) = 0;
  // An added context of the base blob, which stands at `index` in the new one as well.
  virtual std::unique_ptr<Context> base_context(size_t index) = 0;
  // Index within the isolate's data (`context` null) or that context's. Python data is converted in `maker`.
  virtual size_t add_data(Context* context, Context& maker, PyObject* value) = 0;
  // The JavaScript function of a registered name, in `context`.
  virtual PyObject* external(Context& context, PyObject* name) = 0;

  // What V8 would die of in create_blob(), found without running JavaScript: a list of (path, what, context) with the
  // index of the added context or -1.
  virtual PyObject* check() = 0;

  // Consumes: whatever happens, creator, isolate, contexts and values are closed after it. The blob as bytes.
  // kSnapshot while JavaScript runs (nothing is consumed then); kUnserializable where V8 would die of the heap. Without
  // `rehash` the blob says that it can't be rehashed: it keeps this heap's hash seed.
  virtual PyObject* create_blob(bool keep_function_code, bool rehash) = 0;
  // After that: names of the external references that functions were made of, a list of str.
  virtual PyObject* used_externals() = 0;
  // And where each value of the isolate's data is in the blob, a list of [place, V8's index there]. The place
  // is an added context's index, -1 for the default one, -2 for the isolate.
  virtual PyObject* isolate_data_places() = 0;
  // Ends it without a blob. Idempotent.
  virtual void discard() = 0;
};

// options.prelude is run first in each context that has not got it from options.blob, and gives the functions that
// undo, last, what only the build needed: see `prepare` in gap.js. Makes `isolate` (from allocate_isolate) the
// creator's. `base_contexts` is the number of added contexts in options.blob, all of which are carried over.
std::unique_ptr<SnapshotCreator> create_snapshot_creator(Isolate& isolate, const IsolateOptions& options,
                                                         size_t base_contexts);

}  // namespace v8snap
