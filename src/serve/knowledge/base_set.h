// The knowledge bases that a server serves: those of a folder, each a folder of its own in it, opened when they are
// first asked for and kept open.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/knowledge_base.h"
#include "serve/api_error.h"

namespace strata::serve::knowledge {

class BaseSet {
 public:
  using Base = strata::knowledge::KnowledgeBase;
  using Options = strata::knowledge::BaseOptions;
  /// The model of that name, which made a base's vectors. Errors: kUnavailable where the server does not have it.
  using FindEmbedder = std::function<Result<std::shared_ptr<strata::knowledge::Embedder>>(std::string_view name)>;

  BaseSet(std::string folder, FindEmbedder find_embedder)
      : folder_(std::move(folder)), find_embedder_(std::move(find_embedder)) {}

  /// Thread-safe, all of them; they may take long: not for I/O threads. What is done to one base holds up nobody who
  /// asks another. Errors: kNotFound naming the base.
  Result<std::vector<std::string>> Names() const;
  Result<Options> OptionsOf(std::string_view name) const;
  /// Who comes while it is being opened waits for that, and fails as it does; kUnavailable where many wait already.
  Result<std::shared_ptr<Base>> Open(std::string_view name);
  /// Without an embedding model: with the server's first. Errors: 400 for a name that is none (letters, digits, ".",
  /// "_", "-"; up to 64), or is taken; 409 for one that is being made or deleted.
  std::expected<void, ApiError> Create(std::string_view name, Options options);
  /// Errors: kUnavailable where requests still use it after a few seconds; kNotFound for those that come meanwhile.
  Status Delete(std::string_view name);

 private:
  struct Opened {
    std::shared_ptr<strata::knowledge::Embedder> embedder;  ///< outlives the base
    std::unique_ptr<Base> base;
  };
  enum class State : std::uint8_t { kMaking, kOpening, kOpen, kFailed, kGoing };
  /// A base of which something is in memory, or that is being changed. Held by those who wait for it, too.
  struct Entry {
    State state = State::kOpening;
    std::shared_ptr<Opened> opened = {};
    std::optional<Error> error = {};  ///< why it could not be opened
  };
  using Entries = std::map<std::string, std::shared_ptr<Entry>, std::less<>>;

  Result<std::string> LocationOf(std::string_view name) const;
  Result<Options> ReadOptions(std::string_view name) const;
  Result<std::shared_ptr<Opened>> Load(std::string_view name) const;
  Status MakeFiles(const std::string& location, Options options) const;
  /// Makes it one that is going, when nobody uses it any more; with the lock. Errors: Delete's.
  Result<std::shared_ptr<Entry>> TakeAway(const std::string& name, std::unique_lock<std::mutex>& lock);

  const std::string folder_;
  const FindEmbedder find_embedder_;
  /// Of stores being looked into, which must not lose their files meanwhile, or get them: what opens SQLite's files
  /// makes them where there are none.
  mutable std::shared_mutex files_;
  mutable std::mutex mutex_;  ///< of what is below; held for moments only
  std::condition_variable changed_;
  Entries entries_;
  std::size_t waiting_ = 0;  ///< for bases that are being opened
};

}  // namespace strata::serve::knowledge
