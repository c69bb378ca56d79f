// scale COUNT TOKENIZER_JSON: a base that grows to COUNT chunks of about a hundred words; at 10,000, 30,000, 100,000,
// ... and at the end, how long hybrid searches take as a whole and by stage, and how soon an upload is found. Its
// documents go past the parser and the chunker, which `ingest` measures; the measured uploads do not.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/mapped_file.h"
#include "bench/knowledge/made_up.h"
#include "knowledge/search/searcher.h"

namespace {

using namespace strata;
using namespace strata::knowledge;
using namespace strata::knowledge::bench;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kChunksOfDocument = 50, kDocumentsAtOnce = 20;
constexpr std::size_t kCheckpoints[] = {10000, 30000, 100000, 300000, 1000000};
constexpr int kSearches = 500, kUpdates = 20;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// A text's vector is drawn from a generator that the text seeds.
class MadeUpEmbedder final : public Embedder {
 public:
  explicit MadeUpEmbedder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  Result<std::vector<float>> Embed(std::span<const std::string> texts, Use) override {
    std::vector<float> vectors(texts.size() * kDimensions);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      std::mt19937 random(static_cast<unsigned>(Hash64(texts[i])));
      source_.Next(random, vectors.data() + i * kDimensions);
    }
    return vectors;
  }
  std::int64_t dimensions() const override { return kDimensions; }
  std::int64_t max_tokens() const override { return 254; }
  const Tokenizer& tokenizer() const override { return tokenizer_; }
  std::string name() const override { return "made-up"; }
  std::string fingerprint() const override { return "made-up"; }

 private:
  const Tokenizer& tokenizer_;
  VectorSource source_;
};

class Times {
 public:
  void Add(double milliseconds) { values_.push_back(milliseconds); }
  void Print(const std::string& what) {
    std::ranges::sort(values_);
    const auto at = [&](double share) { return values_[static_cast<std::size_t>(share * double(values_.size() - 1))]; };
    fmt::print("  {:<10} p50 {:8.3f} ms  p99 {:8.3f} ms  longest {:8.3f} ms\n", what, at(.5), at(.99), at(1));
    std::fflush(stdout);
  }

 private:
  std::vector<double> values_;
};

DocumentVersion MakeDocument(std::size_t number, TextSource& texts, Embedder& embedder) {
  DocumentVersion version;
  version.record.uri = fmt::format("upload:{}.txt", number);
  std::vector<std::string> chunks;
  for (std::size_t i = 0; i < kChunksOfDocument; ++i) {
    Chunk chunk;
    chunk.text = texts.Text(60 + static_cast<int>(texts.random()() % 80), 1);
    chunk.span = {version.text.size(), version.text.size() + chunk.text.size()};
    version.text += chunk.text;
    chunk.hash = HashOf(chunk.text);
    chunks.push_back(chunk.text);
    version.chunks.push_back(std::move(chunk));
  }
  version.vectors = *embedder.Embed(chunks, Embedder::Use::kPassage);
  return version;
}

Status MeasureSearches(const KnowledgeBase& base, TextSource& texts) {
  const Searcher searcher(SourcesOf(base));
  Times all;
  std::map<std::string, Times> stages;
  for (int i = 0; i < kSearches; ++i) {
    const SearchRequest request{.query = texts.Text(2 + static_cast<int>(texts.random()() % 5), 20),
                                .principal = {.sees_everything = true}};
    const Clock::time_point start = Clock::now();
    STRATA_TRY(const SearchResult found, searcher.Search(request));
    all.Add(MillisecondsSince(start));
    for (const StageTime& time : found.times) stages[time.stage].Add(1e3 * time.seconds);
  }
  all.Print("hybrid");
  for (auto& [stage, times] : stages) times.Print(stage);
  return {};
}

/// From the upload to a search that finds it.
Status MeasureUpdates(KnowledgeBase& base, std::size_t chunks) {
  const Searcher searcher(SourcesOf(base));
  Times times;
  for (int i = 0; i < kUpdates; ++i) {
    const std::string word = fmt::format("update{}x{}", chunks, i);
    const Clock::time_point start = Clock::now();
    STRATA_TRY(const std::int64_t job,
               base.Add({.content = fmt::format("What was added says {}.", word), .name = word + ".txt"}));
    STRATA_TRY(const Job ended, base.WaitFor(job));
    STRATA_TRY(const SearchResult found, searcher.Search({.query = word, .principal = {.sees_everything = true}}));
    times.Add(MillisecondsSince(start));
    const bool there =
        std::ranges::any_of(found.hits, [&](const Hit& hit) { return hit.chunk.chunk.text.contains(word); });
    if (!there) return Fail(ErrorCode::kInternal, "{} is not found: {}", word, ended.error);
  }
  times.Print("update");
  return {};
}

Status Measure(const std::string& location, std::size_t count, const std::string& tokenizer_file) {
  STRATA_TRY(const std::string json, ReadFile(tokenizer_file));
  STRATA_TRY(const auto tokenizer, LoadTokenizerJson(json));
  MadeUpEmbedder embedder(*tokenizer);
  STRATA_CHECK(KnowledgeBase::Create(location, {.embedding_model = "made-up", .language = "none"}, embedder));
  STRATA_TRY(const auto base, KnowledgeBase::Open(location, embedder));
  TextSource texts;
  std::size_t chunks = 0, bytes = 0, checkpoint = 0;
  double seconds = 0;
  std::vector<DocumentVersion> documents;
  for (std::size_t number = 0; chunks < count;) {
    documents.clear();
    for (std::size_t i = 0; i < kDocumentsAtOnce; ++i) documents.push_back(MakeDocument(number++, texts, embedder));
    const Clock::time_point start = Clock::now();
    for (const DocumentVersion& document : documents) {
      STRATA_CHECK(base->store().Put(document));
      chunks += document.chunks.size();
      bytes += document.text.size();
    }
    STRATA_CHECK(base->SetMetadata(1, {{"chunks", chunks}}));  // waits until the indexes have them
    seconds += MillisecondsSince(start) / 1e3;
    if (chunks < count && (checkpoint == std::size(kCheckpoints) || chunks < kCheckpoints[checkpoint])) continue;
    fmt::print("{} chunks, stored and indexed in {:.0f} s: {:.0f} a second, {:.2f} MB of text a second\n", chunks,
               seconds, double(chunks) / seconds, double(bytes) / 1e6 / seconds);
    STRATA_CHECK(MeasureSearches(*base, texts));
    STRATA_CHECK(MeasureUpdates(*base, chunks));
    ++checkpoint;
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: scale COUNT TOKENIZER_JSON\n"), 2;
  const std::string location = fs::temp_directory_path() / "strata_scale_bench";
  fs::remove_all(location);
  const Status measured = Measure(location, std::strtoull(argv[1], nullptr, 10), argv[2]);
  fs::remove_all(location);
  if (!measured) return std::fprintf(stderr, "%s\n", measured.error().ToString().c_str()), 1;
  return 0;
}
