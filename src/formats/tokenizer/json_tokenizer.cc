// Tokenizers from Hugging Face's tokenizer.json. What truncation and padding say is about batches of training data and
// is not followed.
#include <map>
#include <utility>

#include <fmt/format.h>

#include "formats/tokenizer.h"
#include "formats/tokenizer/json_parts.h"

namespace strata {
namespace {

using tokenizer::AddedToken;
using tokenizer::JsonPlace;
using tokenizer::Pipeline;

Result<std::vector<AddedToken>> ReadAddedTokens(const JsonPlace& place, std::size_t vocabulary_size) {
  std::vector<AddedToken> tokens;
  if (place.is_null()) return tokens;
  STRATA_TRY(const std::vector<JsonPlace> items, place.Items());
  const std::size_t limit = (vocabulary_size + items.size()) * 4 + 65536;  // as for the vocabulary's own ids
  for (const JsonPlace& item : items) {
    AddedToken token;
    STRATA_TRY(const JsonPlace content, item.Field("content"));
    STRATA_TRY(token.text, content.String());
    STRATA_TRY(const JsonPlace id_place, item.Field("id"));
    STRATA_TRY(const std::int64_t id, id_place.Integer());
    if (id < 0 || static_cast<std::size_t>(id) >= limit) {
      return id_place.Corrupt("is no id for a vocabulary of this size");
    }
    token.id = static_cast<TokenId>(id);
    STRATA_TRY(token.special, item.BoolOr("special", false));
    STRATA_TRY(token.single_word, item.BoolOr("single_word", false));
    STRATA_TRY(token.lstrip, item.BoolOr("lstrip", false));
    STRATA_TRY(token.rstrip, item.BoolOr("rstrip", false));
    STRATA_TRY(token.normalized, item.BoolOr("normalized", !token.special));
    if (!token.text.empty()) tokens.push_back(std::move(token));
  }
  return tokens;
}

/// bos_token of the config: its text, or an object with it as "content".
Result<std::optional<TokenId>> ConfiguredToken(const JsonPlace& config, std::string_view name,
                                               const tokenizer::Vocabulary& vocabulary) {
  STRATA_TRY(JsonPlace field, config.Field(name));
  if (field.value().is_object()) {
    STRATA_TRY(field, field.Field("content"));
  }
  if (field.is_null()) return std::nullopt;
  STRATA_TRY(const std::string text, field.String());
  return vocabulary.Find(text);
}

Status ApplyConfig(std::string_view text, Pipeline& pipeline) {
  STRATA_TRY(const nlohmann::json document, tokenizer::ParseJson(text));
  const JsonPlace config(document, "");
  STRATA_TRY(pipeline.bos, ConfiguredToken(config, "bos_token", *pipeline.vocabulary));
  STRATA_TRY(pipeline.eos, ConfiguredToken(config, "eos_token", *pipeline.vocabulary));
  auto& prefix = pipeline.prefix;
  auto& suffix = pipeline.suffix;
  const bool has_bos = pipeline.bos && !prefix.empty() && prefix.front() == *pipeline.bos;
  const bool has_eos = pipeline.eos && !suffix.empty() && suffix.back() == *pipeline.eos;
  STRATA_TRY(const bool add_bos, config.BoolOr("add_bos_token", has_bos));
  STRATA_TRY(const bool add_eos, config.BoolOr("add_eos_token", has_eos));
  if (has_bos && !add_bos) prefix.erase(prefix.begin());
  if (!has_bos && add_bos && pipeline.bos) prefix.insert(prefix.begin(), *pipeline.bos);
  if (has_eos && !add_eos) suffix.pop_back();
  if (!has_eos && add_eos && pipeline.eos) suffix.push_back(*pipeline.eos);
  return {};
}

Result<Pipeline> ReadPipeline(const JsonPlace& root) {
  Pipeline pipeline;
  STRATA_TRY(const JsonPlace model, root.Field("model"));
  STRATA_TRY(std::vector<std::string> texts, tokenizer::ReadVocabulary(model));
  STRATA_TRY(const JsonPlace added, root.Field("added_tokens"));
  STRATA_TRY(pipeline.added, ReadAddedTokens(added, texts.size()));
  std::vector<bool> reachable(texts.size());
  for (std::size_t id = 0; id < texts.size(); ++id) reachable[id] = !texts[id].empty();
  pipeline.special.resize(texts.size());
  std::map<std::string_view, TokenId> own;  // of added tokens that the model's vocabulary has: those are its ids
  for (const AddedToken& token : pipeline.added) own.emplace(token.text, -1);
  for (std::size_t id = 0; id < texts.size(); ++id) {
    if (const auto found = own.find(texts[id]); found != own.end()) found->second = static_cast<TokenId>(id);
  }
  for (AddedToken& token : pipeline.added) {
    if (const TokenId known = own.at(token.text); known >= 0) token.id = known;
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= texts.size()) {
      texts.resize(id + 1);
      pipeline.special.resize(id + 1);
      reachable.resize(id + 1);
    }
    if (!texts[id].empty() && texts[id] != token.text) {
      return added.Corrupt(fmt::format("id {} of \"{}\" is that of \"{}\"", id, token.text, texts[id]));
    }
    texts[id] = token.text;
    pipeline.special[id] = pipeline.special[id] || token.special;
    if (token.special) reachable[id] = false;
  }
  if (texts.empty()) return model.Corrupt("the vocabulary is empty");
  pipeline.vocabulary = std::make_unique<tokenizer::Vocabulary>(std::move(texts));

  STRATA_TRY(const JsonPlace normalizer, root.Field("normalizer"));
  STRATA_TRY(pipeline.normalizer, tokenizer::ReadNormalizer(normalizer));
  STRATA_TRY(const JsonPlace pre_tokenizer, root.Field("pre_tokenizer"));
  STRATA_TRY(tokenizer::PreTokenizerSteps words, tokenizer::ReadPreTokenizer(pre_tokenizer));
  bool takes_bytes = false;
  STRATA_TRY(pipeline.model,
             tokenizer::ReadModel(model, *pipeline.vocabulary, reachable, words.ends_in_byte_level, &takes_bytes));
  if (words.ends_in_byte_level && !takes_bytes) words.steps.push_back(tokenizer::MakeByteLevelCharacters());
  if (words.steps.size() == 1) {
    pipeline.pre_tokenizer = std::move(words.steps.front());
  } else if (!words.steps.empty()) {
    pipeline.pre_tokenizer = tokenizer::MakePreTokenizerSequence(std::move(words.steps));
  }
  STRATA_TRY(const JsonPlace post_processor, root.Field("post_processor"));
  STRATA_TRY(tokenizer::SpecialTokensAround around, tokenizer::ReadPostProcessor(post_processor));
  for (const TokenId id : around.Ids()) {
    if (!pipeline.vocabulary->Contains(id)) return post_processor.Corrupt(fmt::format("id {} is in no vocabulary", id));
  }
  pipeline.prefix = std::move(around.prefix);
  pipeline.suffix = std::move(around.suffix);
  pipeline.pair = std::move(around.pair);
  STRATA_TRY(const JsonPlace decoder, root.Field("decoder"));
  STRATA_TRY(pipeline.decoder, tokenizer::ReadDecoder(decoder));
  return pipeline;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> LoadTokenizerJson(std::string_view tokenizer_json,
                                                     std::string_view tokenizer_config_json) {
  STRATA_TRY(const nlohmann::json document, tokenizer::ParseJson(tokenizer_json), "tokenizer.json");
  STRATA_TRY(Pipeline pipeline, ReadPipeline(JsonPlace(document, "")), "tokenizer.json");
  if (!tokenizer_config_json.empty()) {
    STRATA_CHECK(ApplyConfig(tokenizer_config_json, pipeline), "tokenizer_config.json");
  }
  return tokenizer::MakePipelineTokenizer(std::move(pipeline));
}

}  // namespace strata
