// How much stack this thread has: V8 assumes about a megabyte, which small threads don't have.
#include <pthread.h>

#include "internal.hpp"

namespace v8snap {

namespace {

struct Bounds {
  uintptr_t low;
  uintptr_t high;
};

uintptr_t here() { return reinterpret_cast<uintptr_t>(__builtin_frame_address(0)); }

Bounds stack_bounds() {
#if defined(__APPLE__)
  const auto high = reinterpret_cast<uintptr_t>(pthread_get_stackaddr_np(pthread_self()));
  return {high - pthread_get_stacksize_np(pthread_self()), high};
#else
  pthread_attr_t attributes;
  void* low = nullptr;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
    // Without /proc the main thread's can't be found: this much is surely left.
    constexpr uintptr_t kSurelyLeft = 768u << 10;
    return {here() - kSurelyLeft, here()};
  }
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  return {reinterpret_cast<uintptr_t>(low), reinterpret_cast<uintptr_t>(low) + size};
#endif
}

Bounds usable_bounds() {
  // An unlimited stack is not all there when it is needed.
  constexpr uintptr_t kMost = 64u << 20;
  // What native code under JavaScript may take: V8's own runtime, Python in a callback.
  constexpr uintptr_t kLeastReserve = 128u << 10;
  constexpr uintptr_t kMostReserve = 1u << 20;
  Bounds bounds = stack_bounds();
  bounds.low = std::max(bounds.low, bounds.high - std::min(bounds.high, kMost));
  bounds.low += std::clamp((bounds.high - bounds.low) / 4, kLeastReserve, kMostReserve);
  return bounds;
}

}  // namespace

uintptr_t javascript_stack_limit() noexcept {
  static thread_local uintptr_t low = 0;  // a constant to begin with: no guard at each call
  if (low == 0) low = usable_bounds().low;
  return low;
}

void check_native_stack() {
  constexpr uintptr_t kLeast = 32u << 10;
  if (here() < javascript_stack_limit() + kLeast) {
    PyErr_SetString(PyExc_RecursionError, "too little stack is left on this thread");
    throw PythonError();
  }
}

}  // namespace v8snap
