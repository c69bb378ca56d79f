// A model's graph in pieces, between which one value alone passes: what calibration runs one after another, each on
// what the ones before it give with their weights already rounded.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/model_file.h"
#include "graph/graph.h"

namespace strata::quantize {

/// What lies behind value `in` up to value `out`, both f32[T, width]; without `in` the model's beginning.
struct Stage {
  graph::ValueId in = -1, out = -1;
};

/// In order, each with at least one linear over every token or a mixture of experts; what gives the wanted rows is in
/// none. Of a layer these are usually attention and the MLP.
std::vector<Stage> FindStages(const graph::Graph& model);

/// The tensor whose rows a stage begins with: a stage's "token" is a row of it.
inline constexpr std::string_view kStageInput = "stage.input";

/// The stage as a model of its own, which gives the wanted rows of `out`. Weights have the types that `tensors` has,
/// kStageInput among them. Errors: kUnsupported where the stage reads the tokens themselves.
Result<graph::Graph> StageGraph(const graph::Graph& model, const Stage& stage, const ModelFile& tensors);

}  // namespace strata::quantize
