// Latent attention: its linears, packed head by head, and its scratch.
#include <algorithm>
#include <cstring>

#include "runtime/latent_attention.h"
#include "runtime/lowering.h"
#include "tensor/convert.h"

namespace strata {
namespace {

struct OwnedTensor {
  std::vector<std::byte> data;
  TensorView view;
};

/// A matrix of floats keeps its type. The blocks of a quantised one run along its rows, so that it becomes f32: the
/// same values.
Result<OwnedTensor> Transposed(const TensorView& matrix) {
  const std::int64_t rows = matrix.shape.rows(), cols = matrix.shape.cols();
  OwnedTensor out;
  std::vector<float> values;
  std::span<const std::byte> from = matrix.data;
  const bool quantized = Info(matrix.dtype).quantized();
  if (quantized) {
    STRATA_TRY(values, DequantizeTensor(matrix));
    from = std::as_bytes(std::span(values));
  }
  const DType dtype = quantized ? DType::kF32 : matrix.dtype;
  const std::size_t size = BytesOf(dtype, 1);
  out.data.resize(from.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      std::memcpy(out.data.data() + static_cast<std::size_t>(c * rows + r) * size,
                  from.data() + static_cast<std::size_t>(r * cols + c) * size, size);
    }
  }
  out.view = {dtype, Shape{cols, rows}, out.data};
  return out;
}

}  // namespace

Status Lowering::LowerLatentAttention(ValueId id) {
  const Node& node = graph_.node(id);
  auto* operation = Add<LatentAttentionOperation>(id);
  operation->layer = graph::IntAttribute(node, "layer");
  operation->heads = graph::IntAttribute(node, "heads");
  operation->nope_dim = graph::IntAttribute(node, "nope_dim");
  operation->rope_dim = graph::IntAttribute(node, "rope_dim");
  operation->value_dim = graph::IntAttribute(node, "value_dim");
  operation->kv_rank = graph::IntAttribute(node, "kv_rank");
  operation->scale = static_cast<float>(graph::FloatAttribute(node, "scale"));
  operation->max_rows = options_.max_step_tokens;
  operation->kernel = kernels::SelectLatentAttention(operation->kv_rank, operation->rope_dim, Cpu(),
                                                     operation->layer == 0 ? &plan_.choices : nullptr);
  operation->rope = Rope(graph_.node(node.inputs.back()), graph::StringAttribute(node, "layout"),
                         graph::FloatAttribute(node, "rope_scale"), operation->inv_freq);
  STRATA_CHECK(SelectHeadLinears(node, *operation));
  Relocate(buffers_.at(node.inputs[0]), operation->q);
  Relocate(buffers_.at(node.inputs[1]), operation->latent);
  Relocate(buffers_.at(node.inputs[2]), operation->key);
  Relocate(Define(id), operation->out);
  Relocate(Scratch(operation->heads * operation->width()), operation->absorbed);
  Relocate(Scratch(operation->heads * kernels::LaneState(operation->kv_rank)), operation->states);
  latent_.push_back(operation);
  return {};
}

/// Of kv_b [heads * (nope_dim + value_dim), kv_rank], or of k_b [heads * kv_rank, nope_dim] and v_b [heads * value_dim,
/// kv_rank]: either has the keys' matrix one way round, and both ways are needed.
Status Lowering::SelectHeadLinears(const Node& node, LatentAttentionOperation& operation) {
  const std::int64_t heads = operation.heads, nope = operation.nope_dim, value = operation.value_dim;
  const std::int64_t rank = operation.kv_rank;
  const bool merged = node.inputs.size() == 6;
  STRATA_TRY(const TensorView* first, Tensor(node.inputs[3]));
  STRATA_TRY(const TensorView* second, Tensor(node.inputs[merged ? 3 : 4]));
  // `rows` rows of every `stride`, from `begin` on, are a head's.
  const auto add = [&](HeadLinears& linears, const TensorView& tensor, std::int64_t stride, std::int64_t begin,
                       std::int64_t rows, bool transposed) {
    HeadPacking packing{.linears = &linears, .heads = {}, .transposed = transposed, .offset = packed_bytes_};
    for (std::int64_t h = 0; h < heads; ++h) packing.heads.push_back(tensor.Slice(h * stride + begin, rows));
    const std::int64_t cols = tensor.shape.cols();
    const bool widened = transposed && Info(tensor.dtype).quantized();
    const DType dtype = widened ? DType::kF32 : tensor.dtype;
    linears.problem = {.weight_dtype = dtype,
                       .n = transposed ? cols : rows,
                       .k = transposed ? rows : cols,
                       .activations = ActivationsOver(dtype)};
    const bool seen = !logged_.emplace(dtype, linears.problem.k, linears.problem.activations).second;
    linears.kernel = kernels::SelectLinear(linears.problem, Cpu(), seen ? nullptr : &plan_.choices);
    packed_bytes_ += linears.head_bytes() * static_cast<std::size_t>(heads);
    head_packings_.push_back(std::move(packing));
  };
  if (merged) {
    add(operation.absorb, *first, nope + value, 0, nope, true);
    add(operation.keys, *first, nope + value, 0, nope, false);
    add(operation.values, *first, nope + value, nope, value, false);
  } else {
    add(operation.absorb, *first, rank, 0, rank, false);
    add(operation.keys, *first, rank, 0, rank, true);
    add(operation.values, *second, value, 0, value, false);
  }
  return {};
}

Status Lowering::PackHeadLinears() {
  for (const HeadPacking& packing : head_packings_) {
    HeadLinears& linears = *packing.linears;
    std::byte* const packed = plan_.weights.data() + packing.offset;
    std::vector<OwnedTensor> turned;
    std::vector<TensorView> heads = packing.heads;
    for (TensorView& head : heads) {
      STRATA_CHECK(CheckFinite(head.dtype, head.data));
      if (!packing.transposed) break;
      STRATA_TRY(OwnedTensor transposed, Transposed(head));
      turned.push_back(std::move(transposed));
      head = turned.back().view;
    }
    const auto count = static_cast<std::int64_t>(heads.size());
    team_.Run([&](int rank) {
      for (std::int64_t h = count * rank / team_.size(); h < count * (rank + 1) / team_.size(); ++h) {
        const auto at = static_cast<std::size_t>(h);
        linears.kernel->pack(linears.problem, {{&heads[at], 1}}, 0, kernels::Panels(linears.problem.n),
                             packed + at * linears.head_bytes());
      }
    });
  }
  for (const HeadPacking& packing : head_packings_) {
    for (const TensorView& head : packing.heads) model_.DoneWith(head);
  }
  return {};
}

}  // namespace strata
