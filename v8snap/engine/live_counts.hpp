// Native objects that are alive, counted by kind: what a test finds left over was leaked.
#pragma once

#include <cstddef>

namespace v8snap {

enum class LiveKind {
  kIsolate,
  kCreator,
  kContext,
  kValue,
  kScript,
  kView,       // memory of a buffer in Python's hands
  kFunction,   // a Python function in JavaScript's hands
  kException,  // a Python exception in JavaScript's hands
  kRejection,  // a rejected promise that nobody has handled yet
  kImport,     // an import() that waits for its microtask
  kProfile,    // a CPU profile, running or stopped
};
constexpr size_t kLiveKinds = static_cast<size_t>(LiveKind::kProfile) + 1;

void count_live(LiveKind kind, long change);

// A member or base of what is alive from construction to destruction.
template <LiveKind kKind>
struct Counted {
  Counted() { count_live(kKind, 1); }
  Counted(const Counted&) : Counted() {}
  Counted& operator=(const Counted&) = default;
  ~Counted() { count_live(kKind, -1); }
};

}  // namespace v8snap
