#include "knowledge/search/searcher.h"

#include <cstdlib>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "knowledge/search/test_base.h"

namespace strata::knowledge {
namespace {

constexpr const char* kWords[] = {"apple", "river", "engine", "tax", "notice", "bridge", "winter", "violin"};

DocumentRecord Record(std::string uri, Access access = {}, nlohmann::json metadata = nlohmann::json::object()) {
  DocumentRecord record;
  record.uri = std::move(uri);
  record.access = std::move(access);
  record.metadata = std::move(metadata);
  return record;
}

TEST(SearcherTest, FindsByBothLegsAndShowsTheirScores) {
  TestBase base;
  base.Put(Record("a"), "The notice period is three months.\n\nRent is due monthly.");
  base.Put(Record("b"), "A violin has four strings.");
  const Searcher searcher(base.sources());
  const Result<SearchResult> found = searcher.Search({.query = "notice period", .limit = 2});
  ASSERT_TRUE(found) << found.error().ToString();
  ASSERT_FALSE(found->hits.empty());
  const Hit& best = found->hits.front();
  EXPECT_EQ(best.document->uri, "a");
  EXPECT_EQ(best.chunk.ordinal, 0);
  EXPECT_EQ(best.lexical->rank, 1U);
  EXPECT_EQ(best.vectors->rank, 1U);
  EXPECT_DOUBLE_EQ(best.score, 1);
  EXPECT_DOUBLE_EQ(found->alpha, .5);
  EXPECT_EQ(found->allowed, 3U);
}

// Jobs that run at once give documents their numbers in whatever order they end.
TEST(SearcherTest, TheOrderOfEqualHitsIsThatOfTheirUris) {
  const std::vector<std::string> uris = {"c", "a", "e", "b", "d"};
  for (const FusionMethod fusion : {FusionMethod::kConvex, FusionMethod::kReciprocalRank}) {
    for (const bool turned : {false, true}) {
      TestBase base;
      std::vector<std::string> order = uris;
      if (turned) std::ranges::reverse(order);
      for (const std::string& uri : order) base.Put(Record(uri), "apple river.\n\napple river.\n\nviolin bridge.");
      const Searcher searcher(base.sources());
      const auto found = searcher.Search({.query = "apple", .limit = 5, .fusion = fusion});
      ASSERT_TRUE(found) << found.error().ToString();
      std::vector<std::pair<std::string, int>> hits;
      for (const Hit& hit : found->hits) hits.emplace_back(hit.document->uri, hit.chunk.ordinal);
      EXPECT_EQ(hits, (std::vector<std::pair<std::string, int>>{{"a", 0}, {"a", 1}, {"b", 0}, {"b", 1}, {"c", 0}}));
      const auto passages = searcher.Read(found->hits, {.neighbours = 0});
      ASSERT_TRUE(passages);
      ASSERT_EQ(passages->size(), 3U);
      for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ((*passages)[i].document->uri, std::string(1, "abc"[i]));
    }
  }
}

TEST(SearcherTest, AFailureIsNoEmptyAnswer) {
  TestBase base;
  base.Put(Record("a"), "The notice period is three months.");
  base.embedder.fails = true;
  const Searcher searcher(base.sources());
  const Result<SearchResult> found = searcher.Search({.query = "notice"});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(searcher.Search({.query = "notice", .legs = SearchLegs::kLexical})) << "it asks no model";
}

TEST(SearcherTest, RequestsAreChecked) {
  TestBase base;
  const Searcher searcher(base.sources());
  const auto param = [&](const SearchRequest& request) {
    const Result<SearchResult> found = searcher.Search(request);
    return found ? "accepted" : found.error().param();
  };
  EXPECT_EQ(param({.query = " \n"}), "query");
  EXPECT_EQ(param({.query = "a", .limit = 0}), "limit");
  EXPECT_EQ(param({.query = "a", .limit = 300}), "candidates");
  EXPECT_EQ(param({.query = "a", .alpha = 1.5}), "alpha");
  EXPECT_EQ(param({.query = "a", .rerank = 5}), "rerank");
  EXPECT_EQ(param({.query = "a", .conversation = {{"user", "b"}}}), "conversation");
  EXPECT_EQ(param({.query = "a", .variants = 2}), "variants");
  EXPECT_EQ(param({.query = "a", .hyde = true}), "hyde");
  EXPECT_EQ(param({.query = "a"}), "accepted");
}

TEST(SearcherTest, TheWeightIsTheBases) {
  TestBase base;
  base.Put(Record("a"), "apple river");
  ASSERT_TRUE(base.store->SetSetting(Searcher::kFusionSetting, {{"alpha", .25}}));
  const Searcher searcher(base.sources());
  EXPECT_DOUBLE_EQ(searcher.Search({.query = "apple"})->alpha, .25);
  EXPECT_DOUBLE_EQ(searcher.Search({.query = "apple", .alpha = .75})->alpha, .75);
  // Of two chunks one has a vector.
  base.Put(Record("b"), "apple hill");
  base.vectors->Remove(base.store->ChunksOf(base.store->Find("b").value()->id, 0, 1).value().front().id);
  EXPECT_DOUBLE_EQ(searcher.Search({.query = "apple"})->alpha, .125);
  EXPECT_DOUBLE_EQ(searcher.Search({.query = "apple", .alpha = .75})->alpha, .75);
  ASSERT_TRUE(base.store->SetSetting(Searcher::kFusionSetting, {{"alpha", "much"}}));
  EXPECT_FALSE(searcher.Search({.query = "apple"}));
}

TEST(SearcherTest, ReadsNeighboursWithinTheTokensAndLeavesOutWhatIsHidden) {
  TestBase base;
  const std::string text = "alpha one.\n\nnotice period three.\n\nSECRET orders.\n\nomega four.";
  base.Put(Record("a"), text, [](Chunk& chunk) { chunk.hidden = chunk.text.starts_with("SECRET"); });
  const Searcher searcher(base.sources());
  const SearchResult found = *searcher.Search({.query = "notice period", .limit = 1});
  const auto passages = searcher.Read(found.hits, {.neighbours = 2});
  ASSERT_TRUE(passages);
  ASSERT_EQ(passages->size(), 1U);
  const Passage& passage = passages->front();
  EXPECT_EQ(passage.text, "alpha one.\n\nnotice period three.");
  EXPECT_TRUE(passage.hidden_left_out);
  for (const PassagePiece& piece : passage.pieces) {
    EXPECT_EQ(passage.text.substr(piece.begin, piece.end - piece.begin),
              text.substr(*piece.source, piece.end - piece.begin));
  }
  const auto tight = searcher.Read(found.hits, {.max_tokens = 5, .neighbours = 2});
  EXPECT_EQ(tight->front().text, "notice period three.");
  const auto cut = searcher.Read(found.hits, {.max_tokens = 2});
  ASSERT_EQ(cut->size(), 1U);
  EXPECT_TRUE(std::string("notice period three.").starts_with(cut->front().text));
}

/// Random documents, principals and searches; nothing that a principal may not see comes out by any way.
TEST(SearcherTest, NobodySeesWhatTheyMayNot) {
  TestBase base;
  std::mt19937 random(11);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  const auto some = [&](const char* prefix, unsigned most) {
    std::vector<std::string> names;
    for (unsigned i = below(most + 1); i > 0; --i) names.push_back(prefix + std::to_string(below(4)));
    return names;
  };
  const auto access = [&] {
    return Access{some("u", 2), some("g", 2), below(3) == 0 ? some("l", 1) : std::vector<std::string>{}};
  };
  std::map<DocumentId, Access> truth;
  for (int i = 0; i < 60; ++i) {
    std::string text;
    for (int k = 0; k < 4; ++k) text += fmt::format("{} {} doc{}.\n\n", kWords[below(8)], kWords[below(8)], i);
    const Access who = access();
    truth[base.Put(Record(fmt::format("d{}", i), who, {{"team", kWords[below(4)]}, {"doc", i}}), text)] = who;
  }
  ScriptedWriter writer;
  const Searcher searcher(base.sources(), {.writer = &writer});
  const char* wanted = std::getenv("STRATA_TEST_ACL_QUERIES");
  const int queries = wanted == nullptr ? 3000 : std::atoi(wanted);
  std::size_t seen = 0;
  for (int i = 0; i < queries; ++i) {
    const Principal principal = {below(3) == 0 ? "" : "u" + std::to_string(below(4)), some("g", 2), some("l", 2)};
    if (below(10) == 0) {  // rights change between searches
      const DocumentId id = 1 + below(60);
      const Access who = access();
      ASSERT_TRUE(base.store->SetAccess(id, who));
      base.table.Put(**base.store->Document(id));
      truth[id] = who;
    }
    std::size_t visible = 0;
    for (const auto& [id, who] : truth) visible += MaySee(principal, who) ? 1 : 0;
    SearchRequest request{.query = fmt::format("{} {}", kWords[below(8)], kWords[below(8)]), .principal = principal};
    request.legs = static_cast<SearchLegs>(below(3));
    request.fusion = static_cast<FusionMethod>(below(2));
    if (below(3) == 0) request.filter = *Filter::Parse({{"team", kWords[below(4)]}});
    if (below(4) == 0) request.diversity_lambda = .5;
    request.facets = {"doc"};
    writer.says = kWords[below(8)];
    request.variants = below(8) == 0 ? 1 : 0;
    const Result<SearchResult> found = searcher.Search(request);
    ASSERT_TRUE(found) << found.error().ToString();
    ASSERT_LE(found->allowed, visible * 4);
    ASSERT_LE(found->candidates, found->allowed);
    for (const Hit& hit : found->hits) {
      ASSERT_TRUE(MaySee(principal, truth[hit.document->id])) << hit.document->uri;
      ASSERT_EQ(hit.chunk.document, hit.document->id);
      ASSERT_TRUE(!request.filter || request.filter->Accepts(hit.document->metadata));
    }
    seen += found->hits.size();
    for (const auto& [field, facet] : found->facets) {
      for (const FacetCount& value : facet) {
        ASSERT_EQ(value.documents, 1U);
        ASSERT_TRUE(MaySee(principal, truth[value.value.get<DocumentId>() + 1])) << "by a facet";
      }
    }
    // Rights that are taken away between search and reading.
    if (below(20) == 0 && !found->hits.empty()) {
      const DocumentId id = found->hits.front().document->id;
      truth[id] = {.users = {"nobody"}};
      ASSERT_TRUE(base.store->SetAccess(id, truth[id]));
      base.table.Put(**base.store->Document(id));
    }
    if (below(4) != 0) continue;
    const Result<std::vector<Passage>> passages = searcher.Read(found->hits, {.principal = principal, .neighbours = 2});
    ASSERT_TRUE(passages);
    for (const Passage& passage : *passages) {
      ASSERT_TRUE(MaySee(principal, truth[passage.document->id])) << "by a neighbour";
      for (const PassagePiece& piece : passage.pieces) ASSERT_EQ(piece.chunk.document, passage.document->id);
    }
  }
  EXPECT_GT(seen, static_cast<std::size_t>(queries));
}

}  // namespace
}  // namespace strata::knowledge
