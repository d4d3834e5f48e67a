# The engine's headers, name for name (include/v8snap/*.hpp): contracts stand there.
from cpython.object cimport PyObject
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector


cdef extern from "v8snap/error.hpp" namespace "v8snap":
    cdef enum class ErrorCode(int):
        kInternal
        kClosed
        kJs
        kTimeout
        kTerminated
        kMemory
        kConversion
        kWrongIsolate
        kForked
        kWrongThread
        kFlagsFrozen
        kSnapshot
        kSnapshotConflict
        kExternalReference
        kUnserializable
        kNotInSnapshot
        kPending

    void set_error_translator(object translator) noexcept
    void raise_python_error() noexcept
    void throw_error(int code, const string& message) except +raise_python_error


cdef extern from "v8snap/process.hpp" namespace "v8snap":
    const char* v8_version() noexcept
    string library_build_id() except +raise_python_error
    void set_flag(const string& flag) except +raise_python_error
    cbool read_only_heaps_can_be_alike() noexcept
    cbool read_only_heaps_differ() noexcept
    cbool v8_started() noexcept
    unsigned long thread_number() noexcept
    void set_thread_deadline(double seconds) noexcept
    void set_python_main_thread(unsigned long ident) noexcept
    void stop_javascript_at_exit() noexcept

    struct LiveCounts:
        long isolates
        long creators
        long contexts
        long values
        long scripts
        long views
        long functions
        long exceptions
        long rejections
        long imports
        long profiles

    LiveCounts live_counts() noexcept


cdef extern from "v8snap/checksum.hpp" namespace "v8snap":
    unsigned int adler32_from_zero(const unsigned char* data, size_t size) noexcept nogil
    unsigned int fletcher32(const unsigned char* data, size_t size) noexcept nogil


cdef extern from "v8snap/value.hpp" namespace "v8snap":
    cdef enum class ValueKind(int):
        kObject
        kArray
        kFunction
        kSymbol
        kMap
        kSet
        kPromise
        kArrayBuffer
        kTypedArray

    cdef cppclass Value:
        ValueKind kind() noexcept
        cbool closed() noexcept
        void set_proxy(PyObject* proxy) except +raise_python_error
        PyObject* get(object key, PyObject* receiver) except +raise_python_error
        void set(object key, object value) except +raise_python_error
        cbool remove(object key) except +raise_python_error
        cbool has(object key) except +raise_python_error
        object keys() except +raise_python_error
        Py_ssize_t length() except +raise_python_error
        object elements(Py_ssize_t start, Py_ssize_t stop) except +raise_python_error
        void splice(Py_ssize_t start, Py_ssize_t removed, object values) except +raise_python_error
        object all_names() except +raise_python_error
        PyObject* iterator() except +raise_python_error
        PyObject* async_iterator() except +raise_python_error
        object call(Value* receiver, PyObject** arguments, Py_ssize_t count, double timeout) except +raise_python_error
        object construct(PyObject** arguments, Py_ssize_t count, double timeout) except +raise_python_error
        object to_py() except +raise_python_error
        object preview() except +raise_python_error
        object outline(uint32_t entries, int depth, size_t values) except +raise_python_error
        cbool strict_equals(Value& other) except +raise_python_error
        int identity_hash() except +raise_python_error

    struct ProxyHooks:
        PyObject* (*make)(PyObject* context, Value* value, PyObject* receiver) noexcept
        Value* (*find)(PyObject* object) noexcept
        PyObject* undefined
        PyObject* bigint_type
        PyObject* js_error
        PyObject* datetime_from_milliseconds
        PyObject* array_from_bytes
        PyObject* adapt

    void set_proxy_hooks(const ProxyHooks& hooks) noexcept
    object current_this() except +raise_python_error


cdef extern from "v8snap/collection.hpp" namespace "v8snap":
    Py_ssize_t collection_size(Value& collection) except +raise_python_error
    cbool collection_has(Value& collection, object key) except +raise_python_error
    PyObject* map_get(Value& map, object key) except +raise_python_error
    void map_set(Value& map, object key, object value) except +raise_python_error
    void set_add(Value& set, object element) except +raise_python_error
    cbool collection_remove(Value& collection, object key) except +raise_python_error
    void collection_clear(Value& collection) except +raise_python_error
    object collection_keys(Value& collection, size_t most) except +raise_python_error


cdef extern from "v8snap/buffer.hpp" namespace "v8snap":
    cdef cppclass BufferView:
        void* data() noexcept
        Py_ssize_t byte_length() noexcept
        cbool readonly() noexcept
        const char* format() noexcept
        Py_ssize_t item_size() noexcept
        Py_ssize_t* shape() noexcept
        Py_ssize_t* strides() noexcept

    unique_ptr[BufferView] view_buffer(Value& value) except +raise_python_error
    cbool buffer_detached(Value& value) except +raise_python_error


cdef extern from "v8snap/script.hpp" namespace "v8snap":
    cdef cppclass Script:
        cbool closed() noexcept
        cbool cache_rejected() noexcept
        object code_cache() except +raise_python_error


cdef extern from "v8snap/context.hpp" namespace "v8snap":
    cdef cppclass Context:
        void set_owner(PyObject* owner) noexcept
        cbool closed() noexcept
        void close() except +raise_python_error
        object eval(object source, object name, double timeout) except +raise_python_error
        object globals() except +raise_python_error
        unique_ptr[Script] compile(
            object source, object name, PyObject* cached_data, cbool eager) except +raise_python_error
        object run(Script& script, double timeout) except +raise_python_error
        object import_module(object source, object name, object resolve, double timeout) except +raise_python_error
        object module_names() except +raise_python_error
        object to_js(object value) except +raise_python_error
        PyObject* data(size_t index) except +raise_python_error


cdef extern from "v8snap/promise.hpp" namespace "v8snap":
    cdef enum class PromiseState(int):
        kPending
        kFulfilled
        kRejected

    PromiseState promise_state(Value& promise) except +raise_python_error
    object promise_result(Value& promise) except +raise_python_error
    void promise_when_settled(Value& promise, object done) except +raise_python_error
    object new_promise(Context& context) except +raise_python_error
    void resolve_promise(Value& promise, object value) except +raise_python_error
    void reject_promise(Value& promise, object exception) except +raise_python_error
cdef extern from "v8snap/host.hpp" namespace "v8snap":
    object external_function(Context& context, object name) except +raise_python_error
    PyObject* hidden_value(Context& context, object name) except +raise_python_error
    void set_hidden_value(Context& context, object name, object value) except +raise_python_error
    object compile_function(
        Context& context, object source, object name, object parameters) except +raise_python_error
    cbool detach_buffer(Value& value) except +raise_python_error


cdef extern from "v8snap/isolate.hpp" namespace "v8snap":
    struct SourceText:
        const char* data
        size_t size
        cbool two_byte

    struct IsolateOptions:
        const char* blob
        size_t blob_size
        vector[SourceText] texts
        cbool blob_rehashable
        string heap_identity
        size_t heap_limit
        string prelude
        PyObject* late_builtins
        PyObject* callables
        PyObject* externals
        PyObject* on_rejection

    cdef cppclass Isolate:
        cbool closed() noexcept
        void close() except +raise_python_error
        void abandon() noexcept
        unique_ptr[Context] new_context() except +raise_python_error
        unique_ptr[Context] context_from_snapshot(size_t index) except +raise_python_error
        PyObject* data(Context& context, size_t index) except +raise_python_error
        object heap_statistics() except +raise_python_error
        object heap_space_statistics() except +raise_python_error
        void write_heap_snapshot(object write) except +raise_python_error
        cbool run_pending_tasks(double timeout) except +raise_python_error
        void capture_frames() except +raise_python_error
        void low_memory_notification() except +raise_python_error
        cbool has_open_context() except +raise_python_error
        void terminate() except +raise_python_error
        void terminate_thread(unsigned long number) except +raise_python_error
        const char* stopped_by() noexcept
        cbool busy() noexcept
        void report_rejections() except +raise_python_error
        void set_timeout(double seconds) noexcept

    unique_ptr[Isolate] create_isolate(const IsolateOptions& options) except +raise_python_error
    unique_ptr[Isolate] allocate_isolate() except +raise_python_error


cdef extern from "v8snap/cpu_profile.hpp" namespace "v8snap":
    cdef cppclass CpuProfile:
        cbool running() noexcept
        void stop() except +raise_python_error
        object data() except +raise_python_error

    unique_ptr[CpuProfile] start_cpu_profile(Isolate& isolate, int interval) except +raise_python_error


cdef extern from "v8snap/snapshot_creator.hpp" namespace "v8snap":
    cdef cppclass SnapshotCreator:
        void set_default_context(Context& context) except +raise_python_error
        size_t add_context(Context& context) except +raise_python_error
        unique_ptr[Context] base_context(size_t index) except +raise_python_error
        size_t add_data(Context* context, Context& maker, object value) except +raise_python_error
        object external(Context& context, object name) except +raise_python_error
        object check() except +raise_python_error
        object used_externals() except +raise_python_error
        object create_blob(cbool keep_function_code, cbool rehash) except +raise_python_error
        object isolate_data_places() except +raise_python_error
        void discard() except +raise_python_error

    unique_ptr[SnapshotCreator] create_snapshot_creator(
        Isolate& isolate, const IsolateOptions& options, size_t base_contexts) except +raise_python_error
