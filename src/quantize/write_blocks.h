// A block scheme's model as a GGUF file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "quantize/linear_weights.h"
#include "quantize/rounding.h"
#include "quantize/scheme.h"

namespace strata::quantize {

/// By the tensor of the weight: what a squared error in each column counts.
using Importance = std::map<std::string, std::vector<float>, std::less<>>;

struct BlocksWritten {
  std::uint64_t bytes = 0;
  std::vector<TensorReport> reports;
};

/// `in` is a GGUF file whose metadata are kept. Weights of linears and the embedding table get the scheme's blocks, the
/// head's and the table at least six bits; all others stay. Errors: kInvalidArgument where `in` is no GGUF file; kIo.
Result<BlocksWritten> WriteGgufBlocks(const std::string& in, const std::string& out, const BlockScheme& scheme,
                                      const LinearWeights& weights, const Importance& importance);

}  // namespace strata::quantize
