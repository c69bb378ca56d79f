// map(..., map(...), ...) with the inner one used only there -> one map.
#include <algorithm>

#include "graph/expression.h"
#include "graph/rewrite.h"

namespace strata::graph {
namespace {

constexpr std::size_t kMaxInputs = 6;  // epilogues carry at most four extras beside one or two accumulators

}  // namespace

Graph FuseElementwise(const Graph& graph, const CostModel&, std::vector<PassNote>& notes) {
  Graph out = graph;
  for (bool changed = true; changed;) {
    changed = false;
    const std::vector<int> uses = out.UseCounts();
    for (std::size_t outer_id = 0; outer_id < out.nodes.size() && !changed; ++outer_id) {
      const Node outer = out.nodes[outer_id];
      if (outer.op != Op::kMap) continue;
      for (std::size_t slot = 0; slot < outer.inputs.size() && !changed; ++slot) {
        const Node inner = out.node(outer.inputs[slot]);
        if (inner.op != Op::kMap) continue;
        const auto decline = [&](std::string reason) {
          notes.push_back({"fuse-elementwise", outer.name, false, std::move(reason)});
        };
        if (uses[static_cast<std::size_t>(outer.inputs[slot])] != 1) {
          decline(fmt::format("%{} has other uses", inner.name));
          continue;
        }
        if (inner.type.dims.size() != outer.type.dims.size()) continue;  // a broadcast row stays its own value
        std::vector<ValueId> inputs;
        const auto index_of = [&](ValueId id) {
          const auto found = std::find(inputs.begin(), inputs.end(), id);
          if (found != inputs.end()) return static_cast<int>(found - inputs.begin());
          inputs.push_back(id);
          return static_cast<int>(inputs.size()) - 1;
        };
        std::vector<int> outer_inputs;
        for (std::size_t i = 0; i < outer.inputs.size(); ++i)
          outer_inputs.push_back(i == slot ? 0 : index_of(outer.inputs[i]));
        std::vector<int> inner_inputs;
        for (const ValueId id : inner.inputs) inner_inputs.push_back(index_of(id));
        if (inputs.size() > kMaxInputs) {
          decline(fmt::format("{} inputs, at most {} fit one kernel", inputs.size(), kMaxInputs));
          continue;
        }
        const Result<Expression> outer_expression = ParseExpression(StringAttribute(outer, "expr"));
        const Result<Expression> inner_expression = ParseExpression(StringAttribute(inner, "expr"));
        if (!outer_expression || !inner_expression) continue;  // Verify has refused such a graph already
        const Expression fused =
            Substitute(*outer_expression, static_cast<int>(slot), *inner_expression, outer_inputs, inner_inputs);
        const ValueId id = out.Add(Op::kMap, inputs, {{"expr", fused.ToString()}}, outer.type, outer.name);
        ReplaceUses(out, static_cast<ValueId>(outer_id), id);
        notes.push_back(
            {"fuse-elementwise", outer.name, true,
             fmt::format("takes in %{}: saves 1 barrier and {} bytes a row", inner.name, 2 * RowBytes(inner.type))});
        out = Canonicalize(out);
        changed = true;
      }
    }
  }
  return out;
}

}  // namespace strata::graph
