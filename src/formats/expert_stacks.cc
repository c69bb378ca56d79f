#include "formats/expert_stacks.h"

#include <algorithm>
#include <cstring>

#include "tensor/finite.h"

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

/// The rows of a stack [experts, 2 f, k] in which gate's alternate with up's, gate's first.
class AlternateRows : public UncheckedRows {
 public:
  explicit AlternateRows(const TensorView& stack) : stack_(stack) {}

  void Read(std::int64_t row, std::span<std::byte> blocks) const override {
    if (stack_.source != nullptr) return stack_.source->Read(stack_.first_row + Stored(row), blocks);
    std::memcpy(blocks.data(), stack_.row(Stored(row)).data(), blocks.size());
  }
  void DoneWith(std::int64_t begin, std::int64_t count) const override {
    if (stack_.source == nullptr || count == 0) return;
    const std::int64_t first = Stored(begin), last = Stored(begin + count - 1);
    stack_.source->DoneWith(stack_.first_row + first, last + 1 - first);
  }
  std::optional<std::int64_t> FirstNotFinite(std::int64_t begin, std::int64_t count) const override {
    const auto* const unchecked = dynamic_cast<const UncheckedRows*>(stack_.source);
    for (std::int64_t row = begin; unchecked != nullptr && row < begin + count; ++row) {
      if (unchecked->FirstNotFinite(stack_.first_row + Stored(row), 1)) return row;
    }
    return std::nullopt;
  }

 private:
  std::int64_t Stored(std::int64_t row) const {
    const std::int64_t rows = stack_.shape[1], half = rows / 2, within = row % rows;
    return row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
  }

  TensorView stack_;
};

class Turner {
 public:
  Turner(const ModelConfig& config, bool paired, std::vector<std::vector<std::byte>>& copies,
         std::vector<std::unique_ptr<RowSource>>& sources)
      : config_(config), paired_(paired), copies_(copies), sources_(sources) {}

  Status Turn(ModelTensor& tensor) {
    const Shape& shape = tensor.view.shape;
    const bool bias = tensor.name.ends_with(".bias");
    const bool alternate = paired_ && tensor.name.find("ffn_gate_up_exps") != std::string::npos;
    if (shape.rank() != (bias ? 2 : 3) || shape[0] != config_.experts->count ||
        (alternate && (Info(tensor.view.dtype).quantized() ? shape[1] : shape.cols()) % 2 != 0)) {
      return Fail(ErrorCode::kCorrupt, "tensor {} is {}, which is no stack of {} experts", tensor.name,
                  shape.ToString(), config_.experts->count);
    }
    if (Info(tensor.view.dtype).quantized()) {
      if (!alternate) return {};
      sources_.push_back(std::make_unique<AlternateRows>(tensor.view));
      tensor.view = {tensor.view.dtype, shape, {}, sources_.back().get()};
      return {};
    }
    if (bias && !alternate) return {};
    const std::size_t size = Info(tensor.view.dtype).block_bytes;
    const std::int64_t k = bias ? 1 : shape[1];
    const Places places{shape.cols(), alternate};
    const std::size_t expert_bytes = static_cast<std::size_t>(k * places.columns) * size;
    std::vector<std::byte>& copy = copies_.emplace_back(tensor.view.data.size());
    for (std::int64_t e = 0; e < shape[0]; ++e) {
      const std::size_t at = static_cast<std::size_t>(e) * expert_bytes;
      Transpose(tensor.view.data.data() + at, k, places, size, copy.data() + at);
    }
    const Shape turned = bias ? shape : Shape{shape[0], shape[2], shape[1]};
    tensor.view = {tensor.view.dtype, turned, copy};
    return {};
  }

 private:
  const ModelConfig& config_;
  bool paired_;
  std::vector<std::vector<std::byte>>& copies_;
  std::vector<std::unique_ptr<RowSource>>& sources_;
};

}  // namespace

Status TurnExpertStacks(HfStacks stored, const ModelConfig& config, std::vector<ModelTensor>& tensors,
                        std::vector<std::vector<std::byte>>& copies, std::vector<std::unique_ptr<RowSource>>& sources) {
  if (stored == HfStacks::kRows) return {};
  Turner turner(config, stored == HfStacks::kPairedColumns, copies, sources);
  for (ModelTensor& tensor : tensors) {
    const bool stack = tensor.name.ends_with("_exps.weight") || tensor.name.ends_with("_exps.bias");
    if (stack && tensor.name.starts_with("blk.")) STRATA_CHECK(turner.Turn(tensor));
  }
  return {};
}

}  // namespace strata
