// Plain text: paragraphs at blank lines; headings where lines are underlined or numbered; lists where they have
// bullets.
#include <algorithm>
#include <optional>

#include "base/unicode.h"
#include "knowledge/document/encoding.h"
#include "knowledge/document/parsers.h"

namespace strata::knowledge {
namespace {

// Longer lines are sentences, not headings.
constexpr std::size_t kMaxHeading = 100;

using Lines = std::vector<std::string_view>;

bool IsBlank(std::string_view line) { return TrimSpaces(line).empty(); }

bool IsUnderline(std::string_view line) {
  line = TrimSpaces(line);
  return line.size() >= 3 && std::string_view("=-~^*#").contains(line[0]) &&
         line.find_first_not_of(line[0]) == line.npos;
}

/// "3 Title", "3.2. Title": how many numbers; 0 where it is no such line.
int NumberedLevel(std::string_view line) {
  int level = 0;
  std::size_t at = 0;
  while (at < line.size()) {
    const std::size_t digits = line.find_first_not_of("0123456789", at);
    if (digits == at || digits == line.npos || digits - at > 3) break;
    ++level;
    at = digits;
    if (line[at] != '.') break;
    ++at;
  }
  if (level == 0 || at >= line.size() || line[at] != ' ') return 0;
  const std::string_view rest = TrimSpaces(line.substr(at));
  return rest.empty() || std::string_view(".,;:!?").contains(rest.back()) ? 0 : level;
}

bool IsCapitals(std::string_view line) {
  int letters = 0;
  for (const char32_t c : ToCodePoints(line)) {
    if (!IsLetter(c)) continue;
    if (ToUpper(c) != c || ToLower(c) == c) return false;
    ++letters;
  }
  return letters >= 4;
}

/// The text behind a bullet or an item's number, empty where there is none.
std::string_view BulletText(std::string_view line) {
  const std::string_view text = TrimSpaces(line);
  for (const std::string_view bullet : {"- ", "* ", "+ ", "\xE2\x80\xA2 ", "\xE2\x80\xA2\t", "o "}) {
    if (text.starts_with(bullet)) return TrimSpaces(text.substr(bullet.size()));
  }
  const std::size_t digits = text.find_first_not_of("0123456789");
  if (digits != text.npos && digits > 0 && digits <= 3 && digits + 1 < text.size() &&
      (text[digits] == ')' || text[digits] == '.') && text[digits + 1] == ' ') {
    return text;
  }
  return {};
}

std::size_t Indent(std::string_view line) {
  std::size_t columns = 0;
  for (const char c : line) {
    if (c != ' ' && c != '\t') break;
    columns += c == '\t' ? 8 : 1;
  }
  return columns;
}

std::string Join(const Lines& lines, std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) {
    if (i > begin) text += '\n';
    text += lines[i];
  }
  return text;
}

/// The level of a heading that stands alone between blank lines.
std::optional<int> LoneHeadingLevel(std::string_view line) {
  line = TrimSpaces(line);
  if (line.size() > kMaxHeading) return std::nullopt;
  if (const int level = NumberedLevel(line); level > 0) return level;
  if (IsCapitals(line)) return 1;
  return std::nullopt;
}

class TextBlocks {
 public:
  explicit TextBlocks(DocumentBuilder& builder) : builder_(builder) {}

  /// Lines without a blank one among them.
  void Add(Lines lines) {
    // An underlined heading, with or without a line above it.
    if (lines.size() >= 3 && IsUnderline(lines[0]) && IsUnderline(lines[2]) && lines[1].size() <= kMaxHeading) {
      lines.erase(lines.begin());
    }
    if (lines.size() >= 2 && IsUnderline(lines[1]) && !IsUnderline(lines[0]) && lines[0].size() <= kMaxHeading) {
      builder_.AddHeading(TrimSpaces(lines[1])[0] == '=' ? 1 : 2, lines[0]);
      lines.erase(lines.begin(), lines.begin() + 2);
      if (lines.empty()) return;
    }
    if (lines.size() == 1) {
      if (const auto level = LoneHeadingLevel(lines[0])) return builder_.AddHeading(*level, lines[0]);
    }
    if (std::ranges::all_of(lines, [](std::string_view line) { return Indent(line) >= 4; }) &&
        BulletText(lines[0]).empty()) {
      return builder_.Add(BlockKind::kCode, Join(lines, 0, lines.size()));
    }
    AddItems(lines);
  }

 private:
  void AddItems(const Lines& lines) {
    for (std::size_t at = 0; at < lines.size();) {
      const std::string_view item = BulletText(lines[at]);
      std::size_t end = at + 1;
      while (end < lines.size() && BulletText(lines[end]).empty()) ++end;
      if (item.empty()) {
        builder_.Add(BlockKind::kParagraph, Join(lines, at, end));
      } else {
        std::string text(item);
        if (end > at + 1) text += "\n" + Join(lines, at + 1, end);
        const int level = 1 + static_cast<int>(std::min<std::size_t>(Indent(lines[at]) / 2, 5));
        builder_.Add(BlockKind::kListItem, text, {.level = level});
      }
      at = end;
    }
  }

  DocumentBuilder& builder_;
};

}  // namespace

Status ParseText(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const DecodedText decoded, DecodeText(input.bytes, input.charset));
  DocumentBuilder builder(budget, "text/plain");
  TextBlocks blocks(builder);
  Lines lines;
  for (const std::string_view line : SplitLines(decoded.text)) {
    if (builder.full()) break;
    if (!IsBlank(line) && !line.starts_with('\f')) {
      lines.push_back(line);
      continue;
    }
    if (!lines.empty()) blocks.Add(std::move(lines));
    lines.clear();
    if (!IsBlank(line)) lines.push_back(line);  // a new page
  }
  if (!lines.empty()) blocks.Add(std::move(lines));
  builder.SetMetadata("charset", decoded.charset);
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
