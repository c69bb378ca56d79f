// Architectures with experts. What no key says is as in llama.cpp's graphs (src/models/ of its repository).
#include <algorithm>

#include "formats/gguf_family.h"

namespace strata {
namespace {

using Scoring = ExpertsConfig::Scoring;

constexpr std::string_view kFields[] = {"expert_count"};

Status Read(const GgufFields& fields, Scoring scoring, bool normalize, ModelConfig& config) {
  STRATA_TRY(config.experts, ReadGgufExperts(fields, config, scoring, normalize));
  if (!config.experts) return fields.Bad(ErrorCode::kCorrupt, "expert_count", "is missing");
  return {};
}

/// The shared expert is as wide as the dense MLP would be where no key says otherwise.
Status ReadQwen2(const GgufFields& fields, const GgufFile&, ModelConfig& config) {
  STRATA_CHECK(Read(fields, Scoring::kSoftmax, false, config));
  ExpertsConfig& experts = *config.experts;
  if (experts.shared_ffn == 0) experts.shared_ffn = config.ffn;
  return {};
}

Status ReadQwen3(const GgufFields& fields, const GgufFile&, ModelConfig& config) {
  return Read(fields, Scoring::kSoftmax, true, config);
}

Status ReadOlmoe(const GgufFields& fields, const GgufFile&, ModelConfig& config) {
  return Read(fields, Scoring::kSoftmax, false, config);
}

constexpr std::string_view kFieldsWithWindow[] = {"expert_count", "attention.sliding_window"};

Status ReadGptOss(const GgufFields& fields, const GgufFile&, ModelConfig& config) {
  STRATA_CHECK(Read(fields, Scoring::kSoftmaxOfChosen, false, config));
  config.experts->swiglu_alpha = 1.702;
  config.experts->swiglu_limit = 7;
  config.rope_scaling.truncate = false;  // as the model was trained; no key says so
  STRATA_TRY(const auto window, fields.Find<std::int64_t>("attention.sliding_window"));
  if (window.value_or(0) <= 0) return fields.Bad(ErrorCode::kCorrupt, "attention.sliding_window", "is missing");
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    config.layer_attention.push_back({.window = layer % 2 == 0 && *window < config.max_positions ? *window : 0});
  }
  return {};
}

/// What has no key is the published models': each fourth layer is not rotated, the queries of these are scaled from the
/// 8192nd position on, the others' chunks are as long; Scout norms its heads, Maverick (128 experts) does not.
Status ReadLlama4(const GgufFields& fields, const GgufFile&, ModelConfig& config) {
  constexpr std::int64_t kUnrotatedEvery = 4, kScaledFrom = 8191, kMaverick = 128;
  STRATA_CHECK(Read(fields, Scoring::kSigmoid, false, config));
  ExpertsConfig& experts = *config.experts;
  STRATA_TRY(const auto step, fields.Find<std::int64_t>("interleave_moe_layer_step"));
  if (step.value_or(1) < 1) return fields.Bad(ErrorCode::kCorrupt, "interleave_moe_layer_step", "is {}", *step);
  experts.step = step.value_or(1);
  experts.shared_ffn = experts.ffn;
  experts.weigh_input = true;
  config.unit_qk_norm = experts.count != kMaverick;
  config.max_positions = std::min(config.max_positions, kScaledFrom);
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    config.layer_attention.push_back({.rotated = (layer + 1) % kUnrotatedEvery != 0});
  }
  return {};
}

}  // namespace

constexpr GgufFamily kGgufLlama4 = {
    .architecture = "llama4", .rope_layout = RopeLayout::kInterleaved, .fields = kFieldsWithWindow, .read = ReadLlama4};
constexpr GgufFamily kGgufGptOss = {.architecture = "gpt-oss", .fields = kFieldsWithWindow, .read = ReadGptOss};
constexpr GgufFamily kGgufOlmoe = {.architecture = "olmoe", .fields = kFields, .read = ReadOlmoe};
constexpr GgufFamily kGgufQwen2Moe = {.architecture = "qwen2moe", .fields = kFields, .read = ReadQwen2};
constexpr GgufFamily kGgufQwen3Moe = {.architecture = "qwen3moe", .fields = kFields, .read = ReadQwen3};

}  // namespace strata
