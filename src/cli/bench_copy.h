// Decoding of an answer that repeats its prompt, with and without speculation.
#pragma once

#include <cstdint>
#include <string>

#include "cli/session.h"

namespace strata::cli {

struct CopySpeed {
  double tokens_per_second = 0;  ///< from the first token to the last
  double accepted = 0;           ///< share of the verified drafts that were right; 0 without any
  std::int64_t tokens = 0;
};

/// One stream, greedy: the model is asked to write `text` again, at most `max_tokens` tokens of it.
Result<CopySpeed> MeasureCopy(const Session& session, const LoadOptions& options, const std::string& text,
                              std::int64_t max_tokens);

/// Records as an editor or an agent has them: JSON of about 400 tokens.
std::string SomeRecords();

}  // namespace strata::cli
