// lexical COUNT: an index of COUNT texts of about a hundred words each, frequent as in languages (Zipf), and searches
// of two to six of their words: how long adding takes, and searches of the best 10 with and without filters.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "bench/knowledge/made_up.h"
#include "knowledge/lexical/index.h"

namespace {

using namespace strata::knowledge;
using namespace strata::knowledge::bench;
using Clock = std::chrono::steady_clock;

constexpr int kSearches = 1000;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void Measure(const LexicalIndex& index, const std::vector<std::string>& queries, const char* what,
             const Bitmap* allowed) {
  std::vector<double> times;
  for (const std::string& query : queries) {
    const auto start = Clock::now();
    index.Search(query, 10, allowed);
    times.push_back(MillisecondsSince(start));
  }
  std::ranges::sort(times);
  std::printf("%-16s p50 %.3f ms  p99 %.3f ms\n", what, times[times.size() / 2], times[times.size() * 99 / 100]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: lexical COUNT\n");
    return 2;
  }
  const auto count = static_cast<ChunkId>(std::strtoul(argv[1], nullptr, 10));
  auto index = std::move(*LexicalIndex::Create({.language = "none"}));
  TextSource source;
  std::size_t bytes = 0;
  double milliseconds = 0, longest = 0;
  for (ChunkId id = 1; id <= count; ++id) {
    const std::string text = source.Text(60 + static_cast<int>(source.random()() % 80), 1);
    bytes += text.size();
    const auto start = Clock::now();
    index->Add(id, text);
    const double taken = MillisecondsSince(start);
    milliseconds += taken;
    longest = std::max(longest, taken);
  }
  std::printf("%u texts: %.2f MB/s; the longest addition %.0f ms\n", count,
              static_cast<double>(bytes) / 1e3 / milliseconds, longest);
  std::vector<std::string> queries;
  for (int i = 0; i < kSearches; ++i) queries.push_back(source.Text(2 + static_cast<int>(source.random()() % 5), 20));
  Measure(*index, queries, "everything", nullptr);
  for (const unsigned share : {2U, 10U, 100U, 1000U}) {
    Bitmap allowed;
    for (ChunkId id = 1; id <= count; ++id) {
      if (source.random()() % share == 0) allowed.Add(id);
    }
    Measure(*index, queries, ("one in " + std::to_string(share)).c_str(), &allowed);
  }
  const auto start = Clock::now();
  index->Compact();
  std::printf("one segment, made in %.1f s\n", MillisecondsSince(start) / 1e3);
  Measure(*index, queries, "everything", nullptr);
  return 0;
}
