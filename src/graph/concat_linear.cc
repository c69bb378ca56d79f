// Linears of one input become one: its activations are prepared once, and one phase with more tiles replaces several.
// Every other linear becomes a fused linear of one weight, so that what follows sees one operation.
#include <algorithm>
#include <iterator>
#include <map>

#include "graph/rewrite.h"

namespace strata::graph {
namespace {

constexpr std::string_view kName = "concat-linear";

/// True when one map takes all of them: fuse-linear-map will interleave those instead, and never write them out.
bool FeedOneMap(const Graph& graph, const std::vector<std::vector<ValueId>>& users,
                const std::vector<ValueId>& linears) {
  const auto& first = users[static_cast<std::size_t>(linears.front())];
  return first.size() == 1 && graph.node(first.front()).op == Op::kMap &&
         std::all_of(linears.begin(), linears.end(),
                     [&](ValueId id) { return users[static_cast<std::size_t>(id)] == first; });
}

/// Of linears with one input those that may become one. What one map takes, or a route, is left to it; the rest may.
std::vector<std::vector<ValueId>> Groups(const Graph& graph, const std::vector<std::vector<ValueId>>& users,
                                         const std::vector<ValueId>& linears) {
  constexpr ValueId kRest = -1;
  std::map<ValueId, std::vector<ValueId>> by_user;
  for (const ValueId id : linears) {
    const auto& of_linear = users[static_cast<std::size_t>(id)];
    const Op op = of_linear.size() == 1 ? graph.node(of_linear.front()).op : Op::kInput;
    by_user[op == Op::kMap || op == Op::kRoute ? of_linear.front() : kRest].push_back(id);
  }
  std::vector<ValueId> rest;
  std::vector<std::vector<ValueId>> groups;
  for (auto& [user, group] : by_user) {
    if (user != kRest && (group.size() > 1 || graph.node(user).op == Op::kRoute)) {
      groups.push_back(std::move(group));
    } else {
      rest.insert(rest.end(), group.begin(), group.end());
    }
  }
  std::ranges::sort(rest);
  if (!rest.empty()) groups.push_back(std::move(rest));
  return groups;
}

ValueId AddFused(Graph& graph, const std::vector<ValueId>& linears, std::string name) {
  const Node& first = graph.node(linears.front());
  Type type = first.type;
  std::vector<ValueId> inputs = {first.inputs[0]};
  std::int64_t columns = 0;
  for (const ValueId id : linears) {
    inputs.push_back(graph.node(id).inputs[1]);
    columns += Columns(graph.node(id).type);
  }
  std::int64_t biases = 0;
  for (const ValueId id : linears) {
    if (graph.node(id).inputs.size() < 3) continue;
    inputs.push_back(graph.node(id).inputs[2]);
    ++biases;
  }
  type.dims.back().value = columns;
  return graph.Add(
      Op::kFusedLinear, std::move(inputs),
      {{"weights", static_cast<std::int64_t>(linears.size())}, {"biases", biases}, {"combine", std::string("concat")}},
      std::move(type), std::move(name));
}

}  // namespace

Graph ConcatLinear(const Graph& graph, const CostModel& cost, std::vector<PassNote>& notes) {
  Graph out = graph;
  const auto users = Users(graph);
  std::map<ValueId, std::vector<ValueId>> by_input;
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    if (graph.nodes[id].op == Op::kLinear) by_input[graph.nodes[id].inputs[0]].push_back(static_cast<ValueId>(id));
  }
  std::vector<std::vector<ValueId>> all;
  for (const auto& [input, linears] : by_input)
    std::ranges::move(Groups(graph, users, linears), std::back_inserter(all));
  for (const std::vector<ValueId>& linears : all) {
    const ValueId input = graph.node(linears.front()).inputs[0];
    const Node& first = graph.node(linears.front());
    const auto dtype_of = [&](ValueId id) { return graph.node(graph.node(id).inputs[1]).type.dtype; };
    std::string refusal;
    if (linears.size() > 1) {
      if (FeedOneMap(graph, users, linears)) {
        refusal = "one map takes them all: left to fuse-linear-map";
      } else if (!std::all_of(linears.begin(), linears.end(),
                              [&](ValueId id) { return dtype_of(id) == dtype_of(linears.front()); })) {
        refusal = "the weights' dtypes differ (";
        for (const ValueId id : linears)
          refusal += fmt::format("{}{}", id == linears.front() ? "" : ", ", Info(dtype_of(id)).name);
        refusal += ")";
      } else if (!std::all_of(linears.begin(), linears.end(),
                              [&](ValueId id) { return graph.node(id).inputs.size() == first.inputs.size(); })) {
        refusal = "some have a bias and some have none";
      }
      notes.push_back(
          {std::string(kName), first.name, refusal.empty(),
           refusal.empty()
               ? fmt::format("{} linears of one input: saves {} barriers ({:.1f} us) and {} bytes a row",
                             linears.size(), linears.size() - 1,
                             static_cast<double>(linears.size() - 1) * cost.barrier_seconds * 1e6,
                             static_cast<std::int64_t>(linears.size() - 1) * RowBytes(graph.node(input).type))
               : refusal});
    }
    if (linears.size() == 1 || !refusal.empty()) {
      for (const ValueId id : linears) ReplaceUses(out, id, AddFused(out, {id}, graph.node(id).name));
      continue;
    }
    const ValueId fused = AddFused(out, linears, first.name + "_cat");
    std::int64_t offset = 0;
    for (const ValueId id : linears) {
      const Node& linear = graph.node(id);
      const ValueId slice = out.Add(Op::kSlice, {fused}, {{"offset", offset}, {"length", Columns(linear.type)}},
                                    linear.type, linear.name);
      ReplaceUses(out, id, slice);
      offset += Columns(linear.type);
    }
  }
  return Canonicalize(out);
}

}  // namespace strata::graph
