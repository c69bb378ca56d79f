// What a family's constraint allows is what the family writes, by an oracle and by the engine's own grammars.
#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "grammar/grammar.h"
#include "grammar/test_tokenizer.h"
#include "grammar/vocabulary.h"
#include "serve/tools/test_parse.h"

namespace strata::serve::tools {
namespace {

using Json = nlohmann::ordered_json;
using grammar::Format;

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
    texts.reserve(257);
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
  texts.reserve(300);
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
