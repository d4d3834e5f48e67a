// ES modules: compiled with all they import, linked, evaluated.
#include <map>

#include "internal.hpp"

namespace v8snap {

namespace {

// One module graph while it is loaded. V8's resolve callback has no argument of ours: the graph is found through
// `g_linking`, which is of the thread because linking calls nobody else.
class Graph {
 public:
  Graph(ContextImpl& context, PyObject* resolve)
      : context_(context), isolate_(context.isolate().v8), local_(context.local()), resolve_(resolve) {}

  v8::Local<v8::Module> load(PyObject* source, PyObject* name) {
    v8::Local<v8::Module> root = compile(source, name);
    // Breadth first; `modules_` grows while it is walked.
    for (size_t i = 0; i < modules_.size(); ++i) load_imports(i);
    return root;
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

 private:
  struct Loaded {
    v8::Local<v8::Module> module;
    PyRef name;
    std::map<std::u16string, size_t> imports;
  };

  v8::Local<v8::Module> compile(PyObject* source, PyObject* name) {
    v8::ScriptOrigin origin = compat::script_origin(isolate_, string_from_python(isolate_, name), true);
    v8::ScriptCompiler::Source text(string_from_python(isolate_, source), origin);
    v8::Local<v8::Module> module =
        run_js(context_, 0, [&] { return v8::ScriptCompiler::CompileModule(isolate_, &text); });
    modules_.push_back({module, PyRef::borrow(name), {}});
    return module;
  }

  void load_imports(size_t importer) {
    v8::Local<v8::FixedArray> requests = modules_[importer].module->GetModuleRequests();
    for (int i = 0; i < requests->Length(); ++i) {
      v8::Local<v8::String> specifier = compat::module_request_specifier(local_, requests, i);
      PyRef text = checked(string_to_python(isolate_, specifier));
      const size_t index = resolve(text.get(), modules_[importer].name.get());
      modules_[importer].imports[units(isolate_, specifier)] = index;
    }
  }

  // resolve(specifier, importer) gives (name, source); a name that is loaded already is the same module.
  size_t resolve(PyObject* specifier, PyObject* importer) {
    PyRef found = checked(PyObject_CallFunctionObjArgs(resolve_, specifier, importer, nullptr));
    PyObject *name, *source;
    if (PyArg_ParseTuple(found.get(), "UU", &name, &source) == 0) throw PythonError();
    for (size_t i = 0; i < modules_.size(); ++i) {
      if (PyUnicode_Compare(modules_[i].name.get(), name) == 0) return i;
    }
    compile(source, name);
    return modules_.size() - 1;
  }

  static std::u16string units(v8::Isolate* isolate, v8::Local<v8::String> string) {
    const v8::String::Value value(isolate, string);
    return {reinterpret_cast<const char16_t*>(*value), static_cast<size_t>(value.length())};
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

}  // namespace

PyObject* ContextImpl::import_module(PyObject* source, PyObject* name, PyObject* resolve, double timeout) {
  Entry entry(isolate_);
  if (isolate_.is_creator) {
    throw Error(ErrorCode::kSnapshot, "modules can't be imported while a snapshot is built");
  }
  v8::Local<v8::Context> context = local();
  v8::Context::Scope scope(context);
  Graph graph(*this, resolve);
  v8::Local<v8::Module> module = graph.load(source, name);
  graph.link(module);
  v8::Local<v8::Value> settled = run_js(*this, timeout, [&] { return module->Evaluate(context); });
  auto promise = settled.As<v8::Promise>();
  if (module->GetStatus() == v8::Module::kErrored || promise->State() == v8::Promise::kRejected) {
    promise->MarkAsHandled();
    v8::TryCatch caught(isolate_.v8);
    isolate_.v8->ThrowException(promise->State() == v8::Promise::kRejected ? promise->Result()
                                                                           : module->GetException());
    check_run(*this, caught, true);
  }
  if (promise->State() == v8::Promise::kPending) {
    throw Error(ErrorCode::kInternal, "the module waits for something at its top level that never comes");
  }
  return to_python(*this, module->GetModuleNamespace());
}

}  // namespace v8snap
