#include "formats/hf_module_targets.h"

namespace strata {
namespace {

constexpr std::string_view kExpression = "re:";
constexpr std::string_view kLinears = "Linear";  ///< the class of every module that is quantised and read

}  // namespace

Status ModuleTargets::Add(const JsonFields& group, bool value) {
  STRATA_TRY(const auto listed, group.Strings("targets"));
  const std::vector<std::string> targets = listed.value_or(std::vector{std::string(kLinears)});
  for (const std::string& target : targets) {
    if (!target.starts_with(kExpression)) {
      names_.emplace(target, value);
      continue;
    }
    auto pattern = tokenizer::MakeRegex(std::string_view(target).substr(kExpression.size()));
    if (!pattern) return group.Bad(ErrorCode::kUnsupported, "targets", "{}: {}", target, pattern.error().message());
    expressions_.emplace_back(std::move(*pattern), value);
  }
  return {};
}

bool ModuleTargets::Of(std::string_view module) const {
  if (const auto named = names_.find(module); named != names_.end()) return named->second;
  for (const auto& [pattern, value] : expressions_) {
    if (pattern->Find(module, 0).begin == 0) return value;
  }
  const auto linears = names_.find(kLinears);
  return linears != names_.end() && linears->second;
}

}  // namespace strata
