// Tells V8 of threads that have ended. A thread's own destructors do it: they need neither the GIL nor the isolate.
#include "thread_data.hpp"

#include <atomic>
#include <mutex>
#include <unordered_set>

#include "internal.hpp"

namespace v8snap {

namespace {

// Isolates that some thread was noted for. Never destroyed: threads may end while the process exits.
struct Noted {
  std::mutex mutex;
  std::unordered_set<v8::Isolate*> isolates;
  std::atomic<unsigned long> forgotten{0};  // how many so far
};

// With the GIL held, or where this thread has added to it since the process was forked.
Noted& noted() {
  static Noted* all = new Noted;
  static unsigned long generation = fork_generation();
  if (generation != fork_generation()) {
    all = new Noted;  // a thread that didn't come along may have the old one's mutex
    generation = fork_generation();
  }
  return *all;
}

class ThreadEnd {
 public:
  ~ThreadEnd() {
    if (isolates_.empty() || generation_ != fork_generation()) return;  // V8's memory did not come along
    const std::lock_guard<std::mutex> lock(noted().mutex);
    for (v8::Isolate* isolate : isolates_) {
      // The isolate that the thread stayed in, see stay.cc, is not left yet.
      const bool is_over = v8::Isolate::TryGetCurrent() != isolate;
      if (is_over && noted().isolates.count(isolate) > 0) isolate->DiscardThreadSpecificMetadata();
    }
  }

  void add(v8::Isolate* isolate) {
    const unsigned long forgotten = noted().forgotten;
    if (isolate == last_ && forgotten == forgotten_) return;  // or another one would be at its address now
    if (generation_ != fork_generation()) isolates_.clear();
    generation_ = fork_generation();
    const std::lock_guard<std::mutex> lock(noted().mutex);
    noted().isolates.insert(isolate);
    isolates_.insert(isolate);
    last_ = isolate;
    forgotten_ = forgotten;
    if (isolates_.size() < look_at_) return;
    for (auto each = isolates_.begin(); each != isolates_.end();) {
      each = noted().isolates.count(*each) > 0 ? std::next(each) : isolates_.erase(each);
    }
    look_at_ = 2 * isolates_.size() + kFew;
  }

 private:
  static constexpr size_t kFew = 64;
  std::unordered_set<v8::Isolate*> isolates_;  // some of them may be gone
  size_t look_at_ = kFew;
  v8::Isolate* last_ = nullptr;
  unsigned long forgotten_ = 0;
  unsigned long generation_ = 0;
};

}  // namespace

void note_thread_data(v8::Isolate* isolate) noexcept {
  // The main thread ends with the process.
  if (PyThread_get_thread_ident() == python_main_thread()) return;
  static thread_local ThreadEnd end;
  try {
    end.add(isolate);
  } catch (const std::bad_alloc&) {
    // Then V8 keeps it as long as the isolate.
  }
}

void forget_thread_data(v8::Isolate* isolate) noexcept {
  const std::lock_guard<std::mutex> lock(noted().mutex);
  noted().isolates.erase(isolate);
  ++noted().forgotten;
}

}  // namespace v8snap
