#include "engine/text_stream.h"

#include <algorithm>
#include <utility>

namespace strata {

TextStream::TextStream(const Tokenizer& tokenizer, TextStreamOptions options)
    : detokenizer_(tokenizer, options.skip_special_tokens), options_(std::move(options)) {}

std::string TextStream::Push(TokenId token) {
  if (stopped_) return "";
  std::string text = detokenizer_.Push(token);
  if (++pushed_ <= options_.min_tokens) return text;
  return Release(std::move(text), false);
}

std::string TextStream::Finish() { return stopped_ ? "" : Release(detokenizer_.Finish(), true); }

std::string TextStream::Release(std::string text, bool last) {
  held_ += text;
  std::size_t first = std::string::npos;
  for (const std::string& stop : options_.stop) {
    const std::size_t found = stop.empty() ? std::string::npos : held_.find(stop);
    if (found < first) {
      first = found;
      matched_ = stop;
    }
  }
  if (first != std::string::npos) {
    stopped_ = true;
    held_.resize(first + (options_.include_stop ? matched_.size() : 0));
    return std::exchange(held_, {});
  }
  if (last) return std::exchange(held_, {});
  // The longest end of the text that is the beginning of a stop string waits for what follows.
  std::size_t keep = 0;
  for (const std::string& stop : options_.stop) {
    for (std::size_t length = std::min(stop.size(), held_.size()); length > keep; --length) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, length))) keep = length;
    }
  }
  std::string ready = held_.substr(0, held_.size() - keep);
  held_.erase(0, ready.size());
  return ready;
}

}  // namespace strata
