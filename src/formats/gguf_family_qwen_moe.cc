// Qwen 2 and 3 with experts.
#include "formats/gguf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"expert_count"};

/// What `normalize` is no file says: Qwen 2's weights are used as the softmax gives them, Qwen 3's are made to sum
/// to 1.
Status Read(const GgufFields& fields, bool normalize, ModelConfig& config) {
  STRATA_TRY(config.experts, ReadGgufExperts(fields, config, ExpertsConfig::Scoring::kSoftmax, normalize));
  if (!config.experts) return fields.Bad(ErrorCode::kCorrupt, "expert_count", "is missing");
  return {};
}

Status ReadQwen2(const GgufFields& fields, const GgufFile&, ModelConfig& config) {
  STRATA_CHECK(Read(fields, false, config));
  if (config.experts->shared_ffn > 0) return {};
  return fields.Bad(ErrorCode::kCorrupt, "expert_shared_feed_forward_length", "is missing");
}

Status ReadQwen3(const GgufFields& fields, const GgufFile&, ModelConfig& config) { return Read(fields, true, config); }

}  // namespace

constexpr GgufFamily kGgufQwen2Moe = {.architecture = "qwen2moe", .fields = kFields, .read = ReadQwen2};
constexpr GgufFamily kGgufQwen3Moe = {.architecture = "qwen3moe", .fields = kFields, .read = ReadQwen3};

}  // namespace strata
