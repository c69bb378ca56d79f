#include "models/experts.h"

#include <algorithm>
#include <array>

namespace strata::models {
namespace {

std::string_view Name(ExpertsConfig::Scoring scoring) {
  switch (scoring) {
    case ExpertsConfig::Scoring::kSoftmax:
      return "softmax";
    case ExpertsConfig::Scoring::kSigmoid:
      return "sigmoid";
    case ExpertsConfig::Scoring::kSoftmaxOfChosen:
      return "softmax_of_chosen";
  }
  return "";
}

ValueId Route(Layer& layer, std::vector<ValueId> inputs, const ExpertsConfig& config, std::string_view name) {
  const graph::Type type = layer.builder().type(inputs.front());
  return layer.builder().Add(Op::kRoute, std::move(inputs),
                             {{"top_k", config.used},
                              {"scoring", std::string(Name(config.scoring))},
                              {"groups", config.groups},
                              {"groups_used", config.groups_used},
                              {"group_by_two", std::int64_t{config.group_by_two}},
                              {"normalize", std::int64_t{config.normalize}},
                              {"scale", config.scale}},
                             type, layer.Name(name));
}

/// The experts of the stacks ffn_gate_`kind`, ffn_up_`kind`, ffn_down_`kind`.
Result<ValueId> Stacks(Layer& layer, ValueId x, ValueId weights, std::string_view kind, const ExpertsConfig& config,
                       const std::string& expression, std::string_view name) {
  Builder& builder = layer.builder();
  const std::int64_t hidden = layer.config().hidden;
  struct Linear {
    std::string part;
    std::int64_t n, k;
  };
  const std::array<Linear, 3> linears = {{{fmt::format("ffn_gate_{}", kind), config.ffn, hidden},
                                          {fmt::format("ffn_up_{}", kind), config.ffn, hidden},
                                          {fmt::format("ffn_down_{}", kind), hidden, config.ffn}}};
  std::vector<ValueId> inputs = {x, weights};
  for (const Linear& linear : linears) {
    STRATA_TRY(const ValueId stack,
               builder.Stack(layer.Tensor(linear.part + ".weight"), {config.count, linear.n, linear.k}));
    inputs.push_back(stack);
  }
  if (builder.HasStack(layer.Tensor(linears.front().part + ".bias"))) {
    for (const Linear& linear : linears) {
      STRATA_TRY(const ValueId stack, builder.Stack(layer.Tensor(linear.part + ".bias"), {config.count, linear.n}));
      inputs.push_back(stack);
    }
  }
  return builder.Add(Op::kExperts, std::move(inputs),
                     {{"top_k", config.used}, {"expr", expression}, {"weigh_input", std::int64_t{config.weigh_input}}},
                     Builder::Activation(hidden), layer.Name(name));
}

/// The MLP that every token goes through beside its experts. Where it has a gate (Qwen2-MoE) it is itself the one
/// expert of a mixture, weighted by a sigmoid.
Result<ValueId> SharedExperts(Layer& layer, ValueId x, const ExpertsConfig& config, const std::string& expression) {
  if (layer.Has("ffn_gate_inp_shexp")) {
    const ExpertsConfig one = {
        .count = 1, .used = 1, .ffn = config.shared_ffn, .scoring = ExpertsConfig::Scoring::kSigmoid};
    STRATA_TRY(const ValueId logit, layer.Linear("ffn_gate_inp_shexp", x, 1, Bias::kNone, "shared_logit"));
    const ValueId weight = Route(layer, {logit}, one, "shared_route");
    return Stacks(layer, x, weight, "shexp", one, expression, "shared");
  }
  STRATA_TRY(const ValueId gate, layer.Linear("ffn_gate_shexp", x, config.shared_ffn, Bias::kNone, "shared_gate"));
  STRATA_TRY(const ValueId up, layer.Linear("ffn_up_shexp", x, config.shared_ffn, Bias::kNone, "shared_up"));
  const ValueId gated = layer.Map(expression, {gate, up}, "shared_act");
  return layer.Linear("ffn_down_shexp", gated, layer.config().hidden, Bias::kNone, "shared");
}

/// What an expert makes of a0 = gate and a1 = up.
Result<std::string> Activation(Layer& layer) {
  const ExpertsConfig& config = *layer.config().experts;
  if (config.swiglu_alpha != 0) {
    const std::string gate = fmt::format("min(a0, {})", config.swiglu_limit);
    const std::string up = fmt::format("max(min(a1, {}), -{})", config.swiglu_limit, config.swiglu_limit);
    return fmt::format("{} * sigmoid({} * {}) * ({} + 1)", gate, gate, config.swiglu_alpha, up);
  }
  STRATA_TRY(const std::string function, layer.builder().ActivationFunction());
  return fmt::format("{}(a0) * a1", function);
}

}  // namespace

bool HasExperts(const ModelConfig& config, std::int64_t layer) {
  if (!config.experts || layer < config.experts->leading_dense) return false;
  return (layer - config.experts->leading_dense + 1) % config.experts->step == 0;
}

Result<ValueId> Router(Layer& layer, ValueId x) {
  const ExpertsConfig& config = *layer.config().experts;
  STRATA_TRY(const ValueId logits, layer.Linear("ffn_gate_inp", x, config.count, Bias::kIfStored, "router"));
  std::vector<ValueId> inputs = {logits};
  if (const std::string correction = layer.Tensor("exp_probs_b.bias"); layer.builder().HasTensor(correction)) {
    STRATA_TRY(const ValueId bias, layer.builder().Weight(correction, {config.count}));
    inputs.push_back(bias);
  }
  return Route(layer, std::move(inputs), config, "route");
}

Result<ValueId> Experts(Layer& layer, ValueId x) {
  const ExpertsConfig& config = *layer.config().experts;
  STRATA_TRY(const std::string expression, Activation(layer));
  STRATA_TRY(const ValueId weights, Router(layer, x));
  STRATA_TRY(const ValueId sum, Stacks(layer, x, weights, "exps", config, expression, "experts"));
  if (config.shared_ffn == 0) return sum;
  STRATA_TRY(const ValueId shared, SharedExperts(layer, x, config, expression));
  return layer.Map("a0 + a1", {sum, shared}, "mixture");
}

Result<ValueId> ExpertsOrMlp(Layer& layer, ValueId x) {
  return HasExperts(layer.config(), layer.index()) ? Experts(layer, x) : layer.GatedMlp(x);
}

}  // namespace strata::models
