// A sequence's way through a grammar: masks, taking and taking back, what is forced, the end.
#include "grammar/grammar.h"

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "grammar/test_tokenizer.h"
#include "grammar/vocabulary.h"

namespace strata::grammar {
namespace {

class MatcherTest : public testing::Test {
 protected:
  Matcher Start(const std::string& pattern) {
    auto grammar = Grammar::Compile(vocabulary_, {PatternFormat{pattern}});
    EXPECT_TRUE(grammar) << grammar.error().ToString();
    return Matcher(*grammar);
  }
  std::string Allowed(Matcher& matcher) {
    std::vector<std::uint32_t> mask(vocabulary_->mask_words());
    EXPECT_TRUE(matcher.FillMask(mask));
    std::string names;
    for (TokenId token = 0; token < vocabulary_->size(); ++token) {
      EXPECT_EQ(HasBit(mask, token), matcher.Allows(token)) << token;
      if (HasBit(mask, token)) names += std::string(tokenizer_.TokenText(token)) + " ";
    }
    return names;
  }

  static constexpr TokenId kEnd = 0, kA = 1, kB = 2, kAb = 3, kEmpty = 4;
  TestTokenizer tokenizer_{{"<end>", "a", "b", "ab", "", "é"}, {kEnd}};
  std::shared_ptr<const Vocabulary> vocabulary_ =
      std::make_shared<const Vocabulary>(tokenizer_, std::vector<TokenId>{kEnd});
};

TEST_F(MatcherTest, TakesWhatTheMaskAllowsAndNothingElse) {
  Matcher matcher = Start("(ab)+a?");
  EXPECT_EQ(Allowed(matcher), "a ab ");
  for (const TokenId wrong : {kB, kEnd, kEmpty, TokenId{-1}, TokenId{6}}) {
    EXPECT_EQ(matcher.Accept(wrong).error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(matcher.accepted(), 0U);
  ASSERT_TRUE(matcher.Accept(kAb));
  EXPECT_TRUE(matcher.may_end());
  EXPECT_EQ(Allowed(matcher), "<end> a ab ");
  ASSERT_TRUE(matcher.Accept(kEnd));
  EXPECT_TRUE(matcher.ended());
  EXPECT_EQ(Allowed(matcher), "");
}

TEST_F(MatcherTest, EndsByItselfWhereNothingMayFollow) {
  Matcher matcher = Start("ab");
  ASSERT_TRUE(matcher.Accept(kA));
  EXPECT_FALSE(matcher.ended());
  ASSERT_TRUE(matcher.Accept(kB));
  EXPECT_TRUE(matcher.ended());
}

TEST_F(MatcherTest, GoesBack) {
  Matcher matcher = Start("(ab)+a?");
  for (const TokenId token : {kA, kB, kAb, kEnd}) ASSERT_TRUE(matcher.Accept(token));
  matcher.Rollback(3);
  EXPECT_FALSE(matcher.ended());
  EXPECT_EQ(matcher.accepted(), 1U);
  EXPECT_EQ(Allowed(matcher), "b ");
  matcher.Rollback(9);
  EXPECT_EQ(Allowed(matcher), "a ab ");
}

TEST_F(MatcherTest, ForcedTextIsWhatMustCome) {
  Matcher matcher = Start("ab(ab|aé)b?");
  EXPECT_EQ(matcher.ForcedText(), "aba");
  EXPECT_EQ(matcher.ForcedText(2), "ab");
  EXPECT_EQ(Start("éa").ForcedText(1), "");  // no half of a character
  EXPECT_EQ(Start("a*").ForcedText(), "");
}

/// Texts as JSON strings: whatever stands in them, as JSON writes it.
TEST(JsonStrings, HoldTextsOfTheirContent) {
  std::vector<std::string> bytes;
  bytes.reserve(256);
  for (int byte = 0; byte < 256; ++byte) bytes.emplace_back(1, static_cast<char>(byte));
  const auto vocabulary = std::make_shared<const Vocabulary>(TestTokenizer(bytes), std::vector<TokenId>());
  const auto takes = [&](const TextContent& content, std::string_view text) {
    const auto grammar = Grammar::Compile(vocabulary, {JsonStringFormat{content}});
    EXPECT_TRUE(grammar) << grammar.error().ToString();
    Matcher matcher(*grammar);
    std::vector<std::uint32_t> mask(vocabulary->mask_words());
    for (const char c : text) {
      const TokenId token = static_cast<unsigned char>(c);
      EXPECT_TRUE(matcher.FillMask(mask));
      EXPECT_EQ(HasBit(mask, token), matcher.Allows(token)) << text << " at " << c;
      if (!matcher.Accept(token)) return false;
    }
    return matcher.ended();
  };
  // A list of words in brackets, which no regular expression is.
  const LarkFormat nested{"start: \"[\" (start | W)* \"]\"\nW: /[a-zé\"\\n\\\\]/"};
  EXPECT_TRUE(takes(nested, R"("[a[b]]")"));
  EXPECT_TRUE(takes(nested, R"("[\"[\n]\\é\u00e9]")"));
  for (const char* wrong : {R"("[a[b]")", R"([a])", R"("[a"])", "\"[\n]\"", R"("[\t]")", R"("[]"")"}) {
    EXPECT_FALSE(takes(nested, wrong)) << wrong;
  }
  EXPECT_TRUE(takes(PatternFormat{"a\"+b"}, R"("a\"\"b")"));
  EXPECT_FALSE(takes(PatternFormat{"a\"+b"}, R"("a""b")"));
  EXPECT_TRUE(takes(FreeFormat{}, R"("any\ntext")"));
  EXPECT_FALSE(takes(FreeFormat{{"tex"}}, R"("any\ntext")"));
}

TEST_F(MatcherTest, RefusesWhatHasNoText) {
  EXPECT_FALSE(Grammar::Compile(vocabulary_, {PatternFormat{"(?!a)a"}}));
  EXPECT_FALSE(Grammar::Compile(vocabulary_, {PatternFormat{"("}}));
}

TEST_F(MatcherTest, KnowsACompletion) {
  Matcher matcher = Start("(ab)*ba(b|aa)");
  EXPECT_EQ(matcher.Completion(), (std::vector<TokenId>{kB, kAb}));
  ASSERT_TRUE(matcher.Accept(kA));
  EXPECT_EQ(matcher.Completion(), (std::vector<TokenId>{kB, kB, kAb}));
  for (const TokenId token : {kB, kB, kAb}) ASSERT_TRUE(matcher.Accept(token));
  EXPECT_EQ(matcher.Completion(), std::vector<TokenId>());
  EXPECT_EQ(Start("a*éx").Completion(), std::nullopt) << "no token has an x";
}

/// From wherever a random text of a schema stands, a completion leads to its end.
TEST(MatcherCompletion, EndsEveryTextOfASchema) {
  std::vector<std::string> texts = {"<end>", "\": ", ", \"", "true", "tr", "name", "00"};
  for (int c = 1; c < 256; ++c) texts.emplace_back(1, static_cast<char>(c));
  const TestTokenizer tokenizer(std::move(texts), {0});
  const auto vocabulary = std::make_shared<const Vocabulary>(tokenizer, std::vector<TokenId>{0});
  const char* const schemas[] = {
      R"({"type": "object"})",
      R"({"type": "array", "minItems": 3, "items": {"type": "string", "minLength": 20, "pattern": "^[A-Z]"}})",
      R"({"type": "object", "required": ["name", "kind", "at"], "additionalProperties": false, "properties": {
          "a": {"type": "object"}, "b": {"type": "array"}, "name": {"type": "string", "minLength": 2},
          "kind": {"enum": ["first", "second"]}, "at": {"type": "string", "format": "date-time"}}})",
      R"({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "required": ["value"], "properties": {
          "value": {"type": "integer", "multipleOf": 7}, "left": {"$ref": "#/$defs/tree"},
          "right": {"$ref": "#/$defs/tree"}}, "additionalProperties": false}}})",
      R"({"type": "string", "pattern": "^\\S+ \\S+ é$"})",
      R"({"type": "object", "patternProperties": {"日": {"type": "null"}}, "additionalProperties": false,
          "minProperties": 1, "maxProperties": 2})",
      R"({"type": "string", "pattern": "^a\\\\"})"};
  std::minstd_rand random(5);
  for (const char* schema : schemas) {
    for (const KeyOrder order : {KeyOrder::kDeclared, KeyOrder::kAny}) {
      auto grammar =
          Grammar::Compile(vocabulary, {JsonFormat{nlohmann::ordered_json::parse(schema), {.key_order = order}}});
      ASSERT_TRUE(grammar) << grammar.error().ToString();
      std::vector<std::uint32_t> mask(vocabulary->mask_words());
      for (int walk = 0; walk < 5; ++walk) {
        Matcher matcher(*grammar);
        for (int step = 0; step < 80 && !matcher.ended(); ++step) {
          const auto completion = matcher.Completion();
          ASSERT_TRUE(completion) << schema << " after " << step;
          EXPECT_LE(completion->size(), 400U) << schema;
          for (const TokenId token : *completion) ASSERT_TRUE(matcher.Accept(token)) << schema;
          EXPECT_TRUE(matcher.may_end());
          matcher.Rollback(completion->size());
          ASSERT_TRUE(matcher.FillMask(mask));
          std::vector<TokenId> allowed;
          for (TokenId token = 1; token < vocabulary->size(); ++token) {
            if (HasBit(mask, token)) allowed.push_back(token);
          }
          if (allowed.empty()) break;
          ASSERT_TRUE(matcher.Accept(allowed[random() % allowed.size()]));
        }
      }
    }
  }
}

// Most digits lead to no low surrogate: they are none of those that a search tries.
TEST(MatcherCompletion, EndsASurrogatePairThatWasBegun) {
  std::vector<std::string> texts = {"<end>"};
  for (int c = 1; c < 256; ++c) texts.emplace_back(1, static_cast<char>(c));
  const auto vocabulary =
      std::make_shared<const Vocabulary>(TestTokenizer(std::move(texts), {0}), std::vector<TokenId>{0});
  for (const char* key : {"{}", R"({"pattern": "^[^a]*$"})"}) {
    const auto schema =
        nlohmann::ordered_json::parse(fmt::format(R"({{"propertyNames": {}, "minProperties": 1}})", key));
    auto grammar = Grammar::Compile(vocabulary, {JsonFormat{schema, {}}});
    ASSERT_TRUE(grammar) << grammar.error().ToString();
    Matcher matcher(*grammar);
    for (const char byte : std::string_view(R"({"\uD9)")) ASSERT_TRUE(matcher.Accept(static_cast<unsigned char>(byte)));
    const auto completion = matcher.Completion();
    ASSERT_TRUE(completion);
    EXPECT_LE(completion->size(), std::string_view(R"(00\uDC00":0})").size());
  }
}

// Addresses have a state for each length of their labels and of the whole: one grammar cannot hold those of many texts.
TEST(MatcherBounds, TextsGoOnInASuccessor) {
  std::vector<std::string> texts = {"<end>"};
  for (int c = 1; c < 256; ++c) texts.emplace_back(1, static_cast<char>(c));
  const auto vocabulary =
      std::make_shared<const Vocabulary>(TestTokenizer(std::move(texts), {0}), std::vector<TokenId>{0});
  const auto schema = nlohmann::ordered_json::parse(
      R"({"contains": {"type": "string", "pattern": "z$"}, "items": {"format": "idn-email", "type": "string", "maxLength": 280}})");
  auto grammar = Grammar::Compile(vocabulary, {JsonFormat{schema, {}}});
  ASSERT_TRUE(grammar) << grammar.error().ToString();
  std::minstd_rand random(3);
  std::vector<std::uint32_t> mask(vocabulary->mask_words());
  const auto accept = [&](Matcher& matcher, std::string_view text) {
    for (const char byte : text) {
      const Status filled = matcher.FillMask(mask);
      ASSERT_TRUE(filled) << filled.error().ToString();
      ASSERT_TRUE(HasBit(mask, static_cast<unsigned char>(byte))) << text;
      const Status accepted = matcher.Accept(static_cast<unsigned char>(byte));
      ASSERT_TRUE(accepted) << accepted.error().ToString();
    }
  };
  Matcher begun(*grammar);
  ASSERT_NO_FATAL_FAILURE(accept(begun, "[\"early@"));
  for (int text = 0; text < 25; ++text) {  // many times what one holds
    std::string address = "\"" + std::string(1 + random() % 60, 'a') + "@b";
    for (int label = 0; label < 8; ++label) {
      address.append(1 + random() % 20, static_cast<char>('a' + random() % 25));
      address += ".";
    }
    Matcher matcher(*grammar);
    ASSERT_NO_FATAL_FAILURE(accept(matcher, "[" + address)) << text;
    ASSERT_TRUE(matcher.CompletionTokens()) << text;
    ASSERT_NO_FATAL_FAILURE(accept(matcher, "xyz\"]")) << text;
    EXPECT_TRUE(matcher.ended());
    matcher.Rollback(2);
    ASSERT_NO_FATAL_FAILURE(accept(matcher, "\"")) << text;
  }
  ASSERT_NO_FATAL_FAILURE(accept(begun, "z\"]"));
}

}  // namespace
}  // namespace strata::grammar
