// V8's SnapshotCreator: what goes into a blob, and the order in which V8 wants it.
#include "v8snap/snapshot_creator.hpp"

#include <cstring>

#include "internal.hpp"

namespace v8snap {

namespace {

// Where V8's blobs say in 32 bits whether their hash tables are made anew when they are loaded. No checksum covers it.
constexpr size_t kRehashingMark = 4;

constexpr size_t kMostHeapBytes = size_t{1} << 30;  // far below what V8's int and its growing buffer can hold

std::string words_for(const std::string& what) {
  if (what == kForeign) return "an object of another context";
  if (what == kShared) return "an ArrayBuffer that is in two of its contexts";
  if (what == "ArrayBuffer") return "an ArrayBuffer that is or may grow too large";
  return "the native half of an Intl object (" + what + ")";
}

[[noreturn]] void throw_obstacles(std::vector<HeapObstacle> found) {
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  constexpr size_t kMostShown = 10;
  std::string message = "the heap holds what no snapshot can";
  if (found.empty()) message += ": something native that V8 keeps alive, and that nothing leads to";
  PyRef paths = no_paths();
  for (size_t i = 0; i < found.size(); ++i) {
    const HeapObstacle& each = found[i];
    if (i < kMostShown) {
      message += (i == 0 ? ": " : "; ") + words_for(each.what) + " at " +
                 (each.path.empty() ? "no path from the contexts" : each.path);
    }
    if (!each.path.empty()) checked(PyList_Append(paths.get(), checked(text_to_python(each.path)).get()));
  }
  if (found.size() > kMostShown) message += "; and " + std::to_string(found.size() - kMostShown) + " more";
  throw_unserializable(message, std::move(paths));
}

class SnapshotCreatorImpl final : public SnapshotCreator {
 public:
  SnapshotCreatorImpl(IsolateImpl& isolate, const IsolateOptions& options, size_t base_contexts)
      : isolate_(isolate), parts_(std::make_unique<CreatorParts>()) {
    parts_->added.resize(base_contexts);
    isolate.start_as_creator(options);
  }

  ~SnapshotCreatorImpl() override {
    if (isolate_.closed()) return;
    if (isolate_.forked()) {
      (void)parts_.release();  // never destroyed: V8's memory is not there
    } else if (isolate_.depth > 0) {
      isolate_.orphaned = std::move(parts_);
    } else {
      end();
    }
  }

  void set_default_context(Context& context) override {
    Entry entry(isolate_);
    v8::Local<v8::Context> local = own(context);
    if (!parts_->standard.IsEmpty()) throw Error(ErrorCode::kSnapshot, "the default context is set already");
    note_part(local);
    parts_->standard.Reset(isolate_.v8, local);
  }

  size_t add_context(Context& context) override {
    Entry entry(isolate_);
    note_part(own(context));
    parts_->added.emplace_back(isolate_.v8, own(context));
    return parts_->added.size() - 1;
  }

  std::unique_ptr<Context> base_context(size_t index) override {
    auto context = isolate_.context_from_snapshot(index);
    Entry entry(isolate_);
    parts_->added.at(index).Reset(isolate_.v8, static_cast<ContextImpl&>(*context).local());
    return context;
  }

  size_t add_data(Context* context, Context& maker, PyObject* value) override {
    Entry entry(isolate_);
    v8::Local<v8::Context> local = own(maker);
    v8::Context::Scope scope(local);
    CreatorParts::Datum datum;
    if (context != nullptr) datum.context.Reset(isolate_.v8, own(*context));
    datum.value.Reset(isolate_.v8, from_python(static_cast<ContextImpl&>(maker), value));
    size_t index = 0;
    for (const CreatorParts::Datum& each : parts_->data) index += each.context == datum.context ? 1 : 0;
    parts_->data.push_back(std::move(datum));
    return index;
  }

  PyObject* external(Context& context, PyObject* name) override {
    Entry entry(isolate_);
    v8::Context::Scope scope(own(context));
    auto& impl = static_cast<ContextImpl&>(context);
    return to_python(impl, function_of_external(impl, name));
  }

  PyObject* check() override {
    Entry entry(isolate_);
    std::unique_ptr<Context> anchor;  // V8 wants to be in a context
    if (parts_->standard.IsEmpty()) anchor = isolate_.new_context();
    v8::Local<v8::Context> local =
        anchor ? static_cast<ContextImpl&>(*anchor).local() : parts_->standard.Get(isolate_.v8);
    v8::Context::Scope scope(local);
    std::vector<HeapObstacle> found = frozen_builtins();
    std::vector<HeapRoot> roots = heap_roots();
    for (v8::Local<v8::Context> open : isolate_.open_contexts()) roots.push_back({"globalThis", -1, open->Global()});
    v8::HeapStatistics statistics;
    {
      GilRelease nogil;
      isolate_.v8->LowMemoryNotification();
      isolate_.v8->GetHeapStatistics(&statistics);
      for (HeapObstacle& each : find_heap_obstacles(isolate_.v8, roots, scripts())) found.push_back(std::move(each));
      if (isolate_.contexts_mixed) {
        compat::settle_buffers(isolate_.v8, false);
        for (HeapObstacle& each : find_foreign_objects(isolate_.v8, heap_roots(), scripts()))
          found.push_back(std::move(each));
      }
    }
    if (statistics.used_heap_size() + statistics.external_memory() > kMostHeapBytes) found.push_back({"", "", -1});
    PyRef list = checked(PyList_New(0));
    for (const HeapObstacle& each : found) {
      if (each.path.empty() && !each.what.empty()) continue;  // goes before a blob is made
      PyRef item = checked(Py_BuildValue("(OOi)", checked(text_to_python(each.path)).get(),
                                         checked(text_to_python(each.what)).get(), each.context));
      checked(PyList_Append(list.get(), item.get()));
    }
    return list.release();
  }

  PyObject* used_externals() override { return Py_NewRef(used_externals_.get()); }

  PyObject* create_blob(bool keep_function_code, bool rehash) override {
    {
      Entry entry(isolate_);
    }  // usable, and on its thread
    if (isolate_.depth > 0) {
      throw Error(ErrorCode::kSnapshot, "no blob can be made while JavaScript of its isolate is running");
    }
    try {
      settle();
      used_externals_ = checked(PySequence_List(isolate_.used_externals));
      PyRef blob = serialize(keep_function_code);
      if (!rehash) std::memset(PyBytes_AS_STRING(blob.get()) + kRehashingMark, 0, sizeof(uint32_t));
      end();
      return blob.release();
    } catch (...) {
      end();
      throw;
    }
  }

  PyObject* isolate_data_places() override {
    PyRef list = checked(PyList_New(0));
    for (const auto& [place, index] : places_) {
      PyRef item = checked(Py_BuildValue("[in]", place, static_cast<Py_ssize_t>(index)));
      checked(PyList_Append(list.get(), item.get()));
    }
    return list.release();
  }

  void discard() override {
    if (isolate_.closed()) return;
    if (isolate_.depth > 0) {
      throw Error(ErrorCode::kSnapshot, "a snapshot creator can't end while JavaScript of its isolate is running");
    }
    if (!isolate_.forked()) end();
  }

 private:
  v8::Local<v8::Context> own(Context& context) const {
    auto& impl = static_cast<ContextImpl&>(context);
    if (&impl.isolate() != &isolate_) {
      throw Error(ErrorCode::kWrongIsolate, "this context belongs to another isolate than the creator's");
    }
    return impl.local();
  }

  // One context may be in the blob more than once.
  void note_part(v8::Local<v8::Context> local) const {
    bool again = parts_->standard == local;
    for (const auto& each : parts_->added) again = again || each == local;
    if (again) isolate_.contexts_mixed = true;
  }

  // Every context that goes into the blob is there; nothing of it is left to run; what only the build needed is gone.
  void settle() {
    Entry entry(isolate_);
    if (parts_->standard.IsEmpty()) set_default_context(*isolate_.new_context());
    for (size_t i = 0; i < parts_->added.size(); ++i) {
      if (parts_->added[i].IsEmpty()) (void)base_context(i);
    }
    check_data_contexts();
    {
      ContextImpl anchor(isolate_, parts_->standard.Get(isolate_.v8));
      (void)run_what_waits(anchor);  // while Python's values are still there for it
    }
    check_modules();
    quiesce();
    finish_contexts();
    // Nothing may run after that: what it makes of the built-ins was looked at.
    isolate_.reset_handles();
    ContextImpl anchor(isolate_, parts_->standard.Get(isolate_.v8));
    if (run_what_waits(anchor) != 0) throw_restless();
  }

  // In a blob V8 doesn't keep what continues a module.
  void check_modules() const {
    for (const auto& [context, promise] : isolate_.unsettled_modules) {
      if (promise.Get(isolate_.v8)->State() == v8::Promise::kPending) {
        throw Error(ErrorCode::kSnapshot, "a module that was imported by import() still waits at its top level");
      }
    }
  }

  void finish_contexts() {
    ContextImpl standard(isolate_, parts_->standard.Get(isolate_.v8));
    finish_creator_context(standard);
    for (const auto& each : parts_->added) {
      if (each == parts_->standard) continue;
      ContextImpl added(isolate_, each.Get(isolate_.v8));
      finish_creator_context(added);
    }
  }

  void check_data_contexts() const {
    for (const CreatorParts::Datum& datum : parts_->data) {
      bool found = datum.context.IsEmpty() || datum.context == parts_->standard;
      for (const auto& each : parts_->added) found = found || datum.context == each;
      if (!found) {
        throw Error(ErrorCode::kSnapshot,
                    "data was added for a context that is neither the default one nor an added one");
      }
    }
  }

  // Microtasks that are left would be lost, and a FinalizationRegistry with work to do kills V8. What Python held may
  // be its targets.
  void quiesce() {
    constexpr int kLeastRounds = 20;
    constexpr double kSeconds = 2;
    const double end = steady_seconds() + kSeconds;
    for (int round = 0; round < kLeastRounds || steady_seconds() < end; ++round) {
      isolate_.reset_handles();
      ContextImpl anchor(isolate_, parts_->standard.Get(isolate_.v8));
      if (run_what_waits(anchor) == 0) return;
    }
    throw_restless();
  }

  // How many functions of JavaScript were called by finalizers.
  int run_what_waits(ContextImpl& anchor) {
    v8::Context::Scope scope(anchor.local());
    run_queued_js(anchor, [this] {
      isolate_.v8->PerformMicrotaskCheckpoint();
      isolate_.v8->ClearKeptObjects();
    });
    {
      GilRelease nogil;
      isolate_.v8->LowMemoryNotification();
    }
    int calls = 0;
    run_queued_js(anchor, [this, &calls] {
      calls = isolate_.run_tasks();
      if (isolate_.stop_reason == StopReason::kNone) isolate_.v8->PerformMicrotaskCheckpoint();
    });
    return calls;
  }

  [[noreturn]] static void throw_restless() {
    throw_unserializable(
        "a FinalizationRegistry doesn't come to rest: each collection of garbage makes it call its function again",
        no_paths());
  }

  PyRef serialize(bool keep) {
    isolate_.reset_handles();
    v8::StartupData blob{};
    Refusal refusal;
    leave_idle_isolate();
    {
      GilRelease nogil;
      v8::Isolate::Scope scope(isolate_.v8);
      refusal = hand_over(&keep);
      if (refusal.why == Why::kNone) {
        isolate_.stop_listening();
        blob = (*isolate_.creator)
                   ->CreateBlob(keep ? v8::SnapshotCreator::FunctionCodeHandling::kKeep
                                     : v8::SnapshotCreator::FunctionCodeHandling::kClear);
      }
    }
    if (refusal.why == Why::kTooLarge) {
      throw_unserializable("the heap is too large for a snapshot: more than 1 GiB", no_paths());
    }
    if (refusal.why == Why::kRestless) throw_restless();
    if (refusal.why == Why::kObstacles) throw_obstacles(refusal.found);
    std::unique_ptr<const char[]> owned(blob.data);
    if (blob.data == nullptr) throw Error(ErrorCode::kSnapshot, "V8 made no blob");
    return isolate_.texts->join(blob);
  }

  // What V8 would die of.
  enum class Why { kNone, kObstacles, kTooLarge, kRestless };
  struct Refusal {
    Why why = Why::kNone;
    std::vector<HeapObstacle> found;
  };
  // CreatorParts::Datum on its way to V8.
  struct Datum {
    v8::Local<v8::Context> context;
    v8::Local<v8::Value> value;
    int home;
  };

  // Gives V8 contexts and data, each once, when no handle of ours is left: V8 dies of any. Where it refuses, V8's
  // creator has got nothing. `keep` becomes true where dropping functions' code would be wrong.
  Refusal hand_over(bool* keep) {
    v8::HandleScope handles(isolate_.v8);
    v8::Local<v8::Context> standard = parts_->standard.Get(isolate_.v8);
    v8::Context::Scope scope(standard);
    const std::vector<HeapRoot> roots = heap_roots();
    const std::vector<v8::Local<v8::UnboundScript>> sources = scripts();
    std::vector<v8::Local<v8::Context>> added;
    std::vector<Datum> data;
    for (const auto& each : parts_->added) added.push_back(each.Get(isolate_.v8));
    for (const CreatorParts::Datum& each : parts_->data)
      data.push_back({each.context.Get(isolate_.v8), each.value.Get(isolate_.v8), home_of(each)});
    reset();
    isolate_.v8->LowMemoryNotification();
    if (isolate_.run_tasks() != 0) return {Why::kRestless, {}};
    v8::HeapStatistics statistics;
    isolate_.v8->GetHeapStatistics(&statistics);
    if (statistics.used_heap_size() + statistics.external_memory() > kMostHeapBytes) return {Why::kTooLarge, {}};
    if (statistics.used_global_handles_size() != 0 || has_large_buffers(isolate_.v8)) {
      return {Why::kObstacles, find_heap_obstacles(isolate_.v8, roots, sources)};
    }
    compat::settle_buffers(isolate_.v8, true);
    if (isolate_.contexts_mixed) {
      std::vector<HeapObstacle> foreign = find_foreign_objects(isolate_.v8, roots, sources);
      if (!foreign.empty()) return {Why::kObstacles, std::move(foreign)};
    }
    *keep = *keep || compat::needs_function_code(isolate_.v8);
    auto& creator = *isolate_.creator;
    creator->SetDefaultContext(standard, {serialize_internal_field, nullptr});
    for (const auto& each : added) creator->AddContext(each, {serialize_internal_field, nullptr});
    add_data(data, standard, added);
    return {};
  }

  // The isolate's after that of the contexts, for objects go with one of those: with the isolate, V8 would write the
  // whole context a second time, and dies at load where there is an ArrayBuffer in it.
  void add_data(const std::vector<Datum>& data, v8::Local<v8::Context> standard,
                const std::vector<v8::Local<v8::Context>>& added) {
    auto& creator = *isolate_.creator;
    for (const Datum& each : data) {
      if (!each.context.IsEmpty()) creator->AddData(each.context, each.value);
    }
    for (const Datum& each : data) {
      if (!each.context.IsEmpty()) continue;
      if (!each.value->IsObject()) {
        places_.emplace_back(kIsolatePlace, creator->AddData(each.value));
        continue;
      }
      const auto home = each.home == kStandardPlace ? standard : added[static_cast<size_t>(each.home)];
      places_.emplace_back(each.home, creator->AddData(home, each.value));
    }
    if (compat::kReadOnlyHeapsCanBeAlike) creator->AddData(read_only_strings());
  }

  // Data of no use but that V8 writes it before the contexts; whoever fetches it finds that it is no value.
  v8::Local<v8::PrimitiveArray> read_only_strings() const {
    auto strings = v8::PrimitiveArray::New(isolate_.v8, static_cast<int>(std::size(compat::kReadOnlyStrings)));
    int i = 0;
    for (const char* text : compat::kReadOnlyStrings) {
      strings->Set(isolate_.v8, i++,
                   v8::String::NewFromUtf8(isolate_.v8, text, v8::NewStringType::kInternalized).ToLocalChecked());
    }
    return strings;
  }

  // The place of the context that a value goes with: where an object of the isolate's data was made, if that is in
  // the blob.
  int home_of(const CreatorParts::Datum& datum) const {
    v8::Local<v8::Context> home = datum.context.Get(isolate_.v8);
    const v8::Local<v8::Value> value = datum.value.Get(isolate_.v8);
    if (home.IsEmpty() && value->IsObject()) home = value.As<v8::Object>()->GetCreationContext().FromMaybe(home);
    if (home.IsEmpty() || parts_->standard == home) return kStandardPlace;
    const auto found = std::find(parts_->added.begin(), parts_->added.end(), home);
    return found == parts_->added.end() ? kStandardPlace : static_cast<int>(found - parts_->added.begin());
  }

  // What finish_creator_context() would refuse, in every open context.
  std::vector<HeapObstacle> frozen_builtins() {
    std::vector<HeapObstacle> found;
    const auto look = [&](v8::Local<v8::Context> local, int index) {
      ContextImpl context(isolate_, local);
      for (std::string& path : look_at_creator_context(context)) found.push_back({std::move(path), kFrozen, index});
    };
    std::vector<v8::Local<v8::Context>> rest = isolate_.open_contexts();
    const auto look_at_part = [&](const v8::Global<v8::Context>& part, int index) {
      if (part.IsEmpty()) return;
      const v8::Local<v8::Context> local = part.Get(isolate_.v8);
      rest.erase(std::remove(rest.begin(), rest.end(), local), rest.end());
      look(local, index);
    };
    look_at_part(parts_->standard, -1);
    for (size_t i = 0; i < parts_->added.size(); ++i) look_at_part(parts_->added[i], static_cast<int>(i));
    for (v8::Local<v8::Context> local : rest) look(local, -1);
    return found;
  }

  std::vector<v8::Local<v8::UnboundScript>> scripts() const {
    std::vector<v8::Local<v8::UnboundScript>> found;
    for (const auto& script : isolate_.scripts) found.push_back(script.Get(isolate_.v8));
    return found;
  }

  std::vector<HeapRoot> heap_roots() const {
    std::vector<HeapRoot> roots;
    const auto add_global = [&](const v8::Global<v8::Context>& context, int index) {
      if (!context.IsEmpty()) roots.push_back({"globalThis", index, context.Get(isolate_.v8)->Global()});
    };
    add_global(parts_->standard, -1);
    for (size_t i = 0; i < parts_->added.size(); ++i) add_global(parts_->added[i], static_cast<int>(i));
    for (const CreatorParts::Datum& each : parts_->data) {
      roots.push_back({"[[data]]", home_of(each), each.value.Get(isolate_.v8)});
    }
    return roots;
  }

  void reset() {
    parts_->standard.Reset();
    parts_->added.clear();
    parts_->data.clear();
    isolate_.scripts.clear();
  }

  void end() noexcept {
    isolate_.reset_handles();
    reset();
    isolate_.dispose();
  }

  static constexpr int kIsolatePlace = -2;
  static constexpr int kStandardPlace = -1;

  IsolateImpl& isolate_;
  std::unique_ptr<CreatorParts> parts_;
  PyRef used_externals_;
  std::vector<std::pair<int, size_t>> places_;  // of the isolate's data, and V8's index there
};

}  // namespace

// Nothing of v8snap's is in internal fields, and what V8 itself keeps there needs no help.
void deserialize_internal_field(v8::Local<v8::Object>, int, v8::StartupData, void*) {}
v8::StartupData serialize_internal_field(v8::Local<v8::Object>, int, void*) { return {nullptr, 0}; }

std::unique_ptr<SnapshotCreator> create_snapshot_creator(Isolate& isolate, const IsolateOptions& options,
                                                         size_t base_contexts) {
  auto& impl = static_cast<IsolateImpl&>(isolate);
  if (!impl.allocated || impl.closed()) {
    throw Error(impl.closed() ? ErrorCode::kClosed : ErrorCode::kSnapshot,
                "a snapshot creator takes an isolate made by Isolate.allocate() and used by nobody yet");
  }
  return std::make_unique<SnapshotCreatorImpl>(impl, options, base_contexts);
}

}  // namespace v8snap
