#include "knowledge/lexical/index.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "knowledge/lexical/analyser.h"

namespace strata::knowledge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// BM25 as the formula has it, over everything.
class BruteForce {
 public:
  explicit BruteForce(const LexicalOptions& options) : options_(options) {}

  void Add(ChunkId id, const std::string& text) { texts_[id] = analyser_.Analyse(text, Analyser::Use::kText); }
  void Remove(ChunkId id) { texts_.erase(id); }
  std::size_t size() const { return texts_.size(); }

  std::vector<std::pair<double, ChunkId>> Search(const std::string& query, const Bitmap* allowed) const {
    std::map<std::string, double> df;
    double total = 0;
    for (const auto& [id, text] : texts_) {
      total += text.length;
      for (const TermCount& term : text.terms) ++df[term.term];
    }
    const auto number = static_cast<double>(texts_.size());
    const double mean = std::max(1.0, total / number);
    std::vector<std::pair<double, ChunkId>> scores;
    for (const auto& [id, text] : texts_) {
      if (allowed != nullptr && !allowed->Has(id)) continue;
      double score = 0;
      bool found = false;
      for (const TermCount& wanted : analyser_.Analyse(query, Analyser::Use::kQuery).terms) {
        for (const TermCount& term : text.terms) {
          if (term.term != wanted.term) continue;
          found = true;
          const double idf = std::log(1 + (number - df[term.term] + 0.5) / (df[term.term] + 0.5));
          const double k1 = double{options_.k1}, b = double{options_.b};
          score += wanted.count * idf * term.count / (term.count + k1 * (1 - b + b * text.length / mean));
        }
      }
      if (found) scores.emplace_back(-score, id);
    }
    std::ranges::sort(scores);
    return scores;
  }

 private:
  LexicalOptions options_;
  Analyser analyser_ = std::move(*Analyser::Create(options_.language));
  std::map<ChunkId, AnalysedText> texts_;
};

void ExpectSame(const Ranking& ranking, const std::vector<std::pair<double, ChunkId>>& want, std::size_t k) {
  ASSERT_EQ(ranking.size(), std::min(k, want.size()));
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    EXPECT_NEAR(double{ranking[i].score}, -want[i].first, 1e-6 * (1 - want[i].first)) << i;
    if (static_cast<float>(-want[i].first) != ranking[i].score) continue;
    // Which of several equals, decides the number alone.
    if (i > 0 && ranking[i].score == ranking[i - 1].score) EXPECT_GT(ranking[i].id, ranking[i - 1].id);
    const bool tied = (i > 0 && want[i - 1].first - want[i].first > -1e-7) ||
                      (i + 1 < want.size() && want[i].first - want[i + 1].first > -1e-7);
    if (!tied) EXPECT_EQ(ranking[i].id, want[i].second) << i;
  }
}

// Words as texts have them: few are frequent, many are rare (Zipf).
class Words {
 public:
  explicit Words(unsigned seed) : random_(seed) {}
  std::string Text(std::size_t most) {
    std::string text;
    for (std::size_t i = random_() % (most + 1); i > 0; --i) text += fmt::format("w{} ", Word());
    return text;
  }
  std::mt19937& random() { return random_; }

 private:
  int Word() { return static_cast<int>(std::exp(std::uniform_real_distribution<>(0, std::log(2000))(random_))); }
  std::mt19937 random_;
};

struct TemporaryFolder {
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("lexical_{}", ::getpid());
};

class LexicalHistoryTest : public testing::TestWithParam<unsigned> {};

// Any history of additions, replacements, removals, merges and saves gives the scores of what is there.
TEST_P(LexicalHistoryTest, EqualsBruteForce) {
  const TemporaryFolder folder;
  const std::string file = folder.path / "index";
  Words words(GetParam());
  std::mt19937& random = words.random();
  const LexicalOptions options{.language = "none", .k1 = 1.2f, .b = GetParam() % 2 == 0 ? 0.75f : 1.0f};
  auto index = std::move(*LexicalIndex::Create(options));
  BruteForce brute(options);
  // Long enough for lists of many blocks; the mean length moves as it goes on, so that bounds do not fit exactly.
  const ChunkId ids = 400 + GetParam() * 300;
  for (int step = 0; step < 2500; ++step) {
    const ChunkId id = 1 + random() % ids;
    if (random() % 4 == 0) {
      index->Remove(id);
      brute.Remove(id);
    } else if (random() % 50 == 0) {
      std::vector<std::pair<ChunkId, std::string>> texts;
      for (std::size_t i = random() % 40; i > 0; --i) texts.emplace_back(1 + random() % ids, words.Text(30));
      index->AddAll(texts);  // some ids twice
      for (const auto& [added, text] : texts) brute.Add(added, text);
    } else {
      const std::string text = words.Text(step < 1200 ? 10 : 60);
      index->Add(id, text);
      brute.Add(id, text);
    }
    if (step % 50 != 0) continue;
    if (step % 500 == 0) index->Compact();
    if (step % 350 == 0) {
      ASSERT_TRUE(index->Save(file, static_cast<Sequence>(step)));
      auto loaded = LexicalIndex::Load(file, options);
      ASSERT_TRUE(loaded) << loaded.error().ToString();
      index = std::move(*loaded);
      EXPECT_EQ(index->sequence(), static_cast<Sequence>(step));
    }
    ASSERT_EQ(index->size(), brute.size());
    Bitmap allowed;
    const auto selectivity = std::array{1U, 2U, 20U, 300U}[random() % 4];
    for (ChunkId i = 1; i <= ids; ++i) {
      if (random() % selectivity == 0) allowed.Add(i);
    }
    const std::string query = words.Text(8);
    const std::size_t k = std::array<std::size_t, 4>{1, 10, 100, 100000}[random() % 4];
    ExpectSame(index->Search(query, k), brute.Search(query, nullptr), k);
    ExpectSame(index->Search(query, k, &allowed), brute.Search(query, &allowed), k);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LexicalHistoryTest, testing::Range(1U, 6U));

std::unique_ptr<LexicalIndex> Animals() {
  auto index = std::move(*LexicalIndex::Create({}));
  index->Add(1, "The quick brown fox jumps over the lazy dog");
  index->Add(2, "A dog and another dog: dogs");
  index->Add(7, "知识库里的狗");
  return index;
}

TEST(LexicalIndexTest, FindsWordsInTheirForms) {
  const auto index = Animals();
  EXPECT_THAT(index->Search("jumping foxes", 10), ElementsAre(testing::Field(&ScoredChunk::id, 1)));
  EXPECT_THAT(index->Search("dogs", 10),
              ElementsAre(testing::Field(&ScoredChunk::id, 2), testing::Field(&ScoredChunk::id, 1)));
  EXPECT_THAT(index->Search("知识", 10), ElementsAre(testing::Field(&ScoredChunk::id, 7)));
  EXPECT_THAT(index->Search("the cat", 10), IsEmpty());
  EXPECT_THAT(index->Search("", 10), IsEmpty());
  EXPECT_THAT(index->Search("dog", 0), IsEmpty());
  EXPECT_THAT(index->Search("dog", 10, &std::as_const(*std::make_unique<Bitmap>())), IsEmpty());
}

TEST(LexicalIndexTest, RefusesLanguagesAndConstants) {
  EXPECT_EQ(LexicalIndex::Create({.language = "elvish"}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(LexicalIndex::Create({.k1 = -1}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(LexicalIndex::Create({.b = 2}).error().code(), ErrorCode::kInvalidArgument);
}

TEST(LexicalIndexTest, LeavesNothingOfWhatWasRemovedAfterCompact) {
  const TemporaryFolder folder;
  const std::string file = folder.path / "index";
  auto index = std::move(*LexicalIndex::Create({}));
  for (ChunkId id = 1; id <= 20; ++id) index->Add(id, fmt::format("common{} shared", id));
  index->Remove(13);
  index->Compact();
  ASSERT_TRUE(index->Save(file, 1));
  const std::string bytes = *ReadFile(file);
  EXPECT_FALSE(bytes.contains("common13"));
  EXPECT_TRUE(bytes.contains("common14"));
}

TEST(LexicalIndexTest, FindsEveryFlippedBit) {
  const TemporaryFolder folder;
  const std::string file = folder.path / "index";
  ASSERT_TRUE(Animals()->Save(file, 5));
  const std::string bytes = *ReadFile(file);
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 1 + bit % 3) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    std::ofstream(file, std::ios::binary) << flipped;
    const auto loaded = LexicalIndex::Load(file, {});
    ASSERT_FALSE(loaded) << bit;
    ASSERT_EQ(loaded.error().code(), ErrorCode::kCorrupt) << bit;
  }
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    std::ofstream(file, std::ios::binary) << bytes.substr(0, size);
    ASSERT_EQ(LexicalIndex::Load(file, {}).error().code(), ErrorCode::kCorrupt) << size;
  }
  std::ofstream(file, std::ios::binary) << bytes << 'x';
  EXPECT_EQ(LexicalIndex::Load(file, {}).error().code(), ErrorCode::kCorrupt);
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_TRUE(LexicalIndex::Load(file, {}));
  EXPECT_EQ(LexicalIndex::Load(file, {.language = "german"}).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(LexicalIndex::Load(file, {.k1 = 1}).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(LexicalIndex::Load(folder.path / "none", {}).error().code(), ErrorCode::kNotFound);
}

TEST(LexicalIndexTest, SearchesBesideAWriter) {
  auto index = std::move(*LexicalIndex::Create({.language = "none"}));
  index->Add(1, "anchor stays");
  std::atomic<bool> done = false;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const Ranking found = index->Search("anchor moving", 1000);
        EXPECT_NE(std::ranges::find(found, ChunkId{1}, &ScoredChunk::id), found.end());
        for (const ScoredChunk& chunk : found) EXPECT_TRUE(chunk.id == 1 || chunk.id % 2 == 0);
      }
    });
  }
  for (ChunkId id = 2; id < 1500; ++id) {
    index->Add(id, id % 2 == 0 ? "moving target" : "other words");
    if (id % 3 == 0) index->Remove(id - 1);
    if (id % 400 == 0) index->Compact();
  }
  done = true;
}

}  // namespace
}  // namespace strata::knowledge
