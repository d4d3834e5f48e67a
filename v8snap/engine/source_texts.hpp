// Texts of scripts outside of V8's heap: a blob has them beside V8's part, and all isolates from it read them there.
#pragma once

#include <v8.h>

#include <deque>
#include <memory>
#include <vector>

#include "python.hpp"
#include "v8snap/isolate.hpp"

namespace v8snap {

// V8 writes a string that is outside of its heap as a place in the table of external references, if it is there. The
// engine's own functions have the places before this one, now and in times to come.
constexpr size_t kFirstText = 16;

// Those of one isolate, which must be gone before they are. With the GIL.
class SourceTexts {
 public:
  // The texts of the isolate's blob, which it borrows, and room for as many more.
  SourceTexts(const std::vector<SourceText>& of_blob, size_t room);
  SourceTexts(const SourceTexts&) = delete;

  // What V8 wants as external references.
  const intptr_t* references() const { return references_.data(); }
  // A script's text as a string of V8's: outside of its heap where it is long and there is room. Inside the isolate.
  v8::Local<v8::String> add(v8::Isolate* isolate, PyObject* source);
  // Those of its blob that V8 has strings of, and counts as memory outside of its heap.
  size_t borrowed_bytes() const;
  // V8's blob and, behind it, the texts that its strings refer to, as bytes; see blob_layout.py. Right after V8 made
  // it.
  PyRef join(const v8::StartupData& blob) const;

 private:
  struct Text {
    // Nothing refers to it. V8 may have several strings of a text of the blob: that one is gone says nothing there.
    bool is_free() const { return text.size == 0 || (gone && owner); }

    SourceText text;
    PyRef owner;                 // the string of Python's that it is in; none: in a blob
    std::vector<uint16_t> copy;  // where V8 can't read it in its place
    bool gone = false;           // V8 has no use for a string of it any more
    std::unique_ptr<v8::String::ExternalStringResourceBase> resource;
  };

  void set(size_t place, const SourceText& text, PyRef owner);
  // One that is free, or behind the last; as many as there can be where there is none.
  size_t find_place() const;

  std::deque<Text> texts_;  // they stay where they are
  std::vector<intptr_t> references_;
};

}  // namespace v8snap
