// What the files of conversion share; the rest of the engine needs internal.hpp only.
#pragma once

#include "internal.hpp"

namespace v8snap {

constexpr double kMaxSafe = 9007199254740991.0;  // 2^53 - 1: integers up to it are numbers, beyond it BigInts

[[noreturn]] inline void throw_conversion(const std::string& message) { throw Error(ErrorCode::kConversion, message); }

// ---------------------------------------------------------------- V8 to Python

// New references; null with an error set on failure.
PyObject* double_to_python(double number);
PyObject* bigint_to_python(const uint64_t* words, int count, bool negative);
PyObject* primitive_to_python(v8::Isolate* isolate, v8::Local<v8::Value> value);
PyObject* units_to_python(const uint16_t* units, size_t length);
// A property's name, by its Latin-1 bytes or as V8 has it.
PyRef recent_name(const uint8_t* bytes, size_t length);
PyRef recent_name(v8::Isolate* isolate, v8::Local<v8::String> name);
// A datetime, or null without an error: for an invalid date and for one that datetime can't hold.
PyRef date_to_python(double milliseconds);

inline bool is_primitive(v8::Local<v8::Value> value) { return !value->IsObject() && !value->IsSymbol(); }

// JavaScript threw or is to stop: the TryCatch around a copy has it.
class Pending {};
// In the middle of a long copy: other threads may have the GIL, Ctrl-C is heard. Python code may run.
void take_breath(ContextImpl& context);
// terminate() and timeouts are heard as well; throws Pending.
void take_breath_in_run(ContextImpl& context);
constexpr uint32_t kBreath = 1u << 16;  // values between two of them

// The same copy as `slow_copy` makes, made by way of V8's serialised form; null where that has no place for something
// in the value or would run JavaScript. Nothing has happened then.
PyRef quick_copy(ContextImpl& context, v8::Local<v8::Value> value);
PyRef slow_copy(ContextImpl& context, v8::Local<v8::Value> value);

}  // namespace v8snap
