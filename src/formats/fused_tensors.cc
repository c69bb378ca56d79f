#include "formats/fused_tensors.h"

#include <algorithm>
#include <set>
#include <string>

namespace strata {
namespace {

/// Part of a name: "blk.3." + "attn_qkv" + ".weight".
struct LayerTensor {
  std::string_view block, part, ending;
};

std::optional<LayerTensor> ParseLayerTensor(std::string_view name) {
  if (!name.starts_with("blk.")) return std::nullopt;
  const std::size_t second = name.find('.', 4), last = name.rfind('.');
  if (second == std::string_view::npos || last <= second) return std::nullopt;
  return LayerTensor{name.substr(0, second + 1), name.substr(second + 1, last - second - 1), name.substr(last)};
}

/// Dimension 0 from `begin` on, `count` long.
TensorView Slice(const TensorView& whole, std::int64_t begin, std::int64_t count) {
  std::vector<std::int64_t> dims;
  for (std::size_t axis = 0; axis < whole.shape.rank(); ++axis) dims.push_back(whole.shape[axis]);
  const std::size_t bytes = whole.data.size() / static_cast<std::size_t>(dims[0]);
  dims[0] = count;
  return {whole.dtype, Shape(dims),
          whole.data.subspan(static_cast<std::size_t>(begin) * bytes, static_cast<std::size_t>(count) * bytes)};
}

/// Element `index` of dimension 0, which goes.
TensorView Element(const TensorView& stack, std::int64_t index) {
  TensorView view = Slice(stack, index, 1);
  std::vector<std::int64_t> dims;
  for (std::size_t axis = 1; axis < stack.shape.rank(); ++axis) dims.push_back(stack.shape[axis]);
  view.shape = Shape(dims);
  return view;
}

class Splitter {
 public:
  Splitter(const ModelConfig& config, std::vector<ModelTensor>& tensors) : config_(config), tensors_(tensors) {
    for (const ModelTensor& tensor : tensors) names_.insert(tensor.name);
  }

  Status Run() {
    std::vector<ModelTensor> out;
    out.reserve(tensors_.size());
    for (ModelTensor& tensor : tensors_) STRATA_CHECK(Take(tensor, out));
    tensors_ = std::move(out);
    return {};
  }

 private:
  struct Part {
    std::string name;
    std::int64_t rows;
  };

  static Status Divide(const ModelTensor& tensor, const TensorView& view, std::initializer_list<Part> parts,
                       std::vector<ModelTensor>& out) {
    std::int64_t rows = 0;
    for (const Part& part : parts) rows += part.rows;
    if (view.shape.rank() == 0 || view.shape[0] != rows) {
      return Fail(ErrorCode::kCorrupt, "tensor {} is {}, the config implies {} rows", tensor.name,
                  view.shape.ToString(), rows);
    }
    std::int64_t begin = 0;
    for (const Part& part : parts) {
      out.push_back({part.name, Slice(view, begin, part.rows)});
      begin += part.rows;
    }
    return {};
  }

  Status Take(ModelTensor& tensor, std::vector<ModelTensor>& out) const {
    const auto parsed = ParseLayerTensor(tensor.name);
    if (!parsed) {
      out.push_back(std::move(tensor));
      return {};
    }
    const auto [block, part, ending] = *parsed;
    const auto named = [&](std::string_view other) { return fmt::format("{}{}{}", block, other, ending); };
    if (part == "attn_qkv") {
      const std::int64_t queries = config_.heads * config_.head_dim, keys = config_.kv_heads * config_.head_dim;
      return Divide(tensor, tensor.view, {{named("attn_q"), queries}, {named("attn_k"), keys}, {named("attn_v"), keys}},
                    out);
    }
    const bool doubled = part == "ffn_up" && tensor.view.shape.rank() > 0 && tensor.view.shape[0] == 2 * config_.ffn &&
                         !names_.contains(named("ffn_gate"));
    if (part == "ffn_gate_up" || doubled) {
      return Divide(tensor, tensor.view, {{named("ffn_gate"), config_.ffn}, {named("ffn_up"), config_.ffn}}, out);
    }
    if (part == "ffn_gate_inp_shexp" && tensor.view.shape.rank() == 1) {
      const Shape row = {1, tensor.view.shape[0]};
      out.push_back({std::move(tensor.name), {tensor.view.dtype, row, tensor.view.data}});
      return {};
    }
    if (part.ends_with("_exps") && config_.experts) return TakeExperts(tensor, *parsed, out);
    out.push_back(std::move(tensor));
    return {};
  }

  Status TakeExperts(const ModelTensor& tensor, const LayerTensor& name, std::vector<ModelTensor>& out) const {
    const TensorView& stack = tensor.view;
    const ExpertsConfig& experts = *config_.experts;
    if (stack.shape.rank() < 2 || stack.shape[0] != experts.count) {
      return Fail(ErrorCode::kCorrupt, "tensor {} is {}, the config implies {} experts", tensor.name,
                  stack.shape.ToString(), experts.count);
    }
    for (std::int64_t e = 0; e < experts.count; ++e) {
      const TensorView view = Element(stack, e);
      const auto named = [&](std::string_view part) {
        return fmt::format("{}{}.{}{}", name.block, part, e, name.ending);
      };
      if (name.part == "ffn_gate_up_exps") {
        STRATA_CHECK(
            Divide(tensor, view, {{named("ffn_gate_exps"), experts.ffn}, {named("ffn_up_exps"), experts.ffn}}, out));
      } else {
        out.push_back({named(name.part), view});
      }
    }
    return {};
  }

  const ModelConfig& config_;
  std::vector<ModelTensor>& tensors_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace

Status SplitFusedTensors(const ModelConfig& config, std::vector<ModelTensor>& tensors) {
  return Splitter(config, tensors).Run();
}

}  // namespace strata
