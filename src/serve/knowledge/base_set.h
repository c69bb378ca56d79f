// The knowledge bases that a server serves: those of a folder, each a folder of its own in it, opened when they are
// first asked for and kept open.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/knowledge_base.h"

namespace strata::serve::knowledge {

class BaseSet {
 public:
  using Base = strata::knowledge::KnowledgeBase;
  using Options = strata::knowledge::BaseOptions;
  /// The model of that name, which made a base's vectors. Errors: kUnavailable where the server does not have it.
  using FindEmbedder = std::function<Result<std::shared_ptr<strata::knowledge::Embedder>>(std::string_view name)>;

  BaseSet(std::string folder, FindEmbedder find_embedder)
      : folder_(std::move(folder)), find_embedder_(std::move(find_embedder)) {}

  /// Thread-safe, all of them; they may take long: not for I/O threads. Errors: kNotFound naming the base.
  Result<std::vector<std::string>> Names() const;
  Result<Options> OptionsOf(std::string_view name) const;
  Result<std::shared_ptr<Base>> Open(std::string_view name);
  /// Without an embedding model: with the server's first. Errors: kInvalidArgument: a name that is none (letters,
  /// digits, ".", "_", "-"; up to 64), or is taken.
  Status Create(std::string_view name, Options options);
  /// Errors: kUnavailable where requests still use it after a few seconds; kNotFound for those that come meanwhile.
  Status Delete(std::string_view name);

 private:
  struct Opened {
    std::shared_ptr<strata::knowledge::Embedder> embedder;  ///< outlives the base
    std::unique_ptr<Base> base;
  };
  /// Closes a base that nobody uses any more.
  Status Close(const std::string& name);
  Result<std::string> LocationOf(std::string_view name) const;

  const std::string folder_;
  const FindEmbedder find_embedder_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Opened>, std::less<>> opened_;
  std::set<std::string, std::less<>> going_;  ///< are being deleted
};

}  // namespace strata::serve::knowledge
