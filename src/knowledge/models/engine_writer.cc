#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "engine/generate.h"
#include "formats/chat_format.h"
#include "formats/special_text.h"
#include "knowledge/models/engine_models.h"

namespace strata::knowledge {
namespace {

using Json = nlohmann::ordered_json;

class EngineWriter final : public Writer {
 public:
  explicit EngineWriter(LoadedWriter model)
      : model_(std::move(model)), format_(ProbeTemplate(model_.chat_template)), specials_(*model_.tokenizer) {}

  Result<std::string> Write(std::span<const Message> messages, const Options& options) override {
    STRATA_TRY(std::vector<TokenId> prompt, Encode(messages));
    EngineRequest request;
    const auto prompt_tokens = static_cast<std::int64_t>(prompt.size());
    request.prompt = std::move(prompt);
    request.tenant = model_.tenant;
    request.sampling.temperature = options.temperature;
    request.sampling.max_tokens = options.max_tokens;
    if (!options.json_schema.empty()) {
      if (!model_.grammar_of) return Fail(ErrorCode::kUnsupported, "this model is not asked for JSON of a schema");
      STRATA_TRY(request.grammar, model_.grammar_of(options.json_schema));
    }
    std::string text;
    STRATA_TRY(const GeneratedTokens generated,
               GenerateText(*model_.engine, std::move(request), [&](std::string_view more) {
                 text += more;
                 return !options.on_text || options.on_text(more);
               }));
    if (model_.on_written) {
      model_.on_written({.prompt = prompt_tokens, .written = generated.count, .cached = generated.cached});
    }
    return text;
  }

  std::int64_t CountTokens(std::string_view text) const override {
    return static_cast<std::int64_t>(
        model_.tokenizer->Encode(text, {.add_special_tokens = false, .parse_special = false}).size());
  }
  std::int64_t max_context() const override { return model_.engine->max_context(); }

 private:
  Result<std::vector<TokenId>> Encode(std::span<const Message> messages) const {
    Json list = Json::array();
    std::string system;
    for (const Message& message : messages) {
      if (message.role == "system" && !format_.takes_system) {
        system += message.content + "\n\n";
        continue;
      }
      const bool carries = message.role == "user" && !system.empty();
      Json content = carries ? std::exchange(system, {}) + message.content : message.content;
      specials_.Hide(content);
      list.push_back({{"role", message.role}, {"content", std::move(content)}});
    }
    // Thoughts are no answer: templates that know the switch leave them out.
    Json variables = {{"messages", std::move(list)}, {"add_generation_prompt", true}, {"enable_thinking", false}};
    STRATA_TRY(std::string prompt,
               RenderPrompt(*model_.chat_template, std::move(variables), *model_.tokenizer, UnixSeconds()),
               "in the chat template");
    return specials_.Encode(prompt, false);
  }

  LoadedWriter model_;
  ChatFormat format_;
  SpecialTexts specials_;
};

}  // namespace

Result<std::unique_ptr<Writer>> MakeWriter(LoadedWriter model) {
  if (model.chat_template == nullptr) {
    return Fail(ErrorCode::kUnsupported, "the model has no chat template: it cannot be asked for answers");
  }
  return std::make_unique<EngineWriter>(std::move(model));
}

}  // namespace strata::knowledge
