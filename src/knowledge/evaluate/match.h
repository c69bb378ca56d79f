// How near a text is to another one that is known to be right, word by word.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::knowledge {

/// Words without regard to case and width, without punctuation, without English articles (as SQuAD compares answers,
/// Rajpurkar et al. 2016); a character of a script without spaces between words is one.
std::vector<std::string> MatchWords(std::string_view text);

/// The harmonic mean of how many words of `text` are `right`'s and the other way round, each as often as it comes.
double TokenF1(std::span<const std::string> text, std::span<const std::string> right);

/// `text` has the words of `part`, one behind the other.
bool ContainsWords(std::span<const std::string> text, std::span<const std::string> part);

/// The most words that both have one behind the other.
std::size_t LongestCommonRun(std::span<const std::string> a, std::span<const std::string> b);

}  // namespace strata::knowledge
