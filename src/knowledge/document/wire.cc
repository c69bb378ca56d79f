#include "knowledge/document/wire.h"

#include <algorithm>

#include "base/hash.h"
#include "base/unicode.h"

namespace strata::knowledge {
namespace {

constexpr std::string_view kMagic = "strata-parse-1\n";

class Writer {
 public:
  template <class Number>
  void Put(Number value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void Put(std::string_view text) {
    Put(static_cast<std::uint64_t>(text.size()));
    out_ += text;
  }
  void Put(const Span& span) {
    Put(static_cast<std::uint64_t>(span.begin));
    Put(static_cast<std::uint64_t>(span.end));
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <class Number>
  Number Get() {
    Number value{};
    if (bytes_.size() < sizeof(value)) {
      ok_ = false;
      return value;
    }
    std::ranges::copy(bytes_.substr(0, sizeof(value)), reinterpret_cast<char*>(&value));
    bytes_.remove_prefix(sizeof(value));
    return value;
  }
  std::string Text() {
    const auto size = Get<std::uint64_t>();
    if (size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    ok_ = ok_ && IsValidUtf8(text);
    return text;
  }
  Span GetSpan() {
    const auto begin = Get<std::uint64_t>();
    return {begin, Get<std::uint64_t>()};
  }
  /// A number of things that take at least `bytes` each.
  std::size_t Count(std::size_t bytes) {
    const auto count = Get<std::uint64_t>();
    if (count > bytes_.size() / bytes) ok_ = false;
    return ok_ ? count : 0;
  }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

/// Bytes of a block without rows and language: kind, level, span, page, box, the numbers of rows and of the language's
/// bytes, flags.
constexpr std::size_t kLeastBlock = 1 + 4 + 16 + 4 + 16 + 8 + 1 + 8;
static_assert(sizeof(BlockKind) == 1);

void PutBlock(Writer& out, const Block& block) {
  out.Put(block.kind);
  out.Put(static_cast<std::int32_t>(block.level));
  out.Put(block.span);
  out.Put(block.place.page);
  for (const float side : {block.place.box.left, block.place.box.top, block.place.box.right, block.place.box.bottom}) {
    out.Put(side);
  }
  out.Put(static_cast<std::uint64_t>(block.rows.size()));
  for (const Span& row : block.rows) out.Put(row);
  out.Put(static_cast<std::uint8_t>((block.header_row ? 1 : 0) | (block.hidden ? 2 : 0)));
  out.Put(std::string_view(block.language));
}

Block GetBlock(Reader& in) {
  Block block;
  block.kind = in.Get<BlockKind>();
  block.level = in.Get<std::int32_t>();
  block.span = in.GetSpan();
  block.place.page = in.Get<std::int32_t>();
  for (float* side : {&block.place.box.left, &block.place.box.top, &block.place.box.right, &block.place.box.bottom}) {
    *side = in.Get<float>();
  }
  block.rows.resize(in.Count(16));
  for (Span& row : block.rows) row = in.GetSpan();
  const auto flags = in.Get<std::uint8_t>();
  block.header_row = (flags & 1) != 0;
  block.hidden = (flags & 2) != 0;
  block.language = in.Text();
  return block;
}

void PutDocument(Writer& out, const ParsedDocument& document) {
  for (const std::string* text : {&document.name, &document.media_type, &document.title, &document.text}) {
    out.Put(std::string_view(*text));
  }
  out.Put(static_cast<std::uint64_t>(document.blocks.size()));
  for (const Block& block : document.blocks) PutBlock(out, block);
  out.Put(static_cast<std::uint64_t>(document.metadata.size()));
  for (const auto& [key, value] : document.metadata) {
    out.Put(std::string_view(key));
    out.Put(std::string_view(value));
  }
  out.Put(static_cast<std::uint64_t>(document.warnings.size()));
  for (const std::string& warning : document.warnings) out.Put(std::string_view(warning));
}

ParsedDocument GetDocument(Reader& in) {
  ParsedDocument document;
  for (std::string* text : {&document.name, &document.media_type, &document.title, &document.text}) *text = in.Text();
  const std::size_t blocks = in.Count(kLeastBlock);
  for (std::size_t i = 0; i < blocks && in.ok(); ++i) document.blocks.push_back(GetBlock(in));
  const std::size_t metadata = in.Count(16);
  for (std::size_t i = 0; i < metadata && in.ok(); ++i) {
    std::string key = in.Text();
    document.metadata.insert_or_assign(std::move(key), in.Text());
  }
  const std::size_t warnings = in.Count(8);
  for (std::size_t i = 0; i < warnings && in.ok(); ++i) document.warnings.push_back(in.Text());
  return document;
}

/// Whether the span lies behind `from` in the text and splits no character.
bool IsSpanOf(const std::string& text, const Span& span, std::size_t from, std::size_t to) {
  const auto border = [&](std::size_t at) { return at == text.size() || (text[at] & 0xC0) != 0x80; };
  return from <= span.begin && span.begin < span.end && span.end <= to && border(span.begin) && border(span.end);
}

bool KeepsPromises(const ParsedDocument& document) {
  std::size_t from = 0;
  for (const Block& block : document.blocks) {
    if (block.kind > BlockKind::kCaption || !IsSpanOf(document.text, block.span, from, document.text.size())) {
      return false;
    }
    std::size_t row_from = block.span.begin;
    for (const Span& row : block.rows) {
      if (!IsSpanOf(document.text, row, row_from, block.span.end)) return false;
      row_from = row.end;
    }
    from = block.span.end;
  }
  return true;
}

}  // namespace

std::string EncodeParseResult(const Result<std::vector<ParsedDocument>>& result) {
  Writer body;
  if (result) {
    body.Put(std::uint8_t{1});
    body.Put(static_cast<std::uint64_t>(result->size()));
    for (const ParsedDocument& document : *result) PutDocument(body, document);
  } else {
    body.Put(std::uint8_t{0});
    body.Put(result.error().code());
    body.Put(std::string_view(ReplaceInvalidUtf8(result.error().ToString())));
  }
  const std::string bytes = body.Take();
  Writer out;
  out.Put(static_cast<std::uint64_t>(bytes.size()));
  out.Put(Hash64(bytes));
  return std::string(kMagic) + out.Take() + bytes;
}

Result<std::vector<ParsedDocument>> DecodeParseResult(std::string_view bytes) {
  const auto broken = [] { return Fail(ErrorCode::kCorrupt, "the parser's answer is damaged"); };
  if (!bytes.starts_with(kMagic)) return broken();
  Reader head(bytes.substr(kMagic.size()));
  const auto size = head.Get<std::uint64_t>();
  const auto hash = head.Get<std::uint64_t>();
  const std::size_t begin = kMagic.size() + 16;
  if (!head.ok() || size != bytes.size() - begin || hash != Hash64(bytes.substr(begin))) return broken();
  Reader in(bytes.substr(begin));
  if (in.Get<std::uint8_t>() == 0) {
    const auto code = in.Get<ErrorCode>();
    std::string message = in.Text();
    if (!in.done() || code > ErrorCode::kInternal) return broken();
    return std::unexpected(Error(code, std::move(message)));
  }
  std::vector<ParsedDocument> documents;
  const std::size_t count = in.Count(8);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    documents.push_back(GetDocument(in));
    if (!KeepsPromises(documents.back())) return broken();
  }
  if (!in.done()) return broken();
  return documents;
}

}  // namespace strata::knowledge
