#include "quantize/stages.h"

#include <map>
#include <set>
#include <string>

namespace strata::quantize {
namespace {

using graph::Graph;
using graph::Node;
using graph::Op;
using graph::ValueId;

/// Of the step's tokens, and not their numbers or the model's tensors.
bool IsActivation(const Node& node) {
  return node.op != Op::kInput && node.op != Op::kWeight && node.op != Op::kConstant;
}

bool IsOfEveryToken(const Node& node) { return node.type.dims.size() == 2 && node.type.dims.front().symbol == 'T'; }

/// Copies what a stage needs into a graph of its own.
class Extraction {
 public:
  Extraction(const Graph& model, const Stage& stage, const ModelFile& tensors)
      : model_(model), stage_(stage), tensors_(tensors) {
    graph_.name = model.name;
  }

  Result<Graph> Run() {
    const graph::Type& type = model_.node(stage_.out).type;
    if (stage_.in >= 0) {
      const ValueId rows =
          graph_.Add(Op::kInput, {}, {{"name", std::string("tokens")}}, {DType::kI32, {{0, 'T'}}}, "stage.rows");
      const Shape& shape = tensors_.FindTensor(kStageInput)->shape;
      const ValueId table = graph_.Add(Op::kWeight, {}, {{"name", std::string(kStageInput)}},
                                       {DType::kF32, {{shape.rows(), 0}, {shape.cols(), 0}}}, "stage.table");
      copies_[stage_.in] = graph_.Add(Op::kEmbed, {rows, table}, {}, model_.node(stage_.in).type, "stage.in");
    }
    STRATA_TRY(const ValueId out, Copy(stage_.out));
    const ValueId wanted =
        graph_.Add(Op::kInput, {}, {{"name", std::string("logit_rows")}}, {DType::kI32, {{0, 'R'}}}, "stage.wanted");
    graph_.results = {
        graph_.Add(Op::kGatherRows, {out, wanted}, {}, {DType::kF32, {{0, 'R'}, type.dims.back()}}, "stage.out")};
    STRATA_CHECK(graph::Verify(graph_));
    return std::move(graph_);
  }

 private:
  Result<ValueId> Copy(ValueId id) {
    if (const auto known = copies_.find(id); known != copies_.end()) return known->second;
    Node node = model_.node(id);
    if (node.op == Op::kInput && stage_.in >= 0 && graph::StringAttribute(node, "name") == "tokens") {
      return Fail(ErrorCode::kUnsupported,
                  "{}: a layer reads the tokens themselves, which calibration does not give it", tensors_.path());
    }
    if (node.op == Op::kWeight) {
      const std::string& name = graph::StringAttribute(node, "name");
      const TensorView* tensor = tensors_.FindTensor(name);
      if (tensor == nullptr) tensor = &tensors_.FindExpert(name, 0)->view;
      node.type.dtype = tensor->dtype;
    }
    for (ValueId& input : node.inputs) {
      STRATA_TRY(input, Copy(input));
    }
    return copies_[id] = graph_.Add(node.op, node.inputs, node.attributes, node.type, node.name);
  }

  const Graph& model_;
  const Stage& stage_;
  const ModelFile& tensors_;
  Graph graph_;
  std::map<ValueId, ValueId> copies_;
};

}  // namespace

std::vector<Stage> FindStages(const Graph& model) {
  std::vector<ValueId> last_use(model.nodes.size(), -1);
  for (std::size_t id = 0; id < model.nodes.size(); ++id) {
    for (const ValueId input : model.nodes[id].inputs)
      last_use[static_cast<std::size_t>(input)] = static_cast<ValueId>(id);
  }
  std::vector<Stage> stages;
  std::set<ValueId> live;
  ValueId begin = -1;
  bool rounds = false;
  for (std::size_t i = 0; i < model.nodes.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    const Node& node = model.node(id);
    if (!IsActivation(node)) continue;
    for (const ValueId input : node.inputs) {
      if (last_use[static_cast<std::size_t>(input)] == id) live.erase(input);
    }
    if (last_use[i] > id) live.insert(id);
    rounds = rounds || ((node.op == Op::kLinear || node.op == Op::kExperts) && IsOfEveryToken(node));
    const bool cut = live.size() == 1 && *live.begin() == id && IsOfEveryToken(node);
    if (!cut || !rounds) continue;
    stages.push_back({begin, id});
    begin = id;
    rounds = false;
  }
  return stages;
}

Result<Graph> StageGraph(const Graph& model, const Stage& stage, const ModelFile& tensors) {
  return Extraction(model, stage, tensors).Run();
}

}  // namespace strata::quantize
