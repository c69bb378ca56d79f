// Inside formats: the parts of one quantised weight, found and checked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/hf_quant_config.h"
#include "formats/hf_quant_rows.h"
#include "formats/hf_weights.h"

namespace strata {

/// gpt-oss's mxfp4: what its two parts end in.
inline constexpr std::string_view kMicroscaledCodes = "_blocks", kMicroscaledScales = "_scales";

inline std::int64_t CeilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// A weight put together.
struct AssembledWeight {
  std::vector<std::int64_t> dims;  ///< [n, k], or more in front
  QuantizedRows rows;
};

class WeightParts {
 public:
  using Found = HuggingFaceWeights::Found;
  using Dims = std::vector<std::int64_t>;

  /// `module`: what the names of all parts begin with.
  WeightParts(const HfQuantConfig& config, const HuggingFaceWeights& weights, const Found& main, std::string module)
      : config_(config), weights_(weights), main_(main), module_(std::move(module)) {}

  const HfQuantConfig& config() const { return config_; }
  const std::string& module() const { return module_; }
  const Found& main() const { return main_; }
  std::span<const std::byte> data() const { return main_.tensor->data; }

  /// kCorrupt, naming file and tensor.
  template <class... Args>
  static std::unexpected<Error> Bad(const Found& part, fmt::format_string<Args...> format, Args&&... args) {
    return Fail(ErrorCode::kCorrupt, "{}: tensor {}: {}", part.file->path(), part.tensor->name,
                fmt::format(format, std::forward<Args>(args)...));
  }

  /// The part MODULE + ending.
  std::optional<Found> Find(std::string_view ending) const;
  Result<Found> Need(std::string_view ending) const;

  /// Whether a part is of this type and shape.
  static Status Expect(const Found& part, std::string_view dtype, const Dims& shape);
  /// The main part's dimensions; positive.
  Result<std::array<std::int64_t, 2>> Matrix(std::string_view dtype) const;
  /// The config's group size, for rows of k.
  Result<std::int64_t> Group(std::int64_t k) const;
  /// Of each of k elements the group; empty when they are successive, each `group` long.
  static Result<std::vector<std::int32_t>> ReadGroups(const Found& part, std::int64_t k, std::int64_t group,
                                                      std::int64_t groups);

  /// Scales [n_groups, k_groups], k_groups first where `transposed`. Errors also for one that is not finite.
  static Result<Scales> ReadScales(const Found& part, std::int64_t n_groups, std::int64_t k_groups, bool transposed);
  static bool IsUsable(float scale);  ///< finite, and not absurdly large
  static Status CheckFinite(const Found& part, const Scales& scales, std::int64_t n_groups, std::int64_t k_groups);

  /// Scales of compressed-tensors and fp8: one for all (a scalar or [1]), one a row ([n] or [n, 1]), [n, groups] of
  /// groups that divide k; or, where `blocks`, one for each of the config's blocks.
  struct Grouped {
    Scales scales;
    std::int64_t n_group = 1, k_group = 0;
  };
  Result<Grouped> ReadGrouped(const Found& part, std::int64_t n, std::int64_t k, bool blocks) const;

 private:
  const HfQuantConfig& config_;
  const HuggingFaceWeights& weights_;
  Found main_;
  std::string module_;
};

// The schemes, hf_quant_integers.cc and hf_quant_floats.cc. Each function's comment names the parts.
Result<AssembledWeight> ReadGptq(const WeightParts& parts);
Result<AssembledWeight> ReadAwq(const WeightParts& parts);
Result<AssembledWeight> ReadCompressedPacked(const WeightParts& parts);
Result<AssembledWeight> ReadCompressedInt8(const WeightParts& parts);
Result<AssembledWeight> ReadLlmInt8(const WeightParts& parts);
Result<AssembledWeight> ReadFloat8(const WeightParts& parts);
Result<AssembledWeight> ReadNormalFloat(const WeightParts& parts);
Result<AssembledWeight> ReadMicroscaled(const WeightParts& parts);

}  // namespace strata
