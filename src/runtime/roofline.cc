#include "runtime/roofline.h"

#include <algorithm>
#include <cmath>

namespace strata {
namespace {

Bound Make(double bytes, double integer_ops, double float_ops, const Roofline& roofline) {
  const double reading = roofline.bytes_per_second > 0 ? bytes / roofline.bytes_per_second : 0;
  double arithmetic = 0;
  // A machine without a probe for integers does them as floats.
  const double integers = roofline.integer_per_second > 0 ? roofline.integer_per_second : roofline.float_per_second;
  if (integers > 0) arithmetic += integer_ops / integers;
  if (roofline.float_per_second > 0) arithmetic += float_ops / roofline.float_per_second;
  return reading >= arithmetic ? Bound{reading, BoundBy::kBytes} : Bound{arithmetic, BoundBy::kArithmetic};
}

}  // namespace

Bound StepBound(std::span<const OperationCost> costs, const Roofline& roofline) {
  double bytes = 0, integer_ops = 0, float_ops = 0;
  for (const OperationCost& cost : costs) {
    bytes += cost.bytes();
    integer_ops += cost.integer_ops;
    float_ops += cost.float_ops;
  }
  return Make(bytes, integer_ops, float_ops, roofline);
}

Bound OperationBound(const OperationCost& cost, const Roofline& roofline) {
  return Make(cost.bytes(), cost.integer_ops * cost.planes, cost.float_ops, roofline);
}

Result<Roofline> RooflineMeter::At(double footprint_bytes) {
  // Sixteen footprints an octave; below a MiB everything is in a core's own cache.
  const double octaves = std::log2(std::max(footprint_bytes, 1048576.0));
  const auto footprint = static_cast<std::size_t>(std::exp2(std::ceil(octaves * 16) / 16));
  auto known = bandwidths_.find(footprint);
  if (known == bandwidths_.end()) {
    double bandwidth = 0;
    if (footprint <= weights_.size() + weights_.size() / 16) {
      bandwidth = host::MeasureReadBandwidth(team_, weights_.first(std::min(footprint, weights_.size())));
    } else {
      STRATA_TRY(bandwidth, host::MeasureReadBandwidth(team_, footprint));
    }
    known = bandwidths_.emplace(footprint, bandwidth).first;
  }
  return Roofline{known->second, peaks_.int8_ops, std::max(peaks_.f32_ops, peaks_.bf16_ops)};
}

Result<Roofline> RooflineMeter::AtStep(std::span<const OperationCost> costs) {
  double bytes = 0;
  for (const OperationCost& cost : costs) bytes += cost.bytes() + cost.other_bytes;
  return At(bytes);
}

}  // namespace strata
