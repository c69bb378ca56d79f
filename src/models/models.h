// Model families: each turns a ModelConfig into a graph. Nothing below this folder knows a family's name.
#pragma once

#include <optional>

#include "base/result.h"
#include "formats/model_file.h"
#include "graph/graph.h"

namespace strata::models {

/// The forward pass: inputs tokens, positions, logit_rows; result logits f32[R, vocab].
/// Errors: kUnsupported naming the architecture or the config field; kCorrupt naming a missing or mis-shaped tensor.
Result<graph::Graph> BuildGraph(const ModelFile& model);

/// Of a model that has a module which predicts the token after the next (DeepSeek V3's multi-token prediction): its
/// graph, from what the last layer gave (input `hidden`, before the output norm) and the next tokens (input `tokens`)
/// to logits and their argmax. nullopt where the model has none. Errors: as above.
Result<std::optional<graph::Graph>> BuildDraftGraph(const ModelFile& model);

}  // namespace strata::models
