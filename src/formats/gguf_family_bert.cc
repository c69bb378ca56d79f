// BERT and XLM-R as llama.cpp's converter writes both: positions begin at row 0 of their table.
#include <algorithm>

#include "formats/gguf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"attention.causal"};

/// Rows of a table; 0 when it is not there.
std::int64_t RowsOf(const GgufFile& file, std::string_view name) {
  const auto found = std::ranges::find(file.tensors(), name, &GgufTensor::name);
  return found == file.tensors().end() ? 0 : found->view.shape.rows();
}

Status ReadBert(const GgufFields& fields, const GgufFile& file, ModelConfig& config) {
  STRATA_TRY(const auto causal, fields.Find<bool>("attention.causal"));
  config.causal = causal.value_or(false);
  config.task = ModelTask::kEmbed;
  config.activation = "gelu";
  config.attention_bias = config.mlp_bias = true;
  config.rotary_dim = 0;
  config.layer_attention.assign(static_cast<std::size_t>(config.layers), LayerAttention{.rotated = false});
  config.position_embeddings = RowsOf(file, "position_embd.weight");
  config.token_types = RowsOf(file, "token_types.weight");
  config.max_positions = std::min(config.max_positions, config.position_embeddings);
  if (config.max_positions > 0) return {};
  return Fail(ErrorCode::kCorrupt, "{}: tensor position_embd.weight is missing", file.path());
}

}  // namespace

constexpr GgufFamily kGgufBert = {
    .architecture = "bert", .norm_epsilon = "attention.layer_norm_epsilon", .fields = kFields, .read = ReadBert};

}  // namespace strata
