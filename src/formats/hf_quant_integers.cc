// GPTQ, AWQ, compressed-tensors' integers and LLM.int8.
#include <cstring>

#include "formats/hf_quant_parts.h"

namespace strata {
namespace {

/// AWQ's order of eight neighbours in a word, low bits first: 0 2 4 6 1 3 5 7.
constexpr std::uint8_t kAwqSlots[] = {0, 4, 1, 5, 2, 6, 3, 7};

PackedIntegers SignedBytes(const WeightParts::Found& part, std::int64_t columns) {
  return {.data = part.tensor->data, .bits = 8, .word_bytes = 1, .n_stride = columns, .k_stride = 1, .flipped = 0x80};
}

AssembledWeight Finish(IntegerWeight weight) {
  std::vector<std::int64_t> dims{weight.n, weight.k};
  return {std::move(dims), MakeRows(std::move(weight))};
}

/// What compressed-tensors' integer formats share; codes count from the least integer.
Result<AssembledWeight> Compressed(const WeightParts& parts, IntegerWeight weight) {
  weight.zero = 1 << (weight.codes.bits - 1);
  weight.int8_inputs = parts.config().int8_inputs.Of(parts.module());
  STRATA_TRY(const WeightParts::Found scale, parts.Need(".weight_scale"));
  const auto order = parts.Find(".weight_g_idx");
  STRATA_TRY(const WeightParts::Grouped grouped, parts.ReadGrouped(scale, weight.n, weight.k, false));
  weight.scales = grouped.scales;
  weight.group = grouped.k_group;
  const std::int64_t groups = weight.k / weight.group;
  if (const auto zeros = parts.Find(".weight_zero_point")) {
    const std::int64_t a_word = 32 / weight.codes.bits;
    const std::int64_t rows = grouped.n_group == weight.n && weight.n != 1 ? 1 : weight.n;
    if (zeros->tensor->dtype == "I32") {
      STRATA_CHECK(WeightParts::Expect(*zeros, "I32", {CeilDiv(weight.n, a_word), groups}));
      weight.zeros = PackedIntegers{
          .data = zeros->tensor->data, .bits = weight.codes.bits, .n_stride = groups, .k_stride = 1, .along_n = true};
    } else if (rows == 1) {
      STRATA_CHECK(
          WeightParts::Expect(*zeros, "I8", zeros->tensor->shape.empty() ? WeightParts::Dims{} : WeightParts::Dims{1}));
      weight.zeros = SignedBytes(*zeros, 0);
      weight.zeros->k_stride = 0;
    } else {
      STRATA_CHECK(WeightParts::Expect(*zeros, "I8", {weight.n, groups}));
      weight.zeros = SignedBytes(*zeros, groups);
    }
    if (weight.zeros->word_bytes == 1 && weight.codes.bits == 4)
      return WeightParts::Bad(*zeros, "int8 zero points of 4-bit weights");
  }
  if (order) {
    STRATA_TRY(weight.group_of, WeightParts::ReadGroups(*order, weight.k, weight.group, groups));
  }
  return Finish(std::move(weight));
}

}  // namespace

/// qweight [k / 8, n], qzeros [groups, n / 8] (4 bits), scales [groups, n], g_idx [k].
Result<AssembledWeight> ReadGptq(const WeightParts& parts) {
  const std::int64_t a_word = 32 / parts.config().bits;
  STRATA_TRY(const auto shape, parts.Matrix("I32"));
  IntegerWeight weight;
  weight.n = shape[1];
  weight.k = shape[0] * a_word;
  STRATA_TRY(weight.group, parts.Group(weight.k));
  const std::int64_t groups = CeilDiv(weight.k, weight.group);
  weight.codes = {.data = parts.data(), .bits = parts.config().bits, .n_stride = 1, .k_stride = weight.n};
  STRATA_TRY(const WeightParts::Found zeros, parts.Need(".qzeros"));
  STRATA_CHECK(WeightParts::Expect(zeros, "I32", {groups, CeilDiv(weight.n, a_word)}));
  weight.zeros = PackedIntegers{.data = zeros.tensor->data,
                                .bits = parts.config().bits,
                                .n_stride = 1,
                                .k_stride = CeilDiv(weight.n, a_word),
                                .along_n = true};
  if (parts.config().zeros_less_one) {  // one in each of a word's fields; a zero point of 0 was written with a borrow
    for (std::int64_t i = 0; i < a_word; ++i) weight.zeros->added |= std::uint32_t{1} << (i * parts.config().bits);
  }
  STRATA_TRY(const WeightParts::Found scales, parts.Need(".scales"));
  STRATA_TRY(weight.scales, WeightParts::ReadScales(scales, weight.n, groups, true));
  if (const auto order = parts.Find(".g_idx")) {
    STRATA_TRY(weight.group_of, WeightParts::ReadGroups(*order, weight.k, weight.group, groups));
  }
  return Finish(std::move(weight));
}

/// qweight [k, n / 8], qzeros [groups, n / 8], scales [groups, n].
Result<AssembledWeight> ReadAwq(const WeightParts& parts) {
  STRATA_TRY(const auto shape, parts.Matrix("I32"));
  IntegerWeight weight;
  weight.k = shape[0];
  weight.n = shape[1] * 8;
  STRATA_TRY(weight.group, parts.Group(weight.k));
  const std::int64_t groups = CeilDiv(weight.k, weight.group);
  weight.codes = {
      .data = parts.data(), .bits = 4, .n_stride = 1, .k_stride = shape[1], .along_n = true, .slots = kAwqSlots};
  STRATA_TRY(const WeightParts::Found zeros, parts.Need(".qzeros"));
  STRATA_CHECK(WeightParts::Expect(zeros, "I32", {groups, shape[1]}));
  weight.zeros = weight.codes;
  weight.zeros->data = zeros.tensor->data;
  STRATA_TRY(const WeightParts::Found scales, parts.Need(".scales"));
  STRATA_TRY(weight.scales, WeightParts::ReadScales(scales, weight.n, groups, true));
  return Finish(std::move(weight));
}

/// weight_packed [n, k / 8] (4 bits), weight_shape [2], weight_scale, weight_zero_point [n / 8, groups],
/// weight_g_idx [k].
Result<AssembledWeight> ReadCompressedPacked(const WeightParts& parts) {
  STRATA_TRY(const auto words, parts.Matrix("I32"));
  STRATA_TRY(const WeightParts::Found stated, parts.Need(".weight_shape"));
  const bool wide = stated.tensor->dtype == "I64";
  STRATA_CHECK(WeightParts::Expect(stated, wide ? "I64" : "I32", {2}));
  std::int64_t shape[2] = {};
  for (std::size_t i = 0; i < 2; ++i) {
    if (wide) {
      std::memcpy(&shape[i], stated.tensor->data.data() + 8 * i, 8);
    } else {
      std::int32_t narrow = 0;
      std::memcpy(&narrow, stated.tensor->data.data() + 4 * i, 4);
      shape[i] = narrow;
    }
  }
  const auto fits = [&](std::int64_t bits) { return words[1] == CeilDiv(shape[1], 32 / bits); };
  if (shape[0] != words[0] || shape[1] <= 0 || shape[1] > words[1] * 8 || (!fits(4) && !fits(8)))
    return WeightParts::Bad(stated, "[{}, {}] for words [{}, {}]", shape[0], shape[1], words[0], words[1]);
  const int bits = fits(4) ? 4 : 8;
  IntegerWeight weight;
  weight.n = shape[0];
  weight.k = shape[1];
  weight.codes = {.data = parts.data(), .bits = bits, .n_stride = words[1], .k_stride = 1};
  return Compressed(parts, std::move(weight));
}

/// weight [n, k] int8, weight_scale, weight_zero_point [n, groups] int8.
Result<AssembledWeight> ReadCompressedInt8(const WeightParts& parts) {
  STRATA_TRY(const auto shape, parts.Matrix("I8"));
  IntegerWeight weight;
  weight.n = shape[0];
  weight.k = shape[1];
  weight.codes = SignedBytes(parts.main(), shape[1]);
  return Compressed(parts, std::move(weight));
}

/// LLM.int8: weight [n, k], SCB [n]: 127 times the scale of a row.
Result<AssembledWeight> ReadLlmInt8(const WeightParts& parts) {
  STRATA_TRY(const auto shape, parts.Matrix("I8"));
  IntegerWeight weight;
  weight.n = shape[0];
  weight.k = weight.group = shape[1];
  weight.codes = SignedBytes(parts.main(), shape[1]);
  weight.zero = 128;
  STRATA_TRY(const WeightParts::Found scale, parts.Need(".SCB"));
  STRATA_CHECK(WeightParts::Expect(scale, "F32", {weight.n}));
  weight.scales = {scale.tensor->data, Scales::Type::kF32, 1, 0, 127};
  STRATA_CHECK(WeightParts::CheckFinite(scale, weight.scales, weight.n, 1));
  return Finish(std::move(weight));
}

}  // namespace strata
