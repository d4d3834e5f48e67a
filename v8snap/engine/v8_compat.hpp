// All that differs between the V8 versions v8snap compiles against (10.2 to 13.6): no other file asks for a version.
#pragma once

#include <libplatform/libplatform.h>
#include <v8-profiler.h>
#include <v8.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <type_traits>
#include <vector>

namespace v8 {
class QueryObjectPredicate;  // defined by some
}

namespace v8snap::compat {

// One read-only heap for all isolates of the process, defined by the first one's blob and not checked: two blobs
// whose read-only heaps differ must not be alive together. Later versions have the same one in every blob.
constexpr bool kSharedReadOnlyHeap = V8_MAJOR_VERSION < 12;

// Whether V8 asks for a v8::Locker isolate by isolate. Before, once there was one in the process every isolate had to
// be locked, those that run at that moment too: there Turn alone keeps threads apart. V8's own lock does no more for an
// isolate in which no JavaScript is on any stack, and that is when an isolate goes from thread to thread here.
constexpr bool kLocksEachIsolate = V8_MAJOR_VERSION >= 11;

// Where the hash seed is the same, read-only heaps differ only in the order in which V8 met these strings of theirs
// that no root leads to: in the end, that of the whole string table. A creator lets V8 meet them first, one after the
// other.
#if V8_MAJOR_VERSION < 11
constexpr bool kReadOnlyHeapsCanBeAlike = true;
constexpr const char* kReadOnlyStrings[] = {
    "Symbol.asyncIterator",
    "Symbol.hasInstance",
    "Symbol.isConcatSpreadable",
    "Symbol.iterator",
    "Symbol.match",
    "Symbol.matchAll",
    "Symbol.replace",
    "Symbol.search",
    "Symbol.species",
    "Symbol.split",
    "Symbol.toPrimitive",
    "Symbol.toStringTag",
    "Symbol.unscopables",
    "IntlLegacyConstructedSymbol",
    "uninitialized",
    "hole",
    "exception",
    "termination_exception",
    "arguments_marker",
    "optimized_out",
    "stale_register",
    "self_reference_marker",
    "basic_block_counters_marker",
};
#else
constexpr bool kReadOnlyHeapsCanBeAlike = false;
constexpr std::array<const char*, 0> kReadOnlyStrings;
#endif

// Address space that a new isolate asks for, mostly for code to come; V8 ends the process where it gets none.
constexpr size_t kIsolateReservation = size_t{V8_MAJOR_VERSION < 11 ? 148u : 536u} << 20;

// Flags every process gets. asm.js code kills snapshot creation (and crashes old versions at run time) unless it is
// treated as plain JavaScript; rehashing protects hash tables of restored heaps and is off by default from 12 on.
constexpr const char* kFlags[] = {
    "--no-validate-asm",
#if V8_MAJOR_VERSION < 12
    // JSON modules; later versions have import attributes without being asked.
    "--harmony-import-assertions",
#if V8_MAJOR_VERSION == 11
    "--harmony-import-attributes",
#endif
#endif
#if V8_MAJOR_VERSION < 11
    // A snapshot was checked when it came in. V8 would do it at every start, and end the process if something is wrong.
    "--no-verify-snapshot-checksum",
#endif
#if V8_MAJOR_VERSION >= 12
    "--rehash-snapshot",
#if V8_MAJOR_VERSION > 12 || V8_MINOR_VERSION >= 4
    // Without it a V8 may be built so that each blob brings a read-only heap of its own.
    "--no-extensible-ro-snapshot",
#endif
    // Only the thread that starts V8 and those that it makes get the key to protected code pages: any other thread of
    // Python's would crash.
    "--no-memory-protection-keys",
    // Its loops have no stack check any more where only built-ins are called in them: nothing could stop them.
    "--no-turboshaft-loop-unrolling",
#endif
};

inline v8::ScriptOrigin script_origin(v8::Isolate* isolate, v8::Local<v8::Value> name, bool is_module = false) {
#if V8_MAJOR_VERSION >= 12
  (void)isolate;
  return v8::ScriptOrigin(name, 0, 0, false, -1, v8::Local<v8::Value>(), false, false, is_module);
#else
  return v8::ScriptOrigin(isolate, name, 0, 0, false, -1, v8::Local<v8::Value>(), false, false, is_module);
#endif
}

inline void write_one_byte(v8::Isolate* isolate, v8::Local<v8::String> string, uint8_t* buffer, int length) {
#if V8_MAJOR_VERSION >= 13
  string->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(length), buffer);
#else
  string->WriteOneByte(isolate, buffer, 0, length, v8::String::NO_NULL_TERMINATION);
#endif
}

inline void write_two_byte(v8::Isolate* isolate, v8::Local<v8::String> string, uint16_t* buffer, int length) {
#if V8_MAJOR_VERSION >= 13
  string->WriteV2(isolate, 0, static_cast<uint32_t>(length), buffer);
#else
  string->Write(isolate, buffer, 0, length, v8::String::NO_NULL_TERMINATION);
#endif
}

inline void context_disposed(v8::Isolate* isolate) {
#if V8_MAJOR_VERSION >= 13
  isolate->ContextDisposedNotification(v8::ContextDependants::kSomeDependants);
#else
  isolate->ContextDisposedNotification(true);
#endif
}

inline v8::Local<v8::Value> prototype_of(v8::Local<v8::Object> object) {
#if V8_MAJOR_VERSION >= 13
  return object->GetPrototypeV2();
#else
  return object->GetPrototype();
#endif
}

// Whether JavaScript can make it smaller, which takes the memory away.
inline bool can_shrink(v8::Local<v8::ArrayBuffer> buffer) {
#if V8_MAJOR_VERSION >= 11
  return buffer->GetBackingStore()->IsResizableByUserJavaScript();
#else
  (void)buffer;
  return false;
#endif
}

inline bool is_float16_array(v8::Local<v8::Value> value) {
#if V8_MAJOR_VERSION >= 13
  return value->IsFloat16Array();
#else
  (void)value;
  return false;
#endif
}

// V8 10 and 11 reject some promises with what stands for a stop, which is no value: they die of its use. Such a promise
// has `undefined` for a reason instead, which needs no write barrier: it isn't on the collected heap.
inline void forget_reason(v8::Isolate* isolate, v8::Local<v8::Promise> promise, v8::Local<v8::Value> reason) {
#if V8_MAJOR_VERSION < 12 && !defined(V8_COMPRESS_POINTERS)
  using v8::internal::Address;
  constexpr size_t kFields = 5;
  const auto tagged = [](auto local) { return *reinterpret_cast<const Address*>(*local); };
  auto* fields = reinterpret_cast<Address*>(tagged(promise) - v8::internal::kHeapObjectTag);
  std::replace(fields, fields + kFields, tagged(reason), tagged(v8::Undefined(isolate)));
#else
  (void)isolate, (void)promise, (void)reason;
#endif
}

constexpr bool kHasFloat16Arrays = V8_MAJOR_VERSION >= 13;

inline v8::Local<v8::Value> new_float16_array(v8::Local<v8::ArrayBuffer> buffer, size_t length) {
#if V8_MAJOR_VERSION >= 13
  return v8::Float16Array::New(buffer, 0, length);
#else
  (void)length;
  return buffer;
#endif
}

constexpr size_t kMostTypedArrayBytes =
#if V8_MAJOR_VERSION >= 12
    v8::TypedArray::kMaxByteLength;
#else
    v8::TypedArray::kMaxLength;  // of elements; the smallest have a byte
#endif
// The script of a function that was compiled by itself; empty where this V8 doesn't tell.
inline v8::MaybeLocal<v8::UnboundScript> script_of(v8::Local<v8::Function> function) {
#if V8_MAJOR_VERSION >= 12
  (void)function;
  return {};
#else
  return function->GetUnboundScript();
#endif
}

// False where something kept it from being detached.
inline bool detach(v8::Local<v8::ArrayBuffer> buffer) {
#if V8_MAJOR_VERSION >= 11
  return buffer->Detach(v8::Local<v8::Value>()).FromMaybe(false);
#else
  buffer->Detach();
  return true;
#endif
}

inline v8::Local<v8::String> module_request_specifier(v8::Local<v8::Context> context,
                                                      v8::Local<v8::FixedArray> requests, int index) {
  return requests->Get(context, index).As<v8::ModuleRequest>()->GetSpecifier();
}

inline v8::Local<v8::FixedArray> module_request_attributes(v8::Local<v8::Context> context,
                                                           v8::Local<v8::FixedArray> requests, int index) {
  v8::Local<v8::ModuleRequest> request = requests->Get(context, index).As<v8::ModuleRequest>();
#if V8_MAJOR_VERSION >= 12
  return request->GetImportAttributes();
#else
  return request->GetImportAssertions();
#endif
}

inline v8::Local<v8::Module> new_default_export_module(v8::Isolate* isolate, v8::Local<v8::String> name,
                                                       v8::Module::SyntheticModuleEvaluationSteps steps) {
#if V8_MAJOR_VERSION >= 12
  const v8::Local<v8::String> exports[] = {v8::String::NewFromUtf8Literal(isolate, "default")};
  return v8::Module::CreateSyntheticModule(isolate, name, {exports, 1}, steps);
#else
  return v8::Module::CreateSyntheticModule(isolate, name, {v8::String::NewFromUtf8Literal(isolate, "default")}, steps);
#endif
}

#if V8_MAJOR_VERSION < 11
// V8's own getter behind a module namespace's properties, which these versions forgot to register for snapshots: they
// die of its address unless it is in the embedder's table. Null where the library doesn't export it.
extern "C" __attribute__((weak, visibility("default"))) void v8_module_namespace_entry_getter() __asm__(
    "_ZN2v88internal9Accessors26ModuleNamespaceEntryGetterENS_5LocalINS_4NameEEERKNS_20PropertyCallbackInfoINS_"
    "5ValueEEE");

inline intptr_t module_namespace_getter() { return reinterpret_cast<intptr_t>(&v8_module_namespace_entry_getter); }
inline bool module_namespaces_can_be_in_snapshots() { return module_namespace_getter() != 0; }
#else
inline intptr_t module_namespace_getter() { return 0; }
inline bool module_namespaces_can_be_in_snapshots() { return true; }
#endif

// The live ArrayBuffers that are, or may grow, larger than that. Earlier versions have none that may grow while a
// snapshot is built, and a large one is over the limit for the whole heap.
inline std::vector<v8::Local<v8::Object>> buffers_larger_than(v8::Isolate* isolate, double most) {
  std::vector<v8::Local<v8::Object>> found;
#if V8_MAJOR_VERSION >= 12
  struct Larger final : v8::QueryObjectPredicate {
    explicit Larger(double bytes) : most(bytes) {}
    bool Filter(v8::Local<v8::Object> object) override {
      return object->IsArrayBuffer() &&
             static_cast<double>(object.As<v8::ArrayBuffer>()->GetBackingStore()->MaxByteLength()) > most;
    }
    double most;
  } larger(most);
  std::vector<v8::Global<v8::Object>> handles;
  isolate->GetHeapProfiler()->QueryObjects(isolate->GetCurrentContext(), &larger, &handles);
  for (const auto& handle : handles) found.push_back(handle.Get(isolate));
#else
  (void)isolate;
  (void)most;
#endif
  return found;
}

// V8 10 writes the address of an empty ArrayBuffer's native part into the blob, and whoever loads that dies of its
// first garbage collection. Later versions write null, which this puts there if `forget` is true: the collector then
// frees that part, of which an empty buffer has no need. Either way small typed arrays, which had none yet, have
// buffers afterwards. Inside a context.
#if V8_MAJOR_VERSION < 11
// As V8's src/debug/debug-interface.h has it; null where the library doesn't export it.
struct QueryObjectPredicate {
  virtual ~QueryObjectPredicate() = default;
  virtual bool Filter(v8::Local<v8::Object> object) = 0;
};
// The last is where to put what the predicate finds.
__attribute__((weak, visibility("default"))) void
v8_query_objects(v8::Local<v8::Context>, QueryObjectPredicate*, void*) __asm__(
    "_ZN2v85debug12QueryObjectsENS_5LocalINS_7ContextEEEPNS0_"
    "20QueryObjectPredicateEPNS_21PersistentValueVectorINS_6ObjectENS_"
    "34DefaultPersistentValueVectorTraitsEEE");

inline void settle_buffers(v8::Isolate* isolate, bool forget) {
  // Behind map, properties and elements: both lengths, then these.
  constexpr int kBackingStore = 5, kExtension = 6;
  struct Forget final : QueryObjectPredicate {
    explicit Forget(bool is_wanted) : wanted(is_wanted) {}
    static uintptr_t* fields(v8::Local<v8::Object> object) {
      return reinterpret_cast<uintptr_t*>(*reinterpret_cast<uintptr_t*>(*object) - v8::internal::kHeapObjectTag);
    }
    bool Filter(v8::Local<v8::Object> object) override {
      const bool empty = object->IsArrayBuffer() && object.As<v8::ArrayBuffer>()->ByteLength() == 0;
      if (empty && wanted) fields(object)[kExtension] = 0;
      return false;
    }
    bool wanted;
  } predicate(forget);
  v8::Local<v8::ArrayBuffer> probe = v8::ArrayBuffer::New(isolate, 8);
  const auto memory = reinterpret_cast<uintptr_t>(probe->GetBackingStore()->Data());
  if (&v8_query_objects == nullptr || Forget::fields(probe)[kBackingStore] != memory) return;
  v8_query_objects(isolate->GetCurrentContext(), &predicate, nullptr);
}
#else
using v8::QueryObjectPredicate;

inline void settle_buffers(v8::Isolate*, bool) {}
#endif

template <class T, class = void>
struct IsDefined : std::false_type {};
template <class T>
struct IsDefined<T, decltype(void(sizeof(T)))> : std::true_type {};

// Has all JavaScript objects of the heap visited, inside a context. False where V8 offers no way: 11 has one in some
// builds.
template <class Predicate, class Profiler = v8::HeapProfiler>
bool visit_objects(v8::Isolate* isolate, const std::function<void(v8::Local<v8::Object>)>& visit) {
  if constexpr (!IsDefined<Predicate>::value) {
    (void)isolate, (void)visit;
    return false;
  } else {
    struct Visitor final : Predicate {
      explicit Visitor(const std::function<void(v8::Local<v8::Object>)>& function) : visit(function) {}
      bool Filter(v8::Local<v8::Object> object) override {
        visit(object);
        return false;
      }
      const std::function<void(v8::Local<v8::Object>)>& visit;
    } visitor(visit);
#if V8_MAJOR_VERSION < 11
    if (&v8_query_objects == nullptr) return false;
    v8_query_objects(isolate->GetCurrentContext(), &visitor, nullptr);
#else
    std::vector<v8::Global<v8::Object>> none;
    static_cast<Profiler*>(isolate->GetHeapProfiler())->QueryObjects(isolate->GetCurrentContext(), &visitor, &none);
#endif
    return true;
  }
}

// Whether dropping functions' code is wrong for what is in the heap. V8 10 and 11 compile the function that gives an
// object its class's fields together with the class; where its code was dropped, it is compiled alone, with a wrong
// scope, of which V8 dies in some programs. Inside a context.
inline bool needs_function_code(v8::Isolate* isolate) {
#if V8_MAJOR_VERSION < 12
  v8::Local<v8::String> name = v8::String::NewFromUtf8Literal(isolate, "<instance_members_initializer>");
  bool found = false;
  const bool looked = visit_objects<QueryObjectPredicate>(isolate, [&](v8::Local<v8::Object> object) {
    v8::HandleScope handles(isolate);
    found = found || (object->IsFunction() && object.As<v8::Function>()->GetName()->StrictEquals(name));
  });
  return found || !looked;
#else
  (void)isolate;
  return false;
#endif
}

// A live function of each script. Inside a context; versions that offer no way to look for objects give none.
inline std::map<int, v8::Local<v8::Function>> function_by_script(v8::Isolate* isolate) {
  std::map<int, v8::Local<v8::Function>> found;
  visit_objects<QueryObjectPredicate>(isolate, [&found](v8::Local<v8::Object> object) {
    if (object->IsFunction()) found.emplace(object.As<v8::Function>()->ScriptId(), object.As<v8::Function>());
  });
  return found;
}

// A snapshot creator and its isolate, disposed of together.
class Creator {
 public:
  Creator(v8::Isolate* isolate, const v8::Isolate::CreateParams& params) : isolate_(isolate) {
#if V8_MAJOR_VERSION >= 12
    creator_ = std::make_unique<v8::SnapshotCreator>(isolate, params);
#else
    // This constructor knows no heap limits and brings an allocator of its own.
    creator_ = std::make_unique<v8::SnapshotCreator>(isolate, params.external_references,
                                                     const_cast<v8::StartupData*>(params.snapshot_blob));
#endif
    // The constructor entered the isolate. Staying in it would force creators of one thread to end in the opposite
    // order of their making.
    isolate_->Exit();
  }

  Creator(const Creator&) = delete;
  Creator& operator=(const Creator&) = delete;

  ~Creator() {
    isolate_->Enter();  // the destructor exits it
    creator_.reset();
#if V8_MAJOR_VERSION >= 12
    isolate_->Dispose();
#endif
  }

  v8::SnapshotCreator* operator->() const { return creator_.get(); }

 private:
  v8::Isolate* isolate_;
  std::unique_ptr<v8::SnapshotCreator> creator_;
};

}  // namespace v8snap::compat
