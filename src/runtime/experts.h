// Inside runtime: the executor's instructions for a mixture of experts. Rows are put in the order of the experts they
// go to; then one pass over all experts in use computes gate and up with the activation between them, and a second one
// down and the weighted sum. Ranks share the panels of all experts together, so that few rows keep all of them busy and
// no expert with many rows holds the others up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/operation.h"
#include "runtime/route.h"

namespace strata {

/// The experts of each row of a step, [rows][rule.used].
struct RouteOperation : Operation {
  RouteRule rule;
  const kernels::RowKernels* kernels = nullptr;
  Buffer logits;
  const float* bias = nullptr;  ///< [experts] or null
  std::vector<std::int32_t> chosen;
  std::vector<float> weights;
  std::vector<std::vector<float>> scratch;  ///< of each rank

  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
};

/// A step's rows by the expert they go to: a slot is one row at one expert. Experts ascend, within one its rows.
class ExpertOrder {
 public:
  /// Slots [begin, end) of one expert, of which those from `prefill` on are rows of Phase::kPrefill.
  struct Group {
    std::int32_t expert;
    std::int64_t begin, prefill, end;
  };

  ExpertOrder(std::int64_t experts, std::int64_t max_slots);
  /// From what `route` chose for `rows` rows, those of Phase::kDecode before `decode_rows`.
  void Sort(const RouteOperation& route, std::int64_t rows, std::int64_t decode_rows);

  std::span<const Group> groups() const { return groups_; }  ///< of the experts in use
  std::int64_t slots() const { return slots_; }
  std::int64_t row(std::int64_t slot) const { return rows_[static_cast<std::size_t>(slot)]; }
  float weight(std::int64_t slot) const { return weights_[static_cast<std::size_t>(slot)]; }

 private:
  std::int64_t slots_ = 0;
  std::vector<Group> groups_;
  std::vector<std::int64_t> begins_;  ///< [experts + 1]
  std::vector<std::int32_t> rows_;    ///< [slots]
  std::vector<float> weights_;        ///< [slots]
};

/// The same linear of every expert.
struct ExpertLinear {
  const kernels::LinearKernel* kernel = nullptr;
  const kernels::LinearKernel* prefill = nullptr;  ///< as LinearOperation's
  kernels::LinearProblem problem{};                ///< n counts whole panels of each part
  int parts = 1;                                   ///< interleaved
  std::int64_t cols = 0;                           ///< n of one part
  std::vector<const std::byte*> weights;           ///< [experts], packed
  std::vector<std::vector<float>> biases;          ///< [parts][experts * cols]; empty = none
  kernels::MapFn map = nullptr;                    ///< of the accumulators, then the biases; null = plain store
  std::string expression;

  std::int64_t panels() const { return kernels::Panels(problem.n); }
  /// The most that a prepared row takes, of either kernel.
  std::int64_t row_bytes() const;
  /// Puts x into the slot's place in `area`, which has row_bytes() for every slot of the step.
  void Prepare(const float* x, const ExpertOrder::Group& group, std::int64_t slot, std::byte* area) const;
  std::byte* Prepared(const ExpertOrder::Group& group, std::int64_t slot, std::byte* area) const;
  /// Panels [begin, end) for all slots of the group. Slot s's column c goes to out[(s - group.begin) * stride + c].
  /// `next`: as LinearArgs'.
  void Run(const ExpertOrder::Group& group, std::byte* area, float* out, std::int64_t out_stride, std::int64_t begin,
           std::int64_t end, const std::byte* next) const;
  /// Where the panel of a group's expert lies.
  const std::byte* Panel(const ExpertOrder::Group& group, std::int64_t panel) const {
    return weights[static_cast<std::size_t>(group.expert)] + panel * kernel->panel_bytes(problem);
  }

 private:
  const kernels::LinearKernel& Of(const ExpertOrder::Group& group, std::int64_t slot) const {
    return slot < group.prefill || prefill == nullptr ? *kernel : *prefill;
  }
};

/// What rows need on their way through experts; the operations of a plan use it in turn.
struct ExpertScratch {
  /// Of one rank.
  struct Own {
    ExpertOrder order;
    std::byte* inputs;         ///< as below, for kOwnSlots
    std::byte* hidden_inputs;  ///< as below, for kOwnSlots
    float* row;                ///< of x, weighted
    float* tile;               ///< [max_step_tokens][kTilePanels panels]
  };
  std::byte* inputs = nullptr;         ///< rows of x by slot, as gate and up want them
  float* hidden = nullptr;             ///< [slots][hidden_stride]: what gate and up give
  std::byte* hidden_inputs = nullptr;  ///< the same as down wants it
  std::vector<Own> own;
};

/// The sum over a row's experts of weight * down(expression(gate(x), up(x))), in the order of the experts: a row's bits
/// do not depend on who else goes to them.
struct ExpertsOperation : Operation {
  const RouteOperation* route = nullptr;
  ExpertScratch* scratch = nullptr;
  const kernels::RowKernels* kernels = nullptr;
  Buffer in, out;
  ExpertLinear gate_up, down;
  std::int64_t hidden_stride = 0;    ///< floats
  bool weigh_input = false;          ///< the weight multiplies x instead
  std::vector<std::uint64_t> use;    ///< [experts]: rows that each has had
  std::vector<std::string> tensors;  ///< the stacks gate, up and down
  WorkQueue gate_up_panels, down_panels;

  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
  void Reset() override {
    gate_up_panels.Reset();
    down_panels.Reset();
  }

  /// Up to so many slots every rank prepares all of them for itself, which is cheaper than a barrier.
  static constexpr std::int64_t kOwnSlots = 16;
  /// Columns of `down` that a rank sums up at once: the rows of a large step stay in L2.
  static constexpr std::int64_t kTilePanels = 16;

 private:
  void PrepareInputs(int rank, const Step& step, const ExpertOrder& order) const;
  void PrepareHidden(int rank, const Step& step, const ExpertOrder& order) const;
  // `next`: as WorkQueue::DrainShares has it.
  void RunGateUp(const ExpertOrder& order, std::byte* inputs, std::int64_t begin, std::int64_t end,
                 std::int64_t next) const;
  void RunDown(const ExpertOrder& order, std::byte* inputs, float* tile, std::int64_t rows, std::int64_t begin,
               std::int64_t end, std::int64_t next) const;
};

}  // namespace strata
