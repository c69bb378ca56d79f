#include "knowledge/document/archive.h"

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include <archive.h>
#include <archive_entry.h>

#include "knowledge/document/clean_text.h"
#include "knowledge/document/encoding.h"
#include "knowledge/document/formats.h"
#include "knowledge/document/parsers.h"

namespace strata::knowledge {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;

struct ArchiveCloser {
  void operator()(struct archive* reader) const { archive_read_free(reader); }
};
using ArchivePointer = std::unique_ptr<struct archive, ArchiveCloser>;

/// Only what needs no other program: libarchive's "all" would start some.
ArchivePointer OpenReader(std::string_view bytes) {
  ArchivePointer reader(archive_read_new());
  if (reader == nullptr) throw std::bad_alloc();
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_zip_seekable(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_7zip(reader.get());
  archive_read_support_format_raw(reader.get());
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) return nullptr;
  return reader;
}

std::string PathOf(struct archive_entry* entry, std::string_view archive_name) {
  const char* path = archive_entry_pathname_utf8(entry);
  if (path == nullptr) path = archive_entry_pathname(entry);
  std::string text = path == nullptr ? "" : path;
  if (auto decoded = DecodeText(text)) text = std::move(decoded->text);
  std::ranges::replace(text, '\\', '/');
  while (text.starts_with("./")) text.erase(0, 2);
  // A compressed file that is no archive: its name is the outer one without ".gz".
  if (text == "data") {
    const std::string_view file = FileNameOf(archive_name);
    const std::string_view extension = ExtensionOf(file);
    text = file.substr(0, file.size() - (extension.empty() ? 0 : extension.size() + 1));
    if (LowerAscii(extension) == "tgz") text += ".tar";
  }
  return text;
}

bool LeavesArchive(std::string_view path) {
  if (path.starts_with('/') || (path.size() > 1 && path[1] == ':')) return true;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    if (path.substr(0, end) == "..") return true;
    path = end == path.npos ? std::string_view() : path.substr(end + 1);
  }
  return false;
}

std::string ProblemOf(struct archive_entry* entry, const std::string& path) {
  if (path.empty()) return "an entry without a name";
  if (LeavesArchive(path)) return "its path leads out of the archive";
  if (archive_entry_is_encrypted(entry) != 0) return "it is encrypted";
  if (archive_entry_hardlink(entry) != nullptr || archive_entry_filetype(entry) == AE_IFLNK) return "it is a link";
  if (const auto type = archive_entry_filetype(entry); type != AE_IFREG && type != 0) return "it is a device";
  return {};
}

Result<std::string> ReadContent(struct archive* reader, const std::string& what, ParseBudget& budget) {
  std::string content;
  while (true) {
    const std::size_t done = content.size();
    content.resize(done + kReadBytes);
    const la_ssize_t got = archive_read_data(reader, content.data() + done, kReadBytes);
    if (got < 0) {
      const char* reason = archive_error_string(reader);
      return Fail(ErrorCode::kCorrupt, "{}: {}", what, reason == nullptr ? "cannot be inflated" : reason);
    }
    content.resize(done + static_cast<std::size_t>(got));
    if (got == 0) return content;
    STRATA_CHECK(budget.TakeInflated(static_cast<std::size_t>(got), what));
  }
}

bool IsMarkupPart(std::string_view path) {
  const std::string extension = LowerAscii(ExtensionOf(path));
  constexpr std::array<std::string_view, 8> kKept = {"xml", "rels", "xhtml", "html", "htm", "opf", "ncx", "htmlx"};
  return std::ranges::find(kKept, extension) != kKept.end();
}

/// What systems and tools leave in archives for themselves.
bool IsClutter(std::string_view path) {
  const std::string_view file = FileNameOf(path);
  return path.starts_with("__MACOSX/") || file == ".DS_Store" || file == "Thumbs.db" || path.starts_with(".git/") ||
         path.find("/.git/") != path.npos;
}

}  // namespace

Status ForEachEntry(std::string_view archive, std::string_view name, ParseBudget& budget,
                    const std::function<bool(const ArchiveEntry&)>& wants,
                    const std::function<Status(const ArchiveEntry&, std::string)>& visit) {
  const ArchivePointer reader = OpenReader(archive);
  if (reader == nullptr) return Fail(ErrorCode::kCorrupt, "{}: no archive that can be read", name);
  std::set<std::string, std::less<>> seen;
  while (true) {
    struct archive_entry* header = nullptr;
    const int code = archive_read_next_header(reader.get(), &header);
    if (code == ARCHIVE_EOF) return {};
    if (code < ARCHIVE_WARN) {
      const char* reason = archive_error_string(reader.get());
      return Fail(ErrorCode::kCorrupt, "{}: after {} entries: {}", name, seen.size(),
                  reason == nullptr ? "damaged" : reason);
    }
    // The raw format takes any bytes: without a compression around them they are no archive at all.
    if (archive_format(reader.get()) == ARCHIVE_FORMAT_RAW && archive_filter_count(reader.get()) < 2) {
      return Fail(ErrorCode::kCorrupt, "{}: a damaged archive", name);
    }
    STRATA_CHECK(budget.TakeEntry(name));
    if (archive_entry_filetype(header) == AE_IFDIR) continue;
    const std::string path = PathOf(header, name);
    ArchiveEntry entry{.path = path, .problem = ProblemOf(header, path), .size = archive_entry_size(header)};
    if (!seen.insert(entry.path).second && entry.problem.empty()) entry.problem = "another entry has the same path";
    if (!wants(entry)) continue;
    std::string content;
    if (entry.problem.empty()) {
      STRATA_TRY(content, ReadContent(reader.get(), fmt::format("{}/{}", name, entry.path), budget));
    }
    STRATA_CHECK(visit(entry, std::move(content)));
  }
}

Result<std::map<std::string, std::string, std::less<>>> ReadPackage(std::string_view archive, std::string_view name,
                                                                    ParseBudget& budget,
                                                                    bool (*also_kept)(std::string_view path)) {
  std::map<std::string, std::string, std::less<>> parts;
  std::int64_t kept = 0;
  STRATA_CHECK(ForEachEntry(
      archive, name, budget,
      [&](const ArchiveEntry& entry) {
        if (!entry.problem.empty() || IsMarkupPart(entry.path)) return entry.problem.empty();
        if (also_kept == nullptr || !also_kept(entry.path)) return false;
        const bool fits = entry.size <= kMostKeptBytes - kept;
        if (!fits) parts.try_emplace(entry.path);
        kept += fits ? entry.size : 0;
        return fits;
      },
      [&](const ArchiveEntry& entry, std::string&& content) -> Status {
        parts.try_emplace(entry.path, std::move(content));
        return {};
      }));
  return parts;
}

Status ParseArchive(const FileInput& input, ParseBudget& budget, Documents& documents) {
  if (input.depth >= budget.limits().depth) {
    return Fail(ErrorCode::kResourceExhausted, "archives within archives deeper than {} (limit depth)",
                budget.limits().depth);
  }
  return ForEachEntry(
      input.bytes, input.name, budget, [](const ArchiveEntry& entry) { return !IsClutter(entry.path); },
      [&](const ArchiveEntry& entry, const std::string& content) -> Status {
        if (!entry.problem.empty()) {
          documents.push_back(FailedDocument(entry.path, "left out: " + entry.problem));
          return {};
        }
        return ParseInner({.bytes = content, .name = entry.path, .depth = input.depth + 1}, budget, documents);
      });
}

}  // namespace strata::knowledge
