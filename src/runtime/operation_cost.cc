#include "runtime/operation_cost.h"

#include <fmt/format.h>

#include "runtime/latent_attention.h"
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

OperationCost RopeOperation::Cost(const StepShape& shape) const {
  // Two products and a sum for each element.
  return {.description = Describe(), .float_ops = 3 * RowCount(rows, shape) * static_cast<double>(heads * head_dim)};
}

OperationCost MapOperation::Cost(const StepShape& shape) const {
  const auto elements = RowCount(rows, shape) * static_cast<double>(cols);
  return {.description = Describe(), .float_ops = elements * static_cast<double>(inputs.size())};
}

OperationCost LinearCost(const kernels::LinearKernel& kernel, const kernels::LinearProblem& problem, double rows) {
  OperationCost cost;
  cost.weight_bytes = static_cast<double>(kernel.packed_bytes(problem));
  const double ops = 2 * static_cast<double>(problem.n) * static_cast<double>(problem.k) * rows;
  const bool by_columns = problem.activations == kernels::Activations::kInt8Columns;
  if (by_columns || (Info(problem.weight_dtype).quantized() && problem.activations != kernels::Activations::kExact)) {
    cost.integer_ops = ops;
    const bool two = problem.activations == kernels::Activations::kInt16 && problem.weight_dtype != DType::kW8A8_32;
    cost.planes = two ? 2 : 1;
  } else {
    cost.float_ops = ops;
  }
  return cost;
}

OperationCost LinearOperation::Cost(const StepShape& shape) const {
  OperationCost cost = LinearCost(*kernel, problem, RowCount(rows, shape));
  cost.description = Describe();
  return cost;
}

OperationCost AttentionOperation::Cost(const StepShape& shape) const {
  OperationCost cost{.description = DescribeKind()};
  const auto sequences = static_cast<double>(shape.sequences);
  // Each position that a row sees takes a product of queries and keys and one of weights and values.
  std::int64_t seen = 0;
  const std::int64_t end = shape.context + shape.rows;
  for (std::int64_t position = shape.context; position < end; ++position) {
    seen += args.last_seen(position, end) + 1 - args.first_seen(position);
  }
  const double ops = 4 * static_cast<double>(args.heads * args.head_dim) * sequences * static_cast<double>(seen);
  if (kernel->integers && kernels::HasScales(shape.kv_dtype)) {
    cost.integer_ops = ops;
    cost.planes = 2;
  } else {
    cost.float_ops = ops;
  }
  cost.kv_bytes = sequences * static_cast<double>(end - args.first_seen(shape.context)) * shape.kv_token_bytes;
  return cost;
}

OperationCost LatentAttentionOperation::Cost(const StepShape& shape) const {
  OperationCost cost{.description = fmt::format("latent         {} heads={} nope={} rope={} value={} kv_rank={}",
                                                kernel->name, heads, nope_dim, rope_dim, value_dim, kv_rank)};
  const auto new_rows = static_cast<double>(shape.rows), context = static_cast<double>(shape.context);
  const auto sequences = static_cast<double>(shape.sequences), all_heads = static_cast<double>(heads);
  const auto rank = static_cast<double>(kv_rank), value = static_cast<double>(value_dim);
  const double seen = sequences * (new_rows * context + new_rows * (new_rows + 1) / 2);
  const bool absorbs = shape.rows < AbsorbedPromptRows({0, kv_rank, nope_dim, rope_dim, value_dim});
  const double projected = static_cast<double>(nope_dim + value_dim) * rank;
  const HeadLinears& up = absorbs ? absorb : keys;
  cost.weight_bytes = all_heads * static_cast<double>(up.head_bytes() + values.head_bytes());
  cost.float_ops =
      absorbs ? 2 * all_heads * (sequences * projected + seen * (static_cast<double>(width()) + rank))
              : 2 * all_heads *
                    (sequences * (context + new_rows) * projected + seen * (static_cast<double>(head_dim()) + value));
  cost.kv_bytes = sequences * (context + new_rows) * shape.kv_token_bytes;
  return cost;
}

}  // namespace strata
