#include "models/rope_frequencies.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace strata::models {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

double Llama3(double inverse, const RopeScaling& scaling) {
  const auto original = static_cast<double>(scaling.original_max_positions);
  const double wavelength = kTwoPi / inverse;
  if (wavelength < original / scaling.high_freq_factor) return inverse;
  if (wavelength > original / scaling.low_freq_factor) return inverse / scaling.factor;
  const double smooth =
      (original / wavelength - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1 - smooth) * inverse / scaling.factor + smooth * inverse;
}

/// Yarn's ramp: 0 where a dimension turns fast enough to extrapolate, 1 where it must be interpolated.
class YarnRamp {
 public:
  YarnRamp(const ModelConfig& config, double dim) {
    const auto original = static_cast<double>(config.rope_scaling.original_max_positions);
    const auto correction = [&](double rotations) {
      return dim * std::log(original / (rotations * kTwoPi)) / (2 * std::log(config.rope_theta));
    };
    low_ = correction(config.rope_scaling.beta_fast);
    high_ = correction(config.rope_scaling.beta_slow);
    if (config.rope_scaling.truncate) {
      low_ = std::floor(low_);
      high_ = std::ceil(high_);
    }
    low_ = std::max(low_, 0.0);
    high_ = std::min(high_, dim - 1);
    if (low_ == high_) high_ += 0.001;
  }
  double operator()(double i) const { return std::clamp((i - low_) / (high_ - low_), 0.0, 1.0); }

 private:
  double low_, high_;
};

}  // namespace

RopeFrequencies ComputeRopeFrequencies(const ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  const auto dim = static_cast<double>(config.rotary_dim);
  RopeFrequencies out;
  const YarnRamp ramp(config, dim);
  for (std::int64_t i = 0; i < config.rotary_dim / 2; ++i) {
    double inverse = std::pow(config.rope_theta, -2.0 * static_cast<double>(i) / dim);
    switch (scaling.kind) {
      case RopeScaling::Kind::kLinear:
        inverse /= scaling.factor;
        break;
      case RopeScaling::Kind::kLlama3:
        inverse = Llama3(inverse, scaling);
        break;
      case RopeScaling::Kind::kYarn: {
        const double interpolate = ramp(static_cast<double>(i));
        inverse = inverse / scaling.factor * interpolate + inverse * (1 - interpolate);
        break;
      }
      case RopeScaling::Kind::kNone:
      case RopeScaling::Kind::kDynamic:
      case RopeScaling::Kind::kLongRope:
        break;
    }
    if (!scaling.frequency_divisors.empty())
      inverse /= static_cast<double>(scaling.frequency_divisors[static_cast<std::size_t>(i)]);
    out.inverse.push_back(inverse);
  }
  out.scale = scaling.attention_factor;
  return out;
}

}  // namespace strata::models
