// WordprocessingML (ECMA-376 part 1, 17).
#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "knowledge/document/archive.h"
#include "knowledge/document/docx_styles.h"
#include "knowledge/document/embedded_pictures.h"
#include "knowledge/document/number.h"
#include "knowledge/document/parsers.h"
#include "knowledge/document/xml.h"

namespace strata::knowledge {
namespace {

// Tables in tables, text boxes in text boxes: deeper ones are left out.
constexpr int kMaxDepth = 40;
constexpr int kMaxSpan = 100;

bool IsOn(const pugi::xml_node& property) {
  if (!property) return false;
  const std::string_view value = AttributeOf(property, "val");
  return value.empty() || value == "1" || value == "true" || value == "on";
}

/// Vanished, white on nothing, or of at most one point.
bool IsHiddenRun(const pugi::xml_node& properties) {
  if (!properties) return false;
  if (IsOn(ChildOf(properties, "vanish")) || IsOn(ChildOf(properties, "webHidden"))) return true;
  const bool on_color = ChildOf(properties, "shd") || ChildOf(properties, "highlight");
  if (EqualsIgnoringCase(AttributeOf(ChildOf(properties, "color"), "val"), "FFFFFF") && !on_color) return true;
  const pugi::xml_node size = ChildOf(properties, "sz");  // in half points
  return size && NumberOr(AttributeOf(size, "val"), 20) <= 2;
}

class DocxReader {
 public:
  DocxReader(const PackageParts& parts, std::string_view main, DocumentBuilder& builder, EmbeddedPictures& pictures)
      : parts_(parts), main_(main), builder_(builder), pictures_(pictures), related_(RelationshipsOf(parts, main)) {}

  Status Read() {
    Load("styles", [this](const pugi::xml_node& root) { styles_.Load(root); });
    Load("numbering", [this](const pugi::xml_node& root) { numbering_.Load(root); });
    LoadNotes("footnotes");
    LoadNotes("endnotes");
    pugi::xml_document xml;
    STRATA_CHECK(LoadXml(parts_.find(main_)->second, main_, xml));
    const pugi::xml_node body = ChildOf(xml.document_element(), "body");
    if (!body) return Fail(ErrorCode::kCorrupt, "{}: no body", main_);
    ReadBlocks(body, 0);
    return {};
  }

 private:
  template <class Use>
  void Load(const char* type, Use&& use) {
    const auto target = related_.by_type.find(type);
    if (target == related_.by_type.end()) return;
    const auto part = parts_.find(target->second);
    if (part == parts_.end()) return;
    pugi::xml_document xml;
    if (const Status loaded = LoadXml(part->second, part->first, xml); !loaded) {
      return builder_.Warn(loaded.error().ToString());
    }
    use(xml.document_element());
  }

  void LoadNotes(const char* type) {
    Load(type, [&](const pugi::xml_node& root) {
      for (const pugi::xml_node note : root.children()) {
        const std::string_view kind = AttributeOf(note, "type");
        if (kind == "separator" || kind == "continuationSeparator") continue;
        Text text;
        ReadInline(note, text, 0);
        notes_.try_emplace(fmt::format("{}{}", type, AttributeOf(note, "id")), CollapseToLine(text.visible));
      }
    });
  }

  void ReadBlocks(const pugi::xml_node& parent, int depth) {
    if (depth > kMaxDepth) return builder_.Warn(fmt::format("content nested deeper than {} was left out", kMaxDepth));
    for (const pugi::xml_node node : parent.children()) {
      if (builder_.full()) return;
      const std::string_view name = LocalName(node);
      if (name == "p") {
        ReadParagraph(node, depth);
      } else if (name == "tbl") {
        ReadTable(node, depth);
      } else if (name == "sdt") {
        ReadBlocks(ChildOf(node, "sdtContent"), depth + 1);
      } else if (name == "ins" || name == "moveTo" || name == "customXml" || name == "smartTag") {
        ReadBlocks(node, depth + 1);
      } else if (name == "AlternateContent") {
        ReadBlocks(ChildOf(node, "Choice"), depth + 1);
      }
    }
  }

  struct Text {
    std::string visible, hidden;
    std::vector<pugi::xml_node> boxes;       // text boxes, which stand on their own
    std::vector<std::string> notes;          // keys of notes_
    std::vector<std::string_view> pictures;  // ids of relationships
  };

  void ReadParagraph(const pugi::xml_node& paragraph, int depth) {
    Text text;
    ReadInline(paragraph, text, 0);
    const pugi::xml_node properties = ChildOf(paragraph, "pPr");
    const std::string_view style = AttributeOf(ChildOf(properties, "pStyle"), "val");
    AddParagraph(text.visible, style, properties);
    builder_.Add(BlockKind::kParagraph, text.hidden, {.hidden = true});
    for (const std::string& key : text.notes) {
      if (const auto note = notes_.find(key); note != notes_.end()) {
        builder_.Add(BlockKind::kParagraph, fmt::format("[{}] {}", note_numbers_[key], note->second));
      }
    }
    AddPictures(text.pictures);
    for (const pugi::xml_node& box : text.boxes) ReadBlocks(box, depth + 1);
  }

  void AddPictures(const std::vector<std::string_view>& ids) {
    for (const std::string_view id : ids) {
      if (const auto* part = TargetOf(parts_, related_, id)) pictures_.Add(part->first, part->second, {});
    }
  }

  void AddParagraph(const std::string& text, std::string_view style, const pugi::xml_node& properties) {
    const pugi::xml_node own = ChildOf(properties, "numPr");
    std::string_view numbering = AttributeOf(ChildOf(own, "numId"), "val");
    if (numbering.empty()) numbering = styles_.Numbering(style);
    const int level = NumberOr(AttributeOf(ChildOf(own, "ilvl"), "val"), 0);
    const bool listed = !numbering.empty() && numbering != "0" && !TrimSpaces(text).empty();
    const std::string number = listed ? numbering_.Next(numbering, level) : "";
    const std::string_view outline = AttributeOf(ChildOf(properties, "outlineLvl"), "val");
    int heading = styles_.HeadingLevel(style);
    if (!outline.empty() && NumberOr(outline, 9) < 9) heading = NumberOr(outline, 0) + 1;
    if (heading > 0) {
      builder_.AddHeading(heading, number + text);
    } else if (listed) {
      builder_.Add(BlockKind::kListItem, number + text, {.level = std::max(level, 0) + 1});
    } else if (styles_.IsCode(style)) {
      builder_.Add(BlockKind::kCode, text);
    } else if (styles_.IsQuote(style)) {
      builder_.Add(BlockKind::kQuote, text);
    } else if (styles_.IsCaption(style)) {
      builder_.Add(BlockKind::kCaption, text);
    } else {
      builder_.Add(BlockKind::kParagraph, text);
    }
  }

  /// The text of runs below `parent`; what was deleted and what fields are computed from is left out.
  void ReadInline(const pugi::xml_node& parent, Text& text, int depth) {
    if (depth > kMaxDepth) return;
    for (const pugi::xml_node node : parent.children()) {
      const std::string_view name = LocalName(node);
      if (name == "r") {
        ReadRun(node, text);
      } else if (name == "p") {
        if (!text.visible.empty()) text.visible += '\n';
        ReadInline(node, text, depth + 1);
      } else if (name != "del" && name != "moveFrom" && name != "pPr" && name != "tbl") {
        if (name == "t") text.visible += TextBelow(node);  // of equations
        ReadInline(name == "AlternateContent" ? ChildOf(node, "Choice") : node, text, depth + 1);
      }
    }
  }

  void ReadRun(const pugi::xml_node& run, Text& text) {
    std::string& out = IsHiddenRun(ChildOf(run, "rPr")) ? text.hidden : text.visible;
    for (const pugi::xml_node node : run.children()) {
      const std::string_view name = LocalName(node);
      if (name == "t") {
        out += TextBelow(node);
      } else if (name == "tab" || name == "ptab") {
        out += '\t';
      } else if (name == "br" || name == "cr") {
        out += '\n';
      } else if (name == "noBreakHyphen") {
        out += '-';
      } else if (name == "footnoteReference" || name == "endnoteReference") {
        const std::string key =
            fmt::format("{}{}", name == "footnoteReference" ? "footnotes" : "endnotes", AttributeOf(node, "id"));
        const int number = note_numbers_.try_emplace(key, static_cast<int>(note_numbers_.size()) + 1).first->second;
        out += fmt::format("[{}]", number);
        text.notes.push_back(key);
      } else if (name == "drawing" || name == "pict" || name == "AlternateContent" || name == "object") {
        ReadDrawing(name == "AlternateContent" ? ChildOf(node, "Choice") : node, text, &out == &text.visible);
      }
    }
  }

  static void ReadDrawing(const pugi::xml_node& drawing, Text& text, bool visible) {
    ForEachBelow(drawing, [&](const pugi::xml_node& node) {
      if (LocalName(node) == "docPr") {
        const std::string_view description = AttributeOf(node, "descr");
        if (!description.empty()) text.visible += fmt::format(" [{}] ", description);
      }
      if (visible && LocalName(node) == "blip") text.pictures.push_back(AttributeOf(node, "embed"));
      if (visible && LocalName(node) == "imagedata") text.pictures.push_back(AttributeOf(node, "id"));  // of VML
      if (LocalName(node) != "txbxContent") return true;
      text.boxes.push_back(node);
      return false;
    });
  }

  void ReadTable(const pugi::xml_node& table, int depth) {
    if (depth > kMaxDepth) return;
    TableRows rows;
    bool header = false;
    std::vector<std::string> above;  // for cells that are merged downwards
    std::vector<pugi::xml_node> nested;
    std::vector<std::string_view> pictures;
    for (const pugi::xml_node row : table.children()) {
      if (LocalName(row) != "tr" || ChildOf(ChildOf(row, "trPr"), "del")) continue;
      if (rows.empty()) header = IsOn(ChildOf(ChildOf(row, "trPr"), "tblHeader"));
      std::vector<std::string> cells;
      for (const pugi::xml_node child : row.children()) {
        const pugi::xml_node cell = LocalName(child) == "sdt" ? ChildOf(ChildOf(child, "sdtContent"), "tc") : child;
        if (LocalName(cell) != "tc") continue;
        const pugi::xml_node properties = ChildOf(cell, "tcPr");
        const pugi::xml_node merge = ChildOf(properties, "vMerge");
        if (merge && AttributeOf(merge, "val") != "restart" && cells.size() < above.size()) {
          cells.push_back(above[cells.size()]);
        } else {
          Text text;
          ReadInline(cell, text, 0);
          builder_.Add(BlockKind::kParagraph, text.hidden, {.hidden = true});
          std::ranges::move(text.pictures, std::back_inserter(pictures));
          cells.push_back(std::move(text.visible));
        }
        const int span = std::min(NumberOr(AttributeOf(ChildOf(properties, "gridSpan"), "val"), 1), kMaxSpan);
        for (int i = 1; i < span; ++i) cells.emplace_back();
        for (const pugi::xml_node inner : cell.children()) {
          if (LocalName(inner) == "tbl") nested.push_back(inner);
        }
      }
      above = cells;
      rows.push_back(std::move(cells));
    }
    if (rows.size() == 1 && rows[0].size() == 1) {
      builder_.Add(BlockKind::kParagraph, rows[0][0]);  // a box drawn with a table
    } else {
      // Word marks the first row as a header by its look (firstRow) more often than by tblHeader.
      const pugi::xml_node look = ChildOf(ChildOf(table, "tblPr"), "tblLook");
      header = header || AttributeOf(look, "firstRow") == "1";
      builder_.AddTable(rows, header && rows.size() > 1);
    }
    AddPictures(pictures);
    for (const pugi::xml_node& inner : nested) ReadTable(inner, depth + 1);
  }

  const PackageParts& parts_;
  std::string_view main_;
  DocumentBuilder& builder_;
  EmbeddedPictures& pictures_;
  Relationships related_;
  DocxStyles styles_;
  DocxNumbering numbering_;
  std::map<std::string, std::string, std::less<>> notes_;
  std::map<std::string, int, std::less<>> note_numbers_;
};

}  // namespace

Status ParseDocx(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const PackageParts parts, ReadPackage(input.bytes, input.name, budget, IsPicturePart));
  const Relationships package = RelationshipsOf(parts, "");
  const auto target = package.by_type.find("officeDocument");
  const std::string main = target == package.by_type.end() ? "word/document.xml" : target->second;
  if (!parts.contains(main)) return Fail(ErrorCode::kCorrupt, "a DOCX file without its part {}", main);
  DocumentBuilder builder(budget, "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
  ReadCoreProperties(parts, builder);
  EmbeddedPictures pictures(FileFormat::kDocx, input.bytes, builder);
  STRATA_CHECK(DocxReader(parts, main, builder, pictures).Read());
  STRATA_CHECK(pictures.Finish());
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
