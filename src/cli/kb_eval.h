// How well a knowledge base finds what it should, and answers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/session.h"
#include "knowledge/knowledge_base.h"

namespace strata::cli {

struct EvalOptions {
  std::string golden;                       ///< file of JSON lines (evaluate/golden.h)
  std::vector<std::string> configurations;  ///< one or two (ParseConfiguration); none: the base's own
  std::size_t k = 10;
  bool tune =
      false;  ///< finds the weight of the vectors, and keeps it in the base unless it makes unseen questions worse
  std::string html;               ///< where the report goes; empty: none
  bool answers = false;           ///< they are asked for, too, and judged
  std::string model = "smollm2";  ///< that answers, and rewrites what is searched where a configuration says so
  std::string rerank_model;       ///< empty: none
};

/// Prints the scores. Errors: of the files; kInvalidArgument for more than two configurations.
Status EvaluateBase(const knowledge::KnowledgeBase& base, const EvalOptions& options, const LoadOptions& load);

}  // namespace strata::cli
