// Which of some short texts a question is about: Okapi BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance
// Framework: BM25 and Beyond") over words of identifiers and prose.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace strata::serve {

/// The words of a text, in lower case and without a plural's s: identifiers are split at case, underscores and digits
/// ("getUserIDs" is get, user, id); letters of scripts without spaces come as pairs of neighbours.
std::vector<std::string> SplitWords(std::string_view text);

class WordIndex {
 public:
  /// A piece of a text, or of a question, and what its words count.
  struct Part {
    std::string text;
    double weight = 1;
  };

  /// The next text's number is one more than the last one's, from 0. Finish makes it ready for questions.
  void Add(std::span<const Part> parts);
  void Finish();

  /// How much each text has to do with the question: 0 where they share no word. A word that several parts of the
  /// question have counts by the weightiest.
  std::vector<double> Score(std::span<const Part> question) const;

 private:
  struct Posting {
    std::uint32_t text;
    double count;  ///< weighted
  };
  std::unordered_map<std::string, std::vector<Posting>> postings_;
  std::vector<double> lengths_;
  double mean_length_ = 0;
};

}  // namespace strata::serve
