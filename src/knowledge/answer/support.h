// Whether sources hold what an answer says, by words: no model judges another here.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "knowledge/answer/answerer.h"
#include "knowledge/lexical/analyser.h"
#include "knowledge/models.h"

namespace strata::knowledge {

/// Where in a source a text stands best.
struct Window {
  std::size_t piece = 0;  ///< of Passage::pieces
  Span span;              ///< of Passage::text; one to three sentences of that piece
  double coverage = 0;    ///< share of the text's content words that stand there
  bool numbers = true;    ///< each of its numbers does
};

class SupportChecker {
 public:
  /// All outlive it.
  SupportChecker(std::span<const Source> sources, const Analyser& analyser, Embedder& embedder);

  /// Words of a text, without stop words: what must stand in a source.
  std::vector<std::string> ContentWords(std::string_view text) const;

  /// The window of source `number` that has most of the words; the shorter of equal ones.
  Window BestWindow(int number, std::span<const std::string> words) const;

  /// The source that says what a statement says: by its words, and where these leave doubt by the mean of their share
  /// and the vectors' cosine, too. None where no source does. Errors: the embedder's.
  Result<std::optional<int>> Attribute(std::string_view statement, std::span<const std::string> words) const;

  /// Where a quotation stands, word by word but for white space; in the source of that number if it is in several.
  std::optional<Citation> FindQuote(std::string_view quote, std::span<const int> preferred) const;

  Citation Cite(int number, const Window& window) const;
  bool IsSource(int number) const { return number >= 1 && static_cast<std::size_t>(number) <= sources_.size(); }

  /// Of coverage: from there on a statement is supported.
  static constexpr double kSupported = .5;

 private:
  struct Sentence {
    std::size_t piece;
    Span span;
    std::unordered_set<std::string> words;
  };
  Citation CiteSpan(int number, std::size_t piece, Span span) const;

  std::span<const Source> sources_;
  const Analyser& analyser_;
  Embedder& embedder_;
  std::vector<std::vector<Sentence>> sentences_;  ///< of each source
};

}  // namespace strata::knowledge
