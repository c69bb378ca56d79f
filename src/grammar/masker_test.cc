// Masks equal what trying every token byte by byte gives, along random texts of hand-written grammars.
#include "grammar/masker.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "base/unicode.h"
#include "grammar/test_network.h"
#include "grammar/test_tokenizer.h"

namespace strata::grammar {
namespace {

/// Tokens of the kinds that matter: plain words, long ones, quotes inside and around, escapes, parts of characters,
/// white space, digits.
std::vector<std::string> Texts() {
  std::vector<std::string> texts = {
      "<end>", "<call>",   "\"",       "\",",   "\":",  "\"}",  "{\"",  "{",  "}",   "[",    "]",     ",",
      ":",     " ",        "  ",       "\n",    "\n  ", ", \"", ": \"", "\\", "\\n", "\\u",  "\\u00", "00",
      "41",    "\\\"",     "true",     "false", "null", "-",    ".",    "e",  "E+",  "\x80", "\xE2",  "\xE2\x82",
      "\xAC",  "\xF0\x9F", "\x98\x80", "\xFF",  "<",    "call", ">",    "]}", "}}",  "\"]",  "1.5",   ""};
  for (int i = 0; i < 100; ++i) texts.push_back(std::to_string(i));
  const std::vector<std::string> parts = {"a", "b", "the", "\"", " ", "é", "x1", "\U0001F600", "z", "\\t", "-"};
  std::mt19937 random(7);
  for (int i = 0; i < 1500; ++i) {
    std::string text;
    for (std::size_t n = 1 + random() % (i % 50 == 0 ? 40 : 5); n > 0; --n) text += parts[random() % parts.size()];
    texts.push_back(text);
  }
  return texts;
}

class MaskerTest : public NetworkTest {
 protected:
  RegexId Space() { return store_.Star(store_.Set(CharSet({{' ', ' '}, {'\n', '\n'}}))); }
  RegexId Digits() { return store_.Repeat(Range('0', '9'), 1, kUnbounded); }

  /// JSON of any shape, strings of `content`.
  NodeId Json(RegexId content) {
    const auto mark = [&](char c) { return store_.Concat({Space(), store_.Char(static_cast<char32_t>(c)), Space()}); };
    const NodeId value = network_.Declare(), items = network_.Declare(), members = network_.Declare();
    const NodeId member = Lexeme(content, Lexeme(mark(':'), network_.Call(value, members)), Spelling::kJsonString);
    network_.Define(items,
                    network_.Choice({Lexeme(mark(']'), kAcceptNode), Lexeme(mark(','), network_.Call(value, items))}));
    network_.Define(members, network_.Choice({Lexeme(mark('}'), kAcceptNode), Lexeme(mark(','), member)}));
    network_.Define(value,
                    network_.Choice({Lexeme(content, kAcceptNode, Spelling::kJsonString),
                                     Lexeme(store_.Concat({store_.Optional(store_.Char('-')), Digits(),
                                                           store_.Optional(store_.Concat(store_.Char('.'), Digits()))}),
                                            kAcceptNode),
                                     Lexeme(store_.OneOf({"true", "false", "null"}), kAcceptNode),
                                     Text("[", network_.Choice({Text("]", kAcceptNode), network_.Call(value, items)})),
                                     Text("{", network_.Choice({Text("}", kAcceptNode), member}))}));
    return value;
  }

  void CheckAlongRandomTexts(NodeId root, std::uint32_t seed) {
    Machine machine(network_, root);
    Masker masker(machine, vocabulary_);
    std::vector<std::uint32_t> mask(vocabulary_.mask_words());
    std::mt19937 random(seed);
    for (int text = 0; text < 30; ++text) {
      ConfigId config = machine.start();
      for (int step = 0; step < 40; ++step) {
        masker.Fill(config, mask);
        std::vector<std::pair<TokenId, ConfigId>> allowed;
        for (TokenId token = 0; token < vocabulary_.size(); ++token) {
          const ConfigId after = machine.Read(config, vocabulary_.text(token));
          bool expected = after != kDeadConfig && !vocabulary_.text(token).empty();
          if (vocabulary_.is_end(token)) expected = machine.Accepts(config);
          const bool masked = HasBit(mask, token);
          ASSERT_EQ(masked, expected) << "token '" << vocabulary_.text(token) << "', step " << step;
          if (expected && !vocabulary_.is_end(token)) allowed.emplace_back(token, after);
        }
        if (allowed.empty()) break;
        config = allowed[random() % allowed.size()].second;
      }
    }
    EXPECT_FALSE(machine.exhausted());
  }

  TestTokenizer tokenizer_{Texts(), {0, 1}};
  Vocabulary vocabulary_{tokenizer_, {0}};
};

TEST_F(MaskerTest, JsonOfFreeStrings) { CheckAlongRandomTexts(Json(RegexStore::kAnything), 1); }

TEST_F(MaskerTest, JsonOfShortStrings) {
  CheckAlongRandomTexts(Json(store_.Repeat(store_.Set(CharSet::All()), 0, 7)), 2);
}

TEST_F(MaskerTest, JsonOfStringsWithBothBounds) {
  CheckAlongRandomTexts(Json(store_.Repeat(store_.Set(CharSet::All()), 3, 50)), 3);
}

TEST_F(MaskerTest, JsonOfPatterns) {
  const RegexId word = store_.Repeat(store_.Set(CharSet({{'a', 'z'}, {'0', '9'}, {' ', ' '}})), 1, kUnbounded);
  CheckAlongRandomTexts(Json(store_.And({word, store_.Not(store_.Literal("the"))})), 4);
}

TEST_F(MaskerTest, JsonOfWords) { CheckAlongRandomTexts(Json(store_.OneOf({"a", "ab", "the", "thethe", "é"})), 5); }

TEST_F(MaskerTest, FreeTextUntilASpecialToken) {
  const RegexId no_call =
      store_.Not(store_.Concat({RegexStore::kAnything, store_.Literal("<call>"), RegexStore::kAnything}));
  const NodeId tag = network_.Choice({network_.SpecialToken(1, kAcceptNode), Text("<call>", kAcceptNode)});
  CheckAlongRandomTexts(
      Lexeme(no_call, network_.Choice({kAcceptNode, network_.Call(tag, Json(RegexStore::kAnything))})), 6);
}

TEST_F(MaskerTest, AmbiguousLexemes) {
  const RegexId letters = store_.Repeat(Range('a', 'z'), 1, kUnbounded);
  const NodeId tail = Lexeme(letters, Text("\"", kAcceptNode));
  CheckAlongRandomTexts(network_.Choice({Lexeme(letters, tail), Lexeme(store_.Literal("the"), Lexeme(Digits(), tail))}),
                        7);
}

}  // namespace
}  // namespace strata::grammar
