#include "serve/knowledge/json.h"

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

Json DocumentJson(const DocumentRecord& record) {
  return {{"object", "knowledge.document"},
          {"id", record.id},
          {"uri", record.uri},
          {"version", record.version},
          {"title", record.title},
          {"media_type", record.media_type},
          {"sha256", record.content_hash},
          {"bytes", record.bytes},
          {"chunks", record.chunks},
          {"metadata", record.metadata},
          {"access", AccessJson(record.access)},
          {"warnings", record.warnings},
          {"created_at", record.created},
          {"updated_at", record.updated}};
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
               {"attempts", job.attempts},
               {"created_at", job.created},
               {"updated_at", job.updated}};
  if (!job.error.empty()) json["error"] = job.error;
  return json;
}

}  // namespace strata::serve::knowledge
