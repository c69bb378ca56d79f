#include "runtime/operation_cost.h"

#include <fmt/format.h>

#include "runtime/operation.h"

namespace strata {
namespace {

double RowCount(Rows rows, const StepShape& shape) {
  return static_cast<double>(rows == Rows::kTokens ? shape.tokens() : shape.logit_rows);
}

}  // namespace

OperationCost EmbedOperation::Cost(const StepShape& shape) const {
  const auto row_bytes = static_cast<double>(BytesOf(table.dtype, static_cast<std::size_t>(table.shape[1])));
  return {.description = Describe(), .weight_bytes = RowCount(rows, shape) * row_bytes};
}

OperationCost GatherRowsOperation::Cost(const StepShape&) const { return {.description = Describe()}; }

OperationCost RmsNormOperation::Cost(const StepShape& shape) const {
  // A square and a sum, then two multiplications.
  return {.description = Describe(), .float_ops = 4 * RowCount(rows, shape) * static_cast<double>(cols)};
}

OperationCost LayerNormOperation::Cost(const StepShape& shape) const {
  // A sum; a difference, a square and a sum; then a difference, two multiplications and a sum.
  return {.description = Describe(), .float_ops = 8 * RowCount(rows, shape) * static_cast<double>(cols)};
}

OperationCost PoolOperation::Cost(const StepShape& shape) const {
  return {.description = Describe(), .float_ops = mean ? static_cast<double>(shape.tokens() * cols) : 0};
}

OperationCost MapOperation::Cost(const StepShape& shape) const {
  const auto elements = RowCount(rows, shape) * static_cast<double>(cols);
  return {.description = Describe(), .float_ops = elements * static_cast<double>(inputs.size())};
}

OperationCost LinearOperation::Cost(const StepShape& shape) const {
  OperationCost cost{.description = Describe()};
  cost.weight_bytes = static_cast<double>(kernel->packed_bytes(problem));
  const double ops = 2 * static_cast<double>(problem.n) * static_cast<double>(problem.k) * RowCount(rows, shape);
  if (Info(problem.weight_dtype).quantized()) {
    cost.integer_ops = ops;
    cost.planes = problem.activations == kernels::Activations::kInt16 ? 2 : 1;
  } else {
    cost.float_ops = ops;
  }
  return cost;
}

OperationCost AttentionOperation::Cost(const StepShape& shape) const {
  OperationCost cost{.description = fmt::format("attention      {} heads={} kv_heads={} head_dim={}", kernel->name,
                                                args.heads, args.kv_heads, args.head_dim)};
  const auto new_rows = static_cast<double>(shape.rows);
  const auto context = static_cast<double>(shape.context);
  const auto sequences = static_cast<double>(shape.sequences);
  // Row i of a sequence sees context + i + 1 positions, each with a product of queries and keys and one of weights and
  // values.
  const double seen = new_rows * context + new_rows * (new_rows + 1) / 2;
  cost.float_ops = 4 * static_cast<double>(args.heads * args.head_dim) * sequences * seen;
  cost.kv_bytes = sequences * (context + new_rows) * shape.kv_token_bytes;
  return cost;
}

}  // namespace strata
