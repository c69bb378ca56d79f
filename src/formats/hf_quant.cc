#include "formats/hf_quant.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "formats/hf_quant_rows.h"
#include "tensor/scaled_blocks.h"

namespace strata {
namespace {

using Method = HfQuantConfig::Method;
using Found = HuggingFaceWeights::Found;
using Dims = std::vector<std::int64_t>;

/// Endings of the tensors that belong to a main part.
constexpr std::string_view kSideParts[] = {".qzeros",
                                           ".scales",
                                           ".g_idx",
                                           ".weight_scale",
                                           ".weight_scale_inv",
                                           ".input_scale",
                                           ".output_scale",
                                           ".weight_shape",
                                           ".weight_zero_point",
                                           ".weight_g_idx",
                                           ".activation_scale",
                                           ".input_scale_ub",
                                           ".input_zero_point",
                                           ".weight.absmax",
                                           ".weight.quant_map",
                                           ".weight.nested_absmax",
                                           ".weight.nested_quant_map",
                                           ".SCB",
                                           ".weight_format"};
constexpr std::string_view kQuantState = ".weight.quant_state.";
constexpr std::string_view kBlocks = "_blocks", kBlockScales = "_scales";  // mxfp4's

/// AWQ's order of eight neighbours in a word, low bits first: 0 2 4 6 1 3 5 7.
constexpr std::uint8_t kAwqSlots[] = {0, 4, 1, 5, 2, 6, 3, 7};

// Beyond it a float8's packed scale would overflow; nothing that was trained has such weights.
constexpr float kMaxScale = 0x1p100F;

std::int64_t CeilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::optional<Scales::Type> ScaleTypeOf(std::string_view dtype) {
  if (dtype == "F32") return Scales::Type::kF32;
  if (dtype == "F16") return Scales::Type::kF16;
  if (dtype == "BF16") return Scales::Type::kBF16;
  if (dtype == "F8_E8M0") return Scales::Type::kE8M0;
  return std::nullopt;
}

/// One weight being put together.
class Assembly {
 public:
  Assembly(const HfQuantConfig& config, const HuggingFaceWeights& weights, const Found& main, std::string module)
      : config_(config), weights_(weights), main_(main), module_(std::move(module)) {}

  Result<QuantizedRows> Make() {
    switch (config_.method) {
      case Method::kGptq:
        return Gptq();
      case Method::kAwq:
        return Awq();
      case Method::kFp8:
        return Float8();
      case Method::kCompressedTensors:
        return main_.tensor->name.ends_with("_packed") ? Packed() : main_.tensor->dtype == "I8" ? Int8() : Float8();
      case Method::kBitsAndBytes:
        return main_.tensor->dtype == "I8" ? RowwiseInt8() : NormalFloat();
      default:
        return Microscaled();
    }
  }

  const Dims& dims() const { return dims_; }

 private:
  template <class... Args>
  static std::unexpected<Error> Bad(const Found& part, fmt::format_string<Args...> format, Args&&... args) {
    return Fail(ErrorCode::kCorrupt, "{}: tensor {}: {}", part.file->path(), part.tensor->name,
                fmt::format(format, std::forward<Args>(args)...));
  }

  std::optional<Found> Find(std::string_view ending) const {
    const Found found = weights_.Find(module_ + std::string(ending));
    return found.tensor == nullptr ? std::nullopt : std::optional(found);
  }
  Result<Found> Need(std::string_view ending) const {
    const auto found = Find(ending);
    if (!found) return Bad(main_, "{}{} is missing", module_, ending);
    return *found;
  }

  static Status Expect(const Found& part, std::string_view dtype, const Dims& shape) {
    if (part.tensor->dtype == dtype && part.tensor->shape == shape) return {};
    return Bad(part, "{} [{}], it should be {} [{}]", part.tensor->dtype, fmt::join(part.tensor->shape, ", "), dtype,
               fmt::join(shape, ", "));
  }

  /// A matrix's dimensions. The checks that follow rely on their being positive.
  static Result<std::array<std::int64_t, 2>> Matrix(const Found& part, std::string_view dtype) {
    const Dims& shape = part.tensor->shape;
    if (part.tensor->dtype != dtype || shape.size() != 2 || shape[0] <= 0 || shape[1] <= 0)
      return Bad(part, "{} [{}], it should be a matrix of {}", part.tensor->dtype, fmt::join(shape, ", "), dtype);
    return std::array{shape[0], shape[1]};
  }

  /// [n_groups, k_groups], k_groups first where `transposed`; or one for all, or one a row where these are allowed.
  Result<Scales> ReadScales(const Found& part, std::int64_t n_groups, std::int64_t k_groups, bool transposed) const {
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

  static Status CheckFinite(const Found& part, const Scales& scales, std::int64_t n_groups, std::int64_t k_groups) {
    for (std::int64_t n = 0; n < n_groups; ++n) {
      for (std::int64_t k = 0; k < k_groups; ++k) {
        const float scale = scales.At(n, k);
        if (!(std::fabs(scale) <= kMaxScale)) return Bad(part, "the scale at [{}, {}] is {}", n, k, scale);
      }
    }
    return {};
  }

  /// The groups of k when they are not successive; empty when they are.
  static Result<std::vector<std::int32_t>> ReadGroups(const Found& part, std::int64_t k, std::int64_t group,
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

  /// group_size of the config, for k values.
  Result<std::int64_t> Group(std::int64_t k) const {
    if (config_.group > k) return Bad(main_, "groups of {} in rows of {}", config_.group, k);
    return config_.group == 0 ? k : config_.group;
  }

  /// qweight [k / 8, n], qzeros [groups, n / 8] (4 bits), scales [groups, n], g_idx [k].
  Result<QuantizedRows> Gptq() {
    const std::int64_t a_word = 32 / config_.bits;
    STRATA_TRY(const auto shape, Matrix(main_, "I32"));
    IntegerWeight weight;
    weight.n = shape[1];
    weight.k = shape[0] * a_word;
    STRATA_TRY(weight.group, Group(weight.k));
    const std::int64_t groups = CeilDiv(weight.k, weight.group);
    weight.codes = {.data = main_.tensor->data, .bits = config_.bits, .n_stride = 1, .k_stride = weight.n};
    STRATA_TRY(const Found zeros, Need(".qzeros"));
    STRATA_CHECK(Expect(zeros, "I32", {groups, CeilDiv(weight.n, a_word)}));
    weight.zeros = PackedIntegers{.data = zeros.tensor->data,
                                  .bits = config_.bits,
                                  .n_stride = 1,
                                  .k_stride = CeilDiv(weight.n, a_word),
                                  .along_n = true};
    if (config_.zeros_less_one) {  // one in each of a word's fields; a zero point of 0 was written with a borrow
      for (std::int64_t i = 0; i < a_word; ++i) weight.zeros->added |= std::uint32_t{1} << (i * config_.bits);
    }
    STRATA_TRY(const Found scales, Need(".scales"));
    STRATA_TRY(weight.scales, ReadScales(scales, weight.n, groups, true));
    if (const auto order = Find(".g_idx")) {
      STRATA_TRY(weight.group_of, ReadGroups(*order, weight.k, weight.group, groups));
    }
    return Finish(std::move(weight));
  }

  /// qweight [k, n / 8], qzeros [groups, n / 8], scales [groups, n].
  Result<QuantizedRows> Awq() {
    STRATA_TRY(const auto shape, Matrix(main_, "I32"));
    IntegerWeight weight;
    weight.k = shape[0];
    weight.n = shape[1] * 8;
    STRATA_TRY(weight.group, Group(weight.k));
    const std::int64_t groups = CeilDiv(weight.k, weight.group);
    weight.codes = {.data = main_.tensor->data,
                    .bits = 4,
                    .n_stride = 1,
                    .k_stride = shape[1],
                    .along_n = true,
                    .slots = kAwqSlots};
    STRATA_TRY(const Found zeros, Need(".qzeros"));
    STRATA_CHECK(Expect(zeros, "I32", {groups, shape[1]}));
    weight.zeros = weight.codes;
    weight.zeros->data = zeros.tensor->data;
    STRATA_TRY(const Found scales, Need(".scales"));
    STRATA_TRY(weight.scales, ReadScales(scales, weight.n, groups, true));
    return Finish(std::move(weight));
  }

  /// Scales of compressed-tensors and fp8: one for all (a scalar or [1]), one a row ([n] or [n, 1]), or [n, groups] of
  /// groups that divide k; of float8 also blocks.
  struct Grouped {
    Scales scales;
    std::int64_t n_group = 1, k_group = 0;
  };
  Result<Grouped> ReadGrouped(const Found& part, std::int64_t n, std::int64_t k, bool blocks) const {
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

  /// weight [n, k] float8; weight_scale_inv, or weight_scale.
  Result<QuantizedRows> Float8() {
    STRATA_TRY(const auto shape, Matrix(main_, "F8_E4M3"));
    auto part = Find(".weight_scale_inv");
    if (!part) {
      STRATA_TRY(part, Need(".weight_scale"));
    }
    STRATA_TRY(const Grouped grouped, ReadGrouped(*part, shape[0], shape[1], true));
    dims_ = {shape[0], shape[1]};
    return MakeRows(
        Float8Weight{shape[0], shape[1], main_.tensor->data, grouped.scales, grouped.n_group, grouped.k_group});
  }

  /// weight_packed [n, k / 8] (4 bits), weight_shape [2], weight_scale, weight_zero_point [n / 8, groups],
  /// weight_g_idx [k].
  Result<QuantizedRows> Packed() {
    STRATA_TRY(const auto words, Matrix(main_, "I32"));
    STRATA_TRY(const Found stated, Need(".weight_shape"));
    const bool wide = stated.tensor->dtype == "I64";
    STRATA_CHECK(Expect(stated, wide ? "I64" : "I32", {2}));
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
      return Bad(stated, "[{}, {}] for words [{}, {}]", shape[0], shape[1], words[0], words[1]);
    const int bits = fits(4) ? 4 : 8;
    IntegerWeight weight;
    weight.n = shape[0];
    weight.k = shape[1];
    weight.codes = {.data = main_.tensor->data, .bits = bits, .n_stride = words[1], .k_stride = 1};
    return Compressed(std::move(weight));
  }

  /// weight [n, k] int8, weight_scale, weight_zero_point [n, groups] int8.
  Result<QuantizedRows> Int8() {
    STRATA_TRY(const auto shape, Matrix(main_, "I8"));
    IntegerWeight weight;
    weight.n = shape[0];
    weight.k = shape[1];
    weight.codes = SignedBytes(main_, shape[1]);
    return Compressed(std::move(weight));
  }

  static PackedIntegers SignedBytes(const Found& part, std::int64_t columns) {
    return {.data = part.tensor->data, .bits = 8, .word_bytes = 1, .n_stride = columns, .k_stride = 1, .flipped = 0x80};
  }

  /// What compressed-tensors' integer formats share; codes count from the least integer.
  Result<QuantizedRows> Compressed(IntegerWeight weight) {
    weight.zero = 1 << (weight.codes.bits - 1);
    STRATA_TRY(const Found scale, Need(".weight_scale"));
    const auto order = Find(".weight_g_idx");
    STRATA_TRY(const Grouped grouped, ReadGrouped(scale, weight.n, weight.k, false));
    weight.scales = grouped.scales;
    weight.group = grouped.k_group;
    const std::int64_t groups = weight.k / weight.group;
    if (const auto zeros = Find(".weight_zero_point")) {
      const std::int64_t a_word = 32 / weight.codes.bits;
      const std::int64_t rows = grouped.n_group == weight.n && weight.n != 1 ? 1 : weight.n;
      if (zeros->tensor->dtype == "I32") {
        STRATA_CHECK(Expect(*zeros, "I32", {CeilDiv(weight.n, a_word), groups}));
        weight.zeros = PackedIntegers{
            .data = zeros->tensor->data, .bits = weight.codes.bits, .n_stride = groups, .k_stride = 1, .along_n = true};
      } else if (rows == 1) {
        STRATA_CHECK(Expect(*zeros, "I8", zeros->tensor->shape.empty() ? Dims{} : Dims{1}));
        weight.zeros = SignedBytes(*zeros, 0);
        weight.zeros->k_stride = 0;
      } else {
        STRATA_CHECK(Expect(*zeros, "I8", {weight.n, groups}));
        weight.zeros = SignedBytes(*zeros, groups);
      }
      if (weight.zeros->word_bytes == 1 && weight.codes.bits == 4)
        return Bad(*zeros, "int8 zero points of 4-bit weights");
    }
    if (order) {
      STRATA_TRY(weight.group_of, ReadGroups(*order, weight.k, weight.group, groups));
    }
    return Finish(std::move(weight));
  }

  /// LLM.int8: weight [n, k], SCB [n]: 127 times the scale of a row.
  Result<QuantizedRows> RowwiseInt8() {
    STRATA_TRY(const auto shape, Matrix(main_, "I8"));
    IntegerWeight weight;
    weight.n = shape[0];
    weight.k = weight.group = shape[1];
    weight.codes = SignedBytes(main_, shape[1]);
    weight.zero = 128;
    STRATA_TRY(const Found scale, Need(".SCB"));
    STRATA_CHECK(Expect(scale, "F32", {weight.n}));
    weight.scales = {scale.tensor->data, Scales::Type::kF32, 1, 0, 127};
    STRATA_CHECK(CheckFinite(scale, weight.scales, weight.n, 1));
    return Finish(std::move(weight));
  }

  Result<QuantizedRows> Finish(IntegerWeight weight) {
    dims_ = {weight.n, weight.k};
    return MakeRows(std::move(weight));
  }

  /// weight u8 [n k / 2, 1], and beside it absmax, quant_map, their nested likes, and quant_state: JSON in a tensor.
  Result<QuantizedRows> NormalFloat() {
    STRATA_TRY(const Found state, Need(".weight.quant_state.bitsandbytes__nf4"));
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
    STRATA_CHECK(Expect(main_, "U8", {weight.n * weight.k / 2, 1}));
    weight.codes = main_.tensor->data;
    STRATA_TRY(weight.block, Positive(fields, "blocksize"));
    const std::int64_t blocks = CeilDiv(weight.n * weight.k, weight.block);
    STRATA_CHECK(CheckLevels());
    STRATA_TRY(const Found absmax, Need(".weight.absmax"));
    weight.absmax = absmax.tensor->data;
    if (!fields.Mentions("nested_blocksize")) {
      STRATA_CHECK(Expect(absmax, "F32", {blocks}));
    } else {
      STRATA_CHECK(Expect(absmax, "U8", {blocks}));
      STRATA_TRY(weight.nested_block, Positive(fields, "nested_blocksize"));
      STRATA_TRY(const Found nested, Need(".weight.nested_absmax"));
      STRATA_CHECK(Expect(nested, "F32", {CeilDiv(blocks, weight.nested_block)}));
      STRATA_TRY(const Found map, Need(".weight.nested_quant_map"));
      STRATA_CHECK(Expect(map, "F32", {256}));
      STRATA_TRY(const auto offset, fields.Number("nested_offset"));
      weight.nested = nested.tensor->data;
      weight.map = map.tensor->data;
      weight.offset = static_cast<float>(offset.value_or(0));
    }
    for (std::int64_t b = 0; b < blocks; ++b) {
      const float scale = weight.Absmax(b);
      if (!(std::fabs(scale) <= kMaxScale)) return Bad(absmax, "the scale of block {} is {}", b, scale);
    }
    dims_ = {weight.n, weight.k};
    return MakeRows(weight);
  }

  static Result<std::int64_t> Positive(const JsonFields& fields, std::string_view field) {
    STRATA_TRY(const auto value, fields.Integer(field));
    if (!value || *value <= 0 || *value > (1 << 30))
      return fields.Bad(ErrorCode::kCorrupt, field, "is {}", value.value_or(0));
    return *value;
  }

  /// The kernels have these levels built in.
  Status CheckLevels() const {
    STRATA_TRY(const Found map, Need(".weight.quant_map"));
    STRATA_CHECK(Expect(map, "F32", {16}));
    if (std::memcmp(map.tensor->data.data(), kNF4, sizeof kNF4) == 0) return {};
    return Bad(map, "levels other than those of nf4");
  }

  /// X_blocks u8 [experts, n, k / 32, 16], X_scales u8 [experts, n, k / 32].
  Result<QuantizedRows> Microscaled() {
    const Dims& shape = main_.tensor->shape;
    if (main_.tensor->dtype != "U8" || shape.size() < 3 || shape.size() > 4 || shape.back() != 16 ||
        std::ranges::any_of(shape, [](std::int64_t dim) { return dim <= 0; }))
      return Bad(main_, "{} [{}], it should be U8 [experts, n, k / 32, 16]", main_.tensor->dtype,
                 fmt::join(shape, ", "));
    STRATA_TRY(const Found scales, Need(kBlockScales));
    STRATA_CHECK(Expect(scales, "U8", Dims(shape.begin(), shape.end() - 1)));
    const auto nan = std::ranges::find(scales.tensor->data, std::byte{255});
    if (nan != scales.tensor->data.end())
      return Bad(scales, "the scale at byte {} is NaN", nan - scales.tensor->data.begin());
    dims_ = Dims(shape.begin(), shape.end() - 1);
    dims_.back() *= 32;
    std::int64_t rows = 1;
    for (std::size_t axis = 0; axis + 1 < dims_.size(); ++axis) rows *= dims_[axis];
    return MakeRows(MicroscaledWeight{rows, dims_.back(), main_.tensor->data, scales.tensor->data});
  }

  const HfQuantConfig& config_;
  const HuggingFaceWeights& weights_;
  Found main_;
  std::string module_;
  Dims dims_;
};

/// The main part's ending in a scheme, for a tensor of this name and type; "" when it is none.
std::string_view MainEnding(Method method, const SafetensorsTensor& tensor) {
  const std::string_view name = tensor.name, type = tensor.dtype;
  const auto is = [&](std::string_view ending, bool typed) { return typed && name.ends_with(ending) ? ending : ""; };
  switch (method) {
    case Method::kGptq:
    case Method::kAwq:
      return is(".qweight", true);
    case Method::kFp8:
      return is(".weight", type.starts_with("F8_"));
    case Method::kCompressedTensors: {
      const std::string_view packed = is(".weight_packed", true);
      return packed.empty() ? is(".weight", type == "I8" || type.starts_with("F8_")) : packed;
    }
    case Method::kBitsAndBytes:
      return is(".weight", type == "I8" || type == "U8");
    default:
      return is(kBlocks, true);
  }
}

}  // namespace

std::optional<HfQuantReader::Part> HfQuantReader::PartOf(const SafetensorsTensor& tensor) const {
  const std::string_view name = tensor.name;
  const auto without = [&](std::string_view ending) {
    return fmt::format("{}.weight", name.substr(0, name.size() - ending.size()));
  };
  const std::string_view main = MainEnding(config_.method, tensor);
  if (!main.empty()) return Part{without(main), true};
  if (config_.method == Method::kMxfp4) {
    return name.ends_with(kBlockScales) ? std::optional(Part{without(kBlockScales), false}) : std::nullopt;
  }
  for (const std::string_view ending : kSideParts) {
    if (name.ends_with(ending)) return Part{without(ending), false};
  }
  const std::size_t state = name.find(kQuantState);
  if (state == std::string_view::npos) return std::nullopt;
  return Part{fmt::format("{}.weight", name.substr(0, state)), false};
}

Result<TensorView> HfQuantReader::Read(const SafetensorsFile& file, const SafetensorsTensor& main,
                                       std::unique_ptr<RowSource>& source) const {
  const std::string_view ending = MainEnding(config_.method, main);
  Assembly assembly(config_, weights_, {&file, &main}, main.name.substr(0, main.name.size() - ending.size()));
  STRATA_TRY(QuantizedRows rows, assembly.Make());
  source = std::move(rows.source);
  return TensorView{rows.dtype, Shape(std::span<const std::int64_t>(assembly.dims())), {}, source.get()};
}

}  // namespace strata
