// One function a family: config and tensors -> graph.
#pragma once

#include <optional>

#include "base/result.h"
#include "formats/model_file.h"
#include "graph/graph.h"

namespace strata::models {

Result<graph::Graph> BuildBert(const ModelFile& model);
Result<graph::Graph> BuildDeepseek(const ModelFile& model);
Result<std::optional<graph::Graph>> BuildDeepseekDraft(const ModelFile& model);
Result<graph::Graph> BuildGemma2(const ModelFile& model);
Result<graph::Graph> BuildGemma3(const ModelFile& model);
Result<graph::Graph> BuildGlm4(const ModelFile& model);
Result<graph::Graph> BuildGptOss(const ModelFile& model);
Result<graph::Graph> BuildLlama(const ModelFile& model);
Result<graph::Graph> BuildLlama4(const ModelFile& model);
Result<graph::Graph> BuildModernBert(const ModelFile& model);
Result<graph::Graph> BuildOlmo2(const ModelFile& model);
Result<graph::Graph> BuildOlmoe(const ModelFile& model);
Result<graph::Graph> BuildQwen3(const ModelFile& model);

}  // namespace strata::models
