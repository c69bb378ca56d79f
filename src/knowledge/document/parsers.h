// The parsers behind ParseFile, one a format.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/document/budget.h"
#include "knowledge/document/builder.h"
#include "knowledge/document/document.h"

namespace strata::knowledge {

struct FileInput {
  std::string_view bytes;
  std::string_view name;          ///< of the file, or of the entry with its path
  int depth = 0;                  ///< how many archives and mails it lies in
  std::string_view charset = {};  ///< as a mail or a page about it says
};

using Documents = std::vector<ParsedDocument>;

/// Appends the documents in a file. Errors as ParseFile's.
using Parser = Status (*)(const FileInput& input, ParseBudget& budget, Documents& documents);

Status ParseArchive(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseCode(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseCsv(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseDocx(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseEml(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseEpub(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseHtml(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseJson(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseMarkdown(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParsePdf(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParsePicture(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParsePptx(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseText(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseXlsx(const FileInput& input, ParseBudget& budget, Documents& documents);
Status ParseYaml(const FileInput& input, ParseBudget& budget, Documents& documents);

/// The blocks of Markdown (UTF-8), for formats that hold some.
Status AppendMarkdown(std::string_view markdown, DocumentBuilder& builder);

/// The parser for what the file is, by its content and its name.
Status ParseAny(const FileInput& input, ParseBudget& budget, Documents& documents);

/// ParseAny for a file inside another one: its documents are named by its path, and one that cannot be read is a
/// document without text whose warning says why. Only a limit that is passed is an error.
Status ParseInner(const FileInput& input, ParseBudget& budget, Documents& documents);

}  // namespace strata::knowledge
