#include "serve/knowledge/multipart.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace strata::serve::knowledge {
namespace {

constexpr std::string_view kType = "multipart/form-data; boundary=XyZ";

std::string Body(std::string_view parts) {
  std::string body;
  for (const char c : parts) body += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return body;
}

TEST(MultipartTest, ReadsFieldsAndFiles) {
  const std::string body = Body(
      "--XyZ\nContent-Disposition: form-data; name=\"metadata\"\n\n{\"a\": 1}\n"
      "--XyZ  \nContent-Type: text/plain\nContent-Disposition: form-data; name=file; filename=\"a \\\"b\\\".txt\"\n\n"
      "one\n--XyZ is not it\n\n"
      "--XyZ\ncontent-disposition: Form-Data; filename*=UTF-8''%E4%BD%A0.md; name=\"file\"\n\n\n--XyZ--\nepilogue");
  const auto parts = ParseMultipart(kType, body);
  ASSERT_FALSE(parts) << "a boundary must end its line";
  EXPECT_NE(parts.error().message().find("must end its line"), std::string::npos);

  const std::string good = Body(
      "preamble\n--XyZ\nContent-Disposition: form-data; name=\"metadata\"\n\n{\"a\": 1}\n"
      "--XyZ  \nContent-Type: text/plain\nContent-Disposition: form-data; name=file; filename=\"a \\\"b\\\".txt\"\n\n"
      "one\n--Xy\n\n"
      "--XyZ\ncontent-disposition: Form-Data; filename*=UTF-8''%E4%BD%A0.md; name=\"file\"\n\n\n--XyZ--\nepilogue");
  const auto read = ParseMultipart(kType, good);
  ASSERT_TRUE(read) << read.error().ToString();
  ASSERT_EQ(read->size(), 3u);
  EXPECT_EQ((*read)[0].name, "metadata");
  EXPECT_EQ((*read)[0].filename, "");
  EXPECT_EQ((*read)[0].content, "{\"a\": 1}");
  EXPECT_EQ((*read)[1].name, "file");
  EXPECT_EQ((*read)[1].filename, "a \"b\".txt");
  EXPECT_EQ((*read)[1].content, "one\r\n--Xy\r\n");
  EXPECT_EQ((*read)[2].filename, "\u4f60.md");
  EXPECT_EQ((*read)[2].content, "");
}

TEST(MultipartTest, SaysWhatIsWrong) {
  const auto error = [](std::string_view type, std::string_view body) {
    const auto parts = ParseMultipart(type, body);
    return parts ? "none" : parts.error().message();
  };
  EXPECT_NE(error("multipart/form-data", "").find("boundary"), std::string::npos);
  EXPECT_NE(error(kType, "").find("byte 0"), std::string::npos);
  EXPECT_NE(error(kType, Body("--XyZ\nContent-Disposition: form-data; name=a\n\nx")).find("no end"), std::string::npos);
  EXPECT_NE(error(kType, Body("--XyZ\nContent-Disposition: form-data; name=a")).find("no end"), std::string::npos);
  EXPECT_NE(error(kType, Body("--XyZ\nContent-Type: text/plain\n\nx\n--XyZ--")).find("no name"), std::string::npos);
  EXPECT_NE(error(kType, Body("--XyZ\nnonsense\n\nx\n--XyZ--")).find("colon"), std::string::npos);
  EXPECT_NE(error(kType, Body("--XyZ\nContent-Disposition: attachment\n\nx\n--XyZ--")).find("form-data"),
            std::string::npos);
}

// Whatever is cut or changed, it ends with parts or an error.
TEST(MultipartTest, SurvivesAnything) {
  const std::string good = Body("--XyZ\nContent-Disposition: form-data; name=\"a\"\n\nx\n--XyZ--");
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string body = good.substr(0, random() % (good.size() + 1));
    for (int change = 0; change < 3 && !body.empty(); ++change)
      body[random() % body.size()] = "\r\n-XyZ\":;\\="[random() % 12];
    if (const auto parts = ParseMultipart(kType, body)) {
      for (const FormPart& part : *parts) EXPECT_FALSE(part.name.empty());
    }
  }
}

}  // namespace
}  // namespace strata::serve::knowledge
