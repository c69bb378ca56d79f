// What a tool's schema costs, and what of it cannot be held: `strata tools check`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grammar/vocabulary.h"
#include "serve/tool_cost.h"
#include "serve/tools/dialect.h"
#include "serve/tools/tool.h"

namespace strata::serve {

/// A place in a schema, and what is the matter there.
struct SchemaRemark {
  std::string pointer;  ///< JSON pointer within the tool's schema
  std::string message;
};

/// What the masks of one grammar cost over random texts of it. Times in microseconds.
struct MaskCost {
  double first_us = 0;  ///< the first mask, without compiling
  double p50_us = 0, p99_us = 0;
  std::size_t masks = 0;        ///< how many were timed
  std::size_t states = 0;       ///< of the automaton, after all of them
  std::int64_t heap_bytes = 0;  ///< that the grammar holds after all of them
};

struct ToolReport {
  std::string name;  ///< empty: a schema on its own
  std::optional<SchemaRemark> refused = {};
  std::vector<SchemaRemark> warnings = {};
  double compile_us = 0;
  std::optional<MaskCost> masks = {};              ///< with a vocabulary, unless refused
  std::optional<std::int64_t> prompt_tokens = {};  ///< with a model
};

/// With what tools are checked. Nothing is needed: then schemas are compiled, and that is all.
struct ToolChecker {
  std::shared_ptr<const grammar::Vocabulary> vocabulary = nullptr;  ///< for masks
  const tools::Dialect* dialect = nullptr;  ///< calls as this family writes them; null: arguments as plain JSON
  ToolCosts* costs = nullptr;               ///< for tokens in the prompt

  /// Compiles and measures one tool. Called from the main thread, since heap_bytes counts its heap. Errors: a chat
  /// template that fails.
  Result<ToolReport> Check(const tools::Tool& tool) const;

  /// The same of all tools at once, as a request that must call some of them has it. Needs a vocabulary and a dialect.
  Result<ToolReport> CheckTogether(const std::vector<tools::Tool>& all) const;

 private:
  void Measure(const grammar::Format& format, ToolReport& report) const;
};

/// What a schema leaves open that one might not expect, in the order of the schema.
std::vector<SchemaRemark> SchemaWarnings(const nlohmann::ordered_json& schema);

}  // namespace strata::serve
