// Limits of this process's memory, which V8 doesn't know and dies of.
#pragma once

#include <cstddef>
#include <cstdint>

namespace v8snap {

// Bytes that this process may still map, under limits of its address space or its data (setrlimit); kNoLimit where none
// is set.
constexpr size_t kNoLimit = SIZE_MAX;
size_t address_space_left();
// What V8 and the C++ library get along with between two looks at it: they end the process where they get nothing.
constexpr size_t kSpareAddressSpace = size_t{64} << 20;
// The memory mappings that this process has, and as many as the kernel allows it (vm.max_map_count). To count them
// takes the longer, the more there are.
size_t count_mappings();
size_t most_mappings();
// Whether so many leave a tenth: V8 ends the process where it gets none.
bool leaves_mappings(size_t used);
// The same of those that there are, as of a look some milliseconds ago or now.
bool mappings_are_left();
// Throws kMemory where the limits don't leave that many bytes at one go.
void check_room_for(size_t bytes);

}  // namespace v8snap
