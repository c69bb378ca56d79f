// Scales of a linear's input columns that make rounding both sides to integers cost least (SmoothQuant's idea, Xiao et
// al. 2022, without its one strength for all columns).
#pragma once

#include <vector>

#include "quantize/input_statistics.h"
#include "quantize/matrix.h"

namespace strata::quantize {

/// What column c of the `readers`, which share the input, is multiplied by, and the input divided by, where inputs are
/// rounded by the token and weights by the output channel, to integers of 8 bits; a geometric mean of 1.
///
/// A token x is rounded in steps of max_c |x_c| / (127 s_c), which makes an error of step^2 / 12 in each column; its
/// outputs then err by that times the sum of (s_c w_c)^2. Weights likewise, the other way round. The sum of both, of
/// the sampled tokens and relative to what each reader gives, is a posynomial of the s_c, whose logarithm is convex in
/// their logarithms: from SmoothQuant's scales the way leads down to the least there is.
std::vector<float> SmoothingScales(Workers& workers, const InputStatistics& inputs,
                                   const std::vector<const Matrix*>& readers);

}  // namespace strata::quantize
