// Golden sets that the chat model writes of a base's own text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "cli/session.h"
#include "knowledge/knowledge_base.h"

namespace strata::cli {

struct QuestionsOptions {
  std::size_t count = 50;
  std::uint64_t seed = 1;
  std::size_t k = 10;  ///< QuestionOptions::k
  std::string model = "smollm2";
  std::string output;  ///< empty: standard output
};

/// Writes them as `strata kb eval` reads them, and tells on stderr why others were left out. Errors: of the models;
/// kNotFound where no question came of it.
Status GenerateGoldenSet(const knowledge::KnowledgeBase& base, const QuestionsOptions& options,
                         const LoadOptions& load);

}  // namespace strata::cli
