// Pictures and scanned pages through the child that parses, sandbox and all.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "knowledge/document/parse.h"
#include "knowledge/document/pdfium_path.h"
#include "knowledge/document/test_files.h"
#include "knowledge/document/test_pictures.h"

namespace strata::knowledge {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Written for this test.
constexpr std::string_view kText =
    "The harbour office keeps a record of every vessel that enters the river between March and November. Pilots are "
    "ordered at least six hours before arrival, by telephone or by letter, and their fee is paid in advance. A ship of "
    "more than 120 metres takes two tugs; in fog or ice the master of the port may order a third. Nobody may anchor "
    "within 400 metres of the old bridge, where the current runs at 3 knots and the ground is rock. "
    "Cargo that is dangerous has to be declared on form B, with its number and class. The officer on duty signs the "
    "form "
    "and returns one copy. Complaints about the pilots, the tugs or the fees go to the director in writing within "
    "thirty "
    "days; after that they are not heard. This notice replaces the one of 14 June 1987 and holds until another is "
    "published.";

std::multiset<std::string> WordsOf(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::multiset<std::string> words;
  for (std::string word; stream >> word;) words.insert(word);
  return words;
}

/// Which part of the words of `text` are in `found`, each as often.
double Recall(std::string_view text, std::string_view found) {
  const auto want = WordsOf(text), have = WordsOf(found);
  std::vector<std::string> both;
  std::ranges::set_intersection(want, have, std::back_inserter(both));
  return static_cast<double>(both.size()) / static_cast<double>(want.size());
}

Result<std::vector<ParsedDocument>> Read(std::string_view file, std::string_view name, const ParseLimits& limits = {}) {
  return ParseInChild(AsBytes(file), name, limits);
}

ParsedDocument ReadOne(std::string_view file, std::string_view name, const ParseLimits& limits = {}) {
  auto documents = Read(file, name, limits);
  EXPECT_TRUE(documents) << documents.error().ToString();
  return documents ? std::move(documents->front()) : ParsedDocument();
}

/// For one test: environment variables, which the child gets as they are when it is started.
class Environment {
 public:
  Environment(std::string name, const std::string& value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { ::unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

bool HasPdfium() { return ::access(PdfiumPath().c_str(), R_OK) == 0; }

TEST(Ocr, ReadsAPage) {
  const ParsedDocument document = ReadOne(MakePicture(PictureFormat::kPng, kText), "notice.png");
  EXPECT_GE(Recall(kText, document.text), 0.98) << document.text;
  EXPECT_EQ(document.media_type, "image/png");
  EXPECT_EQ(document.metadata.at("ocr"), "true");
  EXPECT_EQ(document.metadata.at("ocr_pages"), "1");
  EXPECT_GE(std::stoi(document.metadata.at("ocr_confidence")), 80);
  EXPECT_THAT(document.warnings, IsEmpty());
  ASSERT_THAT(document.blocks, SizeIs(1)) << document.text;
  const Box& box = document.blocks[0].place.box;
  EXPECT_EQ(document.blocks[0].place.page, 1);
  // Margins of 150 and 300 pixels at 300 dpi.
  EXPECT_NEAR(box.left, 36, 3);
  EXPECT_NEAR(box.top, 72, 8);
  EXPECT_LT(box.right, 420);
  EXPECT_LT(box.bottom, 595 / 2);
}

TEST(Ocr, ReadsEveryFormatByItsContent) {
  for (const auto& [format, type] : {std::pair(PictureFormat::kJpeg, "image/jpeg"),
                                     {PictureFormat::kTiff, "image/tiff"},
                                     {PictureFormat::kBmp, "image/bmp"},
                                     {PictureFormat::kWebp, "image/webp"}}) {
    const ParsedDocument document = ReadOne(MakePicture(format, "The river is long and cold."), "scan");
    EXPECT_EQ(document.text, "The river is long and cold.");
    EXPECT_EQ(document.media_type, type);
  }
}

TEST(Ocr, ReadsThePagesOfATiff) {
  const ParsedDocument document = ReadOne(MakeTiff({"The first page.", "", "The third page."}), "fax.tif");
  EXPECT_EQ(document.text, "The first page.\n\nThe third page.");
  ASSERT_THAT(document.blocks, SizeIs(2));
  EXPECT_EQ(document.blocks[1].place.page, 3);
  EXPECT_EQ(document.metadata.at("ocr_pages"), "1, 3");
  EXPECT_THAT(document.warnings, Contains(AllOf(HasSubstr("page 2"), HasSubstr("no text was found"))));
}

TEST(Ocr, ReadsScannedPagesOfAPdf) {
  if (!HasPdfium()) GTEST_SKIP() << "needs PDFium: scripts/fetch_pdfium.sh";
  const std::string scan = MakePicture(PictureFormat::kJpeg, kText);
  const ParsedDocument document = ReadOne(MakePdf({{.text = "The page before the scan has its own text, and enough."},
                                                   {.text = "7", .jpeg = scan},
                                                   {.text = "What comes after it has its own text as well."}}),
                                          "mixed.pdf");
  ASSERT_GE(document.blocks.size(), 3U);
  EXPECT_TRUE(document.text.starts_with("The page before the scan")) << document.text;
  EXPECT_TRUE(document.text.ends_with("its own text as well.")) << document.text;
  EXPECT_GE(Recall(kText, document.text), 0.98) << document.text;
  EXPECT_EQ(document.blocks.front().place.page, 1);
  EXPECT_EQ(document.blocks[1].place.page, 2);
  EXPECT_NEAR(document.blocks[1].place.box.left, 36, 3);
  EXPECT_EQ(document.blocks.back().place.page, 3);
  EXPECT_EQ(document.metadata.at("ocr_pages"), "2");
}

TEST(Ocr, ReadsPagesThatLieOnTheirSide) {
  for (const int turns : {1, 2, 3}) {
    const ParsedDocument document = ReadOne(MakePicture(PictureFormat::kPng, kText, turns), "notice.png");
    EXPECT_GE(Recall(kText, document.text), 0.98) << turns << document.text;
    EXPECT_THAT(document.warnings, IsEmpty());
    ASSERT_THAT(document.blocks, SizeIs(1)) << document.text;
    // On the page as it is shown: lines of 86 % of the page's width, in its upper half before it was turned.
    const Box box = document.blocks[0].place.box;
    EXPECT_EQ(box.bottom - box.top > box.right - box.left, turns != 2) << turns;
    if (turns == 1) EXPECT_GT(box.left, 595.0F / 2);
    if (turns == 2) EXPECT_GT(box.top, 595.0F / 2);
    if (turns == 3) EXPECT_LT(box.right, 595.0F / 2);
  }
}

TEST(Pdf, ReadsTextHoweverItIsTurned) {
  if (!HasPdfium()) GTEST_SKIP() << "needs PDFium: scripts/fetch_pdfium.sh";
  for (int text_turns = 0; text_turns < 4; ++text_turns) {
    for (int page_turns = 0; page_turns < 4; ++page_turns) {
      const ParsedDocument document = ReadOne(MakePdf({{.text = "The quarterly table of the harbour has three\n"
                                                                "lines, and each of them goes from one side of\n"
                                                                "the page to the other.",
                                                        .text_turns = text_turns,
                                                        .page_turns = page_turns}}),
                                              "table.pdf");
      EXPECT_THAT(document.text, HasSubstr("The quarterly table of the harbour has three lines, and each of them goes "
                                           "from one side of the page to the other."))
          << text_turns << page_turns;
      ASSERT_THAT(document.blocks, SizeIs(1));
      const Box box = document.blocks[0].place.box;
      const bool on_side = (text_turns + page_turns) % 2 != 0;
      EXPECT_EQ(box.bottom - box.top > box.right - box.left, on_side) << text_turns << page_turns;
      EXPECT_TRUE(box.left >= 0 && box.right <= (page_turns % 2 == 0 ? 420 : 595)) << text_turns << page_turns;
      EXPECT_TRUE(box.top >= 0 && box.bottom <= (page_turns % 2 == 0 ? 595 : 420)) << text_turns << page_turns;
    }
  }
}

TEST(Ocr, LeavesPicturesBesideTextAlone) {
  if (!HasPdfium()) GTEST_SKIP() << "needs PDFium: scripts/fetch_pdfium.sh";
  const ParsedDocument document = ReadOne(MakePdf({{.text = "A page with a picture behind it, and text of its own.",
                                                    .jpeg = MakePicture(PictureFormat::kJpeg, "Behind.")}}),
                                          "a.pdf");
  EXPECT_EQ(document.text, "A page with a picture behind it, and text of its own.");
  EXPECT_FALSE(document.metadata.contains("ocr"));
}

TEST(Ocr, MakesNoTextOfNoise) {
  const ParsedDocument document = ReadOne(MakeNoise(), "noise.png");
  EXPECT_EQ(document.text, "");
  EXPECT_THAT(document.warnings, SizeIs(1));
  EXPECT_FALSE(document.metadata.contains("ocr"));
}

TEST(Ocr, ReadsPicturesInArchives) {
  const auto documents =
      Read(MakeArchive(TestArchive::kZip, {{"a.txt", "one"},
                                           {"b.png", MakePicture(PictureFormat::kPng, "The river is long and cold.")},
                                           {"c.png", "\x89PNG\r\n\x1A\nbroken"}}),
           "x.zip");
  ASSERT_TRUE(documents) << documents.error().ToString();
  ASSERT_THAT(*documents, SizeIs(3));
  EXPECT_EQ((*documents)[1].name, "b.png");
  EXPECT_EQ((*documents)[1].text, "The river is long and cold.");
  EXPECT_THAT((*documents)[2].warnings, Contains(HasSubstr("damaged picture")));
}

constexpr std::string_view kRiver = "The river is long and cold.";

std::string RelationshipTo(std::string_view type, std::string_view target) {
  return fmt::format(R"(<Relationships><Relationship Id="rId1" Type="x/{}" Target="{}"/></Relationships>)", type,
                     target);
}

/// A letter of the given body, whose relationship rId1 is a picture of kRiver.
std::string LetterWithPicture(std::string_view body, std::string_view picture) {
  return MakeArchive(TestArchive::kZip,
                     {{"[Content_Types].xml", "<Types/>"},
                      {"_rels/.rels", RelationshipTo("officeDocument", "word/document.xml")},
                      {"word/_rels/document.xml.rels", RelationshipTo("image", "media/image1.png")},
                      {"word/document.xml", fmt::format("<w:document><w:body>{}</w:body></w:document>", body)},
                      {"word/media/image1.png", std::string(picture)}});
}

TEST(Ocr, ReadsPicturesInLetters) {
  constexpr std::string_view kDrawing = R"(<w:r><w:drawing><a:blip r:embed="rId1"/></w:drawing></w:r>)";
  const std::string body =
      fmt::format("<w:p><w:r><w:t>Before.</w:t></w:r>{0}</w:p><w:p><w:r><w:t>After.</w:t></w:r>{0}</w:p>", kDrawing);
  const ParsedDocument document =
      ReadOne(LetterWithPicture(body, MakePicture(PictureFormat::kPng, kRiver)), "letter.docx");
  EXPECT_EQ(document.text, fmt::format("Before.\n\n{}\n\nAfter.", kRiver)) << "once, though it stands there twice";
  EXPECT_EQ(document.metadata.at("ocr"), "true");
  EXPECT_EQ(document.metadata.at("ocr_pictures"), "1");
  EXPECT_THAT(document.warnings, IsEmpty());

  const std::string hidden = "<w:p><w:r><w:rPr><w:vanish/></w:rPr>" + std::string(kDrawing.substr(5)) + "</w:p>";
  EXPECT_EQ(ReadOne(LetterWithPicture("<w:p><w:r><w:t>Seen.</w:t></w:r></w:p>" + hidden,
                                      MakePicture(PictureFormat::kPng, kRiver)),
                    "letter.docx")
                .text,
            "Seen.");
  const std::string in_a_table = fmt::format(
      "<w:tbl><w:tr><w:tc><w:p>{}</w:p></w:tc><w:tc><w:p><w:r><w:t>cell</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
      kDrawing);
  EXPECT_THAT(ReadOne(LetterWithPicture(in_a_table, MakePicture(PictureFormat::kPng, kRiver)), "letter.docx").text,
              AllOf(HasSubstr("cell"), HasSubstr(kRiver)));
}

TEST(Ocr, APictureThatCannotBeReadLeavesTheLetterWhole) {
  const std::string body =
      R"(<w:p><w:r><w:t>Before.</w:t></w:r><w:r><w:pict><v:imagedata r:id="rId1"/></w:pict></w:r></w:p>)";
  const ParsedDocument broken = ReadOne(LetterWithPicture(body, "\x89PNG\r\n\x1A\nbroken"), "letter.docx");
  EXPECT_EQ(broken.text, "Before.");
  EXPECT_THAT(broken.warnings, Contains(AllOf(HasSubstr("image1.png"), HasSubstr("damaged picture"))));
  const ParsedDocument noise = ReadOne(LetterWithPicture(body, MakeNoise()), "letter.docx");
  EXPECT_EQ(noise.text, "Before.");
  EXPECT_THAT(noise.warnings, IsEmpty()) << "a photograph is nothing to be told";
  const ParsedDocument late = ReadOne(LetterWithPicture(body, MakePicture(PictureFormat::kPng, kRiver)), "letter.docx",
                                      {.recognition_time = std::chrono::seconds(0)});
  EXPECT_EQ(late.text, "Before.");
  EXPECT_THAT(late.warnings, Contains(AllOf(HasSubstr("picture 1"), HasSubstr("recognition_time"))));
  const Environment nowhere("TESSDATA_PREFIX", "/nowhere");
  const ParsedDocument without =
      ReadOne(LetterWithPicture(body, MakePicture(PictureFormat::kPng, kRiver)), "letter.docx");
  EXPECT_EQ(without.text, "Before.");
  EXPECT_THAT(without.warnings, Contains(AllOf(HasSubstr("picture 1"), HasSubstr(".traineddata"))));
}

TEST(Ocr, PicturesBeyondWhatIsKeptLeaveTheLetterWhole) {
  const std::string body =
      R"(<w:p><w:r><w:t>Before.</w:t></w:r><w:r><w:drawing><a:blip r:embed="rId1"/></w:drawing></w:r></w:p>)";
  const ParsedDocument document = ReadOne(LetterWithPicture(body, std::string(129 << 20, ' ')), "letter.docx");
  EXPECT_EQ(document.text, "Before.");
  EXPECT_THAT(document.warnings, Contains(AllOf(HasSubstr("image1.png"), HasSubstr("128 MB"))));
}

TEST(Ocr, ReadsPicturesOnSlides) {
  const std::string slide =
      R"(<p:sld><p:cSld><p:spTree><p:pic><p:nvPicPr><p:cNvPr descr="A sign."/></p:nvPicPr><p:blipFill><a:blip r:embed="rId1"/></p:blipFill>)"
      R"(<p:spPr><a:xfrm><a:off x="127000" y="0"/><a:ext cx="1270000" cy="254000"/></a:xfrm></p:spPr></p:pic></p:spTree></p:cSld></p:sld>)";
  const ParsedDocument document =
      ReadOne(MakeArchive(TestArchive::kZip,
                          {{"[Content_Types].xml", "<Types/>"},
                           {"_rels/.rels", RelationshipTo("officeDocument", "ppt/presentation.xml")},
                           {"ppt/_rels/presentation.xml.rels", RelationshipTo("slide", "slides/slide1.xml")},
                           {"ppt/presentation.xml",
                            R"(<p:presentation><p:sldIdLst><p:sldId r:id="rId1"/></p:sldIdLst></p:presentation>)"},
                           {"ppt/slides/_rels/slide1.xml.rels", RelationshipTo("image", "../media/sign.jpeg")},
                           {"ppt/slides/slide1.xml", slide},
                           {"ppt/media/sign.jpeg", MakePicture(PictureFormat::kJpeg, kRiver)}}),
              "talk.pptx");
  ASSERT_THAT(document.blocks, SizeIs(2)) << document.text;
  EXPECT_EQ(document.text, fmt::format("A sign.\n\n{}", kRiver));
  EXPECT_EQ(document.blocks[1].place.page, 1);
  EXPECT_NEAR(document.blocks[1].place.box.right, 110, 0.1);
}

TEST(Ocr, ReadsPicturesInBooks) {
  const ParsedDocument document = ReadOne(
      MakeArchive(
          TestArchive::kZip,
          {{"META-INF/container.xml",
            R"(<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>)"},
           {"OPS/book.opf",
            R"(<package><manifest><item id="c" href="text/one.xhtml"/></manifest><spine><itemref idref="c"/></spine></package>)"},
           {"OPS/text/one.xhtml",
            R"(<html><body><p>Before <img src="../a%20sign.png" alt="a sign"/>.</p><p>After.</p></body></html>)"},
           {"OPS/a sign.png", MakePicture(PictureFormat::kPng, kRiver)}}),
      "book.epub");
  EXPECT_EQ(document.text, fmt::format("Before a sign.\n\n{}\n\nAfter.", kRiver));
}

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t j = i; j < i + 3; ++j)
      bits = bits << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0U);
    for (int shift = 18; shift >= 0; shift -= 6) out += kAlphabet[bits >> shift & 63];
  }
  for (std::size_t i = 0; i < (3 - bytes.size() % 3) % 3; ++i) out[out.size() - 1 - i] = '=';
  return out;
}

TEST(Ocr, ReadsPicturesThatPagesHold) {
  const std::string picture = Base64(MakePicture(PictureFormat::kPng, kRiver));
  const std::string page = fmt::format(
      R"(<html><body><p>Before.</p><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td><img src="data:image/png;base64,{}"></td></tr></table>)"
      R"(<p>After. <img src="elsewhere.png"><img src="data:image/png;base64,AAAA" hidden></p></body></html>)",
      picture);
  const ParsedDocument document = ReadOne(page, "page.html");
  EXPECT_THAT(document.text, AllOf(HasSubstr("Before."), HasSubstr(kRiver), HasSubstr("After.")));
  EXPECT_LT(document.text.find(kRiver), document.text.find("After."));
  EXPECT_THAT(document.warnings, IsEmpty());
  const auto large = Read(page, "page.html", {.inflated_bytes = 100});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code(), ErrorCode::kResourceExhausted);
}

TEST(Ocr, SaysWhichDataIsMissing) {
  const std::string png = MakePicture(PictureFormat::kPng, "The river.");
  {
    const Environment nowhere("TESSDATA_PREFIX", "/nowhere");
    const auto documents = Read(png, "a.png");
    ASSERT_FALSE(documents);
    EXPECT_EQ(documents.error().code(), ErrorCode::kNotFound);
    EXPECT_THAT(documents.error().ToString(),
                AllOf(HasSubstr("a.png"), HasSubstr(".traineddata"), HasSubstr("/nowhere")));
    if (HasPdfium()) {
      const std::string scan = MakePicture(PictureFormat::kJpeg, "The river.");
      EXPECT_FALSE(Read(MakePdf({{.jpeg = scan}}), "scan.pdf"));
      const ParsedDocument mixed = ReadOne(
          MakePdf({{.text = "The page before the scan has its own text, and enough."}, {.jpeg = scan}}), "m.pdf");
      EXPECT_THAT(mixed.text, HasSubstr("before the scan"));
      EXPECT_THAT(mixed.warnings, Contains(AllOf(HasSubstr("page 2"), HasSubstr(".traineddata"))));
    }
  }
  const Environment languages("STRATA_OCR_LANGUAGES", "eng+xyz");
  const auto documents = Read(png, "a.png");
  ASSERT_FALSE(documents);
  EXPECT_THAT(documents.error().ToString(), HasSubstr("xyz.traineddata"));
}

TEST(Ocr, HoldsItsLimits) {
  const std::string png = MakePicture(PictureFormat::kPng, "The river.");
  const auto large = Read(png, "a.png", {.image_bytes = 1 << 20});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(large.error().ToString(), AllOf(HasSubstr("1748 x 2480"), HasSubstr("image_bytes")));
  const ParsedDocument late = ReadOne(png, "a.png", {.recognition_time = std::chrono::seconds(0)});
  EXPECT_EQ(late.text, "");
  EXPECT_THAT(late.warnings, Contains(HasSubstr("recognition_time")));
}

TEST(Ocr, RefusesABombByItsHeader) {
  // Width and height stand behind the signature, a length and "IHDR".
  std::string png = MakePicture(PictureFormat::kPng, "The river.");
  const std::string side("\0\0\xEA\x60", 4);  // 60,000
  png.replace(16, 8, side + side);
  const auto documents = Read(png, "bomb.png");
  ASSERT_FALSE(documents);
  EXPECT_EQ(documents.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(documents.error().ToString(), HasSubstr("60000 x 60000"));
}

TEST(Ocr, FailsClearlyOnTruncatedPictures) {
  for (const PictureFormat format :
       {PictureFormat::kPng, PictureFormat::kJpeg, PictureFormat::kTiff, PictureFormat::kBmp, PictureFormat::kWebp}) {
    const std::string whole = MakePicture(format, "The river.");
    for (const std::size_t size : {std::size_t{13}, std::size_t{40}, whole.size() / 2, whole.size() - 5}) {
      const auto documents = Read(whole.substr(0, size), "a");
      // A decoder may give what there was.
      if (!documents) {
        EXPECT_THAT(documents.error().ToString(), ::testing::Not(HasSubstr("died"))) << size;
      }
    }
  }
}

TEST(Ocr, ReadsEachPageOfACyclicTiffOnce) {
  std::string tiff = MakeTiff({"The first page.", "The second page."});
  // Little-endian: the first directory's offset at 4; each is a count, entries of 12 bytes, the next one's offset.
  const auto number = [&](std::size_t at, int bytes) {
    std::size_t value = 0;
    for (int i = bytes; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(tiff[at + static_cast<std::size_t>(i)]);
    return value;
  };
  const auto link = [&](std::size_t directory) { return directory + 2 + 12 * number(directory, 2); };
  ASSERT_TRUE(tiff.starts_with("II"));
  const std::size_t last = link(number(link(number(4, 4)), 4));
  ASSERT_EQ(number(last, 4), 0U);
  tiff.replace(last, 4, tiff.substr(4, 4));
  EXPECT_EQ(ReadOne(tiff, "circle.tif").text, "The first page.\n\nThe second page.");
}

}  // namespace
}  // namespace strata::knowledge
