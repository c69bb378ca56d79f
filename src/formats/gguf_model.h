// GGUF files as models: architecture metadata -> ModelConfig.
#pragma once

#include <memory>

#include "base/result.h"
#include "formats/gguf.h"
#include "formats/model_file.h"

namespace strata {

/// Errors: kCorrupt, kUnsupported, naming the file and the metadata key or tensor.
Result<std::unique_ptr<ModelFile>> MakeGgufModel(GgufFile file);

}  // namespace strata
