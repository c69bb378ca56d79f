#include "graph/rewrite.h"

#include <algorithm>
#include <utility>

namespace strata::graph {

void ReplaceUses(Graph& graph, ValueId from, ValueId to) {
  for (Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  std::replace(graph.results.begin(), graph.results.end(), from, to);
}

Graph Canonicalize(const Graph& graph) {
  Graph out;
  out.name = graph.name;
  std::vector<ValueId> moved(graph.nodes.size(), -1);
  // Depth first without recursion: a deep model has thousands of nodes in one chain.
  std::vector<std::pair<ValueId, std::size_t>> stack;
  for (const ValueId result : graph.results) {
    stack.emplace_back(result, 0);
    while (!stack.empty()) {
      auto& [id, next] = stack.back();
      const Node& node = graph.node(id);
      if (moved[static_cast<std::size_t>(id)] >= 0) {
        stack.pop_back();
      } else if (next < node.inputs.size()) {
        const ValueId input = node.inputs[next++];
        if (moved[static_cast<std::size_t>(input)] < 0) stack.emplace_back(input, 0);
      } else {
        Node copy = node;
        for (ValueId& input : copy.inputs) input = moved[static_cast<std::size_t>(input)];
        moved[static_cast<std::size_t>(id)] = static_cast<ValueId>(out.nodes.size());
        out.nodes.push_back(std::move(copy));
        stack.pop_back();
      }
    }
    out.results.push_back(moved[static_cast<std::size_t>(result)]);
  }
  return out;
}

std::vector<std::vector<ValueId>> Users(const Graph& graph) {
  std::vector<std::vector<ValueId>> users(graph.nodes.size());
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    for (const ValueId input : graph.nodes[id].inputs) {
      auto& list = users[static_cast<std::size_t>(input)];
      if (list.empty() || list.back() != static_cast<ValueId>(id)) list.push_back(static_cast<ValueId>(id));
    }
  }
  return users;
}

std::int64_t Columns(const Type& type) { return type.dims.back().value; }

std::int64_t RowBytes(const Type& type) {
  return static_cast<std::int64_t>(BytesOf(type.dtype, static_cast<std::size_t>(Columns(type))));
}

FusedLinearView::FusedLinearView(const Node& node) : x(node.inputs[0]) {
  std::size_t at = 1;
  if (HasAttribute(node, "norm_eps")) norm = node.inputs[at++];
  const auto take = [&](std::vector<ValueId>& list, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) list.push_back(node.inputs[at++]);
  };
  take(weights, static_cast<std::size_t>(IntAttribute(node, "weights")));
  take(biases, static_cast<std::size_t>(IntAttribute(node, "biases")));
  take(extras, node.inputs.size() - at);
  combined = StringAttribute(node, "combine") == "map";
}

FusedAttentionView::FusedAttentionView(const Node& node) : qkv(node.inputs) {
  const auto take = [&](ValueId& last) {
    if (qkv.empty()) return;
    last = qkv.back();
    qkv.pop_back();
  };
  const bool normed = HasAttribute(node, "norm_eps"), rotated = HasAttribute(node, "layout");
  // One or three values to attend to: behind an even number of inputs sinks are left over.
  if ((qkv.size() - (normed ? 2 : 0) - (rotated ? 2 : 0)) % 2 == 0) take(sinks);
  if (rotated) {
    take(inv_freq);
    take(positions);
  }
  if (normed) {
    take(k_norm);
    take(q_norm);
  }
}

std::vector<ValueId> FusedAttentionInputs(const FusedAttentionView& view) {
  std::vector<ValueId> inputs = view.qkv;
  for (const ValueId id : {view.q_norm, view.k_norm, view.positions, view.inv_freq, view.sinks}) {
    if (id >= 0) inputs.push_back(id);
  }
  return inputs;
}

std::vector<ValueId> FusedLinearInputs(const FusedLinearView& view) {
  std::vector<ValueId> inputs = {view.x};
  if (view.norm >= 0) inputs.push_back(view.norm);
  for (const auto* list : {&view.weights, &view.biases, &view.extras})
    inputs.insert(inputs.end(), list->begin(), list->end());
  return inputs;
}

}  // namespace strata::graph
