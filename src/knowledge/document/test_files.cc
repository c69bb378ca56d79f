#include "knowledge/document/test_files.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

namespace strata::knowledge {
namespace {

std::string Write(std::string_view format, bool gzip, const std::vector<TestEntry>& entries) {
  std::string out;
  struct archive* writer = archive_write_new();
  archive_write_set_format_by_name(writer, std::string(format).c_str());
  if (gzip) archive_write_add_filter_gzip(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open(
      writer, &out, nullptr,
      [](struct archive*, void* to, const void* bytes, std::size_t size) -> la_ssize_t {
        static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
        return static_cast<la_ssize_t>(size);
      },
      nullptr);
  for (const TestEntry& entry : entries) {
    struct archive_entry* header = archive_entry_new();
    archive_entry_set_pathname(header, entry.path.c_str());
    archive_entry_set_filetype(header, entry.link.empty() ? AE_IFREG : AE_IFLNK);
    archive_entry_set_perm(header, 0644);
    archive_entry_set_size(header, static_cast<la_int64_t>(entry.content.size()));
    if (!entry.link.empty()) archive_entry_set_symlink(header, entry.link.c_str());
    archive_write_header(writer, header);
    archive_write_data(writer, entry.content.data(), entry.content.size());
    archive_entry_free(header);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  return out;
}

constexpr std::string_view kRelationshipTypes = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";

std::string Rels(const std::vector<std::pair<std::string, std::string>>& targets) {
  std::string xml = R"(<?xml version="1.0"?><Relationships>)";
  int id = 0;
  for (const auto& [type, target] : targets) {
    xml += fmt::format(R"(<Relationship Id="rId{}" Type="{}{}" Target="{}"/>)", ++id, kRelationshipTypes, type, target);
  }
  return xml + "</Relationships>";
}

}  // namespace

std::string MakeArchive(TestArchive kind, const std::vector<TestEntry>& entries) {
  return kind == TestArchive::kZip ? Write("zip", false, entries) : Write("gnutar", true, entries);
}

std::string Gzip(std::string_view content) { return Write("raw", true, {{"data", std::string(content)}}); }

std::string MakeDocx(std::string_view body) {
  return MakeArchive(
      TestArchive::kZip,
      {{"[Content_Types].xml", "<Types/>"},
       {"_rels/.rels", Rels({{"officeDocument", "word/document.xml"}})},
       {"word/_rels/document.xml.rels",
        Rels({{"styles", "styles.xml"}, {"numbering", "numbering.xml"}, {"footnotes", "footnotes.xml"}})},
       {"word/styles.xml",
        R"(<w:styles><w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style><w:style w:styleId="H2"><w:name w:val="heading 2"/><w:basedOn w:val="H1"/></w:style><w:style w:styleId="Own"><w:name w:val="Chapter"/><w:basedOn w:val="H2"/></w:style></w:styles>)"},
       {"word/numbering.xml",
        R"x(<w:numbering><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl><w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl></w:abstractNum><w:num w:numId="7"><w:abstractNumId w:val="0"/></w:num></w:numbering>)x"},
       {"word/footnotes.xml",
        R"(<w:footnotes><w:footnote w:id="2"><w:p><w:r><w:t>Said at the bank.</w:t></w:r></w:p></w:footnote></w:footnotes>)"},
       {"word/document.xml",
        fmt::format(R"(<?xml version="1.0"?><w:document><w:body>{}</w:body></w:document>)", body)}});
}

std::string MakeXlsx(std::string_view sheet_data, std::string_view before, std::string_view after) {
  return MakeArchive(
      TestArchive::kZip,
      {{"[Content_Types].xml", "<Types/>"},
       {"_rels/.rels", Rels({{"officeDocument", "xl/workbook.xml"}})},
       {"xl/_rels/workbook.xml.rels", Rels({{"worksheet", "worksheets/sheet1.xml"},
                                            {"sharedStrings", "sharedStrings.xml"},
                                            {"styles", "styles.xml"}})},
       {"xl/workbook.xml", R"(<workbook><sheets><sheet name="Rivers" sheetId="1" r:id="rId1"/></sheets></workbook>)"},
       {"xl/sharedStrings.xml",
        R"(<sst><si><t>river</t></si><si><r><t>two </t></r><r><t>runs</t></r><rPh><t>no</t></rPh></si></sst>)"},
       {"xl/styles.xml",
        R"(<styleSheet><numFmts><numFmt numFmtId="170" formatCode="yyyy\-mm\-dd"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="170"/><xf numFmtId="10"/><xf numFmtId="22"/></cellXfs></styleSheet>)"},
       {"xl/worksheets/sheet1.xml",
        fmt::format("<worksheet>{}<sheetData>{}</sheetData>{}</worksheet>", before, sheet_data, after)}});
}

std::string MakePptx(const std::vector<std::string>& shapes_of_slides) {
  std::string ids;
  std::vector<std::pair<std::string, std::string>> targets;
  std::vector<TestEntry> slides;
  for (std::size_t i = 1; i <= shapes_of_slides.size(); ++i) {
    ids += fmt::format(R"(<p:sldId id="{}" r:id="rId{}"/>)", 255 + i, i);
    targets.emplace_back("slide", fmt::format("slides/slide{}.xml", i));
    slides.push_back({fmt::format("ppt/slides/slide{}.xml", i),
                      fmt::format("<p:sld><p:cSld><p:spTree>{}</p:spTree></p:cSld></p:sld>", shapes_of_slides[i - 1])});
  }
  std::vector<TestEntry> entries = {
      {"[Content_Types].xml", "<Types/>"},
      {"_rels/.rels", Rels({{"officeDocument", "ppt/presentation.xml"}})},
      {"ppt/_rels/presentation.xml.rels", Rels(targets)},
      {"ppt/presentation.xml", fmt::format("<p:presentation><p:sldIdLst>{}</p:sldIdLst></p:presentation>", ids)}};
  entries.insert(entries.end(), slides.begin(), slides.end());
  return MakeArchive(TestArchive::kZip, entries);
}

std::string MakeEpub(const std::vector<std::string>& chapters) {
  std::string manifest, spine;
  std::vector<TestEntry> entries = {
      {"META-INF/container.xml",
       R"(<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>)"},
      {"OPS/book.opf", ""}};
  for (std::size_t i = 0; i < chapters.size(); ++i) {
    manifest += fmt::format(R"(<item id="c{}" href="c%20{}.xhtml"/>)", i, i);
    spine.insert(0, fmt::format(R"(<itemref idref="c{}"/>)", i));  // the other way round than in the archive
    entries.push_back({fmt::format("OPS/c {}.xhtml", i), fmt::format("<html><body>{}</body></html>", chapters[i])});
  }
  entries[1].content = fmt::format(
      R"(<package><metadata><dc:title>The river</dc:title></metadata><manifest>{}</manifest><spine>{}</spine></package>)",
      manifest, spine);
  return MakeArchive(TestArchive::kZip, entries);
}

const std::map<std::string, std::string>& ValidSamples() {
  static const std::map<std::string, std::string> samples = {
      {"a.txt", "RIVERS\n\nThe river is long.\nIt is cold.\n\n- one\n- two\n"},
      {"a.md",
       "# Rivers\n\nThe *river* is `long` &amp; <b>cold</b>.\n\n1. one\n2. two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"},
      {"a.html",
       "<html><head><title>Rivers</title></head><body><h1>Rivers</h1><p>The river &eacute;.<table><tr><th>a<th>"
       "b<tr><td>1<td rowspan=2>2<tr><td>3</table><pre>x\n y</pre></body></html>"},
      {"a.csv", "name;length\nriver;12\n\"big \"\"river\"\"\";14\n"},
      {"a.json", R"({"rivers":[{"name":"river","km":1},{"name":"b","km":2}],"note":"\u00e9","deep":{"x":[1,[2]]}})"},
      {"a.yaml", "rivers: &r\n  - name: river\n    km: 1\nmore: *r\ntext: |\n  long\n  text\n"},
      {"a.cc",
       "// A river.\nint River() {\n  return 1;\n}\n\nint Bank(int x) {\n  if (x) {\n    return 2;\n  }\n  return "
       "3;\n}\n"},
      {"a.eml",
       "From: =?utf-8?B?w4k=?= <a@b.c>\r\nSubject: The river\r\nMIME-Version: 1.0\r\nContent-Type: "
       "multipart/mixed; boundary=\"x\"\r\n\r\n--x\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-"
       "Transfer-Encoding: quoted-printable\r\n\r\nThe river =E9.\r\n\r\n> quoted\r\n--x\r\nContent-Type: text/"
       "csv; name=t.csv\r\nContent-Disposition: attachment; filename=t.csv\r\nContent-Transfer-Encoding: "
       "base64\r\n\r\nYSxiCjEsMgo=\r\n--x--\r\n"},
      {"a.docx",
       MakeDocx(
           R"(<w:p><w:pPr><w:pStyle w:val="Own"/></w:pPr><w:r><w:t>Rivers</w:t></w:r></w:p><w:p><w:r><w:t>The river</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>)")},
      {"a.xlsx",
       MakeXlsx(
           R"(<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row><row r="2"><c r="A2"><v>1.5</v></c><c r="B2" s="1"><v>45231</v></c></row>)")},
      {"a.pptx",
       MakePptx(
           {R"(<p:sp><p:nvSpPr><p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>River</a:t></a:r></a:p></p:txBody></p:sp>)"})},
      {"a.epub", MakeEpub({"<h1>Second</h1><p>bank", "<h1>First</h1><p>river"})},
      {"a.zip", MakeArchive(TestArchive::kZip, {{"docs/a.txt", "The river"}, {"docs/b.md", "# Bank"}})},
      {"a.tar.gz", MakeArchive(TestArchive::kTarGz, {{"docs/a.txt", "The river"}, {"docs/b.md", "# Bank"}})},
      {"a.txt.gz", Gzip("The river")},
  };
  return samples;
}

}  // namespace strata::knowledge
