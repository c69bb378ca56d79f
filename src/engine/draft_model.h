// Speculation by a smaller model of the same vocabulary (Leviathan, Kalman and Matias, 2023): it writes on, greedily,
// and the engine verifies what it wrote in one step of the model itself. The engine samples every row as it would have
// anyway and keeps the proposals that turn out equal, so that they change nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/drafter.h"
#include "engine/step_cost.h"
#include "runtime/model_runner.h"
#include "runtime/prefix_cache.h"
#include "runtime/sequence_kv.h"

namespace strata {

/// The engine thread's own.
class DraftModel {
 public:
  explicit DraftModel(std::unique_ptr<ModelRunner> runner);

  /// One sequence's side of it. Must not outlive the DraftModel.
  class Reader {
   public:
    /// As Sequence::kv: prefixes are shared only between readers of the same salt.
    Reader(DraftModel& model, std::string salt) : kv_(model.cache_, std::move(salt)) {}
    /// Gives its KV up; what it has read it reads again when it is asked to.
    void Release();

   private:
    friend class DraftModel;
    SequenceKv kv_;
    std::vector<TokenId> read_;  ///< tokens whose KV is there: of the sequence, then proposals
  };

  /// A sequence that decodes: what it is, and how many tokens are wanted of it at most.
  struct Client {
    Reader* reader;
    std::span<const TokenId> tokens;
    std::int64_t prompt;
    std::int64_t most;
    Draft draft = {};
  };

  /// How many tokens each of `work.decode_rows` sequences should be proposed, at most `most`, where a step of the
  /// model costs what `cost` says and holds `work` without proposals. From time to time one although it does not pay,
  /// to see whether it would.
  std::int64_t ChooseDepth(const StepCost& cost, const StepWork& work, std::int64_t most);

  /// Reads what is new of each client, all together in steps, and writes `depth` (>= 1) tokens on for those that it has
  /// read to their end. Clients for which there is no room get nothing. Errors: those of ModelRunner::Run.
  Status Propose(std::span<Client> clients, std::int64_t depth);

  /// Of `verified` proposals to one sequence in a row, the first `right` were right.
  void Count(std::int64_t right, std::int64_t verified);

 private:
  /// A client in a step: which, and how many of its tokens.
  struct Slice {
    Client* client;
    std::int64_t count;
  };
  Result<std::vector<TokenId>> Run(std::span<const Slice> slices);
  bool CatchUp(Client& client);

  std::unique_ptr<ModelRunner> runner_;
  PrefixCache cache_;
  StepCostFit cost_;
  double right_ = 0, verified_ = 0;  ///< of late
  std::int64_t since_tried_ = 0;     ///< calls of ChooseDepth that gave 0
};

}  // namespace strata
