#include "formats/hf_quant.h"

#include "formats/hf_quant_parts.h"

namespace strata {
namespace {

using Method = HfQuantConfig::Method;

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

Result<AssembledWeight> Assemble(const WeightParts& parts) {
  const SafetensorsTensor& main = *parts.main().tensor;
  switch (parts.config().method) {
    case Method::kGptq:
      return ReadGptq(parts);
    case Method::kAwq:
      return ReadAwq(parts);
    case Method::kFp8:
      return ReadFloat8(parts);
    case Method::kCompressedTensors:
      if (main.name.ends_with("_packed")) return ReadCompressedPacked(parts);
      return main.dtype == "I8" ? ReadCompressedInt8(parts) : ReadFloat8(parts);
    case Method::kBitsAndBytes:
      return main.dtype == "I8" ? ReadLlmInt8(parts) : ReadNormalFloat(parts);
    default:
      return ReadMicroscaled(parts);
  }
}

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
      return is(kMicroscaledCodes, true);
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
    return name.ends_with(kMicroscaledScales) ? std::optional(Part{without(kMicroscaledScales), false}) : std::nullopt;
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
  const WeightParts parts(config_, weights_, {&file, &main}, main.name.substr(0, main.name.size() - ending.size()));
  STRATA_TRY(AssembledWeight weight, Assemble(parts));
  source = std::move(weight.rows.source);
  return TensorView{weight.rows.dtype, Shape(std::span<const std::int64_t>(weight.dims)), {}, source.get()};
}

}  // namespace strata
