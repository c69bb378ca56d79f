// What to verify beside a sequence's next token: what its grammar leaves no choice about, and of all proposals as many
// as make the step's tokens cheaper.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/drafter.h"
#include "engine/sequence.h"
#include "formats/tokenizer.h"

namespace strata {

/// What must follow whatever the model thinks, at most `most` tokens: a completion or the end of a thought that has
/// begun, or the text that the sequence's grammar leaves no choice about (forced_text.h). Without a grammar no
/// tokenizer is needed.
Draft ForcedDraft(Sequence& sequence, const Tokenizer* tokenizer, std::int64_t most);

/// Of what must follow and what followed before: the one whose first token is the likelier. The latter knows how the
/// model has split the same names before.
const Draft& Surer(const Draft& forced, const Draft& repeated);

/// What a step costs before any proposal, and what each row more adds.
struct SpeculationCost {
  double tokens = 0;              ///< tokens that the step gives without proposals: its decoding sequences
  double seconds = 0;             ///< of the step without proposals
  double row_seconds = 0;         ///< of one row more, on average
  std::int64_t rows = 0;          ///< of the step
  std::int64_t rows_at_once = 1;  ///< rows come by so many: one more costs nothing, or as much as all of these
};

/// `chances[s][i]`: how likely the first i + 1 proposals of sequence s all come (not increasing). Returns how many to
/// verify of each: the likeliest ones, so many that the tokens a second of the whole step are the most, at most `rows`
/// in all.
std::vector<std::int64_t> ChooseDrafts(std::span<const std::span<const float>> chances, SpeculationCost cost,
                                       std::int64_t rows);

}  // namespace strata
