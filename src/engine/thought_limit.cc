#include "engine/thought_limit.h"

#include <utility>

#include "base/unicode.h"

namespace strata {
namespace {

constexpr std::size_t kMaxUtf8 = 4;  // bytes of a character

/// Whether all of `tokens` may come, one after the other.
bool TakesAll(grammar::Matcher& matcher, std::span<const TokenId> tokens) {
  std::size_t taken = 0;
  while (taken < tokens.size() && matcher.Accept(tokens[taken])) ++taken;
  matcher.Rollback(taken);
  return taken == tokens.size();
}

}  // namespace

ThoughtLimit::ThoughtLimit(ThinkingBudget budget, const Tokenizer& tokenizer)
    : budget_(std::move(budget)), tokenizer_(tokenizer), inside_(budget_.begun) {
  if (inside_ && budget_.tokens == 0) due_ = 0;
}

std::span<const TokenId> ThoughtLimit::Due(grammar::Matcher* matcher) {
  if (due_ == kNothingDue) return {};
  if (due_ == 0 && matcher != nullptr && !TakesAll(*matcher, budget_.cut)) {
    due_ = kNothingDue;
    inside_ = false;
    held_.clear();
    return {};
  }
  return std::span(budget_.cut).subspan(due_);
}

void ThoughtLimit::Push(TokenId token) {
  const bool counts = inside_ && due_ == kNothingDue;
  for (const char byte : tokenizer_.TokenBytes(token)) Read(byte);
  if (due_ != kNothingDue) {
    if (++due_ == budget_.cut.size()) due_ = kNothingDue;
    return;
  }
  if (counts && inside_) ++spent_;
  // A character that has begun is finished first: the text would be broken, and no grammar takes half of one.
  const bool whole = CompleteUtf8Prefix(character_) == character_.size();
  if (inside_ && whole && spent_ >= budget_.tokens) due_ = 0;
}

void ThoughtLimit::Read(char byte) {
  const bool continues = (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
  if (!continues || character_.size() == kMaxUtf8) character_.clear();
  character_ += byte;
  const std::string& marker = inside_ ? budget_.close : budget_.open;
  held_ += byte;
  while (!marker.starts_with(held_)) held_.erase(0, 1);
  if (held_.size() < marker.size()) return;
  inside_ = !inside_;
  held_.clear();
}

}  // namespace strata
