#include "quantize/linear_weights.h"

#include <algorithm>
#include <set>

#include "models/models.h"
#include "quantize/input_statistics.h"

namespace strata::quantize {
namespace {

/// "blk.7." of "blk.7.attn_q.weight".
std::string_view LayerOf(std::string_view tensor) {
  const std::size_t second = tensor.find('.', tensor.find('.') + 1);
  return tensor.substr(0, second == tensor.npos ? 0 : second + 1);
}

}  // namespace

Result<LinearWeights> FindLinearWeights(const ModelFile& model) {
  STRATA_TRY(const graph::Graph graph, models::BuildGraph(model));
  LinearWeights found;
  std::set<std::string> seen;
  for (const graph::Node& node : graph.nodes) {
    if (node.op != graph::Op::kLinear) continue;
    const std::string& name = graph::StringAttribute(graph.node(node.inputs[1]), "name");
    if (!seen.insert(name).second) continue;
    (node.type.dims.front().symbol == 'R' ? found.heads : found.hidden).push_back(name);
  }
  return found;
}

std::vector<std::vector<std::string>> GroupByLayers(const ModelFile& model, const std::vector<std::string>& weights,
                                                    std::uint64_t bytes) {
  std::vector<std::vector<std::string>> groups;
  std::uint64_t used = 0;
  std::size_t at = 0;
  while (at < weights.size()) {
    std::size_t end = at;
    std::uint64_t layer_bytes = 0;
    for (; end < weights.size() && LayerOf(weights[end]) == LayerOf(weights[at]); ++end) {
      layer_bytes += InputStatistics::Bytes(model.FindTensor(weights[end])->shape.cols());
    }
    if (groups.empty() || used + layer_bytes > bytes) {
      groups.emplace_back();
      used = 0;
    }
    used += layer_bytes;
    groups.back().insert(groups.back().end(), weights.begin() + static_cast<std::ptrdiff_t>(at),
                         weights.begin() + static_cast<std::ptrdiff_t>(end));
    at = end;
  }
  return groups;
}

}  // namespace strata::quantize
