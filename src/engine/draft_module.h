// Speculation by the model's own module for the token after the next (multi-token prediction: DeepSeek V3, 2412.19437,
// section 2.2). It reads every row that the model computes, those of prompts too, right after their step, and guesses
// for each sequence that decodes one token more, which the engine verifies like any other proposal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "formats/tokenizer.h"
#include "runtime/model_runner.h"

namespace strata {

/// What the module expects behind a sequence's last token.
struct Guess {
  TokenId token = 0;
  std::int64_t place = -1;  ///< in the sequence; -1 = there is no guess
};

/// The engine thread's own.
class DraftModule {
 public:
  /// `runner` has a module (assert).
  explicit DraftModule(ModelRunner& runner);

  /// A sequence of which the last step computed something that stays.
  struct Reader {
    std::size_t slice;                    ///< of the step
    std::int64_t start;                   ///< of the slice
    std::int64_t computed;                ///< tokens of the sequence that are
    std::span<const TokenId> tokens;      ///< more than these
    std::span<const std::int32_t> table;  ///< its blocks
    bool decodes;                         ///< whether a guess is wanted
    Guess* guess;                         ///< the last one, and the next
  };
  /// Errors: those of ModelRunner::Draft; there are no guesses then.
  Status Read(std::span<const Reader> readers);

  /// How likely a guess is right, by those of late, whether they were verified or not.
  float chance() const;

 private:
  ModelRunner& runner_;
  double right_ = 0, known_ = 0;  ///< guesses of late
  std::vector<DraftSlice> slices_;
};

}  // namespace strata
