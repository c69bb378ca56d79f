// Words that say nothing about a text, by language: articles, pronouns, prepositions, conjunctions, auxiliaries.
#pragma once

#include <string_view>

namespace strata::knowledge {

/// With spaces between them, folded; empty for a language that has no list here.
std::string_view StopWords(std::string_view language);

}  // namespace strata::knowledge
