#include "knowledge/document/html.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <gumbo.h>

#include "knowledge/document/embedded_pictures.h"
#include "knowledge/document/encoding.h"
#include "knowledge/document/html_visibility.h"
#include "knowledge/document/mime.h"
#include "knowledge/document/number.h"
#include "knowledge/document/parsers.h"

namespace strata::knowledge {
namespace {

// Pages that people write are below 50; deeper text is left out with a warning.
constexpr int kMaxDepth = 400;
constexpr std::size_t kMaxSpan = 100;
// A page without its menus has less than this part of its text, and less than so many bytes: they were no menus.
constexpr std::size_t kLeastPart = 4, kLeastText = 400;

/// All that gumbo allocates, freed at once: its own way of freeing recurses as deep as the page nests.
class Arena {
 public:
  void* Allocate(std::size_t bytes) {
    bytes = (bytes + 15) & ~std::size_t{15};
    if (bytes > left_) {
      const std::size_t size = std::max<std::size_t>(bytes, 256 << 10);
      chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(size));
      next_ = chunks_.back().get();
      left_ = size;
    }
    std::byte* const memory = next_;
    next_ += bytes;
    left_ -= bytes;
    return memory;
  }

 private:
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
};

class ParsedHtml {
 public:
  explicit ParsedHtml(std::string_view html) {
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = [](void* arena, std::size_t bytes) { return static_cast<Arena*>(arena)->Allocate(bytes); };
    options.deallocator = [](void*, void*) {};
    options.userdata = &arena_;
    options.max_errors = 0;
    output_ = gumbo_parse_with_options(&options, html.data(), html.size());
  }
  const GumboNode* root() const { return output_->root; }

 private:
  Arena arena_;
  GumboOutput* output_;
};

const GumboVector* Children(const GumboNode* node) {
  return node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE ? &node->v.element.children : nullptr;
}

const GumboNode* Child(const GumboVector& children, unsigned i) {
  return static_cast<const GumboNode*>(children.data[i]);
}

bool IsText(const GumboNode* node) {
  return node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE || node->type == GUMBO_NODE_CDATA;
}

/// Calls visit(node), top down, in order, without recursion.
template <class Visit>
void Walk(const GumboNode* root, Visit&& visit) {
  std::vector<const GumboNode*> open = {root};
  while (!open.empty()) {
    const GumboNode* node = open.back();
    open.pop_back();
    if (!visit(node)) continue;
    if (const GumboVector* children = Children(node)) {
      for (unsigned i = children->length; i-- > 0;) open.push_back(Child(*children, i));
    }
  }
}

std::size_t TextLength(const GumboNode* root, bool boilerplate = true) {
  std::size_t length = 0;
  Walk(root, [&](const GumboNode* node) {
    if (node->type == GUMBO_NODE_TEXT) length += TrimSpaces(node->v.text.text).size();
    if (node->type != GUMBO_NODE_ELEMENT) return true;
    return !IsNoText(node->v.element.tag) && (boilerplate || !IsBoilerplate(node->v.element));
  });
  return length;
}

std::string TextOf(const GumboNode* root) {
  std::string text;
  Walk(root, [&](const GumboNode* node) {
    if (IsText(node)) text += node->v.text.text;
    return true;
  });
  return text;
}

bool IsBlock(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_P:
    case GUMBO_TAG_DIV:
    case GUMBO_TAG_SECTION:
    case GUMBO_TAG_ARTICLE:
    case GUMBO_TAG_ASIDE:
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_BODY:
    case GUMBO_TAG_HTML:
    case GUMBO_TAG_ADDRESS:
    case GUMBO_TAG_FIGURE:
    case GUMBO_TAG_FORM:
    case GUMBO_TAG_FIELDSET:
    case GUMBO_TAG_HR:
    case GUMBO_TAG_DETAILS:
    case GUMBO_TAG_SUMMARY:
    case GUMBO_TAG_CENTER:
    case GUMBO_TAG_TR:
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
    case GUMBO_TAG_TBODY:
    case GUMBO_TAG_THEAD:
    case GUMBO_TAG_TFOOT:
    case GUMBO_TAG_TABLE:
    case GUMBO_TAG_DL:
    case GUMBO_TAG_HGROUP:
      return true;
    default:
      return false;
  }
}

/// "language-cpp", "lang-cpp", "highlight-cpp" among the classes.
std::string LanguageClass(const GumboElement& element) {
  const std::string_view classes = Attribute(element, "class");
  for (const std::string_view prefix : {"language-", "lang-", "highlight-"}) {
    const std::size_t at = classes.find(prefix);
    if (at != classes.npos && (at == 0 || classes[at - 1] == ' ')) {
      const std::string_view name = classes.substr(at + prefix.size());
      return LowerAscii(name.substr(0, name.find(' ')));
    }
  }
  return {};
}

int ListNumber(const GumboElement& element, const char* name, int otherwise) {
  return NumberOr(Attribute(element, name), otherwise);
}

class HtmlReader {
 public:
  HtmlReader(DocumentBuilder& builder, const HtmlVisibility& visibility, bool keep_boilerplate,
             const OnPicture& on_picture)
      : builder_(builder), visibility_(visibility), keep_boilerplate_(keep_boilerplate), on_picture_(on_picture) {}

  void Read(const GumboNode* root) {
    Visit(root, {});
    Flush();
  }

 private:
  struct Context {
    int depth = 0;
    int list_level = 0;
    bool hidden = false;
    bool preformatted = false;
  };
  struct Kind {
    BlockKind kind = BlockKind::kParagraph;
    int level = 0;
    std::string language = {};
  };

  void Flush() {
    const std::string visible = std::exchange(text_, {});
    if (cell_ != nullptr) {
      if (!cell_->empty()) *cell_ += ' ';
      *cell_ += visible;
    } else if (!visible.empty()) {
      builder_.Add(kind_.kind, prefix_ + visible,
                   {.level = kind_.level, .language = kind_.kind == BlockKind::kCode ? kind_.language : ""});
      if (!TrimSpaces(visible).empty()) prefix_.clear();
    }
    if (!hidden_text_.empty()) {
      builder_.Add(BlockKind::kParagraph, std::exchange(hidden_text_, {}), {.hidden = true});
    }
    if (cell_ == nullptr) FlushPictures();
  }

  void FlushPictures() {
    for (const std::string_view source : std::exchange(pictures_, {})) on_picture_(source);
  }

  void AppendText(std::string_view text, const Context& context) {
    std::string& out = context.hidden ? hidden_text_ : text_;
    if (context.preformatted) {
      out += text;
      return;
    }
    const std::size_t begin = out.size();
    out += text;
    std::replace(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), '\n', ' ');
  }

  void VisitChildren(const GumboNode* node, const Context& context) {
    if (const GumboVector* children = Children(node)) {
      for (unsigned i = 0; i < children->length && !builder_.full(); ++i) Visit(Child(*children, i), context);
    }
  }

  /// The content of `node` as blocks of one kind.
  void VisitAs(const GumboNode* node, const Context& context, Kind kind) {
    Flush();
    const Kind outer = std::exchange(kind_, std::move(kind));
    VisitChildren(node, context);
    Flush();
    kind_ = outer;
  }

  void Visit(const GumboNode* node, Context context) {
    if (IsText(node)) return AppendText(node->v.text.text, context);
    if (node->type != GUMBO_NODE_ELEMENT) return;
    const GumboElement& element = node->v.element;
    if (IsNoText(element.tag)) return;
    if (!keep_boilerplate_ && IsBoilerplate(element)) return;
    if (++context.depth > kMaxDepth) {
      return builder_.Warn(fmt::format("elements nested deeper than {} were left out", kMaxDepth));
    }
    context.hidden = context.hidden || visibility_.Hides(element);
    switch (element.tag) {
      case GUMBO_TAG_H1:
      case GUMBO_TAG_H2:
      case GUMBO_TAG_H3:
      case GUMBO_TAG_H4:
      case GUMBO_TAG_H5:
      case GUMBO_TAG_H6:
        return VisitAs(node, context, {BlockKind::kHeading, static_cast<int>(element.tag - GUMBO_TAG_H1) + 1});
      case GUMBO_TAG_UL:
      case GUMBO_TAG_OL:
      case GUMBO_TAG_MENU:
        return VisitList(node, context);
      case GUMBO_TAG_LI:
        ++context.list_level;
        return VisitAs(node, context, {BlockKind::kListItem, 1});
      case GUMBO_TAG_DT:
      case GUMBO_TAG_DD:
        return VisitAs(node, context,
                       {BlockKind::kListItem, context.list_level + (element.tag == GUMBO_TAG_DT ? 1 : 2)});
      case GUMBO_TAG_BLOCKQUOTE:
        return VisitAs(node, context, {BlockKind::kQuote});
      case GUMBO_TAG_CAPTION:
      case GUMBO_TAG_FIGCAPTION:
        return VisitAs(node, context, {BlockKind::kCaption});
      case GUMBO_TAG_PRE:
      case GUMBO_TAG_LISTING:
      case GUMBO_TAG_XMP:
      case GUMBO_TAG_PLAINTEXT:
        context.preformatted = cell_ == nullptr;
        return VisitAs(node, context, {cell_ == nullptr ? BlockKind::kCode : kind_.kind, 0, CodeLanguage(node)});
      case GUMBO_TAG_TABLE:
        if (cell_ == nullptr && IsDataTable(node)) return AddTable(node, context);
        break;
      case GUMBO_TAG_BR:
        (context.hidden ? hidden_text_ : text_) += '\n';
        return;
      case GUMBO_TAG_IMG:
        if (on_picture_ && !context.hidden) pictures_.push_back(Attribute(element, "src"));
        return AppendText(Attribute(element, "alt"), context);
      default:
        break;
    }
    const bool block = IsBlock(element.tag);
    if (block) Flush();
    VisitChildren(node, context);
    if (block) Flush();
  }

  void VisitList(const GumboNode* node, Context context) {
    Flush();
    const GumboElement& list = node->v.element;
    const bool ordered = list.tag == GUMBO_TAG_OL;
    int number = ListNumber(list, "start", 1);
    ++context.list_level;
    for (unsigned i = 0; i < list.children.length && !builder_.full(); ++i) {
      const GumboNode* child = Child(list.children, i);
      if (child->type != GUMBO_NODE_ELEMENT || child->v.element.tag != GUMBO_TAG_LI) {
        Visit(child, context);
        continue;
      }
      if (!keep_boilerplate_ && IsBoilerplate(child->v.element)) continue;
      number = ListNumber(child->v.element, "value", number);
      prefix_ = ordered && cell_ == nullptr ? fmt::format("{}. ", number) : "";
      if (number < 1'000'000) ++number;
      Context item = context;
      item.hidden = item.hidden || visibility_.Hides(child->v.element);
      if (++item.depth > kMaxDepth) continue;
      VisitAs(child, item, {BlockKind::kListItem, context.list_level});
      prefix_.clear();
    }
    Flush();
  }

  std::string CodeLanguage(const GumboNode* pre) const {
    std::string language = LanguageClass(pre->v.element);
    const GumboVector& children = pre->v.element.children;
    for (unsigned i = 0; language.empty() && i < children.length; ++i) {
      const GumboNode* child = Child(children, i);
      if (child->type == GUMBO_NODE_ELEMENT) language = LanguageClass(child->v.element);
    }
    for (const GumboNode* around = pre->parent; language.empty() && around != nullptr; around = around->parent) {
      if (around->type != GUMBO_NODE_ELEMENT || around->v.element.tag != GUMBO_TAG_DIV) break;
      language = LanguageClass(around->v.element);
    }
    return language;
  }

  /// Rows of cells, rather than a page laid out by a table.
  static bool IsDataTable(const GumboNode* table) {
    if (Attribute(table->v.element, "role") == "presentation") return false;
    int rows = 0, cells = 0;
    bool headers = false, layout = false;
    Walk(table, [&](const GumboNode* node) {
      if (node->type != GUMBO_NODE_ELEMENT) return false;
      const GumboTag tag = node->v.element.tag;
      rows += tag == GUMBO_TAG_TR ? 1 : 0;
      cells += tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH ? 1 : 0;
      headers = headers || tag == GUMBO_TAG_TH;
      layout = layout || (tag == GUMBO_TAG_TABLE && node != table) || (tag >= GUMBO_TAG_H1 && tag <= GUMBO_TAG_H6);
      return !layout;
    });
    return !layout && cells >= 2 && (headers || (rows >= 2 && cells > rows));
  }

  /// Cells that span rows are repeated, so that each row can be read alone; those that span columns leave gaps.
  void AddTable(const GumboNode* table, const Context& context) {
    Flush();
    TableRows rows;
    std::vector<std::pair<std::string, std::size_t>> carried;  // by column: text and for how many rows still
    bool header = false;
    Walk(table, [&](const GumboNode* node) {
      if (node->type != GUMBO_NODE_ELEMENT || builder_.full()) return false;
      if (node->v.element.tag == GUMBO_TAG_CAPTION) {
        VisitAs(node, context, {BlockKind::kCaption});
        return false;
      }
      if (node->v.element.tag != GUMBO_TAG_TR) return true;
      header = AddRow(node, context, rows, carried) || header;
      return false;
    });
    builder_.AddTable(rows, header, {.hidden = context.hidden});
    FlushPictures();
  }

  /// True for the first row where all its cells are headers.
  bool AddRow(const GumboNode* row, Context context, TableRows& rows,
              std::vector<std::pair<std::string, std::size_t>>& carried) {
    std::vector<std::string> cells;
    const auto take_carried = [&] {
      while (cells.size() < carried.size() && carried[cells.size()].second > 0) {
        --carried[cells.size()].second;
        cells.push_back(carried[cells.size()].first);
      }
    };
    bool all_headers = true;
    context.depth += 3;
    for (unsigned i = 0; i < row->v.element.children.length; ++i) {
      const GumboNode* cell = Child(row->v.element.children, i);
      if (cell->type != GUMBO_NODE_ELEMENT) continue;
      const GumboElement& element = cell->v.element;
      if (element.tag != GUMBO_TAG_TD && element.tag != GUMBO_TAG_TH) continue;
      all_headers = all_headers && element.tag == GUMBO_TAG_TH;
      take_carried();
      std::string text;
      cell_ = &text;
      Context inner = context;
      inner.hidden = context.hidden || visibility_.Hides(element);
      VisitChildren(cell, inner);
      Flush();
      cell_ = nullptr;
      const auto span = [&](const char* name) {
        return static_cast<std::size_t>(std::clamp(ListNumber(element, name, 1), 1, static_cast<int>(kMaxSpan)));
      };
      if (carried.size() <= cells.size()) carried.resize(cells.size() + 1);
      carried[cells.size()] = {text, span("rowspan") - 1};
      cells.push_back(std::move(text));
      cells.resize(cells.size() + span("colspan") - 1);
    }
    take_carried();
    rows.push_back(std::move(cells));
    return rows.size() == 1 && all_headers;
  }

  DocumentBuilder& builder_;
  const HtmlVisibility& visibility_;
  bool keep_boilerplate_;
  const OnPicture& on_picture_;
  Kind kind_;
  std::string text_, hidden_text_;
  std::string prefix_;                      // an item's number, for its first text
  std::string* cell_ = nullptr;             // where a table's cell goes
  std::vector<std::string_view> pictures_;  // of the block that is being read
};

void ReadHead(const GumboNode* root, DocumentBuilder& builder, HtmlVisibility& visibility) {
  builder.SetMetadata("language", Attribute(root->v.element, "lang"));
  Walk(root, [&](const GumboNode* node) {
    if (node->type != GUMBO_NODE_ELEMENT) return false;
    const GumboElement& element = node->v.element;
    switch (element.tag) {
      case GUMBO_TAG_TITLE:
        builder.SetTitle(TextOf(node));
        return false;
      case GUMBO_TAG_STYLE:
        visibility.AddStyleSheet(TextOf(node));
        return false;
      case GUMBO_TAG_LINK:
        if (LowerAscii(Attribute(element, "rel")) == "stylesheet") visibility.AddUnknownSheet();
        return false;
      case GUMBO_TAG_META: {
        const std::string name = LowerAscii(Attribute(element, "name"));
        for (const char* kept : {"author", "description", "keywords", "date", "dc.creator", "dc.date"}) {
          if (name == kept) builder.SetMetadata(name, Attribute(element, "content"));
        }
        if (Attribute(element, "property") == "article:published_time") {
          builder.SetMetadata("created", Attribute(element, "content"));
        }
        return false;
      }
      default:
        return true;
    }
  });
}

/// What a picture's source holds itself, in base64 (RFC 2397); empty where it leads elsewhere.
std::string_view DataOf(std::string_view source) {
  const std::size_t comma = source.find(',');
  const std::string_view head = source.substr(0, comma);
  return comma != source.npos && head.starts_with("data:image/") && head.ends_with(";base64") ? source.substr(comma + 1)
                                                                                              : std::string_view();
}

/// The page's own content where it is marked, else all of it.
const GumboNode* ContentRoot(const GumboNode* root) {
  const GumboNode* main = nullptr;
  const GumboNode* article = nullptr;
  int articles = 0;
  Walk(root, [&](const GumboNode* node) {
    if (node->type != GUMBO_NODE_ELEMENT) return false;
    const GumboElement& element = node->v.element;
    if (main == nullptr && (element.tag == GUMBO_TAG_MAIN || Attribute(element, "role") == "main")) main = node;
    if (element.tag == GUMBO_TAG_ARTICLE && ++articles == 1) article = node;
    return true;
  });
  const GumboNode* chosen = main != nullptr ? main : articles == 1 ? article : nullptr;
  if (chosen == nullptr) return root;
  const std::size_t length = TextLength(chosen);
  return length >= kLeastText || length * 2 >= TextLength(root) ? chosen : root;
}

/// What the page calls itself in its first bytes (HTML, 13.2.3.2: prescan).
std::string_view DeclaredCharset(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, 4096);
  std::size_t at = head.find("charset=");
  std::size_t skip = 8;
  if (at == head.npos) {
    at = head.find("encoding=");
    skip = 9;
  }
  if (at == head.npos) return {};
  std::string_view value = head.substr(at + skip);
  while (value.starts_with('"') || value.starts_with('\'') || value.starts_with(' ')) value.remove_prefix(1);
  return value.substr(0, value.find_first_of("\"' ;>/?\r\n"));
}

}  // namespace

std::string DecodeEntity(std::string_view reference) {
  const ParsedHtml html(reference);
  std::string text = TextOf(html.root());
  return text.empty() ? std::string(reference) : text;
}

void AppendHtml(std::string_view html, DocumentBuilder& builder, const OnPicture& on_picture) {
  const ParsedHtml parsed(html);
  HtmlVisibility visibility;
  ReadHead(parsed.root(), builder, visibility);
  const GumboNode* const content = ContentRoot(parsed.root());
  const std::size_t size = TextLength(content, /*boilerplate=*/false);
  const bool keep_all = size < kLeastText && size * kLeastPart < TextLength(parsed.root());
  HtmlReader(builder, visibility, keep_all, on_picture).Read(keep_all ? parsed.root() : content);
}

Status ParseHtml(const FileInput& input, ParseBudget& budget, Documents& documents) {
  const std::string_view declared = input.charset.empty() ? DeclaredCharset(input.bytes) : input.charset;
  STRATA_TRY(const DecodedText decoded, DecodeText(input.bytes, declared));
  DocumentBuilder builder(budget, "text/html");
  EmbeddedPictures pictures(FileFormat::kHtml, input.bytes, builder);
  Status inflated;
  int count = 0;
  AppendHtml(decoded.text, builder, [&](std::string_view source) {
    const std::string_view data = DataOf(source);
    if (data.empty() || !inflated) return;
    const std::string picture = DecodeBase64(data);
    inflated = budget.TakeInflated(picture.size(), "pictures in the page");
    if (inflated) pictures.Add(fmt::format("picture {}", ++count), picture, {});
  });
  STRATA_CHECK(std::move(inflated));
  STRATA_CHECK(pictures.Finish());
  builder.SetMetadata("charset", decoded.charset);
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
