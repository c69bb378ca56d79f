#include "knowledge/chunk/units.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/unicode.h"
#include "knowledge/chunk/questions.h"
#include "knowledge/chunk/sentences.h"

namespace strata::knowledge {
namespace {

/// White space at the front of a line, in columns.
std::size_t IndentAt(std::string_view text, std::size_t begin) {
  std::size_t columns = 0;
  for (std::size_t at = begin; at < text.size() && (text[at] == ' ' || text[at] == '\t'); ++at) {
    columns += text[at] == '\t' ? 4 : 1;
  }
  return columns;
}

class UnitMaker {
 public:
  UnitMaker(const ParsedDocument& document, const TokenCounter& counter, std::int64_t limit, ChunkMethod method)
      : document_(document), text_(document.text), counter_(counter), limit_(limit), method_(method) {
    list_.paths.emplace_back();
  }

  UnitList Make() && {
    for (std::uint32_t i = 0; i < document_.blocks.size(); ++i) AddBlock(i);
    return std::move(list_);
  }

 private:
  void AddBlock(std::uint32_t index) {
    const Block& block = document_.blocks[index];
    const bool question = method_ == ChunkMethod::kQuestions && !block.hidden && IsQuestion(document_, block);
    if (block.kind == BlockKind::kHeading && !block.hidden) LeaveHeadings(block.level);
    if (question && block.kind != BlockKind::kHeading) LeaveHeadings(kQuestionLevel);
    block_ = index;
    before_ = question ? Cut::kAlways : CutBefore(index);
    if (before_ == Cut::kNever && block.hidden != document_.blocks[index - 1].hidden) before_ = Cut::kBlock;
    switch (block.kind) {
      case BlockKind::kTable:
        AddRows(block);
        break;
      case BlockKind::kCode:
        AddCode(block);
        break;
      default:
        for (const Span& sentence : SplitSentences(text_, block.span)) {
          Add(sentence, block.kind == BlockKind::kParagraph || block.kind == BlockKind::kQuote);
          before_ = block.kind == BlockKind::kHeading ? Cut::kNever : Cut::kSentence;
        }
    }
    if (block.kind == BlockKind::kHeading && !block.hidden) {
      EnterHeading(block.level, block);
    } else if (question) {
      EnterHeading(kQuestionLevel, block);
    }
  }

  Cut CutBefore(std::uint32_t index) const {
    const Block& block = document_.blocks[index];
    if (block.kind == BlockKind::kHeading) {
      // A heading right under another one belongs to it.
      return index > 0 && document_.blocks[index - 1].kind == BlockKind::kHeading &&
                     document_.blocks[index - 1].level < block.level
                 ? Cut::kNever
                 : Cut::kSection;
    }
    if (index == 0) return Cut::kBlock;
    const Block& previous = document_.blocks[index - 1];
    if (previous.kind == BlockKind::kHeading || previous.kind == BlockKind::kCaption) return Cut::kNever;
    if (previous.kind == BlockKind::kListItem && block.kind == BlockKind::kListItem) {
      return block.level > previous.level ? Cut::kSentence : Cut::kPart;
    }
    const bool introduces = text_[previous.span.end - 1] == ':' || text_.substr(0, previous.span.end).ends_with("：");
    return introduces ? Cut::kSentence : Cut::kBlock;
  }

  void AddRows(const Block& block) {
    const bool pairs = method_ == ChunkMethod::kQuestions && IsPairTable(document_, block);
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      if (pairs && (i > 0 || !block.header_row)) before_ = Cut::kAlways;
      if (pairs && i == 1 && block.header_row) before_ = Cut::kNever;
      Add(block.rows[i], false);
      // The first row of values stays with the header.
      before_ = i == 0 && block.header_row ? Cut::kNever : Cut::kPart;
    }
  }

  /// Lines; those behind a blank line, and those that are indented less than what is before them, may be cut well.
  void AddCode(const Block& block) {
    bool blank = false;
    std::size_t previous_indent = 0;
    for (std::size_t at = block.span.begin; at < block.span.end;) {
      const std::size_t end = std::min(text_.find('\n', at), block.span.end);
      const Span line = TrimSpan(text_, {at, end});
      if (line.size() == 0) {
        blank = true;
      } else {
        const std::size_t indent = IndentAt(text_, at);
        if (at != block.span.begin) {
          const bool closes = line.size() <= 2 && std::string_view(")}];").contains(text_[line.begin]);
          before_ = blank && indent == 0                                       ? Cut::kBlock
                    : blank || (indent == 0 && previous_indent > 0 && !closes) ? Cut::kPart
                                                                               : Cut::kSentence;
        }
        // With its indentation, so that a chunk that begins here shows it.
        Add({at, line.end}, false);
        previous_indent = indent;
        blank = false;
      }
      at = end + 1;
    }
  }

  /// Adds text[span] whole where it may be, else in parts.
  void Add(Span span, bool prose) {
    const std::size_t begin = list_.units.empty() ? span.begin : list_.units.back().span.end;
    const std::int64_t cost = counter_.Cost(text_.substr(begin, span.end - begin), limit_);
    if (cost <= limit_) return Append(span, cost, prose);
    AddParts(span, prose, CutLevel::kLine);
  }

  void Append(Span span, std::int64_t cost, bool prose) {
    list_.units.push_back({.span = span,
                           .cost = cost,
                           .before = before_,
                           .block = block_,
                           .path = static_cast<std::uint32_t>(list_.paths.size() - 1),
                           .prose = prose});
    before_ = Cut::kSentence;
  }

  /// Joins neighbouring parts up to a quarter of the limit; what is still too long is cut more finely.
  void AddParts(Span span, bool prose, CutLevel level) {
    const std::int64_t target = std::max<std::int64_t>(limit_ / 4, 1);
    std::optional<Span> open;
    std::int64_t open_cost = 0;
    const auto close = [&] {
      if (open) Append(*open, open_cost, prose);
      open.reset();
      open_cost = 0;
    };
    for (const Span& part : SplitAt(text_, span, level)) {
      const std::size_t begin = open ? open->end : part.begin;
      const std::int64_t cost = counter_.Cost(text_.substr(begin, part.end - begin), limit_);
      if (open && open_cost + cost > target) close();
      if (cost > limit_) {
        close();
        if (level == CutLevel::kWord) {
          AddCharacters(part, prose);
        } else {
          AddParts(part, prose, static_cast<CutLevel>(static_cast<int>(level) + 1));
        }
        continue;
      }
      open = Span{open ? open->begin : part.begin, part.end};
      open_cost += cost;
    }
    close();
  }

  /// A word that is longer than a chunk.
  void AddCharacters(Span span, bool prose) {
    std::size_t bytes = static_cast<std::size_t>(limit_) * 4;
    while (span.size() > 0) {
      bytes = std::min(bytes, span.size());
      std::size_t end = span.begin + bytes;
      while (end < span.end && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
      const std::int64_t cost = counter_.Cost(text_.substr(span.begin, end - span.begin), limit_);
      if (cost > limit_ && bytes > 1) {
        bytes /= 2;
        continue;
      }
      Append({span.begin, end}, cost, prose);
      span.begin = end;
    }
  }

  void LeaveHeadings(int level) {
    while (!headings_.empty() && headings_.back().first >= level) headings_.pop_back();
    AddPath();
  }
  void EnterHeading(int level, const Block& block) {
    headings_.emplace_back(level, text_.substr(block.span.begin, block.span.size()));
    AddPath();
  }
  void AddPath() {
    std::vector<std::string> path;
    for (const auto& [level, heading] : headings_) path.emplace_back(heading);
    list_.paths.push_back(std::move(path));
  }

  static constexpr int kQuestionLevel = 7;  // below every heading

  const ParsedDocument& document_;
  std::string_view text_;
  const TokenCounter& counter_;
  std::int64_t limit_;
  ChunkMethod method_;
  UnitList list_;
  std::vector<std::pair<int, std::string_view>> headings_;
  std::uint32_t block_ = 0;
  Cut before_ = Cut::kBlock;
};

}  // namespace

UnitList MakeUnits(const ParsedDocument& document, const TokenCounter& counter, std::int64_t limit,
                   ChunkMethod method) {
  return UnitMaker(document, counter, limit, method).Make();
}

}  // namespace strata::knowledge
