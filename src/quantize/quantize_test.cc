#include "quantize/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/mapped_file.h"
#include "formats/hf_export.h"
#include "formats/hf_names.h"
#include "formats/safetensors.h"
#include "models/models.h"
#include "models/tiny_model.h"
#include "quantize/calibration.h"
#include "quantize/choice.h"
#include "quantize/compressed_tensors.h"
#include "quantize/linear_weights.h"
#include "quantize/round_in_turn.h"
#include "quantize/scaled_inputs.h"
#include "quantize/smoothing.h"
#include "runtime/model_runner.h"
#include "tensor/convert.h"

namespace strata::quantize {
namespace {

Workers& TestWorkers() {
  static Workers workers(2);
  return workers;
}

std::vector<float> Normal(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

Matrix RandomMatrix(std::int64_t rows, std::int64_t columns, unsigned seed) {
  return {rows, columns, Normal(static_cast<std::size_t>(rows * columns), seed)};
}

/// Inputs whose columns go together and differ in size, as those of real layers.
InputStatistics RandomInputs(std::int64_t columns, unsigned seed) {
  InputStatistics inputs(columns);
  const std::int64_t rows = 200, factors = columns / 4;
  const std::vector<float> mix = Normal(static_cast<std::size_t>(factors * columns), seed);
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::vector<float> factor = Normal(static_cast<std::size_t>(factors), seed + 1 + static_cast<unsigned>(r));
    std::vector<float> x(static_cast<std::size_t>(columns));
    for (std::int64_t c = 0; c < columns; ++c) {
      for (std::int64_t f = 0; f < factors; ++f) {
        x[static_cast<std::size_t>(c)] +=
            factor[static_cast<std::size_t>(f)] * mix[static_cast<std::size_t>(f * columns + c)];
      }
      if (c % 13 == 0) x[static_cast<std::size_t>(c)] *= 8;
    }
    inputs.Add(TestWorkers(), x.data(), 1);
  }
  return inputs;
}

double ErrorOf(const Matrix& weight, const RoundedGroups& rounded, const InputStatistics& inputs) {
  Matrix error = rounded.Dequantize();
  for (std::size_t i = 0; i < error.values.size(); ++i) error.values[i] -= weight.values[i];
  return OutputError(TestWorkers(), error.values.data(), weight.rows, inputs);
}

TEST(InputStatistics, SumUpWhatLinearsRead) {
  InputStatistics inputs(2);
  const float rows[] = {1, -2, 3, 4};
  inputs.Add(TestWorkers(), rows, 2);
  EXPECT_EQ(inputs.rows(), 2);
  EXPECT_EQ(inputs.Gram(TestWorkers()), (std::vector<float>{10, 10, 10, 20}));
  // The outputs change by 1 * 1 + 2 * -2 = -3 and by 1 * 3 + 2 * 4 = 11.
  const float error[] = {1, 2};
  EXPECT_DOUBLE_EQ(OutputError(TestWorkers(), error, 1, inputs), 9 + 121);
  const float scales[] = {2, 4};
  EXPECT_EQ(inputs.DividedBy(scales).gram(0, 1), 10.0F / 8);
  EXPECT_TRUE(std::ranges::equal(inputs.DividedBy(scales).sample(), std::vector<float>{0.5, -0.5, 1.5, 1}));
}

TEST(InputStatistics, CountRowsByTheirWeights) {
  InputStatistics inputs(2);
  const float rows[] = {1, -2, 3, 4};
  const float weights[] = {4, 0.25};
  inputs.Add(TestWorkers(), rows, 2, weights);
  EXPECT_EQ(inputs.rows(), 2);
  EXPECT_EQ(inputs.weight(), 4.25);
  EXPECT_EQ(inputs.Gram(TestWorkers()), (std::vector<float>{4 + 9 / 4.0F, -8 + 3, -8 + 3, 16 + 4}));
  EXPECT_TRUE(std::ranges::equal(inputs.sample(), std::vector<float>{2, -4, 1.5, 2}));
}

TEST(InputStatistics, SampleEveryRowAsOften) {
  InputStatistics inputs(1);
  constexpr int kRows = 1 << 16;
  for (int r = 0; r < kRows; ++r) {
    const auto value = static_cast<float>(r);
    inputs.Add(TestWorkers(), &value, 1);
  }
  ASSERT_EQ(inputs.sampled(), 1024);
  std::array<int, 16> parts = {};
  int first_of_window = 0;
  for (const float row : inputs.sample()) {
    ++parts[static_cast<std::size_t>(row) / (kRows / 16)];
    first_of_window += static_cast<int>(row) % 512 == 0 ? 1 : 0;
  }
  for (const int count : parts) EXPECT_NEAR(count, 64, 35);  // four and a half standard deviations
  EXPECT_LT(first_of_window, 12);                            // two are expected
}

/// What outputs lose when inputs are rounded by the row and weights by theirs, both to 8 bits, squared and summed.
double LossOfRoundingBoth(const InputStatistics& inputs, const Matrix& weight, const std::vector<float>& scales) {
  const auto columns = static_cast<std::size_t>(weight.columns);
  const auto rounded = [](std::vector<double> row) {
    double step = 0;
    for (const double value : row) step = std::max(step, std::abs(value) / 127);
    for (double& value : row) value = step > 0 ? std::rint(value / step) * step : 0;
    return row;
  };
  double loss = 0;
  std::vector<std::vector<double>> weights;
  for (std::int64_t r = 0; r < weight.rows; ++r) {
    std::vector<double> row(weight.row(r), weight.row(r) + columns);
    for (std::size_t c = 0; c < columns; ++c) row[c] *= static_cast<double>(scales[c]);
    weights.push_back(rounded(row));
  }
  for (std::int64_t t = 0; t < inputs.sampled(); ++t) {
    const auto token = inputs.sample().subspan(static_cast<std::size_t>(t) * columns, columns);
    std::vector<double> scaled(token.begin(), token.end());
    for (std::size_t c = 0; c < columns; ++c) scaled[c] /= static_cast<double>(scales[c]);
    scaled = rounded(scaled);
    for (std::int64_t r = 0; r < weight.rows; ++r) {
      double off = 0;
      for (std::size_t c = 0; c < columns; ++c) {
        off += scaled[c] * weights[static_cast<std::size_t>(r)][c] -
               static_cast<double>(token[c]) * static_cast<double>(weight.row(r)[c]);
      }
      loss += off * off;
    }
  }
  return loss;
}

/// Rows some columns of which are always great, and some others in a few rows.
InputStatistics InputsWithOutliers(std::int64_t columns, unsigned seed) {
  constexpr std::int64_t kRows = 200;
  std::vector<float> x = Normal(static_cast<std::size_t>(kRows * columns), seed);
  for (std::int64_t i = 0; i < kRows * columns; ++i) {
    const std::int64_t row = i / columns, column = i % columns;
    if (column % 13 == 0) x[static_cast<std::size_t>(i)] *= 8;
    if (column % 9 == 5 && row % 50 == 0) x[static_cast<std::size_t>(i)] *= 20;
  }
  InputStatistics inputs(columns);
  inputs.Add(TestWorkers(), x.data(), kRows);
  return inputs;
}

/// SmoothQuant's scales, of each strength, lose more; whether outliers are in the inputs, the weights, or both.
TEST(Smoothing, LosesLessThanWithOneStrength) {
  constexpr std::int64_t kColumns = 64;
  for (const bool outlying_weights : {false, true}) {
    const InputStatistics inputs = InputsWithOutliers(kColumns, 3);
    Matrix weight = RandomMatrix(48, kColumns, 5);
    for (std::int64_t r = 0; outlying_weights && r < weight.rows; ++r) weight.row(r)[7] *= 10;
    const double loss = LossOfRoundingBoth(inputs, weight, SmoothingScales(TestWorkers(), inputs, {&weight}));
    for (const double strength : {0.0, 0.25, 0.5, 0.75, 1.0}) {
      std::vector<float> scales;
      for (std::int64_t c = 0; c < kColumns; ++c) {
        float greatest = 0;
        for (std::int64_t r = 0; r < weight.rows; ++r) greatest = std::max(greatest, std::abs(weight.row(r)[c]));
        double in = 0;
        for (std::int64_t t = 0; t < inputs.sampled(); ++t) {
          const float value = inputs.sample()[static_cast<std::size_t>(t * kColumns + c)];
          in = std::max(in, std::abs(static_cast<double>(value)));
        }
        scales.push_back(
            static_cast<float>(std::pow(in, strength) / std::pow(static_cast<double>(greatest), 1 - strength)));
      }
      EXPECT_LT(loss, 0.9 * LossOfRoundingBoth(inputs, weight, scales)) << strength;
    }
    EXPECT_LT(loss, 0.5 * LossOfRoundingBoth(inputs, weight, std::vector<float>(kColumns, 1)));
  }
}

/// Where nothing came in, or nothing is weighed, scales stay what they may be.
TEST(Smoothing, LeavesColumnsOfNothingUsable) {
  InputStatistics inputs(4);
  const float rows[] = {1, 0, 3, -4, 2, 0, 1, 30};
  inputs.Add(TestWorkers(), rows, 2);
  const Matrix weight{2, 4, {1, 2, 0, 4, -1, 3, 0, 2}};
  const std::vector<float> scales = SmoothingScales(TestWorkers(), inputs, {&weight});
  for (const float scale : scales) {
    EXPECT_GT(scale, 1e-2F);
    EXPECT_LT(scale, 1e2F);
  }
  const std::vector<float> none =
      SmoothingScales(TestWorkers(), InputStatistics(4), {&weight});  // an expert that no token went to
  EXPECT_EQ(none, std::vector<float>(4, 1));
}

class Groups : public testing::TestWithParam<GroupFormat> {};

TEST_P(Groups, AreWithinAStepOfTheWeights) {
  const GroupFormat format = GetParam();
  const Matrix weight = RandomMatrix(5, 96, 3);
  const RoundedGroups rounded = RoundToNearest(TestWorkers(), weight, format, nullptr);
  EXPECT_EQ(rounded.scales.size(), static_cast<std::size_t>(5 * rounded.groups()));
  EXPECT_EQ(rounded.zero_points.empty(), format.symmetric);
  const Matrix back = rounded.Dequantize();
  double error = 0, all = 0;
  for (std::size_t i = 0; i < back.values.size(); ++i) {
    EXPECT_GE(rounded.values[i], format.lowest());
    EXPECT_LE(rounded.values[i], format.highest());
    const auto off = static_cast<double>(back.values[i] - weight.values[i]);
    error += off * off;
    all += static_cast<double>(weight.values[i]) * static_cast<double>(weight.values[i]);
  }
  // A uniform error of +-half a step of about six standard deviations over 2^bits steps, and some clipping.
  EXPECT_LT(std::sqrt(error / all), 2.2 / (1 << format.bits));
  for (const float scale : rounded.scales) EXPECT_EQ(scale, BF16ToF32(F32ToBF16(scale)));
}

TEST_P(Groups, InTurnTheOutputsErrLess) {
  const GroupFormat format = GetParam();
  const Matrix weight = RandomMatrix(24, 96, 4);
  const InputStatistics inputs = RandomInputs(96, 5);
  const RoundedGroups rounded = RoundToNearest(TestWorkers(), weight, format, &inputs);
  const double nearest = ErrorOf(weight, rounded, inputs);
  const double in_turn =
      ErrorOf(weight, RoundInTurn(TestWorkers(), weight, rounded, CompensationOf(TestWorkers(), inputs)), inputs);
  EXPECT_LT(in_turn, 0.5 * nearest);
}

TEST_P(Groups, NothingInNothingOut) {
  const Matrix zeros{3, 96, std::vector<float>(3 * 96)};
  const InputStatistics silent(96);
  const RoundedGroups nearest = RoundToNearest(TestWorkers(), zeros, GetParam(), &silent);
  for (const RoundedGroups& rounded :
       {nearest, RoundInTurn(TestWorkers(), zeros, nearest, CompensationOf(TestWorkers(), silent))}) {
    EXPECT_EQ(rounded.Dequantize().values, zeros.values);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Groups,
                         testing::Values(GroupFormat{.bits = 8},
                                         GroupFormat{.bits = 8, .group = 32, .symmetric = false},
                                         GroupFormat{.bits = 4, .group = 32},
                                         GroupFormat{.bits = 4, .group = 96, .symmetric = false},
                                         GroupFormat{.bits = 4, .symmetric = false}));

TEST(GroupsTest, OfFloat8AreTheNearestThereAre) {
  constexpr GroupFormat kFormat{.type = LevelType::kFloat8};
  std::vector<float> all;  // finite ones
  for (int bits = 0; bits < 256; ++bits) {
    if ((bits & 0x7f) != 0x7f) all.push_back(F8ToF32(static_cast<std::uint8_t>(bits)));
  }
  const Levels levels(kFormat);
  for (const float value : all) {
    EXPECT_EQ(levels.Nearest(value, 1, 0), value);
    EXPECT_EQ(F8ToF32(static_cast<std::uint8_t>(levels.Bits(value))), value);
  }
  for (const float normal : Normal(2000, 8)) {
    const float value = normal * normal * normal * 20;  // also subnormal ones and such as are beyond the last
    float least = std::numeric_limits<float>::infinity();
    for (const float level : all) least = std::min(least, std::abs(level - value));
    EXPECT_EQ(std::abs(levels.Nearest(value, 1, 0) - value), least) << value;
  }
}

TEST(GroupsTest, OfOneSignHaveAZeroAtTheEnd) {
  Matrix weight = RandomMatrix(1, 32, 6);
  for (float& value : weight.values) value = std::abs(value) + 1;
  const RoundedGroups rounded =
      RoundToNearest(TestWorkers(), weight, {.bits = 4, .group = 32, .symmetric = false}, nullptr);
  EXPECT_EQ(rounded.zero_points[0], -8);
}

TEST(ScaledInputs, AreThoseThatNormsAndFactorsMake) {
  const auto graph = models::BuildGraph(TinyModel({}));
  ASSERT_TRUE(graph) << graph.error().ToString();
  const std::vector<ScaledInput> found = FindScaledInputs(*graph);
  ASSERT_EQ(found.size(), 6U);  // three a layer; the last norm is before the head, whose table is shared
  EXPECT_EQ(found[0].source, "blk.0.attn_norm.weight");
  EXPECT_EQ(found[0].readers,
            (std::vector<std::string>{"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"}));
  EXPECT_EQ(found[2].source, "blk.0.ffn_up.weight");
  EXPECT_FALSE(found[2].source_is_norm);
  EXPECT_EQ(found[2].readers, (std::vector<std::string>{"blk.0.ffn_down.weight"}));
  const auto biased = models::BuildGraph(TinyModel({.biases = true}));
  ASSERT_TRUE(biased);
  EXPECT_EQ(FindScaledInputs(*biased).size(), 4U) << "a bias would have to be scaled as well";
}

TEST(Schemes, HaveNames) {
  const auto w4 = ParseScheme("w4a16-g64-asym");
  ASSERT_TRUE(w4);
  const auto& integers = std::get<GroupScheme>(w4->kind);
  EXPECT_EQ(integers.weights.bits, 4);
  EXPECT_EQ(integers.weights.group, 64);
  EXPECT_FALSE(integers.weights.symmetric);
  EXPECT_TRUE(std::get<GroupScheme>(ParseScheme("w8a8")->kind).round_activations);
  EXPECT_EQ(std::get<BlockScheme>(ParseScheme("q4_k")->kind).dtype, DType::kQ4_K);
  for (const char* wrong : {"", "w4", "w4a16-", "w4a16-g", "w4a16-g33", "w8a8-g32", "q9_0", "w4a16-g-32"}) {
    const auto parsed = ParseScheme(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_NE(parsed.error().ToString().find("w4a16"), std::string::npos);
  }
}

std::vector<std::uint32_t> Words(const SafetensorsOutput& output) {
  const std::vector<std::byte> data = *output.data();
  std::vector<std::uint32_t> words(data.size() / 4);
  std::memcpy(words.data(), data.data(), data.size());
  return words;
}

TEST(CompressedTensorsTest, PacksValuesAlongRowsAndZeroPointsDownThem) {
  RoundedGroups weight;
  weight.format = {.bits = 4, .group = 32, .symmetric = false};
  weight.rows = 9;
  weight.columns = 64;
  weight.values.resize(9 * 64);
  for (std::size_t i = 0; i < weight.values.size(); ++i) weight.values[i] = static_cast<std::int8_t>(i % 16) - 8;
  weight.scales.assign(18, 0.5F);
  for (int i = 0; i < 18; ++i) weight.zero_points.push_back(static_cast<std::int8_t>(i % 16 - 8));
  const auto outputs = CompressedTensors("m", weight);
  ASSERT_EQ(outputs.size(), 4U);
  EXPECT_EQ(outputs[0].name, "m.weight_packed");
  EXPECT_EQ(outputs[0].shape, (std::vector<std::int64_t>{9, 8}));
  const std::vector<std::uint32_t> packed = Words(outputs[0]), zeros = Words(outputs[2]);
  EXPECT_EQ(packed[0], 0x76543210U);
  EXPECT_EQ(packed[1], 0xFEDCBA98U);
  EXPECT_EQ(outputs[2].name, "m.weight_zero_point");
  EXPECT_EQ(outputs[2].shape, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(zeros[0], 0xECA86420U);  // group 0 of rows 0 to 7: 0, 2, 4, ...
  EXPECT_EQ(zeros[1], 0xFDB97531U);
  EXPECT_EQ(zeros[2], 0U);  // row 8: value 16 % 16, and nothing behind it
  EXPECT_EQ(outputs[3].dtype, "BF16");
}

/// The tiny model as a folder; what Quantize makes of it beside.
class Folder : public testing::Test {
 protected:
  Folder() {
    TinyModel model({.tied = false, .layout = RopeLayout::kHalves});
    model.mutable_config().eos_token_ids = {2};
    std::filesystem::create_directories(in_);
    auto config = HuggingFaceConfigOf(model.config());
    EXPECT_TRUE(config);
    EXPECT_TRUE(WriteFileAtomically(in_ + "/config.json", config->dump()));
    EXPECT_TRUE(WriteFileAtomically(in_ + "/notes.txt", "kept"));
    const HfNames names(kHfLlama, nullptr, model.config().layers);
    std::vector<SafetensorsOutput> outputs;
    for (const ModelTensor& tensor : model.tensors()) {
      std::vector<std::int64_t> dims;
      dims.reserve(tensor.view.shape.rank());
      for (std::size_t axis = 0; axis < tensor.view.shape.rank(); ++axis) dims.push_back(tensor.view.shape[axis]);
      const std::vector<std::byte> data(tensor.view.data.begin(), tensor.view.data.end());
      outputs.push_back({names.Stored(tensor.name), "F32", dims, data.size(),
                         [data]() -> Result<std::vector<std::byte>> { return data; }});
    }
    EXPECT_TRUE(WriteSafetensors(in_ + "/model.safetensors", outputs, {}));
    for (int i = 0; i < 300; ++i) calibration_.push_back(i * 37 % 131);
  }
  ~Folder() override { std::filesystem::remove_all(root_); }

  Options With(std::string_view scheme) const {
    Options options;
    options.scheme = *ParseScheme(scheme);
    options.window = 64;
    options.threads = 2;
    options.calibration = calibration_;
    return options;
  }

  std::string root_ = fmt::format("{}/strata-quantize-test-{}", testing::TempDir(), ::getpid());
  std::string in_ = root_ + "/in", out_ = root_ + "/out";
  std::vector<std::int32_t> calibration_;
};

TEST_F(Folder, BecomesOneOfIntegers) {
  int calls = 0;
  Options options = With("w8a8");
  options.progress = [&](double, std::string_view) { ++calls; };
  const auto report = Quantize(in_, out_, options);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_EQ(report->tensors.size(), 14U);
  for (const TensorReport& tensor : report->tensors) {
    EXPECT_LT(tensor.error, 0.01) << tensor.name;
    EXPECT_NEAR(tensor.bits, 8, 0.5);
  }
  EXPECT_LT(report->bytes_after, report->bytes_before / 2);
  EXPECT_GT(calls, 1);
  EXPECT_EQ(*ReadFile(out_ + "/notes.txt"), "kept");
  const auto config = nlohmann::json::parse(*ReadFile(out_ + "/config.json"));
  EXPECT_EQ(config["quantization_config"]["format"], "int-quantized");
  EXPECT_EQ(config["quantization_config"]["config_groups"]["group_0"]["input_activations"]["strategy"], "token");
  const auto weights = SafetensorsFile::Open(out_ + "/model.safetensors");
  ASSERT_TRUE(weights);
  EXPECT_EQ(weights->Find("model.layers.1.mlp.down_proj.weight")->dtype, "I8");
  EXPECT_NE(weights->Find("model.layers.1.mlp.down_proj.weight_scale"), nullptr);
}

TEST_F(Folder, BecomesOneOfFloat8) {
  const auto report = Quantize(in_, out_, With("fp8"));
  ASSERT_TRUE(report) << report.error().ToString();
  for (const TensorReport& tensor : report->tensors) EXPECT_LT(tensor.error, 0.04) << tensor.name;  // half of 2^-4
  const auto config = nlohmann::json::parse(*ReadFile(out_ + "/config.json"));
  EXPECT_EQ(config["quantization_config"]["format"], "float-quantized");
  EXPECT_EQ(config["quantization_config"]["config_groups"]["group_0"]["input_activations"]["type"], "float");
  const auto model = ModelFile::Open(out_);
  ASSERT_TRUE(model) << model.error().ToString();
  const auto before = ReadMatrix(**ModelFile::Open(in_), "blk.1.ffn_down.weight");
  const auto after = ReadMatrix(**model, "blk.1.ffn_down.weight");
  ASSERT_TRUE(before && after);
  double error = 0, all = 0;
  for (std::size_t i = 0; i < before->values.size(); ++i) {
    error += std::pow(static_cast<double>(before->values[i] - after->values[i]), 2);
    all += std::pow(static_cast<double>(before->values[i]), 2);
  }
  EXPECT_GT(error, 0);
  EXPECT_LT(std::sqrt(error / all), 0.06);
}

TEST_F(Folder, WeightsThatWouldCostTooMuchStayFine) {
  Options options = With("w4a16-g32-asym");
  options.max_loss = 1;
  const auto four = Quantize(in_, out_, options);
  ASSERT_TRUE(four) << four.error().ToString();
  double sum = 0;
  std::map<std::string, double> losses;
  for (const TensorReport& tensor : four->tensors) {
    EXPECT_LT(tensor.bits, 6) << tensor.name;
    EXPECT_GT(tensor.loss, 0) << tensor.name;
    losses[tensor.name] = tensor.loss;
    sum += tensor.loss;
  }
  options.max_loss = sum / 4;  // readers of one input count more than once here
  const auto mixed = Quantize(in_, root_ + "/mixed", options);
  ASSERT_TRUE(mixed) << mixed.error().ToString();
  double of_coarse = 0, of_fine = 0;
  for (const TensorReport& tensor : mixed->tensors) {
    EXPECT_EQ(tensor.loss, losses[tensor.name]) << tensor.name;
    (tensor.bits > 8 ? of_fine : of_coarse) += tensor.loss;
    if (tensor.bits > 8) EXPECT_LT(tensor.error, 0.01) << tensor.name;
  }
  EXPECT_GT(of_coarse, 0);
  EXPECT_GT(of_fine, 0);
  EXPECT_GT(mixed->bytes_after, four->bytes_after);
  const auto config = nlohmann::json::parse(*ReadFile(root_ + "/mixed/config.json"));
  EXPECT_EQ(config["quantization_config"]["config_groups"].size(), 2U);
  EXPECT_EQ(config["quantization_config"]["format"], "pack-quantized");
  EXPECT_FALSE(std::filesystem::exists(root_ + "/mixed/.measuring"));
  options.max_loss = std::numeric_limits<double>::infinity();
  const auto unmeasured = Quantize(in_, root_ + "/all", options);
  ASSERT_TRUE(unmeasured) << unmeasured.error().ToString();
  for (const TensorReport& tensor : unmeasured->tensors) EXPECT_LT(tensor.bits, 6) << tensor.name;
}

TEST_F(Folder, InputsThatWouldCostTooMuchStayAsTheyAre) {
  Options options = With("w8a8");
  const auto all = Quantize(in_, out_, options);
  ASSERT_TRUE(all) << all.error().ToString();
  double sum = 0;
  for (const TensorReport& tensor : all->tensors) {
    EXPECT_TRUE(tensor.rounds_inputs) << tensor.name;
    EXPECT_GT(tensor.loss, 0) << tensor.name;
    EXPECT_LT(tensor.loss, 1e-3) << tensor.name;
    // What reads the same has the same loss, which counts once.
    const bool first = tensor.name.find("attn_k") == tensor.name.npos &&
                       tensor.name.find("attn_v") == tensor.name.npos && tensor.name.find("ffn_up") == tensor.name.npos;
    if (first) sum += tensor.loss;
  }
  options.max_loss = sum / 2;
  const auto mixed = Quantize(in_, root_ + "/mixed", options);
  ASSERT_TRUE(mixed) << mixed.error().ToString();
  EXPECT_FALSE(std::filesystem::exists(root_ + "/mixed/.measuring"));
  const auto model = ModelFile::Open(root_ + "/mixed");
  ASSERT_TRUE(model) << model.error().ToString();
  double whole = 0, rounded = 0;
  for (const TensorReport& tensor : mixed->tensors) {
    EXPECT_EQ((*model)->FindTensor(tensor.name)->dtype == DType::kW8A8_32, tensor.rounds_inputs) << tensor.name;
    (tensor.rounds_inputs ? rounded : whole) += 1;
  }
  const auto config = nlohmann::json::parse(*ReadFile(root_ + "/mixed/config.json"))["quantization_config"];
  EXPECT_EQ(config["format"], "int-quantized");
  for (const auto& group : config["config_groups"]) EXPECT_EQ(group["format"], "int-quantized");
  EXPECT_GT(rounded, whole) << "what costs most goes first";
  EXPECT_GT(whole, 0);
  options.max_loss = 0;
  const auto none = Quantize(in_, root_ + "/none", options);
  ASSERT_TRUE(none) << none.error().ToString();
  for (const TensorReport& tensor : none->tensors) EXPECT_FALSE(tensor.rounds_inputs) << tensor.name;
}

/// Experts whose inputs were not all of one type could not be loaded.
TEST(InputGroups, HaveAllExpertsOfAMixture) {
  const std::string root = fmt::format("{}/strata-quantize-experts-{}", testing::TempDir(), ::getpid());
  for (const std::string name : {"mixtral", "qwen3_moe"}) {
    const std::string in = fmt::format("{}/tests/golden/experts/{}", STRATA_SOURCE_DIR, name);
    const auto model = ModelFile::Open(in);
    ASSERT_TRUE(model) << model.error().ToString();
    Options options;
    options.scheme = *ParseScheme("w8a8");
    options.window = 32;
    for (std::int32_t i = 0; i < 128; ++i) {
      options.calibration.push_back(i * 37 % static_cast<std::int32_t>((*model)->config().vocab));
    }
    options.max_loss = 0;
    const auto none = Quantize(in, fmt::format("{}/none-{}", root, name), options);
    ASSERT_TRUE(none) << none.error().ToString();
    std::map<std::string, double> losses;
    for (const TensorReport& tensor : none->tensors) losses[StackName(tensor.name)] = tensor.loss;
    for (const auto& [stack, loss] : losses) *options.max_loss += loss / 4;  // readers of one input count twice
    const std::string out = fmt::format("{}/some-{}", root, name);
    const auto some = Quantize(in, out, options);
    ASSERT_TRUE(some) << some.error().ToString();
    std::map<std::string, std::set<bool>> rounded;
    for (const TensorReport& tensor : some->tensors) rounded[StackName(tensor.name)].insert(tensor.rounds_inputs);
    std::set<bool> all;
    for (const auto& [stack, choices] : rounded) {
      EXPECT_EQ(choices.size(), 1U) << stack;
      all.insert(choices.begin(), choices.end());
    }
    EXPECT_EQ(all.size(), 2U) << name;
    const auto mixed = ModelFile::Open(out);
    ASSERT_TRUE(mixed) << mixed.error().ToString();
    const auto graph = models::BuildGraph(**mixed);
    EXPECT_TRUE(graph) << graph.error().ToString();
  }
  std::filesystem::remove_all(root);
}

TEST(InputGroups, AreRoundedFromTheLeastLossForTheirSize) {
  std::vector<InputGroup> groups = {{{"a"}, 10, 0.004}, {{"b"}, 100, 0.005}, {{"c"}, 10, 0.0001}, {{"d"}, 1, 0.001}};
  EXPECT_EQ(OrderAndCount(groups, 0.006), 2U);
  EXPECT_EQ(groups[0].weights.front(), "c");
  EXPECT_EQ(groups[1].weights.front(), "b");
  EXPECT_EQ(groups[3].weights.front(), "d");
  EXPECT_EQ(OrderAndCount(groups, 1), 4U);
  EXPECT_EQ(OrderAndCount(groups, 0), 0U);
}

TEST_F(Folder, ErrorsNameWhatIsWrong) {
  const auto error = [&](const Options& options, const std::string& out) {
    const auto report = Quantize(in_, out, options);
    return report ? "" : report.error().ToString();
  };
  EXPECT_NE(error(With("w8a8"), in_).find("exists"), std::string::npos);
  EXPECT_NE(error(With("q4_0"), out_).find("block schemes are made of GGUF files"), std::string::npos);
  Options short_text = With("w8a8");
  short_text.calibration.resize(10);
  EXPECT_NE(error(short_text, out_).find("has 10 tokens"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(out_));
}

/// Scaling alone changes nothing: a model whose norms and weights are scaled gives the same logits.
TEST_F(Folder, ScaledInputsChangeNoAnswer) {
  std::shared_ptr<const ModelFile> model = std::move(*ModelFile::Open(in_));
  RoundedLayers all;
  const Status status = ForStages(
      TestWorkers(), model, {calibration_, 64}, 1, nullptr,
      [&](const graph::Graph& stage, const LinearWeights& weights, const Calibration& calibration) -> Result<Tensors> {
        EXPECT_EQ(calibration.begin()->second->rows(), 300);
        STRATA_TRY(RoundedLayers rounded,
                   RoundLayers(TestWorkers(), *model, weights.hidden, FindScaledInputs(stage), calibration,
                               {.scheme = {.weights = {.bits = 8}, .round_activations = true}}));
        all.weights.merge(rounded.weights);
        all.vectors.merge(rounded.vectors);
        return Tensors();
      });
  ASSERT_TRUE(status) << status.error().ToString();
  EXPECT_EQ(all.weights.size(), 14U);
  const RoundedLayers* const rounded = &all;
  EXPECT_EQ(rounded->vectors.size(), 4U);
  // Of one row of gate: sum over columns of norm * weight stays.
  const auto norm = ReadMatrix(*model, "blk.0.ffn_norm.weight");
  const auto gate = ReadMatrix(*model, "blk.0.ffn_gate.weight");
  const Matrix scaled_gate = rounded->weights.find("blk.0.ffn_gate.weight")->second.Dequantize();
  const std::vector<float>& scaled_norm = rounded->vectors.find("blk.0.ffn_norm.weight")->second;
  bool changed = false;
  for (std::int64_t c = 0; c < gate->columns; ++c) {
    const auto at = static_cast<std::size_t>(c);
    EXPECT_NEAR(norm->values[at] * gate->row(3)[c], scaled_norm[at] * scaled_gate.row(3)[c], 0.01) << c;
    changed = changed || std::abs(scaled_norm[at] - norm->values[at]) > 0.05F;
  }
  EXPECT_TRUE(changed);
}

}  // namespace
}  // namespace strata::quantize
