// A thread stays in the isolate that it used last, as long as it alone has used it: to enter and to leave it each time
// costs as much as a short call.
//
// V8 notes for each thread the isolate that it is in, and for each isolate a stack of what was noted before. An isolate
// that another thread wants has to be left first, which only V8's note of the first thread stands against: a thread of
// no isolate takes over. It enters `ticket()`, which then has the note of being in none, and leaves the isolate in the
// first thread's stead. That one leaves `ticket()` when it comes back, and is in none. The thread of no isolate is the
// one that wants it, or a new one where that is in the middle of another isolate's JavaScript.
#include <system_error>
#include <unordered_set>

#include "internal.hpp"

namespace v8snap {

namespace {

// All of this is guarded by the GIL.
std::unordered_set<unsigned long> g_evicted;  // by thread_number()

// Never initialised, never used but for its stack.
v8::Isolate* ticket() {
  static v8::Isolate* const isolate = v8::Isolate::Allocate();
  return isolate;
}

template <class Function>
void run_elsewhere(const Function& function) {
  try {
    std::thread(function).join();
  } catch (const std::system_error&) {
    throw Error(ErrorCode::kMemory, "no thread can be made, which would take over an isolate from another thread");
  }
}

}  // namespace

void IsolateImpl::evict() {
  if (stayer == 0) return;
  if (stayer == thread_number()) return leave_idle_isolate();
  leave_idle_isolate();
  const auto take_over = [this] {
    ticket()->Enter();
    v8->Exit();
  };
  if (v8::Isolate::TryGetCurrent() == nullptr) {
    take_over();
  } else {
    run_elsewhere(take_over);
  }
  g_evicted.insert(std::exchange(stayer, 0));
}

void leave_idle_isolate() {
  if (!g_evicted.empty() && g_evicted.erase(thread_number()) > 0) ticket()->Exit();
  v8::Isolate* current = v8::Isolate::TryGetCurrent();
  if (current == nullptr) return;
  auto& isolate = *static_cast<IsolateImpl*>(current->GetData(0));
  if (isolate.stayer == 0 || isolate.depth > 0) return;
  isolate.stayer = 0;
  current->Exit();
}

}  // namespace v8snap
