#include <utility>

#include "base/unicode.h"
#include "formats/tokenizer.h"

namespace strata {
namespace {

std::string Valid(std::string text) { return IsValidUtf8(text) ? text : ReplaceInvalidUtf8(text); }

}  // namespace

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool skip_special_tokens)
    : tokenizer_(&tokenizer), skip_special_tokens_(skip_special_tokens) {}

std::string Detokenizer::Push(TokenId id) {
  if (skip_special_tokens_ && tokenizer_->IsSpecial(id)) return {};
  std::string_view bytes = tokenizer_->TokenBytes(id);
  if (at_start_ && !bytes.empty()) {
    at_start_ = false;
    if (tokenizer_->strips_leading_space() && bytes.front() == ' ') bytes.remove_prefix(1);
  }
  held_ += bytes;
  std::string ready = held_.substr(0, CompleteUtf8Prefix(held_));
  held_.erase(0, ready.size());
  return Valid(std::move(ready));
}

std::string Detokenizer::Finish() { return Valid(std::exchange(held_, {})); }

}  // namespace strata
