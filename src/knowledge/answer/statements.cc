#include "knowledge/answer/statements.h"

#include <algorithm>
#include <vector>

#include "knowledge/answer/markers.h"
#include "knowledge/chunk/sentences.h"

namespace strata::knowledge {
namespace {

// A quotation of more sentences than that was never closed.
constexpr std::size_t kLongestStatement = 2000;

std::size_t Count(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

/// A quotation that begins in it does not end in it.
bool LeavesQuoteOpen(std::string_view text) {
  return text.size() < kLongestStatement &&
         (Count(text, "\"") % 2 == 1 || Count(text, "“") > Count(text, "”") || Count(text, "「") > Count(text, "」") ||
          Count(text, "«") > Count(text, "»"));
}

/// "1." or "-": what follows is the item.
bool IsListMark(std::string_view text) {
  if (text == "-" || text == "*" || text == "•") return true;
  const auto digits = text.find_first_not_of("0123456789");
  return digits != 0 && digits == text.size() - 1 && (text.back() == '.' || text.back() == ')');
}

}  // namespace

std::size_t StatementSplitter::CompleteStatement(bool last) const {
  const std::string_view text = held_;
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return 0;
  const std::size_t newline = text.find('\n', begin);
  const std::size_t line_end = std::min(newline, text.size());
  const bool line_ended = last || newline != std::string_view::npos;
  const std::vector<Span> sentences = SplitSentences(text, {begin, line_end});
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    std::size_t end = sentences[i].end;
    if (IsListMark(text.substr(begin, end - begin)) || LeavesQuoteOpen(text.substr(begin, end - begin))) continue;
    // Markers behind the full stop belong to the sentence before it.
    for (;;) {
      const std::size_t next = std::min(text.find_first_not_of(' ', end), line_end);
      const std::string_view rest = text.substr(next, line_end - next);
      if (const auto marker = ReadMarker(rest)) {
        end = next + marker->bytes;
        continue;
      }
      if (!line_ended && (rest.empty() || MayBecomeMarker(rest))) return 0;
      break;
    }
    if (i + 1 < sentences.size() && end <= line_end) return end;
  }
  return line_ended ? line_end : 0;
}

void StatementSplitter::Push(std::string_view text) {
  held_ += text;
  while (const std::size_t bytes = CompleteStatement(false)) {
    on_statement_(std::string_view(held_).substr(0, bytes));
    held_.erase(0, bytes);
  }
}

void StatementSplitter::Finish() {
  while (const std::size_t bytes = CompleteStatement(true)) {
    on_statement_(std::string_view(held_).substr(0, bytes));
    held_.erase(0, bytes);
  }
  held_.clear();
}

}  // namespace strata::knowledge
