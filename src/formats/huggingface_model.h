// A Hugging Face folder as a model: config.json, safetensors, generation_config.json, tokenizer.json and
// tokenizer_config.json, chat templates.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "formats/hf_weights.h"
#include "formats/model_file.h"

namespace strata {

/// Errors name the file and the JSON pointer, tensor or offset: kNotFound, kIo, kCorrupt, kUnsupported.
Result<std::unique_ptr<ModelFile>> OpenHuggingFaceModel(const std::string& folder);

}  // namespace strata
