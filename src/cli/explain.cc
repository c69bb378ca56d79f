#include "cli/explain.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/bench_engine.h"
#include "graph/provenance.h"
#include "runtime/expert_use.h"
#include "runtime/roofline.h"

namespace strata::cli {
namespace {

constexpr std::int64_t kContext = 64;  ///< of streams that decode, tokens: that of `strata bench`
constexpr int kRepetitions = 9;
constexpr std::size_t kNames = 36;  ///< columns of the table for them

/// Seconds of an operation, or of several alike.
struct Figure {
  double limit = 0, took = 0;
  BoundBy by = BoundBy::kBytes;
};
std::string Text(const Figure& figure) {
  return fmt::format("{:>9.1f} {} {:>9.1f} {:>4.0f} %", figure.limit * 1e6, figure.by == BoundBy::kBytes ? 'b' : 'a',
                     figure.took * 1e6, 100 * figure.limit / figure.took);
}

struct StepKind {
  std::string name;
  StepShape shape;
};
/// Of a model that embeds or scores: a query, and many passages.
std::vector<StepKind> KindsOfTexts(const ModelRunner& runner) {
  const auto kind = [](std::int64_t texts, std::int64_t tokens) -> StepKind {
    return {fmt::format("{} x {} tokens", texts, tokens), {.sequences = texts, .rows = tokens, .logit_rows = texts}};
  };
  const std::int64_t longest = runner.options().max_context;
  const std::int64_t query = std::min<std::int64_t>(16, longest), passage = std::min<std::int64_t>(128, longest);
  return {kind(1, query), kind(TextsOfAStep(runner, passage), passage)};
}

std::vector<StepKind> Kinds(const ModelRunner& runner) {
  if (runner.config().whole()) return KindsOfTexts(runner);
  const RunnerOptions& options = runner.options();
  const std::int64_t streams = options.max_sequences;
  const std::int64_t chunk = std::min(options.max_step_tokens, options.max_context);
  std::vector<StepKind> kinds = {{"1 stream", {.context = kContext}}};
  if (streams > 1) {
    kinds.push_back(
        {fmt::format("{} streams", streams), {.sequences = streams, .context = kContext, .logit_rows = streams}});
  }
  kinds.push_back({fmt::format("prefill {}", chunk), {.rows = chunk}});
  return kinds;
}

/// "l12_attn_norm" -> "attn_norm": the models' names of what every layer has.
std::string_view WithoutLayer(std::string_view name) {
  std::size_t end = name.starts_with('l') ? 1 : 0;
  while (end > 0 && end < name.size() && std::isdigit(static_cast<unsigned char>(name[end])) != 0) ++end;
  return end > 1 && end < name.size() && name[end] == '_' ? name.substr(end + 1) : name;
}

/// Operations alike, in the order of the plan.
struct Group {
  std::string description, sources;
  std::vector<std::size_t> operations;
};
std::vector<Group> GroupsOf(const std::vector<OperationCost>& costs,
                            const std::map<std::string, std::vector<std::string>>& provenance) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    std::string sources;
    if (const auto found = provenance.find(costs[i].value); found != provenance.end()) {
      for (const std::string& name : found->second) {
        sources += fmt::format("{}{}", sources.empty() ? "" : ", ", WithoutLayer(name));
      }
    }
    const auto same = std::ranges::find_if(groups, [&](const Group& group) {
      return group.description == costs[i].description && group.sources == sources;
    });
    Group& group = same != groups.end() ? *same : groups.emplace_back(costs[i].description, sources);
    group.operations.push_back(i);
  }
  return groups;
}

/// Of each group, and last of the whole step.
Result<std::vector<Figure>> Figures(ModelRunner& runner, RooflineMeter& meter, const StepShape& shape,
                                    const std::vector<Group>& groups) {
  const std::vector<OperationCost> costs = runner.Costs(shape);
  STRATA_TRY(const Roofline roofline, meter.AtStep(costs));
  STRATA_TRY(const std::vector<double> seconds, MeasureOperations(runner, shape, kRepetitions));
  std::vector<Figure> figures;
  const Bound whole = StepBound(costs, roofline);
  Figure all{.limit = whole.seconds, .by = whole.by};
  for (const Group& group : groups) {
    Figure& figure = figures.emplace_back();
    for (const std::size_t i : group.operations) {
      const Bound bound = OperationBound(costs[i], roofline);
      figure.limit += bound.seconds;
      figure.by = bound.by;
      figure.took += seconds[i];
    }
    all.took += figure.took;
  }
  figures.push_back(all);
  return figures;
}

Result<graph::Graph> GraphAt(const ModelRunner& runner, std::string_view stage) {
  STRATA_TRY(const std::string text, runner.Describe(stage));
  return graph::Parse(text);
}

}  // namespace

Result<std::string> ExplainOperations(ModelRunner& runner) {
  STRATA_TRY(const graph::Graph built, GraphAt(runner, "model"));
  STRATA_TRY(const graph::Graph fused, GraphAt(runner, "final"));
  const std::vector<Group> groups = GroupsOf(runner.Costs({}), graph::Provenance(built, fused));
  RooflineMeter meter(runner.options().threads, runner.packed_weights());
  std::string names, heads;
  std::vector<std::string> columns(groups.size() + 1);
  for (const StepKind& kind : Kinds(runner)) {
    names += fmt::format("  {:>27}", kind.name);
    heads += fmt::format("  {:>9} {:>11} {:>6}", "limit", "took", "of it");
    STRATA_TRY(const std::vector<Figure> figures, Figures(runner, meter, kind.shape, groups));
    for (std::size_t i = 0; i < figures.size(); ++i) columns[i] += "  " + Text(figures[i]);
  }
  std::string out = fmt::format(
      "\noperations   microseconds of all layers together; limit: reading weights and cache (b) or the kernel's "
      "arithmetic (a)\n             at this machine's peaks; of the step: one 8-bit product a weight and row\n"
      "{:{}}{}\n{:{}}{}\n",
      "", kNames, names, "", kNames, heads);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::string sources = groups[i].sources.empty() ? "" : "      is " + groups[i].sources;
    out += fmt::format("  {:>2}x {}\n{:{}}{}\n", groups[i].operations.size(), groups[i].description, sources, kNames,
                       columns[i]);
  }
  out += fmt::format("{:{}}{}\n", "      the step", kNames, columns.back());
  const std::string use = DescribeExpertUse(runner.expert_use());
  return use.empty() ? out : out + "\nexperts      of the tokens above, which are random\n" + use;
}

}  // namespace strata::cli
