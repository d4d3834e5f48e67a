#include "turn.hpp"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>

#include "python.hpp"
#include "v8snap/error.hpp"

namespace v8snap {

namespace {

// What each waiting thread waits for; guarded by the GIL.
std::unordered_map<unsigned long, const Turn*> g_waits;

// Whether `thread`, which is about to wait for `turn`, would wait for itself in the end: its callback may hold another
// isolate. A circle closes only where one more thread begins to wait, as nobody takes a turn while waiting for another.
bool would_wait_for_itself(const Turn& turn, unsigned long thread) {
  for (unsigned long owner = turn.owner(); owner != 0;) {
    if (owner == thread) return true;
    const auto next = g_waits.find(owner);
    owner = next == g_waits.end() ? 0 : next->second->owner();
  }
  return false;
}

// On the main thread, which may wait for good for another one's endless loop.
void look_for_signals() {
  if (PyErr_Occurred() != nullptr) return;
  const unsigned long forks = fork_generation();
  const bool raised = PyErr_CheckSignals() < 0;
  if (raised) throw PythonError();
  if (forks != fork_generation()) {  // the thread that this one waits for did not come along
    throw Error(ErrorCode::kForked,
                "this isolate was made before the process was forked: V8's heap did not come along");
  }
}

}  // namespace

// A place in the queue.
class Turn::Waiting {
 public:
  Waiting(Turn& turn, unsigned long thread) : turn_(turn), thread_(thread) {
    turn.waiting_.push_back(thread);
    g_waits[thread] = &turn;
  }
  ~Waiting() {
    g_waits.erase(thread_);
    auto& queue = turn_.waiting_;
    if (queue.front() == thread_) turn_.reserved_ = false;
    queue.erase(std::find(queue.begin(), queue.end(), thread_));
  }
  Waiting(const Waiting&) = delete;

 private:
  Turn& turn_;
  const unsigned long thread_;
};

void Turn::wait(unsigned long thread) {
  constexpr std::chrono::milliseconds kPatience{5};  // as long as Python's threads wait for each other
  if (would_wait_for_itself(*this, thread)) {
    throw Error(ErrorCode::kInternal,
                "deadlock: this thread waits for an isolate whose thread waits for one that this thread is using");
  }
  const auto enough = std::chrono::steady_clock::now() + kPatience;
  const Waiting waiting(*this, thread);
  while (owner() != 0 || (reserved_ && waiting_.front() != thread)) {
    if (std::chrono::steady_clock::now() >= enough) impatient_ = true;
    wait_for_change(kPatience);
    look_for_signals();
  }
}

void Turn::wait_for_change(std::chrono::milliseconds most) {
  const unsigned long seen = changes_;
  GilRelease nogil;
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, most, [&] { return changes_ != seen; });
}

void Turn::let_others() {
  if (std::exchange(impatient_, false)) reserved_ = true;
  owner_.store(0, std::memory_order_release);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ++changes_;
  }
  changed_.notify_all();
}

}  // namespace v8snap
