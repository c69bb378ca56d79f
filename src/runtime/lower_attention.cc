#include "runtime/lowering.h"

namespace strata {

Status Lowering::JoinSeparateQkv() {
  const std::vector<int> uses = graph_.UseCounts();
  for (const Node& node : graph_.nodes) {
    if (node.op != Op::kFusedAttention || node.inputs.size() != 5) continue;
    std::int64_t column = 0;
    for (int part = 0; part < 3; ++part) {
      const ValueId id = node.inputs[static_cast<std::size_t>(part)];
      if (uses[static_cast<std::size_t>(id)] != 1) {
        return Fail(ErrorCode::kUnsupported, "%{}: an input of attention %{} that has other uses", graph_.node(id).name,
                    node.name);
      }
      joined_[id] = {node.inputs[0], column};
      column += graph::Columns(graph_.node(id).type);
    }
    joined_columns_[node.inputs[0]] = column;
  }
  return {};
}

Status Lowering::LowerAttention(ValueId id) {
  const Node& node = graph_.node(id);
  auto* operation = Add<AttentionOperation>(id);
  kernels::AttentionArgs& args = operation->args;
  args.heads = graph::IntAttribute(node, "heads");
  args.kv_heads = graph::IntAttribute(node, "kv_heads");
  args.head_dim = graph::IntAttribute(node, "head_dim");
  args.causal = !graph::HasAttribute(node, "causal") || graph::IntAttribute(node, "causal") != 0;
  args.scale = static_cast<float>(graph::FloatAttribute(node, "scale"));
  operation->layer = graph::IntAttribute(node, "layer");
  operation->kernel = kernels::SelectAttention(args.heads, args.kv_heads, args.head_dim, Cpu(),
                                               operation->layer == 0 ? &plan_.choices : nullptr);
  const Node& frequencies = graph_.node(node.inputs.back());
  for (const double value : std::get<std::vector<double>>(frequencies.attributes.find("values")->second)) {
    operation->inv_freq.push_back(static_cast<float>(value));
  }
  args.rope.rotary_dim = 2 * static_cast<std::int64_t>(operation->inv_freq.size());
  args.rope.scale = static_cast<float>(graph::FloatAttribute(node, "rope_scale"));
  args.rope.style = graph::StringAttribute(node, "layout") == "halves" ? kernels::RopeStyle::kHalves
                                                                       : kernels::RopeStyle::kInterleaved;
  const Buffer qkv = buffers_.at(node.inputs[0]);
  args.qkv_stride = qkv.stride;
  relocations_.push_back({qkv, &args.qkv});
  const Buffer out = Define(id);
  args.out_stride = out.stride;
  relocations_.push_back({out, &args.out});
  return {};
}

}  // namespace strata
