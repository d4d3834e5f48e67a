// What in a heap V8 would die of when it makes a snapshot, and the JavaScript path to each.
//
// The paths come from V8's heap profiler: it sees closures, private fields and entries of maps as well, and runs none
// of the heap's code.
#include <v8-profiler.h>

#include <queue>
#include <set>
#include <tuple>

#include "internal.hpp"

namespace v8snap {

namespace {

using Node = v8::HeapGraphNode;
using Edge = v8::HeapGraphEdge;

constexpr double kMostBufferBytes = 4294967295.0;  // V8 writes a buffer's sizes as 32-bit numbers
constexpr size_t kMostHeap = size_t{512} << 20;  // a heap larger than this isn't searched: that takes several times it

// Of a node or an edge.
template <class Named>
std::string name_of(v8::Isolate* isolate, const Named& item) {
  v8::HandleScope handles(isolate);
  v8::String::Utf8Value text(isolate, item.GetName());
  return *text != nullptr ? std::string(*text, static_cast<size_t>(text.length())) : std::string();
}

bool is_identifier(const std::string& name) {
  const auto fits = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), fits);
}

// V8's profile of the heap, deleted with this.
class Profile {
 public:
  Profile(v8::Isolate* isolate, const std::vector<v8::Local<v8::UnboundScript>>& scripts) : isolate_(isolate) {
    // V8 looks up the line of each function, and counts from its script's first one where that has no table of lines.
    for (v8::Local<v8::UnboundScript> script : scripts) (void)script->GetLineNumber(0);
    snapshot_ = isolate->GetHeapProfiler()->TakeHeapSnapshot();
  }
  ~Profile() { const_cast<v8::HeapSnapshot*>(snapshot_)->Delete(); }
  Profile(const Profile&) = delete;

  const v8::HeapSnapshot* operator->() const { return snapshot_; }
  const Node* node_of(v8::Local<v8::Value> value) const {
    return snapshot_->GetNodeById(isolate_->GetHeapProfiler()->GetObjectId(value));
  }

  // What V8's own handles keep alive, or look at: the native half of Intl objects is among it.
  std::set<const Node*> native_parts() const {
    std::set<const Node*> parts;
    for (int i = 0; i < snapshot_->GetNodesCount(); ++i) {
      const Node* node = snapshot_->GetNode(i);
      if (node->GetType() != Node::kSynthetic || name_of(isolate_, *node) != "(Global handles)") continue;
      for (int j = 0; j < node->GetChildrenCount(); ++j) {
        const Node* part = node->GetChild(j)->GetToNode();
        if (name_of(isolate_, *part) == "system / Foreign") parts.insert(part);
      }
    }
    return parts;
  }

 private:
  v8::Isolate* isolate_;
  const v8::HeapSnapshot* snapshot_;
};

// The shortest path from the roots to each node, properties rather than V8's inner references. Names of edges are
// asked for only along the paths that are wanted: V8 makes a string of each.
class Paths {
 public:
  Paths(v8::Isolate* isolate, const Profile& profile, const std::vector<HeapRoot>& roots) : isolate_(isolate) {
    for (const HeapRoot& root : roots) {
      if (root.value.IsEmpty() || !root.value->IsObject()) continue;
      const Node* node = profile.node_of(root.value);
      if (node == nullptr) continue;
      if (reached_.emplace(node, Step{nullptr, nullptr, 0, &root}).second) wait(0, node);
    }
    while (!waiting_.empty()) {
      const auto [cost, order, node] = waiting_.top();
      waiting_.pop();
      if (cost == reached_.at(node).cost) follow(node, cost);
    }
  }

  bool reaches(const Node* node) const { return reached_.count(node) != 0; }

  std::pair<std::string, int> path_to(const Node* node) const {
    std::vector<const Edge*> edges;
    const Step* step = &reached_.at(node);
    for (; step->from != nullptr; step = &reached_.at(step->from)) edges.push_back(step->edge);
    PathText text{step->root->label, ""};
    for (auto edge = edges.rbegin(); edge != edges.rend(); ++edge) append(text, **edge);
    return {text.path + text.inner, step->root->context};
  }

 private:
  struct Step {
    const Node* from;
    const Edge* edge;
    int cost;
    const HeapRoot* root;  // where nothing is before it
  };
  struct PathText {
    std::string path;
    std::string inner;  // what V8's inner references since the last property mean
  };

  void wait(int cost, const Node* node) { waiting_.push({cost, waited_++, node}); }

  void follow(const Node* node, int cost) {
    for (int i = 0; i < node->GetChildrenCount(); ++i) {
      const Edge* edge = node->GetChild(i);
      const Edge::Type type = edge->GetType();
      if (type == Edge::kWeak || type == Edge::kShortcut) continue;
      const bool named = type == Edge::kElement || type == Edge::kContextVariable || type == Edge::kProperty;
      const Step step{node, edge, cost + (named ? 10 : 12), nullptr};
      auto [known, is_new] = reached_.emplace(edge->GetToNode(), step);
      if (!is_new && step.cost >= known->second.cost) continue;
      known->second = step;
      wait(step.cost, edge->GetToNode());
    }
  }

  void append(PathText& text, const Edge& edge) const {
    const std::string name = name_of(isolate_, edge);
    switch (edge.GetType()) {
      case Edge::kElement:
        text = {text.path + text.inner + "[" + name + "]", ""};
        break;
      case Edge::kProperty:
        if (name == "__proto__" && text.path == "globalThis") break;  // V8's global object behind its proxy
        text = {text.path + text.inner + property_text(name), ""};
        break;
      case Edge::kContextVariable:
        // The global object's own context variables are the scripts' lexical bindings.
        text = {text.path == "globalThis" ? name : text.path + ".[[Scopes]]." + name, ""};
        break;
      default:
        if (const char* meaning = inner_text(name)) text.inner = meaning;
    }
  }

  static std::string property_text(const std::string& name) {
    constexpr const char* kSymbol = "<symbol ";
    if (name.rfind(kSymbol, 0) == 0) return "[Symbol(" + name.substr(8, name.size() - 9) + ")]";
    if (is_identifier(name) || (name.size() > 1 && name[0] == '#')) return "." + name;
    return "[\"" + name + "\"]";
  }

  // For V8's names of inner references that mean something in JavaScript.
  static const char* inner_text(const std::string& name) {
    if (name == "table") return ".[[Entries]]";
    if (name == "reactions_or_result") return ".[[PromiseResult]]";
    if (name == "bound_this") return ".[[BoundThis]]";
    if (name == "bound_arguments") return ".[[BoundArgs]]";
    return nullptr;
  }

  v8::Isolate* isolate_;
  std::unordered_map<const Node*, Step> reached_;
  using Waiting = std::tuple<int, int, const Node*>;  // cost; of the same cost, first come, first served
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;
  int waited_ = 0;
};

// One context of the blob, and what it leads to.
struct Part {
  Part(v8::Isolate* isolate, const Profile& profile, const std::vector<HeapRoot>& roots)
      : global(profile.node_of(roots.front().value)), paths(isolate, profile, roots) {}

  // A native context leads to its own global object, and to no other.
  bool owns(const Node& native_context) const {
    for (int i = 0; i < native_context.GetChildrenCount(); ++i) {
      if (native_context.GetChild(i)->GetToNode() == global) return true;
    }
    return false;
  }

  const Node* global;
  Paths paths;
};

// Whether it is an ArrayBuffer with memory of its own outside the heap.
bool has_backing_store(v8::Isolate* isolate, const Node& node) {
  for (int i = 0; i < node.GetChildrenCount(); ++i) {
    const Node* part = node.GetChild(i)->GetToNode();
    if (part->GetType() == Node::kNative && name_of(isolate, *part) == "system / JSArrayBufferData") return true;
  }
  return false;
}

}  // namespace

bool has_large_buffers(v8::Isolate* isolate) { return !compat::buffers_larger_than(isolate, kMostBufferBytes).empty(); }

std::vector<HeapObstacle> find_foreign_objects(v8::Isolate* isolate, const std::vector<HeapRoot>& roots,
                                               const std::vector<v8::Local<v8::UnboundScript>>& scripts) {
  const Profile profile(isolate, scripts);
  std::map<int, std::vector<HeapRoot>> by_context;
  for (const HeapRoot& root : roots) by_context[root.context].push_back(root);
  std::vector<Part> parts;
  for (const auto& [index, own] : by_context) parts.emplace_back(isolate, profile, own);
  std::vector<HeapObstacle> found;
  const auto add = [&](const Part& part, const Node* node, const char* what) {
    const auto [path, context] = part.paths.path_to(node);
    found.push_back({path.substr(0, path.find(".__proto__")), what, context});
  };
  for (int i = 0; i < profile->GetNodesCount(); ++i) {
    const Node* node = profile->GetNode(i);
    std::vector<const Part*> reaching;
    for (const Part& part : parts) {
      if (part.paths.reaches(node)) reaching.push_back(&part);
    }
    if (reaching.empty()) continue;
    if (name_of(isolate, *node) == "system / NativeContext") {
      for (const Part* part : reaching) {
        if (!part->owns(*node)) add(*part, node, kForeign);
      }
    } else if (reaching.size() > 1 && has_backing_store(isolate, *node)) {
      add(*reaching.back(), node, kShared);
    }
  }
  return found;
}

std::vector<HeapObstacle> find_heap_obstacles(v8::Isolate* isolate, const std::vector<HeapRoot>& roots,
                                              const std::vector<v8::Local<v8::UnboundScript>>& scripts) {
  std::vector<v8::Local<v8::Object>> buffers = compat::buffers_larger_than(isolate, kMostBufferBytes);
  v8::HeapStatistics statistics;
  isolate->GetHeapStatistics(&statistics);
  std::vector<HeapObstacle> found;
  if (statistics.used_heap_size() > kMostHeap) {
    if (!buffers.empty()) found.push_back({"", "ArrayBuffer", -1});
    return found;
  }
  const Profile profile(isolate, scripts);
  const Paths paths(isolate, profile, roots);
  const auto add = [&](const Node* node, const std::string& what) {
    const auto [path, context] = paths.reaches(node) ? paths.path_to(node) : std::make_pair(std::string(), -1);
    found.push_back({path, what, context});
  };
  for (v8::Local<v8::Object> buffer : buffers) {
    if (const Node* node = profile.node_of(buffer)) add(node, "ArrayBuffer");
  }
  const std::set<const Node*> parts = profile.native_parts();
  for (int i = 0; i < profile->GetNodesCount() && !parts.empty(); ++i) {
    const Node* node = profile->GetNode(i);
    if (node->GetType() == Node::kSynthetic) continue;
    for (int j = 0; j < node->GetChildrenCount(); ++j) {
      if (parts.count(node->GetChild(j)->GetToNode()) == 0) continue;
      add(node, name_of(isolate, *node));
      break;
    }
  }
  return found;
}

}  // namespace v8snap
