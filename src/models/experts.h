// Mixtures of experts, in the place of a layer's MLP, as ModelConfig::experts says. Tensors: ffn_gate_inp (the router),
// exp_probs_b (its correction), ffn_{gate,up,down}_exps, ffn_{gate,up,down}_shexp (experts that every token goes to)
// and ffn_gate_inp_shexp (by how much).
#pragma once

#include "base/result.h"
#include "models/builder.h"

namespace strata::models {

/// Whether the layer has experts, or else a plain MLP: leading layers have none, and of the others every so many-th.
bool HasExperts(const ModelConfig& config, std::int64_t layer);

/// f32[T, experts]: the weights of the experts that each row of the normed x goes to.
Result<ValueId> Router(Layer& layer, ValueId x);

/// The weighted sum of a row's experts, and what the shared ones add to it; x is normed.
Result<ValueId> Experts(Layer& layer, ValueId x);

/// Experts or the plain gated MLP, whichever the layer has.
Result<ValueId> ExpertsOrMlp(Layer& layer, ValueId x);

}  // namespace strata::models
