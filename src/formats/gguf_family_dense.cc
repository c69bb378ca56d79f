// Relatives of Llama, as llama.cpp's converter writes them (llama-model.cpp says how each is rotated).
#include "formats/gguf_family.h"

namespace strata {
namespace {

constexpr std::string_view kGraniteFields[] = {"embedding_scale", "attention.scale", "residual_scale", "logit_scale"};

Status ReadGranite(const GgufFields& fields, const GgufFile&, ModelConfig& config) {
  STRATA_TRY(const auto finetuned, fields.Find<bool>("rope.scaling.finetuned"));
  if (!finetuned.value_or(true)) return fields.Bad(ErrorCode::kUnsupported, "rope.scaling.finetuned", "is false");
  // A factor of 0 is llama.cpp's way to say that there is none.
  const auto read = [&](std::string_view name, double& value) -> Status {
    STRATA_TRY(const double given, fields.FactorOr(name, value));
    if (given != 0) value = given;
    return {};
  };
  STRATA_CHECK(read("embedding_scale", config.embedding_scale));
  STRATA_CHECK(read("attention.scale", config.attention_scale));
  STRATA_CHECK(read("residual_scale", config.residual_scale));
  double divisor = 1;
  STRATA_CHECK(read("logit_scale", divisor));
  config.logit_scale = 1 / divisor;
  return {};
}

constexpr std::string_view kGraniteMoeFields[] = {"embedding_scale", "attention.scale", "residual_scale", "logit_scale",
                                                  "expert_count"};

Status ReadGraniteMoe(const GgufFields& fields, const GgufFile& file, ModelConfig& config) {
  STRATA_CHECK(ReadGranite(fields, file, config));
  STRATA_TRY(config.experts,
             ReadGgufExperts(fields, config, ExpertsConfig::Scoring::kSoftmaxOfChosen, /*normalize=*/false));
  if (!config.experts) return fields.Bad(ErrorCode::kCorrupt, "expert_count", "is missing");
  return {};
}

/// Files have no key for it: the converter knows the published models alone.
Status ReadSmolLM3(const GgufFields&, const GgufFile&, ModelConfig& config) {
  constexpr std::int64_t kUnrotatedEvery = 4;
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    config.layer_attention.push_back({.rotated = (layer + 1) % kUnrotatedEvery != 0});
  }
  return {};
}

constexpr std::string_view kPhi3Fields[] = {"attention.sliding_window"};

/// In every layer; 0 where the model has none. (llama.cpp has turned the windows of Phi off.)
Status ReadPhi3(const GgufFields& fields, const GgufFile&, ModelConfig& config) {
  return ReadOneWindow(fields, config);
}

/// Positions of several dimensions are for images; text alone has equal ones, but files of such models are converted in
/// another layout.
Status ReadGlm4(const GgufFields& fields, const GgufFile&, ModelConfig&) {
  constexpr std::string_view kKey = "rope.dimension_sections";
  STRATA_TRY(const auto sections, fields.Find<GgufArray>(kKey));
  if (!sections) return {};
  for (const std::int32_t section : sections->Numbers<std::int32_t>()) {
    if (section != 0) return fields.Bad(ErrorCode::kUnsupported, kKey, "is not supported");
  }
  return {};
}

}  // namespace

constexpr GgufFamily kGgufGlm4 = {.architecture = "glm4", .rope_layout = RopeLayout::kInterleaved, .read = ReadGlm4};
constexpr GgufFamily kGgufGraniteMoe = {.architecture = "granitemoe",
                                        .rope_layout = RopeLayout::kInterleaved,
                                        .fields = kGraniteMoeFields,
                                        .read = ReadGraniteMoe};
constexpr GgufFamily kGgufGranite = {
    .architecture = "granite", .rope_layout = RopeLayout::kInterleaved, .fields = kGraniteFields, .read = ReadGranite};
constexpr GgufFamily kGgufOlmo2 = {.architecture = "olmo2"};
constexpr GgufFamily kGgufPhi3 = {.architecture = "phi3", .fields = kPhi3Fields, .read = ReadPhi3};
constexpr GgufFamily kGgufQwen2 = {.architecture = "qwen2"};
constexpr GgufFamily kGgufQwen3 = {.architecture = "qwen3"};
constexpr GgufFamily kGgufSmolLM3 = {
    .architecture = "smollm3", .rope_layout = RopeLayout::kInterleaved, .read = ReadSmolLM3};

}  // namespace strata
