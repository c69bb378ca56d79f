#include "knowledge/document/parse.h"

#include <exception>
#include <new>

#include "knowledge/document/formats.h"
#include "knowledge/document/parsers.h"

namespace strata::knowledge {
namespace {

Parser ParserOf(FileFormat format) {
  switch (format) {
    case FileFormat::kText:
      return ParseText;
    case FileFormat::kMarkdown:
      return ParseMarkdown;
    case FileFormat::kHtml:
      return ParseHtml;
    case FileFormat::kCsv:
      return ParseCsv;
    case FileFormat::kJson:
      return ParseJson;
    case FileFormat::kYaml:
      return ParseYaml;
    case FileFormat::kCode:
      return ParseCode;
    case FileFormat::kPdf:
      return ParsePdf;
    case FileFormat::kDocx:
      return ParseDocx;
    case FileFormat::kXlsx:
      return ParseXlsx;
    case FileFormat::kPptx:
      return ParsePptx;
    case FileFormat::kEml:
      return ParseEml;
    case FileFormat::kEpub:
      return ParseEpub;
    case FileFormat::kArchive:
      return ParseArchive;
    case FileFormat::kPicture:
      return ParsePicture;
    default:
      return nullptr;
  }
}

}  // namespace

Status ParseAny(const FileInput& input, ParseBudget& budget, Documents& documents) {
  const DetectedFormat detected = DetectFormat(input.bytes, input.name);
  const Parser parser = ParserOf(detected.format);
  if (parser == nullptr) return Fail(ErrorCode::kUnsupported, "strata cannot read {}", detected.what);
  return parser(input, budget, documents);
}

Status ParseInner(const FileInput& input, ParseBudget& budget, Documents& documents) {
  const std::size_t first = documents.size();
  if (const Status status = ParseAny(input, budget, documents); !status) {
    if (status.error().code() == ErrorCode::kResourceExhausted) return status;
    documents.push_back(FailedDocument("", status.error().ToString()));
  }
  const std::string name = CleanLine(input.name);
  for (std::size_t i = first; i < documents.size(); ++i) {
    documents[i].name = documents[i].name.empty() ? name : name + "/" + documents[i].name;
  }
  return {};
}

Result<std::vector<ParsedDocument>> ParseFile(std::span<const std::byte> file, std::string_view name,
                                              const ParseLimits& limits, std::function<void()> on_page) {
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  ParseBudget budget(limits, std::move(on_page));
  Documents documents;
  try {
    STRATA_CHECK(ParseAny({.bytes = bytes, .name = name}, budget, documents), "{}", name);
  } catch (const std::bad_alloc&) {
    return Fail(ErrorCode::kResourceExhausted, "{}: needs more memory than it may have (limit memory_bytes)", name);
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kCorrupt, "{}: {}", name, error.what());
  }
  return documents;
}

}  // namespace strata::knowledge
