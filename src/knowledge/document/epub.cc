// EPUB (OCF 3.3 and Package Documents 3.3): the chapters in the order of the spine, as one document.
#include <map>

#include "knowledge/document/archive.h"
#include "knowledge/document/embedded_pictures.h"
#include "knowledge/document/encoding.h"
#include "knowledge/document/html.h"
#include "knowledge/document/parsers.h"
#include "knowledge/document/xml.h"

namespace strata::knowledge {
namespace {

std::string PackagePath(const PackageParts& parts) {
  const auto container = parts.find("META-INF/container.xml");
  pugi::xml_document xml;
  std::string path;
  if (container == parts.end() || !LoadXml(container->second, container->first, xml)) return path;
  ForEachBelow(xml, [&](const pugi::xml_node& node) {
    if (path.empty() && LocalName(node) == "rootfile") path = AttributeOf(node, "full-path");
    return true;
  });
  return path;
}

void ReadMetadata(const pugi::xml_node& package, DocumentBuilder& builder) {
  for (const pugi::xml_node node : ChildOf(package, "metadata").children()) {
    const std::string_view name = LocalName(node);
    if (name == "title") builder.SetTitle(TextBelow(node));
    if (name == "creator") builder.SetMetadata("author", TextBelow(node));
    if (name == "language" || name == "date" || name == "publisher" || name == "subject") {
      builder.SetMetadata(std::string(name), TextBelow(node));
    }
  }
}

/// "a%20b.xhtml#c" -> "a b.xhtml".
std::string DecodePath(std::string_view href) {
  href = href.substr(0, href.find('#'));
  std::string path;
  const auto hex = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  for (std::size_t i = 0; i < href.size(); ++i) {
    if (href[i] == '%' && i + 2 < href.size() && hex(href[i + 1]) >= 0 && hex(href[i + 2]) >= 0) {
      path += static_cast<char>(hex(href[i + 1]) * 16 + hex(href[i + 2]));
      i += 2;
    } else {
      path += href[i];
    }
  }
  return path;
}

}  // namespace

Status ParseEpub(const FileInput& input, ParseBudget& budget, Documents& documents) {
  STRATA_TRY(const PackageParts parts, ReadPackage(input.bytes, input.name, budget, IsPicturePart));
  const std::string path = PackagePath(parts);
  const auto package = parts.find(path);
  if (package == parts.end()) return Fail(ErrorCode::kCorrupt, "an EPUB without its package document \"{}\"", path);
  if (parts.contains("META-INF/encryption.xml") && parts.contains("META-INF/rights.xml")) {
    return Fail(ErrorCode::kUnsupported, "an encrypted EPUB");
  }
  pugi::xml_document xml;
  STRATA_CHECK(LoadXml(package->second, path, xml));
  const pugi::xml_node root = xml.document_element();
  DocumentBuilder builder(budget, "application/epub+zip");
  ReadMetadata(root, builder);
  EmbeddedPictures pictures(FileFormat::kEpub, input.bytes, builder);
  std::map<std::string_view, std::string_view> manifest;
  for (const pugi::xml_node item : ChildOf(root, "manifest").children()) {
    // The table of contents is the book's, but not its text.
    if (AttributeOf(item, "properties").find("nav") != std::string_view::npos) continue;
    manifest.try_emplace(AttributeOf(item, "id"), AttributeOf(item, "href"));
  }
  for (const pugi::xml_node item : ChildOf(root, "spine").children()) {
    if (builder.full()) break;
    const auto entry = manifest.find(AttributeOf(item, "idref"));
    if (entry == manifest.end()) continue;
    const std::string chapter = ResolvePath(path, DecodePath(entry->second));
    const auto part = parts.find(chapter);
    if (part == parts.end()) {
      builder.Warn(fmt::format("the chapter {} is not in the file", chapter));
      continue;
    }
    if (const Result<DecodedText> text = DecodeText(part->second)) {
      AppendHtml(text->text, builder, [&](std::string_view source) {
        const auto picture = parts.find(ResolvePath(chapter, DecodePath(source)));
        if (picture != parts.end()) pictures.Add(picture->first, picture->second, {});
      });
    } else {
      builder.Warn(fmt::format("{}: {}", chapter, text.error().ToString()));
    }
  }
  STRATA_CHECK(pictures.Finish());
  STRATA_TRY(ParsedDocument document, std::move(builder).Finish());
  documents.push_back(std::move(document));
  return {};
}

}  // namespace strata::knowledge
