// What the engine does next, as a pure function: a view of all sequences in, a decision out. The engine builds the view
// before each step, applies the decision and runs it; tests and the simulator call the same function.
//
//   StepDecision decision = Schedule(view, options);
//   // 1. give back the blocks of decision.preempt, 2. start decision.admit, 3. compute decision.slices
//
// Chunked prefill mixed with decode rows as in Sarathi-Serve (Agrawal et al., OSDI 2024), preemption by recomputation
// as in vLLM (Kwon et al., SOSP 2023), fairness by virtual time as in VTC (Sheng et al., OSDI 2024).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/step_cost.h"

namespace strata {

using RequestId = std::uint64_t;

/// What the scheduler knows of one sequence.
struct SequenceView {
  RequestId id = 0;
  int priority = 0;           ///< lower is served first
  std::int32_t tenant = 0;    ///< small index of the request's API key; 0 = none
  double arrived = 0;         ///< seconds, monotonic clock
  std::int64_t prompt = 0;    ///< tokens of the request
  std::int64_t length = 0;    ///< prompt and output so far
  std::int64_t computed = 0;  ///< tokens whose KV is there; of a waiting one: what the prefix cache would give it now
  std::int64_t blocks = 0;    ///< KV blocks held; of a waiting one: those of its cached prefix that others hold already
  std::int64_t shared = 0;  ///< of a running one: those of its blocks that others hold too; to give them up frees none
  std::int64_t drafts = 0;  ///< tokens proposed by speculation, of a decoding one: its slice may have 1 + drafts rows
  /// Hash of the next full block to be computed; 0 = none. Of several sequences that come to the same block only one
  /// computes it: the others wait a step and find it in the prefix cache.
  std::uint64_t next_block = 0;

  std::int64_t left() const { return length - computed; }
  /// What one slice may have of it: the rest of the prompt, or of the output that is computed again.
  std::int64_t left_of_phase() const { return (computed < prompt ? prompt : length) - computed; }
  bool decoding() const { return left() == 1; }
};

struct SchedulerView {
  double now = 0;                          ///< seconds, monotonic clock
  std::vector<SequenceView> running = {};  ///< in the order of their admission: oldest first
  std::vector<SequenceView> waiting = {};  ///< in the order of their arrival
  std::int64_t free_blocks = 0;            ///< KV blocks, those that the prefix cache would give up included
  std::vector<double> virtual_time = {};   ///< by tenant: tokens served over its weight (tenants.h); may be shorter
  StepCost cost = {};
};

/// Who is admitted next, and whose prompt is computed next, when not all can be.
enum class SchedulingPolicy : std::uint8_t {
  kFcfs,      ///< by arrival
  kPriority,  ///< by priority, then arrival
  kLpm,       ///< longest cached prefix first, then arrival; who has waited for `patience` goes before
  kFair,      ///< the tenant served least, in proportion to its weight; among its own by priority, then arrival
};

/// "fcfs", "priority", "lpm", "fair".
const std::map<std::string, SchedulingPolicy>& PolicyNames();

struct SchedulerOptions {
  std::int64_t max_sequences = 64;     ///< running at once
  std::int64_t max_step_tokens = 512;  ///< token budget of a step: decode rows, then prefill chunks; >= max_sequences
  std::int64_t block_tokens = 16;      ///< tokens that a KV block holds
  SchedulingPolicy policy = SchedulingPolicy::kFair;
  double patience = 5;                      ///< seconds, for kLpm
  std::vector<double> tenant_weights = {};  ///< by tenant, > 0; 1 for those beyond

  /// How long a step may take while somebody decodes, seconds: what decode rows leave of it is for prefill chunks.
  /// 0 = by proportion: prefill may lengthen the decode rows' step by `prefill_share` of what they take alone, times
  /// the number of requests that are on their way to a first token over that of decoding ones, where those are fewer.
  double itl_target = 0;
  /// 0.75 keeps a stream's worst gap under twice its usual one, with some room for the machine's noise.
  double prefill_share = 0.75;
  /// Whatever the target, prefill gets this share: it goes on, however slow decoding is.
  double least_prefill_share = 0.25;
};

struct StepDecision {
  struct Slice {
    RequestId id;
    std::int64_t tokens;  ///< of a decoding sequence: 1 + the drafts to verify
    bool operator==(const Slice&) const = default;
  };
  std::vector<RequestId> preempt;  ///< running ones that give their blocks back and wait again, only when they must
  std::vector<RequestId> admit;    ///< waiting ones that start, in this order
  /// What this step computes, decode rows first. Of running and just admitted ones, each at most once. Blocks for the
  /// whole length of every running sequence and for the drafts in its slice are there once `preempt` is applied.
  std::vector<Slice> slices;
  StepWork work;  ///< of the slices
};

StepDecision Schedule(const SchedulerView& view, const SchedulerOptions& options);

}  // namespace strata
