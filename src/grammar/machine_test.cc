// Regexes, lexemes and the pushdown machine, on networks written by hand.
#include "grammar/machine.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "grammar/test_network.h"

namespace strata::grammar {
namespace {

class MachineTest : public NetworkTest {
 protected:
  /// "yes": a text of the grammar; "more": the beginning of one; "no": neither.
  std::string Reads(Machine& machine, std::string_view text) {
    const ConfigId config = machine.Read(machine.start(), text);
    if (machine.Accepts(config)) return "yes";
    return config == kDeadConfig ? "no" : "more";
  }
  std::string Reads(NodeId root, std::string_view text) {
    Machine machine(network_, root);
    return Reads(machine, text);
  }
};

TEST_F(MachineTest, BooleanOperationsAreExact) {
  const RegexId letters = store_.Repeat(Range('a', 'z'), 1, 4);
  const RegexId no_null = store_.And({letters, store_.Not(store_.Literal("null"))});
  EXPECT_TRUE(store_.Matches(no_null, "nul"));
  EXPECT_TRUE(store_.Matches(no_null, "nulx"));
  EXPECT_FALSE(store_.Matches(no_null, "null"));
  EXPECT_FALSE(store_.Matches(no_null, "nulls"));
  EXPECT_TRUE(store_.IsNothing(store_.And({letters, store_.Repeat(Range('a', 'z'), 5, 9)})));
  EXPECT_TRUE(store_.IsNothing(store_.And({store_.Literal("ab"), store_.Not(store_.Literal("ab"))})));
  EXPECT_FALSE(
      store_.IsNothing(store_.And({store_.Star(store_.Literal("aa")), store_.Repeat(store_.Char('a'), 7, 8)})));
  EXPECT_TRUE(store_.IsNothing(store_.And({store_.Star(store_.Literal("aa")), store_.Repeat(store_.Char('a'), 7, 7)})));
}

TEST_F(MachineTest, CountsLanguages) {
  EXPECT_EQ(store_.CountUpTo(store_.Repeat(Range('a', 'c'), 0, 3), 100), 1 + 3 + 9 + 27);
  EXPECT_EQ(store_.CountUpTo(store_.Repeat(Range('a', 'c'), 0, 3), 39), std::nullopt);
  EXPECT_EQ(store_.CountUpTo(store_.Star(Range('a', 'c')), 1'000'000), std::nullopt);
  EXPECT_EQ(store_.CountUpTo(RegexStore::kNothing, 0), 0);
  EXPECT_EQ(store_.CountUpTo(store_.OneOf({"a", "b", "a"}), 10), 2);
}

TEST_F(MachineTest, WordsTellWhichOne) {
  const std::vector<std::string> words = {"b", "ab", "a", "abc", "ä"};
  const LexState start = lexer_.Start(store_.OneOf(words), Spelling::kJsonString);
  for (std::size_t i = 0; i < words.size(); ++i) {
    LexState state = start;
    for (const char byte : "\"" + words[i] + "\"") state = lexer_.Next(state, static_cast<std::uint8_t>(byte));
    EXPECT_TRUE(lexer_.Accepts(state));
    EXPECT_EQ(lexer_.MatchedWord(state), static_cast<int>(i)) << words[i];
  }
}

TEST_F(MachineTest, JsonStringsTakeEveryEscape) {
  const NodeId any = Lexeme(store_.Repeat(store_.Set(CharSet::All()), 1, 1), kAcceptNode, Spelling::kJsonString);
  for (const char* text : {R"("a")", R"("\n")", R"("\u003c")", R"("\/")", R"("\ud83d\ude00")", "\"\U0001F600\"",
                           "\"\u20AC\"", R"("\u20Ac")", R"("\"")", R"("\u0000")"}) {
    EXPECT_EQ(Reads(any, text), "yes") << text;
  }
  for (const char* text : {R"("")", R"("ab)", R"("\x)", "\"\n", R"("\ud83d")", R"("\ude00)", R"("\ud83d\u0041)",
                           R"("\u0041)", "\"\xC0\x80", "\"\xED\xA0\x80", "\"\xE0\x80", "\"\xF5", "a"}) {
    EXPECT_EQ(Reads(any, text), "no") << text;
  }
  const NodeId euro = Lexeme(store_.Literal("\u20AC"), kAcceptNode, Spelling::kJsonString);
  EXPECT_EQ(Reads(euro, R"("\u20)"), "more");
  EXPECT_EQ(Reads(euro, R"("\u21)"), "no");
  EXPECT_EQ(Reads(euro, R"("\n)"), "no");
  EXPECT_EQ(Reads(euro, "\"\xE2\x82"), "more");
  EXPECT_EQ(Reads(euro, "\"\xE2\x83"), "no");
  const NodeId smile = Lexeme(store_.Literal("\U0001F600"), kAcceptNode, Spelling::kJsonString);
  EXPECT_EQ(Reads(smile, R"("\ud8)"), "more");
  EXPECT_EQ(Reads(smile, R"("\ud83d\ude0)"), "more");
  EXPECT_EQ(Reads(smile, R"("\ud83d\ude1)"), "no");
  EXPECT_EQ(Reads(smile, R"("\ud83d\ude00")"), "yes");
}

TEST_F(MachineTest, FreedomIsWhatMayFollow) {
  const auto at = [&](RegexId content) {
    return lexer_.FreedomOf(lexer_.Next(lexer_.Start(content, Spelling::kJsonString), '"'));
  };
  const RegexId any = store_.Set(CharSet::All());
  Lexer::Freedom freedom = at(RegexStore::kAnything);
  EXPECT_EQ(freedom.depth, Lexer::kFreeLimit);
  EXPECT_TRUE(freedom.may_end);
  freedom = at(store_.Repeat(any, 2, 5));
  EXPECT_EQ(freedom.depth, 5u);
  EXPECT_FALSE(freedom.may_end);
  EXPECT_TRUE(freedom.stops);
  freedom = at(store_.Concat(any, store_.Star(Range('a', 'z'))));
  EXPECT_EQ(freedom.depth, 1u);
  EXPECT_FALSE(freedom.stops);
}

TEST_F(MachineTest, NestsAndReturns) {
  // list = "[" (list ("," list)*)? "]"
  const NodeId list = network_.Declare(), more = network_.Declare();
  network_.Define(more, network_.Choice({Text("]", kAcceptNode), Text(",", network_.Call(list, more))}));
  network_.Define(list, Text("[", network_.Choice({Text("]", kAcceptNode), network_.Call(list, more)})));
  Machine machine(network_, list);
  EXPECT_EQ(Reads(machine, "[]"), "yes");
  EXPECT_EQ(Reads(machine, "[[],[[]]]"), "yes");
  EXPECT_EQ(Reads(machine, "[[],"), "more");
  EXPECT_EQ(Reads(machine, "[[],]"), "no");
  EXPECT_EQ(Reads(machine, "[]]"), "no");
  std::string deep(5000, '[');
  EXPECT_EQ(Reads(machine, deep), "more");
  EXPECT_EQ(Reads(machine, deep + std::string(5000, ']')), "yes");
}

TEST_F(MachineTest, AmbiguityStaysSmall) {
  // Two ways to read each level: value = "(" value ")" | "(" value ")" "!"? | "x"; depth d would have 2^d stacks.
  const NodeId value = network_.Declare();
  const NodeId plain = Text("(", network_.Call(value, Text(")", kAcceptNode)));
  const NodeId excited =
      Text("(", network_.Call(value, Text(")", Lexeme(store_.Optional(store_.Char('!')), kAcceptNode))));
  network_.Define(value, network_.Choice({plain, excited, Text("x", kAcceptNode)}));
  Machine machine(network_, value);
  const int depth = 200;
  std::string text(depth, '(');
  text += 'x';
  for (int i = 0; i < depth; ++i) text += i % 2 == 0 ? ")!" : ")";
  EXPECT_EQ(Reads(machine, text), "yes");
  EXPECT_FALSE(machine.exhausted());
  EXPECT_LT(machine.size(), 5000u);
}

TEST_F(MachineTest, LeftRecursionIsFoundNotFollowed) {
  const NodeId sum = network_.Declare();
  network_.Define(sum, network_.Choice({network_.Call(sum, Text("+1", kAcceptNode)), Text("1", kAcceptNode)}));
  Machine machine(network_, sum);
  EXPECT_TRUE(machine.exhausted());
}

TEST_F(MachineTest, LazyNodesAreMadeOnceAndMayNameThemselves) {
  struct Source : NodeSource {
    explicit Source(MachineTest& owner) : test(owner) {}
    NodeId Expand(Network& network, std::uint32_t payload) override {
      ++expanded;
      if (payload == 3) return kAcceptNode;
      return test.Text("a", network.Lazy(this, payload + 1));
    }
    MachineTest& test;
    int expanded = 0;
  } source(*this);
  Machine machine(network_, network_.Lazy(&source, 0));
  EXPECT_EQ(Reads(machine, "aaa"), "yes");
  EXPECT_EQ(Reads(machine, "aaa"), "yes");
  EXPECT_EQ(Reads(machine, "aaaa"), "no");
  EXPECT_EQ(source.expanded, 4);
}

TEST_F(MachineTest, SpecialTokensAreNoText) {
  Machine machine(network_, network_.SpecialToken(0x010203, Text("x", kAcceptNode)));
  EXPECT_EQ(Reads(machine, "\xFF\x01\x02\x03x"), "yes");
  EXPECT_EQ(Reads(machine, "\xFF\x01\x03"), "no");
}

}  // namespace
}  // namespace strata::grammar
