#include "models/models.h"

#include <array>

#include "models/families.h"

namespace strata::models {
namespace {

struct Family {
  std::string_view architecture;  ///< GGUF's name
  Result<graph::Graph> (*build)(const ModelFile&);
};

constexpr std::array kFamilies = {Family{"llama", BuildLlama}, Family{"bert", BuildBert}};

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

}  // namespace strata::models
