// What the engine does next, as a pure function: a view of all sequences in, a decision out. The engine builds the view
// before each step, applies the decision and runs it; tests and the simulator call the same function.
//
//   StepDecision decision = Schedule(view, options);
//   // 1. give back the blocks of decision.preempt, 2. start decision.admit, 3. compute decision.slices
//
// Chunked prefill mixed with decode rows as in Sarathi-Serve (Agrawal et al., OSDI 2024), preemption by recomputation
// as in vLLM (Kwon et al., SOSP 2023).
#pragma once

#include <cstdint>
#include <vector>

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
  std::int64_t drafts = 0;    ///< tokens proposed by speculation, of a decoding one: its slice may have 1 + drafts rows
  /// Hash of the next full block to be computed; 0 = none. Of several sequences that come to the same block only one
  /// computes it: the others wait a step and find it in the prefix cache.
  std::uint64_t next_block = 0;

  std::int64_t left() const { return length - computed; }
  bool decoding() const { return left() == 1; }
};

struct SchedulerView {
  double now = 0;                     ///< seconds, monotonic clock
  std::vector<SequenceView> running = {};  ///< in the order of their admission: oldest first
  std::vector<SequenceView> waiting = {};  ///< in the order of their arrival
  std::int64_t free_blocks = 0;       ///< KV blocks, those that the prefix cache would give up included
};

struct SchedulerOptions {
  std::int64_t max_sequences = 64;     ///< running at once
  std::int64_t max_step_tokens = 512;  ///< token budget of a step: decode rows first, then prefill chunks
  std::int64_t block_tokens = 16;      ///< tokens that a KV block holds
};

struct StepDecision {
  struct Slice {
    RequestId id;
    std::int64_t tokens;  ///< of a decoding sequence: 1 + the drafts to verify
    bool operator==(const Slice&) const = default;
  };
  std::vector<RequestId> preempt;  ///< running ones that give their blocks back and wait again
  std::vector<RequestId> admit;    ///< waiting ones that start, in this order
  /// What this step computes, decode rows first. Of running and just admitted ones, each at most once. Blocks for the
  /// whole length of every running sequence and for the drafts in its slice are there once `preempt` is applied.
  std::vector<Slice> slices;
};

StepDecision Schedule(const SchedulerView& view, const SchedulerOptions& options);

}  // namespace strata
