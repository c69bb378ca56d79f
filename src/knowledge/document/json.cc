// JSON, JSON lines, and Jupyter notebooks, which are JSON.
#include <exception>
#include <optional>

#include "knowledge/document/data_tree.h"
#include "knowledge/document/encoding.h"
#include "knowledge/document/formats.h"
#include "knowledge/document/parsers.h"

namespace strata::knowledge {
namespace {

using Json = nlohmann::ordered_json;

/// Where brackets nest deeper than data can be followed; the parser would go on, and so would all that walk it.
std::optional<std::size_t> TooDeepAt(std::string_view json) {
  constexpr int kLimit = 5 * kMaxDataDepth;
  int depth = 0;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (c == '"') {
      for (++at; at < json.size() && json[at] != '"'; ++at) at += json[at] == '\\' ? 1 : 0;
    } else if (c == '[' || c == '{') {
      if (++depth > kLimit) return at;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return std::nullopt;
}

Result<Json> ReadJson(std::string_view text) {
  if (const auto at = TooDeepAt(text)) {
    return Fail(ErrorCode::kResourceExhausted, "JSON at offset {}: nested too deep", *at);
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kCorrupt, "{}", error.what());
  }
}

/// A value a line; false where the text is something else.
bool ReadLines(std::string_view text, Json& values) {
  values = Json::array();
  for (const std::string_view line : SplitLines(text)) {
    if (TrimSpaces(line).empty()) continue;
    Result<Json> value = ReadJson(line);
    if (!value) return false;
    values.push_back(std::move(*value));
  }
  return !values.empty();
}

std::string CellSource(const Json& cell) {
  const auto source = cell.find("source");
  if (source == cell.end()) return {};
  if (source->is_string()) return source->get<std::string>();
  std::string text;
  if (source->is_array()) {
    for (const Json& line : *source) {
      if (line.is_string()) text += line.get_ref<const std::string&>();
    }
  }
  return text;
}

/// nbformat 4: cells of Markdown and of code; outputs are made by the code and left out.
Status AppendNotebook(const Json& cells, DocumentBuilder& builder) {
  for (const Json& cell : cells) {
    if (!cell.is_object()) continue;
    const std::string type = cell.value("cell_type", std::string());
    if (type == "markdown") {
      STRATA_CHECK(AppendMarkdown(CellSource(cell), builder));
    } else if (type == "code") {
      builder.Add(BlockKind::kCode, CellSource(cell), {.language = "python"});
    }
  }
  return {};
}

}  // namespace

Status ParseJson(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const DecodedText decoded, DecodeText(input.bytes, input.charset));
  DocumentBuilder builder(budget, "application/json");
  Result<Json> data = ReadJson(decoded.text);
  if (Json lines; !data && ReadLines(decoded.text, lines)) data = std::move(lines);
  if (!data) return std::unexpected(std::move(data).error());
  const bool notebook = LowerAscii(ExtensionOf(input.name)) == "ipynb" && data->is_object() &&
                        data->contains("cells") && (*data)["cells"].is_array();
  if (notebook) {
    STRATA_CHECK(AppendNotebook((*data)["cells"], builder));
  } else {
    AppendData(*data, builder);
  }
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
