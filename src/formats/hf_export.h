// Inside formats: a GGUF model in the terms of a Hugging Face folder.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "formats/model_config.h"
#include "tensor/tensor_view.h"

namespace strata {

/// config.json of a model whose tensors have the names of HfNames and Q and K in their own order.
/// Errors: kUnsupported for another architecture than llama, and for positions that config.json has no words for.
Result<nlohmann::ordered_json> HuggingFaceConfigOf(const ModelConfig& config);

/// Puts the rows of Q or K, [heads * head_dim, hidden], from pairs of neighbours into halves, as Hugging Face has them.
void PairsToHalves(std::span<float> rows, std::int64_t head_dim, std::int64_t rotary_dim, std::int64_t columns);

}  // namespace strata
