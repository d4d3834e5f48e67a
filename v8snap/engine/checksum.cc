// Checksums of snapshots, vectorised: a blob of megabytes is checked when it is loaded.
#include "v8snap/checksum.hpp"

#include <algorithm>
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define V8SNAP_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define V8SNAP_CLONES
#endif

namespace v8snap {

namespace {

constexpr size_t kWidth = 64;  // bytes in a row
constexpr size_t kRows = 256;  // rows in a block: a column's sum of bytes still fits into 16 bits
constexpr size_t kBlock = kWidth * kRows;

struct Sums {
  uint64_t bytes;    // sum of the bytes
  uint64_t running;  // sum of that sum after each byte
};

// Adds up to kRows rows. Each column has sums of its own, so that the compiler can do many columns at once.
V8SNAP_CLONES void add_rows(Sums& sums, const unsigned char* data, size_t rows) {
  uint16_t column[kWidth] = {};   // sum of the column's bytes
  uint32_t earlier[kWidth] = {};  // sum of `column` before each row
  for (size_t row = 0; row < rows; ++row, data += kWidth) {
    for (size_t j = 0; j < kWidth; ++j) {
      earlier[j] += column[j];
      column[j] = static_cast<uint16_t>(column[j] + data[j]);
    }
  }
  sums.running += sums.bytes * rows * kWidth;
  for (size_t j = 0; j < kWidth; ++j) {
    // A byte is counted once for itself and each byte that follows it: in its row, and in the rows below.
    sums.running += uint64_t{earlier[j]} * kWidth + uint64_t{column[j]} * (kWidth - j);
    sums.bytes += column[j];
  }
}

unsigned int modular_sums(Sums sums, const unsigned char* data, size_t size, uint64_t modulus) {
  while (size > 0) {
    const size_t block = std::min(size, kBlock);
    const size_t rows = block / kWidth;
    add_rows(sums, data, rows);
    for (size_t i = rows * kWidth; i < block; ++i) {
      sums.bytes += data[i];
      sums.running += sums.bytes;
    }
    sums.bytes %= modulus;
    sums.running %= modulus;
    data += block;
    size -= block;
  }
  return static_cast<unsigned int>(sums.running << 16 | sums.bytes);
}

constexpr uint64_t kAdler = 65521;
constexpr uint64_t kFletcher = 65535;

}  // namespace

unsigned int adler32_from_zero(const unsigned char* data, size_t size) noexcept {
  return modular_sums({0, 0}, data, size, kAdler);
}

unsigned int fletcher32(const unsigned char* data, size_t size) noexcept {
  return modular_sums({0, 0}, data, size, kFletcher);
}

}  // namespace v8snap
