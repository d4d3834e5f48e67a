// The CPU profiles of an isolate.
#pragma once

#include <memory>
#include <vector>

#include "v8_compat.hpp"

namespace v8snap {

class CpuSampling;

// Those of an isolate that are running. Inside the isolate.
class CpuProfiles {
 public:
  // The calling thread begins or ceases to use the isolate.
  void enter() noexcept;
  void leave() noexcept;
  // The isolate ends.
  void finish() noexcept;
  void add(std::shared_ptr<CpuSampling> sampling, v8::Isolate* isolate);
  void remove(const std::shared_ptr<CpuSampling>& sampling) noexcept;
  bool empty() const { return all_.empty(); }

 private:
  std::vector<std::shared_ptr<CpuSampling>> all_;
};

}  // namespace v8snap
