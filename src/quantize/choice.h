// Which linears may be rounded, or round their inputs, where all of them together would cost too much. Errors of single
// outputs do not tell: by its inputs SmolLM2's first "down" alone loses a fifth of what all 210 linears do, at an error
// like that of the others.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "quantize/calibration.h"
#include "quantize/workers.h"

namespace strata::quantize {

/// Linears that read one input, or are experts of one mixture: they are changed together or not at all.
struct InputGroup {
  std::vector<std::string> weights;
  std::int64_t elements = 0;  ///< of the weights
  double loss = 0;            ///< what rounding them alone costs: nats a token
};

/// Sets each group's loss: how far the next tokens' probabilities go from those of `whole` (Kullback and Leibler's
/// divergence) when the group's weights are `rounded`'s, coarser or of a type that rounds its inputs; on some pieces of
/// the text. Errors: those of loading and running the model.
Status MeasureLosses(Workers& workers, const std::shared_ptr<const ModelFile>& whole, const ModelFile& rounded,
                     const CalibrationText& text, int threads, const std::function<void(double fraction)>& progress,
                     std::span<InputGroup> groups);

/// How many may be rounded so that their losses sum up to no more than `most`, once the groups are in this order: from
/// the least loss for its elements to the greatest, which this brings about.
std::size_t OrderAndCount(std::vector<InputGroup>& groups, double most);

}  // namespace strata::quantize
