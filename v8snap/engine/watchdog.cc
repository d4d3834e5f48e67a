// One thread that stops JavaScript at its deadline and lets Ctrl-C reach Python while JavaScript runs.
#include <chrono>
#include <condition_variable>

#include "internal.hpp"

namespace v8snap {

namespace {

// Seconds; a run that lasts longer lets go of the GIL. Each tick costs V8 some time where it gives back pages: the
// other core, just used, has to forget them as well (5 ms instead of 20 slow down a start of TypeScript).
constexpr double kTick = 0.02;
constexpr double kSignalPeriod = 0.05;  // seconds between looks for Ctrl-C
constexpr int kIdleTicks = 5;           // without any run before the thread sleeps for good

struct Watchdog {
  std::mutex mutex;
  std::condition_variable wake;
  const std::function<void()>* work = nullptr;
  std::condition_variable work_done;
  IsolateImpl* isolates = nullptr;
  Deadline* deadlines = nullptr;
  bool thread_running = false;  // only read and set with the GIL held
  std::atomic<bool> asleep{false};
  double next_tick = 0;
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

// On the thread that runs JavaScript, in the middle of it.
void look(v8::Isolate*, void* data) {
  auto* isolate = static_cast<IsolateImpl*>(data);
  RunScope* run = isolate->innermost;
  if (run == nullptr) return;
  {
    PythonScope python(*isolate);
    {
      GilRelease others_first;
    }
    if (PyThread_get_thread_ident() == python_main_thread() && PyErr_Occurred() == nullptr) {
      isolate->in_interrupt = true;
      const bool raised = PyErr_CheckSignals() != 0;
      isolate->in_interrupt = false;
      if (raised) isolate->stash_python_exception();
    }
  }
  run->let_go_of_gil();
}

// Whether a run is on that has to be looked at.
bool watch(IsolateImpl& isolate, double now) {
  const unsigned long run = isolate.watched;
  if (run != isolate.watch.seen) {
    isolate.watch.seen = run;
    isolate.watch.next_look = 0;
  } else if (run != 0 && now >= isolate.watch.next_look) {
    isolate.watch.next_look = now + kSignalPeriod;
    isolate.v8->RequestInterrupt(look, &isolate);
  }
  return run != 0;
}

void watch(Deadline& deadline, double now) {
  if (deadline.seconds == 0 || now < deadline.seconds) return;
  deadline.seconds = 0;
  deadline.isolate->request_stop(StopReason::kTimeout, deadline.level);
}

void run_watchdog(Watchdog* dog) {
  std::unique_lock<std::mutex> lock(dog->mutex);
  for (int idle = 0;;) {
    if (dog->work != nullptr) {
      (*dog->work)();
      dog->work = nullptr;
      dog->work_done.notify_one();
    }
    const double now = steady_seconds();
    double next = now + kTick;
    ++idle;
    for (IsolateImpl* isolate = dog->isolates; isolate != nullptr; isolate = isolate->watch.next) {
      if (watch(*isolate, now)) idle = 0;
    }
    for (Deadline* deadline = dog->deadlines; deadline != nullptr; deadline = deadline->next) {
      watch(*deadline, now);
      if (deadline->seconds > 0) next = std::min(next, deadline->seconds);
      idle = 0;
    }
    if (idle == 0) dog->asleep = false;
    if (dog->asleep) {
      dog->wake.wait(lock, [dog] { return !dog->asleep; });
      idle = 0;
      continue;
    }
    // Looked at once more a tick after this is set: a run that begins now sees it, or is seen.
    if (idle >= kIdleTicks) dog->asleep = true;
    dog->next_tick = next;
    dog->wake.wait_for(lock, std::chrono::duration<double>(std::max(next - now, 0.0005)));
  }
}

}  // namespace

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void watchdog_start() {
  Watchdog& dog = watchdog();
  if (dog.thread_running) return;
  std::thread(run_watchdog, &dog).detach();
  dog.thread_running = true;
}

void watchdog_wake() {
  Watchdog& dog = watchdog();
  if (!dog.asleep.load(std::memory_order_relaxed)) return;
  {
    std::lock_guard<std::mutex> lock(dog.mutex);
    dog.asleep = false;
  }
  dog.wake.notify_one();
}

void watchdog_do(const std::function<void()>& work) {
  Watchdog& dog = watchdog();
  std::unique_lock<std::mutex> lock(dog.mutex);
  dog.work = &work;
  dog.asleep = false;
  dog.wake.notify_one();
  dog.work_done.wait(lock, [&dog] { return dog.work == nullptr; });
}

void watchdog_add(IsolateImpl* isolate) {
  Watchdog& dog = watchdog();
  std::lock_guard<std::mutex> lock(dog.mutex);
  isolate->watch.next = dog.isolates;
  if (dog.isolates != nullptr) dog.isolates->watch.previous = isolate;
  dog.isolates = isolate;
}

void watchdog_remove(IsolateImpl* isolate) {
  Watchdog& dog = watchdog();
  std::lock_guard<std::mutex> lock(dog.mutex);
  auto& links = isolate->watch;
  (links.previous != nullptr ? links.previous->watch.next : dog.isolates) = links.next;
  if (links.next != nullptr) links.next->watch.previous = links.previous;
}

void watchdog_add(Deadline* deadline) {
  Watchdog& dog = watchdog();
  std::lock_guard<std::mutex> lock(dog.mutex);
  deadline->next = dog.deadlines;
  if (dog.deadlines != nullptr) dog.deadlines->previous = deadline;
  dog.deadlines = deadline;
  if (dog.asleep || deadline->seconds < dog.next_tick) {
    dog.asleep = false;
    dog.wake.notify_one();
  }
}

void watchdog_remove(Deadline* deadline) {
  Watchdog& dog = watchdog();
  std::lock_guard<std::mutex> lock(dog.mutex);
  (deadline->previous != nullptr ? deadline->previous->next : dog.deadlines) = deadline->next;
  if (deadline->next != nullptr) deadline->next->previous = deadline->previous;
}

void stop_javascript_at_exit() noexcept {
  constexpr int kMostMilliseconds = 200;
  leave_threads_behind();
  if (g_watchdog.load() == nullptr || g_generation.load() != fork_generation()) return;
  int running = 0;
  {
    Watchdog& dog = watchdog();
    std::lock_guard<std::mutex> lock(dog.mutex);
    for (IsolateImpl* isolate = dog.isolates; isolate != nullptr; isolate = isolate->watch.next) {
      const unsigned long owner = isolate->turn.owner();
      if (owner == 0 || owner == thread_number() || isolate->run_level == 0) continue;
      isolate->v8->TerminateExecution();
      ++running;
    }
  }
  for (int i = 0; i < kMostMilliseconds && threads_left_behind() < running; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace v8snap
