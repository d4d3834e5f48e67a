// Visits to an isolate: the thread's turn, V8's lock, the entered isolate.
#include "internal.hpp"
#include "thread_data.hpp"

namespace v8snap {

bool IsolateImpl::arrive(unsigned long thread) {
  if (home == thread) return false;
  evict();
  home = 0;
  return compat::kLocksEachIsolate;
}

void Entry::enter(unsigned long thread) {
  leave_idle_isolate();
  const bool may_stay = isolate_.home == thread && !isolate_.is_creator && v8::Isolate::TryGetCurrent() == nullptr;
  isolate_.v8->Enter();
  if (may_stay) isolate_.stayer = thread;
  entered_ = !may_stay;
}

void IsolateImpl::check_greenlet() const {
  if (depth == 0 || mark == nullptr || mark->is_around()) return;
  throw Error(ErrorCode::kWrongThread,
              "this isolate is in the middle of JavaScript that another greenlet called, which has to end first");
}

Entry::Entry(IsolateImpl& isolate) : isolate_(isolate) {
  isolate.check_usable();
  const unsigned long self = thread_number();
  if (isolate.in_interrupt && (isolate.turn.owner() == self || isolate.is_creator)) {
    throw Error(ErrorCode::kInternal,
                "a signal handler runs in the middle of this isolate's JavaScript and can't use it");
  }
  if (isolate.is_creator) {
    if (isolate.creator_thread != self) {
      throw Error(ErrorCode::kWrongThread, "a snapshot creator belongs to the thread that made it");
    }
    isolate.check_greenlet();
  } else if (isolate.turn.owner() == self) {
    isolate.check_greenlet();
  } else {
    turn_.take(isolate.turn, self);
    if (isolate.closed()) throw Error(ErrorCode::kClosed, "this isolate is closed");
    if (isolate.arrive(self)) {
      locker_.emplace(isolate.v8);
      isolate.limit_of = 0;  // V8's lock sets one of its own
    }
  }
  if (isolate.stayer != self || v8::Isolate::TryGetCurrent() != isolate.v8) enter(self);
  handles_.emplace(isolate.v8);
  // From here on nothing throws: the destructor would not run.
  if (isolate.depth++ == 0) {
    if (isolate.limit_of != self) {
      set_stack_limits(isolate.v8);
      isolate.limit_of = self;
      if (!isolate.is_creator) note_thread_data(isolate.v8);
    }
    if (isolate.has_leftovers()) {
      isolate.drain();
      end_forked_child(isolate);
    }
    if (!isolate.cpu_profiles.empty()) isolate.cpu_profiles.enter();
  }
}

Entry::~Entry() {
  end_forked_child(isolate_);
  if (isolate_.depth == 1) {
    isolate_.imports.clear();  // their microtasks ran, or were dropped where JavaScript was stopped
    if (!isolate_.evaluations.empty()) isolate_.forget_evaluations();
    if (!isolate_.rejections.empty()) isolate_.report_rejections_now(false);
  }
  const bool profiled = !isolate_.cpu_profiles.empty();
  if (--isolate_.depth == 0 && profiled) isolate_.cpu_profiles.leave();
  handles_.reset();
  if (entered_) isolate_.v8->Exit();
  if (profiled) leave_idle_isolate();  // or V8 takes the time until the next visit for the program's
  locker_.reset();
  if (isolate_.depth == 0 && isolate_.orphaned != nullptr) {
    isolate_.reset_handles();
    isolate_.orphaned.reset();
    isolate_.dispose();
  }
}

}  // namespace v8snap
