#include "knowledge/vectors/index.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/mapped_file.h"

namespace strata::knowledge {
namespace {

using Vectors = std::map<ChunkId, std::vector<float>>;

constexpr std::int64_t kDimensions = 48;

// Unit vectors around some centres, as texts of some subjects have them.
class Source {
 public:
  explicit Source(unsigned seed) : random_(seed) {
    for (int i = 0; i < 40; ++i) centres_.push_back(Draw(nullptr));
  }
  std::vector<float> Next() { return Draw(&centres_[random_() % centres_.size()]); }
  std::mt19937& random() { return random_; }

 private:
  std::vector<float> Draw(const std::vector<float>* centre) {
    std::normal_distribution<float> normal;
    std::vector<float> vector(kDimensions);
    float square = 0;
    for (std::size_t i = 0; i < vector.size(); ++i) {
      vector[i] = normal(random_) / std::sqrt(float{kDimensions}) + (centre == nullptr ? 0 : (*centre)[i]);
      square += vector[i] * vector[i];
    }
    for (float& value : vector) value /= std::sqrt(square);
    return vector;
  }
  std::mt19937 random_;
  std::vector<std::vector<float>> centres_;
};

Ranking BruteForce(const Vectors& vectors, const std::vector<float>& query, std::size_t k, const Bitmap* allowed) {
  Ranking ranking;
  for (const auto& [id, vector] : vectors) {
    if (allowed != nullptr && !allowed->Has(id)) continue;
    double score = 0;
    for (std::size_t i = 0; i < query.size(); ++i) score += double{query[i]} * double{vector[i]};
    ranking.push_back({id, static_cast<float>(score)});
  }
  std::ranges::stable_sort(ranking, std::greater<>(), &ScoredChunk::score);
  if (ranking.size() > k) ranking.resize(k);
  return ranking;
}

double Recall(const VectorIndex& index, const Vectors& vectors, Source& source, const Bitmap* allowed = nullptr,
              VectorPlan* plan = nullptr) {
  constexpr int kQueries = 25;
  double found = 0, wanted = 0;
  for (int i = 0; i < kQueries; ++i) {
    const std::vector<float> query = source.Next();
    const Ranking got = index.Search(query, 10, {.allowed = allowed}, plan);
    for (const ScoredChunk& chunk : got) {
      EXPECT_TRUE(vectors.contains(chunk.id)) << chunk.id;
      EXPECT_TRUE(allowed == nullptr || allowed->Has(chunk.id));
    }
    for (const ScoredChunk& chunk : BruteForce(vectors, query, 10, allowed)) {
      ++wanted;
      found += std::ranges::find(got, chunk.id, &ScoredChunk::id) != got.end() ? 1 : 0;
    }
  }
  return wanted == 0 ? 1 : found / wanted;
}

struct TemporaryFolder {
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("vectors_{}", ::getpid());
};

class VectorHistoryTest : public testing::TestWithParam<VectorStorage> {
 protected:
  VectorOptions Options(std::size_t exact_below) const {
    return {.dimensions = kDimensions, .storage = GetParam(), .ef_construction = 60, .exact_below = exact_below};
  }
};

// Additions, replacements, removals, saves: exact while there are few, near to it by the graph.
TEST_P(VectorHistoryTest, FindsWhatIsThereAndNothingElse) {
  const TemporaryFolder folder;
  const std::string file = folder.path / "index";
  Source source(1);
  std::mt19937& random = source.random();
  auto index = std::make_unique<VectorIndex>(Options(1000));
  Vectors vectors;
  for (int step = 1; step <= 6000; ++step) {
    const ChunkId id = 1 + random() % 4000;
    if (random() % 3 == 0) {
      index->Remove(id);
      vectors.erase(id);
    } else {
      vectors[id] = source.Next();
      index->Add(id, vectors[id]);
    }
    if (step % 1000 != 0) continue;
    ASSERT_EQ(index->size(), vectors.size());
    if (step % 4000 == 0) {
      ASSERT_TRUE(index->Save(file, static_cast<Sequence>(step)));
      auto loaded = VectorIndex::Load(file, Options(1000));
      ASSERT_TRUE(loaded) << loaded.error().ToString();
      index = std::move(*loaded);
      EXPECT_EQ(index->sequence(), static_cast<Sequence>(step));
      ASSERT_EQ(index->size(), vectors.size());
    }
    if (step == 5000) {
      index->Compact();
      EXPECT_EQ(index->waste(), 0);
    }
    VectorPlan plan;
    const double least = GetParam() == VectorStorage::kInt8 ? 0.97 : 0.985;
    EXPECT_GE(Recall(*index, vectors, source, nullptr, &plan), least) << step;
    if (step >= 4000) EXPECT_EQ(plan, VectorPlan::kGraph) << step;
    for (const unsigned selectivity : {1U, 2U, 10U, 100U, 1000U}) {
      Bitmap allowed;
      for (const auto& [present, vector] : vectors) {
        if (random() % selectivity == 0) allowed.Add(present);
      }
      EXPECT_GE(Recall(*index, vectors, source, &allowed), 0.985) << step << " 1/" << selectivity;
    }
  }
}

TEST_P(VectorHistoryTest, IsExactWithoutAGraph) {
  Source source(2);
  VectorIndex index(Options(100000));
  Vectors vectors;
  for (ChunkId id = 1; id <= 700; ++id) {
    vectors[id] = source.Next();
    index.Add(id, vectors[id]);
  }
  for (ChunkId id = 1; id <= 700; id += 3) {
    index.Remove(id);
    vectors.erase(id);
  }
  VectorPlan plan;
  EXPECT_EQ(Recall(index, vectors, source, nullptr, &plan), 1);
  EXPECT_EQ(plan, VectorPlan::kExact);
  const std::vector<float> query = source.Next();
  const Ranking want = BruteForce(vectors, query, 5, nullptr), got = index.Search(query, 5, {});
  ASSERT_EQ(got.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(got[i].id, want[i].id);
    EXPECT_NEAR(double{got[i].score}, double{want[i].score}, GetParam() == VectorStorage::kF32 ? 1e-6 : 1e-3);
  }
  EXPECT_TRUE(index.Search(query, 0, {}).empty());
  const Bitmap none;
  EXPECT_TRUE(index.Search(query, 5, {.allowed = &none}).empty());
}

// What is allowed lies where the query is not: walking would not end, so that it is scanned.
TEST_P(VectorHistoryTest, FindsWhatAFilterAllowsFarFromTheQuery) {
  Source source(3);
  VectorIndex index(Options(500));
  Vectors vectors;
  for (ChunkId id = 1; id <= 4000; ++id) {
    vectors[id] = source.Next();
    index.Add(id, vectors[id]);
  }
  const std::vector<float> query = source.Next();
  Ranking all = BruteForce(vectors, query, 4000, nullptr);
  Bitmap allowed;
  for (std::size_t i = 2000; i < all.size(); ++i) allowed.Add(all[i].id);
  const Ranking got = index.Search(query, 10, {.allowed = &allowed});
  const Ranking want = BruteForce(vectors, query, 10, &allowed);
  std::size_t found = 0;
  for (const ScoredChunk& chunk : want) found += std::ranges::find(got, chunk.id, &ScoredChunk::id) != got.end();
  EXPECT_GE(found, 9U);
}

INSTANTIATE_TEST_SUITE_P(Storages, VectorHistoryTest,
                         testing::Values(VectorStorage::kF32, VectorStorage::kF16, VectorStorage::kInt8));

TEST(VectorIndexTest, FindsEveryFlippedBit) {
  const TemporaryFolder folder;
  const std::string file = folder.path / "index";
  const VectorOptions options{.dimensions = kDimensions, .m = 4, .exact_below = 4};
  Source source(4);
  VectorIndex index(options);
  for (ChunkId id = 1; id <= 12; ++id) index.Add(id, source.Next());
  ASSERT_TRUE(index.Save(file, 5));
  const std::string bytes = *ReadFile(file);
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 1 + bit % 5) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    std::ofstream(file, std::ios::binary) << flipped;
    const auto loaded = VectorIndex::Load(file, options);
    ASSERT_FALSE(loaded) << bit;
    ASSERT_EQ(loaded.error().code(), ErrorCode::kCorrupt) << bit;
  }
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_TRUE(VectorIndex::Load(file, options));
  EXPECT_EQ(VectorIndex::Load(file, {.dimensions = 16}).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(VectorIndex::Load(folder.path / "none", options).error().code(), ErrorCode::kNotFound);
}

TEST(VectorIndexTest, SearchesBesideAWriter) {
  Source source(5);
  VectorIndex index({.dimensions = kDimensions, .m = 8, .ef_construction = 40, .exact_below = 300});
  const std::vector<float> anchor = source.Next();
  index.Add(1, anchor);
  std::atomic<bool> done = false;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const Ranking found = index.Search(anchor, 5, {});
        ASSERT_FALSE(found.empty());
        EXPECT_EQ(found[0].id, 1U);
        for (const ScoredChunk& chunk : found) EXPECT_LE(chunk.score, found[0].score);
      }
    });
  }
  for (ChunkId id = 2; id < 2500; ++id) {
    index.Add(id, source.Next());
    if (id % 2 == 0 && id > 100) index.Remove(id - id % 97 / 2);
    if (id % 900 == 0) index.Compact();
  }
  done = true;
}

// A file is whole whatever happens to the index while it is written: every vector in it is its id's, and is found.
TEST(VectorIndexTest, SavesBesideAWriter) {
  const TemporaryFolder folder;
  const std::string file = folder.path / "index";
  const VectorOptions options{.dimensions = kDimensions, .m = 8, .ef_construction = 60, .exact_below = 300};
  Source source(6);
  VectorIndex index(options);
  Vectors vectors;
  for (ChunkId id = 1; id <= 3000; ++id) vectors[id] = source.Next();
  constexpr ChunkId kStay = 1500;
  for (ChunkId id = 1; id <= kStay; ++id) index.Add(id, vectors[id]);
  const std::jthread writer([&](const std::stop_token& stop) {
    for (std::mt19937 random(7); !stop.stop_requested();) {
      const auto id = static_cast<ChunkId>(kStay + 1 + random() % (vectors.size() - kStay));
      if (index.Has(id)) {
        index.Remove(id);
      } else {
        index.Add(id, vectors.at(id));
      }
    }
  });
  for (Sequence round = 0; round < 10; ++round) {
    ASSERT_TRUE(index.Save(file, round));
    const auto loaded = VectorIndex::Load(file, options);
    ASSERT_TRUE(loaded) << loaded.error().ToString();
    std::size_t there = 0, found = 0;
    for (const auto& [id, vector] : vectors) {
      if (id <= kStay) ASSERT_TRUE((*loaded)->Has(id));
      if (id % 7 != 0 || !(*loaded)->Has(id)) continue;
      ++there;
      const Ranking got = (*loaded)->Search(vector, 1, {});
      ASSERT_EQ(got.size(), 1U);
      if (got[0].id != id) continue;
      ++found;
      EXPECT_NEAR(got[0].score, 1, 1e-3);
    }
    EXPECT_GE(found, there - there / 50) << "of " << there;
  }
}

}  // namespace
}  // namespace strata::knowledge
