// Quantised checkpoints whose parts are wrong. What right ones mean is golden_test's to say (runtime/); here every part
// of every scheme in tests/golden/quantized is taken away, cut, retyped and filled with ones in turn.
#include "formats/hf_quant.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "tensor/convert.h"
#include "tensor/finite.h"

namespace strata {
namespace {

constexpr const char* kGoldens = STRATA_SOURCE_DIR "/tests/golden/quantized/";

struct Tensor {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::string data;
};
using Tensors = std::map<std::string, Tensor>;

std::string Safetensors(const Tensors& tensors) {
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", tensor.dtype},
                    {"shape", tensor.shape},
                    {"data_offsets", {data.size(), data.size() + tensor.data.size()}}};
    data += tensor.data;
  }
  const std::string text = header.dump();
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(text.size() >> (8 * i) & 0xFF);
  return file + text + data;
}

/// A golden's weights, which may be changed before they are read.
class Checkpoint {
 public:
  explicit Checkpoint(const std::string& name) {
    const std::string text = ReadFile(kGoldens + name + "/config.json").value();
    const nlohmann::json document = ParseJsonFile(text, "config.json").value();
    config_ = ReadHfQuantConfig(JsonFields(document, "config.json")).value().value();
    const HuggingFaceWeights weights = HuggingFaceWeights::Open(kGoldens + name).value();
    for (const SafetensorsFile& file : weights.files()) {
      for (const SafetensorsTensor& tensor : file.tensors()) {
        tensors_[tensor.name] = {tensor.dtype, tensor.shape,
                                 std::string(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size())};
      }
    }
  }

  Tensors& tensors() { return tensors_; }
  HfQuantConfig& config() { return config_; }

  /// The first error of any weight, "" when all were read to their last row.
  std::string Read() const {
    const std::string bytes = Safetensors(tensors_);
    auto file = SafetensorsFile::Parse(std::as_bytes(std::span(bytes)), "x.safetensors");
    if (!file) return file.error().ToString();
    const HuggingFaceWeights weights(std::move(*file));
    const HfQuantReader reader(config_, weights);
    for (const SafetensorsTensor& tensor : weights.files().front().tensors()) {
      const auto part = reader.PartOf(tensor);
      if (!part || !part->main) continue;
      std::unique_ptr<RowSource> source;
      const auto view = reader.Read(weights.files().front(), tensor, source);
      if (!view) return view.error().ToString();
      EXPECT_TRUE(DequantizeTensor(*view));
    }
    return "";
  }

 private:
  HfQuantConfig config_;
  Tensors tensors_;
};

constexpr std::string_view kProjection = "model.layers.0.mlp.gate_proj.";

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldens)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

class EveryScheme : public testing::TestWithParam<std::string> {
 protected:
  /// Reads the checkpoint with one part of a weight changed, for every part; gives each its error.
  std::map<std::string, std::string> Errors(const std::function<void(Tensors&, const std::string&)>& change) {
    std::map<std::string, std::string> errors;
    for (const auto& [name, tensor] : Checkpoint(GetParam()).tensors()) {
      if (!name.starts_with(kProjection)) continue;
      Checkpoint checkpoint(GetParam());
      change(checkpoint.tensors(), name);
      errors[name.substr(kProjection.size())] = checkpoint.Read();
    }
    return errors;
  }

  /// Parts without which a weight means the same or is still whole.
  static bool Optional(std::string_view part) {
    return part == "g_idx" || part == "input_scale" || part == "weight_format" || part == "weight_zero_point" ||
           part == "weight_g_idx";
  }
  static void ExpectNamed(const std::string& error, const std::string& part) {
    EXPECT_TRUE(error.starts_with("x.safetensors: tensor model.layers.0.mlp.gate_proj.")) << part << ": " << error;
  }
};

TEST_P(EveryScheme, IsReadAsItIs) { EXPECT_EQ(Checkpoint(GetParam()).Read(), ""); }

TEST_P(EveryScheme, AMissingPartIsNamed) {
  for (const auto& [part, error] : Errors([](Tensors& tensors, const std::string& name) { tensors.erase(name); })) {
    const bool main = part == "qweight" || part == "weight" || part == "weight_packed";
    if (main || Optional(part)) continue;  // without the main part nothing asks for the others
    ExpectNamed(error, part);
    EXPECT_NE(error.find(part), std::string::npos) << error;
  }
}

TEST_P(EveryScheme, APartOfAnotherShapeIsNamed) {
  const auto errors = Errors([](Tensors& tensors, const std::string& name) {
    Tensor& tensor = tensors[name];
    if (tensor.shape.empty()) tensor.shape = {1};
    const std::size_t each = tensor.data.size() / static_cast<std::size_t>(tensor.shape[0]);
    tensor.shape[0] += 1;
    tensor.data += std::string(each, '\1');
  });
  for (const auto& [part, error] : errors) {
    if (part == "input_scale" || part == "weight_format") continue;
    if (part == "weight" && GetParam().starts_with("fp8")) continue;  // one row more in a block that is not full
    ExpectNamed(error, part);
  }
}

TEST_P(EveryScheme, APartOfAnotherTypeIsAnError) {
  const auto errors = Errors([](Tensors& tensors, const std::string& name) {
    Tensor& tensor = tensors[name];
    const std::map<std::string, std::string> other = {{"I32", "F32"},  {"F32", "I32"}, {"F16", "I16"},
                                                      {"BF16", "I16"}, {"I64", "F64"}, {"F8_E4M3", "F8_E5M2"},
                                                      {"I8", "U8"},    {"U8", "I8"}};
    tensor.dtype = other.at(tensor.dtype);
  });
  for (const auto& [part, error] : errors) {
    if (part == "input_scale" || part == "weight_format" || part.starts_with("weight.quant_state")) continue;
    // Another type makes a main part none at all in some schemes; then the weight is plain, and refused for its type.
    if (part != "weight") ExpectNamed(error, part);
  }
}

TEST_P(EveryScheme, PartsOfOnesAreNamedOrRead) {
  const auto errors =
      Errors([](Tensors& tensors, const std::string& name) { std::ranges::fill(tensors[name].data, '\xFF'); });
  for (const auto& [part, error] : errors) {
    const bool scale = part == "scales" || part == "weight_scale" || part == "weight_scale_inv" || part == "SCB" ||
                       part == "weight.nested_absmax" || part == "weight.nested_quant_map";
    const bool other = part.ends_with("g_idx") || part == "weight_shape" || part == "weight.quant_map" ||
                       part.starts_with("weight.quant_state");
    if (scale || other) ExpectNamed(error, part);
    if (scale) EXPECT_NE(error.find(part + ": "), std::string::npos) << part << ": " << error;
    if (scale) EXPECT_NE(error.find("scale"), std::string::npos) << part << ": " << error;
  }
}

INSTANTIATE_TEST_SUITE_P(HfQuant, EveryScheme, testing::ValuesIn(Names()), [](const auto& info) { return info.param; });

/// Of one scheme for each of `groups`, as config_groups has them.
Result<HfQuantConfig> ConfigOf(const nlohmann::json& groups) {
  const nlohmann::json config = {
      {"quantization_config", {{"quant_method", "compressed-tensors"}, {"config_groups", groups}}}};
  STRATA_TRY(const auto quantization, ReadHfQuantConfig(JsonFields(config, "config.json")));
  return *quantization;
}

TEST(HfQuant, InputsAreRoundedWhereAGroupOfTheModuleSaysSo) {
  const nlohmann::json weights = {{"num_bits", 8}, {"type", "int"}};
  const nlohmann::json rounded = {{"num_bits", 8}, {"type", "int"}, {"symmetric", true}, {"strategy", "token"}};
  const auto config = ConfigOf(
      {{"a", {{"targets", {"Linear", "re:.*\\.q_proj$"}}, {"weights", weights}, {"input_activations", nullptr}}},
       {"b", {{"targets", {"re:.*proj", "m.k_proj"}}, {"weights", weights}, {"input_activations", rounded}}},
       {"c", {{"targets", {"m.v_proj"}}, {"weights", weights}, {"input_activations", nullptr}}}});
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_FALSE(config->int8_inputs.Of("m.q_proj"));  // the first expression
  EXPECT_TRUE(config->int8_inputs.Of("m.q_proj.more"));
  EXPECT_TRUE(config->int8_inputs.Of("m.k_proj"));
  EXPECT_FALSE(config->int8_inputs.Of("m.v_proj"));  // its name before expressions
  EXPECT_FALSE(config->int8_inputs.Of("m.fc1"));     // its class
  const auto every = ConfigOf({{"a", {{"weights", weights}, {"input_activations", rounded}}}});
  EXPECT_TRUE(every->int8_inputs.Of("m.fc1"));
  EXPECT_TRUE(ConfigOf({{"a", {{"targets", {"re:("}}, {"weights", weights}}}})
                  .error()
                  .ToString()
                  .starts_with("config.json: /quantization_config/config_groups/a/targets: re:(: "));
  EXPECT_TRUE(ConfigOf({{"a", {{"targets", {1}}, {"weights", weights}}}})
                  .error()
                  .ToString()
                  .starts_with("config.json: /quantization_config/config_groups/a/targets: must be a list of strings"));
}

TEST(HfQuant, GroupsThatDoNotFitAreNamed) {
  Checkpoint checkpoint("gptq_4bit_g32");
  for (const std::int64_t group : {std::int64_t{64}, std::int64_t{1} << 29, std::int64_t{1}}) {
    checkpoint.config().group = group;
    EXPECT_TRUE(checkpoint.Read().starts_with("x.safetensors: tensor model.layers.0.")) << checkpoint.Read();
  }
}

/// Where the weights' first parts are, and the sources of their rows.
struct Opened {
  explicit Opened(const Tensors& tensors, const HfQuantConfig& config, const std::string& main)
      : bytes(Safetensors(tensors)),
        weights(SafetensorsFile::Parse(std::as_bytes(std::span(bytes)), "x").value()),
        view(HfQuantReader(config, weights).Read(weights.files().front(), *weights.Find(main).tensor, source)) {}
  std::string bytes;
  HuggingFaceWeights weights;
  std::unique_ptr<RowSource> source;
  Result<TensorView> view;
};

TEST(HfQuant, Float8RowsThatAreNotNumbersAreFound) {
  for (const char nan : {'\x7F', '\xFF'}) {
    Checkpoint checkpoint("fp8_block");
    const std::string name = std::string(kProjection) + "weight";
    Tensor& weight = checkpoint.tensors().at(name);
    const std::int64_t rows = weight.shape[0], columns = weight.shape[1];
    const Opened good(checkpoint.tensors(), checkpoint.config(), name);
    EXPECT_EQ(FirstRowNotFinite(good.view.value()), std::nullopt);
    weight.data[static_cast<std::size_t>(5 * columns + columns - 1)] = nan;
    const Opened bad(checkpoint.tensors(), checkpoint.config(), name);
    const TensorView& view = bad.view.value();
    EXPECT_EQ(FirstRowNotFinite(view), 5);
    EXPECT_EQ(FirstRowNotFinite(view.Slice(5, 1)), 5);
    EXPECT_EQ(FirstRowNotFinite(view.Slice(0, 5)), std::nullopt);
    EXPECT_EQ(FirstRowNotFinite(view.Slice(6, rows - 6)), std::nullopt);
  }
}

TEST(HfQuant, MicroscalesBeyondFloatsAreRefused) {
  for (const int scale : {0, 252, 253, 254, 255}) {
    const Tensors tensors = {{"m.gate_up_proj_blocks", {"U8", {1, 1, 2, 16}, std::string(32, '\0')}},
                             {"m.gate_up_proj_scales", {"U8", {1, 1, 2}, {'\0', static_cast<char>(scale)}}}};
    const Opened opened(tensors, {.method = HfQuantConfig::Method::kMxfp4}, "m.gate_up_proj_blocks");
    ASSERT_EQ(opened.view.has_value(), scale <= 252) << scale;
    if (opened.view) continue;
    EXPECT_EQ(opened.view.error().message(),
              fmt::format("x: tensor m.gate_up_proj_scales: the scale at byte 1 is {}, greater than that of any finite "
                          "weight",
                          scale));
  }
}

TEST(HfQuant, MicroscaledBlocksAreThoseOfGguf) {
  // Two experts of one row of 32: bytes of nibbles in order, an exponent.
  std::string codes;
  for (int i = 0; i < 32; ++i) codes += static_cast<char>(i % 16 << 4 | (i * 7 + 3) % 16);
  Tensors tensors = {{"m.gate_up_proj_blocks", {"U8", {2, 1, 1, 16}, codes}},
                     {"m.gate_up_proj_scales", {"U8", {2, 1, 1}, std::string("\x7F\x81")}}};
  const std::string bytes = Safetensors(tensors);
  const HuggingFaceWeights weights(SafetensorsFile::Parse(std::as_bytes(std::span(bytes)), "x").value());
  const HfQuantConfig config{.method = HfQuantConfig::Method::kMxfp4};
  const HfQuantReader reader(config, weights);
  const SafetensorsTensor& main = *weights.files().front().Find("m.gate_up_proj_blocks");
  EXPECT_EQ(reader.PartOf(main)->weight, "m.gate_up_proj.weight");
  std::unique_ptr<RowSource> source;
  const TensorView view = reader.Read(weights.files().front(), main, source).value();
  EXPECT_EQ(view.dtype, DType::kMXFP4);
  EXPECT_EQ(view.shape, (Shape{2, 1, 32}));
  constexpr float kE2M1[] = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
  const std::vector<float> values = DequantizeTensor(view).value();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int code = static_cast<std::uint8_t>(codes[i / 2]) >> (i % 2 * 4) & 15;
    const float scale = i < 32 ? 1.0F : 4.0F;
    EXPECT_EQ(values[i], scale * kE2M1[code & 7] * (code < 8 ? 1.0F : -1.0F)) << i;
  }
  const TensorView second = view.Slice(1, 1);
  EXPECT_EQ(DequantizeTensor(second).value(), std::vector<float>(values.begin() + 32, values.end()));
}

}  // namespace
}  // namespace strata
