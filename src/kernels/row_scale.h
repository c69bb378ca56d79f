// Inside the kernels only: the scale with which a row becomes integers, the same for every instruction set's RoundRow.
#pragma once

namespace strata::kernels {
namespace {

/// From a row's greatest magnitude, then the sum of its squares.
struct RowScale {
  float greatest;
  float to_one;  ///< brings it to 1

  /// Below 1e-30, whose inverse is a number with room, a row is zero. The greatest may have lost a NaN: the sum of
  /// squares has not.
  explicit RowScale(float magnitude) : greatest(magnitude < 1e-30f ? 0 : magnitude) {
    to_one = greatest > 0 ? 1 / greatest : 0;
  }
  /// squares: the sum of those of the row times to_one.
  float Scale(float squares, float most, float longest) const {
    const float scale = greatest / most;
    const float by_length = greatest * __builtin_sqrtf(squares) / longest;
    return by_length <= scale ? scale : by_length;
  }
  static float Inverse(float scale) { return scale > 0 ? 1 / scale : 0; }
};

}  // namespace
}  // namespace strata::kernels
