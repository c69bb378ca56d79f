// rms_norm with one consumer, a fused linear, becomes that linear's prologue: the normalised row is quantised at once
// and never written.
#include "graph/rewrite.h"

namespace strata::graph {

Graph FuseNormLinear(const Graph& graph, const CostModel& cost, std::vector<PassNote>& notes) {
  constexpr std::string_view kName = "fuse-norm-linear";
  Graph out = graph;
  const std::vector<int> uses = graph.UseCounts();
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    const Node node = out.nodes[id];
    if (node.op != Op::kFusedLinear || HasAttribute(node, "norm_eps")) continue;
    const Node& norm = out.node(node.inputs[0]);
    if (norm.op != Op::kRmsNorm) continue;
    if (HasAttribute(norm, "group")) {
      notes.push_back({std::string(kName), node.name, false, fmt::format("%{} is not of whole rows", norm.name)});
      continue;
    }
    const int norm_uses = uses[static_cast<std::size_t>(node.inputs[0])];
    if (norm_uses != 1) {
      notes.push_back({std::string(kName), node.name, false,
                       fmt::format("%{} has {} uses: it would be computed as often", norm.name, norm_uses)});
      continue;
    }
    FusedLinearView view(node);
    view.x = norm.inputs[0];
    view.norm = norm.inputs[1];
    const std::string norm_name = norm.name;
    const std::int64_t saved = 2 * RowBytes(norm.type);
    Attributes attributes = node.attributes;
    attributes.insert_or_assign("norm_eps", norm.attributes.find("eps")->second);
    if (HasAttribute(norm, "offset"))
      attributes.insert_or_assign("norm_offset", norm.attributes.find("offset")->second);
    ReplaceUses(out, static_cast<ValueId>(id),
                out.Add(Op::kFusedLinear, FusedLinearInputs(view), std::move(attributes), node.type, node.name));
    notes.push_back({std::string(kName), node.name, true,
                     fmt::format("%{} is its prologue: saves 1 barrier ({:.1f} us) and {} bytes a row", norm_name,
                                 cost.barrier_seconds * 1e6, saved)});
  }
  return Canonicalize(out);
}

}  // namespace strata::graph
