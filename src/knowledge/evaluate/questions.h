// Golden sets for bases that have none: questions that the chat model writes of the base's own chunks.
//
//   STRATA_TRY(const GeneratedQuestions made, GenerateQuestions(searcher, {.count = 100}));
//   WriteFile("golden.jsonl", FormatGoldenSet(made.questions));
//
// They say how well what is there is found and answered; of questions that nobody's document answers they say nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "knowledge/evaluate/golden.h"
#include "knowledge/search/searcher.h"

namespace strata::knowledge {

struct QuestionOptions {
  std::size_t count = 50;  ///< questions that are wanted
  std::uint64_t seed = 1;  ///< of which chunks are asked of
  std::size_t k = 10;      ///< hits among which a question must find its chunk
  /// Told of each chunk that was tried and how many questions there are now; false stops.
  std::function<bool(std::size_t tried, std::size_t made)> on_tried = {};
};

struct GeneratedQuestions {
  /// Each with its chunk's document as relevant, the chunk's span, and the answer; documents that have the same chunk
  /// are relevant, too.
  std::vector<GoldenQuestion> questions;
  std::size_t tried = 0;  ///< chunks
  // Why chunks gave no question.
  std::size_t malformed = 0;  ///< the model did not come to an end
  std::size_t copied = 0;  ///< more than half of the question stands in the chunk word by word: it would test no search
  std::size_t unfounded = 0;  ///< the answer has words that the chunk has not
  std::size_t repeated = 0;   ///< asked of another chunk already
  std::size_t not_found = 0;  ///< the base's own search does not find the chunk by it: it asks too little, or too much
};

/// Writes questions of chunks chosen by chance, five times as many as questions are wanted at most; with fewer chunks
/// or too few good questions they are fewer. Errors: kUnsupported where the searcher has no writer; kNotFound where no
/// chunk is long enough; those of the models and the store.
Result<GeneratedQuestions> GenerateQuestions(const Searcher& searcher, const QuestionOptions& options);

}  // namespace strata::knowledge
