// Rewrites of the graph: each is Graph -> Graph with a name and a record of what it did and what it declined, and why.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"

namespace strata::graph {

/// One decision of a pass, for `strata graph --explain`.
struct PassNote {
  std::string pass;
  std::string node;  ///< the value it is about
  bool applied;
  std::string reason;  ///< "norm+linear: saves 1 phase and 2.3 KB a row", "q and v differ in dtype (q4_k, q6_k)"
};

/// What fusing saves or costs on this machine (design.md section 6).
struct CostModel {
  double bytes_per_second = 25e9;  ///< one thread, out of L2
  double barrier_seconds = 0.4e-6;
  int threads = 2;
};

struct Pass {
  std::string name;
  std::function<Graph(const Graph&, const CostModel&, std::vector<PassNote>&)> run;
};

/// In the order they run:
///  - eliminate-dead-code: nodes that no result needs
///  - narrow-rows: what the last attention is followed by is computed of the rows alone that are wanted
///  - fuse-elementwise: map into map
///  - concat-linear: linears of one input and one weight dtype -> one kFusedLinear, combine="concat" (QKV), and slices
///  of it
///  - fuse-attention: (slices of that,) norm of heads, rope and attention -> kFusedAttention
///  - fuse-linear-map: gate, up and their map -> one kFusedLinear, combine="map" (interleaved by panels); linear and
///  map
///    (residual) -> epilogue
///  - fuse-norm-linear: rms_norm with one consumer -> prologue of kFusedLinear
///  - fuse-linear-argmax: argmax of a fused linear is kept while its tiles are in L1
///
/// kFusedLinear takes x, [the norm's weight if attribute norm_eps is present; norm_offset is added to it], `weights`
/// weights [n_i, k], `biases` (0 or `weights`) biases [n_i], extras ([rows, n] or [n]). With combine="concat" the value
/// is [rows, n_0 + n_1 + ...], and `expr` (optional) is applied to a0 = that, a1... = extras. With combine="map" all
/// n_i are equal, the value is [rows, n], and `expr` is applied to a0..a(weights-1) = each weight's value, then extras.
/// Biases are added first. With the attribute `argmax` it also keeps the argmax of each row as it goes, which a kArgmax
/// of it then reads: a row that is wanted for that alone is not written. Every linear ends as a kFusedLinear, if only
/// of one weight, so that lowering sees one operation.
///
/// kFusedAttention takes qkv[T, (heads + 2 kv_heads) * head_dim] or q, k, v; with the attribute `norm_eps` the weights
/// [head_dim] of the norms of q's and of k's heads, which come first (`norm_offset` is added to both); with `layout`
/// and `rope_scale` positions and inv_freq; at last sinks[heads] if there are any. Every attention ends as one, also
/// where nothing fuses with it.
const std::vector<Pass>& DefaultPasses();

/// Runs all passes, verifying after each. Errors: kInternal naming the pass.
Result<Graph> RunPasses(Graph graph, const CostModel& cost, std::vector<PassNote>* notes);

}  // namespace strata::graph
