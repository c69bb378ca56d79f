#include "knowledge/document/data_tree.h"

#include <algorithm>
#include <map>

namespace strata::knowledge {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxColumns = 200;
// Lines of one paragraph: larger parts are several.
constexpr std::size_t kMaxLines = 200;

std::string ScalarText(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>();
  return value.is_null() ? "" : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool IsFlat(const Json& value) {
  if (value.is_object()) return false;
  return !value.is_array() || std::ranges::all_of(value, [](const Json& item) { return !item.is_structured(); });
}

std::string FlatText(const Json& value) {
  if (!value.is_array()) return ScalarText(value);
  std::string text;
  for (const Json& item : value) {
    if (!text.empty()) text += ", ";
    text += ScalarText(item);
  }
  return text;
}

/// Records with the same kind of fields.
bool IsTable(const Json& value) {
  if (!value.is_array() || value.size() < 2) return false;
  return std::ranges::all_of(
      value, [](const Json& row) { return row.is_object() && !row.empty() && std::ranges::all_of(row, IsFlat); });
}

class DataWriter {
 public:
  explicit DataWriter(DocumentBuilder& builder) : builder_(builder) {}

  void Write(const Json& data) {
    if (IsTable(data)) return AddTable(data);
    if (!data.is_structured()) return builder_.Add(BlockKind::kParagraph, ScalarText(data));
    std::size_t index = 0;
    for (auto item = data.begin(); item != data.end() && !builder_.full(); ++item) {
      WriteValue(data.is_object() ? item.key() : fmt::format("[{}]", index), *item, 1);
      Flush();
      ++index;
    }
  }

 private:
  void WriteValue(const std::string& path, const Json& value, int depth) {
    if (builder_.full()) return;
    if (depth > kMaxDataDepth) {
      return builder_.Warn(fmt::format("data nested deeper than {} was left out", kMaxDataDepth));
    }
    if (IsTable(value)) {
      Flush();
      builder_.Add(BlockKind::kCaption, path);
      return AddTable(value);
    }
    if (IsFlat(value)) return AddLine(path, FlatText(value));
    std::size_t index = 0;
    for (auto item = value.begin(); item != value.end(); ++item) {
      WriteValue(value.is_object() ? path + "." + item.key() : fmt::format("{}[{}]", path, index), *item, depth + 1);
      ++index;
    }
  }

  void AddLine(const std::string& path, const std::string& text) {
    // Long texts stand on their own, under their name.
    if (text.size() > 500 || text.find('\n') != text.npos) {
      Flush();
      builder_.Add(BlockKind::kCaption, path);
      return builder_.Add(BlockKind::kParagraph, text);
    }
    if (lines_ == kMaxLines) Flush();
    paragraph_ += fmt::format("{}{}: {}", paragraph_.empty() ? "" : "\n", path, text);
    ++lines_;
  }

  void Flush() {
    builder_.Add(BlockKind::kParagraph, std::exchange(paragraph_, {}));
    lines_ = 0;
  }

  void AddTable(const Json& rows) {
    std::map<std::string, std::size_t> places;
    TableRows table(1);
    for (const Json& row : rows) {
      for (const auto& [field, value] : row.items()) {
        if (places.size() < kMaxColumns && places.try_emplace(field, table[0].size()).second) table[0].push_back(field);
      }
    }
    for (const Json& row : rows) {
      std::vector<std::string>& cells = table.emplace_back(table[0].size());
      for (const auto& [field, value] : row.items()) {
        if (const auto place = places.find(field); place != places.end()) cells[place->second] = FlatText(value);
      }
    }
    if (places.size() == kMaxColumns)
      builder_.Warn(fmt::format("fields after the first {} were left out", kMaxColumns));
    builder_.AddTable(table, /*header_row=*/true);
  }

  DocumentBuilder& builder_;
  std::string paragraph_;
  std::size_t lines_ = 0;
};

}  // namespace

void AppendData(const Json& data, DocumentBuilder& builder) { DataWriter(builder).Write(data); }

}  // namespace strata::knowledge
