#include "formats/gguf.h"

#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/mapped_file.h"
#include "formats/model_file.h"

namespace strata {
namespace {

const std::string kSmall = STRATA_SOURCE_DIR "/src/formats/testdata/fuzz/gguf_fuzz/small.gguf";

class HostileFile : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  /// Opens bytes as a file, reads every tensor's last byte, and returns the error's text ("" = it opened).
  std::string Open(const std::string& content) {
    EXPECT_TRUE(WriteFileAtomically(path_, content));
    const auto file = GgufFile::Open(path_);
    if (!file) return file.error().ToString();
    unsigned sum = 0;
    for (const GgufTensor& tensor : file->tensors()) {
      if (!tensor.view.data.empty()) sum += static_cast<unsigned>(tensor.view.data.back());
    }
    read_ = sum;
    return "";
  }
  std::string small_ = *ReadFile(kSmall);
  volatile unsigned read_ = 0;  // so that the reads above happen
  std::string path_ = testing::TempDir() + "/strata-gguf-test-" + std::to_string(::getpid());
};

TEST_F(HostileFile, TheWholeFileOpens) { EXPECT_EQ(Open(small_), ""); }

TEST_F(HostileFile, TruncatedAnywhereIsAnErrorThatNamesTheFile) {
  for (std::size_t size = 0; size < small_.size(); ++size) {
    const std::string error = Open(small_.substr(0, size));
    ASSERT_NE(error, "") << size;
    ASSERT_NE(error.find(path_), std::string::npos) << error;
  }
}

TEST_F(HostileFile, AnyByteMayBeWrong) {
  for (std::size_t at = 0; at < small_.size(); ++at) {
    for (const char value : {'\x00', '\x7F', '\xFF'}) {
      std::string changed = small_;
      changed[at] = value;
      Open(changed);  // an error or a file: what matters is that nothing outside is read (ASan watches)
    }
  }
}

TEST_F(HostileFile, HugeCountsAreRefusedBeforeAnythingIsReserved) {
  for (const std::size_t at : {std::size_t{8}, std::size_t{16}}) {  // tensors, metadata entries
    std::string changed = small_;
    for (std::size_t i = 0; i < 8; ++i) changed[at + i] = i == 7 ? '\x7F' : '\xFF';
    EXPECT_NE(Open(changed), "") << at;
  }
}

TEST_F(HostileFile, MagicAndVersion) {
  std::string changed = small_;
  changed[0] = 'X';
  EXPECT_NE(Open(changed).find("magic"), std::string::npos) << Open(changed);
  changed = small_;
  changed[4] = 9;
  EXPECT_NE(Open(changed).find("version"), std::string::npos) << Open(changed);
}

TEST(ModelFileTest, NamesWhatDoesNotExist) {
  const auto file = ModelFile::Open("/nonexistent/model.gguf");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(file.error().ToString().find("/nonexistent/model.gguf"), std::string::npos);
}

TEST(GgufTest, ReadsMetadata) {
  const auto file = GgufFile::Open(kSmall);
  ASSERT_TRUE(file);
  EXPECT_EQ(*file->Get<std::string_view>("general.architecture"), "llama");
  EXPECT_EQ(*file->Get<std::int64_t>("llama.block_count"), 1);
  EXPECT_EQ(file->Get<GgufArray>("tokenizer.ggml.tokens")->Strings().size(), 3U);
  const auto missing = file->Get<std::string_view>("no.such.key");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().ToString().find("no.such.key"), std::string::npos);
}

}  // namespace
}  // namespace strata
