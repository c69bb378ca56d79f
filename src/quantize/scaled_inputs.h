// Which inputs of a model's linears can be scaled for nothing: what makes them takes the inverse into its own weights
// (Xiao et al. 2022, SmoothQuant; Lin et al. 2023, AWQ).
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "quantize/input_statistics.h"
#include "quantize/matrix.h"

namespace strata::quantize {

/// The linears over `readers` have one input, column c of which is proportional to element c of the norm's weight
/// `source`, or to row c of the linear `source`.
struct ScaledInput {
  std::string source;
  bool source_is_norm = true;
  std::vector<std::string> readers;
};

/// Of a model's graph or a part of it: norms that only linears read, and linears without bias that reach one linear
/// alone, as a factor of a product ("silu(gate) * up" before "down").
std::vector<ScaledInput> FindScaledInputs(const graph::Graph& graph);

/// What column c of the readers is multiplied by, and the source's element c divided by: (mean input)^alpha, brought to
/// a geometric mean of 1. 1 where nothing ever came in.
std::vector<float> ImportanceScales(const InputStatistics& inputs, double alpha);

void ScaleColumns(Matrix& weight, const std::vector<float>& scales);
void DivideRows(Matrix& weight, const std::vector<float>& scales);

}  // namespace strata::quantize
