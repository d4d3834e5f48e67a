#include "turn.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "python.hpp"

namespace v8snap {

void Turn::wait(unsigned long thread) {
  constexpr std::chrono::milliseconds kPatience{5};  // as long as Python's threads wait for each other
  const auto enough = std::chrono::steady_clock::now() + kPatience;
  waiting_.push_back(thread);
  while (owner() != 0 || (reserved_ && waiting_.front() != thread)) {
    if (std::chrono::steady_clock::now() >= enough) impatient_ = true;
    const unsigned long seen = changes_;
    GilRelease nogil;
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return changes_ != seen; });
  }
  if (waiting_.front() == thread) reserved_ = false;
  waiting_.erase(std::find(waiting_.begin(), waiting_.end(), thread));
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
