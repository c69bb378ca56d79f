#include "serve/logprobs_json.h"
#include "serve/response_json.h"

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kObject = "text_completion";  // of chunks as well

Json ChoiceJson(const ResponseHeader& header, const ChoiceDelta& delta, std::int64_t& text_offset) {
  Json choice = {{"index", delta.index}, {"text", delta.text}, {"logprobs", nullptr}};
  if (header.logprobs) choice["logprobs"] = CompletionLogprobs(header, delta.logged, text_offset);
  AddFinish(choice, delta);
  if (header.return_token_ids) {
    choice["token_ids"] = delta.tokens;
    if (delta.first_of) choice["prompt_token_ids"] = delta.first_of->tokens;
  }
  if (header.prompt_logprobs) choice["prompt_logprobs"] = PromptLogprobs(header, delta.prompt_logged);
  return choice;
}

}  // namespace

std::string CompletionChunk(const ResponseHeader& header, const ChoiceDelta& delta, std::int64_t& text_offset,
                            const UsageField& usage) {
  Json json = HeaderJson(header, kObject);
  json["choices"] = Json::array({ChoiceJson(header, delta, text_offset)});
  AddUsage(json, usage);
  return Dump(json);
}

std::string CompletionUsageChunk(const ResponseHeader& header, const Usage& usage) {
  Json json = HeaderJson(header, kObject);
  json["choices"] = Json::array();
  AddUsage(json, {.present = true, .value = usage});
  return Dump(json);
}

std::string CompletionResponse(const ResponseHeader& header, std::span<const ChoiceDelta> choices, const Usage& usage) {
  Json json = HeaderJson(header, kObject);
  Json list = Json::array();
  for (const ChoiceDelta& one : choices) {
    std::int64_t text_offset = 0;
    list.push_back(ChoiceJson(header, one, text_offset));
  }
  json["choices"] = std::move(list);
  json["usage"] = UsageJson(usage);
  return Dump(json);
}

}  // namespace strata::serve
