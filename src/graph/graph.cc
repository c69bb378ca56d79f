#include "graph/graph.h"

#include <cassert>

namespace strata::graph {

std::string_view ToString(Op op) {
  switch (op) {
    case Op::kInput:
      return "input";
    case Op::kWeight:
      return "weight";
    case Op::kConstant:
      return "constant";
    case Op::kEmbed:
      return "embed";
    case Op::kRmsNorm:
      return "rms_norm";
    case Op::kLayerNorm:
      return "layer_norm";
    case Op::kLinear:
      return "linear";
    case Op::kRope:
      return "rope";
    case Op::kAttention:
      return "attention";
    case Op::kLatentAttention:
      return "latent_attention";
    case Op::kMap:
      return "map";
    case Op::kSlice:
      return "slice";
    case Op::kConcat:
      return "concat";
    case Op::kGatherRows:
      return "gather_rows";
    case Op::kPool:
      return "pool";
    case Op::kArgmax:
      return "argmax";
    case Op::kRoute:
      return "route";
    case Op::kExperts:
      return "experts";
    case Op::kFusedLinear:
      return "fused_linear";
    case Op::kFusedAttention:
      return "fused_attention";
  }
  return "?";
}

ValueId Graph::Add(Op op, std::vector<ValueId> inputs, Attributes attributes, Type type, std::string value_name) {
  const auto id = static_cast<ValueId>(nodes.size());
  if (value_name.empty()) value_name = std::to_string(id);
  nodes.push_back({op, std::move(inputs), std::move(attributes), std::move(type), std::move(value_name)});
  return id;
}

std::vector<int> Graph::UseCounts() const {
  std::vector<int> uses(nodes.size(), 0);
  for (const Node& user : nodes) {
    for (const ValueId input : user.inputs) ++uses[static_cast<std::size_t>(input)];
  }
  for (const ValueId result : results) ++uses[static_cast<std::size_t>(result)];
  return uses;
}

namespace {

template <class T>
const T& Get(const Node& node, std::string_view key) {
  const auto found = node.attributes.find(key);
  assert(found != node.attributes.end());
  return std::get<T>(found->second);
}

}  // namespace

std::int64_t IntAttribute(const Node& node, std::string_view key) { return Get<std::int64_t>(node, key); }
double FloatAttribute(const Node& node, std::string_view key) { return Get<double>(node, key); }
const std::string& StringAttribute(const Node& node, std::string_view key) { return Get<std::string>(node, key); }
bool HasAttribute(const Node& node, std::string_view key) { return node.attributes.contains(key); }

}  // namespace strata::graph
