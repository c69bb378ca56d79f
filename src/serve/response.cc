#include "serve/response.h"

#include "serve/response_json.h"

namespace strata::serve {

using Json = nlohmann::ordered_json;

Usage& Usage::operator+=(const Usage& other) {
  prompt_tokens += other.prompt_tokens;
  completion_tokens += other.completion_tokens;
  cached_tokens += other.cached_tokens;
  reasoning_tokens += other.reasoning_tokens;
  return *this;
}

Json UsageJson(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
}

Json HeaderJson(const ResponseHeader& header, std::string_view object) {
  return {{"id", header.id},
          {"object", object},
          {"created", header.created},
          {"model", header.model},
          {"system_fingerprint", header.fingerprint}};
}

void AddFinish(Json& choice, const ChoiceDelta& delta) {
  choice["finish_reason"] = delta.finish_reason.empty() ? Json() : Json(delta.finish_reason);
  Json reason;
  if (const auto* token = std::get_if<TokenId>(&delta.stop_reason)) reason = *token;
  if (const auto* text = std::get_if<std::string>(&delta.stop_reason)) reason = *text;
  choice["stop_reason"] = std::move(reason);
}

void AddUsage(Json& json, const UsageField& usage) {
  if (usage.present) json["usage"] = usage.value ? UsageJson(*usage.value) : Json();
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace strata::serve
