#include "formats/hf_quant_parts.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace strata {
namespace {

// Beyond it a float8's packed scale would overflow; nothing that was trained has such weights.
constexpr float kMaxScale = 0x1p100F;

std::optional<Scales::Type> ScaleTypeOf(std::string_view dtype) {
  if (dtype == "F32") return Scales::Type::kF32;
  if (dtype == "F16") return Scales::Type::kF16;
  if (dtype == "BF16") return Scales::Type::kBF16;
  if (dtype == "F8_E8M0") return Scales::Type::kE8M0;
  return std::nullopt;
}

}  // namespace

std::optional<WeightParts::Found> WeightParts::Find(std::string_view ending) const {
  const Found found = weights_.Find(module_ + std::string(ending));
  return found.tensor == nullptr ? std::nullopt : std::optional(found);
}

Result<WeightParts::Found> WeightParts::Need(std::string_view ending) const {
  const auto found = Find(ending);
  if (!found) return Bad(main_, "{}{} is missing", module_, ending);
  return *found;
}

Status WeightParts::Expect(const Found& part, std::string_view dtype, const Dims& shape) {
  if (part.tensor->dtype == dtype && part.tensor->shape == shape) return {};
  return Bad(part, "{} [{}], it should be {} [{}]", part.tensor->dtype, fmt::join(part.tensor->shape, ", "), dtype,
             fmt::join(shape, ", "));
}

Result<std::array<std::int64_t, 2>> WeightParts::Matrix(std::string_view dtype) const {
  const Dims& shape = main_.tensor->shape;
  if (main_.tensor->dtype != dtype || shape.size() != 2 || shape[0] <= 0 || shape[1] <= 0)
    return Bad(main_, "{} [{}], it should be a matrix of {}", main_.tensor->dtype, fmt::join(shape, ", "), dtype);
  return std::array{shape[0], shape[1]};
}

Result<std::int64_t> WeightParts::Group(std::int64_t k) const {
  if (config_.group > k) return Bad(main_, "groups of {} in rows of {}", config_.group, k);
  return config_.group == 0 ? k : config_.group;
}

Result<std::vector<std::int32_t>> WeightParts::ReadGroups(const Found& part, std::int64_t k, std::int64_t group,
                                                          std::int64_t groups) {
  STRATA_CHECK(Expect(part, "I32", {k}));
  std::vector<std::int32_t> group_of(static_cast<std::size_t>(k));
  std::memcpy(group_of.data(), part.tensor->data.data(), part.tensor->data.size());
  bool successive = true;
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int32_t at = group_of[static_cast<std::size_t>(i)];
    if (at < 0 || at >= groups) return Bad(part, "element {} is group {} of {}", i, at, groups);
    successive = successive && at == i / group;
  }
  if (successive) group_of.clear();
  return group_of;
}

Result<Scales> WeightParts::ReadScales(const Found& part, std::int64_t n_groups, std::int64_t k_groups,
                                       bool transposed) {
  const auto type = ScaleTypeOf(part.tensor->dtype);
  if (!type) return Bad(part, "scales of type {}", part.tensor->dtype);
  Scales scales{part.tensor->data, *type};
  scales.n_stride = transposed ? 1 : k_groups;
  scales.k_stride = transposed ? n_groups : 1;
  const Dims wanted = transposed ? Dims{k_groups, n_groups} : Dims{n_groups, k_groups};
  if (part.tensor->shape != wanted) {
    return Bad(part, "[{}], it should be [{}]", fmt::join(part.tensor->shape, ", "), fmt::join(wanted, ", "));
  }
  STRATA_CHECK(CheckFinite(part, scales, n_groups, k_groups));
  return scales;
}

bool WeightParts::IsUsable(float scale) { return std::fabs(scale) <= kMaxScale; }

Status WeightParts::CheckFinite(const Found& part, const Scales& scales, std::int64_t n_groups, std::int64_t k_groups) {
  for (std::int64_t n = 0; n < n_groups; ++n) {
    for (std::int64_t k = 0; k < k_groups; ++k) {
      const float scale = scales.At(n, k);
      if (!IsUsable(scale)) return Bad(part, "the scale at [{}, {}] is {}", n, k, scale);
    }
  }
  return {};
}

Result<WeightParts::Grouped> WeightParts::ReadGrouped(const Found& part, std::int64_t n, std::int64_t k,
                                                      bool blocks) const {
  const Dims& shape = part.tensor->shape;
  const auto type = ScaleTypeOf(part.tensor->dtype);
  if (!type) return Bad(part, "scales of type {}", part.tensor->dtype);
  std::int64_t count = 1;
  for (const std::int64_t dim : shape) count = dim > (1 << 30) ? 0 : count * dim;
  Grouped grouped;
  grouped.k_group = k;
  if (count == 1 && shape.size() <= 2) {
    grouped.n_group = n;
    grouped.scales = {part.tensor->data, *type};
  } else if (blocks && config_.block[0] != 0 && shape.size() == 2) {
    grouped.n_group = config_.block[0];
    grouped.k_group = config_.block[1];
  } else if (shape == Dims{n}) {
    grouped.scales = {part.tensor->data, *type, 1, 0};
  } else if (shape.size() == 2 && shape[1] > 0 && k % shape[1] == 0) {
    grouped.k_group = k / shape[1];
  } else {
    return Bad(part, "scales [{}] of a weight [{}, {}]", fmt::join(shape, ", "), n, k);
  }
  const std::int64_t n_groups = CeilDiv(n, grouped.n_group), k_groups = CeilDiv(k, grouped.k_group);
  if (grouped.scales.data.empty()) {
    STRATA_TRY(grouped.scales, ReadScales(part, n_groups, k_groups, false));
  } else {
    STRATA_CHECK(CheckFinite(part, grouped.scales, n_groups, k_groups));
  }
  return grouped;
}

}  // namespace strata
