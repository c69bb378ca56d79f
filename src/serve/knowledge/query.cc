#include "serve/knowledge/query.h"

#include <utility>
#include <vector>

namespace strata::serve::knowledge {
namespace {

using namespace strata::knowledge;

// A search holds a thread and the candidates' texts: what a request may ask for is bounded.
constexpr std::int64_t kMostHits = 1000, kMostCandidates = 10000, kMostReranked = 1000, kMostVariants = 8;
constexpr std::size_t kMostTurns = 1000, kMostFacets = 32;

/// What a body says, before it is known who asks.
struct Body {
  Query query;
  Json principal;
};

SearchRequest& SearchOf(Body& body) { return body.query.ask.search; }

template <class Value>
Status ReadOneOf(const Json& json, const std::string& path,
                 std::initializer_list<std::pair<std::string_view, Value>> known, Value& value) {
  std::string names;
  for (const auto& [name, one] : known) {
    if (json == name) {
      value = one;
      return {};
    }
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  }
  return BadField(path, "must be one of {}", names);
}

Status ReadFilter(const Json& json, const std::string& path, std::optional<Filter>& filter) {
  Result<Filter> parsed = Filter::Parse(nlohmann::json(json));
  if (!parsed) {
    const Error& error = parsed.error();
    return std::unexpected(Error(error.code(), error.message()).WithParam(path + error.param()));
  }
  filter = std::move(*parsed);
  return {};
}

Status ReadConversation(const Json& json, const std::string& path, std::vector<Writer::Message>& messages) {
  if (!json.is_array()) return BadField(path, "must be an array, not {}", json.type_name());
  if (json.size() > kMostTurns) return BadField(path, "has more than {} messages", kMostTurns);
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string item = fmt::format("{}[{}]", path, i);
    if (!json[i].is_object()) return BadField(item, "must be an object, not {}", json[i].type_name());
    STRATA_CHECK(CheckMembers(json[i], item, {"role", "content"}));
    Writer::Message message;
    STRATA_TRY(message.role, StringMember(json[i], item, "role"));
    STRATA_TRY(message.content, StringMember(json[i], item, "content"));
    if (message.role != "user" && message.role != "assistant") {
      return BadField(item + ".role", "must be user or assistant");
    }
    messages.push_back(std::move(message));
  }
  return {};
}

Status ReadFacets(const Json& json, const std::string& path, std::vector<std::string>& facets) {
  if (!json.is_array()) return BadField(path, "must be an array, not {}", json.type_name());
  if (json.size() > kMostFacets) return BadField(path, "has more than {} fields", kMostFacets);
  for (std::size_t i = 0; i < json.size(); ++i) {
    STRATA_CHECK(ReadString(json[i], fmt::format("{}[{}]", path, i), facets.emplace_back()));
  }
  return {};
}

Field<Body> LegsField() {
  return {"legs", [](const Json& v, const std::string& path, Body& b) {
            return ReadOneOf<SearchLegs>(
                v, path,
                {{"both", SearchLegs::kBoth}, {"lexical", SearchLegs::kLexical}, {"vectors", SearchLegs::kVectors}},
                SearchOf(b).legs);
          }};
}

Field<Body> FusionField() {
  return {"fusion", [](const Json& v, const std::string& path, Body& b) {
            return ReadOneOf<FusionMethod>(
                v, path, {{"convex", FusionMethod::kConvex}, {"reciprocal_rank", FusionMethod::kReciprocalRank}},
                SearchOf(b).fusion);
          }};
}

/// How is searched, whatever is made of the hits.
std::vector<Field<Body>> SearchFields() {
  return {{"filter",
           [](const Json& v, const std::string& path, Body& b) { return ReadFilter(v, path, SearchOf(b).filter); }},
          IntegerField<Body>("limit", 1, kMostHits, [](Body& b) -> auto& { return SearchOf(b).limit; }),
          LegsField(),
          FusionField(),
          {"alpha", [](const Json& v, const std::string& path,
                       Body& b) { return ReadReal(v, path, 0, 1, SearchOf(b).alpha.emplace()); }},
          IntegerField<Body>("candidates", 1, kMostCandidates, [](Body& b) -> auto& { return SearchOf(b).candidates; }),
          IntegerField<Body>("rerank", 0, kMostReranked, [](Body& b) -> auto& { return SearchOf(b).rerank; }),
          {"diversity_lambda", [](const Json& v, const std::string& path,
                                  Body& b) { return ReadReal(v, path, 0, 1, SearchOf(b).diversity_lambda.emplace()); }},
          IntegerField<Body>("variants", 0, kMostVariants, [](Body& b) -> auto& { return SearchOf(b).variants; }),
          BoolField<Body>("hyde", [](Body& b) -> bool& { return SearchOf(b).hyde; }),
          {"principal", [](const Json& v, const std::string&, Body& b) -> Status {
             b.principal = v;
             return {};
           }}};
}

/// What the messages of a chat say in the place of.
std::vector<Field<Body>> QuestionFields() {
  return {
      {"query", [](const Json& v, const std::string& path, Body& b) { return ReadString(v, path, SearchOf(b).query); }},
      {"conversation", [](const Json& v, const std::string& path, Body& b) {
         return ReadConversation(v, path, SearchOf(b).conversation);
       }}};
}

/// How is answered.
std::vector<Field<Body>> AnswerFields() {
  return {
      IntegerField<Body>("source_tokens", 64, 1'000'000, [](Body& b) -> auto& { return b.query.ask.source_tokens; }),
      IntegerField<Body>("neighbours", 0, 16, [](Body& b) -> auto& { return b.query.ask.neighbours; }),
      BoolField<Body>("require_support", [](Body& b) -> bool& { return b.query.ask.require_support; })};
}

std::vector<Field<Body>> Joined(std::initializer_list<std::vector<Field<Body>>> tables) {
  std::vector<Field<Body>> all;
  for (const std::vector<Field<Body>>& table : tables) all.insert(all.end(), table.begin(), table.end());
  return all;
}

std::expected<Query, ApiError> Finish(Body body, const Asker& asker, const std::string& path) {
  auto principal = ActingAs(asker.principal, body.principal, path);
  if (!principal) return std::unexpected(std::move(principal.error()));
  SearchOf(body).principal = std::move(*principal);
  body.query.tenant = asker.tenant;
  return std::move(body.query);
}

std::expected<Query, ApiError> Read(const Json& fields, const std::vector<Field<Body>>& table, const Asker& asker,
                                    const std::string& base) {
  Body body;
  body.query.base = base;
  if (const Status read = ReadFields(fields, table, body); !read) return std::unexpected(ToApiError(read.error()));
  return Finish(std::move(body), asker, "principal");
}

}  // namespace

std::expected<Query, ApiError> ReadSearchQuery(const Json& fields, const Asker& asker, const std::string& base) {
  static const std::vector<Field<Body>> table =
      Joined({QuestionFields(), SearchFields(), {{"facets", [](const Json& v, const std::string& path, Body& b) {
                                                    return ReadFacets(v, path, SearchOf(b).facets);
                                                  }}}});
  return Read(fields, table, asker, base);
}

std::expected<Query, ApiError> ReadAnswerQuery(const Json& fields, const Asker& asker, const std::string& base) {
  static const std::vector<Field<Body>> table =
      Joined({QuestionFields(),
              SearchFields(),
              AnswerFields(),
              {IntegerField<Body>("max_tokens", 1, 1'000'000, [](Body& b) -> auto& { return b.query.ask.max_tokens; }),
               RealField<Body>("temperature", 0, 2, [](Body& b) -> double& { return b.query.ask.temperature; }),
               BoolField<Body>("stream", [](Body& b) -> bool& { return b.query.stream; })}});
  return Read(fields, table, asker, base);
}

std::expected<Query, ApiError> ReadChatKnowledge(const Json& knowledge, const Asker& asker) {
  static const std::vector<Field<Body>> table = Joined(
      {{{"base", [](const Json& v, const std::string& path, Body& b) { return ReadString(v, path, b.query.base); }}},
       SearchFields(),
       AnswerFields()});
  const std::string prefix = "knowledge.";
  Body body;
  if (const Status read = ReadFields(knowledge, table, body, prefix); !read) {
    return std::unexpected(ToApiError(read.error()));
  }
  if (body.query.base.empty()) return std::unexpected(ToApiError(BadField(prefix + "base", "is missing").error()));
  return Finish(std::move(body), asker, prefix + "principal");
}

}  // namespace strata::serve::knowledge
