// Stopping JavaScript: why, and the thread that sees to it.
#pragma once

#include <functional>

namespace v8snap {

class IsolateImpl;

// Why JavaScript is being stopped.
enum class StopReason { kNone = 0, kUser, kTimeout, kMemory, kPython };

// A run of JavaScript that has to end at some time; the watchdog reads the list of them.
struct Deadline {
  IsolateImpl* isolate = nullptr;
  int level = 0;       // of the run
  double seconds = 0;  // of the steady clock; 0: it has passed
  Deadline* previous = nullptr;
  Deadline* next = nullptr;
};
double steady_seconds();
// Makes sure of the thread: throws where none can be made. Before any other of these.
void watchdog_start();
void watchdog_add(IsolateImpl* isolate);
void watchdog_remove(IsolateImpl* isolate);
void watchdog_add(Deadline* deadline);
void watchdog_remove(Deadline* deadline);
// A run began that the watchdog has to look at if it lasts.
void watchdog_wake();
// Has work done by its thread, which is in no isolate, and waits. With the GIL, which the work must not want.
void watchdog_do(const std::function<void()>& work);

}  // namespace v8snap
