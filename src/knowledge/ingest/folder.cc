#include "knowledge/ingest/folder.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include <sys/stat.h>

#include "knowledge/ingest/source_uri.h"

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPage = 1000;

/// Sources of the base below a folder, with the time of the file that was read.
Result<std::map<std::string, std::int64_t>> SourcesUnder(Store& store, const std::string& folder) {
  std::map<std::string, std::int64_t> sources;
  const std::string prefix = FileUri(folder.ends_with('/') ? folder : folder + "/");
  for (std::string after;;) {
    STRATA_TRY(const std::vector<DocumentRecord> records, store.DocumentsUnder(prefix, after, kPage));
    for (const DocumentRecord& record : records) sources[std::string(SourceOf(record.uri))] = record.modified;
    if (records.size() < kPage) return sources;
    after = records.back().uri;
  }
}

}  // namespace

Result<FolderListing> ListFolder(const std::string& folder) {
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);
  if (error || !fs::is_directory(root, error)) return Fail(ErrorCode::kNotFound, "{}: no such folder", folder);
  FolderListing listing{.folder = root, .folders = {}, .files = {}, .unreadable = {}};
  for (std::vector<fs::path> waiting = {root}; !waiting.empty();) {
    const fs::path current = std::move(waiting.back());
    waiting.pop_back();
    listing.folders.push_back(current);
    fs::directory_iterator entry(current, error);
    for (; !error && entry != fs::end(entry); entry.increment(error)) {
      std::error_code gone;  // a file that goes meanwhile
      if (entry->is_directory(gone) && !entry->is_symlink(gone)) {
        waiting.push_back(entry->path());
      } else if (entry->is_regular_file(gone)) {
        const fs::path path = entry->is_symlink(gone) ? fs::canonical(entry->path(), gone) : entry->path();
        struct stat status{};
        if (gone || ::stat(path.c_str(), &status) != 0) continue;
        listing.files.push_back({path, std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec});
      }
    }
    if (error && current == root) return Fail(ErrorCode::kIo, "cannot list {}: {}", folder, error.message());
    if (error) listing.unreadable.push_back(current);
  }
  std::ranges::sort(listing.files, {}, &FolderFile::path);
  const auto repeated = std::ranges::unique(listing.files, {}, &FolderFile::path);
  listing.files.erase(repeated.begin(), repeated.end());
  return listing;
}

Result<FolderChanges> CompareFolder(Store& store, const FolderListing& listing) {
  using Sources = std::map<std::string, std::int64_t>;
  STRATA_TRY(Sources sources, SourcesUnder(store, listing.folder));
  FolderChanges changes;
  for (const FolderFile& file : listing.files) {
    const std::string uri = FileUri(file.path);
    std::int64_t read = 0;
    if (const auto found = sources.find(uri); found != sources.end()) {
      read = found->second;
      sources.erase(found);
    } else {
      // What a link leads to may lie elsewhere.
      STRATA_TRY(const std::vector<DocumentRecord> records, store.DocumentsOfSource(uri));
      if (!records.empty()) read = records.front().modified;
    }
    if (read != file.modified) changes.changed.push_back(file);
  }
  for (const auto& [uri, modified] : sources) {
    const bool hidden = std::ranges::any_of(
        listing.unreadable, [&](const std::string& folder) { return uri.starts_with(FileUri(folder + "/")); });
    if (!hidden) changes.gone.push_back(uri);
  }
  return changes;
}

}  // namespace strata::knowledge
