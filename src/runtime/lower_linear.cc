// Linears: kernels, prologue, epilogue, packed weights.
#include <algorithm>
#include <numeric>

#include "runtime/lowering.h"

namespace strata {

Result<graph::Expression> Lowering::EpilogueExpression(const Node& node, const graph::FusedLinearView& view) const {
  const int parts = view.combined ? static_cast<int>(view.weights.size()) : 1;
  const int biases = view.biases.empty() ? 0 : parts;
  const bool mapped = graph::HasAttribute(node, "expr");
  STRATA_TRY(graph::Expression expression,
             graph::ParseExpression(mapped ? graph::StringAttribute(node, "expr") : "a0"));
  for (graph::ExpressionNode& part : expression.nodes) {
    if (part.kind == graph::ExpressionNode::Kind::kInput && part.input >= parts) part.input += biases;
  }
  expression.inputs = parts + biases + static_cast<int>(view.extras.size());
  return biases == 0 ? Result<graph::Expression>(std::move(expression)) : AddBiases(std::move(expression), parts);
}

Result<graph::Expression> Lowering::AddBiases(graph::Expression expression, int parts) {
  expression.inputs = std::max(expression.inputs, 2 * parts);
  STRATA_TRY(const graph::Expression sum, graph::ParseExpression("a0 + a1"));
  for (int part = 0; part < parts; ++part) {
    std::vector<int> outer(static_cast<std::size_t>(expression.inputs));
    std::iota(outer.begin(), outer.end(), 0);
    expression = graph::Substitute(expression, part, sum, outer, {part, parts + part});
  }
  return expression;
}

Status Lowering::LowerLinear(ValueId id) {
  const Node& node = graph_.node(id);
  const graph::FusedLinearView view(node);
  auto* operation = Add<LinearOperation>(id);
  Packing packing;
  packing.interleaved = view.combined && view.weights.size() > 1;
  for (const ValueId weight : view.weights) {
    STRATA_TRY(const TensorView* tensor, Tensor(weight));
    packing.parts.push_back(*tensor);
    operation->tensors.push_back(graph::StringAttribute(graph_.node(weight), "name"));
    operation->problem.n += tensor->shape[0];
    operation->problem.k = tensor->shape[1];
    operation->problem.weight_dtype = tensor->dtype;
  }
  operation->problem.activations =
      FeedsRoute(id) ? kernels::Activations::kExact : ActivationsOver(operation->problem.weight_dtype);
  SelectKernels(operation->problem, operation->rows, operation->kernel, operation->prefill);
  const bool interleaved = packing.interleaved;
  packing.kernel = operation->kernel;
  packing.problem = operation->problem;
  packing.target = &operation->weights;
  AddPacking(std::move(packing));
  linears_.push_back(operation);

  if (view.norm >= 0) {
    const double offset = graph::HasAttribute(node, "norm_offset") ? graph::FloatAttribute(node, "norm_offset") : 0;
    STRATA_TRY(const std::vector<float>* weight, Vector(view.norm, offset));
    operation->norm_weight = weight->data();
    operation->norm_eps = static_cast<float>(graph::FloatAttribute(node, "norm_eps"));
  }
  Relocate(buffers_.at(view.x), operation->in);

  kernels::Epilogue& epilogue = operation->epilogue;
  epilogue.parts = interleaved ? static_cast<int>(view.weights.size()) : 1;
  const auto add_extra = [&](const Buffer& buffer, bool computed) {
    epilogue.extra_stride[epilogue.extras] = buffer.stride;
    if (computed) {
      relocations_.push_back({buffer, const_cast<float**>(&epilogue.extra[epilogue.extras])});
    } else {
      epilogue.extra[epilogue.extras] = buffer.data;
    }
    ++epilogue.extras;
  };
  const std::size_t bias_vectors = view.biases.empty() ? 0 : static_cast<std::size_t>(epilogue.parts);
  if (bias_vectors + view.extras.size() > kernels::Epilogue::kMaxExtras) {
    return Fail(ErrorCode::kUnsupported, "%{}: an epilogue with {} extra inputs, {} are possible", node.name,
                bias_vectors + view.extras.size(), kernels::Epilogue::kMaxExtras);
  }
  if (interleaved) {
    for (const ValueId bias : view.biases) {
      STRATA_TRY(const Buffer buffer, Operand(bias));
      add_extra(buffer, false);
    }
  } else if (!view.biases.empty()) {
    std::vector<float> all;
    for (const ValueId bias : view.biases) {
      STRATA_TRY(const std::vector<float>* values, Vector(bias));
      all.insert(all.end(), values->begin(), values->end());
    }
    plan_.vectors.push_back(std::move(all));
    add_extra({plan_.vectors.back().data(), 0}, false);
  }
  for (const ValueId extra : view.extras) {
    STRATA_TRY(const Buffer buffer, Operand(extra));
    add_extra(buffer, IsComputed(extra));
  }
  if (epilogue.extras > 0 || graph::HasAttribute(node, "expr")) {
    STRATA_TRY(const graph::Expression expression, EpilogueExpression(node, view));
    operation->expression = expression.ToString();
    maps_.push_back({expression, &epilogue.map});
  }
  epilogue.out_cols = graph::Columns(node.type);
  if (id == graph_.results[0]) {
    epilogue.out = plan_.outputs.data;
    epilogue.out_stride = plan_.outputs.stride;
    if (graph::HasAttribute(node, "argmax")) {
      plan_.head = operation;
      operation->row_max.assign(static_cast<std::size_t>(team_.size()),
                                std::vector<kernels::RowMax>(static_cast<std::size_t>(options_.max_step_tokens)));
    }
  } else {
    const Buffer out = Define(id);
    epilogue.out_stride = out.stride;
    relocations_.push_back({out, &epilogue.out});
  }

  for (const kernels::LinearKernel* kernel : {operation->kernel, operation->prefill}) {
    if (kernel == nullptr) continue;
    prepared_row_bytes_ = std::max(prepared_row_bytes_, kernel->prepared_row_bytes(operation->problem.k));
  }
  return {};
}

bool Lowering::FeedsRoute(ValueId id) const {
  return std::ranges::any_of(graph_.nodes,
                             [&](const Node& node) { return node.op == Op::kRoute && node.inputs[0] == id; });
}

kernels::Activations Lowering::ActivationsOver(DType weights) const {
  return options_.activations.value_or(kernels::BestActivations(weights, options_.max_sequences, Cpu()));
}

void Lowering::SelectKernels(const kernels::LinearProblem& problem, Rows rows, const kernels::LinearKernel*& kernel,
                             const kernels::LinearKernel*& prefill) {
  const bool seen = !logged_.emplace(problem.weight_dtype, problem.k, problem.activations).second;
  kernel = kernels::SelectLinear(problem, Cpu(), seen ? nullptr : &plan_.choices);
  prefill = nullptr;
  if (rows != Rows::kTokens) return;  // the wanted rows are few, and no longer parted by phase
  std::vector<kernels::Choice> choices;
  prefill = kernels::SelectPrefillLinear(options_.prefill_linears, problem, *kernel, Cpu(), &choices);
  if (seen) return;
  for (const kernels::Choice& choice : choices) {
    plan_.notes.push_back({"prefill-linear", fmt::format("{} k={}", Info(problem.weight_dtype).name, problem.k),
                           choice.taken, fmt::format("{} {}", choice.kernel, choice.reason)});
    plan_.choices.push_back(choice);
  }
}

}  // namespace strata
