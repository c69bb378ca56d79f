// Grammars in both notations, recognised byte by byte.
#include "grammar/ebnf.h"

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "grammar/machine.h"

namespace strata::grammar {
namespace {

using Compile = Result<NodeId> (*)(Network&, std::string_view);

Result<NodeId> Lark(Network& network, std::string_view text) { return CompileLark(network, text); }

/// A compiled grammar with what it needs.
class Recogniser {
 public:
  Recogniser(Compile compile, std::string_view grammar) : root_(compile(network_, grammar)) {
    if (root_) machine_.emplace(network_, *root_);
  }
  const Result<NodeId>& root() const { return root_; }
  /// Whether the text is of the grammar; a text that can no more become one is found out at the first byte.
  bool Matches(std::string_view text) {
    const ConfigId config = machine_->Read(machine_->start(), text);
    EXPECT_FALSE(machine_->exhausted());
    return config != kDeadConfig && machine_->Accepts(config);
  }
  bool Begins(std::string_view text) { return machine_->Read(machine_->start(), text) != kDeadConfig; }

 private:
  RegexStore store_;
  Lexer lexer_{store_};
  Network network_{lexer_};
  Result<NodeId> root_;
  std::optional<Machine> machine_;
};

struct Case {
  const char* grammar;
  std::vector<const char*> accepts, rejects;
};

void CheckCases(Compile compile, const std::vector<Case>& cases) {
  for (const Case& test : cases) {
    Recogniser grammar(compile, test.grammar);
    ASSERT_TRUE(grammar.root()) << test.grammar << "\n" << grammar.root().error().ToString();
    for (const char* text : test.accepts) EXPECT_TRUE(grammar.Matches(text)) << test.grammar << "\non " << text;
    for (const char* text : test.rejects) EXPECT_FALSE(grammar.Matches(text)) << test.grammar << "\non " << text;
  }
}

TEST(Gbnf, Notation) {
  CheckCases(CompileGbnf, {
                              {R"(root ::= "abc")", {"abc"}, {"", "ab", "abcd"}},
                              {R"(root ::= "a" | "b" "c" | )", {"a", "bc", ""}, {"b", "ac"}},
                              {R"(root ::= [a-c0_-]+)", {"a", "c0", "-_"}, {"", "d"}},
                              {R"(root ::= [^a-c\]]{2})", {"dé", "[x"}, {"da", "d]", "d"}},
                              {R"(root ::= .)", {"a", "\n", "é", "😀"}, {"", "ab"}},
                              {R"(root ::= "\n\t\\\"\x41\u00e9\U0001F600")", {"\n\t\\\"Aé😀"}, {""}},
                              {R"(root ::= [\n\]\-\\]+)", {"\n]-\\"}, {"n"}},
                              {R"(root ::= "a"? "b"* "c"+)", {"c", "abbcc"}, {"ab", "aac"}},
                              {R"(root ::= "a"{2} "b"{1,} "c"{0,2})", {"aab", "aabbcc"}, {"ab", "aabccc"}},
                              {R"(root ::= ("a" | "b" ("c" | "d"))+)", {"a", "bcabd"}, {"", "b"}},
                              {R"(root ::= x # a comment
                     x ::= "1" |
                       "2"
                     # another
                     y-z ::= "unused")",
                               {"1", "2"},
                               {"3"}},
                              {R"(root ::= "a"{3}?)", {"", "aaa"}, {"aa"}},
                              {R"(root::="a"x
x::="b")",
                               {"ab"},
                               {"a"}},
                              {R"(root ::= "" "" )", {""}, {"a"}},
                          });
}

TEST(Gbnf, RecursiveRules) {
  const char* const json = R"g(
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws     ::= | " " | "\n" [ \t]{0,20}
)g";
  CheckCases(CompileGbnf, {
                              {json,
                               {"{}", R"({"a": [1, -2.5e+1, {"b":null}], "c" :"é\n\u00e9"})", "{ }\n  "},
                               {"", "{", "[]", R"({"a":})", R"({"a":1,})", R"({"a":01})", "{}x"}},
                              {R"g(root ::= "(" root ")" | "x")g", {"x", "((x))"}, {"(x", "()"}},
                              {R"(root ::= "a" root "a" | "b" root "b" | "")", {"", "abba", "aa"}, {"ab", "aab"}},
                          });
}

TEST(Gbnf, LeftRecursion) {
  CheckCases(CompileGbnf, {
                              {R"(root ::= root "a" | "b")", {"b", "baaa"}, {"", "a", "ab", "bb"}},
                              {R"g(expr ::= expr "+" term | term
              term ::= term "*" factor | factor
              factor ::= "(" expr ")" | [0-9]+
              root ::= expr)g",
                               {"1", "1+2*3", "(1+2)*(3)", "12+(3)"},
                               {"", "+1", "1+", "(1", "1**2"}},
                              {R"(root ::= x "a"
              x ::= root "b" | "c")",
                               {"ca", "caba", "cababa"},
                               {"", "c", "cab", "cb"}},
                              {R"(root ::= empty root "a" | "b"
              empty ::= "e" empty "f" | "")",
                               {"b", "ba", "efba", "efbaa", "efefbaa", "eeffba"},
                               {"efb", "e", "efefba"}},
                              {R"(root ::= root root | "a" | "")", {"", "a", "aaaa"}, {"b", "ab"}},
                              {R"(root ::= x | y
              x ::= y | "a"
              y ::= x | "b" | root "c")",
                               {"a", "b", "ac", "bcc"},
                               {"", "c", "ab"}},
                              {R"(root ::= root | "a")", {"a"}, {"", "aa"}},
                              {R"g(root ::= opt* root "x" | "y"
              opt ::= "(" root ")")g",
                               {"y", "yx", "(y)yx", "(yx)yxx"},
                               {"(y)y", "x"}},
                          });
}

TEST(Gbnf, PrefixesCanBeCompleted) {
  Recogniser grammar(CompileGbnf, R"(root ::= "a" [] "c" | "a" x "b"
                                     x ::= "x" x [] | "y")");
  ASSERT_TRUE(grammar.root()) << grammar.root().error().ToString();
  EXPECT_TRUE(grammar.Matches("ayb"));
  EXPECT_FALSE(grammar.Begins("ac"));
  EXPECT_FALSE(grammar.Begins("ax"));
}

/// Random rules over a and b: what the machine accepts against the texts that the rules derive, counted out.
TEST(Gbnf, RandomGrammarsAgreeWithTheirDerivations) {
  constexpr std::size_t kRules = 4, kLongest = 5;
  std::mt19937 random(20250314);
  const auto draw = [&](unsigned below) { return static_cast<std::size_t>(random() % below); };
  const std::array<std::string, kRules> names = {"root", "x", "y", "z"};
  std::vector<std::string> all = {""};
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].size() < kLongest) all.insert(all.end(), {all[i] + "a", all[i] + "b"});
  }
  int compiled = 0, refused = 0;
  for (int round = 0; round < 3'000; ++round) {
    // Symbols: rules by number, then a and b.
    std::array<std::vector<std::vector<std::size_t>>, kRules> rules;
    std::string text;
    for (std::size_t rule = 0; rule < kRules; ++rule) {
      text += names[rule] + " ::=";
      for (std::size_t count = 1 + draw(3), i = 0; i < count; ++i) {
        auto& production = rules[rule].emplace_back();
        if (i > 0) text += " |";
        for (std::size_t length = draw(4); length > 0; --length) {
          production.push_back(draw(3) == 0 ? kRules + draw(2) : draw(kRules));
          text += " " + (production.back() < kRules    ? names[production.back()]
                         : production.back() == kRules ? "\"a\""
                                                       : "\"b\"");
        }
      }
      text += "\n";
    }
    std::array<std::set<std::string>, kRules> derived;
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t rule = 0; rule < kRules; ++rule) {
        for (const auto& production : rules[rule]) {
          std::set<std::string> texts = {""};
          for (const std::size_t symbol : production) {
            std::set<std::string> longer;
            const std::set<std::string> letter = {symbol == kRules ? "a" : "b"};
            for (const std::string& front : texts) {
              for (const std::string& back : symbol < kRules ? derived[symbol] : letter) {
                if (front.size() + back.size() <= kLongest) longer.insert(front + back);
              }
            }
            texts = std::move(longer);
          }
          for (const std::string& each : texts) changed |= derived[rule].insert(each).second;
        }
      }
    }
    Recogniser grammar(CompileGbnf, text);
    if (!grammar.root()) {
      ++refused;
      EXPECT_NE(grammar.root().error().message().find("no finite text"), std::string::npos)
          << text << grammar.root().error().ToString();
      continue;
    }
    ++compiled;
    for (const std::string& each : all) {
      ASSERT_EQ(grammar.Matches(each), derived[0].contains(each)) << text << "on '" << each << "'";
    }
  }
  EXPECT_GT(compiled, 1'000);
  EXPECT_GT(refused, 100);
}

TEST(Lark, Notation) {
  CheckCases(Lark, {
                       {"start: \"a\"", {"a"}, {"", "aa", " a"}},
                       {"start: \"ab\"i", {"ab", "AB", "aB"}, {"a"}},
                       {"start: A b+\nA: \"x\"..\"z\"\nb: \"1\" | \"2\"", {"x1", "z2121"}, {"x", "a1"}},
                       {"start: a\na: \"x\" -> first\n | \"y\" -> second", {"x", "y"}, {""}},
                       {"?start: _a\n!_a: \"x\" [\"y\"] (\"z\" \"w\")*", {"x", "xy", "xzwzw"}, {"xz", "y"}},
                       {"start: \"a\"~3", {"aaa"}, {"aa", "aaaa"}},
                       {"start: \"a\" (\",\" \"a\")~1..2", {"a,a", "a,a,a"}, {"a", "a,a,a,a"}},
                       {"start: /[a-c]+\\/\\d/i", {"a/1", "ABC/2"}, {"/1", "a1"}},
                       {"start: T\nT.2: /a/ B\nB: \"b\"?", {"a", "ab"}, {"b"}},
                       {"// comment\nstart: x // more\n# another\nx: \"1\"\n", {"1"}, {"2"}},
                       {"start: (\"a\"\n        \"b\"\n | \"c\")", {"ab", "c"}, {"a"}},
                       {"start: \"a\" \\\n \"b\"", {"ab"}, {"a"}},
                       {"start: | \"a\"", {"", "a"}, {"b"}},
                       {"start: \"\\n\\\"\\\\\\x41\\u00e9\"", {"\n\"\\Aé"}, {""}},
                       {"%import common.INT\nstart: INT", {"0", "12"}, {"", "-1"}},
                       {"%import common.INT -> NUM\nstart: NUM", {"7"}, {"x"}},
                       {"%import common (INT, CNAME)\nstart: CNAME INT", {"ab1", "_2"}, {"1a"}},
                   });
}

TEST(Lark, IgnoredTerminalsStandAnywhere) {
  const char* const sum = R"g(
start: sum
?sum: product
    | sum "+" product   -> add
    | sum "-" product   -> sub
?product: atom
    | product "*" atom  -> mul
?atom: NUMBER           -> number
    | "-" atom          -> neg
    | NAME              -> var
    | "(" sum ")"
%import common.CNAME -> NAME
%import common.NUMBER
%import common.WS_INLINE
%ignore WS_INLINE
%ignore /#[^\n]*/
)g";
  CheckCases(Lark, {
                       {sum,
                        {"1", " 1 + 2.5e3*x ", "-(a-b)*c", "1+2 # sum", "((1))", "  \t1"},
                        {"", "1 +", "1 + * 2", "(1", "1\n+2", "a b"}},
                       {"start: A A\nA: \"x\" \"y\"\n%ignore \" \"", {"xyxy", " xy  xy "}, {"x yxy", "xy"}},
                   });
}

TEST(Lark, CommonTerminals) {
  struct Common {
    const char* name;
    std::vector<const char*> accepts, rejects;
  };
  const std::vector<Common> cases = {
      {"DIGIT", {"7"}, {"12", ""}},
      {"HEXDIGIT", {"a", "F"}, {"g"}},
      {"SIGNED_INT", {"1", "+1", "-12"}, {"1.5", "+"}},
      {"DECIMAL", {"1.", "1.5", ".5"}, {".", "1"}},
      {"FLOAT", {"1e5", "1.5", ".5e-3", "2.E+1"}, {"1", "e5"}},
      {"SIGNED_FLOAT", {"-1e5", "+.5"}, {"-1"}},
      {"NUMBER", {"1", "1.", "1.5", ".5", "1e5", "1.e5"}, {".", "-1"}},
      {"SIGNED_NUMBER", {"-1", "+1.5e3"}, {"--1"}},
      {"ESCAPED_STRING", {R"("")", R"("a\"b")", R"("\\")"}, {"\"", R"("\")", "\"\n\"", R"("a"b")"}},
      {"WORD", {"aB"}, {"a1", ""}},
      {"CNAME", {"_a1", "b"}, {"1a"}},
      {"LCASE_LETTER", {"a"}, {"A"}},
      {"UCASE_LETTER", {"A"}, {"a"}},
      {"LETTER", {"A", "a"}, {"1"}},
      {"WS", {" \n\t\r\f"}, {"", "a"}},
      {"WS_INLINE", {" \t"}, {"\n"}},
      {"NEWLINE", {"\n", "\r\n\n"}, {"\r"}},
      {"CR", {"\r"}, {"\n"}},
      {"LF", {"\n"}, {"\r"}},
      {"SH_COMMENT", {"# x"}, {"# x\n"}},
      {"CPP_COMMENT", {"// x"}, {"/ x"}},
      {"C_COMMENT", {"/**/", "/* a * / **/", "/***/"}, {"/*/", "/* */ */"}},
      {"SQL_COMMENT", {"-- x"}, {"- x"}},
  };
  for (const Common& common : cases) {
    const std::string grammar = fmt::format("%import common.{0}\nstart: {0}", common.name);
    CheckCases(Lark, {{grammar.c_str(), common.accepts, common.rejects}});
  }
}

struct Refusal {
  Compile compile;
  std::string grammar;
  ErrorCode code;
  const char* words;
};

TEST(Ebnf, RefusalsNameThePlace) {
  const auto invalid = ErrorCode::kInvalidArgument, unsupported = ErrorCode::kUnsupported;
  // Each rule begins with the next, the last with the first, and each is asked for: ways up for every pair.
  std::string ring = "root ::= x0\n";
  constexpr int kRing = 1'500;
  for (int i = 0; i < kRing; ++i) ring += fmt::format("x{0} ::= x{1} \"a\" x{0} | \"b\"\n", i, (i + 1) % kRing);
  const std::vector<Refusal> cases = {
      {CompileGbnf, "", invalid, "no rule 'root'"},
      {CompileGbnf, "rule ::= \"a\"", invalid, "no rule 'root'"},
      {CompileGbnf, "root ::= a\n  b ::= \"x\"", invalid, "line 1, column 10: 'a' is not defined"},
      {CompileGbnf, "root ::= \"é\" a", invalid, "line 1, column 14: 'a' is not defined"},
      {CompileGbnf, "root ::= \"a\"\nroot ::= \"b\"", invalid, "line 2, column 1: 'root' is defined twice"},
      {CompileGbnf, "root ::= \"a\n", invalid, "expected \" before the end"},
      {CompileGbnf, "root ::= [a", invalid, "expected ] before the end"},
      {CompileGbnf, "root ::= [b-a]", invalid, "line 1, column 11: a range that runs backwards"},
      {CompileGbnf, "root ::= (\"a\"", invalid, "a group without )"},
      {CompileGbnf, "root ::= \"a\")", invalid, "a ) that closes nothing"},
      {CompileGbnf, "root = \"a\"", invalid, "line 1, column 1: expected a rule"},
      {CompileGbnf, "root ::= *", invalid, "expected a literal"},
      {CompileGbnf, "root ::= \"a\"{2,1}", invalid, "at least 2 and at most 1"},
      {CompileGbnf, "root ::= \"a\"{,}", invalid, "expected a repetition: {m}, {m,} or {m,n}"},
      {CompileGbnf, "root ::= \"a\"{99999999999}", invalid, "too large"},
      {CompileGbnf, "root ::= \"\\q\"", invalid, "unknown escape \\q"},
      {CompileGbnf, "root ::= \"\\u12\"", invalid, "expected 4 hexadecimal digits"},
      {CompileGbnf, "root ::= \"\xFF\"", invalid, "not UTF-8"},
      {CompileGbnf, "root ::= root \"a\"", invalid, "line 1, column 1: 'root' derives no finite text"},
      {CompileGbnf, "root ::= \"x\" y\ny ::= \"a\" z\nz ::= y", invalid,
       "line 3, column 1: 'z' derives no finite text"},
      {CompileGbnf, "root ::= []", invalid, "'root' matches no text"},
      {CompileGbnf, "root ::= <think>", unsupported, "a token of the vocabulary"},
      {CompileGbnf, "root ::= (= \"a\")", unsupported, "look-ahead"},
      {CompileGbnf, "root ::= " + std::string(201, '('), unsupported, "so deep a group"},
      {CompileGbnf, "root ::= \"a\" " + std::string(9, '?'), unsupported, "so many quantifiers"},
      {CompileGbnf, ring, unsupported, "too large"},
      {CompileGbnf, "root ::= (root \"a\" | \"b\"){1,200000}", unsupported, "too large"},
      {Lark, "", invalid, "'start' is not defined"},
      {Lark, "start: a", invalid, "line 1, column 8: 'a' is not defined"},
      {Lark, "start: A", invalid, "'A' is not defined"},
      {Lark, "start: \"a\"\nstart: \"b\"", invalid, "'start' is defined twice"},
      {Lark, "start \"a\"", invalid, "expected : after 'start'"},
      {Lark, "start: (\"a\"", invalid, "a group without )"},
      {Lark, "start: \"a\")", invalid, "unexpected ')'"},
      {Lark, "start: \"a", invalid, "a text without its end"},
      {Lark, "start: /a", invalid, "a regular expression without its end"},
      {Lark, "start: /(/", invalid, "line 1, column 9"},
      {Lark, "start: \"z\"..\"a\"", invalid, "a range is of two characters"},
      {Lark, "start: T\nT: x\nx: \"a\"", invalid, "the rule 'x' in a terminal"},
      {Lark, "start: \"a\"~3..2", invalid, "at least 3 and at most 2"},
      {Lark, "%import common.NOPE\nstart: \"a\"", invalid, "common has no terminal 'NOPE'"},
      {Lark, "start: start \"a\"", invalid, "'start' derives no finite text"},
      {Lark, "%import python.NAME\nstart: NAME", unsupported, "an import from anywhere but common"},
      {Lark, "%declare A\nstart: A", unsupported, "%declare"},
      {Lark, "start: sep{\"a\"}", unsupported, "a template"},
      {Lark, "sep{x}: x\nstart: \"a\"", unsupported, "a template"},
      {Lark, "start: /a b/x", unsupported, "a flag"},
      {Lark, "start: /\\bab/", unsupported, "a word boundary"},
      {Lark, "start: <|im_end|>", unsupported, "a token of the vocabulary"},
      {Lark, "start: " + std::string(201, '('), unsupported, "so deep a group"},
  };
  for (const Refusal& test : cases) {
    Recogniser grammar(test.compile, test.grammar);
    ASSERT_FALSE(grammar.root()) << test.grammar;
    EXPECT_EQ(grammar.root().error().code(), test.code) << test.grammar << grammar.root().error().ToString();
    EXPECT_NE(grammar.root().error().ToString().find(test.words), std::string::npos)
        << test.grammar << ": " << grammar.root().error().ToString();
  }
}

TEST(Ebnf, LongChainsOfRulesNeedNoDeepStack) {
  std::string text = "root ::= x0 root | \"end\"\n";
  constexpr int kRules = 20'000;
  for (int i = 0; i < kRules; ++i) text += fmt::format("x{} ::= x{}\n", i, i + 1);
  text += fmt::format("x{} ::= \"a\" | \"(\" root \")\"", kRules);
  RegexStore store;
  Lexer lexer(store);
  Network network(lexer);
  EXPECT_TRUE(CompileGbnf(network, text));
}

}  // namespace
}  // namespace strata::grammar
