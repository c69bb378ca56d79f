// For tests: networks written by hand.
#pragma once

#include <string_view>

#include <gtest/gtest.h>

#include "grammar/network.h"

namespace strata::grammar {

class NetworkTest : public testing::Test {
 public:
  NodeId Text(std::string_view text, NodeId next) { return Lexeme(store_.Literal(text), next); }
  NodeId Lexeme(RegexId regex, NodeId next, Spelling spelling = Spelling::kText) {
    return network_.Lexeme(lexer_.Start(regex, spelling), next);
  }
  RegexId Range(char32_t first, char32_t last) { return store_.Set(CharSet({{first, last}})); }

 protected:
  RegexStore store_;
  Lexer lexer_{store_};
  Network network_{lexer_};
};

}  // namespace strata::grammar
