// Limits of this process's memory: how much they leave, and whether that is enough for a heap.
#include "memory.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "internal.hpp"

namespace v8snap {

namespace {

// What of this process counts against the limits: bytes mapped, and those of them that are private and written to.
std::pair<size_t, size_t> mapped_bytes() {
  std::array<char, 128> text{};  // in a collection of V8's is no time for streams
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return {0, 0};
  const ssize_t length = read(file, text.data(), text.size() - 1);
  close(file);
  size_t size = 0;
  size_t data = 0;
  if (length <= 0 || std::sscanf(text.data(), "%zu %*u %*u %*u %*u %zu", &size, &data) != 2) return {0, 0};
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return {size * page, data * page};
}

using Clock = std::chrono::steady_clock;

// The more there are, the sooner they can be used up, at about a hundred in a millisecond.
std::chrono::milliseconds pause_between_looks(size_t used, size_t most) {
  if (used < most / 4) return std::chrono::milliseconds(100);
  if (used < most / 2) return std::chrono::milliseconds(50);
  return std::chrono::milliseconds(20);
}

}  // namespace

size_t count_mappings() {
  std::array<char, 1 << 14> text;  // NOLINT(cppcoreguidelines-pro-type-member-init): it is read into
  const int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  size_t lines = 0;
  for (ssize_t length; (length = read(file, text.data(), text.size())) > 0;) {
    lines += static_cast<size_t>(std::count(text.data(), text.data() + length, '\n'));
  }
  close(file);
  return lines;
}

size_t most_mappings() {
  static const size_t most = [] {
    size_t number = 0;
    std::ifstream file("/proc/sys/vm/max_map_count");
    return file >> number && number > 0 ? number : SIZE_MAX;
  }();
  return most;
}

bool leaves_mappings(size_t used) { return used <= most_mappings() / 10 * 9; }

bool mappings_are_left() {
  static std::atomic<Clock::rep> next_look{0};
  static std::atomic<bool> left{true};
  const auto now = Clock::now();
  if (now.time_since_epoch().count() < next_look) return left;
  const size_t used = count_mappings();
  left = leaves_mappings(used);
  // Where none are left, what frees some may be done at the next moment.
  const auto pause = left ? pause_between_looks(used, most_mappings()) : Clock::duration::zero();
  next_look = (Clock::now() + pause).time_since_epoch().count();
  return left;
}

size_t address_space_left() {
  rlimit space{};
  rlimit data{};
  if (getrlimit(RLIMIT_AS, &space) != 0 || getrlimit(RLIMIT_DATA, &data) != 0 ||
      (space.rlim_cur == RLIM_INFINITY && data.rlim_cur == RLIM_INFINITY)) {
    return kNoLimit;
  }
  const auto [mapped, written] = mapped_bytes();
  const auto left = [](rlim_t limit, size_t used) { return limit > used ? static_cast<size_t>(limit) - used : 0; };
  return std::min(left(space.rlim_cur, mapped), left(data.rlim_cur, written));
}

// The longest array may want half as much again as the heap has; V8 ends the process where it gets no memory.
bool IsolateImpl::look_at_limits() {
  short_of_memory = !mappings_are_left();
  const size_t left = address_space_left();
  if (short_of_memory || left == kNoLimit) return !short_of_memory;
  v8::HeapStatistics statistics;
  v8->GetHeapStatistics(&statistics);
  const size_t used = statistics.used_heap_size();
  short_of_memory = left < used + used / 2 + kSpareAddressSpace;
  return !short_of_memory;
}

void check_room_for(size_t bytes) {
  constexpr size_t kSmall = size_t{1} << 20;  // in a page of the heap, which the collector looks after
  if (bytes > kSmall && address_space_left() < bytes + kSpareAddressSpace) {
    throw Error(ErrorCode::kMemory, "the limits of this process leave no memory for that");
  }
}

void IsolateImpl::check_limits() {
  if (!look_at_limits())
    throw Error(ErrorCode::kMemory, "the limits of this process leave almost no memory or memory mappings");
}

}  // namespace v8snap
