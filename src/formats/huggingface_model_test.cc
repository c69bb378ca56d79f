#include "formats/huggingface_model.h"

#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/mapped_file.h"
#include "formats/hf_config.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json BaseConfig() {
  return {{"model_type", "llama"},
          {"architectures", {"LlamaForCausalLM"}},
          {"vocab_size", 10},
          {"hidden_size", 8},
          {"num_hidden_layers", 1},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 1},
          {"intermediate_size", 6},
          {"rms_norm_eps", 1e-5},
          {"max_position_embeddings", 64},
          {"tie_word_embeddings", false},
          {"eos_token_id", 2}};
}

/// BaseConfig with some fields changed (RFC 7396: null removes one).
json With(const json& patch) {
  json config = BaseConfig();
  config.merge_patch(patch);
  return config;
}

Result<ModelConfig> Parse(const json& config) {
  STRATA_TRY(const HuggingFaceConfig read, ParseHuggingFaceConfig(config.dump(), "config.json"));
  return read.config;
}

std::string ErrorOf(const json& config) {
  const auto parsed = Parse(config);
  return parsed ? "" : parsed.error().ToString();
}

TEST(HuggingFaceConfig, ReadsTheShape) {
  const auto config = Parse(With({{"head_dim", 6},
                                  {"rope_theta", 5e5},
                                  {"eos_token_id", {2, 3}},
                                  {"bos_token_id", 1},
                                  {"pad_token_id", -1},
                                  {"attention_bias", true},
                                  {"hidden_act", "gelu"}}));
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->architecture, "llama");
  EXPECT_EQ(config->kv_heads, 1);
  EXPECT_EQ(config->head_dim, 6);
  EXPECT_EQ(config->rotary_dim, 6);
  EXPECT_EQ(config->rope_layout, RopeLayout::kHalves);
  EXPECT_EQ(config->rope_theta, 5e5);
  EXPECT_EQ(config->eos_token_ids, (std::vector<std::int32_t>{2, 3}));
  EXPECT_EQ(config->bos_token_id, 1);
  EXPECT_EQ(config->pad_token_id, std::nullopt);
  EXPECT_TRUE(config->attention_bias);
  EXPECT_FALSE(config->mlp_bias);
  EXPECT_EQ(config->activation, "gelu");
}

TEST(HuggingFaceConfig, AssumesWhatTheConfigClassAssumes) {
  const auto llama = Parse(With({{"num_key_value_heads", nullptr}, {"max_position_embeddings", nullptr}}));
  ASSERT_TRUE(llama);
  EXPECT_EQ(llama->kv_heads, 2);
  EXPECT_EQ(llama->head_dim, 4);
  EXPECT_EQ(llama->max_positions, 2048);
  EXPECT_EQ(llama->rope_theta, 10000);
  json mistral = With({{"model_type", "mistral"},
                       {"architectures", {"MistralForCausalLM"}},
                       {"num_attention_heads", 8},
                       {"hidden_size", 16},
                       {"num_key_value_heads", nullptr}});
  const auto read = Parse(mistral);
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(read->kv_heads, 8);
  // The class has a window of 4096; null says that there is none, and one of the context's length has no effect.
  const auto window = [&] { return Parse(mistral)->attention_of(0).window; };
  mistral["max_position_embeddings"] = 8192;
  EXPECT_EQ(window(), 4096);
  mistral["max_position_embeddings"] = 4096;
  EXPECT_EQ(window(), 0);
  mistral["sliding_window"] = 16;
  EXPECT_EQ(window(), 16);
  mistral["sliding_window"] = nullptr;
  EXPECT_EQ(window(), 0);
}

TEST(HuggingFaceConfig, ReadsRotaryPositionsOldAndNew) {
  const json yarn = {
      {"factor", 4.0}, {"original_max_position_embeddings", 16}, {"mscale", 0.5}, {"mscale_all_dim", 0.25}};
  json old = yarn, older = yarn, newest = yarn;
  older["type"] = "yarn";
  old["rope_type"] = "yarn";
  newest["rope_type"] = "yarn";
  newest["rope_theta"] = 77.0;
  for (const auto& [patch, theta] : {std::pair(json{{"rope_scaling", older}}, 10000.0),
                                     std::pair(json{{"rope_scaling", old}, {"rope_theta", 99}}, 99.0),
                                     std::pair(json{{"rope_parameters", newest}, {"rope_theta", 99}}, 77.0)}) {
    const auto config = Parse(With(patch));
    ASSERT_TRUE(config) << config.error().ToString();
    EXPECT_EQ(config->rope_scaling.kind, RopeScaling::Kind::kYarn);
    EXPECT_EQ(config->rope_theta, theta);
    EXPECT_EQ(config->rope_scaling.original_max_positions, 16);
    EXPECT_DOUBLE_EQ(config->rope_scaling.attention_factor, (0.05 * std::log(4.0) + 1) / (0.025 * std::log(4.0) + 1));
  }
  EXPECT_EQ(ErrorOf(With({{"rope_scaling", {{"rope_type", "default"}}}})), "");
}

TEST(HuggingFaceConfig, LongRopeEndsAtTheOriginalLength) {
  const auto config = Parse(With({{"rope_scaling",
                                   {{"rope_type", "longrope"},
                                    {"short_factor", {1.0, 2.0}},
                                    {"long_factor", {4.0, 8.0}},
                                    {"original_max_position_embeddings", 32}}}}));
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->max_positions, 32);
  EXPECT_EQ(config->rope_scaling.frequency_divisors, (std::vector<float>{1, 2}));
  EXPECT_DOUBLE_EQ(config->rope_scaling.attention_factor, std::sqrt(1 + std::log(2.0) / std::log(32.0)));
}

struct Refusal {
  json patch;
  const char* error;  ///< a part of it
};

class RefusedConfig : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedConfig, IsNamed) {
  const std::string error = ErrorOf(With(GetParam().patch));
  EXPECT_TRUE(error.starts_with("config.json: /")) << error;
  EXPECT_NE(error.find(GetParam().error), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
    HuggingFaceConfig, RefusedConfig,
    testing::Values(
        Refusal{{{"model_type", "mamba"}}, "/model_type: mamba is not supported (supported: llama, "},
        Refusal{{{"model_type", nullptr}}, "/model_type: is missing"},
        Refusal{{{"architectures", {"LlamaForSequenceClassification"}}}, "/architectures/0: LlamaForSequence"},
        Refusal{{{"quantization_config", {{"quant_method", "gptq"}}}}, "/quantization_config: is not supported"},
        Refusal{{{"num_local_experts", 8}}, "/num_local_experts: "},
        Refusal{{{"final_logit_softcapping", 30.0}}, "/final_logit_softcapping: "},
        Refusal{{{"attn_logit_softcapping", 50.0}}, "/attn_logit_softcapping: "},
        Refusal{{{"logits_scaling", 8.0}}, "/logits_scaling: "}, Refusal{{{"use_qk_norm", true}}, "/use_qk_norm: "},
        Refusal{{{"no_rope_layers", {1, 0}}}, "/no_rope_layers: "},
        Refusal{{{"sliding_window", 16}}, "/sliding_window: a window of 16 tokens in a context of 64"},
        Refusal{{{"layer_types", {"sliding_attention"}}}, "/layer_types/0: sliding_attention"},
        Refusal{{{"partial_rotary_factor", 0.5}}, "/partial_rotary_factor: 0.5"},
        Refusal{{{"rope_parameters", {{"rope_type", "default"}, {"partial_rotary_factor", 0.5}}}},
                "/rope_parameters/partial_rotary_factor: 0.5"},
        Refusal{{{"rope_parameters", {{"full_attention", {{"rope_type", "default"}}}}}},
                "/rope_parameters/full_attention: "},
        Refusal{{{"rope_scaling", {{"type", "mrope"}}}}, "/rope_scaling/type: mrope is not supported"},
        Refusal{{{"rope_scaling", {{"type", "linear"}}}}, "/rope_scaling/factor: is missing"},
        Refusal{{{"rope_scaling", {{"type", "linear"}, {"factor", 0}}}}, "/rope_scaling/factor: is 0"},
        Refusal{{{"rope_scaling", {{"type", "linear"}, {"factor", "2"}}}},
                "/rope_scaling/factor: must be a finite number"},
        Refusal{{{"rope_scaling", {{"type", "longrope"}, {"short_factor", {1.0}}}}},
                "/rope_scaling/short_factor: must be 2 positive numbers"},
        Refusal{{{"rope_scaling",
                  {{"rope_type", "llama3"}, {"factor", 2}, {"low_freq_factor", 4}, {"high_freq_factor", 4}}}},
                "/rope_scaling/high_freq_factor: 4 must be greater"},
        Refusal{{{"rope_theta", -1}}, "/rope_theta: is -1"},
        Refusal{{{"hidden_size", nullptr}}, "/hidden_size: is missing"},
        Refusal{{{"hidden_size", 0}}, "/hidden_size: is 0"},
        Refusal{{{"hidden_size", "8"}}, "/hidden_size: must be an integer, it is string"},
        Refusal{{{"num_hidden_layers", 1e30}}, "/num_hidden_layers: must be an integer"},
        Refusal{{{"num_hidden_layers", 1 << 30}}, "/num_hidden_layers: is 1073741824"},
        Refusal{{{"num_attention_heads", 3}}, "/num_attention_heads: 3 heads do not divide"},
        Refusal{{{"num_attention_heads", 4}, {"num_key_value_heads", 3}}, "/num_key_value_heads: 4 query heads"},
        Refusal{{{"head_dim", 5}}, "/head_dim: 5 is not an even number"},
        Refusal{{{"eos_token_id", 10}}, "/eos_token_id: token 10 of a vocabulary of 10"},
        Refusal{{{"eos_token_id", {1, "2"}}}, "/eos_token_id: must be an integer or a list"},
        Refusal{{{"tie_word_embeddings", 1}}, "/tie_word_embeddings: must be true or false"}));

TEST(HuggingFaceConfig, NeutralValuesOfOtherFeaturesDoNoHarm) {
  EXPECT_EQ(ErrorOf(With({{"logits_scaling", 1.0},
                          {"num_local_experts", 0},
                          {"use_qk_norm", false},
                          {"sliding_window", 64},
                          {"layer_types", {"full_attention"}},
                          {"quantization_config", json::object()}})),
            "");
}

TEST(HuggingFaceConfig, NamesTheOffsetOfBrokenJson) {
  const auto config = ParseHuggingFaceConfig(R"({"model_type": })", "config.json");
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().ToString().starts_with("config.json: offset 15: ")) << config.error().ToString();
  EXPECT_FALSE(ParseHuggingFaceConfig("[]", "config.json"));
  EXPECT_FALSE(ParseHuggingFaceConfig(R"({"rope_theta": 1e999999})", "config.json"));
  EXPECT_FALSE(ParseHuggingFaceConfig(std::string(200'000, '['), "config.json"));
}

struct Tensor {
  std::vector<std::int64_t> shape;
  std::string dtype = "F32";
  float fill = 0.5F;
};
using Tensors = std::map<std::string, Tensor>;

Tensors BaseTensors() {
  Tensors tensors = {
      {"model.embed_tokens.weight", {{10, 8}}}, {"model.norm.weight", {{8}}}, {"lm_head.weight", {{10, 8}}}};
  const std::string layer = "model.layers.0.";
  tensors[layer + "input_layernorm.weight"] = tensors[layer + "post_attention_layernorm.weight"] = {{8}};
  tensors[layer + "self_attn.q_proj.weight"] = tensors[layer + "self_attn.o_proj.weight"] = {{8, 8}};
  tensors[layer + "self_attn.k_proj.weight"] = tensors[layer + "self_attn.v_proj.weight"] = {{4, 8}};
  tensors[layer + "mlp.gate_proj.weight"] = tensors[layer + "mlp.up_proj.weight"] = {{6, 8}};
  tensors[layer + "mlp.down_proj.weight"] = {{8, 6}};
  return tensors;
}

/// `padding` spaces after the header move the data.
std::string Safetensors(const Tensors& tensors, std::size_t padding = 0) {
  json header = json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t begin = data.size();
    std::int64_t elements = 1;
    for (const std::int64_t dim : tensor.shape) elements *= dim;
    for (std::int64_t i = 0; i < elements; ++i) {
      char bytes[8] = {};
      std::memcpy(bytes, &tensor.fill, 4);
      data.append(bytes, tensor.dtype == "I64" || tensor.dtype == "F64" ? 8 : 4);
    }
    header[name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8 + padding, ' ');
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(text.size() >> (8 * i) & 0xFF);
  return file + text + data;
}

class Folder : public testing::Test {
 protected:
  Folder() {
    fs::create_directories(path_);
    Write("config.json", BaseConfig().dump());
    Write("model.safetensors", Safetensors(BaseTensors()));
  }
  ~Folder() override { fs::remove_all(path_); }
  void Write(const std::string& name, std::string_view content) {
    fs::create_directories(fs::path(path_ + "/" + name).parent_path());
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
  }
  std::string OpenError() {
    const auto model = ModelFile::Open(path_);
    return model ? "" : model.error().ToString();
  }
  std::unique_ptr<ModelFile> Open() {
    auto model = ModelFile::Open(path_);
    EXPECT_TRUE(model) << (model ? "" : model.error().ToString());
    return model ? std::move(*model) : nullptr;
  }
  void ExpectError(std::string_view part) {
    const std::string error = OpenError();
    EXPECT_NE(error.find(path_), std::string::npos) << error;
    EXPECT_NE(error.find(part), std::string::npos) << error;
  }
  std::string path_ = fmt::format("{}/strata-hf-test-{}", testing::TempDir(), ::getpid());
};

TEST_F(Folder, GivesCanonicalTensors) {
  const auto model = Open();
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->tensors().size(), BaseTensors().size());
  EXPECT_TRUE(std::ranges::is_sorted(model->tensors(), {}, &ModelTensor::name));
  EXPECT_EQ(model->FindTensor("blk.0.attn_k.weight")->shape, (Shape{4, 8}));
  EXPECT_EQ(model->FindTensor("output.weight")->shape, (Shape{10, 8}));
  EXPECT_EQ(model->config().name, fs::path(path_).filename().string());
}

TEST_F(Folder, TensorsThatNobodyWantsDoNoHarm) {
  Tensors tensors = BaseTensors();
  tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {{2}};
  tensors["counter"] = {{}, "I64"};
  tensors["half"] = {{3}, "F64"};
  Write("model.safetensors", Safetensors(tensors));
  EXPECT_EQ(OpenError(), "");
}

TEST_F(Folder, ReadsCheckpointsOfTheBareModel) {
  Tensors bare;
  for (const auto& [name, tensor] : BaseTensors()) bare[name.starts_with("model.") ? name.substr(6) : name] = tensor;
  Write("model.safetensors", Safetensors(bare));
  EXPECT_EQ(OpenError(), "");
}

TEST_F(Folder, NamesTensorsOfTypesThatItDoesNotRead) {
  for (const auto& [name, tensor] : BaseTensors()) {
    Tensors tensors = BaseTensors();
    tensors[name] = {tensor.shape, "F64"};
    Write("model.safetensors", Safetensors(tensors));
    ExpectError(fmt::format("/model.safetensors: tensor {}: weights of type F64 are not supported", name));
    tensors[name] = {tensor.shape, "U32"};
    Write("model.safetensors", Safetensors(tensors));
    ExpectError(fmt::format("tensor {}: elements of type U32 are not supported", name));
  }
}

TEST_F(Folder, WeightsOfLayersThatTheFamilyDoesNotKnowAreRefused) {
  Tensors tensors = BaseTensors();
  tensors["model.layers.0.self_attn.q_norm.weight"] = {{4}};
  Write("model.safetensors", Safetensors(tensors));
  ExpectError("tensor model.layers.0.self_attn.q_norm.weight: the layers of a llama have no self_attn.q_norm");
}

TEST_F(Folder, ATensorOfTwoNamesIsNamed) {
  Tensors tensors = BaseTensors();
  tensors["embed_tokens.weight"] = {{10, 8}};
  Write("model.safetensors", Safetensors(tensors));
  ExpectError("tensor token_embd.weight is stored twice");
}

TEST_F(Folder, TensorsHaveTheirNamesInErrors) {
  const auto model = Open();
  for (const auto& [name, tensor] : BaseTensors()) {
    const auto found = std::ranges::find_if(
        model->tensors(), [&](const ModelTensor& ours) { return model->StoredName(ours.name) == name; });
    EXPECT_NE(found, model->tensors().end()) << name;
  }
  EXPECT_EQ(model->StoredName("blk.0.nobody.weight"), "blk.0.nobody.weight");
}

TEST_F(Folder, TiedEmbeddings) {
  Write("config.json", With({{"tie_word_embeddings", true}}).dump());
  EXPECT_TRUE(Open()->config().tied_embeddings);  // the head is stored, and equal
  Tensors tensors = BaseTensors();
  tensors["lm_head.weight"].fill = 2;
  Write("model.safetensors", Safetensors(tensors));
  EXPECT_FALSE(Open()->config().tied_embeddings);
  tensors.erase("lm_head.weight");
  Write("model.safetensors", Safetensors(tensors));
  const auto model = Open();
  EXPECT_TRUE(model->config().tied_embeddings);
  EXPECT_EQ(model->FindTensor("output.weight"), nullptr);
}

TEST_F(Folder, CrookedDataIsCopied) {
  Write("model.safetensors", Safetensors(BaseTensors(), 3));
  const auto model = Open();
  ASSERT_NE(model, nullptr);
  for (const ModelTensor& tensor : model->tensors()) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.view.data.data()) % 4, 0U);
    EXPECT_EQ(*reinterpret_cast<const float*>(tensor.view.data.data()), 0.5F);
  }
}

class Shards : public Folder {
 protected:
  Shards() {
    fs::remove(path_ + "/model.safetensors");
    int i = 0;
    for (const auto& [name, tensor] : BaseTensors()) {
      const std::string shard = i++ % 2 == 0 ? "a.safetensors" : "b.safetensors";
      shards_[shard][name] = tensor;
      map_[name] = shard;
    }
    WriteAll();
  }
  void WriteAll() {
    for (const auto& [shard, tensors] : shards_) Write(shard, Safetensors(tensors));
    Write("model.safetensors.index.json", json{{"metadata", {{"total_size", 1}}}, {"weight_map", map_}}.dump());
  }
  std::map<std::string, Tensors> shards_;
  json map_;
};

TEST_F(Shards, AreOneModel) { EXPECT_EQ(Open()->tensors().size(), BaseTensors().size()); }

TEST_F(Shards, OneFileWinsOverThem) {
  Write("model.safetensors", Safetensors(BaseTensors()));
  fs::remove(path_ + "/b.safetensors");
  EXPECT_EQ(OpenError(), "");
}

TEST_F(Shards, NamesAShardThatIsMissing) {
  fs::remove(path_ + "/b.safetensors");
  const auto model = ModelFile::Open(path_);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code(), ErrorCode::kNotFound);
  ExpectError("model.safetensors.index.json names the shard b.safetensors");
}

TEST_F(Shards, NamesATensorThatIsElsewhere) {
  map_["lm_head.weight"] = "b.safetensors";
  WriteAll();
  ExpectError("tensor lm_head.weight is in a.safetensors, the index says it is in b.safetensors");
  map_.erase("lm_head.weight");
  WriteAll();
  ExpectError("tensor lm_head.weight is in a.safetensors, the index does not list it");
  map_["lm_head.weight"] = "a.safetensors";
  map_["more"] = "a.safetensors";
  WriteAll();
  ExpectError("tensor more is not in a.safetensors, where the index says it is");
}

TEST_F(Shards, MayNotPointElsewhere) {
  for (const char* shard : {"../b.safetensors", "/etc/passwd", "..", ""}) {
    map_["lm_head.weight"] = shard;
    WriteAll();
    ExpectError("/weight_map/lm_head.weight: ");
  }
  Write("model.safetensors.index.json", "{}");
  ExpectError("/weight_map: is missing");
  Write("model.safetensors.index.json", R"({"weight_map":{"x":1}})");
  ExpectError("/weight_map/x: must be the name of a file");
}

TEST_F(Folder, GenerationConfigGivesDefaultsAndMoreEnds) {
  Write(
      "generation_config.json",
      R"({"do_sample":false,"temperature":0.6,"top_p":0.9,"top_k":40,"repetition_penalty":1.1,"eos_token_id":[3,2]})");
  const auto model = Open();
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->generation_defaults().temperature, 0.6);
  EXPECT_EQ(model->generation_defaults().top_p, 0.9);
  EXPECT_EQ(model->generation_defaults().top_k, 40);
  EXPECT_EQ(model->generation_defaults().min_p, std::nullopt);
  EXPECT_EQ(model->generation_defaults().repetition_penalty, 1.1);
  EXPECT_EQ(model->config().eos_token_ids, (std::vector<std::int32_t>{2, 3}));
  Write("generation_config.json", R"({"temperature":"hot"})");
  ExpectError("/generation_config.json: /temperature: must be a finite number, it is string");
}

TEST_F(Folder, ChatTemplatesInTransformersOrder) {
  using Templates = std::map<std::string, std::string>;
  EXPECT_TRUE(Open()->chat_templates().empty());
  Write("tokenizer_config.json", R"({"chat_template":"one"})");
  EXPECT_EQ(Open()->chat_templates(), (Templates{{"default", "one"}}));
  Write("tokenizer_config.json",
        R"({"chat_template":[{"name":"default","template":"d"},{"name":"rag","template":"r"}]})");
  EXPECT_EQ(Open()->chat_templates(), (Templates{{"default", "d"}, {"rag", "r"}}));
  Write("chat_template.jinja", "file");
  Write("additional_chat_templates/tool_use.jinja", "tools");
  EXPECT_EQ(Open()->chat_templates(), (Templates{{"default", "file"}, {"tool_use", "tools"}}));
  fs::remove(path_ + "/chat_template.jinja");
  fs::remove_all(path_ + "/additional_chat_templates");
  Write("tokenizer_config.json", R"({"chat_template":[{"name":"x"}]})");
  ExpectError("/tokenizer_config.json: /chat_template/0/template: is missing");
}

TEST_F(Folder, ContentKeyFollowsConfigAndWeights) {
  const std::string first = Open()->ContentKey();
  EXPECT_EQ(first.size(), 32U);
  EXPECT_EQ(Open()->ContentKey(), first);
  Write("config.json", With({{"rms_norm_eps", 1e-6}}).dump());
  const std::string second = Open()->ContentKey();
  EXPECT_NE(second, first);
  Tensors tensors = BaseTensors();
  tensors["model.norm.weight"].fill = 0.25;
  Write("model.safetensors", Safetensors(tensors));
  EXPECT_NE(Open()->ContentKey(), second);
}

TEST_F(Folder, SaysWhatALoadableFolderIs) {
  const auto weights = ModelFile::Open(path_ + "/model.safetensors");
  ASSERT_FALSE(weights);
  EXPECT_NE(weights.error().ToString().find("give the folder"), std::string::npos);
  const auto tokenizer = Open()->LoadTokenizer();
  ASSERT_FALSE(tokenizer);
  EXPECT_NE(tokenizer.error().ToString().find("tokenizer.json"), std::string::npos);
  fs::remove(path_ + "/model.safetensors");
  ExpectError("config.json has no weights beside it");
  // Repositories of GGUF files often carry config.json too.
  fs::copy(STRATA_SOURCE_DIR "/src/formats/testdata/fuzz/gguf_fuzz/small.gguf", path_ + "/small.gguf");
  EXPECT_EQ(OpenError(), "");
  fs::copy(path_ + "/small.gguf", path_ + "/other.gguf");
  fs::remove(path_ + "/config.json");
  ExpectError("this one holds 2");
}

}  // namespace
}  // namespace strata
