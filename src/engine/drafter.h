// Speculation without a model: what followed the last time that the sequence's own text ended like this. Prompt lookup
// decoding (Saxena, 2023) with matches as long as they get, as in suffix decoding (Oliaro et al., 2024), over prompt
// and output. Wrong proposals cost rows of a step and change nothing: the engine samples every row as it would have
// anyway and keeps the proposals that turn out equal.
//
//   Drafter drafter;
//   drafter.Observe(tokens, prompt_length);                  // prompt, later the output as it grows
//   const Draft& draft = drafter.Propose(tokens, 16);
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "formats/tokenizer.h"

namespace strata {

/// Proposed tokens; chances[i] is how likely the first i + 1 of them all come: not increasing.
struct Draft {
  std::vector<TokenId> tokens;
  std::vector<float> chances;
};

/// How often proposals of a kind are right: a share that forgets, hits and trials of about the last 30.
struct DraftRate {
  float hits, trials;
  void Count(bool hit) {
    constexpr float kKeep = 1 - 1.0F / 32;
    hits = hits * kKeep + (hit ? 1.0F : 0.0F);
    trials = trials * kKeep + 1;
  }
  float value() const { return hits / trials; }
};

/// Of one sequence. It predicts every token, whether anybody asks or not, and so knows for each length of a match how
/// often it was right of late: whether proposals pay is known without verifying one.
class Drafter {
 public:
  Drafter();

  /// Takes in what is new since the last call. `tokens` is the whole sequence, which only ever grows; its first
  /// `prompt` ones are not counted as predictions. O(1) amortised a token.
  void Observe(std::span<const TokenId> tokens, std::int64_t prompt);

  /// What might follow `tokens` (all of them observed), at most `most` tokens. Valid until the next call.
  const Draft& Propose(std::span<const TokenId> tokens, std::int64_t most);

  /// Tokens of the current match's length and where its continuation begins; for tests.
  std::int64_t match_length() const { return source_ < 0 ? 0 : match_; }
  std::int64_t source() const { return source_; }

 private:
  static constexpr std::int64_t kShortestMatch = 2;
  static constexpr std::int64_t kLongestMatch = 32;  ///< longer ones are not told apart
  static constexpr int kCandidates = 16;             ///< places looked at a token, the most recent ones
  static constexpr std::size_t kClasses = 6;         ///< of match lengths

  static std::size_t ClassOf(std::int64_t match);
  std::size_t Slot(std::span<const TokenId> tokens, std::int64_t last) const;
  void Index(std::span<const TokenId> tokens, std::int64_t last);
  void Search(std::span<const TokenId> tokens, std::int64_t last);

  std::vector<std::int32_t> heads_;     ///< by hash of two tokens: where they stood last; a power of two long
  std::vector<std::int32_t> previous_;  ///< by position: where its slot's pair stood before; -1 = nowhere
  std::int64_t source_ = -1;            ///< position of the predicted next token; -1 = none
  std::int64_t match_ = 0;              ///< tokens before `source_` that equal the sequence's end
  std::array<DraftRate, kClasses> rates_;
  Draft draft_;
};

}  // namespace strata
