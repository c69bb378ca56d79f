#include "serve/pooling/request.h"

#include "serve/field_table.h"
#include "serve/request_fields.h"

namespace strata::serve::pooling {
namespace {

constexpr std::size_t kMaxInputs = 2048;  // OpenAI's limit
constexpr std::size_t kMaxTexts = 10000;  // Cohere's, of documents

Status ReadTruncation(const Json& value, const std::string& path, std::optional<std::int64_t>& out) {
  std::int64_t number = 0;
  STRATA_CHECK(ReadInteger(value, path, -1, INT32_MAX, number));
  if (number == 0) return BadField(path, "must be at least 1, or -1 for what fits");
  out = number;
  return {};
}

template <class R>
std::vector<Field<R>> CommonTable() {
  std::vector<Field<R>> t;
  t.push_back(
      {"model", [](const Json& v, const std::string& path, R& r) { return ReadString(v, path, r.common.model); }});
  t.push_back({"truncate_prompt_tokens", [](const Json& v, const std::string& path, R& r) {
                 return ReadTruncation(v, path, r.common.truncate_prompt_tokens);
               }});
  t.push_back(AcceptedField<R>("user", JsonType::kString));
  t.push_back(AcceptedField<R>("request_id", JsonType::kString));
  t.push_back(RefusedField<R>("priority", {"0"}));
  return t;
}

Status ReadFormat(const Json& value, const std::string& path, EmbeddingRequest& r) {
  std::string name;
  STRATA_CHECK(ReadString(value, path, name));
  if (name != "float" && name != "base64") return BadField(path, "must be \"float\" or \"base64\"");
  r.base64 = name == "base64";
  return {};
}

/// A text, or {"text": ...}, as Cohere and Jina have documents.
Status ReadText(const Json& value, const std::string& path, std::string& out) {
  if (!value.is_object()) return ReadString(value, path, out);
  STRATA_CHECK(CheckMembers(value, path, {"text"}));
  STRATA_TRY(out, StringMember(value, path, "text"));
  return {};
}

Status ReadTexts(const Json& value, const std::string& path, std::vector<std::string>& out) {
  if (!value.is_array()) return BadField(path, "must be an array, not {}", value.type_name());
  if (value.empty()) return BadField(path, "must not be empty");
  if (value.size() > kMaxTexts) return BadField(path, "must not have more than {} texts", kMaxTexts);
  out.resize(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    STRATA_CHECK(ReadText(value[i], fmt::format("{}[{}]", path, i), out[i]));
  }
  return {};
}

Status ReadTextOrTexts(const Json& value, const std::string& path, std::vector<std::string>& out) {
  if (!out.empty()) return BadField(path, "says again what another field says");
  if (value.is_array()) return ReadTexts(value, path, out);
  return ReadText(value, path, out.emplace_back());
}

Status Require(const Json& json, std::string_view name) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) return BadField(std::string(name), "is missing");
  return {};
}

}  // namespace

Result<EmbeddingRequest> ParseEmbeddingRequest(std::string_view body) {
  using R = EmbeddingRequest;
  static const std::vector<Field<R>> table = [] {
    std::vector<Field<R>> t = CommonTable<R>();
    t.push_back({"input", [](const Json& v, const std::string& path, R& r) {
                   return ReadPromptInputs(v, path, kMaxInputs, r.inputs);
                 }});
    t.push_back({"encoding_format", ReadFormat});
    t.push_back(IntegerField<R>("dimensions", 1, INT32_MAX, [](R& r) -> auto& { return r.dimensions; }));
    t.push_back({"normalize", [](const Json& v, const std::string& path, R& r) {
                   return ReadBool(v, path, r.normalize.emplace());
                 }});
    t.push_back(BoolField<R>("add_special_tokens", [](R& r) -> bool& { return r.add_special_tokens; }));
    t.push_back({"prompt_name", [](const Json& v, const std::string& path, R& r) {
                   return ReadString(v, path, r.prompt_name.emplace());
                 }});
    return t;
  }();
  STRATA_TRY(const Json json, ParseJsonObject(body));
  R request;
  STRATA_CHECK(ReadFields(json, table, request));
  STRATA_CHECK(Require(json, "input"));
  return request;
}

Result<RerankRequest> ParseRerankRequest(std::string_view body) {
  using R = RerankRequest;
  static const std::vector<Field<R>> table = [] {
    std::vector<Field<R>> t = CommonTable<R>();
    t.push_back({"query", [](const Json& v, const std::string& path, R& r) { return ReadText(v, path, r.query); }});
    t.push_back(
        {"documents", [](const Json& v, const std::string& path, R& r) { return ReadTexts(v, path, r.documents); }});
    t.push_back(IntegerField<R>("top_n", 0, INT32_MAX, [](R& r) -> auto& { return r.top_n; }));
    t.push_back(BoolField<R>("return_documents", [](R& r) -> bool& { return r.return_documents; }));
    return t;
  }();
  STRATA_TRY(const Json json, ParseJsonObject(body));
  R request;
  STRATA_CHECK(ReadFields(json, table, request));
  STRATA_CHECK(Require(json, "query"));
  STRATA_CHECK(Require(json, "documents"));
  // vLLM's default: all of them.
  if (request.top_n == 0) request.top_n.reset();
  return request;
}

Result<ScoreRequest> ParseScoreRequest(std::string_view body) {
  using R = ScoreRequest;
  static const std::vector<Field<R>> table = [] {
    std::vector<Field<R>> t = CommonTable<R>();
    for (const char* name : {"text_1", "queries"}) {
      t.push_back(
          {name, [](const Json& v, const std::string& path, R& r) { return ReadTextOrTexts(v, path, r.first); }});
    }
    for (const char* name : {"text_2", "documents"}) {
      t.push_back(
          {name, [](const Json& v, const std::string& path, R& r) { return ReadTextOrTexts(v, path, r.second); }});
    }
    return t;
  }();
  STRATA_TRY(const Json json, ParseJsonObject(body));
  R request;
  STRATA_CHECK(ReadFields(json, table, request));
  if (request.first.empty()) return BadField("text_1", "is missing (or queries)");
  if (request.second.empty()) return BadField("text_2", "is missing (or documents)");
  if (request.first.size() > 1 && request.first.size() != request.second.size()) {
    return BadField("text_1", "{} texts against {}: there must be one, or as many", request.first.size(),
                    request.second.size());
  }
  return request;
}

}  // namespace strata::serve::pooling
