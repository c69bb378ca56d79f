// Models loaded for a server.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/session.h"
#include "serve/server.h"

namespace strata::cli {

/// What one server serves.
struct ModelsToServe {
  std::string path;                ///< of the first, which generates or not
  std::vector<std::string> names;  ///< that clients call it by
  /// Beside it, "MODEL" or "ID=MODEL" each: models that make embeddings, and models that rank.
  std::vector<std::string> embedding = {}, rerank = {};
};

/// Loads the models and hands them to the server, or tells the server why it cannot. Errors: those of loading;
/// kUnsupported for a model that is not what it is asked for.
Status LoadInto(serve::Server& server, const ModelsToServe& models, const LoadOptions& load);

}  // namespace strata::cli
