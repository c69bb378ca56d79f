#include "formats/chat_format.h"

#include <optional>
#include <string_view>
#include <utility>

namespace strata {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kProbe = "strata_probe";

/// SmolLM3's template has a name of its own for tools.
void NameTools(const ChatTemplate& chat_template, Json& variables) {
  if (chat_template.Mentions("xml_tools") && !variables.contains("xml_tools")) {
    variables["xml_tools"] = variables["tools"];
  }
}

Result<std::string> Probe(const ChatTemplate& chat_template, const Json& messages, const Json& tools) {
  Json variables = {{"messages", messages}, {"tools", tools},  {"documents", nullptr},
                    {"bos_token", ""},      {"eos_token", ""}, {"add_generation_prompt", true}};
  NameTools(chat_template, variables);
  return chat_template.Render(variables, 0);
}

bool TakesParts(const ChatTemplate& chat_template) {
  const Json part = {{"type", "text"}, {"text", kProbe}};
  const Result<std::string> text =
      Probe(chat_template, Json::array({{{"role", "user"}, {"content", Json::array({part})}}}), nullptr);
  // A template for strings that prints the array shows its quotes.
  return text && text->contains(kProbe) && !text->contains(fmt::format("'{}'", kProbe)) &&
         !text->contains(fmt::format("\"{}\"", kProbe));
}

}  // namespace

ChatFormat ProbeTemplate(std::shared_ptr<const ChatTemplate> chat_template) {
  ChatFormat format{.chat_template = std::move(chat_template)};
  format.takes_parts = TakesParts(*format.chat_template);
  const Json ask = {{"role", "user"}, {"content", "a"}};
  const auto system =
      Probe(*format.chat_template, Json::array({{{"role", "system"}, {"content", kProbe}}, ask}), nullptr);
  format.takes_system = system && system->contains(kProbe);
  const Json tool = {
      {"type", "function"},
      {"function",
       {{"name", kProbe},
        {"description", "b"},
        {"parameters", {{"type", "object"}, {"properties", Json::object()}, {"required", Json::array()}}}}}};
  const auto conversation = [&](const Json& arguments) {
    const Json call = {{"id", "abcdefghi"},  // Mistral's templates take ids of nine only
                       {"type", "function"},
                       {"function", {{"name", kProbe}, {"arguments", arguments}}}};
    return Json::array({ask, {{"role", "assistant"}, {"content", ""}, {"tool_calls", Json::array({call})}}});
  };
  // A template that objects to the probe knows the matter.
  const auto tools = Probe(*format.chat_template, Json::array({ask}), Json::array({tool}));
  format.shows_tools = !tools || tools->contains(kProbe);
  const auto calls = Probe(*format.chat_template, conversation(Json::object()), nullptr);
  format.shows_calls = !calls || calls->contains(kProbe);
  format.arguments_as_text = !calls && Probe(*format.chat_template, conversation("{}"), nullptr).has_value();
  return format;
}

Result<std::string> RenderPrompt(const ChatTemplate& chat_template, Json variables, const Tokenizer& tokenizer,
                                 std::int64_t now_unix_seconds) {
  for (const char* optional : {"tools", "documents"}) {
    if (!variables.contains(optional)) variables[optional] = nullptr;
  }
  NameTools(chat_template, variables);
  const auto text_of = [&](std::optional<TokenId> id) {
    return id ? std::string(tokenizer.TokenText(*id)) : std::string();
  };
  variables["bos_token"] = text_of(tokenizer.bos());
  variables["eos_token"] = text_of(tokenizer.eos());
  return chat_template.Render(variables, now_unix_seconds);
}

}  // namespace strata
