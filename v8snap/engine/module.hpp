// What V8 calls for ES modules, and their evaluation part by part.
#pragma once

#include "internal.hpp"

namespace v8snap {

// V8's HostInitializeImportMetaObjectCallback: `import.meta.url` is the module's name, also out of a snapshot.
void set_import_meta(v8::Local<v8::Context> context, v8::Local<v8::Module> module, v8::Local<v8::Object> meta);
// V8's HostImportModuleDynamicallyCallback: the module is found and loaded in a microtask.
v8::MaybeLocal<v8::Promise> import_dynamically(v8::Local<v8::Context> context, v8::Local<v8::Data> options,
                                               v8::Local<v8::Value> referrer, v8::Local<v8::String> specifier,
                                               v8::Local<v8::FixedArray> attributes);
// Inside a run. The promise of the last part; empty where JavaScript was stopped.
v8::MaybeLocal<v8::Value> begin_evaluation(ContextImpl& context, std::vector<Evaluation::Part> parts);
// Native functions that modules in a heap refer to.
void continue_evaluation(const v8::FunctionCallbackInfo<v8::Value>& info);
void import_fulfilled(const v8::FunctionCallbackInfo<v8::Value>& info);
void import_rejected(const v8::FunctionCallbackInfo<v8::Value>& info);
v8::MaybeLocal<v8::Value> settle_json_module(v8::Local<v8::Context> context, v8::Local<v8::Module> module);

}  // namespace v8snap
