#include "serve/knowledge/base_set.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <type_traits>
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

std::unexpected<ApiError> Conflict(std::string_view name, std::string_view what) {
  return std::unexpected(
      ApiError{.status = 409,
               .message = fmt::format("the base {} is being {}: try again when that has ended", name, what),
               .param = "name",
               .code = "conflict"});
}

// How long a base that is to be deleted is waited for, and how often is looked.
constexpr auto kPatience = 5000ms, kLook = 10ms;
// Who waits holds a thread that others need: half of the service's at most.
constexpr std::size_t kMostWaiting = 8;

/// What is thrown, for want of memory most of all, must not leave a name taken.
template <class Work>
std::invoke_result_t<Work> Safely(std::string_view name, Work work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kInternal, "the base {}: {}", name, error.what());
  }
}

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
    if (IsBaseName(name) && OptionsOf(name)) names.push_back(name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Fail(ErrorCode::kIo, "cannot list {}: {}", folder_, error.message());
  }
  std::ranges::sort(names);
  return names;
}

Result<BaseSet::Options> BaseSet::OptionsOf(std::string_view name) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(name); found != entries_.end()) {
      const Entry& entry = *found->second;
      if (entry.state == State::kMaking || entry.state == State::kGoing) return NoBase(name);
      if (entry.state == State::kOpen) return entry.opened->base->options();
    }
  }
  return ReadOptions(name);
}

Result<BaseSet::Options> BaseSet::ReadOptions(std::string_view name) const {
  STRATA_TRY(const std::string location, LocationOf(name));
  const std::shared_lock lock(files_);
  Result<Options> options = KnowledgeBase::OptionsOf(location);
  // Where the folder lies is nothing to clients.
  if (!options && options.error().code() == ErrorCode::kNotFound) return NoBase(name);
  return options;
}

Result<std::shared_ptr<BaseSet::Opened>> BaseSet::Load(std::string_view name) const {
  STRATA_TRY(const std::string location, LocationOf(name));
  STRATA_TRY(const Options options, ReadOptions(name));
  auto opened = std::make_shared<Opened>();
  STRATA_TRY(opened->embedder, find_embedder_(options.embedding_model));
  STRATA_TRY(opened->base, KnowledgeBase::Open(location, *opened->embedder));
  return opened;
}

Result<std::shared_ptr<KnowledgeBase>> BaseSet::Open(std::string_view name) {
  STRATA_CHECK(LocationOf(name));
  std::unique_lock lock(mutex_);
  auto found = entries_.find(name);
  const bool first = found == entries_.end();
  if (first) found = entries_.emplace(name, std::make_shared<Entry>()).first;
  const std::shared_ptr<Entry> entry = found->second;
  if (first) {
    lock.unlock();
    Result<std::shared_ptr<Opened>> opened = Safely(name, [&] { return Load(name); });
    lock.lock();
    entry->state = opened ? State::kOpen : State::kFailed;
    if (opened) {
      entry->opened = std::move(*opened);
    } else {
      entry->error = opened.error();
      entries_.erase(found);  // the next one tries again
    }
    changed_.notify_all();
  } else if (entry->state == State::kOpening) {
    if (waiting_ == kMostWaiting) return Fail(ErrorCode::kUnavailable, "the base {} is being opened", name);
    ++waiting_;
    changed_.wait(lock, [&] { return entry->state != State::kOpening; });
    --waiting_;
  }
  if (entry->state == State::kFailed) return std::unexpected(*entry->error);
  if (entry->state != State::kOpen) return NoBase(name);
  return std::shared_ptr<KnowledgeBase>(entry->opened, entry->opened->base.get());
}

Status BaseSet::MakeFiles(const std::string& location, Options options) const {
  STRATA_TRY(const std::shared_ptr<Embedder> embedder, find_embedder_(options.embedding_model));
  if (options.embedding_model.empty()) options.embedding_model = embedder->name();
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return Fail(ErrorCode::kIo, "cannot make {}: {}", folder_, error.message());
  const std::unique_lock lock(files_);
  return KnowledgeBase::Create(location, options, *embedder);
}

std::expected<void, ApiError> BaseSet::Create(std::string_view name, Options options) {
  const Result<std::string> location = LocationOf(name);
  if (!location) return std::unexpected(ToApiError(location.error()));
  Entries::iterator made;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(name); found != entries_.end()) {
      if (found->second->state == State::kGoing) return Conflict(name, "deleted");
      if (found->second->state == State::kMaking) return Conflict(name, "made");
      return std::unexpected(ApiError{.message = fmt::format("there is a base {} already", name), .param = "name"});
    }
    made = entries_.emplace(name, std::make_shared<Entry>(Entry{.state = State::kMaking})).first;
  }
  const Status created = Safely(name, [&] { return MakeFiles(*location, std::move(options)); });
  const std::lock_guard lock(mutex_);
  entries_.erase(made);
  if (!created) return std::unexpected(ToApiError(created.error()));
  return {};
}

Result<std::shared_ptr<BaseSet::Entry>> BaseSet::TakeAway(const std::string& name, std::unique_lock<std::mutex>& lock) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const auto is_opening = [&] {
    const auto found = entries_.find(name);
    return found != entries_.end() && found->second->state == State::kOpening;
  };
  if (!changed_.wait_until(lock, until, [&] { return !is_opening(); })) {
    return Fail(ErrorCode::kUnavailable, "the base {} is being opened", name);
  }
  std::shared_ptr<Entry>& held = entries_[name];
  if (held == nullptr) held = std::make_shared<Entry>();
  std::shared_ptr<Entry> entry = held;
  if (entry->state == State::kMaking || entry->state == State::kGoing) return NoBase(name);
  entry->state = State::kGoing;
  // Nobody gets it any more; who has it lets go without a word.
  while (entry->opened.use_count() > 1) {
    if (std::chrono::steady_clock::now() >= until) {
      entry->state = State::kOpen;
      return Fail(ErrorCode::kUnavailable, "requests still use the base {}", name);
    }
    changed_.wait_for(lock, kLook);
  }
  return entry;
}

Status BaseSet::Delete(std::string_view name) {
  STRATA_TRY(const std::string location, LocationOf(name));
  STRATA_CHECK(OptionsOf(name));
  const std::string key(name);
  std::unique_lock lock(mutex_);
  STRATA_TRY(const std::shared_ptr<Entry> entry, TakeAway(key, lock));
  lock.unlock();
  Status deleted = Safely(name, [&]() -> Status {
    entry->opened = nullptr;  // saves its indexes
    const std::unique_lock files(files_);
    return KnowledgeBase::Delete(location);
  });
  lock.lock();
  entries_.erase(key);
  return deleted;
}

}  // namespace strata::serve::knowledge
