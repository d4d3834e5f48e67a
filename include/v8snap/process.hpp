// V8 in this process: started once, never stopped.
#pragma once

#include <Python.h>

#include <string>

namespace v8snap {

// The version of the V8 library, with its embedder's suffix ("10.2.154.26-node.37"). Starts nothing.
const char* v8_version();

// Hexadecimal build id of the library V8 lives in, or "" where it has none. Starts nothing.
std::string library_build_id();

// Passes one flag to V8. Throws kFlagsFrozen once V8 is started. The caller checks that the flag is a safe one.
void set_flag(const std::string& flag);

// Whether blobs made under one hash seed have read-only heaps of the same bytes, so that this V8 can have them together
// although it shares one such heap among all isolates.
bool read_only_heaps_can_be_alike();

// Whether isolates of this V8 may have different read-only heaps: by what they start from, not by the V8 alone.
bool read_only_heaps_differ();

// Whether V8 is started: from then on flags can't change, and a child made by fork can't use V8.
bool v8_started();

// A number for the calling thread that is never used again, unlike the system's ids.
unsigned long thread_number() noexcept;

// JavaScript that this thread calls from now on is stopped when so many seconds are over; 0: it isn't.
void set_thread_deadline(double seconds) noexcept;

// Which thread Python runs signal handlers in (threading's ident): at import, and again after a fork.
void set_python_main_thread(unsigned long ident);

// For interpreter exit, with the GIL: stops the JavaScript of all other threads, which then wait for the end of the
// process. V8's library may not survive its own exit while they run.
void stop_javascript_at_exit() noexcept;

// Native objects that are alive in this process.
struct LiveCounts {
  long isolates;
  long creators;
  long contexts;
  long values;
  long scripts;
  long views;
  long functions;
  long exceptions;
  long rejections;
  long imports;
  long profiles;
};
LiveCounts live_counts();

}  // namespace v8snap
