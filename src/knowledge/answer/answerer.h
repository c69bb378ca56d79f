// Answers out of a base's documents that show where each statement stands.
//
//   Answerer answerer(searcher, writer, analyser);
//   STRATA_TRY(Answer answer, answerer.Ask({.search = {.query = "How long is the notice period?"}}));
//
// The model sees numbered sources and the question, nothing else: no tools, no hidden text, and sources that cannot
// look like anything but sources (prompt.h). What it writes is checked here, statement by statement, before anybody
// sees it: markers [n] of no source are dropped, a statement without one is attributed to the source that says the
// same, quotes are looked up, links that no source has are taken out. An answer of which nothing is held by a source is
// none: it is replaced by kAbstention. Blocks; thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/models.h"
#include "knowledge/search/searcher.h"
#include "knowledge/types.h"

namespace strata::knowledge {

class Analyser;

/// The whole answer where the documents do not have one.
inline constexpr std::string_view kAbstention = "The documents do not answer this question.";

/// A passage that the model was shown under its number.
struct Source {
  int number = 0;  ///< from 1: what [n] means
  Passage passage;
};

/// Where a statement stands.
struct Citation {
  int source = 0;  ///< Source::number
  ChunkId chunk = 0;
  DocumentId document = 0;
  std::uint32_t version = 0;
  std::string uri, title;
  Place place;              ///< of the chunk's beginning
  Span span;                ///< of the document's text: the sentences that hold the statement, else the chunk
  double support = 0;       ///< share of the statement's content words that stand there, 0 to 1
  bool attributed = false;  ///< the model gave no marker; the server found the source by comparing
};

/// Something between quotation marks in the answer.
struct Quote {
  Span span;                         ///< of Answer::text, without the marks
  std::optional<Citation> citation;  ///< where it stands, word by word; none: nowhere
};

/// A sentence of the answer, or an item of a list.
struct Statement {
  Span span;  ///< of Answer::text, its markers included
  std::vector<Citation> citations;
  std::vector<Quote> quotes;
  /// Enough of its content words stand in what it cites, and so does each quote. A statement without content words
  /// ("Yes.") is as the one before it.
  bool supported = false;
};

enum class Abstention : std::uint8_t {
  kNone,          ///< it has answered
  kNothingFound,  ///< the search had no hit
  kWeakEvidence,  ///< no hit reached the base's thresholds (evidence.h)
  kModel,         ///< the model said so
  kUnsupported,   ///< nothing that the model wrote is held by a source
};
std::string_view ToString(Abstention reason);

struct AnswerRequest {
  SearchRequest search = {};          ///< its query is the question
  std::int64_t source_tokens = 1500;  ///< of all sources, as the writer's tokenizer counts them
  int neighbours = 1;                 ///< ReadOptions::neighbours
  std::int64_t max_tokens = 400;      ///< of the answer
  double temperature = 0;
  /// An answer needs a statement that is supported. False: a marker of the model's is enough, for answers in another
  /// language than the documents', of whose words none can stand in them.
  bool require_support = true;
  /// Called once, before the first statement; not when the search found too little.
  std::function<void(const std::vector<Source>&)> on_sources = {};
  /// Gets each statement when it has been checked, with the text that it adds to the answer (white space before it
  /// included): texts behind each other are Answer::text. Nothing is taken back later. False stops the model.
  std::function<bool(const Statement& statement, std::string_view text)> on_statement = {};
  /// Asked at each piece of text that comes; false stops the model in the middle of a statement: nobody waits any more.
  std::function<bool()> wanted = {};
};

struct Answer {
  std::string text;
  Abstention abstained = Abstention::kNone;
  std::vector<Statement> statements;  ///< none of an abstention
  std::vector<Source> sources;        ///< that the model was shown, by number
  int dropped_markers = 0;            ///< [n] of no source
  int dropped_links = 0;              ///< images, and links that no source has
  int dropped_repetitions = 0;        ///< statements that had been made before, word by word
  bool stopped = false;               ///< by on_statement or wanted, at max_tokens, or as it only repeated itself
  SearchResult search;                ///< its times with those of the answer: "prompt", "write"
};

class Answerer {
 public:
  /// All outlive it. `analyser`: of the base's language.
  Answerer(const Searcher& searcher, Writer& writer, const Analyser& analyser)
      : searcher_(searcher), writer_(writer), analyser_(analyser) {}

  /// Where the writer's context has no room for source_tokens, they are as many as it has. Errors: those of
  /// Searcher::Search and of the writer; kInvalidArgument with param max_tokens where it has no room for sources.
  Result<Answer> Ask(const AnswerRequest& request) const;

 private:
  const Searcher& searcher_;
  Writer& writer_;
  const Analyser& analyser_;
};

}  // namespace strata::knowledge
