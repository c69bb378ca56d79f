// Which layers attend to a sliding window only.
#include "formats/hf_family.h"

namespace strata {

Result<std::vector<bool>> ReadSlidingWindows(const JsonFields& fields, std::int64_t otherwise,
                                             const std::function<bool(std::int64_t layer)>& slides,
                                             ModelConfig& config) {
  STRATA_TRY(const auto given, fields.Integer("sliding_window"));
  const std::int64_t window = given.value_or(fields.Mentions("sliding_window") ? 0 : otherwise);
  if (window < 0) return fields.Bad(ErrorCode::kCorrupt, "sliding_window", "is {}", window);
  const nlohmann::json* kinds = fields.Find("layer_types");
  if (kinds != nullptr && (!kinds->is_array() || static_cast<std::int64_t>(kinds->size()) != config.layers)) {
    return fields.Bad(ErrorCode::kCorrupt, "layer_types", "must be a list of {} kinds", config.layers);
  }
  std::vector<bool> sliding(static_cast<std::size_t>(config.layers));
  config.layer_attention.resize(sliding.size());
  for (std::size_t i = 0; i < sliding.size(); ++i) {
    if (kinds == nullptr) {
      sliding[i] = window > 0 && slides(static_cast<std::int64_t>(i));
    } else if ((*kinds)[i] == "sliding_attention") {
      sliding[i] = true;
    } else if ((*kinds)[i] != "full_attention") {
      return fields.Bad(ErrorCode::kUnsupported, fmt::format("layer_types/{}", i), "{} is not supported",
                        (*kinds)[i].is_string() ? (*kinds)[i].get<std::string>() : (*kinds)[i].type_name());
    }
    if (!sliding[i]) continue;
    if (window == 0) {
      return fields.Bad(ErrorCode::kCorrupt, fmt::format("layer_types/{}", i), "sliding_attention without a window");
    }
    config.layer_attention[i].window = window < config.max_positions ? window : 0;
  }
  return sliding;
}

Status ReadOneWindow(const JsonFields& fields, std::int64_t otherwise, ModelConfig& config) {
  STRATA_TRY(const std::vector<bool> sliding,
             ReadSlidingWindows(fields, otherwise, [](std::int64_t) { return true; }, config));
  STRATA_TRY(const auto given, fields.Integer("sliding_window"));
  const bool window = given.value_or(fields.Mentions("sliding_window") ? 0 : otherwise) > 0;
  for (std::size_t i = 0; i < sliding.size(); ++i) {
    if (sliding[i] == window) continue;
    return fields.Bad(ErrorCode::kUnsupported, fmt::format("layer_types/{}", i),
                      "full_attention in a model whose layers all have a window");
  }
  return {};
}

}  // namespace strata
