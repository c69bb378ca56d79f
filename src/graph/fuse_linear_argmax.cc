// The argmax of a linear's rows is kept by its epilogue while the tiles are in L1: no second pass over the vocabulary,
// and rows of which nothing else is wanted never write their logits.
#include "graph/rewrite.h"

namespace strata::graph {

Graph FuseLinearArgmax(const Graph& graph, const CostModel& cost, std::vector<PassNote>& notes) {
  constexpr std::string_view kName = "fuse-linear-argmax";
  Graph out = graph;
  for (const Node& node : graph.nodes) {
    if (node.op != Op::kArgmax) continue;
    Node& linear = out.node(node.inputs[0]);
    if (HasAttribute(linear, "argmax")) continue;
    if (linear.op != Op::kFusedLinear || FusedLinearView(linear).combined) {
      notes.push_back(
          {std::string(kName), node.name, false, fmt::format("%{} is not one linear's value", linear.name)});
      continue;
    }
    linear.attributes.emplace("argmax", std::int64_t{1});
    notes.push_back({std::string(kName), node.name, true,
                     fmt::format("kept by the epilogue of %{}: saves 1 barrier ({:.1f} us) and {} bytes a row",
                                 linear.name, cost.barrier_seconds * 1e6, RowBytes(linear.type))});
  }
  return out;
}

}  // namespace strata::graph
