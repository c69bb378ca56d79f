#include "formats/hf_quant_config.h"

#include <algorithm>
#include <array>

namespace strata {
namespace {

using Method = HfQuantConfig::Method;

/// A size of groups; -1 says that there is one.
Result<std::int64_t> GroupSize(const JsonFields& fields, std::string_view field) {
  STRATA_TRY(const auto size, fields.Integer(field));
  const std::int64_t group = size.value_or(-1);
  if (group == -1) return 0;
  if (group <= 0 || group > (1 << 30)) return fields.Bad(ErrorCode::kCorrupt, field, "is {}", group);
  return group;
}

/// Refuses a field that is anything else than null, false or empty.
Status RefuseSet(const JsonFields& fields, std::string_view field) {
  const nlohmann::json* value = fields.Find(field);
  if (value == nullptr || value->empty() || *value == false) return {};
  return fields.Bad(ErrorCode::kUnsupported, field, "is not supported");
}

Status RefuseUnless(const JsonFields& fields, std::string_view field, std::initializer_list<std::string_view> known) {
  STRATA_TRY(const auto value, fields.String(field));
  if (!value || std::ranges::find(known, *value) != known.end()) return {};
  return fields.Bad(ErrorCode::kUnsupported, field, "{} is not supported (supported: {})", *value,
                    fmt::join(known, ", "));
}

Status ReadBlock(const JsonFields& fields, std::string_view field, HfQuantConfig& config) {
  STRATA_TRY(const auto sizes, fields.IntegerOrList(field));
  if (sizes.empty()) return {};
  if (sizes.size() != 2 || std::ranges::any_of(sizes, [](std::int64_t size) { return size <= 0 || size > (1 << 30); }))
    return fields.Bad(ErrorCode::kCorrupt, field, "must be two sizes");
  std::ranges::copy(sizes, config.block);
  return {};
}

Status ReadGptq(const JsonFields& fields, HfQuantConfig& config) {
  STRATA_TRY(const auto bits, fields.Integer("bits"));
  if (bits != 2 && bits != 4 && bits != 8) {
    return fields.Bad(ErrorCode::kUnsupported, "bits", "{} is not supported (supported: 2, 4, 8)", bits.value_or(0));
  }
  config.bits = static_cast<int>(*bits);
  STRATA_TRY(config.group, GroupSize(fields, "group_size"));
  STRATA_CHECK(RefuseUnless(fields, "checkpoint_format", {"gptq", "gptq_v2"}));
  STRATA_CHECK(RefuseUnless(fields, "pack_dtype", {"int32"}));
  STRATA_CHECK(RefuseSet(fields, "dynamic"));  // other bits and groups for some modules
  STRATA_TRY(const auto format, fields.String("checkpoint_format"));
  config.zeros_less_one = format.value_or("gptq") == "gptq";
  return {};
}

Status ReadAwq(const JsonFields& fields, HfQuantConfig& config) {
  STRATA_TRY(const auto bits, fields.Integer("bits"));
  if (bits.value_or(4) != 4) return fields.Bad(ErrorCode::kUnsupported, "bits", "{} is not supported", *bits);
  STRATA_TRY(config.group, GroupSize(fields, "group_size"));
  return RefuseUnless(fields, "version", {"gemm", "GEMM"});
}

Status ReadFp8(const JsonFields& fields, HfQuantConfig& config) {
  STRATA_CHECK(RefuseUnless(fields, "fmt", {"e4m3", "float8_e4m3fn"}));
  return ReadBlock(fields, "weight_block_size", config);
}

/// Whether the scheme of a group of modules asks for inputs of int8 with one scale a token: its own, or one for all
/// tokens, known before or not, than which a token's own is finer. What else a scheme asks of inputs is not done.
Result<bool> HasInt8Inputs(const JsonFields& group) {
  STRATA_TRY(const auto inputs, group.Object("input_activations"));
  if (!inputs) return false;
  STRATA_TRY(const auto type, inputs->String("type"));
  STRATA_TRY(const auto bits, inputs->Integer("num_bits"));
  STRATA_TRY(const auto symmetric, inputs->Boolean("symmetric"));
  STRATA_TRY(const auto strategy, inputs->String("strategy"));
  return type.value_or("int") == "int" && bits.value_or(8) == 8 && symmetric.value_or(true) &&
         (strategy.value_or("tensor") == "token" || strategy.value_or("tensor") == "tensor");
}

Status ReadScheme(const JsonFields& group, HfQuantConfig& config) {
  STRATA_CHECK(RefuseSet(group, "output_activations"));
  STRATA_TRY(const auto weights, group.Object("weights"));
  if (!weights) return group.Bad(ErrorCode::kUnsupported, "weights", "is missing: what else is quantised is not read");
  STRATA_TRY(const auto type, weights->String("type"));
  STRATA_TRY(const auto bits, weights->Integer("num_bits"));
  const bool known = type == "float" ? bits == 8 : type.value_or("int") == "int" && (bits == 4 || bits == 8);
  if (!known) {
    return weights->Bad(ErrorCode::kUnsupported, "num_bits",
                        "{} bits of {} are not supported (supported: int 4 and 8, float 8)", bits.value_or(0),
                        type.value_or("int"));
  }
  return ReadBlock(*weights, "block_structure", config);
}

Status ReadCompressedTensors(const JsonFields& fields, HfQuantConfig& config) {
  STRATA_CHECK(RefuseUnless(
      fields, "format",
      {"dense", "pack-quantized", "int-quantized", "float-quantized", "naive-quantized", "mixed-precision"}));
  STRATA_CHECK(RefuseUnless(fields, "quantization_status", {"compressed"}));
  STRATA_CHECK(RefuseSet(fields, "kv_cache_scheme"));
  STRATA_CHECK(RefuseSet(fields, "transform_config"));
  STRATA_TRY(const auto sparsity, fields.Object("sparsity_config"));
  if (sparsity) STRATA_CHECK(RefuseUnless(*sparsity, "format", {"dense"}));
  STRATA_TRY(const auto groups, fields.Object("config_groups"));
  if (!groups) return {};
  for (const auto& [name, value] : groups->json().items()) {
    STRATA_TRY(const auto group, groups->Object(name));
    if (!group) continue;
    STRATA_CHECK(RefuseUnless(*group, "format",
                              {"dense", "pack-quantized", "int-quantized", "float-quantized", "naive-quantized"}));
    STRATA_CHECK(ReadScheme(*group, config));
    STRATA_TRY(const bool int8_inputs, HasInt8Inputs(*group));
    STRATA_CHECK(config.int8_inputs.Add(*group, int8_inputs));
  }
  return {};
}

Status ReadBitsAndBytes(const JsonFields& fields, HfQuantConfig&) {
  STRATA_TRY(const auto four, fields.Boolean("load_in_4bit"));
  if (!four.value_or(false)) return {};
  STRATA_CHECK(RefuseUnless(fields, "bnb_4bit_quant_storage", {"uint8"}));
  return RefuseUnless(fields, "bnb_4bit_quant_type", {"nf4"});
}

struct Reader {
  std::string_view name;
  Method method;
  Status (*read)(const JsonFields&, HfQuantConfig&);
};
constexpr std::array kReaders = {
    Reader{"gptq", Method::kGptq, ReadGptq},
    Reader{"awq", Method::kAwq, ReadAwq},
    Reader{"fp8", Method::kFp8, ReadFp8},
    Reader{"fbgemm_fp8", Method::kFp8, ReadFp8},
    Reader{"compressed-tensors", Method::kCompressedTensors, ReadCompressedTensors},
    Reader{"bitsandbytes", Method::kBitsAndBytes, ReadBitsAndBytes},
    Reader{"mxfp4", Method::kMxfp4, [](const JsonFields&, HfQuantConfig&) { return Status(); }},
};

}  // namespace

Result<std::optional<HfQuantConfig>> ReadHfQuantConfig(const JsonFields& config) {
  STRATA_TRY(auto fields, config.Object("quantization_config"));
  if (!fields) {
    STRATA_TRY(fields, config.Object("compression_config"));  // compressed-tensors' older name
  }
  if (!fields || fields->json().empty()) return std::optional<HfQuantConfig>();
  STRATA_TRY(const auto name, fields->String("quant_method"));
  if (!name) return fields->Bad(ErrorCode::kCorrupt, "quant_method", "is missing");
  const auto* const reader = std::ranges::find(kReaders, *name, &Reader::name);
  if (reader == kReaders.end()) {
    std::string known;
    for (const Reader& one : kReaders) known += fmt::format("{}{}", known.empty() ? "" : ", ", one.name);
    return fields->Bad(ErrorCode::kUnsupported, "quant_method", "{} is not supported (supported: {})", *name, known);
  }
  HfQuantConfig quant;
  quant.method = reader->method;
  STRATA_CHECK(reader->read(*fields, quant));
  return quant;
}

}  // namespace strata
