#include "formats/tokenizer/json_parts.h"

namespace strata::tokenizer {
namespace {

Result<TokenId> TokenIdOf(const JsonPlace& place) {
  STRATA_TRY(const std::int64_t id, place.Integer());
  if (id < 0 || id > INT32_MAX) return place.Corrupt("is no token id");
  return static_cast<TokenId>(id);
}

/// ["[SEP]", 102]
Result<TokenId> PairId(const JsonPlace& place, std::string_view name) {
  STRATA_TRY(const JsonPlace field, place.Field(name));
  STRATA_TRY(const std::vector<JsonPlace> pair, field.Items());
  if (pair.size() != 2) return field.Corrupt("a pair of text and id is expected");
  return TokenIdOf(pair[1]);
}

Status ReadTemplate(const JsonPlace& place, SpecialTokensAround& around) {
  STRATA_TRY(const JsonPlace single, place.Field("single"));
  STRATA_TRY(const std::vector<JsonPlace> items, single.Items());
  STRATA_TRY(const JsonPlace specials, place.Field("special_tokens"));
  bool past_text = false;
  std::vector<TokenId> before;
  for (const JsonPlace& item : items) {
    STRATA_TRY(const JsonPlace sequence, item.Field("Sequence"));
    if (!sequence.is_null()) {
      STRATA_TRY(const std::string name, sequence.StringOr("id", ""));
      if (name != "A" || past_text) return item.Unsupported("only the one sequence A is supported here");
      past_text = true;
      continue;
    }
    STRATA_TRY(const JsonPlace token, item.Field("SpecialToken"));
    STRATA_TRY(const std::string name, token.StringOr("id", ""));
    STRATA_TRY(const JsonPlace special, specials.Field(name));
    if (special.is_null()) return token.Corrupt("names " + name + ", which special_tokens does not have");
    STRATA_TRY(const JsonPlace ids, special.Field("ids"));
    STRATA_TRY(const std::vector<JsonPlace> list, ids.Items());
    for (const JsonPlace& id : list) {
      STRATA_TRY(const TokenId value, TokenIdOf(id));
      (past_text ? around.suffix : before).push_back(value);
    }
  }
  if (!past_text) return single.Unsupported("a template without the sequence A");
  around.prefix.insert(around.prefix.begin(), before.begin(), before.end());
  return {};
}

Status ReadInto(const JsonPlace& place, SpecialTokensAround& around) {
  STRATA_TRY(const std::string type, place.Type());
  if (type == "ByteLevel") return {};  // it only trims offsets
  if (type == "TemplateProcessing") return ReadTemplate(place, around);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    STRATA_TRY(const TokenId cls, PairId(place, "cls"));
    STRATA_TRY(const TokenId sep, PairId(place, "sep"));
    around.prefix.insert(around.prefix.begin(), cls);
    around.suffix.push_back(sep);
    return {};
  }
  if (type == "Sequence") {
    STRATA_TRY(const JsonPlace list, place.Field("processors"));
    STRATA_TRY(const std::vector<JsonPlace> items, list.Items());
    for (const JsonPlace& item : items) STRATA_CHECK(ReadInto(item, around));
    return {};
  }
  return JsonPlace(place.value(), place.pointer() + "/type").Unsupported("post-processor " + type + " is not known");
}

}  // namespace

Result<SpecialTokensAround> ReadPostProcessor(const JsonPlace& place) {
  SpecialTokensAround around;
  if (!place.is_null()) STRATA_CHECK(ReadInto(place, around));
  return around;
}

}  // namespace strata::tokenizer
