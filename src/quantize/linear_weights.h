// Which tensors of a model are weights of linears.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/model_file.h"

namespace strata::quantize {

struct LinearWeights {
  std::vector<std::string> hidden;  ///< inside the layers, in the order of the graph
  std::vector<std::string> heads;   ///< what gives logits; also where it is the embedding table
};
/// Errors: those of building the graph.
Result<LinearWeights> FindLinearWeights(const ModelFile& model);

/// `weights` in runs that belong to one layer or several after each other, each run's statistics of at most `bytes` or
/// of one layer.
std::vector<std::vector<std::string>> GroupByLayers(const ModelFile& model, const std::vector<std::string>& weights,
                                                    std::uint64_t bytes);

}  // namespace strata::quantize
