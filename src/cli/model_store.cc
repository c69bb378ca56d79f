#include "cli/model_store.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include <fmt/format.h>

#include "base/mapped_file.h"
#include "base/sha256.h"
#include "cli/progress.h"
#include "cli/session.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFrom = "# from ";

bool IsHash(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

/// A name that is one component of a path and no option.
bool IsName(std::string_view name) {
  return !name.empty() && std::isalnum(static_cast<unsigned char>(name.front())) != 0 &&
         std::ranges::all_of(name,
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; });
}

/// Files of the model, relative to the cache.
std::vector<std::string> FilesOf(const StoredModel& model) {
  std::error_code error;
  std::vector<std::string> files;
  const std::string base = fs::path(model.path).filename();
  if (!fs::is_directory(model.path, error)) return {base};
  for (const auto& entry : fs::recursive_directory_iterator(model.path + "/", error)) {
    if (entry.is_regular_file(error))
      files.push_back(base + "/" + fs::relative(entry.path(), model.path + "/", error).string());
  }
  std::ranges::sort(files);
  return files;
}

std::string SourceOf(const StoredModel& model) {
  const auto text = ReadFile(model.record());
  if (!text || !text->starts_with(kFrom)) return "";
  return text->substr(kFrom.size(), text->find('\n') - kFrom.size());
}

}  // namespace

std::string ModelsDirectory() {
  const std::string directory = CacheDirectory() + "/models";
  std::error_code ignored;  // whoever writes there gets the error, with the path
  fs::create_directories(directory, ignored);
  return directory;
}

Result<std::string> Sha256Of(const std::string& path) {
  STRATA_TRY(const MappedFile file, MappedFile::Open(path));
  constexpr std::size_t kPiece = 64 << 20;
  Sha256 hash;
  for (std::size_t at = 0; at < file.size(); at += kPiece) {
    const auto piece = file.bytes().subspan(at, std::min(kPiece, file.size() - at));
    hash.Add(piece);
    DropPages(piece);  // a large file need not stay in memory
  }
  STRATA_TRY(std::string hex, hash.Hex(), "of {}", path);
  return hex;
}

Result<std::vector<Checksum>> ParseChecksums(std::string_view text, const std::string& where) {
  std::vector<Checksum> checksums;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view entry = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (entry.ends_with('\r')) entry.remove_suffix(1);
    if (entry.empty() || entry.starts_with('#')) continue;
    const std::string_view hash = entry.substr(0, 64);
    const std::string_view mark = entry.substr(std::min<std::size_t>(64, entry.size()), 2);
    if (!IsHash(hash) || (mark != "  " && mark != " *") || entry.size() == 66)
      return Fail(ErrorCode::kCorrupt, "{}: line {} is not a SHA-256 and a file", where, line);
    Checksum checksum{std::string(hash), std::string(entry.substr(66))};
    std::ranges::transform(checksum.sha256, checksum.sha256.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const fs::path path(checksum.file);
    if (path.is_absolute() || std::ranges::find(path, fs::path("..")) != path.end())
      return Fail(ErrorCode::kCorrupt, "{}: line {}: {} is not below the folder", where, line, checksum.file);
    checksums.push_back(std::move(checksum));
  }
  if (checksums.empty()) return Fail(ErrorCode::kCorrupt, "{}: no checksums in it", where);
  return checksums;
}

std::string PathOfModel(const std::string& name, bool folder) {
  return fmt::format("{}/{}{}", ModelsDirectory(), name, folder ? "" : ".gguf");
}

std::vector<StoredModel> StoredModels() {
  std::vector<StoredModel> models;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(ModelsDirectory(), error)) {
    const bool folder = entry.is_directory(error);
    const std::string file = entry.path().filename();
    if (folder && !file.ends_with(".part")) models.push_back({file, entry.path()});
    if (!folder && file.ends_with(".gguf")) models.push_back({entry.path().stem(), entry.path()});
  }
  std::ranges::sort(models, {}, &StoredModel::name);
  return models;
}

Result<StoredModel> PlaceFor(const std::string& name, bool folder, const std::string& source) {
  if (!IsName(name)) {
    return Fail(ErrorCode::kInvalidArgument, "{:?} cannot be a model's name (--name gives another)", name);
  }
  for (const StoredModel& other : StoredModels()) {
    if (other.name != name) continue;
    if (SourceOf(other) == source) return other;
    return Fail(ErrorCode::kInvalidArgument, "there is a model {} from elsewhere: {} (--name gives another)", name,
                other.path);
  }
  return StoredModel{name, PathOfModel(name, folder)};
}

bool IsStored(const StoredModel& model) {
  std::error_code error;
  return fs::exists(model.path, error);
}

Status Record(const StoredModel& model, const std::string& source) {
  std::string text = fmt::format("{}{}\n", kFrom, source);
  for (const std::string& file : FilesOf(model)) {
    STRATA_TRY(const std::string hash, Sha256Of(ModelsDirectory() + "/" + file));
    text += fmt::format("{}  {}\n", hash, file);
  }
  return WriteFileAtomically(model.record(), text);
}

Status Verify(const std::string& name) {
  const std::vector<StoredModel> models = StoredModels();
  const auto model = std::ranges::find(models, name, &StoredModel::name);
  if (model == models.end()) {
    return Fail(ErrorCode::kNotFound, "no model {} in {} (strata model ls shows those)", name, ModelsDirectory());
  }
  const auto text = ReadFile(model->record());
  if (!text) return Fail(ErrorCode::kNotFound, "there are no checksums of {}: {}", name, text.error().ToString());
  STRATA_TRY(const std::vector<Checksum> checksums, ParseChecksums(*text, model->record()));
  std::string wrong;
  ProgressBar bar;
  for (std::size_t i = 0; i < checksums.size(); ++i) {
    const auto& [expected, file] = checksums[i];
    bar.Update(static_cast<double>(i) / static_cast<double>(checksums.size()), file);
    const auto hash = Sha256Of(ModelsDirectory() + "/" + file);
    if (!hash) {
      wrong += fmt::format("\n{}", hash.error().ToString());
    } else if (*hash != expected) {
      wrong += fmt::format("\n{} has SHA-256 {}, expected {}", file, *hash, expected);
    }
  }
  for (const std::string& file : FilesOf(*model)) {
    if (std::ranges::find(checksums, file, &Checksum::file) == checksums.end())
      wrong += fmt::format("\n{} is new", file);
  }
  if (!wrong.empty()) return Fail(ErrorCode::kCorrupt, "{} is not what was fetched:{}", name, wrong);
  return {};
}

}  // namespace strata::cli
