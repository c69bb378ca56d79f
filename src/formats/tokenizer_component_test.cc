// Every component of tokenizer.json beside the `tokenizers` package: small tokenizers with one part exchanged
// (tools/golden/tokenizers_components.py).
#include <span>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "formats/tokenizer.h"

namespace strata {
namespace {

constexpr const char* kFolder = STRATA_SOURCE_DIR "/src/formats/testdata/tokenizer/";

const nlohmann::json& Components() {
  static const auto components = nlohmann::json::parse(*ReadFile(std::string(kFolder) + "components.json"));
  return components;
}

std::string Digest(std::string_view bytes) { return fmt::format("{:016x}", Hash64(bytes)).substr(0, 8); }

class Component : public testing::TestWithParam<std::size_t> {};

TEST_P(Component, IsAsTheTokenizersPackageHasIt) {
  static const auto corpus = nlohmann::json::parse(*ReadFile(std::string(kFolder) + "corpus.json"));
  const auto& golden = Components()["cases"][GetParam()];
  nlohmann::json document = Components()["bases"][golden["base"].get<std::string>()];
  for (const auto& [name, part] : golden["set"].items()) document[name] = part;
  const auto loaded = LoadTokenizerJson(document.dump());
  ASSERT_TRUE(loaded) << golden["name"] << ": " << loaded.error().ToString();
  const Tokenizer& tokenizer = **loaded;
  std::istringstream rows(golden["rows"].get<std::string>());
  int wrong = 0;
  for (const std::size_t index : Components()["texts"]) {
    const auto text = corpus[index].get<std::string>();
    std::string row;
    ASSERT_TRUE(rows >> row);
    const auto ids = tokenizer.Encode(text);
    const auto bytes = std::as_bytes(std::span(ids));
    const std::string decoded = tokenizer.Decode(ids);
    const bool panicked = row.ends_with("panicked");  // the package's own fault: nothing to compare with
    const std::string got =
        Digest({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) + (panicked ? "panicked" : Digest(decoded));
    EXPECT_EQ(got, row) << golden["name"] << " on text " << index << ": " << testing::PrintToString(text)
                        << "\nids: " << testing::PrintToString(ids) << "\ndecoded: " << decoded;
    Detokenizer stream(tokenizer, false);
    std::string streamed;
    for (const TokenId id : ids) streamed += stream.Push(id);
    EXPECT_EQ(streamed + stream.Finish(), decoded) << golden["name"];
    if (got != row && ++wrong == 3) break;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Component, testing::Range(std::size_t{0}, Components()["cases"].size()),
                         [](const auto& info) {
                           auto name = Components()["cases"][info.param]["name"].template get<std::string>();
                           std::ranges::replace(name, '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace strata
