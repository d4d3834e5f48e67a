// V8 in this process: flags, start, forks, what may be alive together.
#include "v8snap/process.hpp"

#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "internal.hpp"
#include "module.hpp"

namespace v8snap {

std::atomic<unsigned long> g_fork_generation{0};

namespace {

std::array<std::atomic<long>, kLiveKinds> g_live{};

std::atomic<unsigned long> g_python_main_thread{0};

std::mutex g_start_mutex;
std::atomic<bool> g_started{false};
unsigned long g_started_generation = 0;
// Never destroyed: V8 can't be started twice, and its threads may still run while the process exits.
v8::Platform* g_platform = nullptr;

[[maybe_unused]] const int g_fork_hook = pthread_atfork(nullptr, nullptr, [] { ++g_fork_generation; });

struct BuildIdSearch {
  uintptr_t address;
  std::string found;
};

std::string build_id_in(const dl_phdr_info& info) {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const auto& header = info.dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const char* at = reinterpret_cast<const char*>(info.dlpi_addr + header.p_vaddr);
    const char* end = at + header.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
      const char* name = at + sizeof(ElfW(Nhdr));
      const auto* id = reinterpret_cast<const unsigned char*>(name + ((note->n_namesz + 3) & ~3u));
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
        std::string hex;
        for (unsigned j = 0; j < note->n_descsz; ++j) {
          constexpr char kDigits[] = "0123456789abcdef";
          hex += kDigits[id[j] >> 4];
          hex += kDigits[id[j] & 15];
        }
        return hex;
      }
      at = reinterpret_cast<const char*>(id) + ((note->n_descsz + 3) & ~3u);
    }
  }
  return "";
}

int look_for_build_id(dl_phdr_info* info, size_t, void* data) {
  auto* search = static_cast<BuildIdSearch*>(data);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    const uintptr_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && search->address >= start && search->address < start + header.p_memsz) {
      search->found = build_id_in(*info);
      return 1;
    }
  }
  return 0;
}

struct LiveHeap {
  int count = 0;
  bool rehashable = true;
};
std::mutex g_heaps_mutex;
std::map<std::string, LiveHeap> g_heaps;

}  // namespace

unsigned long thread_number() noexcept {
  static std::atomic<unsigned long> last{0};
  static thread_local unsigned long number = 0;  // a constant to begin with: no guard at each call
  if (number == 0) number = ++last;
  return number;
}

void set_python_main_thread(unsigned long ident) { g_python_main_thread = ident; }

unsigned long python_main_thread() { return g_python_main_thread; }

void count_live(LiveKind kind, long change) { g_live[static_cast<size_t>(kind)] += change; }

LiveCounts live_counts() {
  const auto of = [](LiveKind kind) { return g_live[static_cast<size_t>(kind)].load(); };
  return {of(LiveKind::kIsolate),   of(LiveKind::kCreator), of(LiveKind::kContext),  of(LiveKind::kValue),
          of(LiveKind::kScript),    of(LiveKind::kView),    of(LiveKind::kFunction), of(LiveKind::kException),
          of(LiveKind::kRejection), of(LiveKind::kImport),  of(LiveKind::kProfile)};
}

const char* v8_version() { return v8::V8::GetVersion(); }

std::string library_build_id() {
#ifdef V8SNAP_V8_BUILD_ID  // V8 is in this module, whose own build id is another for each Python
  return V8SNAP_V8_BUILD_ID;
#endif
  BuildIdSearch search{reinterpret_cast<uintptr_t>(&v8::V8::GetVersion), ""};
  // The address may be a jump in this module; the version string is surely in V8's library.
  search.address = reinterpret_cast<uintptr_t>(v8::V8::GetVersion());
  dl_iterate_phdr(look_for_build_id, &search);
  return search.found;
}

void set_flag(const std::string& flag) {
  std::lock_guard<std::mutex> lock(g_start_mutex);
  if (g_started) {
    throw Error(ErrorCode::kFlagsFrozen, "V8 is started: flags can be set only before the first isolate");
  }
  v8::V8::SetFlagsFromString(flag.c_str(), flag.size());
}

bool read_only_heaps_can_be_alike() { return compat::kReadOnlyHeapsCanBeAlike; }

bool read_only_heaps_differ() { return compat::kSharedReadOnlyHeap; }

bool v8_started() { return g_started; }

void start_v8() {
  std::lock_guard<std::mutex> lock(g_start_mutex);
  if (g_started) {
    if (g_started_generation != fork_generation()) {
      throw Error(ErrorCode::kForked,
                  "V8 was started before this process was forked, and its threads did not come along: "
                  "make isolates in the child only, or start the child with exec");
    }
    return;
  }
  for (const char* flag : compat::kFlags) v8::V8::SetFlagsFromString(flag, std::strlen(flag));
  // No stack dumps: they would put V8's signal handlers over Python's faulthandler.
  g_platform = v8::platform::NewDefaultPlatform(0, v8::platform::IdleTaskSupport::kDisabled,
                                                v8::platform::InProcessStackDumping::kDisabled)
                   .release();
  v8::V8::InitializePlatform(g_platform);
  v8::V8::Initialize();
  g_started_generation = fork_generation();
  g_started = true;
}

// V8 ends the process where the kernel gives it no more mappings. To count them takes a while: it is done where many
// isolates are open, and for some of those only.
static void check_mappings() {
  constexpr long kMany = 256;
  constexpr long kEach = 16;
  const long open = g_live[static_cast<size_t>(LiveKind::kIsolate)];
  if (open < kMany || open % kEach != 0) return;
  const size_t used = count_mappings();
  if (!leaves_mappings(used)) {
    throw Error(ErrorCode::kMemory, "this process has " + std::to_string(used) +
                                        " memory mappings, and the kernel allows " + std::to_string(most_mappings()) +
                                        " (vm.max_map_count): close isolates, or raise that");
  }
}

void check_address_space() {
  check_mappings();
  void* room =
      mmap(nullptr, compat::kIsolateReservation, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) {
    throw Error(ErrorCode::kMemory, "there is no room in the address space for an isolate, which reserves " +
                                        std::to_string(compat::kIsolateReservation >> 20) + " MiB");
  }
  munmap(room, compat::kIsolateReservation);
  if (address_space_left() < compat::kIsolateReservation + kSpareAddressSpace) {
    throw Error(ErrorCode::kMemory, "the limit of the address space leaves no room for an isolate's heap");
  }
}

v8::Platform* v8_platform() { return g_platform; }

const intptr_t* external_reference_table() {
  static const auto table = [] {
    std::array<intptr_t, kFirstText + 1> references{};
    // Places that are free yet: a 0 would end the table.
    std::fill_n(references.begin(), kFirstText, reinterpret_cast<intptr_t>(&deserialize_internal_field));
    const intptr_t own[] = {
        reinterpret_cast<intptr_t>(&python_callback),
        reinterpret_cast<intptr_t>(&import_fulfilled),
        reinterpret_cast<intptr_t>(&import_rejected),
        reinterpret_cast<intptr_t>(&settle_json_module),
        compat::module_namespace_getter(),
        reinterpret_cast<intptr_t>(&continue_evaluation),
    };
    std::copy_if(std::begin(own), std::end(own), references.begin(), [](intptr_t address) { return address != 0; });
    return references;
  }();
  return table.data();
}

void HeapRegistry::add(const IsolateOptions& options) {
  std::lock_guard<std::mutex> lock(g_heaps_mutex);
  const LiveHeap* other = nullptr;
  bool conflict = false;
  for (const auto& [identity, heap] : g_heaps) {
    // A heap that keeps its own hash seed can't be beside one with another seed.
    const bool must_be_same = compat::kSharedReadOnlyHeap || !heap.rehashable || !options.blob_rehashable;
    if (must_be_same && identity != options.heap_identity) {
      conflict = true;
      other = &heap;
    }
  }
  if (conflict) {
    PyRef details(Py_BuildValue("{s:i}", "live", other->count));
    throw Error(ErrorCode::kSnapshotConflict,
                "this V8 shares one read-only heap among all isolates of a process, and " +
                    std::to_string(other->count) +
                    " isolate(s) started from another snapshot (V8's own counts as one) are open: close them first, "
                    "or use another process",
                details.release());
  }
  auto& heap = g_heaps[options.heap_identity];
  ++heap.count;
  heap.rehashable = options.blob_rehashable;
}

void HeapRegistry::remove(const IsolateOptions& options) noexcept {
  std::lock_guard<std::mutex> lock(g_heaps_mutex);
  auto found = g_heaps.find(options.heap_identity);
  if (found != g_heaps.end() && --found->second.count == 0) g_heaps.erase(found);
}

}  // namespace v8snap
