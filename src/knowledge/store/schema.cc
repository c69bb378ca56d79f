#include "knowledge/store/schema.h"

#include <span>
#include <string>

#include <fmt/format.h>

namespace strata::knowledge::sql {
namespace {

// Version i becomes version i + 1 by the i-th list. What was released is never edited: a new list is added.
// Numbers come from `counters` rather than from the database's own sequences: they are never given again, not after a
// deletion either, and changes are numbered in the order in which they become visible.
constexpr std::string_view kVersion1[] = {
    R"(CREATE TABLE counters (name {key} PRIMARY KEY, value {integer} NOT NULL))",
    R"(INSERT INTO counters (name, value) VALUES ('document', 0), ('chunk', 0), ('sequence', 0), ('job', 0))",
    R"(CREATE TABLE documents (
         id {integer} PRIMARY KEY, uri {key} NOT NULL UNIQUE, version {integer} NOT NULL, title TEXT NOT NULL,
         media_type TEXT NOT NULL, content_hash TEXT NOT NULL, metadata TEXT NOT NULL, file_metadata TEXT NOT NULL,
         access TEXT NOT NULL, bytes {integer} NOT NULL, created {integer} NOT NULL, updated {integer} NOT NULL,
         modified {integer} NOT NULL, chunks {integer} NOT NULL, warnings TEXT NOT NULL))",
    R"(CREATE TABLE texts (
         document {integer} PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE, text TEXT NOT NULL))",
    R"(CREATE TABLE chunks (
         id {integer} PRIMARY KEY, document {integer} NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
         ordinal {integer} NOT NULL, parent {integer}, text TEXT NOT NULL, context TEXT NOT NULL,
         span_begin {integer} NOT NULL, span_end {integer} NOT NULL, page {integer} NOT NULL, box_left {real} NOT NULL,
         box_top {real} NOT NULL, box_right {real} NOT NULL, box_bottom {real} NOT NULL, tokens {integer} NOT NULL,
         searchable {integer} NOT NULL, hidden {integer} NOT NULL, hash_low {integer} NOT NULL,
         hash_high {integer} NOT NULL))",
    R"(CREATE INDEX chunks_of_document ON chunks (document, ordinal))",
    R"(CREATE TABLE vectors (
         chunk {integer} PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE, vector {bytes} NOT NULL))",
    R"(CREATE TABLE changes (sequence {integer} PRIMARY KEY, kind {integer} NOT NULL, id {integer} NOT NULL))",
    R"(CREATE TABLE jobs (
         id {integer} PRIMARY KEY, uri {key} NOT NULL, kind TEXT NOT NULL, arguments TEXT NOT NULL,
         state {integer} NOT NULL, stage TEXT NOT NULL, progress {real} NOT NULL, error TEXT NOT NULL,
         result TEXT NOT NULL, attempts {integer} NOT NULL, not_before {integer} NOT NULL, created {integer} NOT NULL,
         updated {integer} NOT NULL))",
    R"(CREATE INDEX jobs_by_state ON jobs (state, id))",
    R"(CREATE INDEX jobs_by_uri ON jobs (uri, id))",
    R"(CREATE TABLE uploads (
         job {integer} PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE, content {bytes} NOT NULL))",
};
// What another document says already need not be embedded again.
constexpr std::string_view kVersion2[] = {
    R"(CREATE INDEX chunks_by_hash ON chunks (hash_low, hash_high))",
};
// Searchable chunks whose vector is still to be made.
constexpr std::string_view kVersion3[] = {
    R"(CREATE TABLE unembedded (
         chunk {integer} PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE))",
};
constexpr std::span<const std::string_view> kVersions[] = {kVersion1, kVersion2, kVersion3};
constexpr std::int64_t kNewest = std::ssize(kVersions);

std::string InDialect(std::string_view statement, const Dialect& dialect) {
  return fmt::format(fmt::runtime(statement), fmt::arg("integer", dialect.integer), fmt::arg("real", dialect.real),
                     fmt::arg("bytes", dialect.bytes), fmt::arg("key", dialect.key));
}

Status MigrateInside(Connection& connection) {
  STRATA_CHECK(connection.Run(InDialect(
      "CREATE TABLE IF NOT EXISTS settings (key {key} PRIMARY KEY, value TEXT NOT NULL)", connection.dialect())));
  std::int64_t version = 0;
  STRATA_CHECK(connection.Run("SELECT value FROM settings WHERE key = 'schema_version'", {}, [&](const Row& row) {
    version = std::atoll(std::string(row.Text(0)).c_str());
    return true;
  }));
  if (version > kNewest) {
    return Fail(ErrorCode::kUnsupported, "the base has version {} of its tables, this strata knows those up to {}",
                version, kNewest);
  }
  if (version == kNewest) return {};
  for (; version < kNewest; ++version) {
    for (const std::string_view statement : kVersions[version]) {
      STRATA_CHECK(connection.Run(InDialect(statement, connection.dialect())));
    }
  }
  STRATA_CHECK(
      connection.Run("INSERT INTO settings (key, value) VALUES ('schema_version', $1) "
                     "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                     {std::string_view(std::to_string(kNewest))}));
  return {};
}

}  // namespace

Status Migrate(Connection& connection) {
  STRATA_CHECK(connection.Begin(Connection::Mode::kDurable));
  Status done = MigrateInside(connection);
  if (done) done = connection.Commit();
  if (!done) connection.Rollback();
  return done;
}

}  // namespace strata::knowledge::sql
