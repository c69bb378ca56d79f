// Attention, and rotation that is not part of one.
#include "runtime/lowering.h"

namespace strata {

kernels::RopeArgs Lowering::Rope(const Node& frequencies, std::string_view layout, double scale,
                                 std::vector<float>& inv_freq) {
  for (const double value : std::get<std::vector<double>>(frequencies.attributes.find("values")->second)) {
    inv_freq.push_back(static_cast<float>(value));
  }
  return {.inv_freq = inv_freq.data(),
          .rotary_dim = 2 * static_cast<std::int64_t>(inv_freq.size()),
          .scale = static_cast<float>(scale),
          .style = layout == "halves" ? kernels::RopeStyle::kHalves : kernels::RopeStyle::kInterleaved};
}

Status Lowering::LowerRope(ValueId id) {
  const Node& node = graph_.node(id);
  auto* operation = Add<RopeOperation>(id);
  operation->kernels = row_kernels_;
  operation->heads = graph::IntAttribute(node, "heads");
  operation->head_dim = graph::IntAttribute(node, "head_dim");
  operation->rope = Rope(graph_.node(node.inputs[2]), graph::StringAttribute(node, "layout"),
                         graph::FloatAttribute(node, "scale"), operation->inv_freq);
  Relocate(buffers_.at(node.inputs[0]), operation->in);
  Relocate(Define(id), operation->out);
  return {};
}

Status Lowering::LowerAttention(ValueId id) {
  const Node& node = graph_.node(id);
  const graph::FusedAttentionView view(node);
  auto* operation = Add<AttentionOperation>(id);
  kernels::AttentionArgs& args = operation->args;
  args.heads = graph::IntAttribute(node, "heads");
  args.kv_heads = graph::IntAttribute(node, "kv_heads");
  args.head_dim = graph::IntAttribute(node, "head_dim");
  args.causal = !graph::HasAttribute(node, "causal") || graph::IntAttribute(node, "causal") != 0;
  args.scale = static_cast<float>(graph::FloatAttribute(node, "scale"));
  if (graph::HasAttribute(node, "window")) args.window = graph::IntAttribute(node, "window");
  if (graph::HasAttribute(node, "chunk")) args.chunk = graph::IntAttribute(node, "chunk");
  if (graph::HasAttribute(node, "softcap")) args.softcap = static_cast<float>(graph::FloatAttribute(node, "softcap"));
  operation->layer = graph::IntAttribute(node, "layer");
  operation->kernel = kernels::SelectAttention(args.heads, args.kv_heads, args.head_dim, Cpu(),
                                               std::exchange(attention_logged_, true) ? nullptr : &plan_.choices);
  if (view.inv_freq >= 0) {
    args.rope = Rope(graph_.node(view.inv_freq), graph::StringAttribute(node, "layout"),
                     graph::FloatAttribute(node, "rope_scale"), operation->inv_freq);
  }
  if (view.q_norm >= 0) {
    const double offset = graph::HasAttribute(node, "norm_offset") ? graph::FloatAttribute(node, "norm_offset") : 0;
    STRATA_TRY(const std::vector<float>* q_norm, Vector(view.q_norm, offset));
    STRATA_TRY(const std::vector<float>* k_norm, Vector(view.k_norm, offset));
    args.q_norm = q_norm->data();
    args.k_norm = k_norm->data();
    args.norm_eps = static_cast<float>(graph::FloatAttribute(node, "norm_eps"));
  }
  if (view.sinks >= 0) {
    STRATA_TRY(const std::vector<float>* sinks, Vector(view.sinks));
    args.sinks = sinks->data();
  }
  const bool whole = view.qkv.size() == 1;
  const Buffer q = buffers_.at(view.qkv[0]);
  const auto behind = [&](std::int64_t heads) { return Behind(q, heads * args.head_dim); };
  Relocate(q, operation->q);
  Relocate(whole ? behind(args.heads) : buffers_.at(view.qkv[1]), operation->k);
  Relocate(whole ? behind(args.heads + args.kv_heads) : buffers_.at(view.qkv[2]), operation->v);
  Relocate(Define(id), operation->out);
  return {};
}

}  // namespace strata
