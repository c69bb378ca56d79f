#include "formats/expert_stacks.h"

#include <algorithm>
#include <cstring>

namespace strata {
namespace {

/// Column c of the stored matrix becomes row Place(c) of ours.
struct Places {
  std::int64_t columns;
  bool alternate;  ///< stored: gate 0, up 0, gate 1, ...
  std::int64_t operator()(std::int64_t column) const {
    return alternate ? column / 2 + column % 2 * (columns / 2) : column;
  }
};

/// [k, n] to [n, k]; in squares, so that both sides stay in the cache.
void Transpose(const std::byte* in, std::int64_t k, const Places& places, std::size_t size, std::byte* out) {
  constexpr std::int64_t kSquare = 32;
  const std::int64_t n = places.columns;
  for (std::int64_t row0 = 0; row0 < k; row0 += kSquare) {
    for (std::int64_t column0 = 0; column0 < n; column0 += kSquare) {
      for (std::int64_t column = column0; column < std::min(column0 + kSquare, n); ++column) {
        std::byte* to = out + static_cast<std::size_t>(places(column) * k) * size;
        for (std::int64_t row = row0; row < std::min(row0 + kSquare, k); ++row) {
          const auto from = static_cast<std::size_t>(row * n + column);
          std::memcpy(to + static_cast<std::size_t>(row) * size, in + from * size, size);
        }
      }
    }
  }
}

Status Turn(ModelTensor& tensor, const ModelConfig& config, bool paired, std::vector<std::vector<std::byte>>& copies) {
  const Shape& shape = tensor.view.shape;
  const bool bias = tensor.name.ends_with(".bias");
  const bool alternate = paired && tensor.name.find("ffn_gate_up_exps") != std::string::npos;
  if (bias && !alternate) return {};
  if (shape.rank() != (bias ? 2 : 3) || shape[0] != config.experts->count || (alternate && shape.cols() % 2 != 0)) {
    return Fail(ErrorCode::kCorrupt, "tensor {} is {}, which is no stack of {} experts", tensor.name, shape.ToString(),
                config.experts->count);
  }
  const std::size_t size = Info(tensor.view.dtype).block_bytes;
  const std::int64_t k = bias ? 1 : shape[1];
  const Places places{shape.cols(), alternate};
  const std::size_t expert_bytes = static_cast<std::size_t>(k * places.columns) * size;
  std::vector<std::byte>& copy = copies.emplace_back(tensor.view.data.size());
  for (std::int64_t e = 0; e < shape[0]; ++e) {
    const std::size_t at = static_cast<std::size_t>(e) * expert_bytes;
    Transpose(tensor.view.data.data() + at, k, places, size, copy.data() + at);
  }
  const Shape turned = bias ? shape : Shape{shape[0], shape[2], shape[1]};
  tensor.view = {tensor.view.dtype, turned, copy};
  return {};
}

}  // namespace

Status TurnExpertStacks(HfStacks stored, const ModelConfig& config, std::vector<ModelTensor>& tensors,
                        std::vector<std::vector<std::byte>>& copies) {
  if (stored == HfStacks::kRows) return {};
  for (ModelTensor& tensor : tensors) {
    const bool stack = tensor.name.ends_with("_exps.weight") || tensor.name.ends_with("_exps.bias");
    if (stack && tensor.name.starts_with("blk."))
      STRATA_CHECK(Turn(tensor, config, stored == HfStacks::kPairedColumns, copies));
  }
  return {};
}

}  // namespace strata
