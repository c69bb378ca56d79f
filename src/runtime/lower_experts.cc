// Mixtures of experts: the router, and the packed linears of every expert.
#include <algorithm>
#include <array>
#include <utility>

#include "runtime/lowering.h"
#include "tensor/convert.h"

namespace strata {
namespace {

using Scoring = RouteRule::Scoring;

Scoring ScoringOf(const Node& node) {
  const std::string& name = graph::StringAttribute(node, "scoring");
  return name == "softmax" ? Scoring::kSoftmax : name == "sigmoid" ? Scoring::kSigmoid : Scoring::kSoftmaxOfChosen;
}

}  // namespace

Status Lowering::LowerRoute(ValueId id) {
  const Node& node = graph_.node(id);
  for (const Node& user : graph_.nodes) {
    if (user.op != Op::kExperts && std::ranges::find(user.inputs, id) != user.inputs.end()) {
      return Fail(ErrorCode::kUnsupported, "%{}: the weights of experts are read by %{} = {}", node.name, user.name,
                  graph::ToString(user.op));
    }
  }
  auto* operation = Add<RouteOperation>(id);
  RouteRule& rule = operation->rule;
  rule.experts = graph::Columns(node.type);
  rule.used = graph::IntAttribute(node, "top_k");
  rule.scoring = ScoringOf(node);
  rule.groups = graph::IntAttribute(node, "groups");
  rule.groups_used = graph::IntAttribute(node, "groups_used");
  rule.group_by_two = graph::IntAttribute(node, "group_by_two") != 0;
  rule.normalize = graph::IntAttribute(node, "normalize") != 0;
  rule.scale = static_cast<float>(graph::FloatAttribute(node, "scale"));
  operation->kernels = row_kernels_;
  if (node.inputs.size() > 1) {
    STRATA_TRY(const std::vector<float>* bias, Vector(node.inputs[1]));
    operation->bias = bias->data();
  }
  const auto slots = static_cast<std::size_t>(options_.max_step_tokens * rule.used);
  operation->chosen.resize(slots);
  operation->weights.resize(slots);
  operation->scratch.assign(static_cast<std::size_t>(team_.size()),
                            std::vector<float>(static_cast<std::size_t>(rule.scratch_floats())));
  Relocate(buffers_.at(node.inputs[0]), operation->logits);
  routes_[id] = operation;
  return {};
}

Status Lowering::LowerExperts(ValueId id) {
  const Node& node = graph_.node(id);
  auto* operation = Add<ExpertsOperation>(id);
  const auto route = routes_.find(node.inputs[1]);
  if (route == routes_.end()) {
    return Fail(ErrorCode::kUnsupported, "%{}: its weights are no route's", node.name);
  }
  operation->route = route->second;
  operation->kernels = row_kernels_;
  operation->weigh_input = graph::IntAttribute(node, "weigh_input") != 0;
  operation->use.resize(static_cast<std::size_t>(operation->route->rule.experts));
  const std::span inputs(node.inputs);
  for (const ValueId weight : inputs.subspan(2, 3)) {
    operation->tensors.push_back(graph::StringAttribute(graph_.node(weight), "name"));
  }
  const bool biased = inputs.size() == 8;
  STRATA_CHECK(LowerExpertLinear(inputs.subspan(2, 2), biased ? inputs.subspan(5, 2) : inputs.first(0),
                                 graph::StringAttribute(node, "expr"), operation->rows, operation->gate_up));
  STRATA_CHECK(LowerExpertLinear(inputs.subspan(4, 1), biased ? inputs.subspan(7, 1) : inputs.first(0), "a0",
                                 operation->rows, operation->down));
  Relocate(buffers_.at(node.inputs[0]), operation->in);
  DefineInto(id, operation->out);
  experts_.push_back(operation);
  return {};
}

Status Lowering::LowerExpertLinear(std::span<const ValueId> weights, std::span<const ValueId> biases,
                                   const std::string& expr, Rows rows, ExpertLinear& linear) {
  const Node& first = graph_.node(weights.front());
  for (const ValueId weight : weights) {
    if (graph_.node(weight).type == first.type) continue;
    return Fail(ErrorCode::kUnsupported, "{}: {} and {} have different types", model_.path(), first.name,
                graph_.node(weight).name);
  }
  const std::int64_t experts = first.type.dims[0].value;
  linear.parts = static_cast<int>(weights.size());
  linear.cols = first.type.dims[1].value;
  linear.problem = {
      .weight_dtype = first.type.dtype,
      .n = linear.parts == 1 ? linear.cols : linear.parts * kernels::Panels(linear.cols) * kernels::kPanel,
      .k = first.type.dims[2].value,
      .activations = ActivationsOver(first.type.dtype)};
  SelectKernels(linear.problem, rows, linear.kernel, linear.prefill);
  linear.weights.resize(static_cast<std::size_t>(experts));
  for (std::int64_t e = 0; e < experts; ++e) {
    Packing packing{.kernel = linear.kernel, .problem = linear.problem, .interleaved = linear.parts > 1};
    for (const ValueId weight : weights) {
      STRATA_TRY(const TensorView* tensor, ExpertTensor(weight, e));
      packing.parts.push_back(*tensor);
    }
    packing.target = &linear.weights[static_cast<std::size_t>(e)];
    AddPacking(std::move(packing));
  }
  for (const ValueId bias : biases) {
    std::vector<float>& all = linear.biases.emplace_back();
    for (std::int64_t e = 0; e < experts; ++e) {
      STRATA_TRY(const TensorView* tensor, ExpertTensor(bias, e));
      STRATA_CHECK(CheckFinite(tensor->dtype, tensor->data));
      STRATA_TRY(const std::vector<float> values, DequantizeTensor(*tensor));
      all.insert(all.end(), values.begin(), values.end());
    }
  }
  if (expr == "a0" && biases.empty()) return {};
  STRATA_TRY(graph::Expression expression, graph::ParseExpression(expr));
  if (!biases.empty()) {
    STRATA_TRY(expression, AddBiases(std::move(expression), linear.parts));
  }
  linear.expression = expression.ToString();
  maps_.push_back({std::move(expression), &linear.map});
  return {};
}

Result<const TensorView*> Lowering::ExpertTensor(ValueId stack, std::int64_t expert) const {
  const std::string& name = graph::StringAttribute(graph_.node(stack), "name");
  const ModelTensor* tensor = model_.FindExpert(name, expert);
  if (tensor == nullptr) {
    return Fail(ErrorCode::kCorrupt, "{}: tensor {} is missing", model_.path(), ExpertName(name, expert));
  }
  return &tensor->view;
}

Status Lowering::PlaceExpertScratch() {
  if (experts_.empty()) return {};
  std::int64_t slots = 0, inputs = 0, hidden = 0, hidden_inputs = 0, width = 0, experts = 0;
  for (const ExpertsOperation* operation : experts_) {
    const RouteRule& rule = operation->route->rule;
    slots = std::max(slots, options_.max_step_tokens * rule.used);
    experts = std::max(experts, rule.experts);
    inputs = std::max(inputs, operation->gate_up.row_bytes());
    hidden_inputs = std::max(hidden_inputs, operation->down.row_bytes());
    hidden = std::max(hidden, Stride(operation->gate_up.cols));
    width = std::max(width, Stride(operation->gate_up.problem.k));
  }
  ExpertScratch& scratch = *(plan_.expert_scratch = std::make_unique<ExpertScratch>());
  constexpr auto kFloat = static_cast<std::int64_t>(sizeof(float));
  constexpr std::int64_t kOwnSlots = ExpertsOperation::kOwnSlots;
  std::int64_t bytes = 0;
  const auto take = [&](std::int64_t count) { return std::exchange(bytes, bytes + (count + 63) / 64 * 64); };
  const std::int64_t inputs_at = take(slots * inputs), hidden_at = take(slots * hidden * kFloat);
  const std::int64_t hidden_inputs_at = take(slots * hidden_inputs);
  std::vector<std::array<std::int64_t, 4>> own;
  own.reserve(static_cast<std::size_t>(team_.size()));
  for (int rank = 0; rank < team_.size(); ++rank) {
    own.push_back({take(kOwnSlots * inputs), take(kOwnSlots * hidden_inputs), take(width * kFloat),
                   take(options_.max_step_tokens * ExpertsOperation::kTilePanels * kernels::kPanel * kFloat)});
  }
  STRATA_TRY(plan_.expert_memory, MappedMemory::Map(static_cast<std::size_t>(bytes), "rows at their experts"));
  std::byte* const base = plan_.expert_memory.data();
  scratch.inputs = base + inputs_at;
  scratch.hidden = reinterpret_cast<float*>(base + hidden_at);
  scratch.hidden_inputs = base + hidden_inputs_at;
  scratch.own.reserve(own.size());
  for (const auto& [own_inputs, own_hidden, row, tile] : own) {
    scratch.own.push_back({ExpertOrder(experts, slots), base + own_inputs, base + own_hidden,
                           reinterpret_cast<float*>(base + row), reinterpret_cast<float*>(base + tile)});
  }
  for (ExpertsOperation* operation : experts_) {
    operation->scratch = &scratch;
    operation->hidden_stride = Stride(operation->gate_up.cols);
  }
  return {};
}

}  // namespace strata
