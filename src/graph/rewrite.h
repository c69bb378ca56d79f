// What the passes share: replacing values, and bringing the graph back into canonical order afterwards.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/passes.h"

namespace strata::graph {

/// Every use of `from` (inputs and results) becomes `to`. Nodes that nothing uses any more go with Canonicalize.
void ReplaceUses(Graph& graph, ValueId from, ValueId to);

/// Only what the results need, in depth-first order of inputs: passes may append nodes anywhere and call this at the
/// end.
Graph Canonicalize(const Graph& graph);

/// users[id]: the nodes that have id among their inputs, once each.
std::vector<std::vector<ValueId>> Users(const Graph& graph);

/// The innermost dimension; weights' rows ([n, k] -> n) and vectors' length ([n] -> n) by the same name elsewhere.
std::int64_t Columns(const Type& type);

/// Bytes a row of the value takes in memory.
std::int64_t RowBytes(const Type& type);

/// A fused linear's parts. inputs: x, [norm weight], weights, biases, extras.
struct FusedLinearView {
  explicit FusedLinearView(const Node& node);
  ValueId x;
  ValueId norm = -1;  ///< -1: no prologue
  std::vector<ValueId> weights, biases, extras;
  bool combined = false;  ///< combine = "map"
};

/// Makes the inputs in that order.
std::vector<ValueId> FusedLinearInputs(const FusedLinearView& view);

/// A fused attention's parts. inputs: qkv or q, k, v; q_norm, k_norm; positions, inv_freq; sinks.
struct FusedAttentionView {
  FusedAttentionView() = default;
  explicit FusedAttentionView(const Node& node);
  std::vector<ValueId> qkv;               ///< one or three; others when the node is malformed
  ValueId q_norm = -1, k_norm = -1;       ///< -1: heads are not normed
  ValueId positions = -1, inv_freq = -1;  ///< -1: heads are not rotated
  ValueId sinks = -1;                     ///< -1: none
};

/// Makes the inputs in that order.
std::vector<ValueId> FusedAttentionInputs(const FusedAttentionView& view);

Graph EliminateDeadCode(const Graph&, const CostModel&, std::vector<PassNote>&);
Graph NarrowRows(const Graph&, const CostModel&, std::vector<PassNote>&);
Graph FuseElementwise(const Graph&, const CostModel&, std::vector<PassNote>&);
Graph ConcatLinear(const Graph&, const CostModel&, std::vector<PassNote>&);
Graph FuseAttention(const Graph&, const CostModel&, std::vector<PassNote>&);
Graph FuseLinearMap(const Graph&, const CostModel&, std::vector<PassNote>&);
Graph FuseNormLinear(const Graph&, const CostModel&, std::vector<PassNote>&);
Graph FuseLinearArgmax(const Graph&, const CostModel&, std::vector<PassNote>&);

}  // namespace strata::graph
