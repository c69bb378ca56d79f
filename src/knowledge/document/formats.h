// What a file is, by its content and its name.
#pragma once

#include <string_view>

namespace strata::knowledge {

enum class FileFormat : unsigned char {
  kText,
  kMarkdown,
  kHtml,
  kCsv,
  kJson,
  kYaml,
  kCode,
  kPdf,
  kDocx,
  kXlsx,
  kPptx,
  kEml,
  kEpub,
  kArchive,
  kPicture,
  kUnsupported,  ///< known, but nothing that strata reads
};

struct DetectedFormat {
  FileFormat format = FileFormat::kText;
  std::string_view what = {};  ///< for kUnsupported: its name for the user; for kCode: the language
};

/// Content decides where it is unmistakable (signatures), else the name does, else a look at the beginning.
DetectedFormat DetectFormat(std::string_view bytes, std::string_view name);

/// "a/b/Report.PDF" -> "pdf"; "" where there is none. The part behind the last dot of the file's own name.
std::string_view ExtensionOf(std::string_view name);
std::string_view FileNameOf(std::string_view name);

/// The programming language of a file by its name: "src/a.cc" -> "cpp", "Makefile" -> "make"; "" for none.
std::string_view LanguageOf(std::string_view name);

}  // namespace strata::knowledge
