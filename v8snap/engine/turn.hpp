// Whose turn it is to use an isolate.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace v8snap {

// A lock that costs next to nothing where nobody waits: the GIL guards all of it, so its functions are called with the
// GIL held. Who waits does so without. A thread that comes back at once gives way to one that waited for long.
class Turn {
 public:
  // A thread_number(), 0: nobody's. From any thread.
  unsigned long owner() const { return owner_.load(std::memory_order_acquire); }

  void take(unsigned long thread) {
    while (owner() != 0 || (barred_ == thread && waiting_ > 0)) wait();
    owner_.store(thread, std::memory_order_release);
    barred_ = 0;
  }

  void give_back() {
    if (waiting_ > 0) {
      let_others();
    } else {
      owner_.store(0, std::memory_order_release);
    }
  }

 private:
  void wait();
  void let_others();

  std::atomic<unsigned long> owner_{0};
  int waiting_ = 0;
  unsigned long barred_ = 0;           // has to let one of those that wait go first
  std::atomic<bool> impatient_{false};  // somebody waited for long

  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned long changes_ = 0;  // under mutex_ and the GIL
};

}  // namespace v8snap
