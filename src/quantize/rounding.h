// Rounding the weights of some layers to integers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/model_file.h"
#include "quantize/calibration.h"
#include "quantize/rounded_groups.h"
#include "quantize/scaled_inputs.h"
#include "quantize/scheme.h"

namespace strata::quantize {

/// What became of a weight.
struct TensorReport {
  std::string name;
  std::string method;  ///< "in turn", "to nearest"
  double bits = 0;     ///< of a value, scales included
  double error = 0;    ///< of the linear's outputs on the calibration text, relative (root of summed squares)
  bool rounds_inputs = false;
  double loss = 0;  ///< what rounding it, or of w8a8 its inputs, would cost (choice.h), where that was measured
};

struct RoundedLayers {
  std::map<std::string, RoundedGroups, std::less<>> weights;
  std::map<std::string, std::vector<float>, std::less<>> vectors;  ///< norms that took a scale in, as stored
  /// Of the weights those that read one input, or are experts of one mixture: they have inputs of one type.
  std::vector<std::vector<std::string>> by_input;
  std::vector<std::string> kept;  ///< weights of linears inside the layers that are not rounded: routers
  std::vector<TensorReport> reports;
  /// The same weights in 8 bits, where they were asked for, and what would become of them.
  std::map<std::string, RoundedGroups, std::less<>> finer;
  std::vector<TensorReport> finer_reports;
};

struct RoundingOptions {
  GroupScheme scheme;
  bool with_finer = false;  ///< also RoundedLayers::finer
};

/// `weights` are of linears, each with statistics in `calibration`. Inputs in `scaled` whose readers are all among them
/// are scaled: evened out where activations are rounded as well, else so that the columns that matter lose least, as
/// far as that helps. Errors: kUnsupported naming a weight that no group size divides; those of reading tensors.
Result<RoundedLayers> RoundLayers(Workers& workers, const ModelFile& model, const std::vector<std::string>& weights,
                                  const std::vector<ScaledInput>& scaled, const Calibration& calibration,
                                  const RoundingOptions& options);

/// The tensor as a matrix of its rows. Errors: kNotFound; kUnsupported for types that cannot be read.
Result<Matrix> ReadMatrix(const ModelFile& model, std::string_view name);

}  // namespace strata::quantize
