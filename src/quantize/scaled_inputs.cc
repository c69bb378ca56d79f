#include "quantize/scaled_inputs.h"

#include <algorithm>
#include <cmath>

#include "graph/expression.h"
#include "graph/rewrite.h"

namespace strata::quantize {
namespace {

using graph::Graph;
using graph::Node;
using graph::Op;
using graph::ValueId;

const std::string& WeightName(const Graph& graph, ValueId linear) {
  return graph::StringAttribute(graph.node(graph.node(linear).inputs[1]), "name");
}

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph), users_(graph::Users(graph)), uses_(graph.UseCounts()) {}

  std::vector<ScaledInput> Run() const {
    std::vector<ScaledInput> found;
    for (std::size_t id = 0; id < graph_.nodes.size(); ++id) {
      const Node& node = graph_.nodes[id];
      const auto readers = Readers(static_cast<ValueId>(id));
      if (readers.empty()) continue;
      if (node.op == Op::kRmsNorm) {
        const ValueId weight = node.inputs[1];
        if (uses_[static_cast<std::size_t>(weight)] != 1) continue;
        found.push_back({graph::StringAttribute(graph_.node(weight), "name"), true, readers});
      } else if (const ValueId factor = Factor(node); factor >= 0) {
        found.push_back({WeightName(graph_, factor), false, readers});
      }
    }
    return found;
  }

 private:
  /// The weights of the linears that read a value; empty where anything else does, or where a weight is shared.
  std::vector<std::string> Readers(ValueId id) const {
    std::vector<std::string> readers;
    for (const ValueId user : users_[static_cast<std::size_t>(id)]) {
      const Node& node = graph_.node(user);
      if (node.op != Op::kLinear || node.inputs[0] != id) return {};
      if (uses_[static_cast<std::size_t>(node.inputs[1])] != 1) return {};
      readers.push_back(WeightName(graph_, user));
    }
    if (uses_[static_cast<std::size_t>(id)] != static_cast<int>(readers.size())) return {};
    return readers;
  }

  /// Of a map "... * ai": the linear that is its input i, where it is nothing else's.
  ValueId Factor(const Node& node) const {
    if (node.op != Op::kMap) return -1;
    const auto expression = graph::ParseExpression(graph::StringAttribute(node, "expr"));
    if (!expression) return -1;
    using Kind = graph::ExpressionNode::Kind;
    const graph::ExpressionNode& root = expression->nodes.back();
    if (root.kind != Kind::kMul) return -1;
    for (const int side : {root.b, root.a}) {
      const graph::ExpressionNode& operand = expression->nodes[static_cast<std::size_t>(side)];
      if (operand.kind != Kind::kInput) continue;
      const auto times = std::ranges::count_if(expression->nodes, [&](const graph::ExpressionNode& other) {
        return other.kind == Kind::kInput && other.input == operand.input;
      });
      const ValueId id = node.inputs[static_cast<std::size_t>(operand.input)];
      const Node& linear = graph_.node(id);
      if (times != 1 || linear.op != Op::kLinear || linear.inputs.size() != 2) continue;
      if (uses_[static_cast<std::size_t>(id)] != 1 || uses_[static_cast<std::size_t>(linear.inputs[1])] != 1) continue;
      return id;
    }
    return -1;
  }

  const Graph& graph_;
  std::vector<std::vector<ValueId>> users_;
  std::vector<int> uses_;
};

/// To a geometric mean of 1, so that neither side grows.
void Center(std::vector<float>& scales) {
  double sum = 0;
  for (const float scale : scales) sum += std::log(static_cast<double>(scale));
  const auto mean = static_cast<float>(std::exp(sum / static_cast<double>(scales.size())));
  for (float& scale : scales) scale /= mean;
}

}  // namespace

std::vector<ScaledInput> FindScaledInputs(const Graph& graph) { return Finder(graph).Run(); }

std::vector<float> ImportanceScales(const InputStatistics& inputs, double alpha) {
  std::vector<float> scales(static_cast<std::size_t>(inputs.columns()), 1);
  for (std::int64_t c = 0; c < inputs.columns(); ++c) {
    const double mean = std::sqrt(static_cast<double>(inputs.gram(c, c)) / std::max(inputs.weight(), 1e-30));
    if (mean > 1e-8) scales[static_cast<std::size_t>(c)] = static_cast<float>(std::pow(mean, alpha));
  }
  Center(scales);
  return scales;
}

void ScaleColumns(Matrix& weight, const std::vector<float>& scales) {
  for (std::int64_t r = 0; r < weight.rows; ++r) {
    for (std::int64_t c = 0; c < weight.columns; ++c) weight.row(r)[c] *= scales[static_cast<std::size_t>(c)];
  }
}

void DivideRows(Matrix& weight, const std::vector<float>& scales) {
  for (std::int64_t r = 0; r < weight.rows; ++r) {
    for (std::int64_t c = 0; c < weight.columns; ++c) weight.row(r)[c] /= scales[static_cast<std::size_t>(r)];
  }
}

}  // namespace strata::quantize
