// A loaded model that computes: weights packed, plan compiled, KV pool sized. One caller at a time (the engine thread).
//
//   STRATA_TRY(auto runner, ModelRunner::Load(model_file, {.threads = 2}));
//   STRATA_TRY(BlockTable table, ...runner->kv().Allocate...);
//   STRATA_TRY(LogitsView logits, runner->Run(slices));     // slices: what each sequence computes this step
#pragma once

#include <cassert>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/model_file.h"
#include "graph/passes.h"
#include "kernels/kernels.h"
#include "runtime/kv_pool.h"
#include "runtime/operation_cost.h"

namespace strata {

struct RunnerOptions {
  int threads = 0;               ///< 0 = AvailableCpus()
  std::int64_t max_context = 0;  ///< tokens of one sequence; 0 = the model's
  /// kF32, kF16, kBF16, kI8, or kI16 where there are keys and values; empty = kBF16 where the processor multiplies
  /// pairs of it at twice the speed of f32, else kI16 where it does so with integers, else kF16; but kF32 for a model
  /// whose weights all are, unless `activations` are coarser than kInt16.
  std::optional<DType> kv_dtype = {};
  std::uint64_t kv_bytes = 0;  ///< 0 = from the memory limit, at most enough for max_sequences * max_context
  std::int64_t max_sequences = 64;
  /// T of the largest step: sizes the arena. At least max_context for a model that takes a text at once.
  std::int64_t max_step_tokens = 512;
  std::int64_t max_logit_rows = 0;  ///< rows of one step with logits, >= max_sequences; 0 = 64 more than that
  std::optional<kernels::Activations> activations = {};  ///< none: kernels::BestActivations of max_sequences
  /// What may compute rows of Phase::kPrefill in the place of the linears that `activations` chooses, where it reads
  /// the weights that these pack. Tests have others.
  std::span<const kernels::LinearKernel> prefill_linears = kernels::PrefillLinears();
  std::string cache_directory = {};  ///< of compiled objects and packed weights; "" = no cache
  /// Packed weights of so many bytes are kept there: fewer are packed in less than half a second.
  std::size_t keep_weights_from = std::size_t{256} << 20;
  /// For a model that stays: kept weights become memory of the process's own, while steps run; see OwnWeights.
  bool own_weights = false;
  /// Called with 0..1 while loading, from the loading thread.
  std::function<void(double fraction, std::string_view stage)> progress = {};
};

/// Which rows of a slice give something.
enum class WantLogits : std::uint8_t { kNone, kLast, kAll };

/// What each of them gives: kArgmax, the likeliest token alone, writes no logits.
enum class RowResult : std::uint8_t { kLogits, kArgmax };

/// By which linears a slice's rows are computed, where the plan has others for prompts (bf16 on AMX). Who runs steps
/// must choose by position alone, then a sequence has the same bits however its tokens are spread over steps.
enum class Phase : std::uint8_t {
  kDecode,   ///< the sequence's own output, also when it is computed again, and drafts of it
  kPrefill,  ///< tokens of the prompt
};

/// What one sequence does in a step: its next tokens, which start at position `start`.
struct SequenceSlice {
  std::span<const std::int32_t> tokens;       ///< not empty; each in [0, vocab)
  std::int64_t start = 0;                     ///< tokens already in the cache
  std::span<const std::int32_t> block_table;  ///< covers start + tokens.size() positions
  WantLogits logits = WantLogits::kLast;
  RowResult result = RowResult::kLogits;
  Phase phase = Phase::kDecode;
  std::int64_t prompt = 0;                         ///< of Phase::kPrefill: tokens of the whole prompt
  std::span<const std::int32_t> token_types = {};  ///< of each token; empty = 0

  /// How many of its rows give something: the last ones.
  std::int64_t rows() const {
    return logits == WantLogits::kAll ? static_cast<std::int64_t>(tokens.size()) : logits == WantLogits::kLast;
  }
};

/// What a model's own module reads of a slice of the last step, to propose the token after the next.
struct DraftSlice {
  std::size_t slice;                          ///< of the last Run
  std::span<const std::int32_t> next;         ///< the tokens that follow its first rows, one for each; not empty
  std::span<const std::int32_t> block_table;  ///< as it is now
  WantLogits logits = WantLogits::kLast;
  RowResult result = RowResult::kArgmax;
};

/// What the wanted rows gave, in the order of the slices: logits, or what else the model gives
/// (ModelConfig::output_width columns). Valid until the next Run.
struct LogitsView {
  const float* data = nullptr;  ///< [rows that asked for logits, width]
  std::int64_t rows = 0;        ///< wanted ones of both kinds
  std::int64_t width = 0;
  std::span<const std::int32_t> argmax;  ///< [rows], empty where there are no logits: the likeliest token, the first of
                                         ///< equals; NaN is never likeliest
  std::span<const std::int32_t> places;  ///< [rows]: which row of data, -1 for RowResult::kArgmax

  /// Of a wanted row that asked for logits (assert).
  std::span<const float> row(std::int64_t r) const {
    const std::int32_t place = places[static_cast<std::size_t>(r)];
    assert(place >= 0);
    return {data + place * width, static_cast<std::size_t>(width)};
  }
};

/// What linears of one input have read in a step.
struct LinearInput {
  std::span<const std::string> weights;  ///< names of the tensors
  const float* values;                   ///< [rows, columns], dense: behind the norm, before any rounding
  std::int64_t rows, columns;
};

class ModelRunner {
 public:
  static Result<std::unique_ptr<ModelRunner>> Load(std::shared_ptr<const ModelFile> model,
                                                   const RunnerOptions& options);
  /// A graph of the model's tensors in the place of the model's own (before any pass), without a module that drafts:
  /// its wanted rows are what the graph gives.
  static Result<std::unique_ptr<ModelRunner>> Load(std::shared_ptr<const ModelFile> model, const graph::Graph& graph,
                                                   const RunnerOptions& options);
  virtual ~ModelRunner() = default;

  virtual const ModelConfig& config() const = 0;
  virtual const RunnerOptions& options() const = 0;  ///< with every 0 replaced by what was chosen
  virtual KvPool& kv() = 0;
  /// Rows that its linears multiply together: fewer take as long.
  virtual std::int64_t rows_at_once() const = 0;

  /// One step. sum of tokens <= max_step_tokens, rows with RowResult::kLogits <= max_logit_rows (assert). Errors: none
  /// today on CPU; a device may fail.
  virtual Result<LogitsView> Run(std::span<const SequenceSlice> slices) = 0;

  /// Calls work(i) for each i in [0, count) on the threads that compute steps, in any order, and returns when all are
  /// done: for what the caller does for many sequences between two steps. work must not throw.
  virtual void ForEach(std::int64_t count, const std::function<void(std::int64_t)>& work) = 0;

  /// Whether the model has a module that predicts the token after the next (multi-token prediction).
  virtual bool has_draft_module() const = 0;
  /// After Run: the module goes over the same rows, each with the token that follows it. It has a layer of its own in
  /// the same KV blocks and must see every row, of prompts too, for its proposals to be good: what it gave for a row is
  /// the token behind the next. Errors: as Run's.
  virtual Result<LogitsView> Draft(std::span<const DraftSlice> slices) = 0;

  /// For `strata graph`, `strata doctor`: IR text at a stage ("model", a pass's name, "final", "plan") and the
  /// decisions.
  virtual Result<std::string> Describe(std::string_view stage) const = 0;
  virtual const std::vector<graph::PassNote>& pass_notes() const = 0;
  virtual const std::vector<kernels::Choice>& kernel_choices() const = 0;

  /// What a step of that shape must read and compute, by operation in the order of execution.
  virtual std::vector<OperationCost> Costs(StepShape shape) const = 0;
  /// Until RunnerOptions::own_weights is done.
  virtual void AwaitOwnWeights() = 0;
  /// From now on Run adds to (*seconds)[i] what operation i took until all ranks were done with it; nullptr ends that.
  virtual void TimeOperations(std::vector<double>* seconds) = 0;

  /// From now on Run shows what every linear reads, each expert's its own rows, on the caller's thread, which makes it
  /// slow; nullptr ends that.
  virtual void ObserveLinears(std::function<void(const LinearInput&)> observer) = 0;

  /// Of one mixture of experts: how many rows each expert has had since the model was loaded.
  struct ExpertUse {
    std::string value;  ///< the graph's name for what the mixture computes
    std::span<const std::uint64_t> rows;
  };
  /// In the order of execution; not while a step runs.
  virtual std::vector<ExpertUse> expert_use() const = 0;

  struct MemoryUse {
    std::uint64_t packed_weights, arena, kv;
  };
  virtual MemoryUse memory() const = 0;
  /// The model's, without those of its module for drafts.
  virtual std::span<const std::byte> packed_weights() const = 0;
};

}  // namespace strata
