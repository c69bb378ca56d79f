#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unicode.h"
#include "knowledge/document/clean_text.h"
#include "knowledge/document/encoding.h"
#include "knowledge/document/parse.h"
#include "knowledge/document/test_files.h"
#include "knowledge/document/xlsx_values.h"

namespace strata::knowledge {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<ParsedDocument> ParseAll(std::string_view content, std::string_view name) {
  auto documents = ParseFile(AsBytes(content), name, {});
  EXPECT_TRUE(documents.has_value()) << documents.error().ToString();
  return documents ? std::move(*documents) : std::vector<ParsedDocument>(1);
}
ParsedDocument Parse(std::string_view content, std::string_view name) { return ParseAll(content, name).front(); }

/// One line a block: "h1 Title", "p text", "li2 item", "table! a | b / 1 | 2" (!: with a header), "hidden p text".
std::vector<std::string> Blocks(const ParsedDocument& document) {
  static const std::vector<std::string> kNames = {"h", "p", "li", "table", "code", "quote", "caption"};
  std::vector<std::string> lines;
  for (const Block& block : document.blocks) {
    std::string text = document.text.substr(block.span.begin, block.span.size());
    for (std::size_t at = text.find('\n'); at != text.npos; at = text.find('\n')) text.replace(at, 1, " / ");
    const std::string level =
        block.kind == BlockKind::kHeading || block.kind == BlockKind::kListItem ? std::to_string(block.level) : "";
    lines.push_back(fmt::format("{}{}{}{} {}", block.hidden ? "hidden " : "",
                                kNames[static_cast<std::size_t>(block.kind)], level, block.header_row ? "!" : "",
                                text));
  }
  return lines;
}

TEST(ParseText, FindsHeadingsItemsAndCode) {
  EXPECT_THAT(Blocks(Parse("Guide\n=====\n\n1.2 Scope\n\nThe first line\nand the second.\n\n- one\n  more\n- two\n\n"
                           "    x = 1\n    y = 2\n",
                           "a.txt")),
              ElementsAre("h1 Guide", "h2 1.2 Scope", "p The first line / and the second.", "li1 one / more", "li1 two",
                          "code     x = 1 /     y = 2"));
}

TEST(ParseText, TakesNoWordForAFormat) {
  for (const std::string text : {"ID3 is a format of tags.", "BZhang wrote it.", "OggS begins a page.", "The ftyp box.",
                                 "GIF89a is older.", "RIFF and WEBP"}) {
    const auto documents = ParseFile(AsBytes(text), "a.txt", {});
    ASSERT_TRUE(documents) << text << ": " << documents.error().ToString();
    EXPECT_EQ(documents->front().text, text);
  }
  for (const std::string_view binary : {std::string_view("ID3\4\0\0\0\0", 8), std::string_view("OggS\0\2", 6),
                                        std::string_view("\0\0\0\x18"
                                                         "ftypmp42",
                                                         12)}) {
    const auto documents = ParseFile(std::as_bytes(std::span(binary)), "a.txt", {});
    ASSERT_FALSE(documents);
    EXPECT_EQ(documents.error().code(), ErrorCode::kUnsupported);
  }
}

TEST(ParseMarkdown, ReadsBlocksFrontMatterAndHtml) {
  const ParsedDocument document = Parse(
      "---\ntitle: \"The guide\"\nauthor: Ada\ntags: [a]\n---\n# One\n\nA *b* [c](http://x) &eacute;<br>d\n\n1. one\n  "
      " - "
      "deep\n2. two\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | `x` |\n\n```py\nx = 1\n```\n\n<div><p>raw</p><p "
      "style=\"display:none\">gone</p></div>\n",
      "a.md");
  EXPECT_EQ(document.title, "The guide");
  EXPECT_EQ(document.metadata.at("author"), "Ada");
  EXPECT_THAT(Blocks(document),
              ElementsAre("h1 One", "p A b c é / d", "li1 1. one", "li2 deep", "li1 2. two", "quote quoted",
                          "table! a | b / 1 | x", "code x = 1", "p raw", "hidden p gone"));
}

TEST(ParseHtml, LeavesOutWhatIsNoContent) {
  const ParsedDocument document = Parse(
      "<html lang=en><head><title>Page</title><style>.gone{display:none} @media "
      "print{.kept{display:none}}</style></head>"
      "<body><nav>Home About</nav><script>x()</script><div class='main-menu'>Menu</div><h2>Title</h2>"
      "<p>Some <b>bold</b>\ntext<br>next</p><p class=gone>never seen</p><p class=kept>seen</p>"
      "<p>before <span style='color:#fff;background:#fff'>white</span>after</p>"
      "<ol start=3><li>three<ul><li>deep</ul><li>four</ol><pre class=language-c>int  x;\n y</pre><footer>© us</footer>"
      "</body></html>",
      "a.html");
  EXPECT_EQ(document.title, "Page");
  EXPECT_THAT(Blocks(document),
              ElementsAre("h2 Title", "p Some bold text / next", "hidden p never seen", "p seen", "p before after",
                          "hidden p white", "li1 3. three", "li2 deep", "li1 4. four", "code int  x; /  y"));
  EXPECT_EQ(document.blocks.back().language, "c");
}

TEST(ParseHtml, RepeatsCellsThatSpanRows) {
  EXPECT_THAT(Blocks(Parse("<table><caption>Ports</caption><tr><th>a<th>b<th>c<tr><td rowspan=2>x<td>1<td>2<tr><td "
                           "colspan=2>3</table>",
                           "a.html")),
              ElementsAre("caption Ports", "table! a | b | c / x | 1 | 2 / x | 3"));
}

TEST(ParseHtml, KeepsAPageThatIsAllMenu) {
  EXPECT_THAT(Blocks(Parse("<body><div class=menu><p>Soup</p><p>Fish</p></div></body>", "a.html")),
              ElementsAre("p Soup", "p Fish"));
}

TEST(ParseCsv, TellsSeparatorQuotesAndHeader) {
  EXPECT_THAT(Blocks(Parse("name;note\nx;\"a;b\"\"c\"\"\nd\"\ny;2\n", "a.csv")),
              ElementsAre("table! name | note / x | a;b\"c\" d / y | 2"));
  EXPECT_THAT(Blocks(Parse("1,2\n3,4\n", "a.csv")), ElementsAre("table 1 | 2 / 3 | 4"));
  EXPECT_THAT(Blocks(Parse("a,b\tc\nd\te\n", "a.tsv")), ElementsAre(HasSubstr("a,b | c / d | e")));
}

TEST(ParseData, WritesRecordsAsTablesAndPathsElsewhere) {
  EXPECT_THAT(
      Blocks(Parse(R"({"rivers":[{"name":"a","km":1},{"name":"b","km":2}],"site":{"port":80,"hosts":["x","y"]}})",
                   "a.json")),
      ElementsAre("caption rivers", "table! name | km / a | 1 / b | 2", "p site.port: 80 / site.hosts: x, y"));
  EXPECT_THAT(
      Blocks(Parse("rivers:\n- {name: a, km: 1}\n- {name: b, km: 2}\nsite: {port: 80, hosts: [x, y]}\n", "a.yaml")),
      ElementsAre("caption rivers", "table! name | km / a | 1 / b | 2", "p site.port: 80 / site.hosts: x, y"));
  EXPECT_THAT(Blocks(Parse("{\"a\":1}\n{\"a\":2}\n", "a.jsonl")), ElementsAre("table! a / 1 / 2"));
}

TEST(ParseData, EndsWhereNoYamlCanStand) {
  for (const std::string text : {",eii", "a: b\n]\n", "}", "---\nx: 1\n---\n,"}) {
    const auto documents = ParseFile(AsBytes(text), "a.yaml", {});
    ASSERT_FALSE(documents) << text;
    EXPECT_EQ(documents.error().code(), ErrorCode::kCorrupt) << text;
  }
}

TEST(ParseCode, CutsAtDefinitions) {
  const auto blocks = Blocks(
      Parse("import os\nimport sys\n\n# Adds.\ndef add(a,\n        b):\n    x = 1\n\n    return a + b\n\n\nclass C:\n"
            "    def f(self):\n        pass\n",
            "a.py"));
  EXPECT_THAT(blocks, ElementsAre("code import os / import sys",
                                  "code # Adds. / def add(a, /         b): /     x = 1 /  /     return a + b",
                                  "code class C: /     def f(self): /         pass"));
}

TEST(ParseDocx, ReadsStylesNumbersNotesAndChanges) {
  const ParsedDocument document =
      Parse(MakeDocx(
                R"(<w:p><w:pPr><w:pStyle w:val="Own"/></w:pPr><w:r><w:t>Rivers</w:t></w:r></w:p>
<w:p><w:r><w:t xml:space="preserve">It </w:t></w:r><w:del><w:r><w:delText>was</w:delText></w:r></w:del><w:ins><w:r><w:t>is</w:t></w:r></w:ins><w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r></w:p>
<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="7"/></w:numPr></w:pPr><w:r><w:t>one</w:t></w:r></w:p>
<w:p><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="7"/></w:numPr></w:pPr><w:r><w:t>deep</w:t></w:r></w:p>
<w:p><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="7"/></w:numPr></w:pPr><w:r><w:t>deeper</w:t></w:r></w:p>
<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="7"/></w:numPr></w:pPr><w:r><w:t>two</w:t></w:r></w:p>
<w:tbl><w:tblPr><w:tblLook w:firstRow="1"/></w:tblPr><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr>
<w:tr><w:tc><w:tcPr><w:vMerge w:val="restart"/></w:tcPr><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>1</w:t></w:r></w:p></w:tc></w:tr>
<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc><w:tc><w:p><w:r><w:t>2</w:t></w:r></w:p></w:tc></w:tr></w:tbl>)"),
            "a.docx");
  EXPECT_THAT(Blocks(document),
              ElementsAre("h2 Rivers", "p It is[1]", "hidden p secret", "p [1] Said at the bank.", "li1 1. one",
                          "li2 1.a) deep", "li2 1.b) deeper", "li1 2. two", "table! a | b / x | 1 / x | 2"));
}

TEST(ParseXlsx, ShowsDatesMergesAndHiddenRows) {
  const ParsedDocument document = Parse(
      MakeXlsx(
          R"(<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>share</t></is></c></row>
<row r="2"><c r="A2" t="str"><v>x</v></c><c r="B2" s="1"><v>45231</v></c><c r="C2" s="2"><v>0.25</v></c></row>
<row r="3"><c r="B3" s="3"><v>45231.5</v></c><c r="C3"><v>0.30000000000000004</v></c></row>
<row r="4" hidden="1"><c r="A4" t="b"><v>1</v></c></row><row r="6"><c r="A6" t="str"><v>A note</v></c></row>)",
          "", R"(<mergeCells><mergeCell ref="A2:A3"/></mergeCells>)"),
      "a.xlsx");
  EXPECT_THAT(Blocks(document), ElementsAre("h1 Rivers",
                                            "table! river | two runs | share / x | 2023-11-01 | 25% / x | 2023-11-01 "
                                            "12:00:00 | 0.3",
                                            "p A note", "hidden p TRUE"));
  EXPECT_EQ(document.blocks[1].place.page, 1);
}

TEST(XlsxValues, KnowTheCalendarsOfSpreadsheets) {
  EXPECT_EQ(ShownNumber("1", NumberKind::kDate, false), "1900-01-01");
  EXPECT_EQ(ShownNumber("59", NumberKind::kDate, false), "1900-02-28");
  EXPECT_EQ(ShownNumber("61", NumberKind::kDate, false), "1900-03-01");
  EXPECT_EQ(ShownNumber("0", NumberKind::kDate, true), "1904-01-01");
  EXPECT_EQ(ShownNumber("1.5", NumberKind::kTime, false), "36:00:00");
  EXPECT_EQ(KindOfFormat(170, "[$-409]d\\-mmm\\-yy;@"), NumberKind::kDate);
  EXPECT_EQ(KindOfFormat(170, "#,##0.00\" days\""), NumberKind::kPlain);
  EXPECT_EQ(KindOfFormat(170, "[h]:mm"), NumberKind::kTime);
  EXPECT_EQ(ColumnOf("XFD1"), 16383);
  EXPECT_EQ(ColumnOf("XFE1"), -1);
}

TEST(ParsePptx, ReadsTitlesFirstAndHidesHiddenSlides) {
  const std::string body =
      R"(<p:sp><p:nvSpPr><p:nvPr><p:ph idx="1"/></p:nvPr></p:nvSpPr><p:spPr><a:xfrm><a:off x="127000" y="0"/><a:ext cx="12700" cy="12700"/></a:xfrm></p:spPr><p:txBody><a:p><a:r><a:t>one</a:t></a:r></a:p><a:p><a:pPr lvl="1"/><a:r><a:t>two</a:t></a:r></a:p></p:txBody></p:sp>)";
  const std::string title =
      R"(<p:sp><p:nvSpPr><p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>River</a:t></a:r></a:p></p:txBody></p:sp>)";
  const ParsedDocument document = Parse(MakePptx({body + title, body}), "a.pptx");
  EXPECT_THAT(Blocks(document), ElementsAre("h1 River", "li1 one", "li2 two", "li1 one", "li2 two"));
  EXPECT_EQ(document.blocks[1].place.box.left, 10);
  EXPECT_EQ(document.blocks[4].place.page, 2);
}

TEST(ParseEpub, FollowsTheSpine) {
  const ParsedDocument document = Parse(ValidSamples().at("a.epub"), "a.epub");
  EXPECT_EQ(document.title, "The river");
  EXPECT_THAT(Blocks(document), ElementsAre("h1 First", "p river", "h1 Second", "p bank"));
}

TEST(ParseEml, DecodesHeadersTextAndAttachments) {
  const auto documents = ParseAll(ValidSamples().at("a.eml"), "a.eml");
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[0].title, "The river");
  EXPECT_EQ(documents[0].metadata.at("from"), "É <a@b.c>");
  EXPECT_THAT(Blocks(documents[0]), ElementsAre("p The river é.", "quote quoted"));
  EXPECT_EQ(documents[1].name, "t.csv");
  EXPECT_THAT(Blocks(documents[1]), ElementsAre("table! a | b / 1 | 2"));
}

TEST(ParseArchive, ReadsWhatItMayAndSaysWhatItMayNot) {
  const auto documents =
      ParseAll(MakeArchive(TestArchive::kTarGz, {{"a/b.txt", "one"},
                                                 {"../../etc/passwd", "root"},
                                                 {"link", "", "/etc/passwd"},
                                                 {"a/b.txt", "again"},
                                                 {"in.zip", MakeArchive(TestArchive::kZip, {{"c.md", "# Two"}})},
                                                 {"bad.docx", "PK\x03\x04 no"}}),
               "x.tar.gz");
  std::vector<std::string> seen;
  seen.reserve(documents.size());
  for (const ParsedDocument& document : documents) {
    seen.push_back(document.name + ": " + document.text + (document.warnings.empty() ? "" : " !"));
  }
  EXPECT_THAT(seen, ElementsAre("a/b.txt: one", "../../etc/passwd:  !", "link:  !", "a/b.txt:  !", "in.zip/c.md: Two",
                                "bad.docx:  !"));
  EXPECT_EQ(Parse(Gzip("The river"), "notes.txt.gz").name, "notes.txt");
}

TEST(Encoding, TellsWhatBytesAreIn) {
  const std::string chinese =
      "知识库是一个组织用自己的文件建立的，它回答问题并且指出答案在哪里。文件改变的时候，知识库也跟着改变。";
  const std::string german = "Die Straße führt über die Brücke zum großen Gebäude, wo die Gäste übernachten können.";
  const auto read = [](std::string_view bytes) { return DecodeText(bytes).value().text; };
  const auto encode = [](std::string_view text, auto unit, bool big) {
    std::string out;
    std::u32string points = ToCodePoints(text);
    for (const char32_t c : points) {
      for (std::size_t i = 0; i < sizeof(unit); ++i) {
        out += static_cast<char>(c >> 8 * (big ? sizeof(unit) - 1 - i : i));
      }
    }
    return out;
  };
  EXPECT_EQ(read("\xEF\xBB\xBF" + german), german);
  EXPECT_EQ(read(encode(german, char16_t{}, false)), german);
  EXPECT_EQ(read(encode(german, char16_t{}, true)), german);
  EXPECT_EQ(read("\xFF\xFE" + encode(chinese, char16_t{}, false)), chinese);
  EXPECT_EQ(read(encode(german, char32_t{}, false)), german);
  std::string latin;
  for (const char32_t c : ToCodePoints(german)) latin += static_cast<char>(c);
  EXPECT_EQ(read(latin), german);
  // "知识库 ... " in GB18030.
  const std::string gbk =
      "\xD6\xAA\xCA\xB6\xBF\xE2\xCA\xC7\xD2\xBB\xB8\xF6\xD7\xE9\xD6\xAF\xD3\xC3\xD7\xD4\xBC\xBA\xB5\xC4\xCE\xC4\xBC\xFE"
      "\xBD\xA8\xC1\xA2\xB5\xC4";
  EXPECT_EQ(read(gbk), "知识库是一个组织用自己的文件建立的");
  EXPECT_FALSE(DecodeText(std::string_view("\0\1\2\3\4\5\6\7\xFF\0\0\1", 12)));
}

TEST(CleanText, DropsWhatHidesText) {
  SuspiciousCharacters found;
  EXPECT_EQ(CleanText("a\u200Bb\u202Ec\U000E0041\U000E0042d\x01"
                      "e\r\nf\rg",
                      found),
            "abcde\nf\ng");
  EXPECT_EQ(found.tags, 2U);
  EXPECT_EQ(found.overrides, 1U);
  EXPECT_EQ(found.control, 1U);
  EXPECT_EQ(CleanText("e\u0301 \u1112\u1161\u11ab", found), "é 한");
  EXPECT_EQ(CleanText("👩\u200D💻 می\u200Cخواهم", found), "👩\u200D💻 می\u200Cخواهم");
  EXPECT_THAT(Parse("x \U000E0041\U000E0042", "a.txt").warnings, Contains(HasSubstr("tag characters")));
}

}  // namespace
}  // namespace strata::knowledge
