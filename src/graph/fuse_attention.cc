// The norm of q's and k's heads, their rotation and attention become one operation, which does both while it writes the
// cache. When q, k and v are the slices of one linear, in that order, it takes that linear's value whole. What cannot
// be inside stays in front of it.
#include <algorithm>

#include "graph/rewrite.h"

namespace strata::graph {
namespace {

constexpr std::string_view kName = "fuse-attention";

/// q or k, and what of its making the attention does itself.
struct Operand {
  ValueId value;      ///< what is left to be made before
  ValueId rope = -1;  ///< the nodes that are taken in; -1: none
  ValueId norm = -1;
};

class AttentionFusion {
 public:
  AttentionFusion(const Graph& graph, const std::vector<std::vector<ValueId>>& users, const std::vector<int>& uses,
                  const Node& attention)
      : graph_(graph),
        users_(users),
        uses_(uses),
        attention_(attention),
        q_{attention.inputs[0]},
        k_{attention.inputs[1]} {}

  /// Takes in what both q and k have. Returns why it is not all of it; "" when it is.
  std::string Take() {
    if (const Op op = graph_.node(q_.value).op, other = graph_.node(k_.value).op;
        op == Op::kRope || other == Op::kRope) {
      if (op != other) return "q and k are not both rotated";
      if (!SameRope(graph_.node(q_.value), graph_.node(k_.value))) return "q and k are rotated differently";
      if (!OnlyUse(q_.value) || !OnlyUse(k_.value)) return "the rotated q or k has other uses";
      if (!MayOverwrite(graph_.node(q_.value).inputs[0])) return "what q is rotated from has other uses";
      TakeIn(&Operand::rope);
    }
    if (const Node &q = graph_.node(q_.value), &k = graph_.node(k_.value); IsHeadNorm(q) || IsHeadNorm(k)) {
      if (!IsHeadNorm(q) || !IsHeadNorm(k)) return "q's and k's heads are not both normed";
      if (!SameNorm(q, k)) return "q and k are normed differently";
      if (!OnlyUse(q_.value) || !OnlyUse(k_.value)) return "the normed q or k has other uses";
      if (!MayOverwrite(q.inputs[0])) return "what q is normed from has other uses";
      TakeIn(&Operand::norm);
    }
    return "";
  }

  /// The fused attention's node for `out`, which begins with the nodes of `graph`.
  ValueId Add(Graph& out) const {
    FusedAttentionView view;
    view.qkv = {q_.value, k_.value, attention_.inputs[2]};
    if (const ValueId source = CommonSource(view.qkv); source >= 0) view.qkv = {source};
    Attributes attributes = attention_.attributes;
    if (rotated()) {
      const Node& rope = graph_.node(q_.rope);
      view.positions = rope.inputs[1];
      view.inv_freq = rope.inputs[2];
      attributes.insert_or_assign("layout", rope.attributes.find("layout")->second);
      attributes.insert_or_assign("rope_scale", rope.attributes.find("scale")->second);
    }
    if (normed()) {
      const Node& norm = graph_.node(q_.norm);
      view.q_norm = norm.inputs[1];
      view.k_norm = graph_.node(k_.norm).inputs[1];
      attributes.insert_or_assign("norm_eps", norm.attributes.find("eps")->second);
      if (HasAttribute(norm, "offset"))
        attributes.insert_or_assign("norm_offset", norm.attributes.find("offset")->second);
    }
    if (attention_.inputs.size() == 4) view.sinks = attention_.inputs[3];
    return out.Add(Op::kFusedAttention, FusedAttentionInputs(view), std::move(attributes), attention_.type,
                   attention_.name);
  }

  std::string Gain(const CostModel& cost) const {
    const int parts = (rotated() ? 2 : 0) + (normed() ? 2 : 0);
    const bool whole = CommonSource({q_.value, k_.value, attention_.inputs[2]}) >= 0;
    const std::int64_t bytes =
        RowBytes(graph_.node(attention_.inputs[0]).type) + RowBytes(graph_.node(attention_.inputs[1]).type);
    return fmt::format("{}{}cache write inside{}: saves {} barriers ({:.1f} us) and {} bytes a row",
                       normed() ? rotated() ? "norm of heads, " : "norm of heads and " : "",
                       rotated() ? "rope and " : "", whole ? ", qkv as one" : "", parts,
                       parts * cost.barrier_seconds * 1e6, parts * bytes);
  }

 private:
  bool rotated() const { return q_.rope >= 0; }
  bool normed() const { return q_.norm >= 0; }

  void TakeIn(ValueId Operand::* part) {
    for (Operand* operand : {&q_, &k_}) {
      operand->*part = operand->value;
      operand->value = graph_.node(operand->value).inputs[0];
    }
  }

  bool OnlyUse(ValueId id) const { return uses_[static_cast<std::size_t>(id)] == 1; }

  /// Whether nobody else reads `id`, nor columns that it shares with others: q changes where it lies.
  bool MayOverwrite(ValueId id) const {
    const Node& node = graph_.node(id);
    if (!OnlyUse(id) || node.op != Op::kSlice) return OnlyUse(id);
    return std::ranges::all_of(users_[static_cast<std::size_t>(node.inputs[0])], [&](ValueId user) {
      const Node& other = graph_.node(user);
      return user == id || (other.op == Op::kSlice &&
                            (IntAttribute(other, "offset") >= IntAttribute(node, "offset") + Columns(node.type) ||
                             IntAttribute(node, "offset") >= IntAttribute(other, "offset") + Columns(other.type)));
    });
  }

  bool IsHeadNorm(const Node& node) const {
    return node.op == Op::kRmsNorm && HasAttribute(node, "group") &&
           IntAttribute(node, "group") == IntAttribute(attention_, "head_dim");
  }

  static bool SameRope(const Node& q, const Node& k) {
    for (const std::string_view key : {"layout", "head_dim", "scale"}) {
      if (q.attributes.find(key)->second != k.attributes.find(key)->second) return false;
    }
    return q.inputs[1] == k.inputs[1] && q.inputs[2] == k.inputs[2];
  }
  static bool SameNorm(const Node& q, const Node& k) { return q.attributes == k.attributes; }

  /// The value that q, k, v cut up completely and in order; -1 when there is none.
  ValueId CommonSource(const std::vector<ValueId>& parts) const {
    const ValueId source = graph_.node(parts[0]).op == Op::kSlice ? graph_.node(parts[0]).inputs[0] : -1;
    std::int64_t offset = 0;
    for (const ValueId id : parts) {
      const Node& slice = graph_.node(id);
      if (slice.op != Op::kSlice || slice.inputs[0] != source || IntAttribute(slice, "offset") != offset) return -1;
      offset += IntAttribute(slice, "length");
    }
    return source >= 0 && offset == Columns(graph_.node(source).type) ? source : -1;
  }

  const Graph& graph_;
  const std::vector<std::vector<ValueId>>& users_;
  const std::vector<int>& uses_;
  const Node& attention_;
  Operand q_, k_;
};

}  // namespace

Graph FuseAttention(const Graph& graph, const CostModel& cost, std::vector<PassNote>& notes) {
  Graph out = graph;
  const auto users = Users(graph);
  const std::vector<int> uses = graph.UseCounts();
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    const Node& attention = graph.nodes[id];
    if (attention.op != Op::kAttention) continue;
    AttentionFusion fusion(graph, users, uses, attention);
    const std::string left = fusion.Take();
    ReplaceUses(out, static_cast<ValueId>(id), fusion.Add(out));
    notes.push_back({std::string(kName), attention.name, true, fusion.Gain(cost)});
    if (!left.empty()) notes.push_back({std::string(kName), attention.name, false, left});
  }
  return Canonicalize(out);
}

}  // namespace strata::graph
