// The engine's inside: what the engine thread owns, and what it shares with those that submit.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "engine/draft_model.h"
#include "engine/draft_module.h"
#include "engine/engine.h"
#include "engine/mask_ahead.h"
#include "engine/scheduler.h"
#include "engine/sequence.h"
#include "engine/step_cost.h"
#include "engine/tenants.h"
#include "engine/turnover.h"

namespace strata {

struct Engine::State {
  State(std::unique_ptr<ModelRunner> runner, std::shared_ptr<const Tokenizer> tokenizer, EngineOptions options,
        std::shared_ptr<EngineObserver> observer, std::unique_ptr<ModelRunner> draft);

  const std::unique_ptr<ModelRunner> runner;
  const std::shared_ptr<const Tokenizer> tokenizer;
  EngineOptions options;
  const std::shared_ptr<EngineObserver> observer;
  const std::int64_t kv_blocks;
  PrefixCache cache;                        ///< the engine thread's own
  std::optional<DraftModel> draft_model;    ///< likewise
  std::optional<DraftModule> draft_module;  ///< likewise, where there is no draft model

  // Shared with other threads, under the mutex.
  std::mutex mutex;
  std::condition_variable changed;  ///< for the engine thread: something to do
  std::condition_variable idle;     ///< for Drain: a request ended
  std::deque<std::unique_ptr<Sequence>> arrived;
  std::vector<RequestId> cancelled;
  RequestId next_id = 1;
  std::int64_t alive = 0;
  bool draining = false, stopping = false;
  EngineStats stats;
  Turnover turnover;

  // The engine thread's own.
  std::vector<std::unique_ptr<Sequence>> waiting;  ///< in the order of their arrival
  std::vector<std::unique_ptr<Sequence>> running;  ///< in the order of their admission
  SchedulerView view;                              ///< of both, rebuilt before each step
  TenantLedger ledger;
  StepCostFit cost;
  std::optional<MaskAhead> mask_ahead;
  double drafting_seconds = 0;  ///< of the draft model in this step, which are not the step's cost
  std::mt19937_64 seeds{std::random_device{}()};
  std::thread thread;

  void Loop();
  bool TakeMessages();
  void EndOverdue();
  void EndWhere(const std::function<bool(const Sequence&)>& which, FinishReason reason, const Error* error);
  void Finish(Sequence& sequence, EngineEvent event, FinishReason reason);
  void Fail(Sequence& sequence, const Error& error);
  void Sweep();

  struct Batch;
  // A step: look, decide (scheduler.h), apply, run, accept.
  void Look();
  void Propose();
  bool TakesGuess(const Sequence& sequence, const Draft& draft) const;
  void ReadByModule(const Batch& batch);
  void ProposeByModel(std::span<Sequence* const> decoding, std::span<const Draft* const> proposed,
                      const StepWork& work);
  void Preempt(RequestId id);
  void Admit(RequestId id);
  void Step();
  Batch BuildBatch(const StepDecision& decision);
  void AcceptBatch(const Batch& batch, const LogitsView& logits, StepWork& work);
  void Reuse(Sequence& sequence);

  // accept.cc: what a sequence makes of its logits: first each its tokens, on any thread, then all the rest.
  struct Sampled {
    EngineEvent event;
    std::optional<FinishReason> finish;
    std::int64_t drafts_right = 0;
    Status status;  ///< the grammar's
  };
  struct Accepted {
    std::int64_t tokens = 0, drafts = 0, drafts_right = 0;
  };
  Sampled Sample(Sequence& sequence, const LogitsView& logits, std::int64_t first_row, std::int64_t rows,
                 std::int64_t count) const;
  void Accept(Sequence& sequence, Sampled sampled, Accepted& total);
  Result<TokenId> SampleRow(Sequence& sequence, const LogitsView& logits, std::int64_t row, EngineEvent& event) const;
  std::int64_t TokensLeft(const Sequence& sequence) const;
  std::optional<FinishReason> EndOf(const Sequence& sequence, TokenId token) const;
};

}  // namespace strata
