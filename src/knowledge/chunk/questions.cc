#include "knowledge/chunk/questions.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace strata::knowledge {
namespace {

// Longer paragraphs that end with a question mark are text.
constexpr std::size_t kMaxQuestion = 400;

constexpr std::array kMarks = {std::string_view("q"),  std::string_view("question"), std::string_view("frage"),
                               std::string_view("問"), std::string_view("问"),       std::string_view("问题")};

/// "Q:", "Q3.", "Question 12:", "问：".
bool HasMark(std::string_view text) {
  for (const std::string_view mark : kMarks) {
    if (text.size() <= mark.size() || !std::ranges::equal(text.substr(0, mark.size()), mark, [](char a, char b) {
          return std::tolower(static_cast<unsigned char>(a)) == static_cast<unsigned char>(b);
        })) {
      continue;
    }
    std::string_view rest = text.substr(mark.size());
    while (!rest.empty() && (rest[0] == ' ' || (rest[0] >= '0' && rest[0] <= '9'))) rest.remove_prefix(1);
    if (rest.starts_with(':') || rest.starts_with("：") ||
        (rest.starts_with('.') && rest.size() < text.size() - mark.size())) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool IsQuestion(const ParsedDocument& document, const Block& block) {
  if (block.kind != BlockKind::kHeading && block.kind != BlockKind::kParagraph && block.kind != BlockKind::kListItem) {
    return false;
  }
  const std::string_view text = std::string_view(document.text).substr(block.span.begin, block.span.size());
  if (text.size() > kMaxQuestion) return false;
  return text.ends_with('?') || text.ends_with("？") || text.ends_with("؟") || HasMark(text);
}

bool IsPairTable(const ParsedDocument& document, const Block& block) {
  if (block.kind != BlockKind::kTable || block.rows.empty()) return false;
  return std::ranges::all_of(block.rows, [&](const Span& row) {
    const std::string_view text = std::string_view(document.text).substr(row.begin, row.size());
    const std::size_t bar = text.find(" | ");
    return bar == text.npos || text.find(" | ", bar + 3) == text.npos;
  });
}

}  // namespace strata::knowledge
