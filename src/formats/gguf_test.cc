#include "formats/gguf.h"

#include <cmath>
#include <map>
#include <variant>

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "formats/gguf_model.h"
#include "formats/model_file.h"

namespace strata {
namespace {

const std::string kSmall = STRATA_SOURCE_DIR "/src/formats/testdata/fuzz/gguf_fuzz/small.gguf";

Result<GgufFile> Parse(std::string_view bytes) { return GgufFile::Parse(std::as_bytes(std::span(bytes)), "x.gguf"); }

class HostileFile : public testing::Test {
 protected:
  /// Parses bytes, reads every tensor's last byte, and returns the error's text ("" = they parsed).
  std::string Open(const std::string& content) {
    const auto file = Parse(content);
    if (!file) return file.error().ToString();
    unsigned sum = 0;
    for (const GgufTensor& tensor : file->tensors()) {
      if (!tensor.view.data.empty()) sum += static_cast<unsigned>(tensor.view.data.back());
    }
    read_ = sum;
    return "";
  }
  std::string small_ = *ReadFile(kSmall);
  volatile unsigned read_ = 0;  // so that the reads above happen
};

TEST_F(HostileFile, TheWholeFileOpens) { EXPECT_EQ(Open(small_), ""); }

TEST_F(HostileFile, TruncatedAnywhereIsAnErrorThatNamesFileAndOffset) {
  for (std::size_t size = 0; size < small_.size(); ++size) {
    const std::string error = Open(small_.substr(0, size));
    ASSERT_TRUE(error.starts_with("x.gguf: offset ")) << size << ": " << error;
  }
}

TEST_F(HostileFile, AnyByteMayBeWrong) {
  for (std::size_t at = 0; at < small_.size(); ++at) {
    for (const char value : {'\x00', '\x7F', '\xFF'}) {
      std::string changed = small_;
      changed[at] = value;
      Open(changed);  // an error or a file: what matters is that nothing outside is read (ASan watches)
    }
  }
}

TEST_F(HostileFile, HugeCountsAreRefusedBeforeAnythingIsReserved) {
  for (const std::size_t at : {std::size_t{8}, std::size_t{16}}) {  // tensors, metadata entries
    std::string changed = small_;
    for (std::size_t i = 0; i < 8; ++i) changed[at + i] = i == 7 ? '\x7F' : '\xFF';
    EXPECT_NE(Open(changed), "") << at;
  }
}

TEST_F(HostileFile, MagicAndVersion) {
  std::string changed = small_;
  changed[0] = 'X';
  EXPECT_NE(Open(changed).find("magic"), std::string::npos) << Open(changed);
  changed = small_;
  changed[4] = 9;
  EXPECT_NE(Open(changed).find("version"), std::string::npos) << Open(changed);
}

using Value =
    std::variant<std::uint32_t, float, std::string, bool, std::vector<std::string>, std::vector<std::int32_t>>;

/// Writes a GGUF file as the format page describes it, true or not.
class Writer {
 public:
  template <class T>
  Writer& Number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& String(std::string_view text) {
    Number<std::uint64_t>(text.size());
    bytes_ += text;
    return *this;
  }
  Writer& Header(std::uint64_t tensors, std::uint64_t entries) {
    bytes_ += "GGUF";
    return Number<std::uint32_t>(3).Number(tensors).Number(entries);
  }
  Writer& Entry(std::string_view key, const Value& value) {
    String(key);
    if (const auto* integer = std::get_if<std::uint32_t>(&value)) return Number<std::uint32_t>(4).Number(*integer);
    if (const auto* number = std::get_if<float>(&value)) return Number<std::uint32_t>(6).Number(*number);
    if (const auto* flag = std::get_if<bool>(&value)) return Number<std::uint32_t>(7).Number(*flag);
    if (const auto* text = std::get_if<std::string>(&value)) return Number<std::uint32_t>(8).String(*text);
    Number<std::uint32_t>(9);
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
      Number<std::uint32_t>(8).Number<std::uint64_t>(texts->size());
      for (const std::string& text : *texts) String(text);
      return *this;
    }
    const auto& integers = std::get<std::vector<std::int32_t>>(value);
    Number<std::uint32_t>(5).Number<std::uint64_t>(integers.size());
    for (const std::int32_t integer : integers) Number(integer);
    return *this;
  }
  Writer& Tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type,
                 std::uint64_t offset) {
    String(name).Number(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t dim : dims) Number(dim);
    return Number(type).Number(offset);
  }
  Writer& Data(std::size_t bytes) {
    bytes_.append((32 - bytes_.size() % 32) % 32 + bytes, '\0');
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kQ4_0 = 2;

struct Hostile {
  const char* what;
  std::string bytes;
  const char* error;  ///< a part of it
};
void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.what; }

class HostileContent : public testing::TestWithParam<Hostile> {};

TEST_P(HostileContent, IsNamedWithItsOffset) {
  const auto file = Parse(GetParam().bytes);
  ASSERT_FALSE(file);
  const std::string error = file.error().ToString();
  EXPECT_TRUE(error.starts_with("x.gguf: offset ")) << error;
  EXPECT_NE(error.find(GetParam().error), std::string::npos) << error;
}

std::string OneTensor(const std::vector<std::uint64_t>& dims, std::uint32_t type, std::uint64_t offset,
                      std::size_t data) {
  return Writer().Header(1, 0).Tensor("w", dims, type, offset).Data(data).bytes();
}

INSTANTIATE_TEST_SUITE_P(
    Gguf, HostileContent,
    testing::Values(
        Hostile{"overlap",
                Writer().Header(2, 0).Tensor("a", {16}, kF32, 0).Tensor("b", {16}, kF32, 32).Data(96).bytes(),
                "offset 57: tensor b overlaps a"},
        Hostile{"same place",
                Writer().Header(2, 0).Tensor("a", {8}, kF32, 0).Tensor("b", {8}, kF32, 0).Data(32).bytes(), "overlaps"},
        Hostile{"tensor twice",
                Writer().Header(2, 0).Tensor("a", {8}, kF32, 0).Tensor("a", {8}, kF32, 32).Data(64).bytes(),
                "two tensors are called a"},
        Hostile{"crooked offset", OneTensor({8}, kF32, 4, 64),
                "offset 24: tensor w begins at 4, not a multiple of the alignment 32"},
        Hostile{"beyond the data", OneTensor({16}, kF32, 0, 32),
                "offset 24: tensor w needs bytes 0 to 64 of a data section of 32"},
        Hostile{"offset near 2^64", OneTensor({8}, kF32, ~std::uint64_t{31}, 32),
                "offset 24: tensor w needs bytes 18446744073709551584"},
        Hostile{"huge dimension", OneTensor({std::uint64_t{1} << 62}, kF32, 0, 32),
                "offset 24: tensor w has an impossible dimension 4611686018427387904"},
        Hostile{"product beyond 64 bits", OneTensor({1 << 30, 1 << 30, 1 << 30}, kF32, 0, 32),
                "offset 24: tensor w has an impossible dimension 1073741824"},
        Hostile{"dimension of zero", OneTensor({0}, kF32, 0, 32), "offset 24: tensor w has an impossible dimension 0"},
        Hostile{"no dimensions", OneTensor({}, kF32, 0, 32), "offset 24: tensor w has 0 dimensions"},
        Hostile{"five dimensions", OneTensor({1, 1, 1, 1, 1}, kF32, 0, 32), "offset 24: tensor w has 5 dimensions"},
        Hostile{"unknown type", OneTensor({8}, 99, 0, 32), "offset 24: tensor w has ggml type 99"},
        Hostile{"part of a block", OneTensor({33}, kQ4_0, 0, 64),
                "offset 24: tensor w: rows of 33 are not whole blocks"},
        Hostile{"alignment of 3", Writer().Header(0, 1).Entry("general.alignment", 3U).bytes(),
                "general.alignment is 3, not a power of two"},
        Hostile{"alignment of 0", Writer().Header(0, 1).Entry("general.alignment", 0U).bytes(),
                "general.alignment is 0"},
        Hostile{"huge string", Writer().Header(0, 1).Number(~std::uint64_t{0}).Data(64).bytes(),
                "offset 24: a string of 18446744073709551615 bytes"},
        Hostile{"huge array",
                Writer().Header(0, 1).String("k").Number(9U).Number(4U).Number(std::uint64_t{1} << 61).Data(64).bytes(),
                "array elements do not fit"},
        Hostile{"deep arrays",
                [] {
                  Writer writer;
                  writer.Header(0, 1).String("k").Number(9U);
                  for (int i = 0; i < 1000; ++i) writer.Number(9U).Number(std::uint64_t{1});
                  return writer.bytes();
                }(),
                "arrays nested deeper than 4"},
        Hostile{"key twice", Writer().Header(0, 2).Entry("k", 1U).Entry("k", 1U).bytes(),
                "offset 41: metadata key k appears twice"},
        Hostile{"unknown metadata type", Writer().Header(0, 1).String("k").Number(13U).Data(64).bytes(),
                "offset 33: metadata type 13"}));

/// A Llama of one layer; its entries can be added to. `error` is "" when it becomes a model.
class Model {
 public:
  Model& Set(std::string key, Value value) {
    entries_[std::move(key)] = std::move(value);
    return *this;
  }
  std::string error() {
    Make();
    return model_ ? "" : model_.error().ToString();
  }
  const ModelConfig& config() {
    Make();
    EXPECT_TRUE(model_) << (model_ ? "" : model_.error().ToString());
    return (*model_)->config();
  }

 private:
  void Make() {
    Writer writer;
    writer.Header(1, entries_.size());
    for (const auto& [key, value] : entries_) writer.Entry(key, value);
    bytes_ = writer.Tensor("token_embd.weight", {32, 3}, kF32, 0).Data(384).bytes();
    auto file = Parse(bytes_);
    ASSERT_TRUE(file) << file.error().ToString();
    model_ = MakeGgufModel(std::move(*file));
  }
  std::map<std::string, Value> entries_ = {{"general.architecture", std::string("llama")},
                                           {"llama.block_count", 1U},
                                           {"llama.context_length", 64U},
                                           {"llama.embedding_length", 32U},
                                           {"llama.feed_forward_length", 32U},
                                           {"llama.attention.head_count", 1U},
                                           {"llama.attention.layer_norm_rms_epsilon", 1e-5F}};
  std::string bytes_;
  Result<std::unique_ptr<ModelFile>> model_ = nullptr;
};

TEST(GgufModel, ReadsYarn) {
  Model model;
  model.Set("llama.rope.scaling.type", std::string("yarn")).Set("llama.rope.scaling.factor", 4.0F);
  EXPECT_EQ(model.config().rope_scaling.kind, RopeScaling::Kind::kYarn);
  EXPECT_EQ(model.config().rope_scaling.original_max_positions, 64);
  EXPECT_DOUBLE_EQ(model.config().rope_scaling.attention_factor, 0.1 * std::log(4.0) + 1);
  EXPECT_EQ(model.config().rope_scaling.beta_fast, 32);
  model.Set("llama.rope.scaling.original_context_length", 16U)
      .Set("llama.rope.scaling.attn_factor", 0.5F)
      .Set("llama.rope.scaling.yarn_attn_factor", 0.5F)
      .Set("llama.rope.scaling.yarn_beta_fast", 8.0F)
      .Set("llama.rope.scaling.yarn_beta_slow", 2.0F)
      .Set("llama.rope.scaling.yarn_ext_factor", -1.0F);
  const RopeScaling& scaling = model.config().rope_scaling;
  EXPECT_EQ(scaling.original_max_positions, 16);
  EXPECT_DOUBLE_EQ(scaling.attention_factor, 0.25 * (0.1 * std::log(4.0) + 1));
  EXPECT_EQ(scaling.beta_fast, 8);
  EXPECT_EQ(scaling.beta_slow, 2);
}

/// A model of another architecture with the keys that Model has, and others behind "ARCHITECTURE.".
Model Of(const std::string& architecture, std::int64_t layers, const std::map<std::string, Value>& more = {}) {
  Model model;
  for (const auto& [key, value] : more) model.Set(fmt::format("{}.{}", architecture, key), value);
  model.Set("general.architecture", architecture)
      .Set(architecture + ".block_count", static_cast<std::uint32_t>(layers))
      .Set(architecture + ".context_length", 64U)
      .Set(architecture + ".embedding_length", 32U)
      .Set(architecture + ".feed_forward_length", 32U)
      .Set(architecture + ".attention.head_count", 1U)
      .Set(architecture + ".attention.layer_norm_rms_epsilon", 1e-5F);
  return model;
}

TEST(GgufModel, KnowsWhichLayersOfAGemmaSlide) {
  const auto windows = [](Model& model) {
    std::vector<std::int64_t> list;
    for (std::int64_t i = 0; i < model.config().layers; ++i) list.push_back(model.config().attention_of(i).window);
    return list;
  };
  using List = std::vector<std::int64_t>;
  Model two = Of("gemma2", 3), three = Of("gemma3", 7);
  EXPECT_EQ(windows(two), List(3, 0));  // 4096 tokens, which no context of 64 has
  two.Set("gemma2.attention.sliding_window", 16U);
  EXPECT_EQ(windows(two), (List{16, 0, 16}));
  EXPECT_EQ(two.config().attention_softcap, 50);
  EXPECT_EQ(two.config().norm_offset, 0);
  EXPECT_EQ(windows(three), List(7, 0));
  EXPECT_FALSE(three.config().attention_of(0).local_rope);
  three.Set("gemma3.attention.sliding_window", 16U);
  EXPECT_EQ(windows(three), (List{16, 16, 16, 16, 16, 0, 16}));
  EXPECT_TRUE(three.config().attention_of(0).local_rope);
  EXPECT_EQ(three.config().local_rope_theta, 10000);
  three.Set("gemma3.attention.sliding_window_pattern", 3U);
  EXPECT_EQ(windows(three), (List{16, 16, 0, 16, 16, 0, 16}));
  three.Set("gemma3.attention.sliding_window_pattern", std::vector<std::int32_t>{0, 1, 0, 1, 0, 0, 1});
  EXPECT_EQ(windows(three), (List{0, 16, 0, 16, 0, 0, 16}));
  three.Set("gemma3.attention.sliding_window_pattern", std::vector<std::int32_t>{0, 1});
  EXPECT_NE(three.error().find("sliding_window_pattern has 2 values for 7 layers"), std::string::npos);
}

TEST(GgufModel, TheLargestGemmasScaleTheirQueriesByTheWidth) {
  Model usual = Of("gemma2", 26, {{"attention.key_length", 64U}});
  Model largest = Of("gemma2", 46, {{"attention.key_length", 64U}});
  EXPECT_DOUBLE_EQ(usual.config().attention_scale, 1.0 / 8);
  EXPECT_DOUBLE_EQ(largest.config().attention_scale, 1 / std::sqrt(32.0));
}

TEST(GgufModel, RefusesOfRelativesWhatItDoesNotCompute) {
  const auto expect = [](Model& model, std::string_view part) {
    EXPECT_NE(model.error().find(part), std::string::npos) << model.error();
  };
  Model granite = Of("granite", 1, {{"rope.scaling.finetuned", false}});
  expect(granite, "granite.rope.scaling.finetuned is false");
  Model qwen = Of("qwen2", 1, {{"attention.sliding_window", 16U}});
  expect(qwen, "qwen2.attention.sliding_window = 16 is not supported");
  Model glm = Of("glm4", 1, {{"rope.dimension_sections", std::vector<std::int32_t>{8, 12, 12, 0}}});
  expect(glm, "glm4.rope.dimension_sections is not supported");
  Model gemma = Of("gemma3", 1, {{"attn_logit_softcapping", 50.0F}});
  expect(gemma, "gemma3.attn_logit_softcapping = 50 is not supported");
}

TEST(GgufModel, ATurnEndsAtTheFilesEosAndAtTheUsualControlTokens) {
  Model model;
  model.Set("tokenizer.ggml.eos_token_id", 2U)
      .Set("tokenizer.ggml.tokens", std::vector<std::string>{"<|eot_id|>", "<|im_end|>", "</s>"})
      .Set("tokenizer.ggml.token_type", std::vector<std::int32_t>{3, 1, 3});  // the second is ordinary text
  EXPECT_EQ(model.config().eos_token_ids, (std::vector<std::int32_t>{2, 0}));
}

TEST(GgufModel, RefusesByNameWhatItDoesNotCompute) {
  using Entry = std::pair<std::string, Value>;
  for (const auto& [key, value] : {Entry{"llama.attention.q_lora_rank", 8U}, Entry{"llama.attention.value_length", 16U},
                                   Entry{"llama.rope.scaling.type", std::string("longrope")}, Entry{"split.count", 3U},
                                   Entry{"general.architecture", std::string("mamba")}}) {
    const std::string error = Model().Set(key, value).error();
    const std::string field = key == "general.architecture" ? "architecture mamba" : key;
    EXPECT_TRUE(error.starts_with("x.gguf: ")) << error;
    EXPECT_NE(error.find(field), std::string::npos) << error;
  }
  for (const char* key : {"yarn_ext_factor", "yarn_log_multiplier"}) {
    const std::string error = Model()
                                  .Set("llama.rope.scaling.type", std::string("yarn"))
                                  .Set(fmt::format("llama.rope.scaling.{}", key), 0.5F)
                                  .error();
    EXPECT_NE(error.find(fmt::format("llama.rope.scaling.{} = 0.5", key)), std::string::npos) << error;
  }
}

TEST(GgufModel, NamesImpossibleValues) {
  EXPECT_NE(Model().Set("tokenizer.ggml.eos_token_id", 3U).error().find("eos token 3 of a vocabulary of 3"),
            std::string::npos);
  EXPECT_NE(Model().Set("llama.block_count", 0U).error().find("llama.block_count is 0"), std::string::npos);
  EXPECT_NE(Model().Set("llama.block_count", 1U << 30).error().find("llama.block_count is 1073741824"),
            std::string::npos);
  EXPECT_NE(Of("gemma2", 1, {{"attn_logit_softcapping", NAN}}).error().find("attn_logit_softcapping is nan"),
            std::string::npos);
  EXPECT_NE(Of("granite", 1, {{"logit_scale", -INFINITY}}).error().find("granite.logit_scale is -inf"),
            std::string::npos);
  EXPECT_NE(Model().Set("llama.attention.head_count_kv", 2U).error().find("1 query heads"), std::string::npos);
  EXPECT_NE(Model().Set("llama.rope.scaling.factor", 0.0F).error().find("rope scaling by 0"), std::string::npos);
  EXPECT_NE(Model().Set("llama.block_count", std::string("one")).error().find("llama.block_count has an unexpected"),
            std::string::npos);
}

TEST(ModelFileTest, NamesWhatDoesNotExist) {
  const auto file = ModelFile::Open("/nonexistent/model.gguf");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(file.error().ToString().find("/nonexistent/model.gguf"), std::string::npos);
}

TEST(GgufTest, ReadsMetadata) {
  const auto file = GgufFile::Open(kSmall);
  ASSERT_TRUE(file);
  EXPECT_EQ(*file->Get<std::string_view>("general.architecture"), "llama");
  EXPECT_EQ(*file->Get<std::int64_t>("llama.block_count"), 1);
  EXPECT_EQ(file->Get<GgufArray>("tokenizer.ggml.tokens")->Strings().size(), 3U);
  const auto missing = file->Get<std::string_view>("no.such.key");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().ToString().find("no.such.key"), std::string::npos);
}

}  // namespace
}  // namespace strata
