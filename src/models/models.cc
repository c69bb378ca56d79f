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

constexpr std::array kFamilies = {Family{"llama", BuildLlama}, Family{"deepseek2", BuildDeepseek, BuildDeepseekDraft}};

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
