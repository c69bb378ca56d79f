// ingest FOLDER TOKENIZER_JSON: a base of all files below a folder, with vectors that cost nothing: how long everything
// but embedding takes, and how many chunks say what another has said.
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mapped_file.h"
#include "knowledge/knowledge_base.h"

namespace {

using namespace strata;
using namespace strata::knowledge;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kWidth = 384, kWaiting = 2000;

class NoEmbedder final : public Embedder {
 public:
  explicit NoEmbedder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  Result<std::vector<float>> Embed(std::span<const std::string> texts, Use) override {
    std::vector<float> vectors(texts.size() * kWidth);
    for (std::size_t i = 0; i < texts.size(); ++i) vectors[i * kWidth + texts[i].size() % kWidth] = 1;
    return vectors;
  }
  std::int64_t dimensions() const override { return kWidth; }
  std::int64_t max_tokens() const override { return 254; }
  const Tokenizer& tokenizer() const override { return tokenizer_; }
  std::string name() const override { return "none"; }
  std::string fingerprint() const override { return "none"; }

 private:
  const Tokenizer& tokenizer_;
};

int Run(const std::string& folder, const std::string& tokenizer_file) {
  const auto json = ReadFile(tokenizer_file);
  auto tokenizer = LoadTokenizerJson(json ? *json : "");
  if (!tokenizer) return std::fprintf(stderr, "%s\n", tokenizer.error().ToString().c_str()), 1;
  NoEmbedder embedder(**tokenizer);
  const std::string location = fs::temp_directory_path() / "strata_ingest_bench";
  fs::remove_all(location);
  if (const Status made = KnowledgeBase::Create(location, {.embedding_model = "none"}, embedder); !made) return 1;
  auto base = KnowledgeBase::Open(location, embedder);
  if (!base) return 1;
  const Clock::time_point start = Clock::now();
  std::deque<std::int64_t> waiting;
  std::size_t files = 0, failed = 0;
  const auto reap = [&](std::size_t most) {
    for (; waiting.size() > most; waiting.pop_front()) {
      const auto job = (*base)->WaitFor(waiting.front());
      failed += job && job->state == JobState::kDone ? 0 : 1;
    }
  };
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    DocumentSource source;
    source.path = entry.path();
    waiting.push_back((*base)->Add(source).value_or(0));
    ++files;
    reap(kWaiting);
  }
  reap(0);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::set<std::pair<std::uint64_t, std::uint64_t>> distinct;
  std::size_t chunks = 0, bytes = 0;
  const Status read = (*base)->store().ForEachChunk([&](const StoredChunk& stored, std::span<const float>) {
    ++chunks;
    bytes += stored.chunk.text.size();
    distinct.emplace(stored.chunk.hash.low, stored.chunk.hash.high);
    return true;
  });
  std::printf(
      "%zu files (%zu failed) in %.1f s, %.0f a second; %zu chunks, %.1f MB of text, %.2f MB/s; %zu distinct chunks\n",
      files, failed, seconds, static_cast<double>(files) / seconds, chunks, static_cast<double>(bytes) / 1e6,
      static_cast<double>(bytes) / 1e6 / seconds, distinct.size());
  base->reset();
  fs::remove_all(location);
  return read ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: ingest FOLDER TOKENIZER_JSON\n"), 2;
  return Run(argv[1], argv[2]);
}
