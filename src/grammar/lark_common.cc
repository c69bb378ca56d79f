#include "grammar/lark_common.h"

#include <algorithm>
#include <array>

namespace strata::grammar {
namespace {

struct CommonTerminal {
  std::string_view name;
  std::string_view pattern;
};

// The languages of lark/grammars/common.lark; where that has a lazy repetition, the texts that its lexer stops at.
constexpr auto kCommon = std::to_array<CommonTerminal>({
    {"DIGIT", "[0-9]"},
    {"HEXDIGIT", "[0-9A-Fa-f]"},
    {"INT", "[0-9]+"},
    {"SIGNED_INT", "[+-]?[0-9]+"},
    {"DECIMAL", R"([0-9]+\.[0-9]*|\.[0-9]+)"},
    {"FLOAT", R"([0-9]+[Ee][+-]?[0-9]+|(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[Ee][+-]?[0-9]+)?)"},
    {"SIGNED_FLOAT", R"([+-]?(?:[0-9]+[Ee][+-]?[0-9]+|(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[Ee][+-]?[0-9]+)?))"},
    {"NUMBER", R"((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[Ee][+-]?[0-9]+)?)"},
    {"SIGNED_NUMBER", R"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[Ee][+-]?[0-9]+)?)"},
    {"ESCAPED_STRING", R"("(?:[^"\\\n]|\\[^\n])*")"},
    {"LCASE_LETTER", "[a-z]"},
    {"UCASE_LETTER", "[A-Z]"},
    {"LETTER", "[A-Za-z]"},
    {"WORD", "[A-Za-z]+"},
    {"CNAME", "[A-Za-z_][A-Za-z0-9_]*"},
    {"WS_INLINE", R"([ \t]+)"},
    {"WS", R"([ \t\f\r\n]+)"},
    {"CR", R"(\r)"},
    {"LF", R"(\n)"},
    {"NEWLINE", R"((?:\r?\n)+)"},
    {"SH_COMMENT", R"(#[^\n]*)"},
    {"CPP_COMMENT", R"(\/\/[^\n]*)"},
    {"C_COMMENT", R"(\/\*(?:[^*]|\*+[^*\/])*\*+\/)"},
    {"SQL_COMMENT", R"(--[^\n]*)"},
});

}  // namespace

std::optional<std::string_view> LarkCommonTerminal(std::string_view name) {
  const auto found = std::ranges::find(kCommon, name, &CommonTerminal::name);
  return found == kCommon.end() ? std::nullopt : std::optional(found->pattern);
}

}  // namespace strata::grammar
