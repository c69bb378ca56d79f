// Passes by text: each file of testdata/ names passes, and holds a graph before and after them.
//
//   passes: fuse-elementwise, concat-linear
//   graph g { ... }
//   ---
//   graph g { ... }
//   --- notes
//   + concat-linear q: why
//
// STRATA_UPDATE_TESTDATA=1 rewrites what follows the first ---.
#include "graph/passes.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace strata::graph {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(STRATA_SOURCE_DIR "/src/graph/testdata")) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class PassFiles : public testing::TestWithParam<fs::path> {};

TEST_P(PassFiles, RewriteAsExpected) {
  std::ifstream file(GetParam());
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  const std::size_t header_end = text.find('\n');
  const std::size_t first = text.find("---\n");
  const std::size_t second = text.find("--- notes\n");
  ASSERT_TRUE(text.starts_with("passes:") && first != std::string::npos && second != std::string::npos)
      << "see the top of passes_test.cc";
  const std::string names = text.substr(7, header_end - 7);
  auto graph = Parse(text.substr(header_end, first - header_end));
  ASSERT_TRUE(graph) << graph.error().ToString();
  ASSERT_TRUE(Verify(*graph)) << Verify(*graph).error().ToString();
  std::vector<PassNote> notes;
  for (const Pass& pass : DefaultPasses()) {
    if (names.find(" all") == std::string::npos && names.find(pass.name) == std::string::npos) continue;
    graph = pass.run(*graph, {}, notes);
    ASSERT_TRUE(Verify(*graph)) << Verify(*graph).error().ToString() << Print(*graph);
  }
  std::string shown;
  for (const PassNote& note : notes)
    shown += fmt::format("{} {} {}: {}\n", note.applied ? "+" : "-", note.pass, note.node, note.reason);
  if (std::getenv("STRATA_UPDATE_TESTDATA") != nullptr) {
    std::ofstream(GetParam()) << text.substr(0, first) << "---\n" << Print(*graph) << "--- notes\n" << shown;
    GTEST_SKIP() << "rewritten: read the diff";
  }
  EXPECT_EQ(Print(*graph), text.substr(first + 4, second - first - 4));
  EXPECT_EQ(shown, text.substr(second + 10));
}

INSTANTIATE_TEST_SUITE_P(Testdata, PassFiles, testing::ValuesIn(Files()), [](const auto& info) {
  std::string name = info.param.stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST(RunPasses, IsIdempotent) {
  std::ifstream file(STRATA_SOURCE_DIR "/src/graph/testdata/llama_layer.txt");
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  const std::size_t begin = text.find('\n');
  const auto once = RunPasses(*Parse(text.substr(begin, text.find("---\n") - begin)), {}, nullptr);
  ASSERT_TRUE(once) << once.error().ToString();
  const auto twice = RunPasses(*once, {}, nullptr);
  ASSERT_TRUE(twice);
  EXPECT_EQ(Print(*once), Print(*twice));
}

TEST(RunPasses, RefusesABrokenGraph) {
  Graph graph;
  graph.name = "empty";
  EXPECT_FALSE(RunPasses(graph, {}, nullptr));
}

}  // namespace
}  // namespace strata::graph
