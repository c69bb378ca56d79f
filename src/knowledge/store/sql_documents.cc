// Documents of the store: versions that come, documents that go.
#include <map>

#include <fmt/format.h>

#include "base/clock.h"
#include "knowledge/store/sql_store.h"

namespace strata::knowledge::sql {
namespace {

constexpr std::string_view kColumns =
    "id, uri, version, title, media_type, content_hash, metadata, file_metadata, access, bytes, created, updated, "
    "modified, chunks, warnings";

nlohmann::json ToJson(const Access& access) {
  return {{"users", access.users}, {"groups", access.groups}, {"labels", access.labels}};
}

/// Access that cannot be read is nobody's, never everybody's.
Result<Access> ToAccess(const nlohmann::json& json) {
  Access access;
  const std::pair<const char*, std::vector<std::string>*> lists[] = {
      {"users", &access.users}, {"groups", &access.groups}, {"labels", &access.labels}};
  for (const auto& [name, list] : lists) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_array()) return Fail(ErrorCode::kCorrupt, "access without {}", name);
    for (const nlohmann::json& entry : *found) {
      if (!entry.is_string()) return Fail(ErrorCode::kCorrupt, "access whose {} are no names", name);
      list->push_back(entry.get<std::string>());
    }
  }
  return access;
}

nlohmann::json ToObject(std::string_view text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  return json.is_object() ? json : nlohmann::json::object();
}

Result<DocumentRecord> ToRecord(const Row& row) {
  DocumentRecord record;
  record.id = static_cast<DocumentId>(row.Int(0));
  record.uri = row.Text(1);
  record.version = static_cast<std::uint32_t>(row.Int(2));
  record.title = row.Text(3);
  record.media_type = row.Text(4);
  record.content_hash = row.Text(5);
  record.metadata = ToObject(row.Text(7));
  record.metadata.update(ToObject(row.Text(6)));  // the user's word counts
  STRATA_TRY(record.access, ToAccess(ToObject(row.Text(8))), "the document {}", record.id);
  record.bytes = row.Int(9);
  record.created = row.Int(10);
  record.updated = row.Int(11);
  record.modified = row.Int(12);
  record.chunks = row.Int(13);
  const nlohmann::json warnings = nlohmann::json::parse(row.Text(14), nullptr, false);
  for (const nlohmann::json& warning : warnings) {
    if (warning.is_string()) record.warnings.push_back(warning.get<std::string>());
  }
  return record;
}

Result<std::vector<DocumentRecord>> Select(Connection& connection, std::string_view where,
                                           std::initializer_list<Value> values) {
  std::vector<DocumentRecord> records;
  Status good;
  STRATA_CHECK(
      connection.Run(fmt::format("SELECT {} FROM documents WHERE {}", kColumns, where), values, [&](const Row& row) {
        Result<DocumentRecord> record = ToRecord(row);
        if (record) {
          records.push_back(*std::move(record));
        } else {
          good = std::unexpected(std::move(record).error());
        }
        return good.has_value();
      }));
  STRATA_CHECK(good);
  return records;
}

Result<std::optional<DocumentRecord>> SelectOne(Connection& connection, std::string_view where,
                                                std::initializer_list<Value> values) {
  STRATA_TRY(std::vector<DocumentRecord> records, Select(connection, where, values));
  if (records.empty()) return std::nullopt;
  return std::move(records.front());
}

/// By id.
Result<std::vector<DocumentRecord>> OfSource(Connection& connection, std::string_view source) {
  const std::string member = std::string(source) + "#", end = EndOfPrefix(member);
  return Select(connection, "uri = $1 OR (uri >= $2 AND uri < $3) ORDER BY id",
                {source, std::string_view(member), std::string_view(end)});
}

Status RemoveDocument(Connection& connection, DocumentId id, ChangeLog& log) {
  STRATA_CHECK(LogRemovedChunks(connection, id, log));
  log.Add(Change::Kind::kDocumentRemoved, id);
  STRATA_CHECK(connection.Run("DELETE FROM documents WHERE id = $1", {std::int64_t{id}}));  // and all that is its
  return {};
}

/// Writes one version beside what the source has already (`there`).
Result<ChunkCounts> PutDocument(Connection& connection, const DocumentVersion& version,
                                const std::map<std::string_view, const DocumentRecord*>& there,
                                const DocumentRecord* first_of_source, const StoreOptions& options, ChangeLog& log) {
  const DocumentRecord& record = version.record;
  const auto found = there.find(record.uri);
  const bool known = found != there.end();
  std::int64_t id = known ? std::int64_t{found->second->id} : 0;
  if (!known) {
    STRATA_TRY(id, TakeNumbers(connection, "document", 1));
  }
  const bool inherits = version.keep_access && !known && first_of_source != nullptr;
  const std::string metadata = Dump(record.metadata), file_metadata = Dump(version.file_metadata),
                    access = Dump(ToJson(inherits ? first_of_source->access : record.access)),
                    warnings = Dump(record.warnings);
  const std::int64_t now = UnixSeconds();
  STRATA_CHECK(connection.Run(
      fmt::format("INSERT INTO documents (id, uri, version, title, media_type, content_hash, metadata, file_metadata, "
                  "access, bytes, created, updated, modified, chunks, warnings) "
                  "VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, 0, $12) "
                  "ON CONFLICT (id) DO UPDATE SET version = documents.version + 1, title = excluded.title, "
                  "media_type = excluded.media_type, content_hash = excluded.content_hash, "
                  "file_metadata = excluded.file_metadata, bytes = excluded.bytes, updated = excluded.updated, "
                  "modified = excluded.modified, warnings = excluded.warnings{}{}",
                  version.keep_metadata ? "" : ", metadata = excluded.metadata",
                  version.keep_access ? "" : ", access = excluded.access"),
      {id, std::string_view(record.uri), std::string_view(record.title), std::string_view(record.media_type),
       std::string_view(record.content_hash), std::string_view(metadata), std::string_view(file_metadata),
       std::string_view(access), record.bytes, now, record.modified, std::string_view(warnings)}));
  STRATA_CHECK(
      connection.Run("INSERT INTO texts (document, text) VALUES ($1, $2) "
                     "ON CONFLICT (document) DO UPDATE SET text = excluded.text",
                     {id, std::string_view(version.text)}));
  log.Add(Change::Kind::kDocumentChanged, static_cast<DocumentId>(id));
  STRATA_TRY(const ChunkCounts counts,
             PutChunks(connection, static_cast<DocumentId>(id), version, options.full_precision, log));
  STRATA_CHECK(connection.Run("UPDATE documents SET chunks = $1 WHERE id = $2", {counts.all, id}));
  return counts;
}

Status CheckSource(std::string_view source, std::span<const DocumentVersion> versions) {
  std::map<std::string_view, int> seen;
  for (const DocumentVersion& version : versions) {
    const std::string_view uri = version.record.uri;
    const bool member = uri.starts_with(source) && uri.substr(source.size()).starts_with('#');
    if (uri != source && !member) {
      return Fail(ErrorCode::kInvalidArgument, "the document {} is not of the source {}", uri, source);
    }
    if (seen[uri]++ != 0) return Fail(ErrorCode::kInvalidArgument, "the document {} is twice in its source", uri);
  }
  return {};
}

Status EndOrCancelled(Connection& connection, const Job* job) {
  if (job == nullptr) return {};
  STRATA_TRY(const bool running, EndJob(connection, *job));
  if (!running) return Fail(ErrorCode::kCancelled, "the job {} does not run any more", job->id);
  return {};
}

}  // namespace

Result<std::vector<DocumentRecord>> SqlStore::PutSource(std::string_view source,
                                                        std::span<const DocumentVersion> versions, const Job* job) {
  STRATA_CHECK(CheckSource(source, versions));
  return Write([&](Connection& connection) -> Result<std::vector<DocumentRecord>> {
    STRATA_TRY(const std::vector<DocumentRecord> before, OfSource(connection, source));
    std::map<std::string_view, const DocumentRecord*> there;
    for (const DocumentRecord& record : before) there.emplace(record.uri, &record);
    ChangeLog log;
    ChunkCounts counts;
    for (const DocumentVersion& version : versions) {
      STRATA_TRY(const ChunkCounts of_one,
                 PutDocument(connection, version, there, before.empty() ? nullptr : &before.front(), options_, log));
      counts.all += of_one.all;
      counts.fresh += of_one.fresh;
      there.erase(version.record.uri);
    }
    for (const auto& [uri, record] : there) STRATA_CHECK(RemoveDocument(connection, record->id, log));
    if (job != nullptr) {
      Job done = *job;
      done.result = {{"documents", versions.size()},
                     {"chunks", counts.all},
                     {"embedded", counts.fresh},
                     {"reused", counts.all - counts.fresh}};
      STRATA_CHECK(EndOrCancelled(connection, &done));
    }
    STRATA_CHECK(log.Write(connection, options_.kept_changes));
    return OfSource(connection, source);
  });
}

Result<bool> SqlStore::Remove(std::string_view uri, const Job* job) {
  return Write([&](Connection& connection) -> Result<bool> {
    STRATA_CHECK(EndOrCancelled(connection, job));
    STRATA_TRY(const std::vector<DocumentRecord> records, OfSource(connection, uri));
    ChangeLog log;
    for (const DocumentRecord& record : records) STRATA_CHECK(RemoveDocument(connection, record.id, log));
    STRATA_CHECK(log.Write(connection, options_.kept_changes));
    STRATA_CHECK(connection.Run("DELETE FROM jobs WHERE uri = $1 AND state >= $2 AND id <> $3",
                                {uri, static_cast<std::int64_t>(JobState::kDone), job == nullptr ? 0 : job->id}));
    return !records.empty();
  });
}

Status SqlStore::SetMetadata(DocumentId id, const nlohmann::json& metadata) {
  return Write([&](Connection& connection) -> Status {
    const std::string text = Dump(metadata);
    STRATA_TRY(const std::int64_t changed, connection.Run("UPDATE documents SET metadata = $1 WHERE id = $2",
                                                          {std::string_view(text), std::int64_t{id}}));
    if (changed == 0) return Fail(ErrorCode::kNotFound, "there is no document {}", id);
    ChangeLog log;
    log.Add(Change::Kind::kDocumentChanged, id);
    return log.Write(connection, options_.kept_changes);
  });
}

Status SqlStore::SetAccess(DocumentId id, const Access& access) {
  return Write([&](Connection& connection) -> Status {
    const std::string text = Dump(ToJson(access));
    STRATA_TRY(const std::int64_t changed, connection.Run("UPDATE documents SET access = $1 WHERE id = $2",
                                                          {std::string_view(text), std::int64_t{id}}));
    if (changed == 0) return Fail(ErrorCode::kNotFound, "there is no document {}", id);
    ChangeLog log;
    log.Add(Change::Kind::kDocumentChanged, id);
    return log.Write(connection, options_.kept_changes);
  });
}

Result<std::optional<DocumentRecord>> SqlStore::Find(std::string_view uri) {
  return Read([&](Connection& connection) { return SelectOne(connection, "uri = $1", {uri}); });
}

Result<std::optional<DocumentRecord>> SqlStore::Document(DocumentId id) {
  return Read([&](Connection& connection) { return SelectOne(connection, "id = $1", {std::int64_t{id}}); });
}

Result<std::vector<DocumentRecord>> SqlStore::Documents(DocumentId after, std::size_t limit) {
  return Read([&](Connection& connection) {
    return Select(connection, "id > $1 ORDER BY id LIMIT $2", {std::int64_t{after}, static_cast<std::int64_t>(limit)});
  });
}

Result<std::vector<DocumentRecord>> SqlStore::DocumentsUnder(std::string_view prefix, std::string_view after,
                                                             std::size_t limit) {
  return Read([&](Connection& connection) {
    const std::string end = EndOfPrefix(prefix);
    return Select(connection, "uri >= $1 AND uri < $2 AND uri > $3 ORDER BY uri LIMIT $4",
                  {prefix, std::string_view(end), after, static_cast<std::int64_t>(limit)});
  });
}

Result<std::vector<DocumentRecord>> SqlStore::DocumentsOfSource(std::string_view source) {
  return Read([&](Connection& connection) { return OfSource(connection, source); });
}

Result<std::optional<std::string>> SqlStore::Text(DocumentId id) {
  return Read([&](Connection& connection) -> Result<std::optional<std::string>> {
    std::optional<std::string> text;
    STRATA_CHECK(connection.Run("SELECT text FROM texts WHERE document = $1", {std::int64_t{id}}, [&](const Row& row) {
      text = row.Text(0);
      return true;
    }));
    return text;
  });
}

Result<Store::Counts> SqlStore::Count() {
  return Read([&](Connection& connection) -> Result<Counts> {
    Counts counts;
    // count and sum of bigint: the latter is numeric in PostgreSQL.
    STRATA_CHECK(
        connection.Run("SELECT count(*), CAST(coalesce(sum(chunks), 0) AS bigint), "
                       "CAST(coalesce(sum(bytes), 0) AS bigint), (SELECT count(*) FROM unembedded) FROM documents",
                       {}, [&](const Row& row) {
                         counts = {row.Int(0), row.Int(1), row.Int(2), row.Int(3)};
                         return true;
                       }));
    return counts;
  });
}

}  // namespace strata::knowledge::sql
