#include "engine/draft_module.h"

#include <cassert>

namespace strata {
namespace {

/// Of DeepSeek V3's second token, by its report; the engine learns soon what holds.
constexpr float kFirstChance = 0.85F;
constexpr double kFewGuesses = 16;
constexpr double kKeep = 1 - 1.0 / 256;

}  // namespace

DraftModule::DraftModule(ModelRunner& runner) : runner_(runner) { assert(runner.has_draft_module()); }

float DraftModule::chance() const { return known_ < kFewGuesses ? kFirstChance : static_cast<float>(right_ / known_); }

Status DraftModule::Read(std::span<const Reader> readers) {
  slices_.clear();
  for (const Reader& reader : readers) {
    Guess& guess = *reader.guess;
    if (guess.place >= 0 && guess.place < std::ssize(reader.tokens)) {
      right_ = right_ * kKeep + (reader.tokens[static_cast<std::size_t>(guess.place)] == guess.token ? 1 : 0);
      known_ = known_ * kKeep + 1;
    }
    guess = {};
    slices_.push_back({reader.slice,
                       reader.tokens.subspan(static_cast<std::size_t>(reader.start + 1),
                                             static_cast<std::size_t>(reader.computed - reader.start)),
                       reader.table, reader.decodes ? WantLogits::kLast : WantLogits::kNone});
  }
  if (slices_.empty()) return {};
  STRATA_TRY(const LogitsView logits, runner_.Draft(slices_));
  std::size_t row = 0;
  for (const Reader& reader : readers) {
    if (reader.decodes) *reader.guess = {logits.argmax[row++], std::ssize(reader.tokens)};
  }
  return {};
}

}  // namespace strata
