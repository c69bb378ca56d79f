#include "models/models.h"

#include <array>

#include "models/families.h"

namespace strata::models {
namespace {

struct Family {
  std::string_view architecture;  ///< GGUF's name
  Result<graph::Graph> (*build)(const ModelFile&);
  Result<std::optional<graph::Graph>> (*build_draft)(const ModelFile&) = nullptr;  ///< nullptr: never has a module
};

constexpr std::array kFamilies = {
    Family{"llama", BuildLlama},
    Family{"deepseek2", BuildDeepseek, BuildDeepseekDraft},
    Family{"gemma2", BuildGemma2},
    Family{"gemma3", BuildGemma3},
    Family{"glm4", BuildGlm4},
    Family{"gpt-oss", BuildGptOss},
    Family{"granite", BuildLlama},
    Family{"granitemoe", BuildLlama},
    Family{"llama4", BuildLlama4},
    Family{"olmo2", BuildOlmo2},
    Family{"olmoe", BuildOlmoe},
    Family{"phi3", BuildLlama},
    Family{"qwen2", BuildLlama},
    Family{"qwen2moe", BuildLlama},
    Family{"qwen3", BuildQwen3},
    Family{"qwen3moe", BuildQwen3},
    Family{"smollm3", BuildLlama},
    Family{"bert", BuildBert},
    Family{"modern-bert", BuildModernBert},
};

}  // namespace

Result<graph::Graph> BuildGraph(const ModelFile& model) {
  for (const Family& family : kFamilies) {
    if (family.architecture == model.config().architecture) return family.build(model);
  }
  std::string known;
  for (const Family& family : kFamilies) known += fmt::format("{}{}", known.empty() ? "" : ", ", family.architecture);
  return Fail(ErrorCode::kUnsupported, "{}: architecture {} is not supported (supported: {})", model.path(),
              model.config().architecture, known);
}

Result<std::optional<graph::Graph>> BuildDraftGraph(const ModelFile& model) {
  for (const Family& family : kFamilies) {
    if (family.architecture == model.config().architecture && family.build_draft != nullptr) {
      return family.build_draft(model);
    }
  }
  return std::optional<graph::Graph>();
}

}  // namespace strata::models
