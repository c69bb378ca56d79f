// Float8, bitsandbytes' nf4 and microscaled weights.
#include <algorithm>
#include <cstring>

#include "formats/hf_json.h"
#include "formats/hf_quant_parts.h"
#include "tensor/finite.h"
#include "tensor/scaled_blocks.h"

namespace strata {
namespace {

Result<std::int64_t> Positive(const JsonFields& fields, std::string_view field) {
  STRATA_TRY(const auto value, fields.Integer(field));
  if (!value || *value <= 0 || *value > (1 << 30))
    return fields.Bad(ErrorCode::kCorrupt, field, "is {}", value.value_or(0));
  return *value;
}

/// The kernels have these levels built in.
Status CheckLevels(const WeightParts& parts) {
  STRATA_TRY(const WeightParts::Found map, parts.Need(".weight.quant_map"));
  STRATA_CHECK(WeightParts::Expect(map, "F32", {16}));
  float levels[16];
  std::memcpy(levels, map.tensor->data.data(), sizeof levels);
  if (std::ranges::equal(levels, kNF4)) return {};
  return WeightParts::Bad(map, "levels other than those of nf4");
}

/// Of which the scales are made.
Status CheckNumbers(const WeightParts::Found& part) {
  const auto found = FirstNotFinite(DType::kF32, part.tensor->data);
  return found ? WeightParts::Bad(part, "element {}, of which scales are made, is not finite", *found) : Status();
}

}  // namespace

/// weight [n, k] float8; weight_scale_inv, or weight_scale.
Result<AssembledWeight> ReadFloat8(const WeightParts& parts) {
  STRATA_TRY(const auto shape, parts.Matrix("F8_E4M3"));
  auto part = parts.Find(".weight_scale_inv");
  if (!part) part = parts.Find(".weight_scale");
  if (!part) {
    const bool blocks = parts.config().method == HfQuantConfig::Method::kFp8;
    STRATA_TRY(part, parts.Need(blocks ? ".weight_scale_inv" : ".weight_scale"));
  }
  STRATA_TRY(const WeightParts::Grouped grouped, parts.ReadGrouped(*part, shape[0], shape[1], true));
  return AssembledWeight{
      {shape[0], shape[1]},
      MakeRows(Float8Weight{shape[0], shape[1], parts.data(), grouped.scales, grouped.n_group, grouped.k_group})};
}

/// weight u8 [n k / 2, 1], and beside it absmax, quant_map, their nested likes, and quant_state: JSON in a tensor.
Result<AssembledWeight> ReadNormalFloat(const WeightParts& parts) {
  STRATA_TRY(const WeightParts::Found state, parts.Need(".weight.quant_state.bitsandbytes__nf4"));
  const std::string where = fmt::format("{}: tensor {}", state.file->path(), state.tensor->name);
  const auto& bytes = state.tensor->data;
  STRATA_TRY(const nlohmann::json document,
             ParseJsonFile({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, where));
  const JsonFields fields(document, where);
  NormalFloatWeight weight;
  STRATA_TRY(const auto shape, fields.IntegerOrList("shape"));
  if (shape.size() != 2 || shape[0] <= 0 || shape[1] <= 0 || shape[0] > (1 << 30) || shape[1] > (1 << 30) ||
      shape[0] * shape[1] % 2 != 0)
    return fields.Bad(ErrorCode::kCorrupt, "shape", "is [{}]", fmt::join(shape, ", "));
  weight.n = shape[0];
  weight.k = shape[1];
  STRATA_CHECK(WeightParts::Expect(parts.main(), "U8", {weight.n * weight.k / 2, 1}));
  weight.codes = parts.data();
  STRATA_TRY(weight.block, Positive(fields, "blocksize"));
  const std::int64_t blocks = CeilDiv(weight.n * weight.k, weight.block);
  STRATA_CHECK(CheckLevels(parts));
  STRATA_TRY(const WeightParts::Found absmax, parts.Need(".weight.absmax"));
  weight.absmax = absmax.tensor->data;
  if (!fields.Mentions("nested_blocksize")) {
    STRATA_CHECK(WeightParts::Expect(absmax, "F32", {blocks}));
  } else {
    STRATA_CHECK(WeightParts::Expect(absmax, "U8", {blocks}));
    STRATA_TRY(weight.nested_block, Positive(fields, "nested_blocksize"));
    STRATA_TRY(const WeightParts::Found nested, parts.Need(".weight.nested_absmax"));
    STRATA_CHECK(WeightParts::Expect(nested, "F32", {CeilDiv(blocks, weight.nested_block)}));
    STRATA_TRY(const WeightParts::Found map, parts.Need(".weight.nested_quant_map"));
    STRATA_CHECK(WeightParts::Expect(map, "F32", {256}));
    STRATA_TRY(const auto offset, fields.Number("nested_offset"));
    weight.nested = nested.tensor->data;
    weight.map = map.tensor->data;
    weight.offset = static_cast<float>(offset.value_or(0));
    STRATA_CHECK(CheckNumbers(nested));
    STRATA_CHECK(CheckNumbers(map));
  }
  for (std::int64_t b = 0; b < blocks; ++b) {
    const float scale = weight.Absmax(b);
    if (!WeightParts::IsUsable(scale)) return WeightParts::Bad(absmax, "the scale of block {} is {}", b, scale);
  }
  return AssembledWeight{{weight.n, weight.k}, MakeRows(weight)};
}

/// X_blocks u8 [experts, n, k / 32, 16], X_scales u8 [experts, n, k / 32].
Result<AssembledWeight> ReadMicroscaled(const WeightParts& parts) {
  const WeightParts::Dims& shape = parts.main().tensor->shape;
  if (parts.main().tensor->dtype != "U8" || shape.size() < 3 || shape.size() > 4 || shape.back() != 16 ||
      std::ranges::any_of(shape, [](std::int64_t dim) { return dim <= 0; }))
    return WeightParts::Bad(parts.main(), "{} [{}], it should be U8 [experts, n, k / 32, 16]",
                            parts.main().tensor->dtype, fmt::join(shape, ", "));
  STRATA_TRY(const WeightParts::Found scales, parts.Need(kMicroscaledScales));
  STRATA_CHECK(WeightParts::Expect(scales, "U8", WeightParts::Dims(shape.begin(), shape.end() - 1)));
  const std::span<const std::byte> exponents = scales.tensor->data;
  const auto found = std::ranges::find_if(exponents, [](std::byte scale) { return scale > kGreatestMicroscale; });
  if (found != exponents.end()) {
    return WeightParts::Bad(scales, "the scale at byte {} is {}, greater than that of any finite weight",
                            found - exponents.begin(), static_cast<int>(*found));
  }
  WeightParts::Dims dims(shape.begin(), shape.end() - 1);
  dims.back() *= 32;
  std::int64_t rows = 1;
  for (std::size_t axis = 0; axis + 1 < dims.size(); ++axis) rows *= dims[axis];
  const MicroscaledWeight weight{rows, dims.back(), parts.data(), scales.tensor->data};
  return AssembledWeight{std::move(dims), MakeRows(weight)};
}

}  // namespace strata
