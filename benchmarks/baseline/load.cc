// Memory of many isolates and contexts; work of several threads.
#include <fstream>
#include <thread>

#include "baseline.hpp"
#include "v8_compat.hpp"

namespace baseline {

namespace {

// Proportional set size of this process, in bytes.
int64_t proportional_set_size() {
  std::ifstream file("/proc/self/smaps_rollup");
  std::string word;
  while (file >> word) {
    if (word != "Pss:") continue;
    int64_t kilobytes = 0;
    file >> kilobytes;
    return kilobytes * 1024;
  }
  fail("no PSS in /proc/self/smaps_rollup");
}

std::vector<std::thread> run_threads(int number, const std::function<void()>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < number; ++i) threads.emplace_back(work);
  return threads;
}

}  // namespace

// Makes isolates, or contexts of one, until there are 1, 10 and 100 each with its first call.
Answer memory(const Arguments& arguments) {
  start_v8();
  static Blob blob(arguments.text("blob"), true);
  const std::string source = read_file(arguments.text("call"));
  const bool isolates = arguments.text("of") == "isolates";
  const int most = arguments.number("most");
  static std::vector<std::unique_ptr<Isolate>> made;
  static std::vector<v8::Global<v8::Context>> contexts;
  Answer answer;
  answer.counts.emplace_back("0", proportional_set_size());
  for (int number = 1, next = 1; number <= most; ++number) {
    if (isolates || made.empty()) made.push_back(std::make_unique<Isolate>(&blob));
    v8::Isolate* isolate = made.back()->v8;
    v8::Isolate::Scope scope(isolate);
    v8::HandleScope handles(isolate);
    contexts.emplace_back(isolate, new_context(isolate));
    answer.result = text_of(isolate, run(contexts.back().Get(isolate), source, "call.js"));
    if (number != next) continue;
    answer.counts.emplace_back(std::to_string(number), proportional_set_size());
    next *= 10;
  }
  return answer;
}

// `count` contexts with a call in each, on each of `threads` threads with an isolate of its own.
Answer contexts(const Arguments& arguments) {
  start_v8();
  Blob* blob = blob_in_memory(arguments.text("blob"));
  const std::string source = read_file(arguments.text("call"));
  const int count = arguments.number("count"), number = arguments.number("threads");
  const auto work = [&] {
    const Isolate isolate(blob);
    v8::Isolate::Scope scope(isolate.v8);
    for (int i = 0; i < count; ++i) {
      {
        v8::HandleScope handles(isolate.v8);
        run(new_context(isolate.v8), source, "call.js");
      }
      v8snap::compat::context_disposed(isolate.v8);
    }
  };
  Stopwatch watch;
  for (std::thread& thread : run_threads(number, work)) thread.join();
  watch.note("all");
  return {watch.counts, std::to_string(count)};
}

// JavaScript that only computes, on each of `threads` threads with an isolate of its own.
Answer spin(const Arguments& arguments) {
  start_v8();
  const std::string source = read_file(arguments.text("script"));
  const int number = arguments.number("threads");
  const auto work = [&] {
    const Isolate isolate;
    v8::Isolate::Scope scope(isolate.v8);
    v8::HandleScope handles(isolate.v8);
    run(new_context(isolate.v8), source, "spin.js");
  };
  Stopwatch watch;
  for (std::thread& thread : run_threads(number, work)) thread.join();
  watch.note("all");
  return {watch.counts, "done"};
}

}  // namespace baseline
