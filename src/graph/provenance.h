// Where the operations of a model went when passes fused them: for `strata graph --explain`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace strata::graph {

/// By the name of each node of `fused` that computes something: the nodes of `built` that it computes, in their order.
/// `fused` is what passes made of `built`. A node that is gone by name is found by its weight, else it went where its
/// values go (an activation into the epilogue after it, a rope into its attention), a gather to the first that took its
/// place; what only reads a value, as
/// an argmax that its linear keeps or a slice, is that value's.
std::map<std::string, std::vector<std::string>> Provenance(const Graph& built, const Graph& fused);

}  // namespace strata::graph
