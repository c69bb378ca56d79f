// SmolLM3: a Llama some of whose layers have no positions; these have a window where use_sliding_window says so.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"no_rope_layers", "no_rope_layer_interval", "sliding_window",
                                        "use_sliding_window", "layer_types"};

/// no_rope_layers: 1 for each layer that rotates; without it every so many-th does not.
Result<std::vector<bool>> ReadRotated(const JsonFields& fields, std::int64_t layers) {
  std::vector<bool> rotated(static_cast<std::size_t>(layers));
  STRATA_TRY(const auto interval, fields.Integer("no_rope_layer_interval"));
  if (interval.value_or(4) < 1) return fields.Bad(ErrorCode::kCorrupt, "no_rope_layer_interval", "is {}", *interval);
  STRATA_TRY(const auto given, fields.IntegerOrList("no_rope_layers"));
  const bool written = fields.Find("no_rope_layers") != nullptr;
  if (written && given.size() != rotated.size())
    return fields.Bad(ErrorCode::kCorrupt, "no_rope_layers", "must be {} numbers", layers);
  for (std::size_t i = 0; i < rotated.size(); ++i) {
    rotated[i] = written ? given[i] != 0 : (static_cast<std::int64_t>(i) + 1) % interval.value_or(4) != 0;
  }
  return rotated;
}

Status Read(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const auto use, fields.Boolean("use_sliding_window"));
  STRATA_TRY(const std::vector<bool> rotated, ReadRotated(fields, config.layers));
  const auto slides = [&](std::int64_t layer) {
    return use.value_or(false) && !rotated[static_cast<std::size_t>(layer)];
  };
  STRATA_TRY(const std::vector<bool> sliding, ReadSlidingWindows(fields, 0, slides, config));
  for (std::size_t i = 0; i < sliding.size(); ++i) {
    config.layer_attention[i].rotated = rotated[i];
    if (!sliding[i] || use.value_or(false)) continue;
    return fields.Bad(ErrorCode::kCorrupt, fmt::format("layer_types/{}", i),
                      "sliding_attention, but use_sliding_window is false");
  }
  return {};
}

}  // namespace

constexpr HfFamily kHfSmolLM3 = {.model_type = "smollm3",
                                 .class_name = "SmolLM3ForCausalLM",
                                 .architecture = "smollm3",
                                 .max_positions = 32768,
                                 .kv_heads = 4,
                                 .rope_theta = 2e6,
                                 .tied = true,
                                 .has_biases = true,
                                 .fields = kFields,
                                 .read = Read};

}  // namespace strata
