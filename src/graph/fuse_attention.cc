// rope(q), rope(k) and attention become one operation, which rotates while it writes the cache. When q, k and v are the
// slices of one linear, in that order, it takes that linear's value whole.
#include "graph/rewrite.h"

namespace strata::graph {
namespace {

constexpr std::string_view kName = "fuse-attention";

bool SameRope(const Node& q, const Node& k) {
  for (const std::string_view key : {"layout", "head_dim", "scale"}) {
    if (q.attributes.find(key)->second != k.attributes.find(key)->second) return false;
  }
  return q.inputs[1] == k.inputs[1] && q.inputs[2] == k.inputs[2];
}

/// The value that q, k, v cut up completely and in order; -1 when there is none.
ValueId CommonSource(const Graph& graph, const std::vector<ValueId>& parts) {
  const ValueId source = graph.node(parts[0]).op == Op::kSlice ? graph.node(parts[0]).inputs[0] : -1;
  std::int64_t offset = 0;
  for (const ValueId id : parts) {
    const Node& slice = graph.node(id);
    if (slice.op != Op::kSlice || slice.inputs[0] != source || IntAttribute(slice, "offset") != offset) return -1;
    offset += IntAttribute(slice, "length");
  }
  return source >= 0 && offset == Columns(graph.node(source).type) ? source : -1;
}

}  // namespace

Graph FuseAttention(const Graph& graph, const CostModel& cost, std::vector<PassNote>& notes) {
  Graph out = graph;
  const std::vector<int> uses = graph.UseCounts();
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    const Node& attention = graph.nodes[id];
    if (attention.op != Op::kAttention) continue;
    const Node& q = graph.node(attention.inputs[0]);
    const Node& k = graph.node(attention.inputs[1]);
    const auto decline = [&](std::string reason) {
      notes.push_back({std::string(kName), attention.name, false, std::move(reason)});
    };
    if (q.op != Op::kRope || k.op != Op::kRope) {
      decline("q and k are not both rotated");
      continue;
    }
    if (uses[static_cast<std::size_t>(attention.inputs[0])] != 1 ||
        uses[static_cast<std::size_t>(attention.inputs[1])] != 1) {
      decline("the rotated q or k has other uses");
      continue;
    }
    if (!SameRope(q, k)) {
      decline("q and k are rotated differently");
      continue;
    }
    std::vector<ValueId> inputs = {q.inputs[0], k.inputs[0], attention.inputs[2]};
    if (const ValueId source = CommonSource(graph, inputs); source >= 0) inputs = {source};
    const bool whole = inputs.size() == 1;
    inputs.insert(inputs.end(), {q.inputs[1], q.inputs[2]});
    Attributes attributes = attention.attributes;
    attributes.insert_or_assign("layout", q.attributes.find("layout")->second);
    attributes.insert_or_assign("rope_scale", q.attributes.find("scale")->second);
    ReplaceUses(out, static_cast<ValueId>(id),
                out.Add(Op::kFusedAttention, std::move(inputs), std::move(attributes), attention.type, attention.name));
    notes.push_back({std::string(kName), attention.name, true,
                     fmt::format("rope and cache write inside{}: saves 2 barriers ({:.1f} us) and {} bytes a row",
                                 whole ? ", qkv as one" : "", 2 * cost.barrier_seconds * 1e6,
                                 2 * (RowBytes(q.type) + RowBytes(k.type)))});
  }
  return Canonicalize(out);
}

}  // namespace strata::graph
