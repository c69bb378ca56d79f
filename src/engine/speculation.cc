#include "engine/speculation.h"

#include <algorithm>
#include <cstddef>
#include <queue>
#include <vector>

namespace strata {
namespace {

/// The first of `tokens`, which come whatever the model says.
Draft Certain(std::span<const TokenId> tokens, std::int64_t most) {
  const auto first = tokens.first(std::min(tokens.size(), static_cast<std::size_t>(most)));
  return {.tokens = {first.begin(), first.end()}, .chances = std::vector<float>(first.size(), 1)};
}

}  // namespace

Draft ForcedDraft(Sequence& sequence, const Tokenizer* tokenizer, std::int64_t most) {
  if (most <= 0) return {};
  if (sequence.completion.begun()) return Certain(sequence.completion.rest(), most);
  if (sequence.thought) {
    const auto due = sequence.thought->Due(sequence.matcher_or_null());
    if (!due.empty()) return Certain(due, most);
  }
  if (!sequence.matcher) return {};
  return sequence.forced_text.Propose(*sequence.matcher, *tokenizer, sequence.tokens, most);
}

const Draft& Surer(const Draft& forced, const Draft& repeated) {
  if (forced.tokens.empty() || repeated.tokens.empty()) return forced.tokens.empty() ? repeated : forced;
  return forced.chances.front() >= repeated.chances.front() ? forced : repeated;
}

std::vector<std::int64_t> ChooseDrafts(std::span<const std::span<const float>> chances, SpeculationCost cost,
                                       std::int64_t rows) {
  std::vector<std::int64_t> counts(chances.size(), 0);
  const auto next = [&](std::size_t s) { return chances[s][static_cast<std::size_t>(counts[s])]; };
  const auto later = [&](std::size_t a, std::size_t b) { return next(a) != next(b) ? next(a) < next(b) : a > b; };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> likeliest(later);
  for (std::size_t s = 0; s < chances.size(); ++s) {
    if (!chances[s].empty()) likeliest.push(s);
  }
  std::vector<std::size_t> taken;  // which sequence's next one, in this order
  std::size_t best = 0;
  double most = cost.tokens / cost.seconds;
  for (; rows > 0 && !likeliest.empty(); --rows) {
    const std::size_t s = likeliest.top();
    const auto chance = static_cast<double>(next(s));
    if (cost.rows++ % cost.rows_at_once == 0) {
      // A mean of what there is, at most `most`, and of chance / row_seconds, which only falls: it will not be more.
      if (!(chance > cost.row_seconds * most)) break;
      cost.seconds += static_cast<double>(cost.rows_at_once) * cost.row_seconds;
    }
    cost.tokens += chance;
    likeliest.pop();
    taken.push_back(s);
    if (++counts[s] < static_cast<std::int64_t>(chances[s].size())) likeliest.push(s);
    if (cost.tokens / cost.seconds > most) {
      most = cost.tokens / cost.seconds;
      best = taken.size();
    }
  }
  for (const std::size_t s : std::span(taken).subspan(best)) --counts[s];
  return counts;
}

}  // namespace strata
