#include "knowledge/search/searcher.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "engine/pooling_engine.h"
#include "knowledge/search/fusion.h"
#include "knowledge/search/rewrite.h"
#include "knowledge/search/stage_clock.h"

namespace strata::knowledge {
namespace {

// Bounds on what one request may ask for.
constexpr std::size_t kMaxLimit = 1000;
constexpr std::size_t kMaxCandidates = 10000;
constexpr int kMaxVariants = 8;
// Of what may come into the result when it is made diverse.
constexpr std::size_t kDiversePool = 4;

std::unexpected<Error> Refuse(const char* field, std::string message) {
  return std::unexpected(Error(ErrorCode::kInvalidArgument, fmt::format("{}: {}", field, message)).WithParam(field));
}

bool IsShare(double value) { return value >= 0 && value <= 1; }  // false for NaN

Status Validate(const SearchRequest& request, const SearchModels& models) {
  if (request.query.find_first_not_of(" \t\r\n") == std::string::npos) return Refuse("query", "is empty");
  if (request.limit == 0 || request.limit > kMaxLimit) {
    return Refuse("limit", fmt::format("must be 1 to {}, not {}", kMaxLimit, request.limit));
  }
  if (request.candidates < request.limit || request.candidates > kMaxCandidates) {
    return Refuse("candidates", fmt::format("must be {} (the limit) to {}, not {}", request.limit, kMaxCandidates,
                                            request.candidates));
  }
  if (request.ef < 1) return Refuse("ef", "must be at least 1");
  if (request.alpha && !IsShare(*request.alpha)) return Refuse("alpha", "must be 0 to 1");
  if (request.diversity_lambda && !IsShare(*request.diversity_lambda)) {
    return Refuse("diversity_lambda", "must be 0 to 1");
  }
  if (request.variants < 0 || request.variants > kMaxVariants) {
    return Refuse("variants", fmt::format("must be 0 to {}", kMaxVariants));
  }
  if (request.rerank > kMaxCandidates) return Refuse("rerank", fmt::format("must be at most {}", kMaxCandidates));
  if (request.rerank > 0 && models.reranker == nullptr) return Refuse("rerank", "there is no model that reranks");
  if (models.writer != nullptr) return {};
  if (!request.conversation.empty()) return Refuse("conversation", "there is no model that could rewrite the query");
  if (request.variants > 0) return Refuse("variants", "there is no model that could write them");
  if (request.hyde) return Refuse("hyde", "there is no model that could write the passage");
  return {};
}

/// One search on its way.
class Search {
 public:
  Search(const SearchSources& sources, const SearchModels& models, const SearchRequest& request)
      : sources_(sources), models_(models), request_(request), clock_(result_.times) {}

  Result<SearchResult> Run() {
    STRATA_TRY(result_.alpha, Alpha());
    result_.queries = {request_.query};
    allowed_ = sources_.documents->Allowed(request_.principal, filter());
    result_.allowed = allowed_.Count();
    clock_.Ended("allowed");
    if (result_.allowed == 0) return std::move(result_);
    STRATA_CHECK(Rewrite());
    STRATA_TRY(const std::vector<FusedChunk> candidates, Candidates());
    result_.candidates = candidates.size();
    const std::size_t wanted = request_.diversity_lambda ? request_.limit * kDiversePool : request_.limit;
    STRATA_CHECK(ReadHits(candidates, std::max(wanted, request_.rerank)));
    clock_.Ended("read");
    if (request_.rerank > 0) STRATA_CHECK(Rerank());
    if (request_.diversity_lambda) STRATA_CHECK(MakeDiverse());
    if (result_.hits.size() > request_.limit) result_.hits.resize(request_.limit);
    if (!request_.facets.empty()) CountFacets(candidates);
    return std::move(result_);
  }

 private:
  const Filter* filter() const { return request_.filter ? &*request_.filter : nullptr; }
  bool AsksLexical() const { return request_.legs != SearchLegs::kVectors && result_.alpha < 1; }
  bool AsksVectors() const { return request_.legs != SearchLegs::kLexical && result_.alpha > 0; }

  Result<double> Alpha() const {
    if (request_.legs != SearchLegs::kBoth) return request_.legs == SearchLegs::kVectors ? 1 : 0;
    if (request_.alpha) return *request_.alpha;
    STRATA_TRY(const nlohmann::json setting, sources_.store->Setting(Searcher::kFusionSetting));
    if (setting.is_null()) return Searcher::kDefaultAlpha * Embedded();
    const auto alpha = setting.find("alpha");
    if (alpha == setting.end() || !alpha->is_number() || !IsShare(alpha->get<double>())) {
      return Fail(ErrorCode::kCorrupt, "the base's setting {} is {}, not {{\"alpha\": 0 to 1}}",
                  Searcher::kFusionSetting, setting.dump());
    }
    return alpha->get<double>() * Embedded();
  }

  /// The share of chunks that have a vector. While most wait for theirs, the nearest of the others say little.
  double Embedded() const {
    const std::size_t all = sources_.lexical->size();
    return all == 0 ? 1 : std::min(1.0, static_cast<double>(sources_.vectors->size()) / static_cast<double>(all));
  }

  Status Rewrite() {
    if (request_.conversation.empty() && request_.variants == 0 && !request_.hyde) return {};
    std::string& query = result_.queries.front();
    if (!request_.conversation.empty()) {
      STRATA_TRY(query, StandaloneQuery(*models_.writer, request_.conversation, request_.query));
    }
    if (request_.hyde && AsksVectors()) {
      STRATA_TRY(result_.hypothetical, HypotheticalPassage(*models_.writer, query));
    }
    if (request_.variants > 0) {
      STRATA_TRY(std::vector<std::string> others, OtherWordings(*models_.writer, query, request_.variants));
      std::ranges::move(others, std::back_inserter(result_.queries));
    }
    clock_.Ended("rewrite");
    return {};
  }

  /// [queries, dimensions], of length 1.
  Result<std::vector<float>> Embed() {
    STRATA_TRY(std::vector<float> vectors, sources_.embedder->Embed(result_.queries, Embedder::Use::kQuery));
    if (!result_.hypothetical.empty()) {
      STRATA_TRY(const std::vector<float> passage,
                 sources_.embedder->Embed(std::span(&result_.hypothetical, 1), Embedder::Use::kPassage));
      // The mean of both, as the paper has it, for each wording.
      for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] += passage[i % passage.size()];
      const std::size_t width = passage.size();
      for (std::size_t i = 0; i < vectors.size(); i += width) NormalizeVector(std::span(vectors).subspan(i, width));
    }
    return vectors;
  }

  Result<std::vector<FusedChunk>> Candidates() {
    std::vector<float> vectors;
    if (AsksVectors()) {
      STRATA_TRY(vectors, Embed(), "while searching by vectors");
      clock_.Ended("embed");
    }
    const std::size_t width = vectors.size() / result_.queries.size();
    std::vector<Ranking> lexical(result_.queries.size()), near(result_.queries.size());
    for (std::size_t i = 0; AsksLexical() && i < lexical.size(); ++i) {
      lexical[i] = sources_.lexical->Search(result_.queries[i], request_.candidates, &allowed_);
    }
    clock_.Ended("lexical");
    for (std::size_t i = 0; AsksVectors() && i < near.size(); ++i) {
      VectorPlan plan{};
      near[i] = sources_.vectors->Search(std::span(vectors).subspan(i * width, width), request_.candidates,
                                         {.ef = request_.ef, .allowed = &allowed_}, &plan);
      result_.plan = plan;
    }
    clock_.Ended("vectors");
    std::vector<std::vector<FusedChunk>> wordings;
    wordings.reserve(lexical.size());
    for (std::size_t i = 0; i < lexical.size(); ++i) {
      wordings.push_back(Fuse(lexical[i], near[i], request_.fusion, result_.alpha));
    }
    std::vector<FusedChunk> joined = JoinWordings(wordings);
    clock_.Ended("fuse");
    return joined;
  }

  /// The first `wanted` that are still there and may still be seen. All that are as good as the last one are read, as
  /// their URIs say which of them it is.
  Status ReadHits(const std::vector<FusedChunk>& candidates, std::size_t wanted) {
    for (std::size_t next = 0; next < candidates.size() && result_.hits.size() < wanted;) {
      std::size_t end = std::min(next + wanted - result_.hits.size(), candidates.size());
      while (end < candidates.size() && candidates[end].score == candidates[end - 1].score) ++end;
      const auto batch = std::span(candidates).subspan(next, end - next);
      next = end;
      std::vector<ChunkId> ids;
      for (const FusedChunk& candidate : batch) ids.push_back(candidate.id);
      STRATA_TRY(std::vector<StoredChunk> chunks, sources_.store->Chunks(ids), "while reading chunks");
      std::unordered_map<ChunkId, StoredChunk*> by_id;
      for (StoredChunk& chunk : chunks) by_id[chunk.id] = &chunk;
      for (const FusedChunk& candidate : batch) {
        const auto found = by_id.find(candidate.id);
        if (found == by_id.end()) continue;
        auto document = sources_.documents->Find(found->second->document, request_.principal, filter());
        if (document == nullptr) continue;
        result_.hits.push_back({.chunk = std::move(*found->second),
                                .document = std::move(document),
                                .score = candidate.score,
                                .fused = candidate.score,
                                .lexical = candidate.lexical,
                                .vectors = candidate.vectors});
      }
    }
    std::ranges::sort(result_.hits, [](const Hit& a, const Hit& b) {
      return std::tie(b.score, a.document->uri, a.chunk.ordinal) < std::tie(a.score, b.document->uri, b.chunk.ordinal);
    });
    if (result_.hits.size() > wanted) result_.hits.resize(wanted);
    return {};
  }

  /// Scores of models and of fusion cannot be compared: what the reranker has not seen is no hit any more.
  Status Rerank() {
    std::vector<Hit>& hits = result_.hits;
    if (hits.size() > std::max(request_.rerank, request_.limit)) hits.resize(std::max(request_.rerank, request_.limit));
    std::vector<std::string> passages;
    passages.reserve(hits.size());
    for (const Hit& hit : hits) passages.push_back(TextOf(hit.chunk.chunk));
    STRATA_TRY(const std::vector<float> scores, models_.reranker->Score(result_.queries.front(), passages));
    for (std::size_t i = 0; i < hits.size(); ++i) {
      hits[i].reranked = scores[i];
      hits[i].score = static_cast<double>(scores[i]);
    }
    std::ranges::stable_sort(hits, std::greater(), &Hit::score);
    clock_.Ended("rerank");
    return {};
  }

  Status MakeDiverse() {
    std::vector<Hit>& hits = result_.hits;
    if (hits.size() > request_.limit * kDiversePool) hits.resize(request_.limit * kDiversePool);
    std::vector<ChunkId> ids;
    ids.reserve(hits.size());
    for (const Hit& hit : hits) ids.push_back(hit.chunk.id);
    std::unordered_map<ChunkId, std::vector<float>> vectors;
    STRATA_CHECK(sources_.store->ForEachChunk(ids,
                                              [&](const StoredChunk& chunk, std::span<const float> vector) {
                                                vectors[chunk.id].assign(vector.begin(), vector.end());
                                                return true;
                                              }),
                 "while reading vectors");
    // One that was deleted just now is no hit.
    std::erase_if(hits, [&](const Hit& hit) { return !vectors.contains(hit.chunk.id); });
    std::vector<double> relevance;
    std::vector<float> rows;
    for (const Hit& hit : hits) {
      relevance.push_back(hit.score);
      const std::vector<float>& vector = vectors[hit.chunk.id];
      rows.insert(rows.end(), vector.begin(), vector.end());
    }
    std::vector<Hit> diverse;
    for (const std::size_t i : Diversify(relevance, rows, *request_.diversity_lambda, request_.limit)) {
      diverse.push_back(std::move(hits[i]));
    }
    hits = std::move(diverse);
    clock_.Ended("diversify");
    return {};
  }

  void CountFacets(const std::vector<FusedChunk>& candidates) {
    std::map<std::string, std::map<nlohmann::json, std::size_t>> counts;
    std::unordered_set<DocumentId> counted;
    for (const FusedChunk& candidate : candidates) {
      const std::optional<DocumentId> id = sources_.documents->DocumentOf(candidate.id);
      if (!id || !counted.insert(*id).second) continue;
      const auto document = sources_.documents->Find(*id, request_.principal, filter());
      if (document == nullptr) continue;
      for (const std::string& field : request_.facets) CountValues(*document, field, counts[field]);
    }
    for (const std::string& field : request_.facets) {
      std::vector<FacetCount>& facet = result_.facets[field];
      facet.clear();
      for (const auto& [value, documents] : counts[field]) facet.push_back({value, documents});
      std::ranges::stable_sort(facet, std::greater(), &FacetCount::documents);
    }
    clock_.Ended("facets");
  }

  static void CountValues(const DocumentRecord& document, const std::string& field,
                          std::map<nlohmann::json, std::size_t>& counts) {
    const auto value = document.metadata.find(field);
    if (value == document.metadata.end() || value->is_object()) return;
    if (!value->is_array()) {
      ++counts[*value];
      return;
    }
    std::unordered_set<std::string> seen;
    for (const nlohmann::json& element : *value) {
      if (!element.is_structured() && seen.insert(element.dump()).second) ++counts[element];
    }
  }

  static std::string TextOf(const Chunk& chunk) {
    return chunk.context.empty() ? chunk.text : chunk.context + "\n" + chunk.text;
  }

  const SearchSources& sources_;
  const SearchModels& models_;
  const SearchRequest& request_;
  SearchResult result_;
  StageClock clock_;
  Bitmap allowed_;
};

}  // namespace

Result<SearchResult> Searcher::Search(const SearchRequest& request) const {
  STRATA_CHECK(Validate(request, models_));
  return knowledge::Search(sources_, models_, request).Run();
}

}  // namespace strata::knowledge
