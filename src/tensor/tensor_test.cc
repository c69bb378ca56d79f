#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include <gtest/gtest.h>

#include "tensor/convert.h"
#include "tensor/dtype.h"
#include "tensor/finite.h"
#include "tensor/scaled_blocks.h"
#include "tensor/tensor_view.h"

namespace strata {
namespace {

class Golden : public testing::TestWithParam<DType> {};

TEST_P(Golden, DequantizeEqualsTheGgufPackage) {
  const DTypeInfo& info = Info(GetParam());
  std::ifstream file(std::string(STRATA_SOURCE_DIR "/src/tensor/testdata/") + std::string(info.name) + ".bin",
                     std::ios::binary);
  const std::vector<char> content((std::istreambuf_iterator<char>(file)), {});
  const std::size_t elements = 4 * info.block_elements;
  const std::size_t bytes = BytesOf(GetParam(), elements);
  ASSERT_EQ(content.size(), bytes + elements * sizeof(float)) << "make it by tools/golden/tensor_blocks.py";
  std::vector<float> expected(elements);
  std::memcpy(expected.data(), content.data() + bytes, elements * sizeof(float));
  std::vector<float> values(elements);
  ASSERT_TRUE(Dequantize(GetParam(), std::as_bytes(std::span(content.data(), bytes)), values));
  for (std::size_t i = 0; i < elements; ++i) ASSERT_EQ(values[i], expected[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(Types, Golden,
                         testing::Values(DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0,
                                         DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K,
                                         DType::kIQ4_NL, DType::kIQ4_XS, DType::kMXFP4, DType::kTQ1_0, DType::kTQ2_0,
                                         DType::kIQ1_S, DType::kIQ1_M, DType::kIQ2_XXS, DType::kIQ2_XS, DType::kIQ2_S,
                                         DType::kIQ3_XXS, DType::kIQ3_S),
                         [](const auto& info) { return std::string(Info(info.param).name); });

class ScaledBlock : public testing::TestWithParam<DType> {};

TEST_P(ScaledBlock, MeansWhatItsHeaderSays) {
  const DTypeInfo& info = Info(GetParam());
  const std::string name(info.name);
  const bool w8 = name.starts_with("w8"), u8 = name.starts_with("u8"), f8 = name.starts_with("f8");
  const bool integers = u8 || name.starts_with("u4");
  std::mt19937 random(5);
  std::vector<std::uint8_t> codes(2 * info.block_elements);
  for (std::uint8_t& code : codes)
    code = static_cast<std::uint8_t>(w8 ? random() : u8 || f8 ? random() % 0x7f : random() % 16);
  const IntegerBlock heads[] = {{0.0371F, u8 ? 256 : 16}, {-1.25F, 3}};
  std::vector<std::uint8_t> bytes(2 * info.block_bytes);
  for (std::size_t b = 0; b < 2; ++b) {
    EncodeScaledBlock(GetParam(), heads[b], std::span(codes).subspan(b * info.block_elements, info.block_elements),
                      bytes.data() + b * info.block_bytes);
  }
  std::vector<float> values(codes.size());
  ASSERT_TRUE(Dequantize(GetParam(), std::as_bytes(std::span(bytes)), values));
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const IntegerBlock& head = heads[i / info.block_elements];
    const float base = integers ? static_cast<float>(codes[i] - head.zero)
                       : w8     ? static_cast<float>(codes[i]) - 128
                       : f8     ? F8ToF32(codes[i])
                                : kNF4[codes[i]];
    ASSERT_EQ(values[i], head.scale * base) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, ScaledBlock,
                         testing::Values(DType::kU4_32, DType::kU4_128, DType::kU8_32, DType::kU8_128, DType::kF8_32,
                                         DType::kF8_128, DType::kNF4_64, DType::kW8A8_32),
                         [](const auto& info) { return std::string(Info(info.param).name); });

TEST(Convert, Float8IsSignExponentMantissa) {
  for (int bits = 0; bits < 256; ++bits) {
    const float value = F8ToF32(static_cast<std::uint8_t>(bits));
    const int exponent = bits >> 3 & 15, mantissa = bits & 7;
    if (exponent == 15 && mantissa == 7) {
      EXPECT_TRUE(std::isnan(value));
      continue;
    }
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
    EXPECT_EQ(static_cast<double>(value), bits < 128 ? magnitude : -magnitude) << bits;
  }
  EXPECT_EQ(F8ToF32(0x7e), 448.0F);  // the greatest
}

struct RoundTrip {
  DType type;
  double relative_rms;  ///< what the format's step allows on normal data
};
class Quantized : public testing::TestWithParam<RoundTrip> {};

TEST_P(Quantized, ValuesComeBackWithinTheStep) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(32 * 64);
  for (float& value : values) value = normal(random);
  const auto blocks = Quantize(GetParam().type, values);
  ASSERT_TRUE(blocks) << blocks.error().ToString();
  std::vector<float> back(values.size());
  ASSERT_TRUE(Dequantize(GetParam().type, *blocks, back));
  double error = 0;
  double total = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    error += std::pow(back[i] - values[i], 2);
    total += std::pow(values[i], 2);
  }
  EXPECT_LT(std::sqrt(error / total), GetParam().relative_rms);
}

TEST_P(Quantized, ZerosStayZeros) {
  const std::vector<float> zeros(64, 0.0F);
  std::vector<float> back(64, 1.0F);
  ASSERT_TRUE(Dequantize(GetParam().type, *Quantize(GetParam().type, zeros), back));
  EXPECT_EQ(back, zeros);
}

INSTANTIATE_TEST_SUITE_P(Types, Quantized,
                         testing::Values(RoundTrip{DType::kF32, 1e-9}, RoundTrip{DType::kF16, 3e-4},
                                         RoundTrip{DType::kBF16, 3e-3}, RoundTrip{DType::kQ8_0, 6e-3},
                                         RoundTrip{DType::kQ5_1, 4.5e-2}, RoundTrip{DType::kQ5_0, 5e-2},
                                         RoundTrip{DType::kQ4_1, 9e-2}, RoundTrip{DType::kQ4_0, 1e-1}),
                         [](const auto& info) { return std::string(Info(info.param.type).name); });

TEST(Convert, EveryHalfRoundTrips) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = F16ToF32(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) continue;
    ASSERT_EQ(F32ToF16(value), bits);
  }
}

TEST(Convert, HalvesAreTheCompilersBits) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(F16ToF32(half)),
              std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<_Float16>(half))))
        << bits;
    // Around where rounding changes: halfway to the next half, and one bit beside.
    for (std::uint32_t beside = 0xFFF; beside <= 0x1001; ++beside) {
      const float value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(F16ToF32(half)) + beside);
      ASSERT_EQ(F32ToF16(value), std::bit_cast<std::uint16_t>(static_cast<_Float16>(value))) << value;
    }
  }
  for (std::uint32_t bits = 0; bits < 0xFFFF0000; bits += 4099) {
    const auto value = std::bit_cast<float>(bits);
    ASSERT_EQ(F32ToF16(value), std::bit_cast<std::uint16_t>(static_cast<_Float16>(value))) << value;
  }
}

TEST(Convert, BFloat16RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(F32ToBF16(1.0F), 0x3F80);
  EXPECT_EQ(F32ToBF16(__builtin_bit_cast(float, 0x3F808000U)), 0x3F80);  // tie to even
  EXPECT_EQ(F32ToBF16(__builtin_bit_cast(float, 0x3F818000U)), 0x3F82);
  EXPECT_EQ(F32ToBF16(__builtin_bit_cast(float, 0x3F808001U)), 0x3F81);
  EXPECT_TRUE(std::isnan(BF16ToF32(F32ToBF16(NAN))));
  EXPECT_TRUE(std::isinf(BF16ToF32(F32ToBF16(INFINITY))));
}

TEST(Convert, HalfOverflowIsInfinite) { EXPECT_TRUE(std::isinf(F16ToF32(F32ToF16(1e6F)))); }

TEST(Convert, TypesWithoutAReadingAreRefusedByName) {
  std::vector<std::byte> bytes(4);
  std::vector<float> out(1);
  const auto status = Dequantize(DType::kI32, bytes, out);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message().find("i32"), std::string::npos);
  EXPECT_FALSE(Quantize(DType::kQ2_K, std::vector<float>(256)));
}

/// sqrt of the relative squared error of normal values, each counting as it is weighted.
double RoundingError(DType type, const std::vector<float>& values, const std::vector<float>& weights) {
  const auto blocks = Quantize(type, values, weights);
  std::vector<float> back(values.size());
  EXPECT_TRUE(blocks && Dequantize(type, *blocks, back));
  double error = 0, all = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto off = static_cast<double>(values[i] - back[i]), value = static_cast<double>(values[i]);
    error += static_cast<double>(weights[i]) * off * off;
    all += static_cast<double>(weights[i]) * value * value;
  }
  return std::sqrt(error / all);
}

TEST(Convert, KFormatsRoundToTheLeastError) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0.1F, 1);
  std::vector<float> values(256 * 20), alike(values.size(), 1), weights(values.size());
  for (float& value : values) value = normal(random);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = i % 7 == 0 ? 30 : 1;
  // What 4, 5 and 6 bits with such scales can do with normal values, and better than the plain types of 32 values.
  EXPECT_LT(RoundingError(DType::kQ4_K, values, alike), 0.075);
  EXPECT_LT(RoundingError(DType::kQ5_K, values, alike), 0.038);
  EXPECT_LT(RoundingError(DType::kQ6_K, values, alike), 0.025);
  EXPECT_LT(RoundingError(DType::kQ4_K, values, alike), RoundingError(DType::kQ4_1, values, alike));
  for (const DType type : {DType::kQ4_K, DType::kQ5_K, DType::kQ6_K}) {
    const auto unweighted = Quantize(type, values);
    ASSERT_TRUE(unweighted);
    std::vector<float> back(values.size());
    ASSERT_TRUE(Dequantize(type, *unweighted, back));
    double error = 0, all = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto off = static_cast<double>(values[i] - back[i]), value = static_cast<double>(values[i]);
      error += static_cast<double>(weights[i]) * off * off;
      all += static_cast<double>(weights[i]) * value * value;
    }
    EXPECT_LT(RoundingError(type, values, weights), std::sqrt(error / all)) << Info(type).name;
    const auto zeros = Quantize(type, std::vector<float>(256));
    std::vector<float> still_zero(256, 1);
    ASSERT_TRUE(zeros && Dequantize(type, *zeros, still_zero));
    EXPECT_EQ(still_zero, std::vector<float>(256));
  }
}

TEST(DType, NamesRoundTrip) {
  for (int i = 0; i <= static_cast<int>(DType::kNF4_64); ++i) {
    const auto type = static_cast<DType>(i);
    EXPECT_EQ(DTypeFromName(Info(type).name), type);
  }
  EXPECT_FALSE(DTypeFromName("q9_9"));
}

TEST(Shape, RowsAndColumns) {
  const Shape shape{4, 3, 32};
  EXPECT_EQ(shape.elements(), 384);
  EXPECT_EQ(shape.rows(), 12);
  EXPECT_EQ(shape.cols(), 32);
  EXPECT_EQ(shape.ToString(), "[4, 3, 32]");
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_NE(shape, (Shape{4, 3, 31}));
}

TEST(TensorView, RowsAreBlocksOfBytes) {
  const std::vector<float> values(64, 1.0F);
  const auto data = Quantize(DType::kQ8_0, values).value();
  const TensorView view{DType::kQ8_0, {2, 32}, data};
  EXPECT_EQ(view.row(1).data(), data.data() + 34);
  EXPECT_EQ(view.row(1).size(), 34u);
  EXPECT_EQ(DequantizeTensor(view).value().size(), 64u);
}

/// Whatever two bytes of a block become: where a conversion gives a value that is not finite, it is found, and it is
/// said of none of which all values are finite.
TEST(Finite, IsWhatConversionsGive) {
  for (const DType type :
       {DType::kF32,    DType::kF16,   DType::kBF16,    DType::kQ4_0,  DType::kQ4_1,  DType::kQ5_0,  DType::kQ5_1,
        DType::kQ8_0,   DType::kQ2_K,  DType::kQ3_K,    DType::kQ4_K,  DType::kQ5_K,  DType::kQ6_K,  DType::kIQ4_NL,
        DType::kIQ4_XS, DType::kMXFP4, DType::kTQ1_0,   DType::kTQ2_0, DType::kIQ1_S, DType::kIQ1_M, DType::kIQ2_XXS,
        DType::kIQ2_XS, DType::kIQ2_S, DType::kIQ3_XXS, DType::kIQ3_S}) {
    const DTypeInfo& info = Info(type);
    std::vector<std::byte> blocks(2 * info.block_bytes, std::byte{0x11});
    std::vector<float> values(2 * info.block_elements);
    ASSERT_EQ(FirstNotFinite(type, blocks), std::nullopt) << info.name;
    for (std::size_t at = 0; at + 1 < info.block_bytes; ++at) {
      for (const int bits : {0x7E00, 0x7C00, 0xFC01, 0x7FC0, 0xFF80, 0xFFFF, 0xFF00, 0x3C00, 0xF0F0}) {
        std::vector<std::byte> damaged = blocks;
        damaged[info.block_bytes + at] = static_cast<std::byte>(bits & 0xFF);
        damaged[info.block_bytes + at + 1] = static_cast<std::byte>(bits >> 8);
        ASSERT_TRUE(Dequantize(type, damaged, values));
        const bool finite = std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
        const auto found = FirstNotFinite(type, damaged);
        if (!finite) EXPECT_EQ(found, std::optional<std::size_t>(1)) << info.name << " " << at << " " << bits;
        // A scale may be multiplied by nothing but zeros.
        if (finite && !info.quantized()) EXPECT_EQ(found, std::nullopt) << info.name << " " << at << " " << bits;
      }
    }
  }
}

}  // namespace
}  // namespace strata
