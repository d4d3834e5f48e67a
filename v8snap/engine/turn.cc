#include "turn.hpp"

#include <chrono>

#include "python.hpp"

namespace v8snap {

void Turn::wait() {
  constexpr std::chrono::milliseconds kPatience{5};  // as long as Python's threads wait for each other
  const unsigned long seen = changes_;
  ++waiting_;
  {
    GilRelease nogil;
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return changes_ != seen; })) impatient_ = true;
  }
  --waiting_;
}

void Turn::let_others() {
  if (impatient_.exchange(false)) barred_ = owner();
  owner_.store(0, std::memory_order_release);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ++changes_;
  }
  changed_.notify_all();
}

}  // namespace v8snap
