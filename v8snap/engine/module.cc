// ES modules: compiled with all they import, linked, evaluated. A context has one module of a name.
#include "module.hpp"

#include <chrono>

namespace v8snap {

namespace {

std::u16string units(v8::Isolate* isolate, v8::Local<v8::String> string) {
  const v8::String::Value value(isolate, string);
  return {reinterpret_cast<const char16_t*>(*value), static_cast<size_t>(value.length())};
}

// Private to the global object: names by script id, for `import.meta`. It is in the heap because a module's native
// record says nothing of its name once it was in a snapshot.
v8::Local<v8::Private> names_key(v8::Isolate* isolate) {
  return v8::Private::ForApi(isolate, literal(isolate, "v8snap.modules"));
}

void note_name(v8::Local<v8::Context> context, v8::Local<v8::Module> module, v8::Local<v8::String> name) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::Local<v8::Value> names;
  if (!context->Global()->GetPrivate(context, names_key(isolate)).ToLocal(&names) || !names->IsObject()) {
    names = v8::Object::New(isolate, v8::Null(isolate), nullptr, nullptr, 0);
    if (!context->Global()->SetPrivate(context, names_key(isolate), names).FromMaybe(false)) {
      throw Error(ErrorCode::kTerminated, "JavaScript was terminated");
    }
  }
  const auto id = static_cast<uint32_t>(module->ScriptId());
  if (!names.As<v8::Object>()->CreateDataProperty(context, id, name).FromMaybe(false)) {
    throw Error(ErrorCode::kTerminated, "JavaScript was terminated");
  }
}

// A JSON module is another than the JavaScript module of that name.
std::u16string key_of(v8::Isolate* isolate, v8::Local<v8::String> name, bool json) {
  constexpr std::u16string_view kJson = std::u16string_view(u"\0json", 5);
  std::u16string key = units(isolate, name);
  if (json) key.append(kJson);
  return key;
}

// What these attributes ask for. `step`: entries for each attribute. Nothing of Python's.
ImportAttributes attributes_of(v8::Local<v8::Context> context, v8::Local<v8::FixedArray> attributes, int step) {
  v8::Isolate* isolate = context->GetIsolate();
  const auto is = [&](int index, const char* text) {
    return attributes->Get(context, index).As<v8::Value>()->StrictEquals(literal(isolate, text));
  };
  ImportAttributes found = ImportAttributes::kNone;
  for (int i = 0; i + 1 < attributes->Length(); i += step) {
    if (!is(i, "type") || !is(i + 1, "json")) return ImportAttributes::kUnknown;
    found = ImportAttributes::kJson;
  }
  return found;
}

bool asks_for_json(ImportAttributes attributes, const std::string& specifier) {
  if (attributes == ImportAttributes::kUnknown) {
    throw Error(ErrorCode::kSnapshot, "the import of " + specifier + " has an attribute other than type: 'json'");
  }
  return attributes == ImportAttributes::kJson;
}

// One module graph while it is loaded. V8's resolve callback has no argument of ours: the graph is found through
// `g_linking`, which is of the thread because linking calls nobody else.
class Graph {
 public:
  // `resolve(specifier, importer)` gives (name, source).
  Graph(ContextImpl& context, PyObject* resolve)
      : context_(context), isolate_(context.isolate().v8), local_(isolate_->GetCurrentContext()), resolve_(resolve) {}

  v8::Local<v8::Module> load(PyObject* source, PyObject* name, bool json = false) {
    const size_t root = find_or_compile(source, name, json);
    // Breadth first; `modules_` grows while it is walked.
    for (size_t i = 0; i < modules_.size(); ++i) load_imports(i);
    link(modules_[root].module);
    for (const Loaded& each : modules_) {
      if (!each.content.IsEmpty()) {
        const bool done = each.module->SetSyntheticModuleExport(isolate_, literal(isolate_, "default"), each.content)
                              .FromMaybe(false);
        if (!done) throw Error(ErrorCode::kInternal, "a JSON module got no content");
      }
      context_.modules()[each.key].Reset(isolate_, each.module);
      if (!each.is_new) continue;
      std::vector<std::u16string>& imports = context_.imports()[each.key];
      imports.clear();
      for (size_t index : each.in_order) imports.push_back(modules_[index].key);
    }
    return modules_[root].module;
  }

  v8::Local<v8::Module> load_root(v8::Local<v8::String> specifier, PyObject* importer, bool json) {
    auto [name, source] = find(specifier, importer);
    return load(source.get(), name.get(), json);
  }

  // The promise of the root's evaluation, which is over or goes on.
  v8::Local<v8::Promise> evaluate(double timeout) {
    v8::Local<v8::Module> root = modules_[0].module;
    if (root->GetStatus() == v8::Module::kEvaluating) {
      throw Error(ErrorCode::kSnapshot, "this module is being evaluated: it can't be imported from inside itself");
    }
    std::map<std::u16string, size_t> places;
    std::vector<Evaluation::Part> parts;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout);
    const auto left = [&]() -> double {
      constexpr double kLeast = 1e-6;  // 0 would be no limit
      const std::chrono::duration<double> seconds = end - std::chrono::steady_clock::now();
      return timeout > 0 ? std::max(seconds.count(), kLeast) : 0;
    };
    if (root->IsGraphAsync()) secure_promises();
    bool by_parts = root->GetStatus() == v8::Module::kInstantiated && root->IsGraphAsync();
    by_parts = by_parts && order_of_evaluation(modules_[0].key, &places, &parts);
    const bool outermost = context_.isolate().run_level == 0;
    v8::Local<v8::Promise> promise;
    {
      v8::Isolate::SuppressMicrotaskExecutionScope in_one_go(isolate_);
      promise = run_js(context_, left(), [&] {
                  return by_parts ? begin_evaluation(context_, std::move(parts)) : root->Evaluate(local_);
                }).As<v8::Promise>();
    }
    if (outermost) run_queued_js(context_, [this] { isolate_->PerformMicrotaskCheckpoint(); }, left());
    return promise;
  }

  // What failed can be tried again, as Python's own imports can.
  void forget_failed() {
    if (!modules_.empty()) context_.modules().erase(modules_[0].key);
    for (auto each = context_.modules().begin(); each != context_.modules().end();) {
      const bool failed = each->second.Get(isolate_)->GetStatus() == v8::Module::kErrored;
      each = failed ? context_.modules().erase(each) : std::next(each);
    }
  }

 private:
  struct Loaded {
    v8::Local<v8::Module> module;
    PyRef name;
    std::u16string key;
    v8::Local<v8::Value> content;  // of a JSON module that is new
    std::map<std::u16string, size_t> imports;
    std::vector<size_t> in_order;  // the same modules, as the source has them
    bool is_new = false;           // to the context
  };

  size_t find_or_compile(PyObject* source, PyObject* name, bool json) {
    v8::Local<v8::String> text = string_from_python(isolate_, name);
    const std::u16string key = key_of(isolate_, text, json);
    for (size_t i = 0; i < modules_.size(); ++i) {
      if (modules_[i].key == key) return i;
    }
    Loaded loaded{{}, PyRef::borrow(name), key, {}, {}, {}};
    auto known = context_.modules().find(key);
    loaded.is_new = known == context_.modules().end();
    if (!loaded.is_new) {
      loaded.module = known->second.Get(isolate_);
    } else if (json) {
      loaded.content = parse_json(source, text);
      loaded.module = compat::new_default_export_module(isolate_, text, settle_json_module);
    } else {
      loaded.module = compile(source, text);
    }
    modules_.push_back(std::move(loaded));
    return modules_.size() - 1;
  }

  v8::Local<v8::Module> compile(PyObject* source, v8::Local<v8::String> name) {
    v8::ScriptOrigin origin = compat::script_origin(isolate_, name, true);
    v8::ScriptCompiler::Source text(context_.isolate().source_from_python(source), origin);
    v8::Local<v8::Module> module =
        run_js(context_, 0, [&] { return v8::ScriptCompiler::CompileModule(isolate_, &text); });
    note_name(local_, module, name);
    return module;
  }

  // V8's own errors of JSON don't say which one it is.
  v8::Local<v8::Value> parse_json(PyObject* source, v8::Local<v8::String> name) {
    v8::Local<v8::String> text = string_from_python(isolate_, source);
    return run_js(context_, 0, [&] {
      v8::TryCatch caught(isolate_);
      v8::MaybeLocal<v8::Value> content = v8::JSON::Parse(local_, text);
      if (!content.IsEmpty() || caught.HasTerminated() || caught.Message().IsEmpty()) {
        if (content.IsEmpty()) caught.ReThrow();
        return content;
      }
      v8::Local<v8::String> message = v8::String::Concat(isolate_, literal(isolate_, "in the JSON module "), name);
      message = v8::String::Concat(isolate_, message, literal(isolate_, ": "));
      v8::Local<v8::Value> said = caught.Exception();
      if (said->IsNativeError()) {
        said = said.As<v8::Object>()->Get(local_, literal(isolate_, "message")).FromMaybe(v8::Local<v8::Value>());
      }
      if (!said.IsEmpty() && said->IsString()) message = v8::String::Concat(isolate_, message, said.As<v8::String>());
      caught.Reset();
      isolate_->ThrowException(v8::Exception::SyntaxError(message));
      caught.ReThrow();
      return content;
    });
  }

  void load_imports(size_t importer) {
    if (modules_[importer].module->GetStatus() != v8::Module::kUninstantiated) return;
    if (!modules_[importer].module->IsSourceTextModule()) return;
    v8::Local<v8::FixedArray> requests = modules_[importer].module->GetModuleRequests();
    for (int i = 0; i < requests->Length(); ++i) {
      v8::Local<v8::String> specifier = compat::module_request_specifier(local_, requests, i);
      const bool json = asks_for_json(attributes_of(local_, compat::module_request_attributes(local_, requests, i), 3),
                                      text_from(isolate_, specifier));
      auto [name, source] = find(specifier, modules_[importer].name.get());
      const size_t index = find_or_compile(source.get(), name.get(), json);
      modules_[importer].imports[key_of(isolate_, specifier, json)] = index;
      modules_[importer].in_order.push_back(index);
    }
  }

  std::pair<PyRef, PyRef> find(v8::Local<v8::String> specifier, PyObject* importer) {
    PyRef text = checked(string_to_python(isolate_, specifier));
    const StackMark mark(context_.isolate());
    PyRef found(PyObject_CallFunctionObjArgs(resolve_, text.get(), importer, nullptr));
    end_forked_child(context_.isolate());
    if (!found) throw PythonError();
    (void)context_.local();  // it may have closed the context
    PyObject *name, *source;
    if (PyArg_ParseTuple(found.get(), "UU", &name, &source) == 0) throw PythonError();
    return {PyRef::borrow(name), PyRef::borrow(source)};
  }

  // What evaluation.cc begins, in the language's order. False where there is a cycle, in which that is V8's alone.
  bool order_of_evaluation(const std::u16string& key, std::map<std::u16string, size_t>* places,
                           std::vector<Evaluation::Part>* parts) const {
    constexpr size_t kOpen = SIZE_MAX, kDone = SIZE_MAX - 1;
    check_native_stack();
    const auto [place, is_new] = places->emplace(key, kOpen);
    if (!is_new) return place->second != kOpen;
    place->second = kOpen;
    const auto known = context_.modules().find(key);
    if (known == context_.modules().end()) return false;
    std::vector<size_t> needs;
    for (const std::u16string& each : context_.imports()[key]) {
      if (!order_of_evaluation(each, places, parts)) return false;
      if (places->at(each) != kDone) needs.push_back(places->at(each));
    }
    v8::Local<v8::Module> module = known->second.Get(isolate_);
    if (module->GetStatus() == v8::Module::kEvaluating) {
      throw Error(ErrorCode::kSnapshot, "this module is being evaluated: it can't be imported from inside itself");
    }
    const bool may_wait =
        module->GetStatus() == v8::Module::kEvaluated && module->IsSourceTextModule() && module->IsGraphAsync();
    place->second = kDone;
    if (module->GetStatus() == v8::Module::kInstantiated || may_wait) {
      place->second = parts->size();
      parts->push_back({{isolate_, module}, std::move(needs), {}});
    }
    return true;
  }

  // V8 dies where top-level await can't make a promise of a promise: of a `constructor` or `Symbol.species` of
  // JavaScript's own. From here on both stay as they are.
  void secure_promises() const {
    v8::Local<v8::Promise::Resolver> promise = run_js(context_, 0, [&] { return v8::Promise::Resolver::New(local_); });
    v8::Local<v8::Value> prototype = compat::prototype_of(promise), constructor, species;
    const auto own = [&](v8::Local<v8::Value> holder, v8::Local<v8::Name> name, const char* part,
                         v8::Local<v8::Value>* out) {
      v8::Local<v8::Value> descriptor;
      return holder->IsObject() &&
             holder.As<v8::Object>()->GetOwnPropertyDescriptor(local_, name).ToLocal(&descriptor) &&
             descriptor->IsObject() && descriptor.As<v8::Object>()->Get(local_, literal(isolate_, part)).ToLocal(out);
    };
    const auto is_v8s = [](v8::Local<v8::Value> value) {
      return value->IsFunction() && value.As<v8::Function>()->ScriptId() == v8::UnboundScript::kNoScriptId;
    };
    v8::TryCatch ignored(isolate_);
    v8::Local<v8::Array> symbols;
    bool whole = own(prototype, literal(isolate_, "constructor"), "value", &constructor) && is_v8s(constructor) &&
                 constructor.As<v8::Object>()
                     ->GetPropertyNames(local_, v8::KeyCollectionMode::kOwnOnly, v8::SKIP_STRINGS,
                                        v8::IndexFilter::kSkipIndices)
                     .ToLocal(&symbols) &&
                 symbols->Length() == 1;  // Symbol.species
    if (whole) {
      v8::Local<v8::Value> symbol;
      whole = symbols->Get(local_, 0).ToLocal(&symbol) && symbol->IsSymbol() &&
              own(constructor, symbol.As<v8::Name>(), "get", &species) && is_v8s(species);
    }
    if (whole) {
      v8::PropertyDescriptor fixed(constructor, false);
      fixed.set_configurable(false);
      v8::PropertyDescriptor fixed_getter;
      fixed_getter.set_configurable(false);
      v8::Local<v8::Value> symbol;
      whole =
          prototype.As<v8::Object>()
              ->DefineProperty(local_, literal(isolate_, "constructor"), fixed)
              .FromMaybe(false) &&
          symbols->Get(local_, 0).ToLocal(&symbol) &&
          constructor.As<v8::Object>()->DefineProperty(local_, symbol.As<v8::Name>(), fixed_getter).FromMaybe(false);
    }
    if (!whole) {
      throw Error(ErrorCode::kSnapshot,
                  "V8 would die of top-level await here: JavaScript has replaced parts of Promise");
    }
  }

  void link(v8::Local<v8::Module> root) {
    Graph* outer = std::exchange(g_linking, this);
    struct Restore {
      Graph* outer;
      ~Restore() { g_linking = outer; }
    } restore{outer};
    run_js(context_, 0, [&] {
      const bool linked = root->InstantiateModule(local_, resolve_import).FromMaybe(false);
      return linked ? v8::MaybeLocal<v8::Value>(v8::True(isolate_)) : v8::MaybeLocal<v8::Value>();
    });
  }

  static v8::MaybeLocal<v8::Module> resolve_import(v8::Local<v8::Context>, v8::Local<v8::String> specifier,
                                                   v8::Local<v8::FixedArray> attributes,
                                                   v8::Local<v8::Module> referrer) {
    const bool json = attributes->Length() > 0;  // load_imports() knows no other attribute
    for (const Loaded& each : g_linking->modules_) {
      if (each.module != referrer) continue;
      auto found = each.imports.find(key_of(g_linking->isolate_, specifier, json));
      if (found != each.imports.end()) return g_linking->modules_[found->second].module;
    }
    return {};
  }

  static thread_local Graph* g_linking;

  ContextImpl& context_;
  v8::Isolate* isolate_;
  v8::Local<v8::Context> local_;
  PyObject* resolve_;
  std::vector<Loaded> modules_;
};

thread_local Graph* Graph::g_linking = nullptr;

void evaluate_to_the_end(ContextImpl& context, Graph& graph, v8::Local<v8::Module> module, PyObject* name,
                         double timeout) {
  if (module->GetStatus() == v8::Module::kEvaluated && !module->IsGraphAsync()) return;
  v8::Local<v8::Promise> promise = graph.evaluate(timeout);
  if (promise->State() == v8::Promise::kRejected) {
    promise->MarkAsHandled();
    v8::TryCatch caught(context.isolate().v8);
    throw_thrown(context, promise->Result(), {});
  }
  if (promise->State() == v8::Promise::kPending) {
    const std::string shown = PyUnicode_AsUTF8(checked(PyObject_ASCII(name)).get());
    const std::string way = context.isolate().is_creator
                                ? ", which can't come while a snapshot is built"
                                : ": microtasks don't bring it. To wait for it, set `resolve` of the context and "
                                  "await its eval_async(\"import(" +
                                      shown + ")\")";
    throw Error(ErrorCode::kSnapshot, "module " + shown + " waits for something at its top level" + way);
  }
}

void check_modules_possible(const IsolateImpl& isolate) {
  if (isolate.is_creator && !compat::module_namespaces_can_be_in_snapshots()) {
    throw Error(ErrorCode::kUnserializable, "this build of V8 dies of ES modules in a snapshot");
  }
}

}  // namespace

void set_import_meta(v8::Local<v8::Context> context, v8::Local<v8::Module> module, v8::Local<v8::Object> meta) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::Local<v8::Value> names, name;
  if (!context->Global()->GetPrivate(context, names_key(isolate)).ToLocal(&names) || !names->IsObject()) return;
  const auto id = static_cast<uint32_t>(module->ScriptId());
  if (!names.As<v8::Object>()->Get(context, id).ToLocal(&name) || name->IsUndefined()) return;
  (void)meta->CreateDataProperty(context, literal(isolate, "url"), name).FromMaybe(false);
}

PyObject* ContextImpl::import_module(PyObject* source, PyObject* name, PyObject* resolve, double timeout) {
  Visit visit(*this);
  check_modules_possible(isolate_);
  Graph graph(*this, resolve);
  v8::Local<v8::Module> module = graph.load(source, name);
  try {
    evaluate_to_the_end(*this, graph, module, name, timeout);
  } catch (...) {
    graph.forget_failed();
    throw;
  }
  return to_python(*this, module->GetModuleNamespace());
}

PyObject* ContextImpl::module_names() {
  Visit visit(*this);
  PyRef names = checked(PyList_New(0));
  for (const auto& each : modules()) {
    v8::Local<v8::String> name;
    if (each.first.find(u'\0') != std::u16string::npos) continue;
    if (!v8::String::NewFromTwoByte(isolate_.v8, reinterpret_cast<const uint16_t*>(each.first.data()),
                                    v8::NewStringType::kNormal, static_cast<int>(each.first.size()))
             .ToLocal(&name)) {
      continue;
    }
    checked(PyList_Append(names.get(), checked(string_to_python(isolate_.v8, name)).get()));
  }
  return names.release();
}

// ---------------------------------------------------------------- import()

namespace {

// Settles the promise of an import() when the module's own is settled; its data is [resolver, namespace].
void settle_import(const v8::FunctionCallbackInfo<v8::Value>& info, bool fulfilled) {
  v8::Isolate* isolate = info.GetIsolate();
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Value> resolver, exports;
  if (!info.Data()->IsArray() || !info.Data().As<v8::Array>()->Get(context, 0).ToLocal(&resolver) ||
      !info.Data().As<v8::Array>()->Get(context, 1).ToLocal(&exports)) {
    return;
  }
  auto settled = resolver.As<v8::Promise::Resolver>();
  if (!fulfilled && !is_value(info[0])) {
    (void)settled->Reject(context, v8::Exception::Error(literal(isolate, "the module was stopped"))).FromMaybe(false);
    return;
  }
  (void)(fulfilled ? settled->Resolve(context, exports) : settled->Reject(context, info[0])).FromMaybe(false);
}

void import_now(ContextImpl& context, const DynamicImport& import, v8::Local<v8::Promise::Resolver> resolver) {
  v8::Isolate* isolate = context.isolate().v8;
  v8::Local<v8::Context> local = isolate->GetCurrentContext();
  check_modules_possible(context.isolate());
  v8::Local<v8::String> specifier = import.specifier.Get(isolate);
  v8::Local<v8::Value> referrer = import.referrer.Get(isolate);
  const bool json = asks_for_json(import.attributes, text_from(isolate, specifier));
  PyRef importer =
      referrer->IsString() ? checked(string_to_python(isolate, referrer.As<v8::String>())) : PyRef::borrow(Py_None);
  PyRef find = checked(PyObject_CallMethod(context.owner(), "_finder_for", "O", importer.get()));
  Graph graph(context, find.get());
  v8::Local<v8::Module> module = graph.load_root(specifier, importer.get(), json);
  PyRef kept = checked(PyObject_CallMethod(find.get(), "keep", nullptr));
  v8::Local<v8::Promise> done = graph.evaluate(0);
  v8::Local<v8::Value> data[] = {resolver, module->GetModuleNamespace()};
  if (done->State() == v8::Promise::kFulfilled) {
    (void)resolver->Resolve(local, data[1]).FromMaybe(false);
    return;
  }
  if (done->State() == v8::Promise::kRejected) graph.forget_failed();
  v8::Local<v8::Array> settling = v8::Array::New(isolate, data, std::size(data));
  const v8::TryCatch caught(isolate);
  v8::Local<v8::Function> fulfilled, rejected;
  v8::Local<v8::Promise> then;
  const bool waits = v8::Function::New(local, import_fulfilled, settling).ToLocal(&fulfilled) &&
                     v8::Function::New(local, import_rejected, settling).ToLocal(&rejected) &&
                     done->Then(local, fulfilled, rejected).ToLocal(&then);
  if (!waits) throw Error(ErrorCode::kInternal, "V8 can't wait for the module");
  IsolateImpl& owner = context.isolate();
  if (owner.is_creator) owner.unsettled_modules.emplace_back(context.number(), v8::Global<v8::Promise>(isolate, done));
}

void reject_import(ContextImpl& context, v8::Local<v8::Promise::Resolver> resolver) {
  IsolateImpl& isolate = context.isolate();
  raise_python_error();
  if (PyErr_ExceptionMatches(PyExc_Exception) == 0) {
    isolate.stash_python_exception();
    return;
  }
  const PyRef exception = take_python_exception();
  if (isolate.stop_reason != StopReason::kNone) return;
  v8::Local<v8::Value> error = error_for_exception(context, exception.get());
  (void)resolver->Reject(isolate.v8->GetCurrentContext(), error).FromMaybe(false);
}

// The rest of an import(), as a microtask.
void finish_import(void* data) {
  auto* pending = static_cast<DynamicImport*>(data);
  IsolateImpl& isolate = *pending->isolate;
  const auto known = std::find_if(isolate.imports.begin(), isolate.imports.end(),
                                  [&](const auto& each) { return each.get() == pending; });
  if (known == isolate.imports.end()) return;
  const std::unique_ptr<DynamicImport> import = std::move(*known);
  isolate.imports.erase(known);
  v8::HandleScope handles(isolate.v8);
  v8::Local<v8::Context> local = import->context.Get(isolate.v8);
  v8::Context::Scope scope(local);
  PythonScope python(isolate);
  ContextImpl* context = isolate.context_of(local);
  if (context == nullptr || context->owner() == nullptr || Py_REFCNT(context->owner()) == 0) return;
  const PyRef kept = PyRef::borrow(context->owner());
  v8::Local<v8::Promise::Resolver> resolver = import->resolver.Get(isolate.v8);
  try {
    try {
      import_now(*context, *import, resolver);
    } catch (...) {
      reject_import(*context, resolver);
    }
  } catch (...) {
    PyErr_Clear();
    isolate.request_stop(StopReason::kMemory, 1);  // nothing but memory can lack there
  }
}

}  // namespace

void import_fulfilled(const v8::FunctionCallbackInfo<v8::Value>& info) { settle_import(info, true); }
void import_rejected(const v8::FunctionCallbackInfo<v8::Value>& info) { settle_import(info, false); }

v8::MaybeLocal<v8::Value> settle_json_module(v8::Local<v8::Context> context, v8::Local<v8::Module>) {
  v8::Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(context).ToLocal(&resolver)) return {};
  (void)resolver->Resolve(context, v8::Undefined(context->GetIsolate())).FromMaybe(false);
  return resolver->GetPromise();
}

v8::MaybeLocal<v8::Promise> import_dynamically(v8::Local<v8::Context> context, v8::Local<v8::Data>,
                                               v8::Local<v8::Value> referrer, v8::Local<v8::String> specifier,
                                               v8::Local<v8::FixedArray> attributes) {
  v8::Isolate* v8 = context->GetIsolate();
  auto& isolate = *static_cast<IsolateImpl*>(v8->GetData(0));
  v8::Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(context).ToLocal(&resolver)) return {};
  isolate.imports.push_back(std::make_unique<DynamicImport>(DynamicImport{&isolate,
                                                                          attributes_of(context, attributes, 2),
                                                                          {v8, context},
                                                                          {v8, resolver},
                                                                          {v8, referrer},
                                                                          {v8, specifier}}));
  v8->EnqueueMicrotask(finish_import, isolate.imports.back().get());
  return resolver->GetPromise();
}

}  // namespace v8snap
