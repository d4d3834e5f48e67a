// CPU profiles by V8's sampling profiler.
//
// V8 sends signals to the one thread that began to sample, however long that lives. So a profile here is made of
// stretches, each of one thread: it goes over to the thread that enters the isolate, and a thread that may end takes
// its stretch with it when it leaves.
#include "v8snap/cpu_profile.hpp"

#include <v8-profiler.h>

#include <csignal>
#include <set>
#include <system_error>
#include <tuple>

#include "internal.hpp"

namespace v8snap {

namespace {

constexpr size_t kMostProfiles = 16;  // of one isolate at a time: each has a thread of V8's

int64_t now_microseconds() { return static_cast<int64_t>(steady_seconds() * 1e6); }  // V8's clock as well

void ignore_signal(int) {}

// V8 takes SIGPROF over while it samples, then puts the old action back. The default one ends the process, also when a
// last signal arrives late: it is replaced for good.
void make_late_signals_harmless() {
  struct sigaction action{};
  if (sigaction(SIGPROF, nullptr, &action) != 0) return;
  if ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_DFL) return;
  action.sa_handler = ignore_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGPROF, &action, nullptr);
}

// V8 dies where it gets none.
bool threads_can_be_made() noexcept {
  try {
    std::thread([] {}).join();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

std::string text_of(const char* text) { return text != nullptr ? text : ""; }

}  // namespace

// Changed only under its isolate's lock, or when that is closed.
class CpuSampling {
 public:
  explicit CpuSampling(int interval) : interval_(interval), start_(now_microseconds()) {}
  CpuSampling(const CpuSampling&) = delete;

  void start(v8::Isolate* isolate) {
    // Eager: V8 looks through the heap for functions once, not at each stretch.
    profiler_ = v8::CpuProfiler::New(isolate, v8::kDebugNaming, v8::kEagerLogging);
    profiler_->SetSamplingInterval(interval_);
    enter();
  }

  // The calling thread begins to use the isolate.
  void enter() noexcept {
    if (stretch_ && thread_ == thread_number()) return;
    end_stretch();
    make_late_signals_harmless();
    if (!threads_can_be_made()) return;
    const v8::CpuProfilingResult result =
        profiler_->Start(v8::CpuProfilingOptions(v8::kLeafNodeLineNumbers, v8::CpuProfilingOptions::kNoSampleLimit));
    if (result.status != v8::CpuProfilingStatus::kStarted) return;
    stretch_ = result.id;
    thread_ = thread_number();
  }

  // It stops using it. The main thread doesn't end before the process.
  void leave() noexcept {
    leaves_.push_back(now_microseconds());
    if (PyThread_get_thread_ident() != python_main_thread()) end_stretch();
  }

  // Inside the isolate.
  void finish() noexcept {
    end_stretch();
    profiler_->Dispose();
    profiler_ = nullptr;
    end_ = now_microseconds();
    running = false;
  }

  PyRef data() const;

  std::atomic<bool> running{true};
  std::atomic<bool> unwanted{false};  // nobody holds it any more

 private:
  struct Node {
    std::string function;
    std::string url;
    int script;
    int line;
    int column;
    std::string bailout;
    long hits = 0;
    std::vector<size_t> children;
    std::map<int, long> ticks = {};  // by line
  };
  using Key = std::tuple<size_t, int, int, int, std::string, std::string>;
  struct Sample {
    int64_t time;
    size_t node;
  };

  void end_stretch() noexcept {
    if (!stretch_) return;
    v8::CpuProfile* profile = profiler_->Stop(*stretch_);
    stretch_.reset();
    if (profile == nullptr) return;
    add(*profile);
    profile->Delete();
  }

  size_t place_of(size_t parent, const v8::CpuProfileNode& node) {
    const Key key{parent,
                  node.GetScriptId(),
                  node.GetLineNumber(),
                  node.GetColumnNumber(),
                  text_of(node.GetFunctionNameStr()),
                  text_of(node.GetScriptResourceNameStr())};
    const auto [found, is_new] = places_.emplace(key, nodes_.size());
    if (!is_new) return found->second;
    nodes_.push_back({std::get<4>(key),
                      std::get<5>(key),
                      std::get<1>(key),
                      std::get<2>(key),
                      std::get<3>(key),
                      text_of(node.GetBailoutReason()),
                      0,
                      {}});
    if (parent != kNone) nodes_[parent].children.push_back(nodes_.size() - 1);
    return nodes_.size() - 1;
  }

  void add(const v8::CpuProfile& profile) {
    std::unordered_map<const v8::CpuProfileNode*, size_t> known;
    std::vector<std::pair<const v8::CpuProfileNode*, size_t>> waiting{{profile.GetTopDownRoot(), kNone}};
    while (!waiting.empty()) {
      const auto [node, parent] = waiting.back();
      waiting.pop_back();
      const size_t place = place_of(parent, *node);
      known.emplace(node, place);
      nodes_[place].hits += node->GetHitCount();
      std::vector<v8::CpuProfileNode::LineTick> ticks(node->GetHitLineCount());
      if (!ticks.empty() && node->GetLineTicks(ticks.data(), static_cast<unsigned>(ticks.size()))) {
        for (const auto& tick : ticks) nodes_[place].ticks[tick.line] += tick.hit_count;
      }
      for (int i = node->GetChildrenCount() - 1; i >= 0; --i) waiting.emplace_back(node->GetChild(i), place);
    }
    for (int i = 0; i < profile.GetSamplesCount(); ++i) {
      const auto found = known.find(profile.GetSample(i));
      if (found != known.end()) samples_.push_back({profile.GetSampleTimestamp(i), found->second});
    }
  }

  std::vector<Sample> samples_with_idle(size_t idle) const;
  static PyRef node_data(const Node& node, size_t place);

  static constexpr size_t kNone = static_cast<size_t>(-1);

  Counted<LiveKind::kProfile> counted_;
  const int interval_;
  const int64_t start_;
  int64_t end_ = 0;
  v8::CpuProfiler* profiler_ = nullptr;
  std::optional<v8::ProfilerId> stretch_;
  unsigned long thread_ = 0;  // the stretch's thread_number()
  std::vector<Node> nodes_;
  std::map<Key, size_t> places_;
  std::vector<Sample> samples_;
  std::vector<int64_t> leaves_;  // when the isolate was left by whoever used it
};

// Outside the isolate nothing is sampled: without a mark the last function would get the whole time until the next one.
std::vector<CpuSampling::Sample> CpuSampling::samples_with_idle(size_t idle) const {
  std::vector<Sample> sorted = samples_;
  const auto earlier = [](const Sample& a, const Sample& b) { return a.time < b.time; };
  std::stable_sort(sorted.begin(), sorted.end(), earlier);
  std::vector<Sample> result;
  for (size_t i = 0; i < sorted.size(); ++i) {
    result.push_back(sorted[i]);
    const int64_t next = i + 1 < sorted.size() ? sorted[i + 1].time : end_;
    if (next - sorted[i].time <= 2 * interval_) continue;
    const auto left = std::lower_bound(leaves_.begin(), leaves_.end(), sorted[i].time);
    if (left != leaves_.end() && *left < next) result.push_back({*left, idle});
  }
  return result;
}

// Lines and columns count from 0 here, from 1 in positionTicks: so DevTools has it.
PyRef CpuSampling::node_data(const Node& node, size_t place) {
  PyRef frame = checked(Py_BuildValue(
      "{s:N,s:N,s:N,s:i,s:i}", "functionName", checked(text_to_python(node.function)).release(), "scriptId",
      checked(PyUnicode_FromFormat("%d", node.script)).release(), "url", checked(text_to_python(node.url)).release(),
      "lineNumber", node.line - 1, "columnNumber", node.column - 1));
  PyRef data = checked(Py_BuildValue("{s:n,s:O,s:l}", "id", static_cast<Py_ssize_t>(place + 1), "callFrame",
                                     frame.get(), "hitCount", node.hits));
  PyRef children = checked(PyList_New(0));
  for (size_t child : node.children) {
    checked(PyList_Append(children.get(), checked(PyLong_FromSize_t(child + 1)).get()));
  }
  if (!node.children.empty()) checked(PyDict_SetItemString(data.get(), "children", children.get()));
  PyRef ticks = checked(PyList_New(0));
  for (const auto& [line, count] : node.ticks) {
    checked(PyList_Append(ticks.get(), checked(Py_BuildValue("{s:i,s:l}", "line", line, "ticks", count)).get()));
  }
  if (!node.ticks.empty()) checked(PyDict_SetItemString(data.get(), "positionTicks", ticks.get()));
  if (!node.bailout.empty() && node.bailout != "no reason") {
    checked(PyDict_SetItemString(data.get(), "deoptReason", checked(text_to_python(node.bailout)).get()));
  }
  return data;
}

PyRef CpuSampling::data() const {
  std::vector<Node> nodes = nodes_;
  if (nodes.empty()) nodes.push_back({"(root)", "", 0, 0, 0, "", 0, {}});
  const size_t idle = nodes.size();
  const std::vector<Sample> samples = samples_with_idle(idle);
  const auto of_idle = [idle](const Sample& sample) { return sample.node == idle; };
  if (const auto count = std::count_if(samples.begin(), samples.end(), of_idle)) {
    nodes[0].children.push_back(idle);
    nodes.push_back({"(idle)", "", 0, 0, 0, "", static_cast<long>(count), {}});
  }
  PyRef node_list = checked(PyList_New(0)), ids = checked(PyList_New(0)), deltas = checked(PyList_New(0));
  for (size_t i = 0; i < nodes.size(); ++i) checked(PyList_Append(node_list.get(), node_data(nodes[i], i).get()));
  int64_t before = start_;
  for (const Sample& sample : samples) {
    checked(PyList_Append(ids.get(), checked(PyLong_FromSize_t(sample.node + 1)).get()));
    checked(PyList_Append(deltas.get(), checked(PyLong_FromLongLong(sample.time - before)).get()));
    before = sample.time;
  }
  return checked(Py_BuildValue("{s:O,s:L,s:L,s:O,s:O}", "nodes", node_list.get(), "startTime",
                               static_cast<long long>(start_), "endTime", static_cast<long long>(end_), "samples",
                               ids.get(), "timeDeltas", deltas.get()));
}

// ---------------------------------------------------------------- of an isolate

void CpuProfiles::enter() noexcept {
  const auto unwanted = [](const auto& each) { return each->unwanted.load(); };
  for (const auto& each : all_) {
    if (unwanted(each)) each->finish();
  }
  all_.erase(std::remove_if(all_.begin(), all_.end(), unwanted), all_.end());
  for (const auto& each : all_) each->enter();
}

void CpuProfiles::leave() noexcept {
  for (const auto& each : all_) each->leave();
}

void CpuProfiles::finish() noexcept {
  for (const auto& each : all_) each->finish();
  all_.clear();
}

void CpuProfiles::add(std::shared_ptr<CpuSampling> sampling, v8::Isolate* isolate) {
  if (all_.size() >= kMostProfiles) {
    throw Error(ErrorCode::kInternal,
                std::to_string(kMostProfiles) + " CPU profiles of this isolate are running already");
  }
  all_.push_back(sampling);
  GilRelease nogil;
  sampling->start(isolate);
}

void CpuProfiles::remove(const std::shared_ptr<CpuSampling>& sampling) noexcept {
  const auto found = std::find(all_.begin(), all_.end(), sampling);
  if (found == all_.end()) return;
  all_.erase(found);
  GilRelease nogil;
  sampling->finish();
}

// ---------------------------------------------------------------- of the user

namespace {

class CpuProfileImpl final : public CpuProfile {
 public:
  CpuProfileImpl(IsolateImpl& isolate, int interval)
      : isolate_(isolate), sampling_(std::make_shared<CpuSampling>(interval)) {
    Entry entry(isolate);
    if (isolate.is_creator) {
      throw Error(ErrorCode::kSnapshot,
                  "V8 doesn't sample the isolate of a snapshot creator: profile the same scripts in a plain Isolate");
    }
    if (!threads_can_be_made()) throw Error(ErrorCode::kMemory, "no thread can be made to sample with");
    isolate.cpu_profiles.add(sampling_, isolate.v8);
    isolate.home = 0;  // V8 skips the samples of an isolate that isn't locked where another one was
  }
  ~CpuProfileImpl() override { sampling_->unwanted = true; }

  bool running() const override { return sampling_->running && !isolate_.forked(); }

  void stop() override {
    if (!running()) return;
    try {
      Entry entry(isolate_);
      isolate_.cpu_profiles.remove(sampling_);
    } catch (const Error&) {
      if (running()) throw;  // else the isolate was closed meanwhile
    }
  }

  PyObject* data() override {
    if (isolate_.forked() && sampling_->running) {
      throw Error(ErrorCode::kForked, "this profile was running when the process was forked");
    }
    return sampling_->data().release();
  }

 private:
  IsolateImpl& isolate_;
  std::shared_ptr<CpuSampling> sampling_;
};

}  // namespace

std::unique_ptr<CpuProfile> start_cpu_profile(Isolate& isolate, int interval) {
  return std::make_unique<CpuProfileImpl>(static_cast<IsolateImpl&>(isolate), interval);
}

}  // namespace v8snap
