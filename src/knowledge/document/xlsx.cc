// SpreadsheetML (ECMA-376 part 1, 18): a sheet is a heading and its tables; sheets count as pages.
#include <algorithm>
#include <optional>
#include <utility>

#include "knowledge/document/archive.h"
#include "knowledge/document/number.h"
#include "knowledge/document/parsers.h"
#include "knowledge/document/table_header.h"
#include "knowledge/document/xlsx_values.h"
#include "knowledge/document/xml.h"

namespace strata::knowledge {
namespace {

constexpr int kMaxRow = 1'048'576;
// Cells of one sheet, empty ones between others included: more are no sheet for people.
constexpr std::size_t kMaxCells = 20'000'000;

bool IsTrue(std::string_view value) { return value == "1" || value == "true"; }

struct Merge {
  int first_row, last_row, first_column, last_column;
};

/// Rows of one sheet by number; what is hidden is apart.
struct Sheet {
  std::map<int, std::vector<std::string>> rows, hidden_rows;
};

class XlsxReader {
 public:
  XlsxReader(const PackageParts& parts, std::string main, DocumentBuilder& builder)
      : parts_(parts), main_(std::move(main)), builder_(builder), related_(RelationshipsOf(parts, main_)) {}

  Status Read() {
    pugi::xml_document workbook;
    STRATA_CHECK(LoadXml(parts_.find(main_)->second, main_, workbook));
    from_1904_ = IsTrue(AttributeOf(ChildOf(workbook.document_element(), "workbookPr"), "date1904"));
    ReadStyles();
    ReadSharedStrings();
    std::int32_t page = 0;
    for (const pugi::xml_node sheet : ChildOf(workbook.document_element(), "sheets").children()) {
      if (builder_.full()) break;
      STRATA_CHECK(builder_.budget().TakePage());
      ReadSheet(sheet, ++page);
    }
    return {};
  }

 private:
  /// The part of a relationship's type; null where there is none.
  const std::string* PartOf(const char* type) const {
    const auto target = related_.by_type.find(type);
    const auto part = target == related_.by_type.end() ? parts_.end() : parts_.find(target->second);
    return part == parts_.end() ? nullptr : &part->second;
  }

  void ReadStyles() {
    const std::string* part = PartOf("styles");
    pugi::xml_document xml;
    if (part == nullptr || !LoadXml(*part, "styles", xml)) return;
    std::map<int, std::string> codes;
    for (const pugi::xml_node format : ChildOf(xml.document_element(), "numFmts").children()) {
      codes.try_emplace(NumberOr(AttributeOf(format, "numFmtId"), -1), AttributeOf(format, "formatCode"));
    }
    for (const pugi::xml_node format : ChildOf(xml.document_element(), "cellXfs").children()) {
      const int id = NumberOr(AttributeOf(format, "numFmtId"), 0);
      const auto code = codes.find(id);
      // A code for one of the built-in ids takes its place.
      kinds_.push_back(code == codes.end() ? KindOfFormat(id, "") : KindOfFormat(164, code->second));
    }
  }

  /// The text of rich text runs, without readings (rPh).
  static std::string RichText(const pugi::xml_node& item) {
    std::string text;
    for (const pugi::xml_node child : item.children()) {
      if (LocalName(child) == "t") text += TextBelow(child);
      if (LocalName(child) == "r") text += TextBelow(ChildOf(child, "t"));
    }
    return text;
  }

  void ReadSharedStrings() {
    const std::string* part = PartOf("sharedStrings");
    pugi::xml_document xml;
    if (part == nullptr) return;
    if (const Status loaded = LoadXml(*part, "sharedStrings", xml); !loaded) {
      return builder_.Warn(loaded.error().ToString());
    }
    for (const pugi::xml_node item : xml.document_element().children()) {
      if (LocalName(item) == "si") strings_.push_back(RichText(item));
    }
  }

  std::string CellText(const pugi::xml_node& cell) {
    const std::string_view type = AttributeOf(cell, "t");
    if (type == "inlineStr") return RichText(ChildOf(cell, "is"));
    std::string value = TextBelow(ChildOf(cell, "v"));
    if (type == "s") {
      const int index = NumberOr(value, -1);
      if (index >= 0 && static_cast<std::size_t>(index) < strings_.size())
        return strings_[static_cast<std::size_t>(index)];
      builder_.Warn(fmt::format("cell {} names a text that the file does not have", AttributeOf(cell, "r")));
      return {};
    }
    if (type == "b") return value == "1" ? "TRUE" : "FALSE";
    if (value.empty() || type == "str" || type == "e" || type == "d") return value;
    const int style = NumberOr(AttributeOf(cell, "s"), 0);
    const bool known = style >= 0 && static_cast<std::size_t>(style) < kinds_.size();
    return ShownNumber(value, known ? kinds_[static_cast<std::size_t>(style)] : NumberKind::kPlain, from_1904_);
  }

  void ReadSheet(const pugi::xml_node& entry, std::int32_t page) {
    const std::string_view name = AttributeOf(entry, "name");
    const bool hidden = AttributeOf(entry, "state") == "hidden" || AttributeOf(entry, "state") == "veryHidden";
    std::string_view id;
    for (const pugi::xml_attribute& attribute : entry.attributes()) {
      // r:id; sheetId is another thing.
      if (std::string_view(attribute.name()).ends_with(":id")) id = attribute.value();
    }
    const auto* part = TargetOf(parts_, related_, id);
    if (part == nullptr) return builder_.Warn(fmt::format("the sheet \"{}\" has no part in the file", name));
    pugi::xml_document xml;
    if (const Status loaded = LoadXml(part->second, part->first, xml); !loaded) {
      return builder_.Warn(loaded.error().ToString());
    }
    const pugi::xml_node root = xml.document_element();
    if (LocalName(root) != "worksheet") return;
    Sheet sheet = ReadCells(root);
    if (sheet.rows.empty() && sheet.hidden_rows.empty()) return;
    if (hidden) builder_.Warn(fmt::format("the sheet \"{}\" is hidden", name));
    builder_.Add(BlockKind::kHeading, name, {.level = 1, .place = {.page = page}, .hidden = hidden});
    AddTables(sheet.rows, {.place = {.page = page}, .hidden = hidden});
    if (!sheet.hidden_rows.empty()) AddTables(sheet.hidden_rows, {.place = {.page = page}, .hidden = true});
  }

  static std::vector<Merge> ReadMerges(const pugi::xml_node& root) {
    std::vector<Merge> merges;
    for (const pugi::xml_node merge : ChildOf(root, "mergeCells").children()) {
      const std::string_view area = AttributeOf(merge, "ref");
      const std::size_t colon = area.find(':');
      if (colon == area.npos) continue;
      Merge one{};
      one.first_column = ColumnOf(area.substr(0, colon), &one.first_row);
      one.last_column = ColumnOf(area.substr(colon + 1), &one.last_row);
      if (one.first_column >= 0 && one.last_row > one.first_row) merges.push_back(one);
    }
    return merges;
  }

  Sheet ReadCells(const pugi::xml_node& root) {
    std::vector<std::pair<int, int>> hidden_columns;
    for (const pugi::xml_node column : ChildOf(root, "cols").children()) {
      if (!IsTrue(AttributeOf(column, "hidden"))) continue;
      hidden_columns.emplace_back(NumberOr(AttributeOf(column, "min"), 1) - 1,
                                  NumberOr(AttributeOf(column, "max"), 0) - 1);
    }
    const auto is_hidden = [&](int column) {
      return std::ranges::any_of(hidden_columns,
                                 [&](const auto& r) { return r.first <= column && column <= r.second; });
    };
    Sheet sheet;
    std::size_t cells = 0;
    int row_number = 0;
    for (const pugi::xml_node row : ChildOf(root, "sheetData").children()) {
      row_number = NumberOr(AttributeOf(row, "r"), row_number + 1);
      if (row_number < 1 || row_number > kMaxRow) continue;
      const bool hidden_row = IsTrue(AttributeOf(row, "hidden"));
      int column = -1;
      for (const pugi::xml_node cell : row.children()) {
        const int given = ColumnOf(AttributeOf(cell, "r"));
        column = given >= 0 ? given : column + 1;
        std::string text = CellText(cell);
        if (text.empty() || column < 0) continue;
        auto& rows = hidden_row || is_hidden(column) ? sheet.hidden_rows : sheet.rows;
        std::vector<std::string>& texts = rows[row_number];
        if (texts.size() <= static_cast<std::size_t>(column)) {
          cells += static_cast<std::size_t>(column) + 1 - texts.size();
          if (cells > kMaxCells) {
            builder_.Warn("a sheet with too many cells was cut");
            return sheet;
          }
          texts.resize(static_cast<std::size_t>(column) + 1);
        }
        texts[static_cast<std::size_t>(column)] = std::move(text);
      }
    }
    for (const Merge& merge : ReadMerges(root)) FillDown(sheet.rows, merge);
    return sheet;
  }

  /// A value that stands for several rows is repeated in those that there are, so that each can be read alone.
  static void FillDown(std::map<int, std::vector<std::string>>& rows, const Merge& merge) {
    const auto first = rows.find(merge.first_row);
    const auto column = static_cast<std::size_t>(merge.first_column);
    if (first == rows.end() || first->second.size() <= column) return;
    const std::string value = first->second[column];
    for (auto row = std::next(first); row != rows.end() && row->first <= merge.last_row; ++row) {
      if (row->second.size() <= column) row->second.resize(column + 1);
      if (row->second[column].empty()) row->second[column] = value;
    }
  }

  /// One table for each run of rows without an empty one between them.
  void AddTables(const std::map<int, std::vector<std::string>>& rows, const DocumentBuilder::Details& details) {
    TableRows table;
    const auto flush = [&] {
      if (table.empty()) return;
      if (table.size() == 1 && std::ranges::count_if(table[0], [](const auto& cell) { return !cell.empty(); }) == 1) {
        for (const std::string& cell : table[0]) builder_.Add(BlockKind::kParagraph, cell, details);
      } else {
        builder_.AddTable(table, LooksLikeHeader(Trimmed(table)), details);
      }
      table.clear();
    };
    int previous = 0;
    for (const auto& [number, cells] : rows) {
      if (number != previous + 1) flush();
      table.push_back(cells);
      previous = number;
    }
    flush();
  }

  /// Without the columns at the left that no row uses.
  static TableRows Trimmed(TableRows table) {
    std::size_t first = std::string::npos;
    for (const auto& row : table) {
      const auto used = std::ranges::find_if(row, [](const auto& cell) { return !cell.empty(); });
      first = std::min(first, static_cast<std::size_t>(used - row.begin()));
    }
    for (auto& row : table)
      row.erase(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(std::min(first, row.size())));
    return table;
  }

  const PackageParts& parts_;
  std::string main_;
  DocumentBuilder& builder_;
  Relationships related_;
  std::vector<NumberKind> kinds_;     // by a cell's style
  std::vector<std::string> strings_;  // shared
  bool from_1904_ = false;
};

}  // namespace

Status ParseXlsx(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const PackageParts parts, ReadPackage(input.bytes, input.name, budget));
  const Relationships package = RelationshipsOf(parts, "");
  const auto target = package.by_type.find("officeDocument");
  std::string main = target == package.by_type.end() ? "xl/workbook.xml" : target->second;
  if (!parts.contains(main)) return Fail(ErrorCode::kCorrupt, "an XLSX file without its part {}", main);
  DocumentBuilder builder(budget, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
  ReadCoreProperties(parts, builder);
  STRATA_CHECK(XlsxReader(parts, std::move(main), builder).Read());
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
