// What V8 keeps of each thread that was in an isolate, some 300 bytes: as long as the isolate, if nobody says that the
// thread has ended.
#pragma once

#include "v8_compat.hpp"

namespace v8snap {

// The calling thread is in the isolate: when the thread ends, V8 is told so.
void note_thread_data(v8::Isolate* isolate) noexcept;
// The isolate is about to go, and all that with it.
void forget_thread_data(v8::Isolate* isolate) noexcept;

}  // namespace v8snap
