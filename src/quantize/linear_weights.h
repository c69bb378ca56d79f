// Which tensors of a model are weights of linears.
#pragma once

#include <set>
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
  /// Of the hidden ones those whose outputs the graph's result has in the same row alone: no attention comes after.
  std::set<std::string, std::less<>> by_row;
};
/// Of a model's graph or a part of it.
LinearWeights FindLinearWeights(const graph::Graph& graph, const ModelFile& tensors);

}  // namespace strata::quantize
