// lexical COUNT FOLDER: an index of COUNT texts of about a hundred words each, frequent as in languages (Zipf), and
// searches of two to six of their words: how long adding takes, and searches of the best 10 with and without filters.
// SQLite's FTS5 has the same texts and is asked the same by turns, its table in memory and its words OR-ed, as BM25 has
// them. Texts and queries are written to FOLDER for peers.py.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <sqlite3.h>

#include "bench/knowledge/made_up.h"
#include "knowledge/lexical/index.h"

namespace {

using namespace strata::knowledge;
using namespace strata::knowledge::bench;
using Clock = std::chrono::steady_clock;

constexpr int kSearches = 500, kRounds = 3;
constexpr std::size_t kTextsAtOnce = 100;  // of a document, as a base adds them

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class Fts5 {
 public:
  Fts5() {
    Check(sqlite3_open(":memory:", &database_));
    Run("CREATE VIRTUAL TABLE texts USING fts5(text, tokenize = 'unicode61', content = '')");
    Run("BEGIN");  // one transaction: what FTS5 is fastest at
    Check(sqlite3_prepare_v2(database_, "INSERT INTO texts(rowid, text) VALUES (?, ?)", -1, &insert_, nullptr));
    Check(sqlite3_prepare_v2(database_, "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT 10", -1,
                             &search_, nullptr));
  }
  ~Fts5() {
    sqlite3_finalize(insert_);
    sqlite3_finalize(search_);
    sqlite3_close(database_);
  }
  Fts5(const Fts5&) = delete;
  Fts5& operator=(const Fts5&) = delete;

  void Add(ChunkId id, const std::string& text) {
    sqlite3_bind_int64(insert_, 1, id);
    sqlite3_bind_text(insert_, 2, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    if (sqlite3_step(insert_) != SQLITE_DONE) Check(sqlite3_errcode(database_));
    sqlite3_reset(insert_);
  }
  void Commit() { Run("COMMIT"); }
  /// All segments into one.
  void Optimize() { Run("INSERT INTO texts(texts) VALUES ('optimize')"); }
  void Search(const std::string& query) {
    std::string words;
    std::istringstream stream(query);
    for (std::string word; stream >> word;) words += (words.empty() ? "\"" : " OR \"") + word + '"';
    sqlite3_bind_text(search_, 1, words.data(), static_cast<int>(words.size()), SQLITE_STATIC);
    int got = SQLITE_ROW;
    while (got == SQLITE_ROW) got = sqlite3_step(search_);
    if (got != SQLITE_DONE) Check(got);
    sqlite3_reset(search_);
  }

 private:
  void Run(const char* sql) { Check(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr)); }
  void Check(int code) {
    if (code == SQLITE_OK) return;
    std::fprintf(stderr, "FTS5: %s\n", sqlite3_errmsg(database_));
    std::exit(1);
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt *insert_ = nullptr, *search_ = nullptr;
};

void Print(const char* what, std::vector<double>& times) {
  std::ranges::sort(times);
  std::printf("%-16s p50 %.3f ms  p99 %.3f ms\n", what, times[times.size() / 2], times[times.size() * 99 / 100]);
  std::fflush(stdout);
}

template <class Search>
double TimeOf(const Search& search) {
  const auto start = Clock::now();
  search();
  return MillisecondsSince(start);
}

void Measure(const LexicalIndex& index, const std::vector<std::string>& queries, const char* what,
             const Bitmap* allowed) {
  std::vector<double> times;
  for (const std::string& query : queries) times.push_back(TimeOf([&] { index.Search(query, 10, allowed); }));
  Print(what, times);
}

/// All queries of one, then of the other, by turns: each finds its own data in the caches.
void MeasureBoth(const LexicalIndex& index, Fts5& peer, const std::vector<std::string>& queries) {
  std::vector<double> ours, theirs;
  for (int round = 0; round < kRounds; ++round) {
    for (const std::string& query : queries) ours.push_back(TimeOf([&] { index.Search(query, 10); }));
    for (const std::string& query : queries) theirs.push_back(TimeOf([&] { peer.Search(query); }));
  }
  Print("everything", ours);
  Print("FTS5", theirs);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: lexical COUNT FOLDER\n");
    return 2;
  }
  const auto count = static_cast<ChunkId>(std::strtoul(argv[1], nullptr, 10));
  auto index = std::move(*LexicalIndex::Create({.language = "none"}));
  const std::string folder = argv[2];
  std::ofstream written(folder + "/texts.txt");
  TextSource source;
  Fts5 peer;
  std::size_t bytes = 0;
  double milliseconds = 0, longest = 0, theirs = 0;
  std::vector<std::pair<ChunkId, std::string>> texts;
  for (ChunkId id = 1; id <= count; ++id) {
    texts.emplace_back(id, source.Text(60 + static_cast<int>(source.random()() % 80), 1));
    bytes += texts.back().second.size();
    written << texts.back().second << '\n';
    if (texts.size() < kTextsAtOnce && id < count) continue;
    const double taken = TimeOf([&] { index->AddAll(texts); });
    milliseconds += taken;
    longest = std::max(longest, taken);
    theirs += TimeOf([&] {
      for (const auto& [number, text] : texts) peer.Add(number, text);
    });
    texts.clear();
  }
  theirs += TimeOf([&] { peer.Commit(); });
  const auto rate = [&](double taken) { return static_cast<double>(bytes) / 1e3 / taken; };
  std::printf("%u texts: %.2f MB/s; the longest addition %.0f ms; FTS5 %.2f MB/s\n", count, rate(milliseconds), longest,
              rate(theirs));
  std::vector<std::string> queries;
  for (int i = 0; i < kSearches; ++i) queries.push_back(source.Text(2 + static_cast<int>(source.random()() % 5), 20));
  std::ofstream queries_written(folder + "/queries.txt");
  for (const std::string& query : queries) queries_written << query << '\n';
  MeasureBoth(*index, peer, queries);
  for (const unsigned share : {2U, 10U, 100U, 1000U}) {
    Bitmap allowed;
    for (ChunkId id = 1; id <= count; ++id) {
      if (source.random()() % share == 0) allowed.Add(id);
    }
    Measure(*index, queries, ("one in " + std::to_string(share)).c_str(), &allowed);
  }
  const double compacted = TimeOf([&] { index->Compact(); }), optimized = TimeOf([&] { peer.Optimize(); });
  std::printf("one segment, made in %.1f s; FTS5's in %.1f s\n", compacted / 1e3, optimized / 1e3);
  MeasureBoth(*index, peer, queries);
  return 0;
}
