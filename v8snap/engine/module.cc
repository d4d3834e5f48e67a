// ES modules: compiled with all they import, linked, evaluated. A context has one module of a name.
#include "internal.hpp"

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

// One module graph while it is loaded. V8's resolve callback has no argument of ours: the graph is found through
// `g_linking`, which is of the thread because linking calls nobody else.
class Graph {
 public:
  Graph(ContextImpl& context, PyObject* resolve)
      : context_(context), isolate_(context.isolate().v8), local_(context.local()), resolve_(resolve) {}

  v8::Local<v8::Module> load(PyObject* source, PyObject* name) {
    const size_t root = find_or_compile(source, name);
    // Breadth first; `modules_` grows while it is walked.
    for (size_t i = 0; i < modules_.size(); ++i) load_imports(i);
    link(modules_[root].module);
    for (const Loaded& each : modules_) {
      const std::u16string key = units(isolate_, string_from_python(isolate_, each.name.get()));
      context_.modules()[key].Reset(isolate_, each.module);
    }
    return modules_[root].module;
  }

  // What failed can be tried again, as Python's own imports can.
  void forget_failed(PyObject* root) {
    context_.modules().erase(units(isolate_, string_from_python(isolate_, root)));
    for (auto each = context_.modules().begin(); each != context_.modules().end();) {
      const bool failed = each->second.Get(isolate_)->GetStatus() == v8::Module::kErrored;
      each = failed ? context_.modules().erase(each) : std::next(each);
    }
  }

 private:
  struct Loaded {
    v8::Local<v8::Module> module;
    PyRef name;
    std::map<std::u16string, size_t> imports;
  };

  size_t find_or_compile(PyObject* source, PyObject* name) {
    for (size_t i = 0; i < modules_.size(); ++i) {
      if (PyUnicode_Compare(modules_[i].name.get(), name) == 0) return i;
    }
    v8::Local<v8::String> text = string_from_python(isolate_, name);
    auto known = context_.modules().find(units(isolate_, text));
    modules_.push_back({known != context_.modules().end() ? known->second.Get(isolate_) : compile(source, text),
                        PyRef::borrow(name),
                        {}});
    return modules_.size() - 1;
  }

  v8::Local<v8::Module> compile(PyObject* source, v8::Local<v8::String> name) {
    v8::ScriptOrigin origin = compat::script_origin(isolate_, name, true);
    v8::ScriptCompiler::Source text(string_from_python(isolate_, source), origin);
    v8::Local<v8::Module> module =
        run_js(context_, 0, [&] { return v8::ScriptCompiler::CompileModule(isolate_, &text); });
    note_name(local_, module, name);
    return module;
  }

  void load_imports(size_t importer) {
    if (modules_[importer].module->GetStatus() != v8::Module::kUninstantiated) return;
    v8::Local<v8::FixedArray> requests = modules_[importer].module->GetModuleRequests();
    for (int i = 0; i < requests->Length(); ++i) {
      v8::Local<v8::String> specifier = compat::module_request_specifier(local_, requests, i);
      PyRef text = checked(string_to_python(isolate_, specifier));
      // resolve(specifier, importer) gives (name, source).
      PyRef found(PyObject_CallFunctionObjArgs(resolve_, text.get(), modules_[importer].name.get(), nullptr));
      end_forked_child(context_.isolate());
      if (!found) throw PythonError();
      (void)context_.local();  // it may have closed the context
      PyObject *name, *source;
      if (PyArg_ParseTuple(found.get(), "UU", &name, &source) == 0) throw PythonError();
      const size_t index = find_or_compile(source, name);
      modules_[importer].imports[units(isolate_, specifier)] = index;
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
                                                   v8::Local<v8::FixedArray>, v8::Local<v8::Module> referrer) {
    for (const Loaded& each : g_linking->modules_) {
      if (each.module != referrer) continue;
      auto found = each.imports.find(units(g_linking->isolate_, specifier));
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

void evaluate(ContextImpl& context, v8::Local<v8::Module> module, PyObject* name, double timeout) {
  v8::Isolate* isolate = context.isolate().v8;
  if (module->GetStatus() == v8::Module::kEvaluating) {
    throw Error(ErrorCode::kSnapshot, "this module is being evaluated: it can't be imported from inside itself");
  }
  if (module->GetStatus() == v8::Module::kEvaluated && !module->IsGraphAsync()) return;
  v8::Local<v8::Value> settled = run_js(context, timeout, [&] { return module->Evaluate(context.local()); });
  auto promise = settled.As<v8::Promise>();
  if (promise->State() == v8::Promise::kRejected) {
    promise->MarkAsHandled();
    v8::TryCatch caught(isolate);
    isolate->ThrowException(promise->Result());
    check_run(context, caught, true);
  }
  if (promise->State() == v8::Promise::kPending) {
    throw Error(ErrorCode::kSnapshot, std::string("module ") + PyUnicode_AsUTF8(checked(PyObject_ASCII(name)).get()) +
                                          " waits for something at its top level that never comes");
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
  Entry entry(isolate_);
  if (isolate_.is_creator && !compat::module_namespaces_can_be_in_snapshots()) {
    throw Error(ErrorCode::kUnserializable, "this build of V8 dies of ES modules in a snapshot");
  }
  v8::Local<v8::Context> context = local();
  v8::Context::Scope scope(context);
  Graph graph(*this, resolve);
  v8::Local<v8::Module> module = graph.load(source, name);
  try {
    evaluate(*this, module, name, timeout);
  } catch (...) {
    graph.forget_failed(name);
    throw;
  }
  return to_python(*this, module->GetModuleNamespace());
}

}  // namespace v8snap
