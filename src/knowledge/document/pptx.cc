// PresentationML (ECMA-376 part 1, 19): slides in the order in which they are shown, with their notes.
#include <algorithm>
#include <utility>
#include <vector>

#include "knowledge/document/archive.h"
#include "knowledge/document/embedded_pictures.h"
#include "knowledge/document/number.h"
#include "knowledge/document/parsers.h"
#include "knowledge/document/xml.h"

namespace strata::knowledge {
namespace {

constexpr int kMaxDepth = 30;
constexpr float kEmuPerPoint = 12700;

class PptxReader {
 public:
  PptxReader(const PackageParts& parts, std::string main, DocumentBuilder& builder, EmbeddedPictures& pictures)
      : parts_(parts), main_(std::move(main)), builder_(builder), pictures_(pictures) {}

  Status Read() {
    pugi::xml_document presentation;
    STRATA_CHECK(LoadXml(parts_.find(main_)->second, main_, presentation));
    const Relationships related = RelationshipsOf(parts_, main_);
    for (const pugi::xml_node slide : ChildOf(presentation.document_element(), "sldIdLst").children()) {
      if (builder_.full()) break;
      STRATA_CHECK(builder_.budget().TakePage());
      ++page_;
      std::string_view id;
      for (const pugi::xml_attribute& attribute : slide.attributes()) {
        if (std::string_view(attribute.name()).ends_with(":id")) id = attribute.value();
      }
      if (const auto* part = TargetOf(parts_, related, id)) {
        ReadSlide(part->first, part->second);
      } else {
        builder_.Warn(fmt::format("slide {} has no part in the file", page_));
      }
    }
    return {};
  }

 private:
  void ReadSlide(const std::string& path, const std::string& part) {
    pugi::xml_document xml;
    if (const Status loaded = LoadXml(part, path, xml); !loaded) return builder_.Warn(loaded.error().ToString());
    const pugi::xml_node slide = xml.document_element();
    const std::string_view shown = AttributeOf(slide, "show");
    hidden_ = shown == "0" || shown == "false";
    if (hidden_) builder_.Warn(fmt::format("slide {} is hidden", page_));
    const pugi::xml_node tree = ChildOf(ChildOf(slide, "cSld"), "spTree");
    related_ = RelationshipsOf(parts_, path);
    // Titles are often drawn last but read first.
    ReadShapes(tree, 0, /*titles=*/true);
    ReadShapes(tree, 0, /*titles=*/false);
    if (const auto notes = related_.by_type.find("notesSlide"); notes != related_.by_type.end())
      ReadNotes(notes->second);
  }

  static std::string_view PlaceholderOf(const pugi::xml_node& shape) {
    for (const pugi::xml_node child : shape.children()) {
      if (const pugi::xml_node placeholder = ChildOf(ChildOf(child, "nvPr"), "ph")) {
        const std::string_view type = AttributeOf(placeholder, "type");
        return type.empty() ? "body" : type;
      }
    }
    return {};
  }

  void ReadShapes(const pugi::xml_node& tree, int depth, bool titles) {
    if (depth > kMaxDepth) return builder_.Warn(fmt::format("groups nested deeper than {} were left out", kMaxDepth));
    for (const pugi::xml_node shape : tree.children()) {
      const std::string_view name = LocalName(shape);
      if (name == "grpSp") {
        ReadShapes(shape, depth + 1, titles);
      } else if (name == "AlternateContent") {
        ReadShapes(ChildOf(shape, "Choice"), depth + 1, titles);
      } else if (name == "sp") {
        ReadShape(shape, titles);
      } else if (name == "graphicFrame" && !titles) {
        ReadFrame(shape);
      } else if (name == "pic" && !titles) {
        ReadPicture(shape);
      }
    }
  }

  void ReadPicture(const pugi::xml_node& shape) {
    const DocumentBuilder::Details details = Details(shape, 0);
    builder_.Add(BlockKind::kCaption, AttributeOf(ChildOf(ChildOf(shape, "nvPicPr"), "cNvPr"), "descr"), details);
    const std::string_view id = AttributeOf(ChildOf(ChildOf(shape, "blipFill"), "blip"), "embed");
    if (const auto* part = TargetOf(parts_, related_, id)) pictures_.Add(part->first, part->second, details);
  }

  DocumentBuilder::Details Details(const pugi::xml_node& shape, int level) const {
    DocumentBuilder::Details details{.level = level, .place = {.page = page_}, .hidden = hidden_};
    pugi::xml_node transform = ChildOf(ChildOf(shape, "spPr"), "xfrm");
    if (!transform) transform = ChildOf(shape, "xfrm");
    const pugi::xml_node offset = ChildOf(transform, "off"), extent = ChildOf(transform, "ext");
    if (offset && extent) {
      const auto points = [](std::string_view text) {
        return static_cast<float>(NumberOr<long>(text, 0)) / kEmuPerPoint;
      };
      const float left = points(AttributeOf(offset, "x")), top = points(AttributeOf(offset, "y"));
      details.place.box = {left, top, left + points(AttributeOf(extent, "cx")),
                           top + points(AttributeOf(extent, "cy"))};
    }
    for (const pugi::xml_node child : shape.children()) {
      const std::string_view off = AttributeOf(ChildOf(child, "cNvPr"), "hidden");
      if (off == "1" || off == "true") details.hidden = true;
    }
    return details;
  }

  static std::string ParagraphText(const pugi::xml_node& paragraph) {
    std::string text;
    for (const pugi::xml_node run : paragraph.children()) {
      const std::string_view name = LocalName(run);
      if (name == "r" || name == "fld") text += TextBelow(ChildOf(run, "t"));
      if (name == "br") text += '\n';
    }
    return text;
  }

  void ReadShape(const pugi::xml_node& shape, bool titles) {
    const std::string_view placeholder = PlaceholderOf(shape);
    const bool title = placeholder == "title" || placeholder == "ctrTitle";
    if (title != titles || placeholder == "sldNum" || placeholder == "dt" || placeholder == "ftr") return;
    std::string whole;
    std::vector<std::pair<std::string, int>> paragraphs;
    for (const pugi::xml_node paragraph : ChildOf(shape, "txBody").children()) {
      if (LocalName(paragraph) != "p") continue;
      const long level = NumberOr<long>(AttributeOf(ChildOf(paragraph, "pPr"), "lvl"), 0);
      paragraphs.emplace_back(ParagraphText(paragraph), static_cast<int>(std::clamp(level, 0L, 8L)) + 1);
      (whole += whole.empty() ? "" : "\n") += paragraphs.back().first;
    }
    if (title) return builder_.Add(BlockKind::kHeading, whole, Details(shape, 1));
    // Several paragraphs of a body are its bullets.
    const bool list = (placeholder == "body" || placeholder == "obj") && paragraphs.size() > 1;
    for (const auto& [text, level] : paragraphs) {
      builder_.Add(list ? BlockKind::kListItem : BlockKind::kParagraph, text, Details(shape, list ? level : 0));
    }
  }

  void ReadFrame(const pugi::xml_node& frame) {
    const pugi::xml_node table = ChildOf(ChildOf(ChildOf(frame, "graphic"), "graphicData"), "tbl");
    if (!table) return;
    TableRows rows;
    for (const pugi::xml_node row : table.children()) {
      if (LocalName(row) != "tr") continue;
      std::vector<std::string>& cells = rows.emplace_back();
      for (const pugi::xml_node cell : row.children()) {
        if (LocalName(cell) != "tc") continue;
        const bool down = AttributeOf(cell, "vMerge") == "1";
        std::string text;
        for (const pugi::xml_node paragraph : ChildOf(cell, "txBody").children())
          text += ParagraphText(paragraph) + " ";
        if (down && rows.size() > 1 && cells.size() < rows[rows.size() - 2].size()) {
          text = rows[rows.size() - 2][cells.size()];
        }
        cells.push_back(std::move(text));
      }
    }
    const bool header = AttributeOf(ChildOf(table, "tblPr"), "firstRow") == "1";
    builder_.AddTable(rows, header && rows.size() > 1, Details(frame, 0));
  }

  void ReadNotes(const std::string& path) {
    const auto part = parts_.find(path);
    pugi::xml_document xml;
    if (part == parts_.end() || !LoadXml(part->second, path, xml)) return;
    const pugi::xml_node tree = ChildOf(ChildOf(xml.document_element(), "cSld"), "spTree");
    for (const pugi::xml_node shape : tree.children()) {
      if (LocalName(shape) != "sp" || PlaceholderOf(shape) != "body") continue;
      for (const pugi::xml_node paragraph : ChildOf(shape, "txBody").children()) {
        builder_.Add(BlockKind::kParagraph, ParagraphText(paragraph), {.place = {.page = page_}, .hidden = hidden_});
      }
    }
  }

  const PackageParts& parts_;
  std::string main_;
  DocumentBuilder& builder_;
  EmbeddedPictures& pictures_;
  Relationships related_;  ///< of the slide
  std::int32_t page_ = 0;
  bool hidden_ = false;
};

}  // namespace

Status ParsePptx(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const PackageParts parts, ReadPackage(input.bytes, input.name, budget, IsPicturePart));
  const Relationships package = RelationshipsOf(parts, "");
  const auto target = package.by_type.find("officeDocument");
  std::string main = target == package.by_type.end() ? "ppt/presentation.xml" : target->second;
  if (!parts.contains(main)) return Fail(ErrorCode::kCorrupt, "a PPTX file without its part {}", main);
  DocumentBuilder builder(budget, "application/vnd.openxmlformats-officedocument.presentationml.presentation");
  ReadCoreProperties(parts, builder);
  EmbeddedPictures pictures(FileFormat::kPptx, input.bytes, builder);
  STRATA_CHECK(PptxReader(parts, std::move(main), builder, pictures).Read());
  STRATA_CHECK(pictures.Finish());
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
