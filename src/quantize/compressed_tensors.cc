#include "quantize/compressed_tensors.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "tensor/convert.h"

namespace strata::quantize {
namespace {

using Json = nlohmann::ordered_json;

SafetensorsOutput Output(std::string name, std::string dtype, std::vector<std::int64_t> shape,
                         std::vector<std::byte> data) {
  auto held = std::make_shared<std::vector<std::byte>>(std::move(data));
  const std::size_t bytes = held->size();
  return {std::move(name), std::move(dtype), std::move(shape), bytes,
          [held]() -> Result<std::vector<std::byte>> { return std::move(*held); }};
}

/// Values made unsigned, 32 / bits of them in an int32, the first in the lowest bits; `count` of them `stride` apart
/// make a row. What is short of whole int32s is filled with 0.
std::vector<std::byte> Pack(const std::vector<std::int8_t>& values, std::int64_t lines, std::int64_t line_stride,
                            std::int64_t count, std::int64_t stride, int bits) {
  const std::int64_t in_word = 32 / bits, words = (count + in_word - 1) / in_word;
  std::vector<std::uint32_t> packed(static_cast<std::size_t>(lines * words));
  for (std::int64_t line = 0; line < lines; ++line) {
    for (std::int64_t i = 0; i < count; ++i) {
      const int value = values[static_cast<std::size_t>(line * line_stride + i * stride)] + (1 << (bits - 1));
      packed[static_cast<std::size_t>(line * words + i / in_word)] |= static_cast<std::uint32_t>(value)
                                                                      << (bits * static_cast<int>(i % in_word));
    }
  }
  std::vector<std::byte> bytes(packed.size() * sizeof(std::uint32_t));
  std::memcpy(bytes.data(), packed.data(), bytes.size());
  return bytes;
}

std::vector<std::byte> Scales(const RoundedGroups& weight) {
  std::vector<std::byte> bytes(weight.scales.size() * 2);
  for (std::size_t i = 0; i < weight.scales.size(); ++i) {
    const std::uint16_t bits = F32ToBF16(weight.scales[i]);
    std::memcpy(bytes.data() + 2 * i, &bits, 2);
  }
  return bytes;
}

/// Only whole bytes by the row have a type of their own.
bool IsPacked(const GroupFormat& format) { return format.bits < 8 || format.group != 0; }

std::string_view TypeName(const GroupFormat& format) { return format.type == LevelType::kFloat8 ? "float" : "int"; }

std::string_view FormatName(const GroupFormat& format) {
  return IsPacked(format) ? "pack-quantized" : format.type == LevelType::kFloat8 ? "float-quantized" : "int-quantized";
}

Json Weights(const GroupFormat& format) {
  return {{"num_bits", format.bits},
          {"type", TypeName(format)},
          {"symmetric", format.symmetric},
          {"strategy", format.group == 0 ? "channel" : "group"},
          {"group_size", format.group == 0 ? Json(nullptr) : Json(format.group)},
          {"block_structure", nullptr},
          {"dynamic", false},
          {"actorder", nullptr},
          {"observer", "minmax"},
          {"observer_kwargs", Json::object()}};
}

Json EightBitsByToken(const GroupFormat& format) {
  return {{"num_bits", 8},         {"type", TypeName(format)},         {"symmetric", true}, {"strategy", "token"},
          {"group_size", nullptr}, {"block_structure", nullptr},       {"dynamic", true},   {"actorder", nullptr},
          {"observer", nullptr},   {"observer_kwargs", Json::object()}};
}

}  // namespace

std::vector<SafetensorsOutput> CompressedTensors(const std::string& module, const RoundedGroups& weight) {
  const GroupFormat& format = weight.format;
  std::vector<SafetensorsOutput> out;
  const std::int64_t n = weight.rows, k = weight.columns, groups = weight.groups();
  if (IsPacked(format)) {
    const std::int64_t in_word = 32 / format.bits;
    out.push_back(Output(module + ".weight_packed", "I32", {n, (k + in_word - 1) / in_word},
                         Pack(weight.values, n, k, k, 1, format.bits)));
    std::vector<std::byte> shape(16);
    std::memcpy(shape.data(), &n, 8);
    std::memcpy(shape.data() + 8, &k, 8);
    out.push_back(Output(module + ".weight_shape", "I64", {2}, std::move(shape)));
    if (!format.symmetric) {
      // Packed down the rows: int32 (w, g) holds the zero points of rows 8w to 8w + 7 of group g.
      const std::int64_t words = (n + in_word - 1) / in_word;
      const std::vector<std::byte> by_group = Pack(weight.zero_points, groups, 1, n, groups, format.bits);
      std::vector<std::byte> transposed(by_group.size());
      for (std::int64_t g = 0; g < groups; ++g) {
        for (std::int64_t w = 0; w < words; ++w) {
          std::memcpy(transposed.data() + 4 * (w * groups + g), by_group.data() + 4 * (g * words + w), 4);
        }
      }
      out.push_back(Output(module + ".weight_zero_point", "I32", {words, groups}, std::move(transposed)));
    }
  } else {
    const auto bytes = std::as_bytes(std::span(weight.values));
    const bool float8 = format.type == LevelType::kFloat8;
    out.push_back(Output(module + ".weight", float8 ? "F8_E4M3" : "I8", {n, k}, {bytes.begin(), bytes.end()}));
    if (!format.symmetric) {
      const auto zeros = std::as_bytes(std::span(weight.zero_points));
      out.push_back(Output(module + ".weight_zero_point", "I8", {n, groups}, {zeros.begin(), zeros.end()}));
    }
  }
  out.push_back(Output(module + ".weight_scale", "BF16", {n, groups}, Scales(weight)));
  return out;
}

Json CompressedTensorsConfig(const std::vector<std::pair<std::string, ModuleScheme>>& modules,
                             const std::vector<std::string>& ignored) {
  std::vector<std::pair<ModuleScheme, Json>> schemes;
  for (const auto& [module, scheme] : modules) {
    auto known = std::ranges::find(schemes, scheme, &std::pair<ModuleScheme, Json>::first);
    if (known == schemes.end()) known = schemes.insert(schemes.end(), {scheme, Json::array()});
    known->second.push_back(module);
  }
  Json groups = Json::object();
  for (std::size_t i = 0; i < schemes.size(); ++i) {
    const ModuleScheme& scheme = schemes[i].first;
    groups[fmt::format("group_{}", i)] = {
        // Said of each: who reads the file would else guess that int8 whose inputs are whole is packed.
        {"format", FormatName(scheme.weights)},
        {"targets", schemes.size() == 1 ? Json{"Linear"} : schemes[i].second},
        {"weights", Weights(scheme.weights)},
        {"input_activations", scheme.round_inputs ? EightBitsByToken(scheme.weights) : Json(nullptr)},
        {"output_activations", nullptr}};
  }
  std::set<std::string_view> formats;
  for (const auto& [scheme, targets] : schemes) formats.insert(FormatName(scheme.weights));
  return {{"quant_method", "compressed-tensors"},
          {"format", formats.size() == 1 ? *formats.begin() : "mixed-precision"},
          {"quantization_status", "compressed"},
          {"config_groups", groups},
          {"ignore", ignored},
          {"kv_cache_scheme", nullptr},
          {"global_compression_ratio", nullptr}};
}

}  // namespace strata::quantize
