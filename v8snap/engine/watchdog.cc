// One thread that stops JavaScript at its deadline and lets Ctrl-C reach Python while JavaScript runs.
#include <chrono>
#include <condition_variable>

#include "internal.hpp"

namespace v8snap {

namespace {

constexpr double kSignalPeriod = 0.05;  // seconds between looks for Ctrl-C
constexpr int kIdlePeriods = 20;        // looks without any run before the thread sleeps for good

struct Watchdog {
  std::mutex mutex;
  std::condition_variable wake;
  Run* runs = nullptr;
  bool thread_running = false;  // only read and set with the GIL held
  bool asleep = false;
  double next_look = 0;
};

// One for each process: a child made by fork has no thread, and its mutex may be held for good.
std::atomic<Watchdog*> g_watchdog{nullptr};
std::atomic<unsigned long> g_generation{0};

Watchdog& watchdog() {
  Watchdog* known = g_watchdog.load();
  if (known != nullptr && g_generation.load() == fork_generation()) return *known;
  // Only reached with the GIL held, so never by two threads at once.
  g_generation = fork_generation();
  g_watchdog = new Watchdog;
  return *g_watchdog.load();
}

void look_for_signals(v8::Isolate*, void* data) {
  auto* isolate = static_cast<IsolateImpl*>(data);
  GilHold gil;
  {
    GilRelease others_first;
  }
  if (PyThread_get_thread_ident() != python_main_thread() || PyErr_Occurred() != nullptr) return;
  isolate->in_interrupt = true;
  const bool raised = PyErr_CheckSignals() != 0;
  isolate->in_interrupt = false;
  if (raised) isolate->stash_python_exception();
}

void look_at(Run& run, double now) {
  if (run.deadline > 0 && now >= run.deadline) {
    run.deadline = 0;
    run.isolate->request_stop(StopReason::kTimeout, run.level);
  }
  if (run.signals || run.holds_gil) run.isolate->v8->RequestInterrupt(look_for_signals, run.isolate);
}

void watch(Watchdog* dog) {
  std::unique_lock<std::mutex> lock(dog->mutex);
  int idle = 0;
  for (;;) {
    const double now = steady_seconds();
    idle = dog->runs == nullptr ? idle + 1 : 0;
    double next = now + kSignalPeriod;
    for (Run* run = dog->runs; run != nullptr; run = run->next) {
      look_at(*run, now);
      if (run->deadline > 0) next = std::min(next, run->deadline);
    }
    dog->next_look = next;
    if (idle >= kIdlePeriods) {
      dog->asleep = true;
      dog->wake.wait(lock);
      dog->asleep = false;
      idle = 0;
    } else {
      dog->wake.wait_for(lock, std::chrono::duration<double>(std::max(next - now, 0.0005)));
    }
  }
}

}  // namespace

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void watchdog_start() {
  Watchdog& dog = watchdog();
  if (dog.thread_running) return;
  std::thread(watch, &dog).detach();
  dog.thread_running = true;
}

void stop_javascript_at_exit() noexcept {
  constexpr int kMostMilliseconds = 200;
  leave_threads_behind();
  if (g_watchdog.load() == nullptr || g_generation.load() != fork_generation()) return;
  int running = 0;
  {
    std::lock_guard<std::mutex> lock(watchdog().mutex);
    for (Run* run = watchdog().runs; run != nullptr; run = run->next) {
      if (run->level != 1 || run->thread == thread_number()) continue;
      run->isolate->v8->TerminateExecution();
      ++running;
    }
  }
  for (int i = 0; i < kMostMilliseconds && threads_left_behind() < running; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void watchdog_add(Run* run) {
  Watchdog& dog = watchdog();
  std::lock_guard<std::mutex> lock(dog.mutex);
  run->next = dog.runs;
  if (run->next != nullptr) run->next->previous = run;
  dog.runs = run;
  if (dog.asleep || (run->deadline > 0 && run->deadline < dog.next_look)) {
    dog.wake.notify_one();
  }
}

void watchdog_remove(Run* run) {
  std::lock_guard<std::mutex> lock(watchdog().mutex);
  if (run->previous != nullptr) {
    run->previous->next = run->next;
  } else {
    watchdog().runs = run->next;
  }
  if (run->next != nullptr) run->next->previous = run->previous;
}

}  // namespace v8snap
