// What architectures with experts share in reading metadata.
#include "formats/gguf_family.h"

namespace strata {
namespace {

using Scoring = ExpertsConfig::Scoring;

/// llama.cpp's numbers. 0, or silence, leaves it to the architecture.
Result<Scoring> ReadScoring(const GgufFields& fields, Scoring otherwise) {
  constexpr std::string_view kKey = "expert_gating_func";
  STRATA_TRY(const auto given, fields.Find<std::int64_t>(kKey));
  switch (given.value_or(0)) {
    case 0:
      return otherwise;
    case 1:
      return Scoring::kSoftmax;
    case 2:
      return Scoring::kSigmoid;
    case 3:
      return Scoring::kSoftmaxOfChosen;
    default:
      return fields.Bad(ErrorCode::kUnsupported, kKey, "= {} is not supported", *given);
  }
}

}  // namespace

Status CheckExpertGroups(const GgufFields& fields, const ExpertsConfig& experts) {
  if (experts.groups_used > experts.groups || experts.count % experts.groups != 0 ||
      experts.used > experts.count / experts.groups * experts.groups_used) {
    return fields.Bad(ErrorCode::kCorrupt, "expert_used_count", "is {} of {} experts in {} of {} groups", experts.used,
                      experts.count, experts.groups_used, experts.groups);
  }
  return {};
}

Result<std::optional<ExpertsConfig>> ReadGgufExperts(const GgufFields& fields, const ModelConfig& config,
                                                     Scoring scoring, bool normalize) {
  STRATA_TRY(const auto count, fields.Find<std::int64_t>("expert_count"));
  if (count.value_or(0) == 0) return std::optional<ExpertsConfig>();
  ExpertsConfig experts;
  STRATA_TRY(experts.count, fields.IntegerOr("expert_count", 0, 1));
  STRATA_TRY(experts.used, fields.IntegerOr("expert_used_count", 0, 1));
  STRATA_TRY(experts.ffn, fields.IntegerOr("expert_feed_forward_length", config.ffn, 1));
  STRATA_TRY(experts.shared_ffn, fields.IntegerOr("expert_shared_feed_forward_length", 0, 0));
  STRATA_TRY(experts.groups, fields.IntegerOr("expert_group_count", 1, 1));
  STRATA_TRY(experts.groups_used, fields.IntegerOr("expert_group_used_count", 1, 1));
  STRATA_TRY(experts.scoring, ReadScoring(fields, scoring));
  STRATA_TRY(const auto norm, fields.Find<bool>("expert_weights_norm"));
  experts.normalize = norm.value_or(normalize);
  STRATA_TRY(const double scale, fields.NumberOr("expert_weights_scale", 1));
  experts.scale = scale == 0 ? 1 : scale;  // 0 is llama.cpp's "none"
  STRATA_CHECK(CheckExpertGroups(fields, experts));
  return std::optional(experts);
}

}  // namespace strata
