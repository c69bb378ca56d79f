#include "graph/provenance.h"

#include <algorithm>
#include <cstddef>

namespace strata::graph {
namespace {

bool Computes(const Node& node) { return node.op != Op::kInput && node.op != Op::kWeight && node.op != Op::kConstant; }

/// Only reads what is there: an argmax that its linear keeps, a slice.
bool IsKept(const Graph& graph, const Node& node) {
  return node.op == Op::kSlice || (node.op == Op::kArgmax && HasAttribute(graph.node(node.inputs[0]), "argmax"));
}

}  // namespace

std::map<std::string, std::vector<std::string>> Provenance(const Graph& built, const Graph& fused) {
  std::map<std::string, std::vector<std::string>> found;
  std::map<std::string, std::string> by_name;
  std::map<std::string, std::string> by_weight;  // of the last node that takes it: embeddings keep their own name
  std::string gather;                            // the first: a pass puts others in the place of the model's own
  for (const Node& node : fused.nodes) {
    if (!Computes(node)) continue;
    by_name[node.name] = IsKept(fused, node) ? by_name.at(fused.node(node.inputs[0]).name) : node.name;
    if (!IsKept(fused, node)) found[node.name];
    if (node.op == Op::kGatherRows && gather.empty()) gather = node.name;
    for (const ValueId input : node.inputs) {
      if (fused.node(input).op == Op::kWeight) by_weight[fused.node(input).name] = node.name;
    }
  }
  // From the results back: where a node's user went is known before the node is looked at.
  std::vector<std::string> went(built.nodes.size());
  for (std::size_t id = built.nodes.size(); id-- > 0;) {
    const Node& node = built.nodes[id];
    if (!Computes(node)) continue;
    if (const auto same = by_name.find(node.name); same != by_name.end()) {
      went[id] = same->second;
    } else if (node.op == Op::kGatherRows) {
      went[id] = gather;
    } else {
      for (const ValueId input : node.inputs) {
        const Node& weight = built.node(input);
        if (weight.op == Op::kWeight && by_weight.contains(weight.name)) went[id] = by_weight[weight.name];
      }
    }
    if (!went[id].empty()) found[went[id]].push_back(node.name);
    for (const ValueId input : node.inputs) {
      std::string& place = went[static_cast<std::size_t>(input)];
      if (place.empty()) place = went[id];
    }
  }
  for (auto& [name, sources] : found) std::ranges::reverse(sources);
  return found;
}

}  // namespace strata::graph
