// Any bytes as a file of one format (STRATA_FUZZ_FILE names it): documents that keep document.h's promises, come
// through the wire as they were and can be cut into chunks, or an Error; never a crash. Of packages the input is the
// parts, with a byte 0xFF between them, so that it is their XML that is mutated and not the archive around it; of PDF
// it is what the pages draw, as PDFium, which reads all else, is fuzzed by its makers, and what is made of it is ours.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "knowledge/chunk/chunk.h"
#include "knowledge/chunk/test_tokenizer.h"
#include "knowledge/document/parse.h"
#include "knowledge/document/test_files.h"
#include "knowledge/document/wire.h"

namespace strata::knowledge {
namespace {

constexpr std::string_view kName = STRATA_FUZZ_FILE;
constexpr ParseLimits kLimits = {
    .text_bytes = 64 << 10, .inflated_bytes = 1 << 20, .entries = 30, .depth = 2, .pages = 20};

/// The parts that a package's input is for; empty: the format is no package.
std::vector<std::string> Parts() {
  if (kName.ends_with(".docx")) {
    return {"word/document.xml", "word/styles.xml", "word/numbering.xml", "word/_rels/document.xml.rels",
            "word/footnotes.xml"};
  }
  if (kName.ends_with(".xlsx")) {
    return {"xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml",
            "xl/_rels/workbook.xml.rels"};
  }
  if (kName.ends_with(".pptx")) {
    return {"ppt/slides/slide1.xml", "ppt/presentation.xml", "ppt/_rels/presentation.xml.rels",
            "ppt/notesSlides/notesSlide1.xml"};
  }
  if (kName.ends_with(".epub")) return {"META-INF/container.xml", "content.opf", "c.xhtml"};
  return {};
}

/// A file with a page for each content stream, which may use the fonts F1 (roman), F2 (bold) and F3 (fixed).
std::string PdfOf(std::string_view streams) {
  std::vector<std::string> objects = {"<</Type/Catalog/Pages 2 0 R>>", ""};
  for (const char* const name : {"Times-Roman", "Helvetica-Bold", "Courier"}) {
    objects.push_back(fmt::format("<</Type/Font/Subtype/Type1/BaseFont/{}>>", name));
  }
  std::string kids;
  while (!streams.empty()) {
    const std::size_t end = std::min(streams.find('\xFF'), streams.size());
    kids += fmt::format("{} 0 R ", objects.size() + 1);
    objects.push_back(
        fmt::format("<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {} 0 R/Resources<</Font<</F1 3 "
                    "0 R/F2 4 0 R/F3 5 0 R>>>>>>",
                    objects.size() + 2));
    objects.push_back(fmt::format("<</Length {}>>stream\n{}\nendstream", end, streams.substr(0, end)));
    streams.remove_prefix(std::min(end + 1, streams.size()));
  }
  objects[1] = fmt::format("<</Type/Pages/Count {}/Kids[{}]>>", (objects.size() - 5) / 2, kids);
  std::string file = "%PDF-1.4\n", places;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    places += fmt::format("{:010} 00000 n \n", file.size());
    file += fmt::format("{} 0 obj{}endobj\n", i + 1, objects[i]);
  }
  return file + fmt::format("xref\n0 {}\n0000000000 65535 f \n{}trailer<</Size {}/Root 1 0 R>>\nstartxref\n{}\n%%EOF",
                            objects.size() + 1, places, objects.size() + 1, file.size());
}

std::string FileOf(std::string_view input) {
  if (kName.ends_with(".pdf")) return PdfOf(input);
  std::vector<TestEntry> entries;
  for (const std::string& path : Parts()) {
    const std::size_t end = std::min(input.find('\xFF'), input.size());
    entries.push_back({path, std::string(input.substr(0, end))});
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  return entries.empty() ? std::string(input) : MakeArchive(TestArchive::kZip, entries);
}

}  // namespace
}  // namespace strata::knowledge

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata::knowledge;
  const std::string file = FileOf({reinterpret_cast<const char*>(data), size});
  const auto documents = ParseFile(AsBytes(file), kName, kLimits);
  const std::string sent = EncodeParseResult(documents);
  if (!documents) return 0;
  const auto received = DecodeParseResult(sent);
  if (!received || EncodeParseResult(received) != sent) std::abort();
  for (const ParsedDocument& document : *documents) {
    for (const Chunk& chunk : ChunkDocument(document, WordPiece(), {.max_tokens = 48, .overlap_tokens = 8})) {
      if (chunk.span.end > document.text.size() || chunk.text.empty()) std::abort();
    }
  }
  return 0;
}
