#include "runtime/plan.h"

#include "runtime/lowering.h"

namespace strata {

std::string Plan::Describe() const {
  std::string text;
  for (const auto& operation : operations) {
    text += fmt::format("{:<14} [{}] {}\n", "%" + operation->value, operation->rows == Rows::kTokens ? 'T' : 'R',
                        operation->Describe());
  }
  return text;
}

Result<Plan> Lower(const graph::Graph& graph, const ModelFile& model, const RunnerOptions& options, ThreadTeam& team,
                   compiler::MapCompiler& compiler) {
  return Lowering(graph, model, options, team, compiler).Run();
}

}  // namespace strata
