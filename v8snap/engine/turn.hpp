// Whose turn it is to use an isolate.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace v8snap {

// A lock that costs next to nothing where nobody waits: the GIL guards all of it, so its functions are called with the
// GIL held. Who waits does so without. Whoever comes first takes it, until somebody has waited for long.
class Turn {
 public:
  // A thread_number(), 0: nobody's. From any thread.
  unsigned long owner() const { return owner_.load(std::memory_order_acquire); }

  // Whether take() would not wait.
  bool is_free() const { return owner() == 0 && !reserved_; }

  // Throws PythonError where a signal's handler raises while it waits, and Error where it would wait for itself.
  void take(unsigned long thread) {
    if (!is_free()) wait(thread);
    owner_.store(thread, std::memory_order_release);
  }

  void give_back() {
    if (!waiting_.empty()) {
      let_others();
    } else {
      owner_.store(0, std::memory_order_release);
    }
  }

 private:
  class Waiting;

  void wait(unsigned long thread);
  void wait_for_change(std::chrono::milliseconds most);
  void let_others();

  std::atomic<unsigned long> owner_{0};
  std::deque<unsigned long> waiting_;  // threads, the first came first
  bool impatient_ = false;             // one of them waited for long
  bool reserved_ = false;              // for the first of them

  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned long changes_ = 0;  // under mutex_ and the GIL
};

// Gives back what its owner has taken with it.
class TurnHold {
 public:
  TurnHold() = default;
  ~TurnHold() {
    if (turn_ != nullptr) turn_->give_back();
  }
  TurnHold(const TurnHold&) = delete;

  void take(Turn& turn, unsigned long thread) {
    turn.take(thread);
    turn_ = &turn;
  }

 private:
  Turn* turn_ = nullptr;
};

}  // namespace v8snap
