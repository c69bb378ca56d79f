#include "knowledge/ingest/read_source.h"

#include <filesystem>
#include <map>
#include <span>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/mapped_file.h"
#include "base/sha256.h"
#include "base/unicode.h"
#include "knowledge/ingest/source_uri.h"

namespace strata::knowledge {
namespace {

Result<SourceFile> ReadFileAt(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) return Fail(ErrorCode::kUnsupported, "{} is no file", path);
    if (static_cast<std::size_t>(status.st_size) > kLargestFile) {
      return Fail(ErrorCode::kResourceExhausted, "{} has {} bytes, at most {} are read", path, status.st_size,
                  kLargestFile);
    }
  }
  SourceFile file;
  STRATA_TRY(file.content, ReadFile(path));
  file.name = std::filesystem::path(path).filename();
  file.modified = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return file;
}

/// Text that every database takes.
std::string Clean(std::string_view text) {
  std::string clean = ReplaceInvalidUtf8(text);
  std::erase(clean, '\0');
  return clean;
}

DocumentVersion ToVersion(ParsedDocument& parsed, const SourceFile& file, const Job& job) {
  DocumentVersion version;
  DocumentRecord& record = version.record;
  record.title = Clean(parsed.title);
  record.media_type = Clean(parsed.media_type);
  record.content_hash = file.sha256;
  record.bytes = static_cast<std::int64_t>(parsed.name.empty() ? file.content.size() : parsed.text.size());
  record.modified = file.modified;
  for (const std::string& warning : parsed.warnings) record.warnings.push_back(Clean(warning));
  for (const auto& [key, value] : parsed.metadata) version.file_metadata[Clean(key)] = Clean(value);
  version.keep_metadata = !job.arguments.contains("metadata");
  version.keep_access = !job.arguments.contains("access");
  if (!version.keep_metadata) record.metadata = job.arguments["metadata"];
  if (!version.keep_access) record.access = AccessFromJson(job.arguments["access"]);
  return version;
}

}  // namespace

Result<SourceFile> ReadSourceFile(Store& store, const Job& job) {
  SourceFile file;
  if (const auto path = job.arguments.find("path"); path != job.arguments.end()) {
    STRATA_TRY(file, ReadFileAt(path->get<std::string>()));
  } else {
    STRATA_TRY(std::optional<std::string> upload, store.Upload(job.id));
    if (!upload) return Fail(ErrorCode::kNotFound, "the upload of {} is gone", job.uri);
    file.content = *std::move(upload);
    file.name = job.arguments.value("name", "");
  }
  Sha256 hash;
  hash.Add(std::as_bytes(std::span(file.content)));
  STRATA_TRY(file.sha256, hash.Hex());
  return file;
}

Result<std::vector<DocumentVersion>> ReadDocuments(const SourceFile& file, const Job& job, const ParseLimits& limits,
                                                   const Tokenizer& tokenizer, const ChunkOptions& options) {
  STRATA_TRY(std::vector<ParsedDocument> parsed,
             ParseInChild(std::as_bytes(std::span(file.content)), file.name, limits));
  std::vector<DocumentVersion> versions;
  std::map<std::string, int> seen;
  for (ParsedDocument& document : parsed) {
    DocumentVersion version = ToVersion(document, file, job);
    version.record.uri = document.name.empty() ? job.uri : MemberUri(job.uri, document.name);
    // An archive may have one name twice.
    if (const int times = ++seen[version.record.uri]; times > 1) version.record.uri += fmt::format("~{}", times);
    version.chunks = ChunkDocument(document, tokenizer, options);
    version.text = std::move(document.text);
    versions.push_back(std::move(version));
  }
  return versions;
}

nlohmann::json AccessToJson(const Access& access) {
  return {{"users", access.users}, {"groups", access.groups}, {"labels", access.labels}};
}

Access AccessFromJson(const nlohmann::json& json) {
  return {json.at("users").get<std::vector<std::string>>(), json.at("groups").get<std::vector<std::string>>(),
          json.at("labels").get<std::vector<std::string>>()};
}

}  // namespace strata::knowledge
