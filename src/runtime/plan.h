// Lowering: a fused graph becomes operations on one arena and packed weights.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/mapped_memory.h"
#include "base/result.h"
#include "base/thread_team.h"
#include "compiler/map_compiler.h"
#include "formats/model_file.h"
#include "graph/graph.h"
#include "graph/passes.h"
#include "runtime/experts.h"
#include "runtime/model_runner.h"
#include "runtime/operation.h"

namespace strata {

struct Plan {
  std::vector<std::unique_ptr<Operation>> operations;
  Buffer outputs;                               ///< [rows that want them, ModelConfig::output_width()], dense
  Buffer hidden;                                ///< [T, hidden]: what the last layer gave, where it is kept
  GatherRowsOperation* hidden_input = nullptr;  ///< of a plan that reads another's
  const LinearOperation* head = nullptr;        ///< of logits: what computes them, and the argmax of every row
  MappedMemory outputs_memory;                  ///< touched only where a row is written
  MappedMemory arena;
  MappedMemory weights;                   ///< packed, 64-byte aligned areas
  std::list<std::vector<float>> vectors;  ///< norm weights and biases, as f32
  MappedMemory expert_memory;             ///< of expert_scratch
  std::unique_ptr<ExpertScratch> expert_scratch;
  std::vector<kernels::Choice> choices;
  std::vector<graph::PassNote> notes;  ///< of decisions that change what is computed

  std::string Describe() const;
};

/// `options` with its zeros replaced. Errors: kUnsupported naming an operation that lowering does not know;
/// kResourceExhausted; what the compiler says.
Result<Plan> Lower(const graph::Graph& graph, const ModelFile& model, const RunnerOptions& options, ThreadTeam& team,
                   compiler::MapCompiler& compiler);

}  // namespace strata
