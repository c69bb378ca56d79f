#include "tensor/dtype.h"

#include <array>
#include <cassert>

namespace strata {
namespace {

// In the order of DType. Block sizes: ggml's block_* structs, and blocks.h for strata's own.
constexpr std::array<DTypeInfo, 42> kInfo = {{
    {"f32", 1, 4},       {"f16", 1, 2},       {"bf16", 1, 2},       {"f64", 1, 8},        {"i8", 1, 1},
    {"i16", 1, 2},       {"i32", 1, 4},       {"i64", 1, 8},        {"u8", 1, 1},         {"bool", 1, 1},
    {"q4_0", 32, 18},    {"q4_1", 32, 20},    {"q5_0", 32, 22},     {"q5_1", 32, 24},     {"q8_0", 32, 34},
    {"q8_1", 32, 36},    {"q2_k", 256, 84},   {"q3_k", 256, 110},   {"q4_k", 256, 144},   {"q5_k", 256, 176},
    {"q6_k", 256, 210},  {"q8_k", 256, 292},  {"iq4_nl", 32, 18},   {"iq4_xs", 256, 136}, {"mxfp4", 32, 17},
    {"tq1_0", 256, 54},  {"tq2_0", 256, 66},  {"iq1_s", 256, 50},   {"iq1_m", 256, 56},   {"iq2_xxs", 256, 66},
    {"iq2_xs", 256, 74}, {"iq2_s", 256, 82},  {"iq3_xxs", 256, 98}, {"iq3_s", 256, 110},  {"u4_32", 32, 24},
    {"u4_128", 128, 72}, {"u8_32", 32, 40},   {"u8_128", 128, 136}, {"f8_32", 32, 36},    {"f8_128", 128, 132},
    {"nf4_64", 64, 36},  {"w8a8_32", 32, 36},
}};
static_assert(kInfo.size() == static_cast<std::size_t>(DType::kW8A8_32) + 1);
static_assert(kInfo[static_cast<std::size_t>(DType::kQ6_K)].block_bytes == 210);

}  // namespace

const DTypeInfo& Info(DType type) { return kInfo[static_cast<std::size_t>(type)]; }

std::optional<DType> DTypeFromName(std::string_view name) {
  for (std::size_t i = 0; i < kInfo.size(); ++i) {
    if (kInfo[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::size_t BytesOf(DType type, std::size_t elements) {
  const DTypeInfo& info = Info(type);
  assert(elements % info.block_elements == 0);
  return elements / info.block_elements * info.block_bytes;
}

}  // namespace strata
