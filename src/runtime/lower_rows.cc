// Operations on rows that models which do not generate have beside those of decoders: tables of positions and token
// types, layer norms, pooling.
#include "runtime/lowering.h"

namespace strata {
namespace {

/// Which of the step's lists an input of the graph is; nullptr when there is none of that name.
std::vector<std::int32_t> Step::* IdsNamed(std::string_view input) {
  if (input == "tokens") return &Step::tokens;
  if (input == "positions") return &Step::positions;
  if (input == "token_types") return &Step::token_types;
  return nullptr;
}

}  // namespace

Status Lowering::LowerEmbed(ValueId id) {
  const Node& node = graph_.node(id);
  auto* operation = Add<EmbedOperation>(id);
  const std::string& input = graph::StringAttribute(graph_.node(node.inputs[0]), "name");
  operation->ids = IdsNamed(input);
  if (operation->ids == nullptr) {
    return Fail(ErrorCode::kUnsupported, "%{}: rows of a table by the input {}", node.name, input);
  }
  operation->offset = graph::HasAttribute(node, "offset") ? graph::IntAttribute(node, "offset") : 0;
  STRATA_TRY(const TensorView* table, Tensor(node.inputs[1]));
  STRATA_CHECK(CheckTable(*table, graph::StringAttribute(graph_.node(node.inputs[1]), "name")));
  operation->table = *table;
  operation->kernels = row_kernels_;
  Relocate(Define(id), operation->out);
  return {};
}

Status Lowering::LowerLayerNorm(ValueId id) {
  const Node& node = graph_.node(id);
  auto* operation = Add<LayerNormOperation>(id);
  STRATA_TRY(const std::vector<float>* weight, Vector(node.inputs[1]));
  operation->weight = weight->data();
  if (node.inputs.size() > 2) {
    STRATA_TRY(const std::vector<float>* bias, Vector(node.inputs[2]));
    operation->bias = bias->data();
  }
  operation->kernels = row_kernels_;
  operation->eps = static_cast<float>(graph::FloatAttribute(node, "eps"));
  operation->cols = graph::Columns(node.type);
  Relocate(buffers_.at(node.inputs[0]), operation->in);
  DefineInto(id, operation->out);
  return {};
}

Status Lowering::LowerPool(ValueId id) {
  const Node& node = graph_.node(id);
  auto* operation = Add<PoolOperation>(id);
  operation->mean = graph::StringAttribute(node, "kind") == "mean";
  operation->cols = graph::Columns(node.type);
  Relocate(buffers_.at(node.inputs[0]), operation->in);
  DefineInto(id, operation->out);
  return {};
}

}  // namespace strata
