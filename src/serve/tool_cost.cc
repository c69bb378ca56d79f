#include "serve/tool_cost.h"

#include <memory>

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;

/// A tool that costs little, so that the one measured is not the first.
Json OtherTool() {
  return {{"type", "function"},
          {"function", {{"name", "a"}, {"parameters", {{"type", "object"}, {"properties", Json::object()}}}}}};
}

}  // namespace

Result<std::int64_t> PromptTokensWith(const ToolPrompting& prompting, const Json& tools) {
  ChatInput input;
  input.variables = std::make_shared<Json>(Json{{"messages", Json::array({{{"role", "user"}, {"content", "a"}}})}});
  if (!tools.empty()) (*input.variables)["tools"] = tools;
  STRATA_TRY(const std::string prompt, RenderChat(prompting.chat, prompting.dialect, input, prompting.tokenizer, 0));
  return static_cast<std::int64_t>(
      prompting.tokenizer.Encode(prompt, {.add_special_tokens = false, .parse_special = true}).size());
}

Result<std::int64_t> ToolCosts::Of(const Json& tool) {
  if (without_ < 0) {
    STRATA_TRY(without_, PromptTokensWith(prompting_, Json::array({OtherTool()})));
  }
  STRATA_TRY(const std::int64_t with, PromptTokensWith(prompting_, Json::array({OtherTool(), tool})));
  return with - without_;
}

Result<std::int64_t> ToolCosts::OfAll(const Json& tools) const {
  STRATA_TRY(const std::int64_t without, PromptTokensWith(prompting_, Json::array()));
  STRATA_TRY(const std::int64_t with, PromptTokensWith(prompting_, tools));
  return with - without;
}

}  // namespace strata::serve
