// Questions to chunks: both indexes are asked within the set of chunks that the principal may see, their scores are
// fused, and what comes out may be reranked, made diverse, and read with its surroundings.
//
//   Searcher searcher(SourcesOf(*base), {.reranker = reranker});
//   STRATA_TRY(SearchResult found, searcher.Search({.query = "notice period", .principal = {.user = "ann"}}));
//   STRATA_TRY(std::vector<Passage> passages, searcher.Read(found.hits, {.principal = {.user = "ann"}}));
//
// Nothing that a principal may not see is counted, compared or shown: Principal and Filter make the set before any
// index is asked, and each document is checked again when its chunks are read. An error in a leg is the search's error,
// never a shorter answer. Blocks; thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "knowledge/knowledge_base.h"
#include "knowledge/models.h"
#include "knowledge/search/document_table.h"
#include "knowledge/search/filter.h"
#include "knowledge/store/store.h"
#include "knowledge/types.h"

namespace strata::knowledge {

/// Which indexes are asked.
enum class SearchLegs : std::uint8_t { kBoth, kLexical, kVectors };

enum class FusionMethod : std::uint8_t {
  /// alpha * vectors + (1 - alpha) * lexical of scores that are normalised to [0, 1] over each leg's candidates; one
  /// that
  /// a leg has not found gets 0 of it (Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions for Hybrid
  /// Retrieval").
  kConvex,
  /// The sum of 1 / (60 + rank) (Cormack, Clarke and Büttcher 2009, "Reciprocal Rank Fusion outperforms Condorcet and
  /// individual Rank Learning Methods").
  kReciprocalRank,
};

struct SearchRequest {
  std::string query;
  Principal principal = {};
  std::optional<Filter> filter = {};
  std::size_t limit = 10;  ///< hits
  SearchLegs legs = SearchLegs::kBoth;
  FusionMethod fusion = FusionMethod::kConvex;
  /// Weight of the vectors, 0 to 1; none: as the base was tuned (Searcher::kFusionSetting), else .5.
  std::optional<double> alpha = {};
  std::size_t candidates = 200;  ///< that each leg gives
  int ef = 96;                   ///< of the vector index
  /// The best so many are scored by the reranker and ordered by that; 0: none are.
  std::size_t rerank = 0;
  /// Maximal marginal relevance (Carbonell and Goldstein 1998): 1 = relevance alone, 0 = difference alone; none: off.
  std::optional<double> diversity_lambda = {};
  /// Facets: how often the values of these fields of metadata come among the candidates' documents.
  std::vector<std::string> facets = {};

  // What a writer does to the query before; errors when the searcher has none.
  /// What was said before, oldest first; the query is rewritten so that it stands for itself.
  std::vector<Writer::Message> conversation = {};
  int variants = 0;   ///< other wordings that are searched, too
  bool hyde = false;  ///< the vectors look for an answer that the writer invents (Gao et al. 2022, HyDE), and the query
};

/// What one index says of a chunk.
struct LegScore {
  std::size_t rank = 0;   ///< from 1; equal scores share it
  float score = 0;        ///< BM25; cosine
  double normalised = 0;  ///< 0 to 1
};

struct Hit {
  StoredChunk chunk;
  std::shared_ptr<const DocumentRecord> document;
  double score = 0;  ///< what it is ordered by: the reranker's, else the fused one
  double fused = 0;
  std::optional<LegScore> lexical = {}, vectors = {};
  std::optional<float> reranked = {};
};

struct StageTime {
  std::string stage;  ///< "rewrite", "allowed", "embed", "lexical", "vectors", "fuse", "rerank", "diversify", "read"
  double seconds = 0;
};

struct FacetCount {
  nlohmann::json value;
  std::size_t documents = 0;
};

struct SearchResult {
  /// Best first; equal ones by their document's URI and their place in it: whatever order the documents came in, and
  /// with it their numbers, the same documents give the same hits.
  std::vector<Hit> hits;
  std::vector<std::string> queries;  ///< what was searched: the query as it was rewritten, and its variants
  std::string hypothetical;          ///< HyDE's text
  double alpha = 0;
  std::optional<VectorPlan> plan;                         ///< of the vector index; none where it was not asked
  std::size_t allowed = 0;                                ///< chunks that might have been found
  std::size_t candidates = 0;                             ///< chunks that a leg found
  std::map<std::string, std::vector<FacetCount>> facets;  ///< most frequent first
  std::vector<StageTime> times;
};

/// A piece of a passage that is a chunk's own text.
struct PassagePiece {
  StoredChunk chunk;
  std::size_t begin = 0, end = 0;  ///< bytes of the passage's text
  /// Byte of the document's text at `begin`, where the piece is exactly the document's text; none for rows of tables
  /// that repeat their header.
  std::optional<std::size_t> source = {};
};

/// Neighbouring chunks of one document as one text, without what is hidden.
struct Passage {
  std::shared_ptr<const DocumentRecord> document;
  std::uint32_t version = 0;
  std::string text;
  std::vector<PassagePiece> pieces;  ///< in the order of the document
  std::int64_t tokens = 0;
  double score = 0;              ///< of its best hit
  bool hidden_left_out = false;  ///< a hit or a neighbour that a person does not see was left out
};

struct ReadOptions {
  Principal principal = {};
  std::int64_t max_tokens = 2000;  ///< of all passages
  int neighbours = 1;              ///< chunks before and behind each hit, where there is room
  /// How tokens are counted; none: as the chunks were, by the embedding model's tokenizer.
  std::function<std::int64_t(std::string_view)> count_tokens = {};
};

/// What a search reads; it outlives the searcher.
struct SearchSources {
  const LexicalIndex* lexical = nullptr;
  const VectorIndex* vectors = nullptr;
  const DocumentTable* documents = nullptr;
  Store* store = nullptr;
  Embedder* embedder = nullptr;
};

inline SearchSources SourcesOf(const KnowledgeBase& base) {
  return {&base.lexical(), &base.vectors(), &base.documents(), &base.store(), &base.embedder()};
}

/// What a search may ask besides; they outlive the searcher.
struct SearchModels {
  Reranker* reranker = nullptr;
  Writer* writer = nullptr;
};

class Searcher {
 public:
  /// Key in the store: {"alpha": weight of the vectors}.
  static constexpr std::string_view kFusionSetting = "fusion";
  static constexpr double kDefaultAlpha = .5;

  explicit Searcher(const SearchSources& sources, const SearchModels& models = {})
      : sources_(sources), models_(models) {}

  /// Errors: kInvalidArgument with the field's name as param: query (empty), limit, candidates, alpha,
  /// diversity_lambda, variants; rerank, conversation, hyde where the model for it is missing; those of the models and
  /// the store.
  Result<SearchResult> Search(const SearchRequest& request) const;

  /// The hits with their surroundings, or the large chunks that they belong to, best hit first and equal ones as hits
  /// are, as many as the tokens allow; the first is cut to them if need be. A hit whose document the principal may see
  /// no more is left out.
  Result<std::vector<Passage>> Read(std::span<const Hit> hits, const ReadOptions& options) const;

  const SearchSources& sources() const { return sources_; }
  const SearchModels& models() const { return models_; }

 private:
  SearchSources sources_;
  SearchModels models_;
};

}  // namespace strata::knowledge
