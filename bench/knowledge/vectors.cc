// vectors COUNT f32|f16|int8 FOLDER: builds an index of COUNT vectors with strata and with hnswlib (same M and
// ef_construction, one thread), searches both in turns, and writes a table: recall@10, searches a second. hnswlib's
// vectors are f32. Vectors, queries and the right answers are written to FOLDER for peers.py.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <string_view>
#include <vector>

#include "bench/knowledge/made_up.h"
#include "hnswlib/hnswlib.h"
#include "knowledge/vectors/index.h"

namespace {

using namespace strata::knowledge;
using namespace strata::knowledge::bench;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kQueries = 500, kRounds = 3, kBest = 10;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Result {
  double recall = 0;
  std::vector<double> seconds;  ///< of each search
};

template <class Search>
void Measure(const std::vector<std::vector<ChunkId>>& truth, const Search& search, Result& result) {
  double found = 0;
  for (std::size_t q = 0; q < kQueries; ++q) {
    const auto start = Clock::now();
    const std::vector<ChunkId> got = search(q);
    result.seconds.push_back(SecondsSince(start));
    for (const ChunkId id : truth[q]) found += std::ranges::find(got, id) != got.end() ? 1 : 0;
  }
  result.recall = found / static_cast<double>(kQueries * kBest);
}

double Percentile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

void Print(const char* name, std::size_t ef, Result& result) {
  const double total = std::accumulate(result.seconds.begin(), result.seconds.end(), 0.0);
  std::printf("%-18s ef %4zu  recall@10 %.4f  %8.0f searches/s  p50 %.3f ms  p99 %.3f ms\n", name, ef, result.recall,
              static_cast<double>(result.seconds.size()) / total, 1e3 * Percentile(result.seconds, 0.5),
              1e3 * Percentile(result.seconds, 0.99));
  std::fflush(stdout);
}

std::vector<ChunkId> Ids(const Ranking& ranking) {
  std::vector<ChunkId> ids;
  for (const ScoredChunk& chunk : ranking) ids.push_back(chunk.id);
  return ids;
}

void MeasureFilters(const VectorIndex& index, const VectorIndex& exact, const std::vector<float>& queries,
                    std::size_t count) {
  std::mt19937 random(2);
  for (const double share : {0.5, 0.1, 0.05, 0.01, 0.001}) {
    Bitmap allowed;
    for (std::size_t i = 1; i <= count; ++i) {
      if (static_cast<double>(random()) < share * 4294967296.0) allowed.Add(static_cast<std::uint32_t>(i));
    }
    std::vector<std::vector<ChunkId>> truth(kQueries);
    const auto query = [&](std::size_t q) { return std::span(queries.data() + q * kDimensions, kDimensions); };
    Result scan, planned;
    VectorPlan plan = VectorPlan::kExact;
    for (std::size_t q = 0; q < kQueries; ++q) {
      const auto start = Clock::now();
      truth[q] = Ids(exact.Search(query(q), kBest, {.allowed = &allowed}));
      scan.seconds.push_back(SecondsSince(start));
    }
    Measure(
        truth, [&](std::size_t q) { return Ids(index.Search(query(q), kBest, {.allowed = &allowed}, &plan)); },
        planned);
    std::printf("allowed %5.1f %%  %s  recall@10 %.4f  p50 %.3f ms; exact scan p50 %.3f ms\n", 100 * share,
                plan == VectorPlan::kGraphFiltered ? "by the graph" : "by scanning ", planned.recall,
                1e3 * Percentile(planned.seconds, 0.5), 1e3 * Percentile(scan.seconds, 0.5));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: vectors COUNT f32|f16|int8 FOLDER\n");
    return 2;
  }
  const std::size_t count = std::strtoull(argv[1], nullptr, 10);
  const std::string_view storage = argv[2];
  const std::string folder = argv[3];
  const VectorStorage kind = storage == "f32"    ? VectorStorage::kF32
                             : storage == "int8" ? VectorStorage::kInt8
                                                 : VectorStorage::kF16;
  VectorIndex index({.dimensions = kDimensions, .storage = kind, .exact_below = 1});
  VectorIndex exact({.dimensions = kDimensions, .storage = VectorStorage::kF16, .exact_below = ~std::size_t{0}});
  hnswlib::InnerProductSpace space(kDimensions);
  hnswlib::HierarchicalNSW<float> peer(&space, count, 16, 200);
  VectorSource source;
  std::vector<float> vector(kDimensions), queries(kQueries * kDimensions), all;
  for (std::size_t q = 0; q < kQueries; ++q) source.Next(queries.data() + q * kDimensions);
  double ours = 0, theirs = 0;
  for (std::size_t i = 1; i <= count; ++i) {
    source.Next(vector.data());
    all.insert(all.end(), vector.begin(), vector.end());
    exact.Add(static_cast<ChunkId>(i), vector);
    auto start = Clock::now();
    index.Add(static_cast<ChunkId>(i), vector);
    ours += SecondsSince(start);
    start = Clock::now();
    peer.addPoint(vector.data(), i);
    theirs += SecondsSince(start);
  }
  std::printf("%zu vectors, %s: built in %.1f s, hnswlib (f32) in %.1f s\n", count, storage.data(), ours, theirs);
  std::vector<std::vector<ChunkId>> truth;
  const auto query = [&](std::size_t q) { return std::span(queries.data() + q * kDimensions, kDimensions); };
  for (std::size_t q = 0; q < kQueries; ++q) truth.push_back(Ids(exact.Search(query(q), kBest, {})));
  std::vector<ChunkId> right;
  for (const std::vector<ChunkId>& ids : truth) right.insert(right.end(), ids.begin(), ids.end());
  WriteNumbers(folder + "/vectors.f32", all);
  WriteNumbers(folder + "/queries.f32", queries);
  WriteNumbers(folder + "/truth.u32", right);
  for (const std::size_t ef : {16UL, 32UL, 64UL, 96UL, 128UL, 256UL}) {
    Result us, them;
    peer.setEf(ef);
    for (std::size_t round = 0; round < kRounds; ++round) {
      Measure(
          truth, [&](std::size_t q) { return Ids(index.Search(query(q), kBest, {.ef = static_cast<int>(ef)})); }, us);
      Measure(
          truth,
          [&](std::size_t q) {
            std::vector<ChunkId> ids;
            for (auto found = peer.searchKnn(query(q).data(), kBest); !found.empty(); found.pop()) {
              ids.push_back(static_cast<ChunkId>(found.top().second));
            }
            return ids;
          },
          them);
    }
    Print("strata", ef, us);
    Print("hnswlib", ef, them);
  }
  MeasureFilters(index, exact, queries, count);
  return 0;
}
