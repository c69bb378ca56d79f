// An integer scheme's model as a Hugging Face folder.
#pragma once

#include <string>

#include "base/result.h"
#include "formats/model_file.h"
#include "quantize/rounding.h"

namespace strata::quantize {

/// Errors: kUnsupported for a tensor that has no name of its own on Hugging Face, or a GGUF file of a kind that is not
/// translated; kIo. Returns the bytes of the tensors.
Result<std::uint64_t> WriteFolder(const ModelFile& model, const std::string& in, const std::string& out,
                                  RoundedLayers rounded);

}  // namespace strata::quantize
