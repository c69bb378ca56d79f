// Inside formats: tensors that files store as one and the graph wants apart become views of their rows.
#pragma once

#include <vector>

#include "base/result.h"
#include "formats/model_config.h"
#include "formats/model_file.h"

namespace strata {

/// Replaces, in every layer, weights and biases alike:
///  - attn_qkv by attn_q, attn_k, attn_v;
///  - ffn_gate_up, and an ffn_up of twice the MLP's width without a gate beside it, by ffn_gate, ffn_up;
///  - a stack of experts PART_exps [experts, n, k] by PART_exps.E [n, k] for each E, ffn_gate_up_exps by
///    ffn_gate_exps.E and ffn_up_exps.E;
///  - the vector ffn_gate_inp_shexp [k] by a matrix [1, k].
/// Errors: kCorrupt naming the tensor whose shape does not fit the config.
Status SplitFusedTensors(const ModelConfig& config, std::vector<ModelTensor>& tensors);

}  // namespace strata
