// The executor's instructions. A plan is a list of operations; every rank of the thread team runs each one, with a
// barrier in between.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_team.h"
#include "kernels/kernels.h"
#include "runtime/kv_pool.h"
#include "runtime/operation_cost.h"
#include "tensor/tensor_view.h"

namespace strata {

/// Where a value lives: row r, column c is at data[r * stride + c].
struct Buffer {
  float* data = nullptr;
  std::int64_t stride = 0;  ///< floats
};

inline float* Row(const Buffer& buffer, std::int64_t row) { return buffer.data + row * buffer.stride; }

struct RowRange {
  std::int64_t begin, end;
};

/// The rank's share of [0, count), in order.
inline RowRange Share(std::int64_t count, int rank, int ranks) {
  return {count * rank / ranks, count * (rank + 1) / ranks};
}

/// 'T' or 'R' rows: which count of the step applies.
enum class Rows : std::uint8_t { kTokens, kLogits };

/// Hands out units of work to whichever rank is free; one per loop of an operation, reset before each step.
class WorkQueue {
 public:
  static constexpr std::int64_t kNone = -1;
  void Reset() { next_.store(0, std::memory_order_relaxed); }
  /// Every rank calls work(begin, end, next) with its own share of 7/8 of [0, count), then with chunks of the rest that
  /// become smaller (guided self-scheduling, Polychronopoulos and Kuck, 1987) until none is left: as even as shares
  /// where nothing disturbs a core, and not much worse where something does.
  /// Chunks are whole groups of `group` units, but for the last. `next`: where the rank's next chunk begins, kNone
  /// behind its last.
  template <class Work>
  void DrainShares(int rank, int ranks, std::int64_t count, std::int64_t group, const Work& work) {
    const std::int64_t groups = (count + group - 1) / group;
    const std::int64_t own = groups / ranks * 7 / 8;
    const std::int64_t rest = groups - ranks * own;
    const auto place = [&](std::int64_t of_rest) { return std::min((ranks * own + of_rest) * group, count); };
    // Of the rest: [from, to), empty behind the rank's last chunk.
    std::int64_t from = 0, to = 0;
    const auto take = [&] {
      from = next_.load(std::memory_order_relaxed);
      do {
        to = from < rest ? from + std::max<std::int64_t>(1, (rest - from) / (2 * ranks)) : from;
      } while (from < to && !next_.compare_exchange_weak(from, to, std::memory_order_relaxed));
      return from < to ? place(from) : kNone;
    };
    std::int64_t next = take();
    if (own > 0) work(rank * own * group, (rank + 1) * own * group, next);
    while (next != kNone) {
      const std::int64_t begin = next, end = place(to);
      next = take();
      work(begin, end, next);
    }
  }
  /// Calls work(begin, end) with disjoint chunks of [0, count) until none is left.
  template <class Work>
  void Drain(std::int64_t count, std::int64_t chunk, const Work& work) {
    for (;;) {
      const std::int64_t begin = next_.fetch_add(chunk, std::memory_order_relaxed);
      if (begin >= count) return;
      work(begin, std::min(begin + chunk, count));
    }
  }

 private:
  alignas(64) std::atomic<std::int64_t> next_{0};
};

/// What the current step computes.
struct Step {
  ThreadTeam* team;
  KvPool* kv;
  std::vector<std::int32_t> tokens, positions, token_types;  ///< [T] each
  std::vector<std::int32_t> hidden_rows;      ///< [T], of a plan that goes on from another's: which of that one's rows
  std::vector<std::int32_t> logit_rows;       ///< [R], indices into the T rows; those that want logits first
  std::vector<std::int32_t> logit_sequences;  ///< [R], of each of them the index into sequences
  std::int64_t stored_logits = 0;             ///< how many of these want more than the argmax
  std::int64_t decode_rows = 0;  ///< of the T rows: those of Phase::kDecode, before those of Phase::kPrefill
  std::vector<kernels::SequenceRows> sequences;
  // For latent attention, which has two forms: see latent_attention.h.
  std::vector<std::int64_t> expanded;  ///< [sequences]: so many of its rows, the first ones, are of the expanded form
  std::vector<RowRange> absorbed;      ///< of the T rows, runs of those that are of the absorbed form
  bool decode = false;                 ///< every sequence has one row

  /// Shares of attention's work, each times kv_heads the units that ranks take: rows of one sequence, over all of its
  /// context or, where that is long and the rows are few, over one split of it.
  struct AttendChunk {
    std::int32_t sequence;
    std::int64_t row_begin, row_end;
    std::int64_t split = -1;  ///< -1 = all
  };
  std::vector<AttendChunk> stores;   ///< every row once
  std::vector<AttendChunk> attends;  ///< every row once, or once a split
  std::vector<AttendChunk> merges;   ///< the rows whose splits are put together afterwards
  float* partials = nullptr;         ///< what the splits give until then

  std::int64_t Count(Rows rows) const {
    return static_cast<std::int64_t>(rows == Rows::kTokens ? tokens.size() : logit_rows.size());
  }
};

class Operation {
 public:
  virtual ~Operation() = default;
  virtual void Run(int rank, const Step& step) = 0;
  /// One line for `strata graph --stage plan`.
  virtual std::string Describe() const = 0;
  virtual OperationCost Cost(const StepShape& shape) const = 0;
  /// Before a step, by one thread.
  virtual void Reset() {}

  Rows rows = Rows::kTokens;  ///< the operation is skipped when the step has none of them
  std::string value;          ///< the graph's name for what it computes
};

struct EmbedOperation : Operation {
  TensorView table;
  std::vector<std::int32_t> Step::* ids = &Step::tokens;
  std::int64_t offset = 0;  ///< the table's row of id 0
  const kernels::RowKernels* kernels = nullptr;
  Buffer out;
  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
};

/// Some rows of this plan's, or of what another left.
struct GatherRowsOperation : Operation {
  std::vector<std::int32_t> Step::* from = &Step::logit_rows;  ///< which row of `in` each is
  Buffer in, out;
  std::int64_t cols = 0;
  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
};

struct RmsNormOperation : Operation {
  const kernels::RowKernels* kernels = nullptr;
  const float* weight = nullptr;
  float eps = 0;
  Buffer in, out;
  std::int64_t cols = 0;
  std::int64_t group = 0;  ///< so many columns are normed by themselves; as many as there are: the row
  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
};

struct RopeOperation : Operation {
  const kernels::RowKernels* kernels = nullptr;
  std::int64_t heads = 0, head_dim = 0;
  std::vector<float> inv_freq;
  kernels::RopeArgs rope{};
  Buffer in, out;
  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
};

struct LayerNormOperation : Operation {
  const kernels::RowKernels* kernels = nullptr;
  const float* weight = nullptr;
  const float* bias = nullptr;  ///< null = none
  float eps = 0;
  Buffer in, out;
  std::int64_t cols = 0;
  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
};

/// Of each wanted row's sequence, the mean of all its rows in the step or the first.
struct PoolOperation : Operation {
  bool mean = true;
  Buffer in, out;
  std::int64_t cols = 0;
  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
};

struct MapOperation : Operation {
  static constexpr std::size_t kMaxInputs = 64;  ///< as many as expressions can name
  kernels::MapFn map = nullptr;
  std::string expression;
  std::vector<Buffer> inputs;  ///< stride 0 broadcasts a row
  Buffer out;
  std::int64_t cols = 0;
  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
};

/// [norm,] conversion of the activations, then panels of the weight with their epilogue.
struct LinearOperation : Operation {
  const kernels::LinearKernel* kernel = nullptr;
  const kernels::LinearKernel* prefill = nullptr;  ///< for rows of prompts, of the same weights; null = `kernel`
  kernels::LinearProblem problem{};
  const std::byte* weights = nullptr;  ///< packed
  const float* norm_weight = nullptr;  ///< null = no prologue
  float norm_eps = 0;
  Buffer in;
  kernels::Epilogue epilogue;
  std::string expression;            ///< of the epilogue; "" = plain store
  std::vector<std::string> tensors;  ///< the weights' names
  /// Scratch for prepared activations, of `kernel` and behind them of `prefill`: one area that all ranks share, and a
  /// small one for each rank.
  std::byte* shared = nullptr;
  std::vector<std::byte*> own;
  /// What each rank's panels have of every row's greatest value, [ranks][rows]; empty when nobody asks.
  std::vector<std::vector<kernels::RowMax>> row_max;
  WorkQueue panels;

  /// After the operation: the row's argmax over all ranks.
  std::int32_t Argmax(std::int64_t row) const;

  void Run(int rank, const Step& step) override;
  /// The rows of `in` behind the norm, [rows, k] dense.
  void CopyInput(const kernels::RowKernels& kernels, std::int64_t row_count, float* out) const;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
  void Reset() override { panels.Reset(); }

  /// Up to so many rows every rank prepares all of them for itself, which is cheaper than a barrier.
  static constexpr std::int64_t kOwnRows = 4;
  /// Up to so many rows ranks share work by single panels.
  static constexpr std::int64_t kStreamedRows = 8;

 private:
  /// The rows that one kernel computes.
  struct Part {
    const kernels::LinearKernel* kernel;
    RowRange rows;        ///< of the step
    std::byte* prepared;  ///< of the first of them
  };
  std::int64_t RowBytes(const kernels::LinearKernel& of) const;
  void Prepare(const Part& part, RowRange share) const;
};

struct AttentionOperation : Operation {
  const kernels::AttentionKernel* kernel = nullptr;
  kernels::AttentionArgs args{};  ///< kv and where rows are is filled in for each step
  Buffer q, k, v, out;
  std::int64_t layer = 0;
  std::vector<float> inv_freq;
  WorkQueue stores, attends, merges;

  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
  void Reset() override {
    stores.Reset();
    attends.Reset();
    merges.Reset();
  }

 private:
  std::string DescribeKind() const;  ///< alike for all layers that are
};

}  // namespace strata
