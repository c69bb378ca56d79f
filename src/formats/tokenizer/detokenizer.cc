#include <utility>

#include "base/unicode.h"
#include "formats/tokenizer.h"

namespace strata {
namespace {

/// Bytes at the end that begin a UTF-8 character and may still be completed.
std::size_t IncompleteTail(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

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
  const std::size_t tail = IncompleteTail(held_);
  std::string ready = held_.substr(0, held_.size() - tail);
  held_.erase(0, ready.size());
  return Valid(std::move(ready));
}

std::string Detokenizer::Finish() { return Valid(std::exchange(held_, {})); }

}  // namespace strata
