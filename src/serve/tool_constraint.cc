#include "serve/tool_constraint.h"

#include <utility>

namespace strata::serve {
namespace {

/// Finds the tool whose schema cannot be held.
Status CheckSchemas(GrammarCache& grammars, const tools::ToolSet& set) {
  for (const tools::Tool& tool : set.all()) {
    if (tool.parameters.is_null()) continue;
    if (const auto grammar = grammars.Get({.value = grammar::JsonFormat{tool.parameters, {}}}); !grammar) {
      const std::string& path = tool.parameters_path;
      return std::unexpected(
          Error(grammar.error().code(), fmt::format("{}: {}", path, grammar.error().ToString())).WithParam(path));
    }
  }
  return {};
}

}  // namespace

void ConstrainAnswer(const LoadedModel& model, const tools::ReasoningState& reasoning, GenerateRequest& request) {
  using Mode = tools::ToolChoice::Mode;
  const ToolUse& use = request.tool_use;
  if (!request.constraint && !use.constrained) return;
  const auto calls = [&](Mode mode) {
    return model.dialect->Constraint(*use.tools, {mode, use.choice.allowed}, use.parallel, reasoning);
  };
  const bool only_calls = use.tools && use.choice.mode == Mode::kRequired;
  if (!request.constraint || only_calls) {
    request.constraint = calls(use.choice.mode);
    request.constraint_param = "tools";
    return;
  }
  grammar::Format answer = tools::WithThought(std::move(*request.constraint), reasoning);
  if (use.tools) answer = {.value = grammar::ChoiceFormat{{std::move(answer), calls(Mode::kRequired)}}};
  request.constraint = std::move(answer);
}

Result<std::shared_ptr<grammar::Grammar>> CompileConstraint(const LoadedModel& model, const GenerateRequest& request) {
  if (!request.constraint) return nullptr;
  auto grammar = model.grammars->Get(*request.constraint);
  if (grammar) return grammar;
  if (request.tool_use.tools) STRATA_CHECK(CheckSchemas(*model.grammars, *request.tool_use.tools));
  const std::string& field = request.constraint_param;
  return std::unexpected(
      Error(grammar.error().code(), fmt::format("{}: {}", field, grammar.error().ToString())).WithParam(field));
}

}  // namespace strata::serve
