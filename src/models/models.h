// Model families: each turns a ModelConfig into a graph. Nothing below this folder knows a family's name.
#pragma once

#include "base/result.h"
#include "formats/model_file.h"
#include "graph/graph.h"

namespace strata::models {

/// The forward pass: inputs tokens, positions, logit_rows; result logits f32[R, vocab].
/// Errors: kUnsupported naming the architecture or the config field; kCorrupt naming a missing or mis-shaped tensor.
Result<graph::Graph> BuildGraph(const ModelFile& model);

}  // namespace strata::models
