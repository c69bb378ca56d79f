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

/// An item of a template: one of the texts, or a special token, which may stand for several.
struct Item {
  std::string sequence;  ///< "A", "B"; "" = special tokens
  std::vector<TokenId> ids;
  std::int32_t type = 0;
};

Result<Item> ReadItem(const JsonPlace& place, const JsonPlace& specials) {
  Item item;
  STRATA_TRY(const JsonPlace sequence, place.Field("Sequence"));
  STRATA_TRY(const JsonPlace token, place.Field("SpecialToken"));
  const JsonPlace& inner = sequence.is_null() ? token : sequence;
  STRATA_TRY(const std::string name, inner.StringOr("id", ""));
  STRATA_TRY(const JsonPlace type, inner.Field("type_id"));
  if (!type.is_null()) {
    STRATA_TRY(item.type, TokenIdOf(type));
  }
  if (!sequence.is_null()) {
    item.sequence = name;
    return item;
  }
  STRATA_TRY(const JsonPlace special, specials.Field(name));
  if (special.is_null()) return token.Corrupt("names " + name + ", which special_tokens does not have");
  STRATA_TRY(const JsonPlace ids, special.Field("ids"));
  STRATA_TRY(const std::vector<JsonPlace> list, ids.Items());
  for (const JsonPlace& id : list) {
    STRATA_TRY(const TokenId value, TokenIdOf(id));
    item.ids.push_back(value);
  }
  return item;
}

Result<std::vector<Item>> ReadItems(const JsonPlace& list, const JsonPlace& specials) {
  STRATA_TRY(const std::vector<JsonPlace> places, list.Items());
  std::vector<Item> items;
  for (const JsonPlace& place : places) {
    STRATA_TRY(Item item, ReadItem(place, specials));
    items.push_back(std::move(item));
  }
  return items;
}

Status ReadSingle(const JsonPlace& single, const JsonPlace& specials, SpecialTokensAround& around) {
  STRATA_TRY(const std::vector<Item> items, ReadItems(single, specials));
  bool past_text = false;
  std::vector<TokenId> before;
  for (const Item& item : items) {
    if (!item.sequence.empty()) {
      if (item.sequence != "A" || past_text) return single.Unsupported("only the one sequence A is supported here");
      past_text = true;
      continue;
    }
    auto& to = past_text ? around.suffix : before;
    to.insert(to.end(), item.ids.begin(), item.ids.end());
  }
  if (!past_text) return single.Unsupported("a template without the sequence A");
  around.prefix.insert(around.prefix.begin(), before.begin(), before.end());
  return {};
}

/// Nothing where the template is none of A and then B.
Result<std::optional<PairTemplate>> ReadPair(const JsonPlace& place, const JsonPlace& specials) {
  STRATA_TRY(const std::vector<Item> items, ReadItems(place, specials));
  PairTemplate pair;
  int texts = 0;
  for (const Item& item : items) {
    if (item.sequence.empty()) {
      auto& to = texts == 0 ? pair.before : texts == 1 ? pair.between : pair.after;
      for (const TokenId id : item.ids) to.push_back({id, item.type});
      continue;
    }
    if (item.sequence != (texts == 0 ? "A" : "B")) return std::optional<PairTemplate>();
    (texts++ == 0 ? pair.first_type : pair.second_type) = item.type;
  }
  return texts == 2 ? std::optional(std::move(pair)) : std::nullopt;
}

Status ReadTemplate(const JsonPlace& place, SpecialTokensAround& around) {
  STRATA_TRY(const JsonPlace specials, place.Field("special_tokens"));
  STRATA_TRY(const JsonPlace single, place.Field("single"));
  STRATA_CHECK(ReadSingle(single, specials, around));
  STRATA_TRY(const JsonPlace pair, place.Field("pair"));
  if (pair.is_null()) return {};
  STRATA_TRY(around.pair, ReadPair(pair, specials));
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
    around.pair = {.before = {{cls, 0}}, .between = {{sep, 0}}, .after = {{sep, 0}}};
    if (type == "BertProcessing") {
      around.pair->second_type = around.pair->after.front().type = 1;
    } else {
      around.pair->between.push_back({sep, 0});
    }
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

std::vector<TokenId> SpecialTokensAround::Ids() const {
  std::vector<TokenId> ids = prefix;
  ids.insert(ids.end(), suffix.begin(), suffix.end());
  if (!pair) return ids;
  for (const auto* part : {&pair->before, &pair->between, &pair->after}) {
    for (const PairTemplate::Special& special : *part) ids.push_back(special.id);
  }
  return ids;
}

Result<SpecialTokensAround> ReadPostProcessor(const JsonPlace& place) {
  SpecialTokensAround around;
  if (!place.is_null()) STRATA_CHECK(ReadInto(place, around));
  return around;
}

}  // namespace strata::tokenizer
