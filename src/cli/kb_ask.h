// Searches of a knowledge base and answers out of it, on the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/kb_base.h"

namespace strata::cli {

struct AskOptions {
  std::string question;
  std::string model = "smollm2";  ///< that answers, and rewrites what is searched
  std::string rerank_model;       ///< empty: none
  std::size_t limit = 5;          ///< passages
  std::size_t rerank = 0;         ///< of the best that it scores; 0: the default, where there is a model for it
  std::vector<std::string> said;  ///< before the question, by the user and the model in turns, the user first
  int variants = 0;
  bool hyde = false;
};

/// Prints the passages. Loads the chat model only where the options need it. Errors: kInvalidArgument for rerank
/// without a model; those of the models and the search.
Status SearchBase(const std::string& name, const AskOptions& options, const LoadOptions& load);
/// Prints the answer and where its statements stand.
Status AskBase(const std::string& name, const AskOptions& options, const LoadOptions& load);

}  // namespace strata::cli
