// Which family a template is of, that its own rendering of a call is read back, and that what a family writes is what
// its constraint allows.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <regex>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "formats/chat_template.h"
#include "grammar/grammar.h"
#include "grammar/test_tokenizer.h"
#include "grammar/vocabulary.h"
#include "serve/chat_prompt.h"
#include "serve/test_model.h"
#include "serve/tools/test_parse.h"

namespace strata::serve::tools {
namespace {

using Json = nlohmann::ordered_json;
using grammar::Format;

// ---- Detection -----------------------------------------------------------------------------------------------------

TEST(Detection, NamesAreKnown) {
  for (const Dialect& dialect : Dialects()) EXPECT_EQ(FindDialect(dialect.name())->name(), dialect.name());
  EXPECT_EQ(FindDialect("no such"), nullptr);
  EXPECT_EQ(FindReasoning("no such"), nullptr);
  EXPECT_EQ(DetectDialect("").name(), "generic");
}

TEST(Detection, ReasoningIsOpenWhereThePromptEndsInIt) {
  const ReasoningFormat& think = *DetectReasoning("... '</think>' ...");
  EXPECT_TRUE(PromptOpensReasoning(think, "<|assistant|><think>\n"));
  EXPECT_FALSE(PromptOpensReasoning(think, "<|assistant|><think>\n\n</think>\n\n"));
  EXPECT_FALSE(PromptOpensReasoning(*FindReasoning("harmony"), "<|start|>assistant"));
  EXPECT_EQ(DetectReasoning("no such thing"), nullptr);
}

/// Templates of publishers, by their names in the test data.
struct Published {
  std::string file;
  std::string dialect;
};
void PrintTo(const Published& one, std::ostream* out) { *out << one.file; }

class Templates : public testing::TestWithParam<Published> {
 protected:
  void SetUp() override {
    const char* data = std::getenv("STRATA_TEST_DATA");
    if (data == nullptr) GTEST_SKIP() << "STRATA_TEST_DATA is not set";
    const auto text = ReadFile(std::string(data) + "/" + GetParam().file);
    ASSERT_TRUE(text) << text.error().ToString();
    source_ = *text;
  }
  std::string source_;
};

TEST_P(Templates, AreKnownAndReadBack) {
  const Dialect& dialect = DetectDialect(source_);
  EXPECT_EQ(dialect.name(), GetParam().dialect);
  auto parsed = ChatTemplate::Parse(source_);
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  const ChatFormat format = ProbeTemplate(std::make_shared<const ChatTemplate>(std::move(*parsed)));
  const auto tokenizer = TestTokenizer();
  const std::string arguments = R"({"city":"Sao \"P\" é","days":3,"flag":true,"list":["a","b"]})";
  const Json schema = Json::parse(R"({"type":"object","properties":{"city":{"type":"string","description":"c"},
      "days":{"type":"integer","description":"d"},"flag":{"type":"boolean","description":"f"},
      "list":{"type":"array","description":"l","items":{"type":"string"}}},"required":["city"]})");
  const Json call = {
      {"id", "abcdefghi"}, {"type", "function"}, {"function", {{"name", "get_weather"}, {"arguments", arguments}}}};
  const Json tool = {{"type", "function"},
                     {"function", {{"name", "get_weather"}, {"description", "w"}, {"parameters", schema}}}};
  ChatInput input{.variables = std::make_shared<Json>(), .add_generation_prompt = false};
  (*input.variables)["tools"] = Json::array({tool});
  Json& messages = (*input.variables)["messages"] = Json::array({{{"role", "user"}, {"content", "q"}}});
  const auto asked = RenderChat(format, dialect, input, *tokenizer, 0);
  ASSERT_TRUE(asked) << asked.error().ToString();
  messages.push_back({{"role", "assistant"}, {"content", ""}, {"tool_calls", Json::array({call})}});
  const auto called = RenderChat(format, dialect, input, *tokenizer, 0);
  ASSERT_TRUE(called) << called.error().ToString();

  const auto answer = std::mismatch(asked->begin(), asked->end(), called->begin(), called->end()).second;
  const Tools tools = std::make_shared<const ToolSet>(std::vector<Tool>{{.name = "get_weather", .parameters = schema}});
  const OutputDelta out =
      ParseAll(dialect, tools, std::string(answer, called->end()), {.reasoning = DetectReasoning(source_)});
  ASSERT_EQ(out.calls.size(), 1U) << *called;
  EXPECT_EQ(out.calls[0].name, "get_weather");
  // Some templates sort the arguments.
  EXPECT_EQ(nlohmann::json::parse(out.calls[0].arguments, nullptr, false), nlohmann::json::parse(arguments)) << *called;
}

const std::string kLlamaCpp = "llama.cpp-models/templates/", kTrl = "chat-templates/trl-1.16.0/",
                  kAxolotl = "chat-templates/axolotl-0.19.0/";
INSTANTIATE_TEST_SUITE_P(
    Published, Templates,
    testing::Values(
        Published{kLlamaCpp + "Qwen-Qwen2.5-7B-Instruct.jinja", "hermes"},
        Published{kLlamaCpp + "Qwen-Qwen3-0.6B.jinja", "hermes"}, Published{kLlamaCpp + "Qwen-QwQ-32B.jinja", "hermes"},
        Published{kLlamaCpp + "ibm-granite-granite-4.0.jinja", "hermes"},
        Published{kLlamaCpp + "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", "hermes"},
        Published{kLlamaCpp + "NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja", "hermes"},
        Published{kAxolotl + "exaone4.jinja", "hermes"}, Published{kLlamaCpp + "Qwen3-Coder.jinja", "qwen3_coder"},
        Published{kLlamaCpp + "Qwen3.5-4B.jinja", "qwen3_coder"},
        Published{kLlamaCpp + "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16.jinja", "qwen3_coder"},
        Published{kLlamaCpp + "StepFun3.5-Flash.jinja", "qwen3_coder"},
        Published{kLlamaCpp + "ByteDance-Seed-OSS.jinja", "seed_oss"},
        Published{kLlamaCpp + "meta-llama-Llama-3.1-8B-Instruct.jinja", "llama3_json"},
        Published{kLlamaCpp + "meta-llama-Llama-3.2-3B-Instruct.jinja", "llama3_json"},
        Published{kLlamaCpp + "mistralai-Mistral-Nemo-Instruct-2407.jinja", "mistral"},
        Published{kLlamaCpp + "Mistral-Small-3.2-24B-Instruct-2506.jinja", "mistral_v11"},
        Published{kLlamaCpp + "mistralai-Ministral-3-14B-Reasoning-2512.jinja", "mistral_v11"},
        Published{kTrl + "deepseekv3.jinja", "deepseek_v3"},
        Published{kLlamaCpp + "deepseek-ai-DeepSeek-V3.1.jinja", "deepseek_v3_1"},
        Published{kLlamaCpp + "deepseek-ai-DeepSeek-V3.2.jinja", "deepseek_v3_2"},
        Published{kLlamaCpp + "deepseek-ai-DeepSeek-V4.jinja", "deepseek_v4"},
        Published{kLlamaCpp + "GLM-4.6.jinja", "glm45"}, Published{kLlamaCpp + "GLM-4.7-Flash.jinja", "glm45"},
        Published{kLlamaCpp + "moonshotai-Kimi-K2.jinja", "kimi_k2"},
        Published{kLlamaCpp + "HuggingFaceTB-SmolLM3-3B.jinja", "hermes"},
        Published{kLlamaCpp + "ibm-granite-granite-3.3-2B-Instruct.jinja", "granite"},
        Published{kLlamaCpp + "NVIDIA-Nemotron-Nano-v2.jinja", "nemotron_json"},
        Published{kLlamaCpp + "google-gemma-2-2b-it.jinja", "generic"},
        Published{kLlamaCpp + "MiniMax-M2.jinja", "minimax_m2"},
        Published{kLlamaCpp + "MiniMax-M1.jinja", "minimax_m1"},
        Published{kLlamaCpp + "openai-gpt-oss-120b.jinja", "harmony"}, Published{kTrl + "gptoss.jinja", "harmony"},
        Published{kLlamaCpp + "google-gemma-4-31B-it.jinja", "gemma4"}, Published{kTrl + "gemma4_v5.jinja", "gemma4"},
        Published{kLlamaCpp + "Kimi-K3.jinja", "kimi_k3"},
        Published{kLlamaCpp + "CohereForAI-c4ai-command-r7b-12-2024-tool_use.jinja", "command"},
        Published{kLlamaCpp + "Cohere2MoE.jinja", "command"},
        Published{kAxolotl + "command_a_tool_use.jinja", "command"},
        Published{kLlamaCpp + "meetkai-functionary-medium-v3.1.jinja", "functionary_v3_1"},
        Published{kLlamaCpp + "meetkai-functionary-medium-v3.2.jinja", "functionary_v3_2"},
        Published{kLlamaCpp + "LFM2.5-8B-A1B.jinja", "lfm2"},
        Published{kLlamaCpp + "Apriel-1.6-15b-Thinker-fixed.jinja", "apriel"}));

// ---- Constraints ---------------------------------------------------------------------------------------------------

/// Where a text of a format that begins at `at` may end, by trying everything: an oracle for small texts.
class Oracle {
 public:
  explicit Oracle(std::string_view text) : text_(text) {}

  bool Accepts(const Format& format) const { return Ends(format, 0).contains(text_.size()); }

 private:
  using Places = std::set<std::size_t>;

  Places Ends(const Format& format, std::size_t at) const {
    return std::visit([&](const auto& one) { return EndsOf(one, at); }, format.value);
  }

  Places EndsOf(const grammar::TextFormat& format, std::size_t at) const {
    return text_.substr(at).starts_with(format.text) ? Places{at + format.text.size()} : Places{};
  }
  Places EndsOf(const grammar::FreeFormat& format, std::size_t at) const { return Free(format.excludes, at); }
  Places EndsOf(const grammar::JsonFormat& format, std::size_t at) const {
    Places ends;
    for (std::size_t end = at + 1; end <= text_.size(); ++end) {
      const Json value = Json::parse(text_.substr(at, end - at), nullptr, false);
      if (value.is_discarded()) continue;
      if (TypesOf(format.schema, format.schema).has(TypesOf({{"const", value}}, {}).bits)) ends.insert(end);
    }
    return ends;
  }
  Places EndsOf(const grammar::PatternFormat& format, std::size_t at) const {
    Places ends;
    for (std::size_t end = at; end <= std::min(text_.size(), at + 8); ++end) {
      const std::string part(text_.substr(at, end - at));
      if (std::regex_match(part, std::regex(format.pattern))) ends.insert(end);
    }
    return ends;
  }
  Places EndsOf(const grammar::SequenceFormat& format, std::size_t at) const {
    Places places = {at};
    for (const Format& part : format.parts) {
      Places next;
      for (const std::size_t place : places) next.merge(Ends(part, place));
      places = std::move(next);
    }
    return places;
  }
  Places EndsOf(const grammar::ChoiceFormat& format, std::size_t at) const {
    Places ends;
    for (const Format& one : format.alternatives) ends.merge(Ends(one, at));
    return ends;
  }
  Places EndsOf(const grammar::RepeatFormat& format, std::size_t at) const {
    Places all = format.min == 0 ? Places{at} : Places{};
    Places places = {at};
    for (std::uint32_t count = 1; count <= format.max && !places.empty() && count < 20; ++count) {
      Places next;
      for (std::size_t place : places) {
        if (count > 1 && !text_.substr(place).starts_with(format.separator)) continue;
        next.merge(Ends(*format.part, place + (count > 1 ? format.separator.size() : 0)));
      }
      if (count >= format.min) all.insert(next.begin(), next.end());
      places = std::move(next);
    }
    return all;
  }
  Places EndsOf(const grammar::TriggeredFormat& format, std::size_t at) const {
    const Places free = Free(format.triggers, at);
    Places ends = format.at_least_one ? Places{} : free;
    for (const std::size_t place : free) {
      for (const Format& tag : format.tags) {
        for (const std::size_t end : Ends(tag, place)) {
          ends.merge(format.stop_after_first ? Places{end} : EndsOf(Again(format), end));
        }
      }
    }
    return ends;
  }
  Places EndsOf(const grammar::JsonStringFormat& format, std::size_t at) const {
    Places ends;
    for (std::size_t end = at + 2; end <= text_.size(); ++end) {
      const Json value = Json::parse(text_.substr(at, end - at), nullptr, false);
      if (!value.is_string()) continue;
      const auto content = std::visit([](const auto& one) { return Format{.value = one}; }, format.content);
      if (Oracle(value.get<std::string>()).Accepts(content)) ends.insert(end);
    }
    return ends;
  }
  Places EndsOf(const grammar::GbnfFormat&, std::size_t) const { return {}; }
  Places EndsOf(const grammar::LarkFormat&, std::size_t) const { return {}; }

  static grammar::TriggeredFormat Again(grammar::TriggeredFormat format) {
    format.at_least_one = false;
    return format;
  }

  /// Ends of text that contains none of `excludes`.
  Places Free(const std::vector<std::string>& excludes, std::size_t at) const {
    Places ends;
    for (std::size_t end = at; end <= text_.size(); ++end) {
      const std::string_view part = text_.substr(at, end - at);
      if (std::ranges::any_of(excludes, [&](const std::string& one) { return part.contains(one); })) break;
      ends.insert(end);
    }
    return ends;
  }

  std::string_view text_;
};

/// A vocabulary of bytes.
std::shared_ptr<const grammar::Vocabulary> Bytes() {
  static const std::shared_ptr<const grammar::Vocabulary> vocabulary = [] {
    std::vector<std::string> texts;
    for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
    texts.emplace_back("<end>");
    return std::make_shared<const grammar::Vocabulary>(grammar::TestTokenizer(texts, {256}), std::vector<TokenId>{256});
  }();
  return vocabulary;
}

/// Whether the grammar takes the whole text, and where not.
testing::AssertionResult IsHeld(const std::shared_ptr<grammar::Grammar>& compiled, const std::string& text) {
  grammar::Matcher matcher(compiled);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!matcher.Accept(static_cast<unsigned char>(text[i]))) {
      return testing::AssertionFailure() << text.substr(0, i) << "▸" << text.substr(i);
    }
  }
  if (!matcher.may_end()) return testing::AssertionFailure() << text << "▸";
  return testing::AssertionSuccess();
}

class EveryDialect : public testing::TestWithParam<std::size_t> {
 protected:
  const Dialect& dialect() const { return Dialects()[GetParam()]; }
  bool harmony() const { return dialect().name() == "harmony"; }
  /// A text of the answer as this family writes it.
  std::string Said(const std::string& text) const {
    if (harmony()) return "<|channel|>final<|message|>" + text + "<|return|>";
    return dialect().name() == "functionary_v3_2" ? "all\n" + text : text;
  }

  const Tools tools_ =
      MakeTools({{"f", R"({"type":"object","properties":{"s":{"type":"string"},"n":{"type":["integer","null"]},
                 "e":{"enum":["x","y"]},"l":{"type":"array","items":{"type":"string"}}},"required":["n"]})"},
                 {"g", "null"}});
  const std::vector<ToolCall> one_ = {
      {.name = "f", .arguments = Json::parse(R"({"s":"a b","n":5,"e":"x","l":["q"]})")}};
  const std::vector<ToolCall> least_ = {{.name = "f", .arguments = Json::parse(R"({"n":null})")}};
  const std::vector<ToolCall> none_ = {{.name = "g", .arguments = Json::object()}};
  const std::vector<ToolCall> two_ = {one_[0], none_[0]};

  bool Accepts(const ToolChoice& choice, const std::string& text, bool parallel = true,
               const ReasoningState& reasoning = {}) const {
    return Oracle(text).Accepts(dialect().Constraint(*tools_, choice, parallel, reasoning));
  }
};
constexpr auto kRequired = ToolChoice::Mode::kRequired;

TEST_P(EveryDialect, AllowsWhatItWrites) {
  for (const auto* calls : {&one_, &least_, &none_, &two_}) {
    const std::string text = dialect().Render(*calls);
    EXPECT_TRUE(Accepts({.mode = kRequired}, text)) << text;
    EXPECT_TRUE(Accepts({}, text)) << text;
    EXPECT_EQ(Accepts({.mode = kRequired}, text, /*parallel=*/false), calls->size() == 1) << text;
  }
}

/// The same by the engine's own grammars, over a vocabulary of bytes.
TEST_P(EveryDialect, IsHeldToWhatItWrites) {
  for (const auto mode : {ToolChoice::Mode::kAuto, kRequired}) {
    const auto compiled = grammar::Grammar::Compile(Bytes(), dialect().Constraint(*tools_, {.mode = mode}, true, {}));
    ASSERT_TRUE(compiled) << compiled.error().ToString();
    for (const auto* calls : {&one_, &least_, &none_, &two_}) EXPECT_TRUE(IsHeld(*compiled, dialect().Render(*calls)));
  }
}

/// gpt-oss ends answers by <|call|> and <|return|>: where either may stand, its token ends the answer.
TEST(Harmony, EndsWithATokenOfItsOwn) {
  std::vector<std::string> texts;
  for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
  const Dialect& harmony = *FindDialect("harmony");
  std::vector<TokenId> special;
  std::map<std::string, TokenId> ids;
  for (const std::string& marker : harmony.Markers()) {
    special.push_back(static_cast<TokenId>(texts.size()));
    ids[marker] = special.back();
    texts.push_back(marker);
  }
  const std::vector<TokenId> ends = {ids["<|call|>"], ids["<|return|>"]};
  const auto vocabulary = std::make_shared<const grammar::Vocabulary>(grammar::TestTokenizer(texts, special), ends);
  const Tools tools = MakeTools({{"f", R"({"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],
                                          "additionalProperties":false})"}});
  const auto end = [&](const Format& format, std::string_view text) {
    const auto compiled = grammar::Grammar::Compile(vocabulary, format);
    EXPECT_TRUE(compiled) << compiled.error().ToString();
    grammar::Matcher matcher(*compiled);
    std::vector<std::uint32_t> mask(vocabulary->mask_words());
    while (!text.empty()) {
      const auto marker = std::ranges::find_if(ids, [&](const auto& one) { return text.starts_with(one.first); });
      const bool found = marker != ids.end();
      const TokenId token = found ? marker->second : static_cast<unsigned char>(text.front());
      EXPECT_TRUE(matcher.FillMask(mask));
      EXPECT_TRUE(grammar::HasBit(mask, token)) << text;
      EXPECT_TRUE(matcher.Accept(token)) << text;
      text.remove_prefix(found ? marker->first.size() : 1);
    }
    return matcher.ended();
  };
  const std::string thought = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant";
  const Format call = harmony.Constraint(*tools, {.mode = ToolChoice::Mode::kRequired}, true, {});
  EXPECT_TRUE(
      end(call, thought + "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"n\": 5}<|call|>"));
  const Format either = harmony.Constraint(*tools, {}, true, {});
  EXPECT_TRUE(end(either, thought + "<|channel|>final<|message|>Five.<|return|>"));
  const Format answer = harmony.Content({.value = grammar::JsonFormat{tools->all()[0].parameters, {}}});
  EXPECT_TRUE(end(answer, thought + "<|channel|>final<|message|>{\"n\": 5}<|return|>"));
  EXPECT_TRUE(end(answer, "<|channel|>final <|constrain|>json<|message|>{\"n\": 5}<|return|>"));
}

/// A custom tool's text may be anything that its grammar derives, whatever the family has to escape.
TEST_P(EveryDialect, CarriesTheTextsOfCustomTools) {
  const Json schema = Json::parse(R"({"type":"object","properties":{"input":{"type":"string"}},"required":["input"]})");
  const auto custom = [&](const char* name, grammar::TextContent input) {
    return Tool{.name = name, .parameters = schema, .input = std::move(input)};
  };
  const Tools tools = std::make_shared<const ToolSet>(
      std::vector<Tool>{custom("lines", grammar::LarkFormat{"start: (\"say \" W \"\\n\")+\nW: /\"[a-zé]+\"/"}),
                        custom("word", grammar::PatternFormat{R"([a-z\\]+)"}), custom("any", grammar::FreeFormat{})});
  const std::vector<std::pair<std::string, std::string>> calls = {
      {"lines", "say \"é\"\nsay \"b\"\n"}, {"word", "a\\b"}, {"any", " {\"x\": 1}\n"}};
  const grammar::Format format = dialect().Constraint(*tools, {.mode = kRequired}, false, {});
  const auto compiled = grammar::Grammar::Compile(Bytes(), format);
  ASSERT_TRUE(compiled) << compiled.error().ToString();
  for (const auto& [name, input] : calls) {
    const std::vector<ToolCall> call = {{.name = name, .arguments = {{"input", input}}}};
    const std::string text = dialect().Render(call);
    EXPECT_TRUE(IsHeld(*compiled, text));
    const OutputDelta out = ParseAll(dialect(), tools, text);
    ASSERT_EQ(out.calls.size(), 1U) << text;
    EXPECT_TRUE(out.calls[0].custom);
    EXPECT_EQ(out.calls[0].name, name);
    EXPECT_EQ(out.calls[0].arguments, input) << text;
    const OutputDelta pieces = ParsePieces(dialect(), tools, text, {}, [](std::size_t) { return std::size_t{1}; });
    EXPECT_EQ(pieces, out);
  }
  EXPECT_FALSE(
      IsHeld(*compiled, dialect().Render(std::vector<ToolCall>{{.name = "word", .arguments = {{"input", "A"}}}})));
}

TEST_P(EveryDialect, AllowsTextOnlyWhereNoCallIsRequired) {
  const std::string text = Said("Hello.");
  EXPECT_TRUE(Accepts({}, text));
  EXPECT_FALSE(Accepts({.mode = kRequired}, text));
  if (!harmony()) EXPECT_TRUE(Accepts({.mode = ToolChoice::Mode::kNone}, text));
  EXPECT_FALSE(Accepts({.mode = kRequired}, ""));
}

TEST_P(EveryDialect, AllowsTheNamedToolsOnly) {
  const std::string f = dialect().Render(one_), g = dialect().Render(none_);
  const ToolChoice choice{.mode = kRequired, .allowed = {"g"}};
  EXPECT_TRUE(Accepts(choice, g));
  EXPECT_FALSE(Accepts(choice, f));
  const ToolChoice maybe{.allowed = {"g"}};
  EXPECT_TRUE(Accepts(maybe, g));
}

TEST_P(EveryDialect, AllowsReasoningInFront) {
  if (harmony()) return;
  const ReasoningFormat* think = FindReasoning("think");
  const std::string call = dialect().Render(one_);
  EXPECT_TRUE(Accepts({.mode = kRequired}, "<think>\nhm</think>\n\n" + call, true, {.format = think}));
  EXPECT_TRUE(Accepts({.mode = kRequired}, call, true, {.format = think}));
  EXPECT_TRUE(Accepts({.mode = kRequired}, "hm</think>" + call, true, {.format = think, .open = true}));
  EXPECT_FALSE(Accepts({.mode = kRequired}, call, true, {.format = think, .open = true}));
  EXPECT_TRUE(Accepts({}, "hm</think>" + Said("text"), true, {.format = think, .open = true}));
}

/// What an answer must be stands where the family's content stands, after thoughts.
TEST_P(EveryDialect, HoldsItsContent) {
  const Format format = dialect().Content({.value = grammar::TextFormat{"yes"}});
  EXPECT_TRUE(Oracle(Said("yes")).Accepts(format));
  EXPECT_FALSE(Oracle(Said("no")).Accepts(format));
  const OutputDelta out = ParseAll(dialect(), tools_, Said("yes"));
  EXPECT_EQ(out.content, "yes");
  EXPECT_TRUE(out.calls.empty());
}

TEST_P(EveryDialect, WritesWhatItReads) {
  for (const auto* calls : {&one_, &least_, &none_, &two_}) {
    const OutputDelta out = ParseAll(dialect(), tools_, dialect().Render(*calls));
    ASSERT_EQ(out.calls.size(), calls->size());
    for (std::size_t i = 0; i < calls->size(); ++i) {
      EXPECT_EQ(Json::parse(out.calls[i].arguments), (*calls)[i].arguments);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryDialect, testing::Range(std::size_t{0}, Dialects().size()),
                         [](const auto& one) { return fmt::format("{}_{}", Dialects()[one.param].name(), one.param); });

}  // namespace
}  // namespace strata::serve::tools
