// GGUF files as models: architecture metadata -> ModelConfig.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "formats/gguf.h"
#include "formats/model_file.h"

namespace strata {

/// `others`: the parts behind the first of a model that is split (gguf_split.h).
/// Errors: kCorrupt, kUnsupported, naming the file and the metadata key or tensor.
Result<std::unique_ptr<ModelFile>> MakeGgufModel(GgufFile first, std::vector<GgufFile> others = {});

}  // namespace strata
