// V8's two snapshot checksums: which one a V8 library uses is a choice of its build. No V8 is needed here.
#pragma once

#include <cstddef>

namespace v8snap {

// Both only read memory and need no GIL.
unsigned int adler32_from_zero(const unsigned char* data, size_t size) noexcept;
unsigned int fletcher32(const unsigned char* data, size_t size) noexcept;

}  // namespace v8snap
