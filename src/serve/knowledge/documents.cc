#include "serve/knowledge/documents.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "knowledge/ingest/retry.h"
#include "serve/field_table.h"
#include "serve/knowledge/json.h"
#include "serve/knowledge/upload.h"
#include "serve/request.h"
#include "serve/response_json.h"

namespace strata::serve::knowledge {
namespace {

using namespace strata::knowledge;

constexpr std::size_t kPage = 100, kLargestPage = 1000;

std::unexpected<ApiError> NotFound(std::string what) {
  return std::unexpected(ApiError{.status = 404, .message = std::move(what), .code = "not_found"});
}

std::unexpected<ApiError> Refused(const Error& error) { return std::unexpected(ToApiError(error)); }

HttpResponse Ok(const Json& json, int status = 200) { return {.status = status, .body = Dump(json)}; }

template <class Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || end != text.end()) return std::nullopt;
  return number;
}

/// ?after=ID&limit=N, and what else a route knows.
struct ListQuery {
  std::optional<std::int64_t> after;
  std::size_t limit = kPage;
  std::optional<JobState> status;
};

std::expected<ListQuery, ApiError> ReadListQuery(std::string_view query, bool has_status) {
  const auto refuse = [](const std::string& name, std::string_view why) {
    return std::unexpected(ApiError{.message = fmt::format("{}: {}", name.substr(0, 100), why), .param = name});
  };
  ListQuery read;
  for (const auto& [name, value] : QueryParameters(query)) {
    if (name == "after") {
      const auto number = ParseNumber<std::int64_t>(value);
      if (!number || *number < 0) return refuse(name, "must be the id (of chunks, the ordinal) of the last one before");
      read.after = number;
    } else if (name == "limit") {
      const auto number = ParseNumber<std::size_t>(value);
      if (!number || *number == 0 || *number > kLargestPage) return refuse(name, "must be between 1 and 1000");
      read.limit = *number;
    } else if (name == "status" && has_status) {
      for (const JobState state :
           {JobState::kQueued, JobState::kRunning, JobState::kDone, JobState::kFailed, JobState::kCancelled}) {
        if (JobStateName(state) == value) read.status = state;
      }
      if (!read.status) return refuse(name, "must be queued, running, done, failed or cancelled");
    } else {
      return refuse(name, "unknown parameter");
    }
  }
  return read;
}

/// `last`: the id to go on after.
template <class Item, class ToJson>
Json ListJson(const std::vector<Item>& items, std::size_t limit, ToJson to_json) {
  Json list = {{"object", "list"}, {"data", Json::array()}, {"has_more", items.size() > limit}};
  for (std::size_t i = 0; i < std::min(items.size(), limit); ++i) list["data"].push_back(to_json(items[i]));
  return list;
}

class Documents {
 public:
  Documents(BaseSet& bases, const Principal& principal, const RouteMatch& match, const HttpRequest& http)
      : bases_(bases), principal_(principal), match_(match), http_(http) {}

  Answer Run() {
    if (!principal_.sees_everything && Changes()) {
      return std::unexpected(ApiError{.status = 403,
                                      .message = "This API key may read what it sees, and change nothing.",
                                      .type = "permission_error",
                                      .code = "not_allowed"});
    }
    switch (match_.route) {
      case Route::kKnowledgeBases:
        return ListBases();
      case Route::kKnowledgeCreateBase:
        return CreateBase();
      case Route::kKnowledgeDeleteBase: {
        if (const Status deleted = bases_.Delete(name()); !deleted) return Refused(deleted.error());
        return Ok({{"object", "knowledge.base.deleted"}, {"name", name()}, {"deleted", true}});
      }
      default:
        break;
    }
    auto base = bases_.Open(name());
    if (!base) return Refused(base.error());
    base_ = std::move(*base);
    switch (match_.route) {
      case Route::kKnowledgeBase:
        return OneBase();
      case Route::kKnowledgeDocuments:
        return ListDocuments();
      case Route::kKnowledgeAddDocument:
        return AddDocuments();
      case Route::kKnowledgeJobs:
        return ListJobs();
      case Route::kKnowledgeJob:
      case Route::kKnowledgeCancelJob:
      case Route::kKnowledgeRetryJob:
        return OneJob();
      default:
        return OneDocument();
    }
  }

 private:
  const std::string& name() const { return match_.arguments[0]; }

  bool Changes() const {
    switch (match_.route) {
      case Route::kKnowledgeBases:
      case Route::kKnowledgeBase:
      case Route::kKnowledgeDocuments:
      case Route::kKnowledgeDocument:
      case Route::kKnowledgeDocumentText:
      case Route::kKnowledgeDocumentChunks:
        return false;
      default:  // jobs, too: they name documents that not everybody may see
        return true;
    }
  }

  Answer ListBases() {
    const auto names = bases_.Names();
    if (!names) return Refused(names.error());
    Json list = {{"object", "list"}, {"data", Json::array()}};
    for (const std::string& each : *names) {
      const auto options = bases_.OptionsOf(each);
      if (options) list["data"].push_back(BaseJson(each, *options));  // else it went meanwhile
    }
    return Ok(list);
  }

  Answer CreateBase() {
    struct Body {
      std::string name;
      BaseOptions options;
    };
    static const std::vector<Field<Body>> table = {
        {"name", [](const Json& v, const std::string& path, Body& b) { return ReadString(v, path, b.name); }},
        {"embedding_model", [](const Json& v, const std::string& path,
                               Body& b) { return ReadString(v, path, b.options.embedding_model); }},
        {"language",
         [](const Json& v, const std::string& path, Body& b) { return ReadString(v, path, b.options.language); }},
        {"chunk_tokens", [](const Json& v, const std::string& path,
                            Body& b) { return ReadInteger(v, path, 16, 8192, b.options.chunks.max_tokens); }},
        {"overlap_tokens", [](const Json& v, const std::string& path,
                              Body& b) { return ReadInteger(v, path, 0, 4096, b.options.chunks.overlap_tokens); }},
        {"chunking", [](const Json& v, const std::string& path, Body& b) -> Status {
           for (const auto& [text, method] : {std::pair{"auto", ChunkMethod::kAuto},
                                              {"parent-child", ChunkMethod::kParentChild},
                                              {"questions", ChunkMethod::kQuestions}}) {
             if (v != text) continue;
             b.options.chunks.method = method;
             return {};
           }
           return BadField(path, "must be auto, parent-child or questions");
         }}};
    const Result<Json> json = ParseJsonObject(http_.body);
    if (!json) return Refused(json.error());
    Body body;
    if (const Status read = ReadFields(*json, table, body); !read) return Refused(read.error());
    if (body.name.empty()) return Refused(BadField("name", "is missing").error());
    if (const auto created = bases_.Create(body.name, body.options); !created) return std::unexpected(created.error());
    const auto options = bases_.OptionsOf(body.name);
    if (!options) return Refused(options.error());
    return Ok(BaseJson(body.name, *options), 201);
  }

  /// Counts are of all documents, so only those who see all of them get them.
  Answer OneBase() {
    Json json = BaseJson(name(), base_->options());
    if (principal_.sees_everything) {
      const auto counts = base_->store().Count();
      if (!counts) return Refused(counts.error());
      json["documents"] = counts->documents;
      json["chunks"] = counts->chunks;
      json["unembedded"] = counts->unembedded;
    }
    return Ok(json);
  }

  Answer ListDocuments() {
    const auto query = ReadListQuery(http_.query, false);
    if (!query) return std::unexpected(query.error());
    const auto after = static_cast<DocumentId>(std::min<std::int64_t>(query->after.value_or(0), UINT32_MAX));
    const auto seen = principal_.sees_everything ? base_->store().Documents(after, query->limit + 1)
                                                 : SeenDocuments(after, query->limit + 1);
    if (!seen) return Refused(seen.error());
    return Ok(ListJson(*seen, query->limit, [this](const DocumentRecord& document) { return ToJson(document); }));
  }

  /// Those that the principal may not see do not make a page shorter, and reading the page is no more work for them.
  Result<std::vector<DocumentRecord>> SeenDocuments(DocumentId after, std::size_t limit) {
    std::vector<DocumentRecord> seen;
    for (const DocumentId id : base_->documents().Visible(principal_, after, limit)) {
      STRATA_TRY(std::optional<DocumentRecord> document, base_->store().Document(id));
      // The store is ahead of the table when another process has changed it just now.
      if (document && MaySee(principal_, document->access)) seen.push_back(std::move(*document));
    }
    return seen;
  }

  Answer AddDocuments() {
    const auto sources = ReadUpload(http_);
    if (!sources) return std::unexpected(sources.error());
    const auto ids = base_->AddAll(*sources);
    if (!ids) return Refused(ids.error());
    Json list = {{"object", "list"}, {"data", Json::array()}};
    for (const std::int64_t id : *ids) {
      const auto job = base_->FindJob(id);
      if (!job) return Refused(job.error());
      if (*job) list["data"].push_back(JobJson(**job));
    }
    return Ok(list, 202);
  }

  Answer ListJobs() {
    const auto query = ReadListQuery(http_.query, true);
    if (!query) return std::unexpected(query.error());
    const auto jobs = base_->Jobs(query->status, query->after.value_or(0), query->limit + 1);
    if (!jobs) return Refused(jobs.error());
    return Ok(ListJson(*jobs, query->limit, JobJson));
  }

  Answer OneJob() {
    const std::string& text = match_.arguments[1];
    const auto id = ParseNumber<std::int64_t>(text);
    auto job = id ? base_->FindJob(*id) : Result<std::optional<Job>>(std::nullopt);
    if (!job) return Refused(job.error());
    if (!*job) return NotFound(fmt::format("There is no job {} in {}.", text.substr(0, 100), name()));
    if (match_.route == Route::kKnowledgeCancelJob) {
      const auto cancelled = base_->Cancel(*id);
      if (!cancelled) return Refused(cancelled.error());
      job = base_->FindJob(*id);
      if (!job) return Refused(job.error());
      if (!*job) return NotFound(fmt::format("There is no job {} in {}.", text, name()));
    }
    if (match_.route == Route::kKnowledgeRetryJob) return RetryJob(*id);
    return Ok(JobJson(**job));
  }

  Answer RetryJob(std::int64_t failed) {
    const auto queued = RetryJobs(base_->store(), std::span(&failed, 1));
    if (!queued) return Refused(queued.error());
    const auto job = base_->FindJob(queued->front());
    if (!job) return Refused(job.error());
    return Ok(*job ? JobJson(**job) : Json(nullptr), 202);
  }

  Answer OneDocument() {
    const std::string& text = match_.arguments[1];
    const auto id = ParseNumber<DocumentId>(text);
    auto document = id ? base_->store().Document(*id) : Result<std::optional<DocumentRecord>>(std::nullopt);
    if (!document) return Refused(document.error());
    // What somebody may not see is not there.
    if (!*document || !MaySee(principal_, (*document)->access)) {
      return NotFound(fmt::format("There is no document {} in {}.", text.substr(0, 100), name()));
    }
    switch (match_.route) {
      case Route::kKnowledgeDocumentText: {
        auto content = base_->store().Text(*id);
        if (!content) return Refused(content.error());
        return HttpResponse{.content_type = "text/plain; charset=utf-8", .body = std::move(*content).value_or("")};
      }
      case Route::kKnowledgeDocumentChunks:
        return ListChunks(*id);
      case Route::kKnowledgeChangeDocument:
        return ChangeDocument(**document);
      case Route::kKnowledgeDeleteDocument: {
        const auto job = base_->Remove((*document)->uri);
        if (!job) return Refused(job.error());
        const auto found = base_->FindJob(*job);
        if (!found) return Refused(found.error());
        return Ok(*found ? JobJson(**found) : Json(nullptr), 202);
      }
      default:
        return Ok(ToJson(**document));
    }
  }

  Answer ListChunks(DocumentId id) {
    const auto query = ReadListQuery(http_.query, false);
    if (!query) return std::unexpected(query.error());
    // Their ids do not tell their order, their places do.
    const std::int64_t first = query->after ? *query->after + 1 : 0;
    const auto chunks = base_->store().ChunksOf(id, static_cast<std::int32_t>(std::min<std::int64_t>(first, INT32_MAX)),
                                                static_cast<std::int32_t>(query->limit + 1));
    if (!chunks) return Refused(chunks.error());
    return Ok(ListJson(*chunks, query->limit, ChunkJson));
  }

  Answer ChangeDocument(const DocumentRecord& document) {
    const Result<Json> json = ParseJsonObject(http_.body);
    if (!json) return Refused(json.error());
    DocumentSource changed;
    static const std::vector<Field<DocumentSource>> table = {
        {"metadata",
         [](const Json& v, const std::string& path, DocumentSource& s) -> Status {
           if (!v.is_object()) return BadField(path, "must be an object, not {}", v.type_name());
           s.metadata = v;
           return {};
         }},
        {"access", [](const Json& v, const std::string& path, DocumentSource& s) -> Status {
           STRATA_TRY(s.access, ReadAccess(v, path));
           return {};
         }}};
    if (const Status read = ReadFields(*json, table, changed); !read) return Refused(read.error());
    // Access first: where the second fails, nobody has come to see more than was asked for.
    Status set;
    if (changed.access) set = base_->SetAccess(document.id, *changed.access);
    if (set && changed.metadata) set = base_->SetMetadata(document.id, *changed.metadata);
    if (!set) return Refused(set.error());
    const auto record = base_->store().Document(document.id);
    if (!record) return Refused(record.error());
    if (!*record) return NotFound(fmt::format("There is no document {} in {} any more.", document.id, name()));
    return Ok(ToJson(**record));
  }

  Json ToJson(const DocumentRecord& document) const { return DocumentJson(document, principal_.sees_everything); }

  BaseSet& bases_;
  const Principal& principal_;
  const RouteMatch& match_;
  const HttpRequest& http_;
  std::shared_ptr<KnowledgeBase> base_;
};

}  // namespace

Answer AnswerDocuments(BaseSet& bases, const Principal& principal, const RouteMatch& match, const HttpRequest& http) {
  return Documents(bases, principal, match, http).Run();
}

}  // namespace strata::serve::knowledge
