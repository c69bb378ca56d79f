// DeepSeek V2, V3 and what converters write as one (Kimi K2). Files of before 2025-04 have keys and values of all heads
// in one tensor and head sizes under other keys; both forms are read. The rules for what old files leave out are
// llama.cpp's, but for the groups of experts, which it forgets.
#include "formats/gguf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"expert_count", "attention.q_lora_rank", "attention.kv_lora_rank",
                                        "attention.value_length", "rope.scaling.yarn_log_multiplier"};

Status ReadLatent(const GgufFields& fields, ModelConfig& config) {
  LatentConfig latent;
  latent.rope_dim = config.rotary_dim;
  STRATA_TRY(latent.kv_rank, fields.Positive("attention.kv_lora_rank"));
  STRATA_TRY(latent.q_rank, fields.IntegerOr("attention.q_lora_rank", 0, 0));
  STRATA_TRY(const std::int64_t value, fields.IntegerOr("attention.value_length", config.head_dim, 1));
  // With key_length_mla, key_length is of what the cache holds.
  STRATA_TRY(config.head_dim, fields.IntegerOr("attention.key_length_mla", config.head_dim, 1));
  STRATA_TRY(latent.value_dim, fields.IntegerOr("attention.value_length_mla", value, 1));
  latent.nope_dim = config.head_dim - latent.rope_dim;
  if (latent.nope_dim <= 0) {
    return fields.Bad(ErrorCode::kCorrupt, "rope.dimension_count", "is {} of heads of {}", latent.rope_dim,
                      config.head_dim);
  }
  config.latent = latent;
  return {};
}

/// The cosines are not scaled, as yarn would have it, but the softmax is.
Status ReadYarn(const GgufFields& fields, RopeScaling& scaling) {
  if (scaling.kind != RopeScaling::Kind::kYarn) return {};
  STRATA_TRY(const double multiplier, fields.NumberOr("rope.scaling.yarn_log_multiplier", 0));
  scaling.attention_factor /= YarnAttentionFactor(scaling.factor);
  scaling.mscale_all_dim = multiplier / 0.1;
  return {};
}

/// Of files that do not say how: V3 has eight groups of 32 experts, V2 eight of 20.
std::int64_t GroupsOf(std::int64_t experts) { return experts == 256 || experts == 160 ? 8 : 1; }
std::int64_t GroupsUsedOf(std::int64_t experts) { return experts == 256 ? 4 : experts == 160 ? 3 : 1; }

Status ReadExperts(const GgufFields& fields, ModelConfig& config) {
  STRATA_TRY(config.experts, ReadGgufExperts(fields, config, ExpertsConfig::Scoring::kSoftmax, false));
  if (!config.experts) return fields.Bad(ErrorCode::kCorrupt, "expert_count", "is missing");
  ExpertsConfig& experts = *config.experts;
  STRATA_TRY(const std::int64_t shared, fields.IntegerOr("expert_shared_count", 0, 0));
  experts.shared_ffn = shared * experts.ffn;
  STRATA_TRY(experts.leading_dense, fields.IntegerOr("leading_dense_block_count", 0, 0));
  experts.group_by_two = experts.scoring == ExpertsConfig::Scoring::kSigmoid;
  STRATA_TRY(const auto groups, fields.Find<std::int64_t>("expert_group_count"));
  if (groups) return {};
  experts.groups = GroupsOf(experts.count);
  experts.groups_used = GroupsUsedOf(experts.count);
  return CheckExpertGroups(fields, experts);
}

/// The blocks behind the last layer count as blocks.
Status ReadNextN(const GgufFields& fields, ModelConfig& config) {
  STRATA_TRY(config.nextn_layers, fields.IntegerOr("nextn_predict_layers", 0, 0));
  config.layers -= config.nextn_layers;
  if (config.layers > 0) return {};
  return fields.Bad(ErrorCode::kCorrupt, "nextn_predict_layers", "{} of as many blocks or fewer", config.nextn_layers);
}

Status Read(const GgufFields& fields, const GgufFile&, ModelConfig& config) {
  STRATA_CHECK(ReadNextN(fields, config));
  STRATA_CHECK(ReadLatent(fields, config));
  STRATA_CHECK(ReadYarn(fields, config.rope_scaling));
  return ReadExperts(fields, config);
}

}  // namespace

constexpr GgufFamily kGgufDeepseek2 = {
    .architecture = "deepseek2", .rope_layout = RopeLayout::kInterleaved, .fields = kFields, .read = Read};

}  // namespace strata
