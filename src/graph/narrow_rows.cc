// Behind the last operation that mixes tokens, only the rows that are wanted are computed: gather_rows moves up through
// everything that gives each row of its value out of that row of its inputs.
#include <algorithm>
#include <optional>

#include "graph/rewrite.h"

namespace strata::graph {
namespace {

bool IsRowByRow(Op op) {
  switch (op) {
    case Op::kRmsNorm:
    case Op::kLayerNorm:
    case Op::kLinear:
    case Op::kMap:
    case Op::kSlice:
    case Op::kConcat:
    case Op::kRoute:
    case Op::kExperts:
      return true;
    default:
      return false;
  }
}

/// A value that nothing but gathers of the same rows read, and those.
struct Narrowed {
  ValueId value;
  std::vector<ValueId> gathers;
};

std::optional<Narrowed> FindNarrowed(const Graph& graph) {
  const std::vector<std::vector<ValueId>> users = Users(graph);
  for (std::size_t id = graph.nodes.size(); id-- > 0;) {
    const auto value = static_cast<ValueId>(id);
    if (!IsRowByRow(graph.node(value).op) || users[id].empty() || std::ranges::contains(graph.results, value)) continue;
    const ValueId rows = graph.node(users[id].front()).inputs.back();
    const bool narrowed = std::ranges::all_of(users[id], [&](ValueId user) {
      const Node& node = graph.node(user);
      return node.op == Op::kGatherRows && node.inputs[1] == rows && !HasAttribute(node, "keep_input");
    });
    if (narrowed) return Narrowed{value, users[id]};
  }
  return std::nullopt;
}

}  // namespace

Graph NarrowRows(const Graph& graph, const CostModel&, std::vector<PassNote>& notes) {
  Graph out = graph;
  int narrowed = 0;
  while (const std::optional<Narrowed> found = FindNarrowed(out)) {
    Node node = out.node(found->value);
    const Node gather = out.node(found->gathers.front());
    const Dim all = node.type.dims.front(), wanted = gather.type.dims.front();
    for (ValueId& input : node.inputs) {
      Type type = out.node(input).type;
      if (type.dims.size() != 2 || type.dims.front() != all) continue;  // a weight
      type.dims.front() = wanted;
      const std::vector<ValueId> of = {input, gather.inputs[1]};
      const auto same = std::ranges::find_if(
          out.nodes, [&](const Node& other) { return other.op == Op::kGatherRows && other.inputs == of; });
      input = same != out.nodes.end()
                  ? static_cast<ValueId>(same - out.nodes.begin())
                  : out.Add(Op::kGatherRows, of, {}, std::move(type), out.node(input).name + "_wanted");
    }
    node.type.dims.front() = wanted;
    const ValueId moved = out.Add(node.op, node.inputs, node.attributes, node.type, node.name);
    for (const ValueId each : found->gathers) ReplaceUses(out, each, moved);
    out = Canonicalize(out);
    ++narrowed;
  }
  if (narrowed > 0) {
    notes.push_back({"narrow-rows", graph.name, true,
                     fmt::format("{} values are computed of the rows alone that are wanted", narrowed)});
  }
  return out;
}

}  // namespace strata::graph
