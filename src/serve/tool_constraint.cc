#include "serve/tool_constraint.h"

#include <optional>
#include <utility>

namespace strata::serve {
namespace {

/// What a tool's schema, or its custom format, asks of its arguments; none where it asks for nothing.
std::optional<grammar::Format> ArgumentsOf(const tools::Tool& tool) {
  if (tool.input) return grammar::Format{.value = grammar::JsonStringFormat{*tool.input}};
  if (tool.parameters.is_null()) return std::nullopt;
  return grammar::Format{.value = grammar::JsonFormat{tool.parameters, {}}};
}

/// Finds the tool whose arguments cannot be held, among those that may be called.
Status CheckTools(GrammarCache& grammars, const ToolUse& use) {
  for (const tools::Tool& tool : use.tools->all()) {
    const auto format = use.choice.Allows(tool.name) ? ArgumentsOf(tool) : std::nullopt;
    if (!format) continue;
    if (const auto grammar = grammars.Get(*format); !grammar) {
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
  grammar::Format answer = tools::WithThought(model.dialect->Content(std::move(*request.constraint)), reasoning);
  if (use.tools) answer = {.value = grammar::ChoiceFormat{{std::move(answer), calls(Mode::kRequired)}}};
  request.constraint = std::move(answer);
}

Result<std::shared_ptr<grammar::Grammar>> CompileConstraint(const LoadedModel& model, const GenerateRequest& request) {
  if (!request.constraint) return nullptr;
  auto grammar = model.grammars->Get(*request.constraint);
  if (grammar) return grammar;
  if (request.tool_use.tools) STRATA_CHECK(CheckTools(*model.grammars, request.tool_use));
  const std::string& field = request.constraint_param;
  return std::unexpected(
      Error(grammar.error().code(), fmt::format("{}: {}", field, grammar.error().ToString())).WithParam(field));
}

}  // namespace strata::serve
