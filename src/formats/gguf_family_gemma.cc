// Gemma 2 and 3 as llama.cpp's converter writes them: 1 is added to the norms' weights already, and what the config has
// beyond the keys follows from the number of layers.
#include <algorithm>
#include <cmath>

#include "formats/gguf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"attention.sliding_window", "attn_logit_softcapping",
                                        "final_logit_softcapping"};

/// Which layers slide: a list of booleans, or of how many layers the last sees everything (`run` where it is silent).
Result<std::vector<bool>> ReadPattern(const GgufFields& fields, const GgufFile& file, std::int64_t run,
                                      std::int64_t layers) {
  constexpr std::string_view kKey = "attention.sliding_window_pattern";
  std::vector<bool> sliding(static_cast<std::size_t>(layers));
  const auto found = file.metadata().find(fields.Key(kKey));
  if (found != file.metadata().end() && std::holds_alternative<GgufArray>(found->second)) {
    STRATA_TRY(const auto list, fields.Find<GgufArray>(kKey));
    const std::vector<std::int32_t> values = list->Numbers<std::int32_t>();
    if (static_cast<std::int64_t>(values.size()) != layers)
      return fields.Bad(ErrorCode::kCorrupt, kKey, "has {} values for {} layers", values.size(), layers);
    for (std::size_t i = 0; i < sliding.size(); ++i) sliding[i] = values[i] != 0;
    return sliding;
  }
  STRATA_TRY(const auto written, fields.Find<std::int64_t>(kKey));
  if (written.value_or(run) < 0) return fields.Bad(ErrorCode::kCorrupt, kKey, "is {}", *written);
  for (std::size_t i = 0; i < sliding.size(); ++i) {
    const std::int64_t length = written.value_or(run);
    sliding[i] = length == 0 || (static_cast<std::int64_t>(i) + 1) % length != 0;
  }
  return sliding;
}

/// `largest`: layers of the one size whose queries are scaled by the share of a head in the width.
Status ReadBoth(const GgufFields& fields, const GgufFile& file, std::int64_t window, std::int64_t run,
                std::int64_t largest, ModelConfig& config) {
  config.activation = "gelu_pytorch_tanh";
  config.embedding_scale = static_cast<double>(std::sqrt(static_cast<float>(config.hidden)));
  const std::int64_t dim =
      config.layers == largest ? std::max<std::int64_t>(config.hidden / config.heads, 1) : config.head_dim;
  config.attention_scale = 1 / std::sqrt(static_cast<double>(dim));
  STRATA_TRY(const auto given, fields.Find<std::int64_t>("attention.sliding_window"));
  const std::int64_t length = given.value_or(window);
  if (length <= 0) return {};
  STRATA_TRY(const std::vector<bool> sliding, ReadPattern(fields, file, run, config.layers));
  for (const bool slides : sliding) {
    config.layer_attention.push_back({.window = slides && length < config.max_positions ? length : 0,
                                      .local_rope = slides && config.local_rope_theta.has_value()});
  }
  return {};
}

Status ReadGemma2(const GgufFields& fields, const GgufFile& file, ModelConfig& config) {
  STRATA_TRY(config.attention_softcap, fields.FactorOr("attn_logit_softcapping", 50));
  STRATA_TRY(config.logit_softcap, fields.FactorOr("final_logit_softcapping", 30));
  return ReadBoth(fields, file, 4096, 2, 46, config);
}

Status ReadGemma3(const GgufFields& fields, const GgufFile& file, ModelConfig& config) {
  STRATA_TRY(const double cap, fields.FactorOr("attn_logit_softcapping", 0));
  if (cap != 0) return fields.Bad(ErrorCode::kUnsupported, "attn_logit_softcapping", "= {} is not supported", cap);
  STRATA_TRY(config.logit_softcap, fields.FactorOr("final_logit_softcapping", 0));
  STRATA_TRY(const double theta, fields.FactorOr("rope.freq_base_swa", 10000));
  if (theta <= 1) return fields.Bad(ErrorCode::kCorrupt, "rope.freq_base_swa", "is {}", theta);
  config.local_rope_theta = theta;
  return ReadBoth(fields, file, 0, 6, 62, config);
}

}  // namespace

constexpr GgufFamily kGgufGemma2 = {.architecture = "gemma2", .fields = kFields, .read = ReadGemma2};
constexpr GgufFamily kGgufGemma3 = {.architecture = "gemma3", .fields = kFields, .read = ReadGemma3};

}  // namespace strata
