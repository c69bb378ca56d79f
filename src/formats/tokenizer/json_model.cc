#include <algorithm>
#include <utility>

#include "formats/tokenizer/bpe.h"
#include "formats/tokenizer/json_parts.h"
#include "formats/tokenizer/unigram.h"
#include "formats/tokenizer/wordpiece.h"

namespace strata::tokenizer {
namespace {

/// Files from before `type` was written are told apart by their fields.
Result<std::string> ModelType(const JsonPlace& place) {
  STRATA_TRY(const JsonPlace type, place.Field("type"));
  if (!type.is_null()) return type.String();
  const auto& value = place.value();
  if (value.contains("merges")) return "BPE";
  if (value.contains("vocab") && value["vocab"].is_array()) return "Unigram";
  return value.contains("continuing_subword_prefix") ? "WordPiece" : "WordLevel";
}

Result<std::optional<TokenId>> UnknownToken(const JsonPlace& place, const Vocabulary& vocabulary) {
  STRATA_TRY(const JsonPlace field, place.Field("unk_token"));
  if (field.is_null()) return std::nullopt;
  STRATA_TRY(const std::string text, field.String());
  // A vocabulary need not have it: an unknown character then has no id.
  return vocabulary.Find(text);
}

Result<std::pair<std::string, std::string>> ReadMerge(const JsonPlace& place) {
  if (place.value().is_string()) {
    STRATA_TRY(const std::string text, place.String());
    const std::size_t space = text.find(' ');
    if (space == text.npos || text.find(' ', space + 1) != text.npos) {
      return place.Corrupt("two entries with one space between them are expected");
    }
    return std::pair(text.substr(0, space), text.substr(space + 1));
  }
  STRATA_TRY(const std::vector<JsonPlace> pair, place.Items());
  if (pair.size() != 2) return place.Corrupt("a pair is expected");
  STRATA_TRY(std::string left, pair[0].String());
  STRATA_TRY(std::string right, pair[1].String());
  return std::pair(std::move(left), std::move(right));
}

Result<ModelPtr> ReadBpe(const JsonPlace& place, const Vocabulary& vocabulary, const std::vector<bool>& reachable,
                         bool byte_level, bool* takes_bytes) {
  BpeOptions options;
  STRATA_TRY(const JsonPlace dropout, place.Field("dropout"));
  if (!dropout.is_null()) {
    STRATA_TRY(const double rate, dropout.Number());
    if (rate != 0) return dropout.Unsupported("merges left out by chance are for training");
  }
  STRATA_TRY(options.unknown, UnknownToken(place, vocabulary));
  STRATA_TRY(options.fuse_unknown, place.BoolOr("fuse_unk", false));
  STRATA_TRY(options.byte_fallback, place.BoolOr("byte_fallback", false));
  STRATA_TRY(options.ignore_merges, place.BoolOr("ignore_merges", false));
  STRATA_TRY(options.continuing_subword_prefix, place.StringOr("continuing_subword_prefix", ""));
  STRATA_TRY(options.end_of_word_suffix, place.StringOr("end_of_word_suffix", ""));
  options.byte_level = byte_level && !options.byte_fallback && options.continuing_subword_prefix.empty() &&
                       options.end_of_word_suffix.empty();
  *takes_bytes = options.byte_level;

  STRATA_TRY(const JsonPlace list, place.Field("merges"));
  if (!list.value().is_array()) return list.Corrupt("a list is expected");
  std::vector<BpeMerge> merges;
  merges.reserve(list.value().size());
  const std::size_t prefix = options.continuing_subword_prefix.size();
  for (std::size_t i = 0; i < list.value().size(); ++i) {
    const JsonPlace merge(list.value()[i], list.pointer() + "/" + std::to_string(i));
    STRATA_TRY(const auto parts, ReadMerge(merge));
    const auto& [left, right] = parts;
    const auto left_id = vocabulary.Find(left), right_id = vocabulary.Find(right);
    if (!left_id || !right_id) return merge.Corrupt("\"" + (left_id ? right : left) + "\" is no entry");
    const std::string result = left + (right.size() >= prefix ? right.substr(prefix) : std::string());
    const auto result_id = vocabulary.Find(result);
    if (!result_id) return merge.Corrupt("\"" + result + "\" is no entry");
    merges.push_back({*left_id, *right_id, *result_id, static_cast<std::int32_t>(i)});
  }
  return MakeBpe(vocabulary, reachable, merges, std::move(options));
}

Result<ModelPtr> ReadUnigram(const JsonPlace& place, const Vocabulary& vocabulary, const std::vector<bool>& reachable) {
  UnigramOptions options;
  STRATA_TRY(options.byte_fallback, place.BoolOr("byte_fallback", false));
  STRATA_TRY(const JsonPlace list, place.Field("vocab"));
  STRATA_TRY(const std::vector<JsonPlace> items, list.Items());
  STRATA_TRY(const JsonPlace unknown, place.Field("unk_id"));
  if (!unknown.is_null()) {
    STRATA_TRY(const std::int64_t id, unknown.Integer());
    if (id < 0 || static_cast<std::size_t>(id) >= items.size()) return unknown.Corrupt("is not in the vocabulary");
    options.unknown = static_cast<TokenId>(id);
  }
  std::vector<double> scores;
  scores.reserve(items.size());
  for (const JsonPlace& item : items) {
    STRATA_TRY(const double score, JsonPlace(item.value()[1], item.pointer() + "/1").Number());
    scores.push_back(score);
  }
  return MakeUnigram(vocabulary, reachable, std::move(scores), options);
}

Result<ModelPtr> ReadWordPiece(const JsonPlace& place, const Vocabulary& vocabulary,
                               const std::vector<bool>& reachable) {
  STRATA_TRY(const auto unknown, UnknownToken(place, vocabulary));
  STRATA_TRY(const std::string prefix, place.StringOr("continuing_subword_prefix", "##"));
  STRATA_TRY(const std::int64_t max_characters, place.IntegerOr("max_input_chars_per_word", 100));
  if (max_characters < 0) return place.Corrupt("max_input_chars_per_word may not be negative");
  return MakeWordPiece(EntriesByPrefix(vocabulary, reachable, prefix), unknown,
                       static_cast<std::size_t>(max_characters));
}

}  // namespace

Result<std::vector<std::string>> ReadVocabulary(const JsonPlace& model) {
  STRATA_TRY(const JsonPlace place, model.Field("vocab"));
  std::vector<std::string> texts;
  if (place.value().is_array()) {  // Unigram: [text, score] by id
    STRATA_TRY(const std::vector<JsonPlace> items, place.Items());
    for (const JsonPlace& item : items) {
      if (!item.value().is_array() || item.value().size() != 2) return item.Corrupt("a text and a score are expected");
      STRATA_TRY(std::string text, JsonPlace(item.value()[0], item.pointer() + "/0").String());
      texts.push_back(std::move(text));
    }
    return texts;
  }
  if (!place.value().is_object()) return place.Corrupt(place.is_null() ? "is missing" : "an object is expected");
  // Vocabularies may have gaps, but an id far outside must not make a table of that size.
  const std::int64_t limit = static_cast<std::int64_t>(place.value().size()) * 4 + 65536;
  for (const auto& [text, id] : place.value().items()) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() >= limit) {
      return JsonPlace(id, place.pointer() + "/" + text).Corrupt("is no id for a vocabulary of this size");
    }
    const auto index = id.get<std::size_t>();
    if (index >= texts.size()) texts.resize(index + 1);
    texts[index] = text;
  }
  return texts;
}

Result<ModelPtr> ReadModel(const JsonPlace& place, const Vocabulary& vocabulary, const std::vector<bool>& reachable,
                           bool byte_level, bool* takes_bytes) {
  *takes_bytes = false;
  STRATA_TRY(const std::string type, ModelType(place));
  if (type == "BPE") return ReadBpe(place, vocabulary, reachable, byte_level, takes_bytes);
  if (type == "Unigram") return ReadUnigram(place, vocabulary, reachable);
  if (type == "WordPiece") return ReadWordPiece(place, vocabulary, reachable);
  if (type == "WordLevel") {
    STRATA_TRY(const auto unknown, UnknownToken(place, vocabulary));
    return MakeWordLevel(vocabulary, reachable, unknown);
  }
  return JsonPlace(place.value(), place.pointer() + "/type").Unsupported("model " + type + " is not known");
}

}  // namespace strata::tokenizer
