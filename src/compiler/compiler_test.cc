#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "base/cpu_features.h"
#include "base/mapped_file.h"
#include "base/module.h"
#include "compiler/code_generator.h"
#include "compiler/map_compiler.h"

namespace strata::compiler {
namespace {

graph::Expression Parsed(const std::string& text) {
  auto expression = graph::ParseExpression(text);
  EXPECT_TRUE(expression) << text;
  return *expression;
}

std::vector<float> Values(std::size_t count, unsigned seed, float low = -6, float high = 6) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(low, high);
  std::vector<float> values(count);
  for (float& v : values) v = value(random);
  return values;
}

/// Compiled against the oracle over rows x cols, every input with its own stride.
void Check(const std::string& text, std::int64_t rows, std::int64_t cols, float low = -6, float high = 6) {
  const graph::Expression expression = Parsed(text);
  auto compiler = MapCompiler::Create("");
  ASSERT_TRUE(compiler) << compiler.error().ToString();
  auto functions = (*compiler)->Compile({&expression, 1});
  ASSERT_TRUE(functions) << functions.error().ToString();
  std::vector<std::vector<float>> data;
  std::vector<const float*> inputs;
  std::vector<std::int64_t> strides;
  for (int i = 0; i < expression.inputs; ++i) {
    data.push_back(Values(static_cast<std::size_t>(rows * (cols + i)), static_cast<unsigned>(i) + 7, low, high));
    inputs.push_back(data.back().data());
    strides.push_back(cols + i);
  }
  constexpr float kUntouched = 12345;
  std::vector<float> got(static_cast<std::size_t>(rows * (cols + 3)), kUntouched), want = got;
  functions->front()(inputs.data(), strides.data(), got.data(), cols + 3, rows, cols);
  Interpret(expression, inputs.data(), strides.data(), want.data(), cols + 3, rows, cols);
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], want[i], 4e-7 * std::max(1.0F, std::fabs(want[i]))) << text << " at " << i;
  }
}

class Operations : public testing::TestWithParam<const char*> {};
TEST_P(Operations, EqualTheOracle) { Check(GetParam(), 3, 37); }
INSTANTIATE_TEST_SUITE_P(All, Operations,
                         testing::Values("a0 + a1", "a0 - a1", "a0 * a1", "a0 / (a1 * a1 + 1)", "min(a0, a1)",
                                         "max(a0, a1)", "neg(a0)", "abs(a0)", "sqrt(abs(a0))", "rsqrt(abs(a0) + 1)",
                                         "tanh(a0)", "sigmoid(a0)", "silu(a0)", "gelu(a0)", "gelu_tanh(a0)", "relu(a0)",
                                         "silu(a0) * a1", "a0 * 2.5 + 1", "exp(neg(abs(a0)))",
                                         "silu(a0 + a2) * (a1 + a3)"));

class Widths : public testing::TestWithParam<int> {};
TEST_P(Widths, TailsAreExactAndNothingBeyondIsWritten) { Check("silu(a0) * a1", 2, GetParam()); }
INSTANTIATE_TEST_SUITE_P(OneToForty, Widths, testing::Range(1, 41));

TEST(Compiler, ExpIsAccurateOverItsRange) { Check("exp(a0) / exp(a0 * 1)", 1, 64, -80, 80); }

TEST(Compiler, ExpOfExtremes) {
  const graph::Expression expression = Parsed("exp(a0)");
  auto compiler = MapCompiler::Create("");
  ASSERT_TRUE(compiler);
  auto functions = (*compiler)->Compile({&expression, 1});
  ASSERT_TRUE(functions);
  const float infinity = std::numeric_limits<float>::infinity();
  const float in[] = {infinity, -infinity, std::nanf(""), 0, 88.7F, 1000, -1000, -87};
  const float* inputs[] = {in};
  const std::int64_t strides[] = {8};
  float out[8];
  functions->front()(inputs, strides, out, 8, 1, 8);
  EXPECT_EQ(out[0], infinity);
  EXPECT_EQ(out[1], 0);
  EXPECT_TRUE(std::isnan(out[2]));
  EXPECT_EQ(out[3], 1);
  EXPECT_NEAR(out[4] / std::exp(static_cast<double>(88.7F)), 1, 1e-6);
  EXPECT_EQ(out[5], infinity);
  EXPECT_EQ(out[6], 0);
  EXPECT_NEAR(out[7] / std::exp(-87.0), 1, 1e-6);
}

TEST(Compiler, StrideZeroBroadcastsARow) {
  const graph::Expression expression = Parsed("a0 + a1");
  auto compiler = MapCompiler::Create("");
  ASSERT_TRUE(compiler);
  auto functions = (*compiler)->Compile({&expression, 1});
  ASSERT_TRUE(functions);
  const auto a = Values(40, 1), bias = Values(20, 2);
  const float* inputs[] = {a.data(), bias.data()};
  const std::int64_t strides[] = {20, 0};
  std::vector<float> out(40);
  functions->front()(inputs, strides, out.data(), 20, 2, 20);
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(out[i], a[i] + bias[i % 20]);
}

TEST(Compiler, MayWriteOverAnInput) {
  const graph::Expression expression = Parsed("a0 * a1");
  auto compiler = MapCompiler::Create("");
  ASSERT_TRUE(compiler);
  auto functions = (*compiler)->Compile({&expression, 1});
  ASSERT_TRUE(functions);
  auto a = Values(50, 1);
  const auto before = a, b = Values(50, 2);
  const float* inputs[] = {a.data(), b.data()};
  const std::int64_t strides[] = {25, 25};
  functions->front()(inputs, strides, a.data(), 25, 2, 25);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(a[i], before[i] * b[i]);
}

class Cache : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/strata-compiler-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  MapCompiler::Stats CompileOnce() {
    auto compiler = MapCompiler::Create(folder_);
    EXPECT_TRUE(compiler);
    const graph::Expression expressions[] = {Parsed("a0 + a1"), Parsed("silu(a0) * a1")};
    auto functions = (*compiler)->Compile(expressions);
    EXPECT_TRUE(functions);
    const float a = 2, b = 3;
    const float* inputs[] = {&a, &b};
    const std::int64_t strides[] = {1, 1};
    float out = 0;
    (*functions)[0](inputs, strides, &out, 1, 1, 1);
    EXPECT_EQ(out, 5);
    (*functions)[1](inputs, strides, &out, 1, 1, 1);
    EXPECT_NEAR(out, 6 / (1 + std::exp(-2.0)), 1e-6);
    return (*compiler)->stats();
  }
  std::string File() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/objects")) return entry.path().string();
    return "";
  }
  std::string folder_;
};

TEST_F(Cache, SecondTimeComesFromDisk) {
  EXPECT_EQ(CompileOnce().compiled, 2);
  const MapCompiler::Stats second = CompileOnce();
  EXPECT_EQ(second.compiled, 0);
  EXPECT_EQ(second.cached, 2);
}

TEST_F(Cache, DamagedFilesAreBuiltAnew) {
  CompileOnce();
  std::string content = *ReadFile(File());
  content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
  std::ofstream(File(), std::ios::binary) << content;
  EXPECT_EQ(CompileOnce().compiled, 2);
  std::ofstream(File(), std::ios::binary) << "short";
  EXPECT_EQ(CompileOnce().compiled, 2);
  EXPECT_EQ(CompileOnce().cached, 2);
}

/// The levels of processors that this one has, and the lowest.
std::vector<CodeTarget> Targets() {
  std::vector<CodeTarget> targets = {{"x86-64", false, 8}};
  if (DetectCpu("").avx2) targets.push_back({"x86-64-v3", true, 8});
  if (DetectCpu("").avx512) targets.push_back({"x86-64-v4", true, 16});
  return targets;
}

Result<CodeImage> Generate(const CodeTarget& target, std::span<const graph::Expression> expressions) {
  STRATA_TRY(void* const function, ModuleFunction("strata-llvm", "StrataGenerateCode"));
  Result<CodeImage> image;
  reinterpret_cast<decltype(&StrataGenerateCode)>(function)(target, expressions, image);
  return image;
}

TEST(Code, OfEveryLevelEqualsTheOracle) {
  const graph::Expression expressions[] = {Parsed("gelu_tanh(a0) * a1"), Parsed("silu(a0) / (a1 * a1 + 1)")};
  const auto a = Values(74, 1), b = Values(74, 2);
  const float* inputs[] = {a.data(), b.data()};
  const std::int64_t strides[] = {37, 37};
  for (const CodeTarget& target : Targets()) {
    const auto image = Generate(target, expressions);
    ASSERT_TRUE(image) << target.cpu << ": " << image.error().ToString();
    // It must not matter where it is put.
    const auto first = LoadedCode::Load(*image), second = LoadedCode::Load(*ParseCodeImage(Serialize(*image)));
    ASSERT_TRUE(first && second);
    for (const LoadedCode* code : {&*first, &*second}) {
      for (std::size_t i = 0; i < 2; ++i) {
        std::vector<float> got(74), want(74);
        reinterpret_cast<kernels::MapFn>(code->at(image->functions[i]))(inputs, strides, got.data(), 37, 2, 37);
        Interpret(expressions[i], inputs, strides, want.data(), 37, 2, 37);
        for (std::size_t n = 0; n < got.size(); ++n) {
          ASSERT_NEAR(got[n], want[n], 4e-7 * std::max(1.0F, std::fabs(want[n]))) << target.cpu << ", " << i;
        }
      }
    }
  }
}

TEST(Code, ForAProcessorThatIsUnknownIsAnError) {
  const graph::Expression expression = Parsed("a0 + 1");
  EXPECT_FALSE(Generate({"no such processor", true, 8}, {&expression, 1}));
}

TEST(Code, ImagesThatAreCutAreRefused) {
  const CodeImage image{"0123456789", {0, 9}};
  const std::string text = Serialize(image);
  EXPECT_EQ(ParseCodeImage(text)->bytes, image.bytes);
  EXPECT_EQ(ParseCodeImage(text)->functions, image.functions);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(ParseCodeImage(std::string_view(text).substr(0, size))) << size;
  }
  EXPECT_FALSE(ParseCodeImage(std::string(8, '\xff') + text));
}

TEST(Compiler, TwoRoundsLiveSideBySide) {
  auto compiler = MapCompiler::Create("");
  ASSERT_TRUE(compiler);
  const graph::Expression first = Parsed("a0 + 1"), second = Parsed("a0 * 2");
  auto one = (*compiler)->Compile({&first, 1});
  auto two = (*compiler)->Compile({&second, 1});
  ASSERT_TRUE(one && two);
  const float a = 5;
  const float* inputs[] = {&a};
  const std::int64_t strides[] = {1};
  float out = 0;
  one->front()(inputs, strides, &out, 1, 1, 1);
  EXPECT_EQ(out, 6);
  two->front()(inputs, strides, &out, 1, 1, 1);
  EXPECT_EQ(out, 10);
}

}  // namespace
}  // namespace strata::compiler
