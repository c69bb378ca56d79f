// Source code: one block for each definition at the outermost level, found by brackets and indentation alone, which
// holds for any language that people write by lines.
#include <algorithm>

#include "knowledge/document/encoding.h"
#include "knowledge/document/formats.h"
#include "knowledge/document/parsers.h"

namespace strata::knowledge {
namespace {

using Lines = std::vector<std::string_view>;

bool IsBlank(std::string_view line) { return TrimSpaces(line).empty(); }
bool IsIndented(std::string_view line) { return line.starts_with(' ') || line.starts_with('\t'); }

/// Lines that only close what stands above them, or go on with it.
bool Continues(std::string_view line) {
  line = TrimSpaces(line);
  if (line.empty() || std::string_view(")}]").contains(line[0])) return true;
  return line == "end" || line == "{" || line.starts_with("else") || line.starts_with("elif") ||
         line.starts_with("except") || line.starts_with("finally") || line.starts_with("catch");
}

/// Comments, decorators and attributes belong to what follows them.
bool Introduces(std::string_view line) {
  for (const std::string_view start : {"//", "/*", "*", "#", "--", ";;", "@", "\"\"\"", "template", "%", "<!--"}) {
    if (line.starts_with(start)) return true;
  }
  return line.starts_with(" *");
}

/// Open brackets at the end of the line, outside strings and comments as far as one line shows; never below zero.
int DepthAfter(std::string_view line, int depth) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = 0;
      }
    } else if (c == '"' || c == '\'' || c == '`') {
      quote = line.find(c, i + 1) == line.npos ? '\0' : c;
    } else if (c == '/' && line.substr(i).starts_with("//")) {
      break;
    } else if (c == '(' || c == '{' || c == '[') {
      ++depth;
    } else if (c == ')' || c == '}' || c == ']') {
      depth = std::max(0, depth - 1);
    }
  }
  return depth;
}

/// The first lines of the definitions.
std::vector<std::size_t> BlockStarts(const Lines& lines) {
  std::vector<std::size_t> starts = {0};
  int depth = 0;
  bool body = false;  // something was indented or bracketed since the block began
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    const bool outermost = !IsBlank(line) && !IsIndented(line) && !Continues(line);
    // A definition that begins in the first column ends whatever brackets were miscounted before it.
    const bool after_blank = i > 0 && IsBlank(lines[i - 1]);
    if (outermost && (depth == 0 || after_blank)) {
      if (i > 0 && (body || (after_blank && !Introduces(lines[starts.back()])))) {
        std::size_t start = i;
        while (start > starts.back() + 1 && Introduces(lines[start - 1]) && !IsIndented(lines[start - 1])) --start;
        if (start > starts.back()) starts.push_back(start);
        body = false;
      }
      depth = 0;
    }
    depth = DepthAfter(line, depth);
    body = body || (!IsBlank(line) && (IsIndented(line) || depth > 0));
  }
  return starts;
}

}  // namespace

Status ParseCode(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const DecodedText decoded, DecodeText(input.bytes, input.charset));
  DocumentBuilder builder(budget, "text/x-source");
  const std::string language(LanguageOf(input.name));
  builder.SetTitle(FileNameOf(input.name));
  builder.SetMetadata("language", language);
  const Lines lines = SplitLines(decoded.text);
  const std::vector<std::size_t> starts = BlockStarts(lines);
  for (std::size_t i = 0; i < starts.size() && !builder.full(); ++i) {
    const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : lines.size();
    std::string text;
    for (std::size_t line = starts[i]; line < end; ++line) (text += lines[line]) += '\n';
    builder.Add(BlockKind::kCode, text, {.language = language});
  }
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
