#include "serve/knowledge/base_set.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include "knowledge/base_options.h"

namespace strata::serve::knowledge {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using strata::knowledge::Embedder;
using strata::knowledge::IsBaseName;
using strata::knowledge::KnowledgeBase;

std::unexpected<Error> NoBase(std::string_view name) { return Fail(ErrorCode::kNotFound, "there is no base {}", name); }

// How long a base that is to be deleted is waited for, and how often is looked.
constexpr auto kPatience = 5000ms, kLook = 10ms;

}  // namespace

Result<std::string> BaseSet::LocationOf(std::string_view name) const {
  if (!IsBaseName(name)) {
    return Fail(ErrorCode::kInvalidArgument,
                "{:?} is no name of a base: letters, digits, \".\", \"_\" and \"-\", up to 64, not \".\" first",
                name.substr(0, 100));
  }
  return (fs::path(folder_) / name).string();
}

Result<std::vector<std::string>> BaseSet::Names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename();
    if (IsBaseName(name) && KnowledgeBase::OptionsOf(entry.path())) names.push_back(name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Fail(ErrorCode::kIo, "cannot list {}: {}", folder_, error.message());
  }
  std::ranges::sort(names);
  return names;
}

Result<BaseSet::Options> BaseSet::OptionsOf(std::string_view name) const {
  STRATA_TRY(const std::string location, LocationOf(name));
  Result<Options> options = KnowledgeBase::OptionsOf(location);
  // Where the folder lies is nothing to clients.
  if (!options && options.error().code() == ErrorCode::kNotFound) return NoBase(name);
  return options;
}

Result<std::shared_ptr<KnowledgeBase>> BaseSet::Open(std::string_view name) {
  STRATA_TRY(const std::string location, LocationOf(name));
  const std::lock_guard lock(mutex_);  // opening is done once, whoever asks meanwhile waits
  auto found = opened_.find(name);
  if (found == opened_.end()) {
    if (going_.contains(name)) return NoBase(name);
    STRATA_TRY(const Options options, OptionsOf(name));
    auto opened = std::make_shared<Opened>();
    STRATA_TRY(opened->embedder, find_embedder_(options.embedding_model));
    STRATA_TRY(opened->base, KnowledgeBase::Open(location, *opened->embedder));
    found = opened_.emplace(name, std::move(opened)).first;
  }
  return std::shared_ptr<KnowledgeBase>(found->second, found->second->base.get());
}

Status BaseSet::Create(std::string_view name, Options options) {
  STRATA_TRY(const std::string location, LocationOf(name));
  STRATA_TRY(const std::shared_ptr<Embedder> embedder, find_embedder_(options.embedding_model));
  if (options.embedding_model.empty()) options.embedding_model = embedder->name();
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return Fail(ErrorCode::kIo, "cannot make {}: {}", folder_, error.message());
  return KnowledgeBase::Create(location, options, *embedder);
}

Status BaseSet::Close(const std::string& name) {
  for (auto waited = 0ms; waited < kPatience; waited += kLook) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = opened_.find(name);
      if (found == opened_.end()) return {};
      if (found->second.use_count() == 1) {
        opened_.erase(found);
        return {};
      }
    }
    std::this_thread::sleep_for(kLook);
  }
  return Fail(ErrorCode::kUnavailable, "requests still use the base {}", name);
}

Status BaseSet::Delete(std::string_view name) {
  STRATA_TRY(const std::string location, LocationOf(name));
  STRATA_CHECK(OptionsOf(name));
  const std::string key(name);
  {
    const std::lock_guard lock(mutex_);
    if (!going_.insert(key).second) return NoBase(name);
  }
  Status deleted = Close(key);
  if (deleted) deleted = KnowledgeBase::Delete(location);
  const std::lock_guard lock(mutex_);
  going_.erase(key);
  return deleted;
}

}  // namespace strata::serve::knowledge
