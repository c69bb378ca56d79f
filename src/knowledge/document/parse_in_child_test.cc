#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "knowledge/document/parse.h"
#include "knowledge/document/test_files.h"
#include "knowledge/document/wire.h"

namespace strata::knowledge {
namespace {

using ::testing::HasSubstr;

TEST(ParseInChild, GivesWhatParseFileGives) {
  const std::string markdown = "# Ports\n\n| Name | Port |\n|---|---|\n| http | 80 |\n\n```cpp\nint x;\n```\n";
  const auto here = ParseFile(AsBytes(markdown), "a.md", {});
  const auto there = ParseInChild(AsBytes(markdown), "a.md", {});
  ASSERT_TRUE(here && there) << (there ? "" : there.error().ToString());
  EXPECT_EQ(EncodeParseResult(here), EncodeParseResult(there));
}

TEST(ParseInChild, PassesErrorsOn) {
  const auto result = ParseInChild(AsBytes("\x7F"
                                           "ELF\2\1\1"),
                                   "a.out", {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(result.error().ToString(), HasSubstr("a.out"));
}

TEST(ParseInChild, StopsAtTheTimeLimit) {
  // Brackets of emphasis are matched against each other for a long time.
  std::string slow;
  for (int i = 0; i < 2'000'000; ++i) slow += "<b><i><font>";
  const auto start = std::chrono::steady_clock::now();
  const auto result = ParseInChild(AsBytes(slow), "a.html", {.time = std::chrono::seconds(1)});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kResourceExhausted) << result.error().ToString();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(ParseInChild, StopsAtTheTextLimit) {
  const auto result = ParseInChild(AsBytes(std::string(100'000, 'a')), "a.txt", {.text_bytes = 1000});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(result.error().ToString(), HasSubstr("text_bytes"));
}

TEST(ParseInChild, RunsManyAtOnce) {
  std::vector<std::jthread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([i] {
      for (int round = 0; round < 4; ++round) {
        const std::string text = "document " + std::to_string(i * 100 + round);
        const auto result = ParseInChild(AsBytes(text), "a.txt", {});
        ASSERT_TRUE(result) << result.error().ToString();
        EXPECT_EQ(result->front().text, text);
      }
    });
  }
}

TEST(ParseInChild, ReadsAnEmptyFile) {
  const auto result = ParseInChild({}, "empty.txt", {});
  ASSERT_TRUE(result) << result.error().ToString();
  EXPECT_TRUE(result->front().text.empty());
}

TEST(Wire, RefusesWhatItDidNotWrite) {
  const std::string file = "# A\n\nText | of | words.\n\n- one\n- two\n";
  const std::string good = EncodeParseResult(ParseFile(AsBytes(file), "a.md", {}));
  ASSERT_TRUE(DecodeParseResult(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(DecodeParseResult(std::string_view(good).substr(0, size)));
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    EXPECT_FALSE(DecodeParseResult(bad)) << at;
  }
}

TEST(Wire, GivesBackDocumentsOfAnyNumberOfBlocks) {
  ParsedDocument document;
  for (std::size_t blocks = 0; blocks < 200; ++blocks) {
    const std::string sent = EncodeParseResult(std::vector{document});
    const auto got = DecodeParseResult(sent);
    ASSERT_TRUE(got) << blocks << " blocks: " << got.error().ToString();
    EXPECT_EQ(EncodeParseResult(got), sent);
    document.text += "x";
    document.blocks.push_back({.span = {blocks, blocks + 1}});
  }
}

TEST(Wire, RefusesSpansOutsideTheText) {
  ParsedDocument document;
  document.text = "é";
  document.blocks.push_back({.span = {0, 1}});
  EXPECT_FALSE(DecodeParseResult(EncodeParseResult(std::vector{document})));
  document.blocks[0].span = {0, 3};
  EXPECT_FALSE(DecodeParseResult(EncodeParseResult(std::vector{document})));
  document.blocks[0].span = {0, 2};
  EXPECT_TRUE(DecodeParseResult(EncodeParseResult(std::vector{document})));
  document.blocks[0].kind = static_cast<BlockKind>(99);
  EXPECT_FALSE(DecodeParseResult(EncodeParseResult(std::vector{document})));
}

}  // namespace
}  // namespace strata::knowledge
