#include <algorithm>
#include <exception>
#include <limits>
#include <utility>
#include <vector>

#include <md4c.h>

#include "knowledge/document/encoding.h"
#include "knowledge/document/front_matter.h"
#include "knowledge/document/html.h"
#include "knowledge/document/parsers.h"

namespace strata::knowledge {
namespace {

/// Blocks of CommonMark with GitHub's tables, from md4c's events.
class MarkdownReader {
 public:
  explicit MarkdownReader(DocumentBuilder& builder) : builder_(builder) {}

  Status Read(std::string_view markdown) {
    MD_PARSER parser{};
    parser.flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_PERMISSIVEAUTOLINKS;
    parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* self) {
      return Guarded(self, [&](MarkdownReader& reader) { reader.Enter(type, detail); });
    };
    parser.leave_block = [](MD_BLOCKTYPE type, void*, void* self) {
      return Guarded(self, [&](MarkdownReader& reader) { reader.Leave(type); });
    };
    parser.enter_span = [](MD_SPANTYPE, void*, void*) { return 0; };
    parser.leave_span = [](MD_SPANTYPE, void*, void*) { return 0; };
    parser.text = [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* self) {
      return Guarded(self, [&](MarkdownReader& reader) { reader.Text(type, {text, size}); });
    };
    if (markdown.size() > std::numeric_limits<MD_SIZE>::max() / 2) {
      return Fail(ErrorCode::kResourceExhausted, "Markdown of {} bytes", markdown.size());
    }
    const int code = md_parse(markdown.data(), static_cast<MD_SIZE>(markdown.size()), &parser, this);
    if (exception_) std::rethrow_exception(exception_);
    if (code != 0 && !builder_.full()) return Fail(ErrorCode::kResourceExhausted, "no memory for Markdown");
    Flush();
    return {};
  }

 private:
  /// C code calls us: an exception waits until it has returned.
  template <class Call>
  static int Guarded(void* self, Call&& call) {
    auto& reader = *static_cast<MarkdownReader*>(self);
    try {
      call(reader);
      return reader.builder_.full() ? 1 : 0;
    } catch (...) {
      reader.exception_ = std::current_exception();
      return 1;
    }
  }

  void Enter(MD_BLOCKTYPE type, void* detail) {
    switch (type) {
      case MD_BLOCK_UL:
      case MD_BLOCK_OL:
        Flush();
        lists_.push_back(type == MD_BLOCK_OL ? static_cast<int>(static_cast<MD_BLOCK_OL_DETAIL*>(detail)->start) : -1);
        break;
      case MD_BLOCK_LI:
        Flush();
        if (!lists_.empty() && lists_.back() >= 0) prefix_ = fmt::format("{}. ", lists_.back()++);
        break;
      case MD_BLOCK_QUOTE:
        Flush();
        ++quotes_;
        break;
      case MD_BLOCK_H:
        Flush();
        heading_ = static_cast<int>(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level);
        break;
      case MD_BLOCK_CODE: {
        Flush();
        const MD_ATTRIBUTE& language = static_cast<MD_BLOCK_CODE_DETAIL*>(detail)->lang;
        language_ = language.text == nullptr ? std::string() : std::string(language.text, language.size);
        break;
      }
      case MD_BLOCK_HTML:
        Flush();
        in_html_block_ = true;
        break;
      case MD_BLOCK_TABLE:
        Flush();
        rows_.clear();
        break;
      case MD_BLOCK_TR:
        rows_.emplace_back();
        break;
      case MD_BLOCK_TH:
      case MD_BLOCK_TD:
        text_.clear();
        break;
      default:
        Flush();
    }
  }

  void Leave(MD_BLOCKTYPE type) {
    switch (type) {
      case MD_BLOCK_UL:
      case MD_BLOCK_OL:
        Flush();
        lists_.pop_back();
        break;
      case MD_BLOCK_LI:
        Flush();
        prefix_.clear();
        break;
      case MD_BLOCK_QUOTE:
        Flush();
        --quotes_;
        break;
      case MD_BLOCK_H:
        builder_.AddHeading(heading_, std::exchange(text_, {}));
        break;
      case MD_BLOCK_CODE:
        builder_.Add(BlockKind::kCode, std::exchange(text_, {}), {.language = language_});
        break;
      case MD_BLOCK_HTML:
        in_html_block_ = false;
        AppendHtml(std::exchange(text_, {}), builder_);
        break;
      case MD_BLOCK_TH:
      case MD_BLOCK_TD:
        rows_.back().push_back(std::exchange(text_, {}));
        break;
      case MD_BLOCK_TABLE:
        builder_.AddTable(rows_, /*header_row=*/true);
        break;
      case MD_BLOCK_TR:
      case MD_BLOCK_THEAD:
      case MD_BLOCK_TBODY:
        break;
      default:
        Flush();
    }
  }

  void Text(MD_TEXTTYPE type, std::string_view text) {
    switch (type) {
      case MD_TEXT_NULLCHAR:
        text_ += "\xEF\xBF\xBD";
        break;
      case MD_TEXT_BR:
      case MD_TEXT_SOFTBR:
        text_ += '\n';
        break;
      case MD_TEXT_ENTITY:
        text_ += DecodeEntity(text);
        break;
      case MD_TEXT_HTML:
        // Tags between words; whole blocks of HTML are read as such when they end.
        InlineHtml(text);
        break;
      default:
        text_ += text;
    }
  }

  void InlineHtml(std::string_view text) {
    if (in_html_block_ || !text.starts_with('<') || text.starts_with("<!")) {
      text_ += text;
    } else if (text.starts_with("<br")) {
      text_ += '\n';
    }
  }

  void Flush() {
    std::string text = std::exchange(text_, {});
    if (TrimSpaces(text).empty()) return;
    if (!lists_.empty()) {
      const std::string prefix = std::exchange(prefix_, {});
      builder_.Add(BlockKind::kListItem, prefix + text, {.level = static_cast<int>(lists_.size())});
    } else {
      builder_.Add(quotes_ > 0 ? BlockKind::kQuote : BlockKind::kParagraph, text);
    }
  }

  DocumentBuilder& builder_;
  std::exception_ptr exception_;
  std::string text_, prefix_, language_;
  std::vector<int> lists_;  // the next number of each open list, -1 for bullets
  int quotes_ = 0, heading_ = 1;
  bool in_html_block_ = false;
  TableRows rows_;
};

}  // namespace

Status AppendMarkdown(std::string_view markdown, DocumentBuilder& builder) {
  return MarkdownReader(builder).Read(markdown);
}

Status ParseMarkdown(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const DecodedText decoded, DecodeText(input.bytes, input.charset));
  DocumentBuilder builder(budget, "text/markdown");
  STRATA_CHECK(AppendMarkdown(TakeFrontMatter(decoded.text, builder), builder));
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
