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

// Where JavaScript has to end, and below that V8's own functions.
struct Limits {
  uintptr_t javascript = 0;
  uintptr_t native = 0;
};

Limits usable() {
  // An unlimited stack is not all there when it is needed.
  constexpr uintptr_t kMost = 64u << 20;
  // What native code under JavaScript may take: V8's own runtime, Python in a callback.
  constexpr uintptr_t kLeastReserve = 128u << 10;
  constexpr uintptr_t kMostReserve = 1u << 20;
  Bounds bounds = stack_bounds();
  bounds.low = std::max(bounds.low, bounds.high - std::min(bounds.high, kMost));
  const uintptr_t reserve = std::clamp((bounds.high - bounds.low) / 4, kLeastReserve, kMostReserve);
  return {bounds.low + reserve, bounds.low + reserve / 2};
}

const Limits& limits() noexcept {
  static thread_local Limits found;  // constants to begin with: no guard at each call
  if (found.javascript == 0) found = usable();
  return found;
}

// V8 has four limits side by side near an isolate's beginning: the real ones of JavaScript and of its own functions,
// and those two as they are compared with, which an interrupt replaces. V8 sets all to the same, and ends the process
// where a regular expression is compiled after JavaScript has used up all: its own functions may go further here. Where
// the four aren't found, all stays as V8 has it.
void lower_native_limit(v8::Isolate* isolate, const Limits& wanted) noexcept {
  constexpr size_t kFirstWords = 64;
  auto* words = reinterpret_cast<uintptr_t*>(isolate);
  constexpr uintptr_t kInterrupts = ~uintptr_t{0xff};  // what an interrupt puts there is above
  const auto word = [&](size_t i) { return __atomic_load_n(words + i, __ATOMIC_RELAXED); };
  const auto is_limit = [&](size_t i) { return word(i) == wanted.javascript; };
  const auto is_compared = [&](size_t i) { return is_limit(i) || word(i) > kInterrupts; };
  for (size_t i = 0; i + 3 < kFirstWords; ++i) {
    if (!is_limit(i) || !is_limit(i + 1) || !is_compared(i + 2) || !is_compared(i + 3)) continue;
    __atomic_store_n(words + i + 1, wanted.native, __ATOMIC_RELAXED);
    uintptr_t expected = wanted.javascript;  // or an interrupt came between
    __atomic_compare_exchange_n(words + i + 3, &expected, wanted.native, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return;
  }
}

}  // namespace

void set_stack_limits(v8::Isolate* isolate) noexcept {
  isolate->SetStackLimit(limits().javascript);
  lower_native_limit(isolate, limits());
}

void check_native_stack() {
  constexpr uintptr_t kLeast = 32u << 10;
  if (here() < limits().javascript + kLeast) {
    PyErr_SetString(PyExc_RecursionError, "too little stack is left on this thread");
    throw PythonError();
  }
}

}  // namespace v8snap
