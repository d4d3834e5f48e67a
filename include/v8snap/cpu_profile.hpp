// A CPU profile: which JavaScript functions an isolate spends its time in.
#pragma once

#include <Python.h>

#include <memory>

namespace v8snap {

class Isolate;

// The isolate must outlive it. Whichever thread runs the isolate's JavaScript is sampled. The destructor may run on any
// thread, also while the profile is running. Closing the isolate stops it and keeps what was collected.
class CpuProfile {
 public:
  virtual ~CpuProfile() = default;

  // From the start on, until stop() or the isolate's end.
  virtual bool running() const = 0;
  // Idempotent; waits for the thread that is using the isolate. In a child made by fork it only forgets.
  virtual void stop() = 0;
  // The stopped profile as Python data in the format of DevTools (.cpuprofile). Needs the GIL.
  virtual PyObject* data() = 0;
};

// Starts sampling, each `interval` microseconds. Throws kSnapshot for a creator's isolate, kMemory where no thread can
// be made, kInternal where too many profiles of the isolate are running.
std::unique_ptr<CpuProfile> start_cpu_profile(Isolate& isolate, int interval);

}  // namespace v8snap
