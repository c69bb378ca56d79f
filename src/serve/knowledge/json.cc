#include "serve/knowledge/json.h"

#include <optional>
#include <span>
#include <utility>

#include "serve/knowledge/principal.h"

namespace strata::serve::knowledge {

using namespace strata::knowledge;
using Json = nlohmann::ordered_json;

namespace {

std::string_view MethodName(ChunkMethod method) {
  switch (method) {
    case ChunkMethod::kAuto:
      return "auto";
    case ChunkMethod::kParentChild:
      return "parent-child";
    case ChunkMethod::kQuestions:
      return "questions";
  }
  return "";
}

std::string_view StorageName(VectorStorage storage) {
  switch (storage) {
    case VectorStorage::kF32:
      return "f32";
    case VectorStorage::kF16:
      return "f16";
    case VectorStorage::kInt8:
      return "int8";
  }
  return "";
}

}  // namespace

std::string_view JobStateName(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kRunning:
      return "running";
    case JobState::kDone:
      return "done";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
  }
  return "";
}

Json BaseJson(std::string_view name, const BaseOptions& options) {
  return {{"object", "knowledge.base"},
          {"name", name},
          {"embedding_model", options.embedding_model},
          {"language", options.language},
          {"vectors", StorageName(options.storage)},
          {"chunking",
           {{"method", MethodName(options.chunks.method)},
            {"max_tokens", options.chunks.max_tokens},
            {"overlap_tokens", options.chunks.overlap_tokens},
            {"parent_tokens", options.chunks.parent_tokens}}}};
}

Json DocumentJson(const DocumentRecord& record, bool with_access) {
  Json json = {{"object", "knowledge.document"},
               {"id", record.id},
               {"uri", record.uri},
               {"version", record.version},
               {"title", record.title},
               {"media_type", record.media_type},
               {"sha256", record.content_hash},
               {"bytes", record.bytes},
               {"chunks", record.chunks},
               {"metadata", record.metadata},
               {"warnings", record.warnings},
               {"created_at", record.created},
               {"updated_at", record.updated}};
  if (with_access) json["access"] = AccessJson(record.access);
  return json;
}

Json PlaceJson(const Place& place) {
  Json json = {{"page", nullptr}, {"box", nullptr}};
  if (place.page > 0) json["page"] = place.page;
  if (place.box != Box()) json["box"] = {place.box.left, place.box.top, place.box.right, place.box.bottom};
  return json;
}

Json ChunkJson(const StoredChunk& chunk) {
  Json json = {{"id", chunk.id},
               {"document", chunk.document},
               {"version", chunk.version},
               {"ordinal", chunk.ordinal},
               {"parent", nullptr},
               {"context", chunk.chunk.context},
               {"text", chunk.chunk.text},
               {"tokens", chunk.chunk.tokens},
               {"span", {chunk.chunk.span.begin, chunk.chunk.span.end}},
               {"place", PlaceJson(chunk.chunk.place)},
               {"hidden", chunk.chunk.hidden}};
  if (chunk.parent_id) json["parent"] = *chunk.parent_id;
  return json;
}

Json JobJson(const Job& job) {
  Json json = {{"object", "knowledge.job"},
               {"id", job.id},
               {"kind", job.kind},
               {"uri", job.uri},
               {"status", JobStateName(job.state)},
               {"stage", job.stage},
               {"progress", job.progress},
               {"error", nullptr},
               {"result", job.result},
               {"attempts", job.attempts},
               {"created_at", job.created},
               {"updated_at", job.updated}};
  if (!job.error.empty()) json["error"] = job.error;
  return json;
}

namespace {

std::string_view PlanName(VectorPlan plan) {
  switch (plan) {
    case VectorPlan::kExact:
      return "exact";
    case VectorPlan::kExactFiltered:
      return "exact_filtered";
    case VectorPlan::kGraph:
      return "graph";
    case VectorPlan::kGraphFiltered:
      return "graph_filtered";
  }
  return "";
}

Json LegJson(const std::optional<LegScore>& leg) {
  if (!leg) return nullptr;
  return {{"rank", leg->rank}, {"score", leg->score}, {"normalised", leg->normalised}};
}

Json HitJson(const Hit& hit) {
  Json json = ChunkJson(hit.chunk);
  json["document"] = {{"id", hit.document->id},
                      {"uri", hit.document->uri},
                      {"title", hit.document->title},
                      {"metadata", hit.document->metadata}};
  json["score"] = hit.score;
  json["scores"] = {{"fused", hit.fused},
                    {"lexical", LegJson(hit.lexical)},
                    {"vectors", LegJson(hit.vectors)},
                    {"reranked", hit.reranked ? Json(*hit.reranked) : Json()}};
  return json;
}

Json TimesJson(std::span<const StageTime> times) {
  Json json = Json::object();
  for (const StageTime& time : times) json[time.stage] = json.value(time.stage, 0.) + time.seconds;
  return json;
}

Json SpanJson(Span span) { return Json::array({span.begin, span.end}); }

}  // namespace

Json SearchJson(std::string_view base, const SearchResult& found) {
  Json hits = Json::array();
  for (const Hit& hit : found.hits) hits.push_back(HitJson(hit));
  Json facets = Json::object();
  for (const auto& [field, counts] : found.facets) {
    Json list = Json::array();
    for (const FacetCount& count : counts) list.push_back({{"value", count.value}, {"documents", count.documents}});
    facets[field] = std::move(list);
  }
  Json json = {{"object", "knowledge.search"}, {"base", base},
               {"data", std::move(hits)},      {"queries", found.queries},
               {"alpha", found.alpha},         {"vector_plan", found.plan ? Json(PlanName(*found.plan)) : Json()},
               {"allowed", found.allowed},     {"candidates", found.candidates},
               {"facets", std::move(facets)},  {"seconds", TimesJson(found.times)}};
  if (!found.hypothetical.empty()) json["hypothetical"] = found.hypothetical;
  return json;
}

Json SourcesJson(const std::vector<Source>& sources) {
  Json list = Json::array();
  for (const Source& source : sources) {
    const Passage& passage = source.passage;
    Json chunks = Json::array();
    for (const PassagePiece& piece : passage.pieces) chunks.push_back(piece.chunk.id);
    list.push_back({{"number", source.number},
                    {"document", passage.document->id},
                    {"version", passage.version},
                    {"uri", passage.document->uri},
                    {"title", passage.document->title},
                    {"chunks", std::move(chunks)},
                    {"text", passage.text},
                    {"tokens", passage.tokens},
                    {"score", passage.score},
                    {"hidden_left_out", passage.hidden_left_out}});
  }
  return list;
}

Json CitationJson(const Citation& citation) {
  return {{"source", citation.source},
          {"chunk", citation.chunk},
          {"document", citation.document},
          {"version", citation.version},
          {"uri", citation.uri},
          {"title", citation.title},
          {"place", PlaceJson(citation.place)},
          {"span", SpanJson(citation.span)},
          {"support", citation.support},
          {"attributed", citation.attributed}};
}

Json StatementJson(const Statement& statement) {
  Json citations = Json::array(), quotes = Json::array();
  for (const Citation& citation : statement.citations) citations.push_back(CitationJson(citation));
  for (const Quote& quote : statement.quotes) {
    quotes.push_back(
        {{"span", SpanJson(quote.span)}, {"citation", quote.citation ? CitationJson(*quote.citation) : Json()}});
  }
  return {{"span", SpanJson(statement.span)},
          {"supported", statement.supported},
          {"citations", std::move(citations)},
          {"quotes", std::move(quotes)}};
}

Json AnswerJson(const strata::knowledge::Answer& answer) {
  Json statements = Json::array();
  for (const Statement& statement : answer.statements) statements.push_back(StatementJson(statement));
  const bool abstained = answer.abstained != Abstention::kNone;
  return {{"object", "knowledge.answer"},
          {"text", answer.text},
          {"abstained", abstained ? Json(ToString(answer.abstained)) : Json()},
          {"statements", std::move(statements)},
          {"sources", SourcesJson(answer.sources)},
          {"dropped_markers", answer.dropped_markers},
          {"dropped_links", answer.dropped_links},
          {"dropped_repetitions", answer.dropped_repetitions},
          {"stopped", answer.stopped},
          {"queries", answer.search.queries},
          {"seconds", TimesJson(answer.search.times)}};
}

}  // namespace strata::serve::knowledge
