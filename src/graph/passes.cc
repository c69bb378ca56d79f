#include "graph/passes.h"

#include "graph/rewrite.h"

namespace strata::graph {

const std::vector<Pass>& DefaultPasses() {
  static const std::vector<Pass> passes = {
      {"eliminate-dead-code", EliminateDeadCode},
      {"narrow-rows", NarrowRows},
      {"fuse-elementwise", FuseElementwise},
      {"concat-linear", ConcatLinear},
      {"fuse-attention", FuseAttention},
      {"fuse-linear-map", FuseLinearMap},
      {"fuse-norm-linear", FuseNormLinear},
      {"fuse-linear-argmax", FuseLinearArgmax},
  };
  return passes;
}

Result<Graph> RunPasses(Graph graph, const CostModel& cost, std::vector<PassNote>* notes) {
  std::vector<PassNote> own;
  std::vector<PassNote>& log = notes != nullptr ? *notes : own;
  STRATA_CHECK(Verify(graph), "before the passes");
  for (const Pass& pass : DefaultPasses()) {
    graph = pass.run(graph, cost, log);
    if (const Status valid = Verify(graph); !valid) {
      return Fail(ErrorCode::kInternal, "pass {} broke the graph: {}", pass.name, valid.error().ToString());
    }
  }
  return graph;
}

Graph EliminateDeadCode(const Graph& graph, const CostModel&, std::vector<PassNote>& notes) {
  Graph out = Canonicalize(graph);
  if (out.nodes.size() < graph.nodes.size()) {
    notes.push_back(
        {"eliminate-dead-code", graph.name, true,
         fmt::format("{} of {} values are not needed", graph.nodes.size() - out.nodes.size(), graph.nodes.size())});
  }
  return out;
}

}  // namespace strata::graph
