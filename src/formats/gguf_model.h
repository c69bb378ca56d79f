// GGUF files as models: architecture metadata -> ModelConfig.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "formats/model_file.h"

namespace strata {

Result<std::unique_ptr<ModelFile>> OpenGgufModel(const std::string& path);

}  // namespace strata
