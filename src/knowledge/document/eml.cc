// Mails: the text with its headers as metadata; each attachment is a document of its own.
#include "knowledge/document/encoding.h"
#include "knowledge/document/html.h"
#include "knowledge/document/mime.h"
#include "knowledge/document/parsers.h"

namespace strata::knowledge {
namespace {

constexpr int kMaxNesting = 20;

class MailReader {
 public:
  MailReader(const FileInput& input, ParseBudget& budget) : input_(input), budget_(budget) {}

  Status Read(Documents& documents) {
    const MimePart mail = ReadMimePart(input_.bytes);
    if (mail.headers.empty()) return Fail(ErrorCode::kCorrupt, "a mail without headers");
    DocumentBuilder builder(budget_, "message/rfc822");
    builder.SetTitle(mail.Header("subject"));
    for (const char* header : {"from", "to", "cc", "date", "subject", "message-id", "in-reply-to"}) {
      builder.SetMetadata(header, mail.Header(header));
    }
    STRATA_CHECK(ReadPart(mail, builder, 0));
    STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
    documents.push_back(std::move(document));
    for (ParsedDocument& attachment : attachments_) documents.push_back(std::move(attachment));
    return {};
  }

 private:
  Status ReadPart(const MimePart& part, DocumentBuilder& builder, int depth) {
    if (depth > kMaxNesting) {
      builder.Warn(fmt::format("parts nested deeper than {} were left out", kMaxNesting));
      return {};
    }
    if (part.type.starts_with("multipart/")) {
      std::vector<MimePart> parts = SplitParts(part, static_cast<std::size_t>(budget_.limits().entries));
      for (std::size_t i = 0; i < parts.size(); ++i) STRATA_CHECK(budget_.TakeEntry(input_.name));
      if (part.type == "multipart/alternative") return ReadAlternative(parts, builder, depth);
      for (const MimePart& inner : parts) STRATA_CHECK(ReadPart(inner, builder, depth + 1));
      return {};
    }
    const bool text = part.type == "text/plain" || part.type == "text/html";
    if (!text || part.attachment) return ReadAttachment(part);
    return ReadText(part, builder);
  }

  /// All say the same: the plain one says it without anything that a reader would not see.
  Status ReadAlternative(const std::vector<MimePart>& parts, DocumentBuilder& builder, int depth) {
    const MimePart* chosen = nullptr;
    for (const MimePart& part : parts) {
      const bool plain = part.type == "text/plain" && !TrimSpaces(part.body).empty();
      if (plain && (chosen == nullptr || chosen->type != "text/plain")) chosen = &part;
    }
    for (const MimePart& part : parts) {
      if (chosen == nullptr && (part.type == "text/html" || part.type.starts_with("multipart/"))) chosen = &part;
    }
    return chosen == nullptr ? Status() : ReadPart(*chosen, builder, depth + 1);
  }

  Status ReadText(const MimePart& part, DocumentBuilder& builder) {
    const std::string content = part.Content();
    STRATA_CHECK(budget_.TakeInflated(content.size(), input_.name));
    const Result<DecodedText> decoded = DecodeText(content, part.charset);
    if (!decoded) {
      builder.Warn(decoded.error().ToString());
    } else if (part.type == "text/html") {
      AppendHtml(decoded->text, builder);
    } else {
      AppendLines(decoded->text, builder);
    }
    return {};
  }

  /// Paragraphs at blank lines; what is quoted (">") from other mails is apart.
  static void AppendLines(std::string_view text, DocumentBuilder& builder) {
    std::string paragraph;
    bool quoted = false;
    const auto flush = [&] {
      builder.Add(quoted ? BlockKind::kQuote : BlockKind::kParagraph, paragraph);
      paragraph.clear();
    };
    for (std::string_view line : SplitLines(text)) {
      const bool quote = line.starts_with('>');
      while (line.starts_with('>') || (quote && line.starts_with(' '))) line.remove_prefix(1);
      if (TrimSpaces(line).empty() || quote != quoted) flush();
      quoted = quote;
      (paragraph += line) += '\n';
    }
    flush();
  }

  Status ReadAttachment(const MimePart& part) {
    // Pictures that a mail shows between its lines have an id and no name worth keeping.
    const bool decoration = part.type.starts_with("image/") && !part.attachment;
    if (decoration || part.type.starts_with("application/pgp") || part.type.ends_with("pkcs7-signature")) return {};
    const std::string content = part.Content();
    STRATA_CHECK(budget_.TakeInflated(content.size(), input_.name));
    std::string name = part.filename;
    if (name.empty()) name = part.type == "message/rfc822" ? "attached.eml" : "attachment";
    if (input_.depth >= budget_.limits().depth) {
      attachments_.push_back(FailedDocument(name, "left out: attachments nested too deep (limit depth)"));
      return {};
    }
    return ParseInner({.bytes = content, .name = name, .depth = input_.depth + 1, .charset = part.charset}, budget_,
                      attachments_);
  }

  const FileInput& input_;
  ParseBudget& budget_;
  Documents attachments_;
};

}  // namespace

Status ParseEml(const FileInput& input, ParseBudget& budget, Documents& documents) {
  return MailReader(input, budget).Read(documents);
}

}  // namespace strata::knowledge
