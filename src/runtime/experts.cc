#include "runtime/experts.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

namespace strata {
namespace {

/// Shares of gate and up that a rank takes on average in a step of many rows.
constexpr std::int64_t kChunks = 32;

/// Calls work(group, slot) for the slots [begin, end) of all groups.
template <class Work>
void ForSlots(const ExpertOrder& order, RowRange slots, const Work& work) {
  for (const ExpertOrder::Group& group : order.groups()) {
    const std::int64_t end = std::min(group.end, slots.end);
    for (std::int64_t slot = std::max(group.begin, slots.begin); slot < end; ++slot) work(group, slot);
  }
}

}  // namespace

void RouteOperation::Run(int rank, const Step& step) {
  const RowRange share = Share(step.Count(rows), rank, step.team->size());
  float* const own = scratch[static_cast<std::size_t>(rank)].data();
  for (std::int64_t r = share.begin; r < share.end; ++r) {
    Route(rule, *kernels, Row(logits, r), bias, own, chosen.data() + r * rule.used, weights.data() + r * rule.used);
  }
}

std::string RouteOperation::Describe() const {
  constexpr std::string_view kScoring[] = {"softmax", "sigmoid", "softmax_of_chosen"};
  return fmt::format("route          {} {} of {}{}{}", kScoring[static_cast<std::size_t>(rule.scoring)], rule.used,
                     rule.experts,
                     rule.groups > 1 ? fmt::format(" in {} of {} groups", rule.groups_used, rule.groups) : "",
                     bias != nullptr ? " corrected" : "");
}

OperationCost RouteOperation::Cost(const StepShape& shape) const {
  // A score, then a comparison for each choice.
  return {.description = Describe(), .float_ops = static_cast<double>(shape.tokens() * rule.experts * (1 + rule.used))};
}

ExpertOrder::ExpertOrder(std::int64_t experts, std::int64_t max_slots)
    : begins_(static_cast<std::size_t>(experts + 1)),
      rows_(static_cast<std::size_t>(max_slots)),
      weights_(static_cast<std::size_t>(max_slots)) {
  groups_.reserve(static_cast<std::size_t>(experts));
}

void ExpertOrder::Sort(const RouteOperation& route, std::int64_t rows, std::int64_t decode_rows) {
  const std::int64_t used = route.rule.used;
  const auto experts = static_cast<std::size_t>(route.rule.experts);
  slots_ = rows * used;
  const auto chosen = std::span(route.chosen).first(static_cast<std::size_t>(slots_));
  std::ranges::fill(begins_, 0);
  for (const std::int32_t expert : chosen) ++begins_[static_cast<std::size_t>(expert) + 1];
  groups_.clear();
  for (std::size_t e = 0; e < experts; ++e) {
    const std::int64_t begin = begins_[e], count = begins_[e + 1];
    begins_[e + 1] += begin;
    if (count > 0) groups_.push_back({static_cast<std::int32_t>(e), begin, begin, begin + count});
  }
  // Rows ascend, so those of Phase::kDecode come first. begins_[e] becomes where e's next row goes.
  for (std::int64_t i = 0; i < slots_; ++i) {
    const auto at = static_cast<std::size_t>(begins_[static_cast<std::size_t>(chosen[static_cast<std::size_t>(i)])]++);
    rows_[at] = static_cast<std::int32_t>(i / used);
    weights_[at] = route.weights[static_cast<std::size_t>(i)];
  }
  for (Group& group : groups_) {
    while (group.prefill < group.end && row(group.prefill) < decode_rows) ++group.prefill;
  }
}

std::int64_t ExpertLinear::row_bytes() const {
  std::size_t bytes = kernel->prepared_row_bytes(problem.k);
  if (prefill != nullptr) bytes = std::max(bytes, prefill->prepared_row_bytes(problem.k));
  return static_cast<std::int64_t>(bytes);
}

// Each kernel wants its rows densely one after another: those of a phase begin at their first slot's place.
std::byte* ExpertLinear::Prepared(const ExpertOrder::Group& group, std::int64_t slot, std::byte* area) const {
  const std::int64_t first = slot < group.prefill ? group.begin : group.prefill;
  const auto bytes = static_cast<std::int64_t>(Of(group, slot).prepared_row_bytes(problem.k));
  return area + first * row_bytes() + (slot - first) * bytes;
}

void ExpertLinear::Prepare(const float* x, const ExpertOrder::Group& group, std::int64_t slot, std::byte* area) const {
  const bool decode = slot < group.prefill;
  Of(group, slot)
      .prepare({.x = x,
                .x_stride = 0,
                .rows = 1,
                .k = problem.k,
                .run_rows = decode ? group.prefill - group.begin : group.end - group.prefill,
                .run_row = slot - (decode ? group.begin : group.prefill),
                .out = Prepared(group, slot, area)});
}

void ExpertLinear::Run(const ExpertOrder::Group& group, std::byte* area, float* out, std::int64_t out_stride,
                       std::int64_t begin, std::int64_t end, const std::byte* next) const {
  const auto expert = static_cast<std::size_t>(group.expert);
  kernels::Epilogue epilogue{.map = map, .parts = parts, .out_stride = out_stride, .out_cols = cols};
  for (const std::vector<float>& bias : biases) {
    epilogue.extra[epilogue.extras++] = bias.data() + group.expert * cols;
  }
  const RowRange phases[] = {{group.begin, group.prefill}, {group.prefill, group.end}};
  for (const RowRange& slots : phases) {
    if (slots.begin == slots.end) continue;
    epilogue.out = out + (slots.begin - group.begin) * out_stride;
    const std::byte* rows = Prepared(group, slots.begin, area);
    Of(group, slots.begin)
        .run({rows, weights[expert], slots.end - slots.begin, problem.n, problem.k, &epilogue, next}, begin, end);
  }
}

void ExpertsOperation::PrepareInputs(int rank, const Step& step, const ExpertOrder& order) const {
  ExpertScratch::Own& own = scratch->own[static_cast<std::size_t>(rank)];
  const bool owns = order.slots() <= kOwnSlots;
  std::byte* const area = owns ? own.inputs : scratch->inputs;
  // A row that is alone at several experts is prepared once: where it lies in its run is the same.
  const std::byte* known[kOwnSlots] = {};
  const RowRange share = owns ? RowRange{0, order.slots()} : Share(order.slots(), rank, step.team->size());
  ForSlots(order, share, [&](const ExpertOrder::Group& group, std::int64_t slot) {
    const std::int64_t row = order.row(slot);
    const float* x = Row(in, row);
    const bool alone = owns && group.end - group.begin == 1;
    if (weigh_input) {
      for (std::int64_t i = 0; i < gate_up.problem.k; ++i) own.row[i] = order.weight(slot) * x[i];
      gate_up.Prepare(own.row, group, slot, area);
    } else if (alone && known[row] != nullptr) {
      std::memcpy(gate_up.Prepared(group, slot, area), known[row], static_cast<std::size_t>(gate_up.row_bytes()));
    } else {
      gate_up.Prepare(x, group, slot, area);
      if (alone) known[row] = gate_up.Prepared(group, slot, area);
    }
  });
  if (!owns) step.team->Barrier(rank);
}

void ExpertsOperation::PrepareHidden(int rank, const Step& step, const ExpertOrder& order) const {
  const bool owns = order.slots() <= kOwnSlots;
  std::byte* const area = owns ? scratch->own[static_cast<std::size_t>(rank)].hidden_inputs : scratch->hidden_inputs;
  const RowRange share = owns ? RowRange{0, order.slots()} : Share(order.slots(), rank, step.team->size());
  ForSlots(order, share, [&](const ExpertOrder::Group& group, std::int64_t slot) {
    down.Prepare(scratch->hidden + slot * hidden_stride, group, slot, area);
  });
  if (!owns) step.team->Barrier(rank);
}

/// Panels of all experts in use, one expert's after another's.
void ExpertsOperation::RunGateUp(const ExpertOrder& order, std::byte* inputs, std::int64_t begin, std::int64_t end,
                                 std::int64_t next) const {
  const std::int64_t panels = gate_up.panels();
  const auto group_of = [&](std::int64_t panel) -> const ExpertOrder::Group& {
    return order.groups()[static_cast<std::size_t>(panel / panels)];
  };
  while (begin < end) {
    const ExpertOrder::Group& group = group_of(begin);
    const std::int64_t first = begin % panels, last = std::min(panels, first + end - begin);
    begin += last - first;
    const std::int64_t then = begin < end ? begin : next;
    gate_up.Run(group, inputs, scratch->hidden + group.begin * hidden_stride, hidden_stride, first, last,
                then == WorkQueue::kNone ? nullptr : gate_up.Panel(group_of(then), then % panels));
  }
}

/// Columns of the result: what each expert gives there is added up at once, in the order of the experts.
void ExpertsOperation::RunDown(const ExpertOrder& order, std::byte* inputs, float* tile, std::int64_t rows,
                               std::int64_t begin, std::int64_t end, std::int64_t next) const {
  for (; begin < end; begin += kTilePanels) {
    const std::int64_t last = std::min(begin + kTilePanels, end);
    const std::int64_t then = last < end ? last : next;
    const std::int64_t column = begin * kernels::kPanel;
    const std::int64_t columns = std::min(last * kernels::kPanel, down.cols) - column;
    for (std::int64_t r = 0; r < rows; ++r) std::fill_n(Row(out, r) + column, columns, 0.0F);
    constexpr std::int64_t kStride = kTilePanels * kernels::kPanel;
    const std::span<const ExpertOrder::Group> groups = order.groups();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const ExpertOrder::Group& group = groups[g];
      const std::byte* after = g + 1 < groups.size()      ? down.Panel(groups[g + 1], begin)
                               : then != WorkQueue::kNone ? down.Panel(groups[0], then)
                                                          : nullptr;
      // An epilogue's columns count from the first panel.
      down.Run(group, inputs, tile - column, kStride, begin, last, after);
      for (std::int64_t slot = group.begin; slot < group.end; ++slot) {
        kernels->add_scaled(tile + (slot - group.begin) * kStride, weigh_input ? 1 : order.weight(slot), columns,
                            Row(out, order.row(slot)) + column);
      }
    }
  }
}

void ExpertsOperation::Run(int rank, const Step& step) {
  const std::int64_t count = step.Count(rows);
  const int ranks = step.team->size();
  ExpertScratch::Own& own = scratch->own[static_cast<std::size_t>(rank)];
  own.order.Sort(*route, count, gate_up.prefill == nullptr && down.prefill == nullptr ? count : step.decode_rows);
  const ExpertOrder& order = own.order;
  if (rank == 0) {
    for (const ExpertOrder::Group& group : order.groups()) {
      use[static_cast<std::size_t>(group.expert)] += static_cast<std::uint64_t>(group.end - group.begin);
    }
  }
  const bool owns = order.slots() <= kOwnSlots;
  PrepareInputs(rank, step, order);
  std::byte* inputs = owns ? own.inputs : scratch->inputs;
  const std::int64_t all = static_cast<std::int64_t>(order.groups().size()) * gate_up.panels();
  if (count <= LinearOperation::kStreamedRows) {
    gate_up_panels.DrainShares(
        rank, ranks, all, gate_up.parts,
        [&](std::int64_t begin, std::int64_t end, std::int64_t next) { RunGateUp(order, inputs, begin, end, next); });
  } else {
    // Experts differ in their rows, and so their panels in cost: small chunks even that out.
    const std::int64_t group = 2 * gate_up.parts;
    const std::int64_t chunk = std::max<std::int64_t>(1, all / (kChunks * ranks * group)) * group;
    gate_up_panels.Drain(all, chunk, [&](std::int64_t begin, std::int64_t end) {
      RunGateUp(order, inputs, begin, end, WorkQueue::kNone);
    });
  }
  step.team->Barrier(rank);
  PrepareHidden(rank, step, order);
  inputs = owns ? own.hidden_inputs : scratch->hidden_inputs;
  down_panels.DrainShares(rank, ranks, down.panels(), count <= LinearOperation::kStreamedRows ? 1 : 2,
                          [&](std::int64_t begin, std::int64_t end, std::int64_t next) {
                            RunDown(order, inputs, own.tile, count, begin, end, next);
                          });
}

std::string ExpertsOperation::Describe() const {
  const auto linear = [](const ExpertLinear& of) {
    return fmt::format("{}{} n={} k={}{}", of.kernel->name,
                       of.prefill != nullptr ? fmt::format(" prompts {}", of.prefill->name) : "", of.problem.n,
                       of.problem.k, of.expression.empty() ? "" : " epilogue " + of.expression);
  };
  return fmt::format("experts        {} of {}{}: {}; down {}", route->rule.used, route->rule.experts,
                     weigh_input ? " weighing x" : "", linear(gate_up), linear(down));
}

OperationCost ExpertsOperation::Cost(const StepShape& shape) const {
  // As many experts as tokens that choose at random, each by itself, are expected to hit.
  const auto experts = static_cast<double>(route->rule.experts), used = static_cast<double>(route->rule.used);
  const auto tokens = static_cast<double>(shape.tokens());
  const double touched = experts * (1 - std::pow(1 - used / experts, tokens));
  OperationCost cost{.description = Describe()};
  for (const ExpertLinear* linear : {&gate_up, &down}) {
    const OperationCost one = LinearCost(*linear->kernel, linear->problem, tokens * used);
    cost.weight_bytes += touched * one.weight_bytes;
    cost.other_bytes += (experts - touched) * one.weight_bytes;
    cost.integer_ops += one.integer_ops;
    cost.float_ops += one.float_ops;
    cost.planes = std::max(cost.planes, one.planes);
  }
  return cost;
}

}  // namespace strata
