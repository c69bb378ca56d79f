// Encoders' config.json, and what sentence-transformers keeps beside it.
#include "formats/hf_sentence.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "formats/hf_config.h"
#include "formats/hf_names.h"
#include "formats/tokenizer.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json Bert(const json& patch = json::object()) {
  json config = {{"model_type", "bert"},   {"architectures", {"BertModel"}},
                 {"vocab_size", 10},       {"hidden_size", 8},
                 {"num_hidden_layers", 2}, {"num_attention_heads", 2},
                 {"intermediate_size", 6}, {"max_position_embeddings", 64},
                 {"type_vocab_size", 2},   {"layer_norm_eps", 1e-7},
                 {"pad_token_id", 0}};
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

TEST(EncoderConfig, ReadsBert) {
  const auto config = Parse(Bert());
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->architecture, "bert");
  EXPECT_EQ(config->task, ModelTask::kEmbed);
  EXPECT_EQ(config->pooling.pooling, Pooling::kMean);
  EXPECT_FALSE(config->causal);
  EXPECT_FALSE(config->attention_of(1).rotated);
  EXPECT_EQ(config->norm_eps, 1e-7);
  EXPECT_EQ(config->activation, "gelu");
  EXPECT_EQ(config->position_embeddings, 64);
  EXPECT_EQ(config->max_positions, 64);
  EXPECT_EQ(config->token_types, 2);
  EXPECT_EQ(config->output_width(), 8);
  EXPECT_EQ(config->kv_layers(), 1);
}

TEST(EncoderConfig, RobertasPositionsBeginBehindThePaddingTokens) {
  const auto config = Parse(Bert({{"model_type", "xlm-roberta"},
                                  {"architectures", {"XLMRobertaModel"}},
                                  {"max_position_embeddings", 66},
                                  {"pad_token_id", 1}}));
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->position_embeddings, 66);
  EXPECT_EQ(config->position_offset, 2);
  EXPECT_EQ(config->max_positions, 64);
}

TEST(EncoderConfig, ReadsCrossEncoders) {
  const json rank = {{"architectures", {"BertForSequenceClassification"}}, {"id2label", {{"0", "LABEL_0"}}}};
  const auto config = Parse(Bert(rank));
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->task, ModelTask::kClassify);
  EXPECT_EQ(config->pooling.pooling, Pooling::kFirst);
  EXPECT_EQ(config->output_width(), 1);
  EXPECT_TRUE(config->pooling.sigmoid);
  for (const json& identity :
       {json{{"sbert_ce_default_activation_function", "torch.nn.modules.linear.Identity"}},
        json{{"sentence_transformers", {{"activation_fn", "torch.nn.modules.linear.Identity"}}}}}) {
    json patch = rank;
    patch.merge_patch(identity);
    EXPECT_FALSE(Parse(Bert(patch))->pooling.sigmoid) << identity;
  }
  json labels = rank;
  labels["id2label"] = nullptr;
  const auto two = Parse(Bert(labels));
  EXPECT_EQ(two->output_width(), 2) << "transformers' default";
  EXPECT_FALSE(two->pooling.sigmoid);
}

TEST(EncoderConfig, RefusesWhatWouldChangeTheResult) {
  EXPECT_EQ(ErrorOf(Bert({{"position_embedding_type", "relative_key"}})),
            "config.json: /position_embedding_type: relative_key is not supported");
  EXPECT_EQ(ErrorOf(Bert({{"is_decoder", true}})), "config.json: /is_decoder: is not supported");
  EXPECT_EQ(ErrorOf(Bert({{"architectures", {"BertLMHeadModel"}}})),
            "config.json: /architectures/0: BertLMHeadModel is not supported (supported: BertModel, BertForMaskedLM, "
            "BertForPreTraining, BertForSequenceClassification)");
  EXPECT_EQ(ErrorOf(Bert({{"architectures", {"BertForSequenceClassification"}},
                          {"sentence_transformers", {{"activation_fn", "torch.nn.Tanh"}}}})),
            "config.json: /sentence_transformers/activation_fn: torch.nn.Tanh is not supported");
}

TEST(EncoderNames, AreThoseOfTheClass) {
  const HfFamily& bert = *FindHfFamily("bert");
  const HfHead& classifier = bert.classes.back();
  const HfNames embeds(bert, nullptr, 2), ranks(bert, &classifier, 2);
  for (const HfNames& names : {embeds, ranks}) {
    EXPECT_EQ(*names.Canonical("bert.embeddings.word_embeddings.weight"), "token_embd.weight");
    EXPECT_EQ(*names.Canonical("encoder.layer.1.attention.output.dense.bias"), "blk.1.attn_output.bias");
    EXPECT_EQ(*names.Canonical("bert.encoder.layer.1.output.LayerNorm.gamma"), "blk.1.layer_output_norm.weight");
    EXPECT_EQ(*names.Canonical("bert.encoder.layer.0.output.LayerNorm.beta"), "blk.0.layer_output_norm.bias");
    EXPECT_EQ(*names.Canonical("embeddings.position_ids"), std::nullopt);
    EXPECT_FALSE(names.Canonical("encoder.layer.1.crossattention.self.key.weight"));
    EXPECT_EQ(names.Stored("blk.1.attn_q.weight"), "bert.encoder.layer.1.attention.self.query.weight");
  }
  EXPECT_EQ(*embeds.Canonical("bert.pooler.dense.weight"), std::nullopt);
  EXPECT_EQ(*ranks.Canonical("bert.pooler.dense.weight"), "cls.weight");
  EXPECT_EQ(*ranks.Canonical("classifier.bias"), "cls.output.bias");
  EXPECT_EQ(ranks.Stored("cls.output.weight"), "classifier.weight");
}

class SentenceTransformers : public testing::Test {
 protected:
  SentenceTransformers() : folder_(fs::temp_directory_path() / fmt::format("strata_sentence_{}", ::getpid())) {
    fs::create_directories(folder_ / "1_Pooling");
  }
  ~SentenceTransformers() override { fs::remove_all(folder_); }

  void Write(const char* name, const json& content) const { std::ofstream(folder_ / name) << content.dump(); }
  void WriteModules(const std::vector<const char*>& kinds) const {
    json modules = json::array();
    for (const char* kind : kinds) {
      modules.push_back({{"type", fmt::format("sentence_transformers.models.{}", kind)},
                         {"path", std::string_view(kind) == "Pooling" ? "1_Pooling" : ""}});
    }
    Write("modules.json", modules);
  }
  Result<ModelConfig> Read(ModelConfig config) const {
    STRATA_CHECK(ReadSentenceTransformers(folder_.string(), config));
    return config;
  }
  std::string ErrorOf() const {
    const auto read = Read(*Parse(Bert()));
    if (read) return "";
    std::string text = read.error().ToString();
    return text.substr(text.find(folder_.string()) + folder_.string().size() + 1);
  }

  fs::path folder_;
};

TEST_F(SentenceTransformers, SayHowATextsVectorIsMade) {
  WriteModules({"Transformer", "Pooling", "Normalize"});
  Write("1_Pooling/config.json", {{"pooling_mode_cls_token", true}, {"pooling_mode_mean_tokens", false}});
  Write("sentence_bert_config.json", {{"max_seq_length", 32}});
  Write("config_sentence_transformers.json", {{"prompts", {{"query", "q: "}}}, {"default_prompt_name", "query"}});
  const auto config = Read(*Parse(Bert()));
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->pooling.pooling, Pooling::kFirst);
  EXPECT_TRUE(config->pooling.normalize);
  EXPECT_EQ(config->max_positions, 32);
  EXPECT_EQ(config->position_embeddings, 64) << "the table is as long as it was";
  EXPECT_EQ(config->pooling.prompts.at("query"), "q: ");
  EXPECT_EQ(config->pooling.default_prompt, "query");
}

TEST_F(SentenceTransformers, MakeADecoderAnEmbeddingModel) {
  ModelConfig decoder;
  decoder.layers = 3;
  EXPECT_EQ(Read(decoder)->task, ModelTask::kGenerate);
  WriteModules({"Transformer", "Pooling", "Normalize"});
  Write("1_Pooling/config.json", {{"pooling_mode_lasttoken", true}});
  const auto config = Read(decoder);
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->task, ModelTask::kEmbed);
  EXPECT_EQ(config->pooling.pooling, Pooling::kLast);
}

TEST_F(SentenceTransformers, RefuseWhatIsNotComputed) {
  EXPECT_EQ(ErrorOf(), "");
  WriteModules({"Transformer", "Pooling", "Dense"});
  Write("1_Pooling/config.json", {{"pooling_mode", "mean"}});
  EXPECT_EQ(ErrorOf(), "modules.json: /2/type: sentence_transformers.models.Dense is not supported");
  WriteModules({"Transformer", "Pooling"});
  EXPECT_EQ(ErrorOf(), "");
  Write("1_Pooling/config.json", {{"pooling_mode_max_tokens", true}});
  EXPECT_EQ(ErrorOf(), "1_Pooling/config.json: /pooling_mode_max_tokens: only mean, cls and lasttoken are supported");
  Write("1_Pooling/config.json", {{"pooling_mode_cls_token", true}, {"pooling_mode_mean_tokens", true}});
  EXPECT_EQ(ErrorOf(),
            "1_Pooling/config.json: /pooling_mode_mean_tokens: beside pooling_mode_cls_token is not supported");
  Write("1_Pooling/config.json", {{"pooling_mode_mean_tokens", true}, {"include_prompt", false}});
  EXPECT_EQ(ErrorOf(), "1_Pooling/config.json: /include_prompt: false is not supported");
  Write("1_Pooling/config.json", {{"pooling_mode_mean_tokens", true}});
  Write("config_sentence_transformers.json", {{"default_prompt_name", "query"}});
  EXPECT_EQ(ErrorOf(), "config_sentence_transformers.json: /default_prompt_name: there is no prompt query");
}

TEST_F(SentenceTransformers, HaveTheirModulesInsideTheFolder) {
  for (const char* path : {"../other", "/etc", "1_Pooling/../.."}) {
    Write("modules.json", {{{"type", "sentence_transformers.models.Pooling"}, {"path", path}}});
    EXPECT_EQ(ErrorOf(), fmt::format("modules.json: /0/path: {} is not a folder of the model's", path));
  }
}

std::string PairOf(const json& post_processor) {
  const json tokenizer = {
      {"model", {{"type", "WordLevel"}, {"unk_token", "u"}, {"vocab", {{"u", 0}, {"[C]", 1}, {"[S]", 2}}}}},
      {"added_tokens", json::array()},
      {"post_processor", post_processor}};
  const auto loaded = LoadTokenizerJson(tokenizer.dump());
  if (!loaded) return loaded.error().ToString();
  const PairTemplate* pair = (*loaded)->pair();
  if (pair == nullptr) return "none";
  std::string text;
  const auto add = [&](const std::vector<PairTemplate::Special>& specials) {
    for (const auto& [id, type] : specials) text += fmt::format("{}:{} ", id, type);
  };
  add(pair->before);
  text += fmt::format("A:{} ", pair->first_type);
  add(pair->between);
  text += fmt::format("B:{} ", pair->second_type);
  add(pair->after);
  return text;
}

TEST(PairTemplates, AreReadFromEveryPostProcessor) {
  EXPECT_EQ(PairOf(nullptr), "none");
  EXPECT_EQ(PairOf({{"type", "BertProcessing"}, {"cls", {"[C]", 1}}, {"sep", {"[S]", 2}}}), "1:0 A:0 2:0 B:1 2:1 ");
  EXPECT_EQ(PairOf({{"type", "RobertaProcessing"}, {"cls", {"[C]", 1}}, {"sep", {"[S]", 2}}}),
            "1:0 A:0 2:0 2:0 B:0 2:0 ");
  const json specials = {{"C", {{"ids", {1}}}}, {"S", {{"ids", {2}}}}};
  const auto special = [](const char* id, int type) -> json {
    return {{"SpecialToken", {{"id", id}, {"type_id", type}}}};
  };
  const auto text = [](const char* id, int type) -> json { return {{"Sequence", {{"id", id}, {"type_id", type}}}}; };
  const json single = {special("C", 0), text("A", 0), special("S", 0)};
  json post = {{"type", "TemplateProcessing"}, {"single", single}, {"special_tokens", specials}};
  EXPECT_EQ(PairOf(post), "none");
  post["pair"] = {special("C", 0), text("A", 0), special("S", 0), text("B", 1), special("S", 1)};
  EXPECT_EQ(PairOf(post), "1:0 A:0 2:0 B:1 2:1 ");
  post["pair"] = {text("B", 0), text("A", 0)};
  EXPECT_EQ(PairOf(post), "none");
  post["pair"] = {text("A", 0), special("X", 0), text("B", 0)};
  EXPECT_NE(PairOf(post).find("special_tokens does not have"), std::string::npos);
}

}  // namespace
}  // namespace strata
