// Running calibration text through a model, piece by piece, while its weights are rounded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "formats/model_file.h"
#include "graph/graph.h"
#include "quantize/input_statistics.h"
#include "quantize/linear_weights.h"
#include "quantize/matrix.h"
#include "quantize/workers.h"

namespace strata::quantize {

/// By the tensor of the weight. Weights of one input share their statistics.
using Calibration = std::map<std::string, std::shared_ptr<const InputStatistics>, std::less<>>;

/// Tensors by name; vectors have one row.
using Tensors = std::map<std::string, Matrix, std::less<>>;

struct CalibrationText {
  std::span<const std::int32_t> ids;
  std::int64_t window = 512;  ///< so many are read as one text
};

/// What is to be done with a stage (stages.h): `weights` are its linears', `calibration` what they read, each of them.
/// Returns the tensors that become others.
using StageWork = std::function<Result<Tensors>(const graph::Graph& stage, const LinearWeights& weights,
                                                const Calibration& calibration)>;

/// Calls `work` for every stage of the model in order. A stage reads what the stages before it give with the tensors
/// that `work` returned for them, so that what is lost there can be made good here (Frantar et al. 2022, GPTQ). Errors:
/// those of building and running the graph, and of `work`; kInvalidArgument where an input is not finite.
Status ForStages(Workers& workers, const std::shared_ptr<const ModelFile>& model, const CalibrationText& text,
                 int threads, const std::function<void(double fraction)>& progress, const StageWork& work);

}  // namespace strata::quantize
