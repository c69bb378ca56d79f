#include "quantize/linear_weights.h"

#include <algorithm>
#include <set>

#include "graph/rewrite.h"

namespace strata::quantize {
namespace {

/// Of every value whether another row's values come to depend on it.
std::vector<bool> ReachOtherRows(const graph::Graph& graph, const std::vector<std::vector<graph::ValueId>>& users) {
  std::vector<bool> reach(graph.nodes.size());
  for (std::size_t id = graph.nodes.size(); id-- > 0;) {
    reach[id] = std::ranges::any_of(users[id], [&](graph::ValueId user) {
      const graph::Op op = graph.node(user).op;
      return reach[static_cast<std::size_t>(user)] || op == graph::Op::kAttention ||
             op == graph::Op::kLatentAttention || op == graph::Op::kPool;
    });
  }
  return reach;
}

}  // namespace

LinearWeights FindLinearWeights(const graph::Graph& graph, const ModelFile& tensors) {
  LinearWeights found;
  std::set<std::string> seen;
  const auto users = graph::Users(graph);
  const std::vector<bool> reach = ReachOtherRows(graph, users);
  const auto name_of = [&](graph::ValueId weight) -> const std::string& {
    return graph::StringAttribute(graph.node(weight), "name");
  };
  const auto add = [&](std::vector<std::string>& to, const std::string& name) {
    if (seen.insert(name).second) to.push_back(name);
  };
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    const graph::Node& node = graph.nodes[id];
    if (node.op == graph::Op::kExperts) {
      for (std::size_t stack = 2; stack < 5; ++stack) {
        const graph::Node& weight = graph.node(node.inputs[stack]);
        for (std::int64_t e = 0; e < weight.type.dims.front().value; ++e) {
          add(found.hidden, tensors.FindExpert(name_of(node.inputs[stack]), e)->name);
        }
      }
    }
    if (node.op != graph::Op::kLinear) continue;
    const bool routes =
        std::ranges::any_of(users[id], [&](graph::ValueId user) { return graph.node(user).op == graph::Op::kRoute; });
    const bool head = node.type.dims.front().symbol == 'R';
    if (!routes && !head && !reach[id]) found.by_row.insert(name_of(node.inputs[1]));
    add(routes ? found.routers : head ? found.heads : found.hidden, name_of(node.inputs[1]));
  }
  return found;
}

}  // namespace strata::quantize
