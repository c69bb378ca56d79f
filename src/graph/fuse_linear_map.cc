// An elementwise map of a linear's value becomes its epilogue, applied to the accumulators while they are in L1. A map
// that takes several linears of the same input and size (gate and up) makes them one linear, interleaved by panels.
#include <algorithm>

#include "graph/expression.h"
#include "graph/rewrite.h"

namespace strata::graph {
namespace {

constexpr std::string_view kName = "fuse-linear-map";
constexpr std::size_t kMaxExtras = 4;  // kernels::Epilogue carries no more

struct Plan {
  std::vector<ValueId> linears;  ///< become the epilogue's accumulators, in the order of the map's inputs
  std::vector<ValueId> extras;
};

bool Fusable(const Graph& graph, const std::vector<int>& uses, ValueId id) {
  const Node& node = graph.node(id);
  return node.op == Op::kFusedLinear && !HasAttribute(node, "expr") && IntAttribute(node, "weights") == 1 &&
         uses[static_cast<std::size_t>(id)] == 1;
}

/// Linears of the map that share x, dtype and shape with the first one found; everything else is an extra.
Plan MakePlan(const Graph& graph, const std::vector<int>& uses, const Node& map) {
  Plan plan;
  for (const ValueId id : map.inputs) {
    const bool take = Fusable(graph, uses, id) && [&] {
      if (plan.linears.empty()) return true;
      const Node& first = graph.node(plan.linears.front());
      const Node& node = graph.node(id);
      return node.inputs[0] == first.inputs[0] && node.type == first.type &&
             node.inputs.size() == first.inputs.size() &&
             graph.node(node.inputs[1]).type == graph.node(first.inputs[1]).type;
    }();
    auto& list = take ? plan.linears : plan.extras;
    if (std::find(list.begin(), list.end(), id) == list.end()) list.push_back(id);
  }
  return plan;
}

}  // namespace

Graph FuseLinearMap(const Graph& graph, const CostModel& cost, std::vector<PassNote>& notes) {
  Graph out = graph;
  const std::vector<int> uses = graph.UseCounts();
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    const Node& map = graph.nodes[id];
    if (map.op != Op::kMap) continue;
    const Plan plan = MakePlan(graph, uses, map);
    const auto decline = [&](std::string reason) {
      notes.push_back({std::string(kName), map.name, false, std::move(reason)});
    };
    if (plan.linears.empty()) {
      decline("no input is a linear that only this map uses");
      continue;
    }
    if (plan.extras.size() + 1 > kMaxExtras) {
      decline(fmt::format("{} further inputs, an epilogue carries {}", plan.extras.size(), kMaxExtras - 1));
      continue;
    }
    const bool combined = plan.linears.size() > 1;
    if (combined && Columns(map.type) % 16 != 0) {
      decline(fmt::format("{} columns are not whole panels of 16", Columns(map.type)));
      continue;
    }
    const Result<Expression> expression = ParseExpression(StringAttribute(map, "expr"));
    if (!expression) continue;  // Verify has refused such a graph already
    // The epilogue's inputs: accumulators first, then extras. Bias is added by the linear itself, before.
    std::vector<int> position;
    for (const ValueId input : map.inputs) {
      const auto linear = std::find(plan.linears.begin(), plan.linears.end(), input);
      const auto extra = std::find(plan.extras.begin(), plan.extras.end(), input);
      position.push_back(linear != plan.linears.end()
                             ? static_cast<int>(linear - plan.linears.begin())
                             : static_cast<int>(plan.linears.size()) + static_cast<int>(extra - plan.extras.begin()));
    }
    Expression renumbered = *expression;
    for (ExpressionNode& node : renumbered.nodes) {
      if (node.kind == ExpressionNode::Kind::kInput) node.input = position[static_cast<std::size_t>(node.input)];
    }
    FusedLinearView view(out.node(plan.linears.front()));
    for (std::size_t i = 1; i < plan.linears.size(); ++i) {
      const FusedLinearView other(out.node(plan.linears[i]));
      view.weights.push_back(other.weights.front());
      view.biases.insert(view.biases.end(), other.biases.begin(), other.biases.end());
    }
    // Earlier rewrites may have replaced what this map takes: its current inputs are in `out`.
    for (const ValueId extra : plan.extras) {
      const auto slot = std::find(map.inputs.begin(), map.inputs.end(), extra) - map.inputs.begin();
      view.extras.push_back(out.nodes[id].inputs[static_cast<std::size_t>(slot)]);
    }
    Attributes attributes = {{"weights", static_cast<std::int64_t>(view.weights.size())},
                             {"biases", static_cast<std::int64_t>(view.biases.size())},
                             {"combine", std::string(combined ? "map" : "concat")},
                             {"expr", renumbered.ToString()}};
    const ValueId fused = out.Add(Op::kFusedLinear, FusedLinearInputs(view), std::move(attributes), map.type, map.name);
    ReplaceUses(out, static_cast<ValueId>(id), fused);
    const std::size_t barriers = plan.linears.size();
    notes.push_back(
        {std::string(kName), map.name, true,
         fmt::format("epilogue of {} linear{}: saves {} barriers ({:.1f} us) and {} bytes a row", plan.linears.size(),
                     combined ? "s" : "", barriers, static_cast<double>(barriers) * cost.barrier_seconds * 1e6,
                     2 * static_cast<std::int64_t>(plan.linears.size()) * RowBytes(map.type))});
  }
  return Canonicalize(out);
}

}  // namespace strata::graph
