// Isolates: start, lock, handles, end.
#include "v8snap/isolate.hpp"

#include <cstring>

#include "internal.hpp"
#include "module.hpp"
#include "thread_data.hpp"

namespace v8snap {

namespace {

// V8 asks for more heap before it would die: it gets what one built-in function, which can't be interrupted, may still
// want (an array at its longest takes 1 GiB, and is copied as it grows), and JavaScript is stopped after that.
constexpr size_t kHeadroom = size_t{4} << 30;

// Of an isolate without a limit; V8's own default depends on the machine.
constexpr size_t kDefaultHeap = size_t{1} << 30;

// The same. V8 ends the process where an array would grow beyond 134,217,725 elements: one that grows by half each time
// has more than this when it has grown for the last time but one, by more than this, and it is looked at after the
// collection that comes with it.
constexpr size_t kMuchInLargeObjects = size_t{448} << 20;
constexpr size_t kMuchGrowth = size_t{128} << 20;

// That scripts may bring into a creator; the texts of further ones go into V8's heap.
constexpr size_t kMostNewTexts = 1024;

// Of a stack trace.
constexpr int kMostFrames = 50;

size_t near_heap_limit(void* data, size_t current, size_t initial) {
  auto* self = static_cast<IsolateImpl*>(data);
  self->stop_for_memory();
  return std::max(current, initial + kHeadroom);
}

// Bytes of arrays and strings too long for the rest of the heap.
size_t large_objects(v8::Isolate* isolate) {
  for (size_t i = 0; i < isolate->NumberOfHeapSpaces(); ++i) {
    v8::HeapSpaceStatistics space;
    if (isolate->GetHeapSpaceStatistics(&space, i) && std::strcmp(space.space_name(), "large_object_space") == 0) {
      return space.space_used_size();
    }
  }
  return 0;
}

// V8's own limit counts no buffers, is raised when it is reached, and is unknown to creators of older versions: so the
// heap is looked at after each collection too.
bool within_heap_limit(const IsolateImpl& self) {
  if (self.options.heap_limit == 0) return true;
  v8::HeapStatistics statistics;
  self.v8->GetHeapStatistics(&statistics);
  // Texts of a blob are not the isolate's own memory.
  const size_t borrowed = self.texts ? self.texts->borrowed_bytes() : 0;
  return statistics.used_heap_size() + statistics.external_memory() <= self.options.heap_limit + borrowed;
}

void look_for_growing_arrays(v8::Isolate* isolate, void* data) {
  auto* self = static_cast<IsolateImpl*>(data);
  const size_t now = large_objects(isolate);
  const size_t before = std::exchange(self->large_objects, now);
  if (now <= kMuchInLargeObjects || now <= before + kMuchGrowth) return;
  self->stop_for_memory();
}

void heap_check(v8::Isolate* isolate, v8::GCType, v8::GCCallbackFlags, void* data) {
  auto* self = static_cast<IsolateImpl*>(data);
  // Not before JavaScript goes on: V8's spaces aren't in order yet.
  if (self->options.heap_limit == 0 && self->run_level > 0) {
    isolate->RequestInterrupt(look_for_growing_arrays, self);
  }
  const bool enough = self->look_at_limits();
  if (enough && within_heap_limit(*self)) return;
  self->stop_for_memory();
}

// What nobody can catch, such as a finalizer's exception, goes where Python's own of that kind go, and V8's warnings of
// old ways to write things go nowhere; V8 would write all to standard output. Without the GIL.
void report_message(v8::Local<v8::Message> message, v8::Local<v8::Value>) {
  if (message->ErrorLevel() != v8::Isolate::kMessageError) return;
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  const int line = message->GetLineNumber(isolate->GetCurrentContext()).FromMaybe(0);
  GilHold gil;
  try {
    const std::string place = text_from(isolate, message->GetScriptResourceName()) + ":" + std::to_string(line);
    throw Error(ErrorCode::kJs, text_from(isolate, message->Get()) + " (" + place + ")");
  } catch (...) {
    raise_python_error();
  }
  PyErr_WriteUnraisable(nullptr);
}

}  // namespace

IsolateImpl::~IsolateImpl() {
  abandon();
  if (v8 == nullptr) return;
  (void)texts.release();  // V8's part lives on
  if (!forked()) return;
  // In a forked child V8's memory is not there: what would touch it is never destroyed.
  (void)creator.release();
  new auto(std::move(functions));
  new auto(std::move(thrown));
  new auto(std::move(evaluations));
  new auto(std::move(unsettled_modules));
}

// ---------------------------------------------------------------- start and end

std::unique_ptr<Isolate> create_isolate(const IsolateOptions& options) {
  auto isolate = std::make_unique<IsolateImpl>();
  isolate->start(options);
  return isolate;
}

std::unique_ptr<Isolate> allocate_isolate() {
  auto isolate = std::make_unique<IsolateImpl>();
  isolate->allocated = true;
  return isolate;
}

void IsolateImpl::start(const IsolateOptions& wanted) {
  check_address_space();
  start_v8();
  watchdog_start();
  leave_idle_isolate();
  options = wanted;
  HeapRegistry::add(options);
  fork_generation_ = v8snap::fork_generation();
  startup_data_ = {options.blob, static_cast<int>(options.blob_size)};
  allocator = std::make_shared<BufferAllocator>(options.heap_limit);
  v8::Isolate::CreateParams params;
  params.array_buffer_allocator_shared = allocator;  // views of Python's may outlive the isolate
  if (!options.texts.empty()) texts = std::make_unique<SourceTexts>(options.texts, 0);
  params.external_references = texts ? texts->references() : external_reference_table();
  if (options.blob != nullptr) params.snapshot_blob = &startup_data_;
  params.constraints.ConfigureDefaultsFromHeapSize(0, options.heap_limit > 0 ? options.heap_limit : kDefaultHeap);
  {
    GilRelease nogil;
    v8 = v8::Isolate::New(params);
  }
  start_common();
}

void IsolateImpl::start_as_creator(const IsolateOptions& wanted) {
  check_address_space();
  start_v8();
  watchdog_start();
  leave_idle_isolate();
  options = wanted;
  HeapRegistry::add(options);
  fork_generation_ = v8snap::fork_generation();
  allocated = false;
  is_creator = true;
  creator_thread = thread_number();
  startup_data_ = {options.blob, static_cast<int>(options.blob_size)};
  allocator = std::make_shared<BufferAllocator>(options.heap_limit);
  v8::Isolate::CreateParams params;
  params.array_buffer_allocator_shared = allocator;  // views of Python's may outlive the isolate
  texts = std::make_unique<SourceTexts>(options.texts, kMostNewTexts);
  params.external_references = texts->references();
  if (options.blob != nullptr) params.snapshot_blob = &startup_data_;
  {
    GilRelease nogil;
    v8 = v8::Isolate::Allocate();
    creator = std::make_unique<compat::Creator>(v8, params);
  }
  // A creator's errors have no `stack`: the trace comes from V8's message.
  v8->SetCaptureStackTraceForUncaughtExceptions(true, kMostFrames, v8::StackTrace::kDetailed);
  // Dates keep their local hours under the number of V8's time zone setting: none of a creator's is a later isolate's,
  // which may be elsewhere.
  for (int i = options.blob == nullptr ? 1 : 2; i > 0; --i) v8->DateTimeConfigurationChangeNotification();
  start_common();
  count_live(LiveKind::kCreator, 1);
}

void IsolateImpl::start_common() {
  v8->SetData(0, this);
  v8->SetHostInitializeImportMetaObjectCallback(set_import_meta);
  v8->SetHostImportModuleDynamicallyCallback(import_dynamically);
  v8->SetPromiseRejectCallback(note_rejection);
  // Without a limit of ours as well: V8 would end the process at its own.
  v8->AddNearHeapLimitCallback(near_heap_limit, this);
  v8->AutomaticallyRestoreInitialHeapLimit();
  v8->AddGCEpilogueCallback(heap_check, this);
  v8->AddMessageListenerWithErrorLevel(report_message, v8::Isolate::kMessageAll);
  used_externals = PySet_New(nullptr);
  home = thread_number();
  watchdog_add(this);
  count_live(LiveKind::kIsolate, 1);
}

void IsolateImpl::stop_listening() { v8->RemoveMessageListeners(report_message); }

void IsolateImpl::stop_for_memory() {
  over_heap_limit = true;
  request_stop(StopReason::kMemory, 1);
}

void IsolateImpl::reset_handles() {
  close_slots(nullptr);
  functions.clear();
  rejections.clear();
  rejections_by_hash.clear();
  imports.clear();
  unsettled_modules.clear();
  evaluations.clear();
  for (auto& each : thrown) each->error.Reset();
}

void IsolateImpl::dispose() noexcept {
  closed_ = true;
  scripts.clear();
  source_maps.clear();
  watchdog_remove(this);
  leave_idle_isolate();
  forget_thread_data(v8);
  {
    GilRelease nogil;
    // Or tasks that are left would be those of the next isolate at this address.
    v8::platform::NotifyIsolateShutdown(v8_platform(), v8);
    if (is_creator) {
      creator.reset();
    } else {
      v8->Dispose();
    }
  }
  v8 = nullptr;
  texts.reset();
  {
    std::lock_guard<std::mutex> lock(release_mutex_);
    for (Slot* slot : released_) delete slot;
    released_.clear();
  }
  HeapRegistry::remove(options);
  count_live(LiveKind::kIsolate, -1);
  if (is_creator) count_live(LiveKind::kCreator, -1);
  thrown.clear();
  // Only now may Python code run again: finalizers of what the isolate held.
  Py_CLEAR(pending_exception);
  Py_CLEAR(used_externals);
  known_callables = {};
  if (options.callables != nullptr) PyDict_Clear(options.callables);
}

void IsolateImpl::check_usable() const {
  if (closed_) throw Error(ErrorCode::kClosed, "this isolate is closed");
  if (allocated) {
    throw Error(ErrorCode::kSnapshot, "this isolate was only allocated: give it to SnapshotCreator(isolate=...)");
  }
  if (forked()) {
    throw Error(ErrorCode::kForked,
                "this isolate was made before the process was forked: V8's heap did not come along");
  }
}

void IsolateImpl::close() {
  if (closed_) return;
  if (allocated) {
    closed_ = true;
    return;
  }
  if (forked()) {
    closed_ = true;  // nothing of V8's may be touched here
    return;
  }
  if (is_creator) throw Error(ErrorCode::kSnapshot, "this isolate belongs to a snapshot creator, which closes it");
  if (turn.owner() == thread_number()) {
    throw Error(ErrorCode::kSnapshot, "the isolate is running JavaScript that called this: close it afterwards");
  }
  TurnHold hold;
  hold.take(turn, thread_number());
  if (closed_) return;
  leave_idle_isolate();
  const bool wants_lock = arrive(thread_number());  // where that fails it stays open
  closed_ = true;
  {
    std::optional<v8::Locker> locker;
    if (wants_lock) locker.emplace(v8);
    v8::Isolate::Scope scope(v8);
    cpu_profiles.finish();
    reset_handles();
  }
  dispose();
}

void IsolateImpl::abandon() noexcept {
  if (closed_ || v8 == nullptr || forked()) {
    closed_ = true;
    return;
  }
  if (is_creator || !turn.is_free()) return;  // at exit it may be kept for a thread that was stopped for good
  try {
    close();
  } catch (const std::exception&) {
    closed_ = true;
    watchdog_remove(this);  // V8's part is left as it is, for good: a thread that can't be reached stays in it
  }
}

// ---------------------------------------------------------------- handles

Slot::Slot(IsolateImpl& isolate, ContextImpl* of_context, LiveKind live_kind) : context(of_context), kind(live_kind) {
  isolate.link(this);
  count_live(kind, 1);
}

void Slot::reset() {
  value.Reset();
  context_handle.Reset();
  script.Reset();
  strict_set.Reset();
  modules.clear();
}

void IsolateImpl::link(Slot* slot) {
  slot->next = slots_;
  if (slots_ != nullptr) slots_->previous = slot;
  slots_ = slot;
}

void IsolateImpl::release(Slot* slot) noexcept {
  if (slot->counted.exchange(false)) count_live(slot->kind, -1);
  if (v8 == nullptr || forked()) {
    // A closed slot's handles are empty. In a forked child they must not be touched: leaked there.
    if (v8 == nullptr) delete slot;
    return;
  }
  std::lock_guard<std::mutex> lock(release_mutex_);
  released_.push_back(slot);
  any_released_ = true;
}

void IsolateImpl::drain() noexcept {
  std::vector<Slot*> slots;
  {
    std::lock_guard<std::mutex> lock(release_mutex_);
    slots.swap(released_);
    any_released_ = false;
  }
  for (Slot* slot : slots) {
    if (slot->previous != nullptr) slot->previous->next = slot->next;
    if (slot->next != nullptr) slot->next->previous = slot->previous;
    if (slots_ == slot) slots_ = slot->next;
    slot->reset();
    delete slot;
  }
  // All records go before any callable does: its finalizer may give new functions to this isolate.
  std::vector<long> ids;
  for (PythonFunction* function : std::exchange(dead_functions, {})) {
    ids.push_back(function->id);
    functions.erase(function->key);
  }
  if (std::exchange(must_collect, false)) {
    GilRelease nogil;
    v8->LowMemoryNotification();
  }
  // Exceptions whose errors are gone can go as well.
  auto gone = std::partition(thrown.begin(), thrown.end(), [](const auto& each) { return !each->error.IsEmpty(); });
  std::vector<std::unique_ptr<ThrownException>> unused(std::make_move_iterator(gone),
                                                       std::make_move_iterator(thrown.end()));
  thrown.erase(gone, thrown.end());
  for (auto& each : unused) ids.push_back(each->id);
  for (long id : ids) forget(id);
}

void IsolateImpl::keep(long id, PyObject* object) {
  PyRef key = checked(PyLong_FromLong(id));
  checked(PyDict_SetItem(options.callables, key.get(), object));
}

PyObject* IsolateImpl::callable_of(long id) {
  KnownCallable& known = known_callables[static_cast<size_t>(id) % known_callables.size()];
  if (known.id == id) return known.callable;
  PyRef key = checked(PyLong_FromLong(id));
  PyObject* found = PyDict_GetItemWithError(options.callables, key.get());
  if (found == nullptr && PyErr_Occurred() != nullptr) throw PythonError();
  if (found != nullptr) known = {id, found};
  return found;
}

v8::Local<v8::String> IsolateImpl::source_from_python(PyObject* source) {
  return is_creator ? texts->add(v8, source) : string_from_python(v8, source);
}

void IsolateImpl::forget(long id) {
  KnownCallable& known = known_callables[static_cast<size_t>(id) % known_callables.size()];
  if (known.id == id) known = {};
  PyRef key(PyLong_FromLong(id));
  if (!key || PyDict_DelItem(options.callables, key.get()) < 0) PyErr_Clear();
}

std::vector<v8::Local<v8::Context>> IsolateImpl::open_contexts() const {
  std::vector<v8::Local<v8::Context>> found;
  for (const Slot* slot = slots_; slot != nullptr; slot = slot->next) {
    if (slot->kind == LiveKind::kContext && !slot->closed) found.push_back(slot->context_handle.Get(v8));
  }
  return found;
}

void IsolateImpl::close_slots(ContextImpl* of_context) {
  if (of_context != nullptr) {
    unsettled_modules.erase(std::remove_if(unsettled_modules.begin(), unsettled_modules.end(),
                                           [&](const auto& each) { return each.first == of_context->number(); }),
                            unsettled_modules.end());
  }
  for (Slot* slot = slots_; slot != nullptr; slot = slot->next) {
    if (slot->closed || (of_context != nullptr && slot->context != of_context)) continue;
    slot->reset();
    slot->closed = true;
    if (slot->counted.exchange(false)) count_live(slot->kind, -1);
  }
}

// ---------------------------------------------------------------- use

std::unique_ptr<Context> IsolateImpl::adopt_context(const std::function<v8::Local<v8::Context>()>& make) {
  v8::TryCatch caught(v8);
  v8::Local<v8::Context> context;
  {
    GilRelease nogil;
    context = make();
  }
  if (context.IsEmpty()) throw Error(ErrorCode::kNotInSnapshot, "the snapshot has no such context");
  auto result = std::make_unique<ContextImpl>(*this, context);
  if (is_creator) {
    prepare_creator_context(*result);
  } else if (options.blob != nullptr) {
    restore_stack_trace_limit(context);
  }
  return result;
}

std::unique_ptr<Context> IsolateImpl::new_context() {
  Entry entry(*this);
  return adopt_context([this] {
    return v8::Context::New(v8, nullptr, {}, {}, v8::DeserializeInternalFieldsCallback(deserialize_internal_field));
  });
}

std::unique_ptr<Context> IsolateImpl::context_from_snapshot(size_t index) {
  Entry entry(*this);
  return adopt_context([this, index] {
    // Too large an index gives none; the caller knows that it is none of V8's special values.
    return v8::Context::FromSnapshot(v8, index, v8::DeserializeInternalFieldsCallback(deserialize_internal_field))
        .FromMaybe(v8::Local<v8::Context>());
  });
}

PyObject* IsolateImpl::data(Context& context, size_t index) {
  Entry entry(*this);
  auto& impl = static_cast<ContextImpl&>(context);
  if (&impl.isolate() != this) throw Error(ErrorCode::kWrongIsolate, "this context belongs to another isolate");
  v8::Context::Scope scope(impl.local());
  return data_to_python(impl, v8->GetDataFromSnapshotOnce<v8::Data>(index));
}

ContextImpl* IsolateImpl::context_of(v8::Local<v8::Context> local) const {
  for (const Slot* slot = slots_; slot != nullptr; slot = slot->next) {
    if (slot->kind != LiveKind::kContext || slot->closed || slot->context == nullptr) continue;
    if (slot->context_handle == local) return slot->context;
  }
  return nullptr;
}

ContextImpl* IsolateImpl::some_context() const {
  for (const Slot* slot = slots_; slot != nullptr; slot = slot->next) {
    const bool usable = slot->kind == LiveKind::kContext && !slot->closed && slot->context != nullptr;
    PyObject* owner = usable ? slot->context->owner() : nullptr;
    if (owner != nullptr && Py_REFCNT(owner) > 0) return slot->context;  // not one that is being deallocated
  }
  return nullptr;
}

bool IsolateImpl::has_open_context() {
  Entry entry(*this);
  return some_context() != nullptr;
}

void IsolateImpl::low_memory_notification() {
  Entry entry(*this);
  {
    GilRelease nogil;
    v8->LowMemoryNotification();
  }
  // Finalizers are JavaScript: there has to be a context to run and stop them in, which must not go meanwhile.
  ContextImpl* context = some_context();
  if (context == nullptr) return;
  const PyRef kept = PyRef::borrow(context->owner());
  run_queued_js(*context, [this] { run_tasks(); });
}

bool IsolateImpl::run_pending_tasks(double timeout) {
  Entry entry(*this);
  // What they run is JavaScript: there has to be a context to stop it in, which must not go meanwhile.
  ContextImpl* context = some_context();
  if (context != nullptr) {
    const PyRef kept = PyRef::borrow(context->owner());
    const auto run_all = [this] {
      run_tasks();
      if (stop_reason == StopReason::kNone) v8->PerformMicrotaskCheckpoint();
    };
    run_queued_js(*context, run_all, timeout);
  }
  return v8->HasPendingBackgroundTasks();
}

void IsolateImpl::capture_frames() {
  Entry entry(*this);
  v8->SetCaptureStackTraceForUncaughtExceptions(true, kMostFrames, v8::StackTrace::kDetailed);
}

int IsolateImpl::run_tasks() {
  static const auto count_call = [](v8::Isolate* isolate) {
    ++static_cast<IsolateImpl*>(isolate->GetData(0))->task_calls;
  };
  task_calls = 0;
  v8->AddBeforeCallEnteredCallback(count_call);
  // A stop is for all of them: V8 forgets it with the first that it ends.
  while (stop_reason == StopReason::kNone && v8::platform::PumpMessageLoop(v8_platform(), v8)) {
  }
  v8->RemoveBeforeCallEnteredCallback(count_call);
  return task_calls;
}

void IsolateImpl::terminate() {
  check_usable();
  request_stop(StopReason::kUser, 1);
}

void IsolateImpl::terminate_thread(unsigned long number) {
  check_usable();
  request_stop(StopReason::kUser, 1, number);
}

}  // namespace v8snap
