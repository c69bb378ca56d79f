#include "knowledge/document/formats.h"

#include <algorithm>
#include <array>
#include <string>

#include "knowledge/document/clean_text.h"

namespace strata::knowledge {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  FileFormat format;
  std::string_view what = {};
  bool is_text = false;  ///< the format's files are text themselves
};

constexpr std::array kSignatures = {
    Signature{0, "\x1F\x8B"sv, FileFormat::kArchive},
    Signature{0, "BZh"sv, FileFormat::kArchive},
    Signature{0,
              "\xFD"
              "7zXZ\0"sv,
              FileFormat::kArchive},
    Signature{0, "\x28\xB5\x2F\xFD"sv, FileFormat::kArchive},
    Signature{0, "7z\xBC\xAF\x27\x1C"sv, FileFormat::kArchive},
    Signature{257, "ustar"sv, FileFormat::kArchive},
    Signature{0, "\x89PNG\r\n\x1A\n"sv, FileFormat::kPicture},
    Signature{0, "\xFF\xD8\xFF"sv, FileFormat::kPicture},
    Signature{0, "II*\0"sv, FileFormat::kPicture},
    Signature{0, "MM\0*"sv, FileFormat::kPicture},
    Signature{0, "GIF87a"sv, FileFormat::kUnsupported, "a GIF picture"},
    Signature{0, "GIF89a"sv, FileFormat::kUnsupported, "a GIF picture"},
    Signature{8, "WEBP"sv, FileFormat::kPicture},
    Signature{0, "BM"sv, FileFormat::kPicture},
    Signature{0, "{\\rtf"sv, FileFormat::kUnsupported, "RTF", true},
    Signature{0, "Rar!\x1A\x07"sv, FileFormat::kUnsupported, "a RAR archive"},
    Signature{0,
              "\x7F"
              "ELF"sv,
              FileFormat::kUnsupported, "a program (ELF)"},
    Signature{0, "MZ\x90\0"sv, FileFormat::kUnsupported, "a program (PE)"},
    Signature{0, "\xCA\xFE\xBA\xBE"sv, FileFormat::kUnsupported, "Java byte code"},
    Signature{0, "\0asm"sv, FileFormat::kUnsupported, "WebAssembly"},
    Signature{0, "SQLite format 3\0"sv, FileFormat::kUnsupported, "an SQLite database"},
    Signature{0, "OggS"sv, FileFormat::kUnsupported, "sound or film (Ogg)"},
    Signature{0, "ID3"sv, FileFormat::kUnsupported, "sound (MP3)"},
    Signature{4, "ftyp"sv, FileFormat::kUnsupported, "film (MP4)"},
    Signature{0, "%!PS"sv, FileFormat::kUnsupported, "PostScript", true},
};

// PDF 32000-1, annex H, implementation note 13: the header stands within the first 1024 bytes.
constexpr std::size_t kPdfHeader = 1024;
// A zip file's list of names stands at its end.
constexpr std::size_t kZipTail = 4 << 20;

// Files of binary formats have a byte that no text has this early.
constexpr std::size_t kHead = 512;

bool HasControls(std::string_view bytes) {
  return std::ranges::any_of(bytes, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r' && byte != '\f' && byte != 0x1B;
  });
}

bool IsLetters(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char c) { return c >= 0x20 && c < 0x7F; });
}

DetectedFormat DetectZip(std::string_view bytes, std::string_view name) {
  const std::string_view head = bytes.substr(0, 4096);
  if (head.find("mimetypeapplication/epub+zip") != head.npos) return {FileFormat::kEpub};
  if (head.find("mimetypeapplication/vnd.oasis.opendocument") != head.npos) {
    return {FileFormat::kUnsupported, "an OpenDocument file"};
  }
  const std::string_view tail = bytes.substr(bytes.size() - std::min(bytes.size(), kZipTail));
  if (tail.find("[Content_Types].xml") != tail.npos) {
    if (tail.find("word/") != tail.npos) return {FileFormat::kDocx};
    if (tail.find("xl/") != tail.npos) return {FileFormat::kXlsx};
    if (tail.find("ppt/") != tail.npos) return {FileFormat::kPptx};
  }
  const std::string extension = LowerAscii(ExtensionOf(name));
  if (extension == "epub" || tail.find("META-INF/container.xml") != tail.npos) return {FileFormat::kEpub};
  return {FileFormat::kArchive};
}

/// OLE2 compound files: Office before 2007, or OOXML that is encrypted.
DetectedFormat DetectCompound(std::string_view bytes) {
  if (bytes.find("E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"sv) != bytes.npos) {
    return {FileFormat::kUnsupported, "an encrypted Office document"};
  }
  return {FileFormat::kUnsupported, "a document of Office 97-2003 (save it as DOCX, XLSX or PPTX)"};
}

struct Extension {
  std::string_view extension;
  FileFormat format;
};
constexpr std::array kExtensions = {
    Extension{"txt", FileFormat::kText},     Extension{"text", FileFormat::kText},
    Extension{"md", FileFormat::kMarkdown},  Extension{"markdown", FileFormat::kMarkdown},
    Extension{"mdx", FileFormat::kMarkdown}, Extension{"html", FileFormat::kHtml},
    Extension{"htm", FileFormat::kHtml},     Extension{"xhtml", FileFormat::kHtml},
    Extension{"csv", FileFormat::kCsv},      Extension{"tsv", FileFormat::kCsv},
    Extension{"tab", FileFormat::kCsv},      Extension{"json", FileFormat::kJson},
    Extension{"jsonl", FileFormat::kJson},   Extension{"ndjson", FileFormat::kJson},
    Extension{"ipynb", FileFormat::kJson},   Extension{"yaml", FileFormat::kYaml},
    Extension{"yml", FileFormat::kYaml},     Extension{"eml", FileFormat::kEml},
};

struct Language {
  std::string_view extension, language;
};
constexpr std::array kLanguages = {
    Language{"c", "c"},
    Language{"h", "cpp"},
    Language{"cc", "cpp"},
    Language{"cpp", "cpp"},
    Language{"cxx", "cpp"},
    Language{"hh", "cpp"},
    Language{"hpp", "cpp"},
    Language{"hxx", "cpp"},
    Language{"inl", "cpp"},
    Language{"ipp", "cpp"},
    Language{"cu", "cuda"},
    Language{"cuh", "cuda"},
    Language{"m", "objc"},
    Language{"mm", "objc"},
    Language{"py", "python"},
    Language{"pyi", "python"},
    Language{"pyx", "python"},
    Language{"js", "javascript"},
    Language{"mjs", "javascript"},
    Language{"cjs", "javascript"},
    Language{"jsx", "javascript"},
    Language{"ts", "typescript"},
    Language{"tsx", "typescript"},
    Language{"java", "java"},
    Language{"kt", "kotlin"},
    Language{"kts", "kotlin"},
    Language{"scala", "scala"},
    Language{"go", "go"},
    Language{"rs", "rust"},
    Language{"rb", "ruby"},
    Language{"php", "php"},
    Language{"pl", "perl"},
    Language{"pm", "perl"},
    Language{"lua", "lua"},
    Language{"r", "r"},
    Language{"jl", "julia"},
    Language{"swift", "swift"},
    Language{"cs", "csharp"},
    Language{"fs", "fsharp"},
    Language{"vb", "vb"},
    Language{"hs", "haskell"},
    Language{"ml", "ocaml"},
    Language{"mli", "ocaml"},
    Language{"ex", "elixir"},
    Language{"exs", "elixir"},
    Language{"erl", "erlang"},
    Language{"clj", "clojure"},
    Language{"lisp", "lisp"},
    Language{"el", "lisp"},
    Language{"scm", "scheme"},
    Language{"sh", "shell"},
    Language{"bash", "shell"},
    Language{"zsh", "shell"},
    Language{"ps1", "powershell"},
    Language{"bat", "batch"},
    Language{"sql", "sql"},
    Language{"css", "css"},
    Language{"scss", "css"},
    Language{"less", "css"},
    Language{"xml", "xml"},
    Language{"xsl", "xml"},
    Language{"xsd", "xml"},
    Language{"svg", "xml"},
    Language{"toml", "toml"},
    Language{"ini", "ini"},
    Language{"cfg", "ini"},
    Language{"conf", "ini"},
    Language{"properties", "ini"},
    Language{"cmake", "cmake"},
    Language{"mk", "make"},
    Language{"proto", "protobuf"},
    Language{"thrift", "thrift"},
    Language{"graphql", "graphql"},
    Language{"tf", "hcl"},
    Language{"nix", "nix"},
    Language{"dart", "dart"},
    Language{"zig", "zig"},
    Language{"v", "verilog"},
    Language{"sv", "verilog"},
    Language{"vhd", "vhdl"},
    Language{"vhdl", "vhdl"},
    Language{"f", "fortran"},
    Language{"f90", "fortran"},
    Language{"asm", "asm"},
    Language{"s", "asm"},
    Language{"td", "tablegen"},
    Language{"groovy", "groovy"},
    Language{"gradle", "groovy"},
    Language{"vue", "vue"},
    Language{"diff", "diff"},
    Language{"patch", "diff"},
    Language{"tcl", "tcl"},
};
constexpr std::array kNamedFiles = {
    Language{"makefile", "make"},     Language{"gnumakefile", "make"},     Language{"cmakelists.txt", "cmake"},
    Language{"dockerfile", "docker"}, Language{"containerfile", "docker"}, Language{"jenkinsfile", "groovy"},
    Language{"rakefile", "ruby"},     Language{"gemfile", "ruby"},         Language{"build.bazel", "starlark"},
    Language{"meson.build", "meson"},
};

bool StartsWithMarkup(std::string_view text) {
  const std::string head = LowerAscii(text.substr(0, 512));
  const std::string_view trimmed = TrimSpaces(head);
  return trimmed.starts_with("<!doctype html") || trimmed.starts_with("<html") ||
         (trimmed.starts_with("<?xml") && trimmed.find("<html") != trimmed.npos);
}

/// RFC 5322 header fields at the front, among them one that every mail has.
bool StartsWithMailHeaders(std::string_view text) {
  int fields = 0;
  bool typical = false;
  for (const std::string_view line : SplitLines(text.substr(0, 8192))) {
    if (line.empty()) break;
    if (line.starts_with(' ') || line.starts_with('\t')) continue;
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == line.npos || line.substr(0, colon).find(' ') != line.npos) return false;
    const std::string field = LowerAscii(line.substr(0, colon));
    typical = typical || field == "received" || field == "message-id" || field == "mime-version";
    ++fields;
  }
  return fields >= 3 && typical;
}

}  // namespace

std::string_view FileNameOf(std::string_view name) {
  const std::size_t slash = name.find_last_of("/\\");
  return slash == name.npos ? name : name.substr(slash + 1);
}

std::string_view ExtensionOf(std::string_view name) {
  name = FileNameOf(name);
  const std::size_t dot = name.rfind('.');
  return dot == name.npos ? std::string_view() : name.substr(dot + 1);
}

std::string_view LanguageOf(std::string_view name) {
  const std::string file = LowerAscii(FileNameOf(name));
  for (const Language& entry : kNamedFiles) {
    if (file == entry.extension) return entry.language;
  }
  const std::string_view extension = ExtensionOf(file);
  const auto found = std::ranges::find(kLanguages, extension, &Language::extension);
  return found == kLanguages.end() ? std::string_view() : found->language;
}

DetectedFormat DetectFormat(std::string_view bytes, std::string_view name) {
  if (const std::size_t at = bytes.substr(0, kPdfHeader).find("%PDF-"); at != bytes.npos) {
    return {FileFormat::kPdf};
  }
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06")) return DetectZip(bytes, name);
  if (bytes.starts_with("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")) return DetectCompound(bytes);
  const bool may_be_text = !HasControls(bytes.substr(0, kHead));
  for (const Signature& signature : kSignatures) {
    const bool there = bytes.size() >= signature.offset && bytes.substr(signature.offset).starts_with(signature.bytes);
    // "ID3 is a format of tags": a signature of letters alone stands in texts, too.
    if (there && (signature.is_text || !may_be_text || !IsLetters(signature.bytes))) {
      return {signature.format, signature.what};
    }
  }
  const std::string extension = LowerAscii(ExtensionOf(name));
  if (const auto found = std::ranges::find(kExtensions, extension, &Extension::extension); found != kExtensions.end()) {
    return {found->format};
  }
  if (extension == "pdf") return {FileFormat::kPdf};  // its parser says what is wrong with it
  if (const std::string_view language = LanguageOf(name); !language.empty()) return {FileFormat::kCode, language};
  if (StartsWithMarkup(bytes)) return {FileFormat::kHtml};
  if (StartsWithMailHeaders(bytes)) return {FileFormat::kEml};
  return {FileFormat::kText};
}

}  // namespace strata::knowledge
