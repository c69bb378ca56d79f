// Which tensors of a model are weights of linears.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "formats/model_file.h"
#include "graph/graph.h"

namespace strata::quantize {

struct LinearWeights {
  std::vector<std::string> hidden;   ///< over every token, in the order of the graph; those of experts one by one
  std::vector<std::string> heads;    ///< what gives logits; also where it is the embedding table
  std::vector<std::string> routers;  ///< what chooses experts
};
/// Of a model's graph or a part of it.
LinearWeights FindLinearWeights(const graph::Graph& graph, const ModelFile& tensors);

}  // namespace strata::quantize
